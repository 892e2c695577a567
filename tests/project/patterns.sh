#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The examples of shmchan-patterns.7 print what it says: each shell script is run, each C program
# compiled without a warning and run.  Only the channels have other names, which may be in use.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"
page=lib/man/shmchan-patterns.7
channel_name
prefix=$ch
t=$tmp/examples
mkdir "$t"
names='jobs|events|numbers|squares|square|news|temperature'
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}

# Blocks as files: start, NAME.sh, NAME.c, and NAME.sh.text, NAME.c.text for what they print.
awk -v dir="$t" '
	$1 == ".\\\"" && $2 == "start" { file = dir "/start"; next }
	$1 == ".\\\"" && $2 == "run" { file = dir "/" $3; next }
	$1 == ".\\\"" && $2 == "prints" { file = dir "/" $3 ".text"; next }
	/^\.Bd/ { inside = 1; next }
	/^\.Ed/ { inside = 0; file = "/dev/null"; next }
	inside { sub(/^\\&/, ""); gsub(/\\e/, "\\"); print >file }
' "$page"

for block in "$t"/*.sh "$t"/*.c; do
	name=${block##*/}
	[ -s "$block.text" ] || { fail "$name: the page does not say what it prints"; continue; }
	if [[ $name = *.c ]]; then
		{ cat "$t/start"; sed -E "s/\"($names)\"/\"$prefix.\1\"/" "$block"; } >"$tmp/program.c"
		# shellcheck disable=SC2086
		"$CC" -std=gnu11 -Wall -Wextra -Werror $sanitize -Ilib -pthread "$tmp/program.c" \
			-o "$t/program" "$BUILD/libshmchan.a" || { fail "$name: does not compile"; continue; }
		run=("$t/program")
	else
		sed -E "s/\<($names)\>/$prefix.\1/g" "$block" >"$t/script"
		run=(bash -u "$t/script")
	fi
	(cd "$t" && timeout "$bound" "${run[@]}") >"$tmp/stdout" 2>"$tmp/stderr" </dev/null
	is "$name ends well: $(head -n 3 "$tmp/stderr")" $? 0
	same "$name prints what the page says" "$block.text" "$tmp/stdout"
	is "$name leaves no channel" "$(chanctl list -H -o NAME | grep -cF "$prefix.")" 0
done
is "all patterns, in both languages" "$(cd "$t" && echo *.sh *.c | wc -w) $(grep -c '^\.Ss' "$page")" "20 10"

finish
