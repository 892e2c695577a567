#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: tests/model/run.sh --quick|--full [MODEL]
#
# Checks each case of `cases` with spin, exhaustively, and prints a table.  A case
# that is right has to have no error; a mutation (M_...) has to have one.  What
# does not end within its memory or time counts as failed: nothing is sampled.

set -u
cd "$(dirname "$0")" || exit

case ${1-} in
--quick) full='' ;;
--full) full=1 ;;
*) echo 'usage: run.sh --quick|--full [MODEL]' >&2; exit 2 ;;
esac
only=${2-}

if ! command -v spin >/dev/null; then
	echo 'spin is not installed'
	exit 77
fi
cc=${HOSTCC:-gcc}
if ! command -v "$cc" >/dev/null; then
	echo "$cc, which compiles what spin writes, is not installed"
	exit 77
fi

dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

# One case, in a directory of its own: prints its line of the table, status 0 if it
# is as expected.
check_case() {
	local number=$1 model=$2 words=$3 expected='no error' found states start ms status=0
	local work=$dir/$number flags=() optimize=-O0

	for word in $words; do
		flags+=("-D$word")
		[[ $word = M_* ]] && expected=error
	done
	# Of a small case the compilation takes longest.
	[ -z "$full" ] || [ "$expected" = error ] || optimize=-O1
	mkdir "$work" && cp ./*.pml "$work" && cd "$work" || return
	start=${EPOCHREALTIME/./}
	if ! spin "${flags[@]}" -a "$model.pml" >spin.log 2>&1 ||
		! "$cc" "$optimize" -w -DSAFETY -DMEMLIM="${full:+1}6000" -o pan pan.c >cc.log 2>&1; then
		cat spin.log cc.log
		return 1
	fi
	# -E: to wait is no error; the models say what has to hold then.
	./pan -E -n -m1000000 >out 2>&1 || status=$?
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)
	found=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' out)
	if [ $status -ne 0 ] || ! grep -q '^State-vector.*errors: [01]$' out ||
		grep -q 'max search depth too small\|out of memory' out; then
		found='DID NOT END'
		tail -n 20 out
	elif grep -q 'errors: 0$' out; then
		found='no error'
	fi
	printf '%-6s %-9s %11s %7d.%d s  %s: %s\n' "$model" \
		"$([ "$expected" = error ] && echo mutant || echo proof)" "${states:-?}" \
		$((ms / 1000)) $((ms / 100 % 10)) "$words" "$found"
	[ "$expected" = error ] || ! [ "$found" = 'no error' ] || return 0
	[ "$expected" = error ] && [[ $found = assertion* ]]
}

export LC_ALL=C
# The full sizes may take the memory that they are given, each.
jobs=$(nproc)
fit=$(awk '/^MemAvailable/ { print int($2 / 6200000) }' /proc/meminfo)
[ -n "$full" ] && [ "$fit" -lt "$jobs" ] && jobs=$((fit > 0 ? fit : 1))
number=0
while read -r form model words; do
	[ -z "$form" ] || [[ $form = \#* ]] && continue
	[ "$form" = full ] && [ -z "$full" ] && continue
	[ -n "$only" ] && [ "$only" != "$model" ] && continue
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	number=$((number + 1))
	{
		if check_case $number "$model" "$words" >"$dir/$number.line" 2>&1; then
			touch "$dir/$number.passed"
		fi
		rm -rf "${dir:?}/$number"
	} &
done <cases
wait

passed=0 failed=0 total=0
printf '%-6s %-9s %11s %9s    %s\n' model kind states time 'case: outcome'
for ((i = 1; i <= number; i++)); do
	cat "$dir/$i.line"
	states=$(awk '$2 == "proof" || $2 == "mutant" { print $3 + 0 }' "$dir/$i.line" | tail -n 1)
	total=$((total + ${states:-0}))
	if [ -e "$dir/$i.passed" ]; then
		passed=$((passed + 1))
	else
		echo '    ^ FAILED'
		failed=$((failed + 1))
	fi
done
echo "$total states, $passed cases as expected, $failed not"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
