#!/bin/sh
# SPDX-License-Identifier: MIT
# lib/FORMAT.md says what lib/core/layout.h does: every field's offset and size.
set -eu
cd "$(dirname "$0")/../.."
failed=0
passed=0
rows=$("$BUILD/tests/project/prog_layout")
case $BUILD in
*pthread*)
	echo "the pthread condition variable has a layout of its own"
	exit 77
	;;
esac
while IFS= read -r row; do
	row=${row#abi = }
	if grep -qF -- "$row" lib/FORMAT.md; then
		passed=$((passed + 1))
	else
		echo "lib/FORMAT.md does not have: $row"
		failed=$((failed + 1))
	fi
done <<END
$rows
END
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -ge 79 ]
