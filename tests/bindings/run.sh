#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: run.sh [--quick|--full]
#
# The conformance of the bindings: the table of cases, in each language that is installed,
# against C, in both directions; in the full form ten times.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
[ -z "${SANITIZE-}" ] || skip 'the bindings are not built with sanitizers'
"${PYTHON:=python3}" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
	skip 'needs Python 3.10'
export BUILD CC=${CC:-cc} ZIG=${ZIG:-$(command -v zig || echo "$BUILD/zig/zig")}
times=1
[ "${1-}" != --full ] || times=10

# The frame can fail: a table with a wrong outcome, and one with a hole.
sed '/^us *recv rx 0 *= empty/s/empty/full/' tests/bindings/cases >"$tmp/wrong"
fails 1 "a wrong outcome is found" "$PYTHON" tests/bindings/conform --cases "$tmp/wrong" \
	--language c --case '^recv-send$'
grep -q "^FAIL: recv-send, .*got 'empty', not 'full'" "$tmp/said" || {
	fail 'a wrong outcome is not said:'
	cat "$tmp/said"
}
sed 's/^us *recv rx 0/us peek_twice rx/' tests/bindings/cases >"$tmp/hole"
fails 1 "an operation that is missing is found" "$PYTHON" tests/bindings/conform \
	--cases "$tmp/hole" --language c --case '^recv-send$'

"$PYTHON" tests/bindings/conform --times "$times" >"$tmp/matrix"
status=$?
cat "$tmp/matrix"
is "status of the conformance" "$status" 0
finish "$(tail -n1 "$tmp/matrix")"
