#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The instructions of one call, as callgrind counts them, are within 5 % of what the table
# in lib/PERFORMANCE.md says ("Instructions a call").  They do not depend on the machine,
# but on compiler, libc and options: the section names these, and any other build is
# skipped.  When a count has changed for a good reason, copy the table printed here.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

document=lib/PERFORMANCE.md
tolerance=5 # percent
calls=4096  # of each function, see prog_instructions.c

# The section, and a number that it states: stated 'gcc ' gives 12 of "gcc 12, glibc 2.36".
section=$(sed -n '/^## Instructions a call$/,/^## /p' "$document")
stated() { grep -oE "\b$1[0-9.]*[0-9]" <<<"$section" | head -n 1 | sed "s/^$1//"; }
[ -n "$section" ] && [ -n "$(stated 'gcc ')" ] && [ -n "$(stated 'glibc ')" ] || {
	fail "$document: 'Instructions a call' is missing, or does not name gcc and glibc"
	finish
}

# ---- what the figures are of ----

[ "$(uname -m)" = x86_64 ] || skip "the figures are of x86-64, this is $(uname -m)"
command -v valgrind >/dev/null || skip 'valgrind is not installed'
[ -z "${SANITIZE-}${CONDVAR-}" ] || skip 'the figures are not of this variant'
producer=$(readelf --debug-dump=info --dwarf-depth=1 "$BUILD/lib/channel/send.o" 2>/dev/null |
	grep -m 1 DW_AT_producer)
[[ $producer =~ GNU\ C[0-9]+\ ([0-9]+)\.[^:]*\ -O2\  ]] && compiler=${BASH_REMATCH[1]} ||
	skip "the figures are of gcc -O2 -g; this build's compiler and options are${producer##*:}"
[ "$compiler" = "$(stated 'gcc ')" ] ||
	skip "the figures are of gcc $(stated 'gcc '), this build is gcc $compiler's"
libc=$(getconf GNU_LIBC_VERSION)
[ "$libc" = "glibc $(stated 'glibc ')" ] ||
	skip "the figures are of glibc $(stated 'glibc '), this is ${libc:-another libc}"

# ---- counting ----

# Without line numbers: callgrind_annotate splits a function by the files that its lines
# are from.
strip --strip-debug -o "$tmp/prog_instructions" "$BUILD/tests/channel/prog_instructions" || exit

# One memcpy() on every processor: that for x86-64 without extensions.
plain=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3

# count SIZE shared|exclusive: sets counted[FUNCTION] to the instructions of a call
declare -A counted
count() {
	local function number
	local collect=(chan_send chan_recv chan_reserve chan_commit chan_take chan_ack)
	channel_name
	check "the calls are made" env GLIBC_TUNABLES=glibc.cpu.hwcaps=$plain \
		valgrind -q --tool=callgrind --callgrind-out-file="$tmp/callgrind" \
		--zero-before=repeat "${collect[@]/#/--toggle-collect=}" \
		"$tmp/prog_instructions" "$ch" "$1" "$2" || return
	is 'as many as are reckoned with' "$(tail -n 1 "$tmp/out")" "$calls"
	callgrind_annotate --inclusive=yes --show-percs=no --auto=no --threshold=100 \
		"$tmp/callgrind" >"$tmp/functions" 2>"$tmp/err"
	for function in "${collect[@]}"; do
		number=$(sed -n "s/^ *\([0-9,]*\)  .*:$function \[.*/\1/p" "$tmp/functions" |
			head -n 1 | tr -d ,)
		counted[$function]=$(((${number:-0} + calls / 2) / calls))
	done
}

# compare ROW COLUMN COUNT: with the table; ROW is its first cell, without backquotes
compare() {
	local wanted
	wanted=$(tr -d '`' <<<"$section" | awk -F' *[|] *' -v row="$1" -v column="$2" '
		/^[|]/ && !names { for (i = 2; i < NF; i++) if ($i == column) c = i; names = 1 }
		$2 == row && c { print $c }')
	if ! [[ $wanted =~ ^[0-9]+$ ]]; then
		fail "$document: the table has no '$1' in the column '$2'"
	elif ((100 * ($3 > wanted ? $3 - wanted : wanted - $3) > tolerance * wanted)); then
		fail "$1, $2: $3 instructions, the table says $wanted"
	else
		pass "$1, $2"
	fi
}

rows=('chan_send' 'chan_recv' 'chan_reserve and chan_commit' 'chan_take and chan_ack')
table=("${rows[@]/#/| }")
heading='| |'
for size in 64 1024; do
	for way in shared exclusive; do
		column="$size bytes, $way"
		heading+=" $column |"
		count $size $way
		for i in "${!rows[@]}"; do
			sum=0
			for function in ${rows[i]/ and / }; do
				sum=$((sum + ${counted[$function]-0}))
			done
			compare "${rows[i]}" "$column" $sum
			table[i]+=" | $sum"
		done
	done
done

# The table as it would be now.
printf '%s\n' "$heading" '|---|---|---|---|---|'
printf '%s |\n' "${table[@]}" | sed 's/chan_[a-z]*/`&`/g'
finish
