#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The examples of README.md do what it says: every ```c block is compiled,
# without a warning, and run; every ```python block is run with the library and
# the module in the path; every ```sh block that follows the line `<!-- run -->` is run with the programs
# in the PATH.  Where a block is followed by a ```text block, that is its output.  Only
# the channel is another one than `jobs`, which may be in use.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"
channel_name
channel=$ch
ran=0

# Blocks as files: 01.c 02.sh 02.text ..., an output named after its block.
awk -v dir="$t" '
	/^```/ && inside { inside = 0; close(file); next }
	/^<!-- run -->$/ { run = 1; next }
	/^```c$/ { n++; file = sprintf("%s/%02d.c", dir, n); inside = 1; last = 1; next }
	/^```python$/ { n++; file = sprintf("%s/%02d.py", dir, n); inside = 1; last = 1; next }
	/^```sh$/ && run { n++; file = sprintf("%s/%02d.sh", dir, n); inside = 1; last = 1; run = 0; next }
	/^```text$/ && last { file = sprintf("%s/%02d.text", dir, n); inside = 1; last = 0; next }
	/^```/ { inside = 1; file = "/dev/null"; last = 0; next }
	inside { print >file; next }
	NF { run = 0 }
' <(sed -E "s/\<jobs\>([^][]|$)/$channel\1/g" README.md)

# Sanitized objects need their runtime.
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}

# python: can it be run?
python() {
	[ -z "${SANITIZE-}" ] || {
		not_tried 'Python (it is not built with sanitizers)'
		return 1
	}
	has_program python3
}

for block in "$t"/*.c "$t"/*.py "$t"/*.sh; do
	[ -e "$block" ] || { fail "README.md has no example to run: ${block##*/}"; continue; }
	case $block in
	*.c)
		# shellcheck disable=SC2086
		"$CC" -std=c11 -Wall -Wextra -Werror $sanitize -Ilib -pthread "$block" \
			-o "$t/program" "$BUILD/libshmchan.a" || { fail "README.md, block ${block##*/}: does not compile"; continue; }
		run=("$t/program")
		;;
	*.py)
		python || continue
		run=(env LD_LIBRARY_PATH="$BUILD" PYTHONPATH="$root/lib/bindings/python" PYTHONDONTWRITEBYTECODE=1 python3 "$block")
		;;
	*.sh) run=(bash -e "$block") ;;
	esac
	(cd "$t" && timeout 60 "${run[@]}" >out 2>&1 </dev/null)
	status=$?
	ran=$((ran + 1))
	if [ $status != 0 ]; then
		fail "README.md, block ${block##*/}: status $status"
		cat "$block" "$t/out"
	elif [ -e "${block%.*}.text" ] && ! diff -u "${block%.*}.text" "$t/out"; then
		fail "README.md, block ${block##*/}: prints something else"
	fi
done

finish "$ran examples of README.md run as printed"
