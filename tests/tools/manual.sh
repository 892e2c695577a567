#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chansend.1 and chanrecv.1, --help and the tables of options agree: each has every
# option with its argument, and the page has no other; every exit status that
# exit_status.sh reaches is there.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# head LETTER LONG ARG: as an option stands in --help and at its paragraph's head
head_of() {
	local arg=$3
	[ -n "$1" ] && printf -- '-%s' "$1"
	[ -n "$1" ] && [ -n "$2" ] && printf ', '
	[ -n "$2" ] && printf -- '--%s' "$2"
	case $arg in
	'') ;;
	\[*) printf '[=%s' "${arg#\[}" ;;
	*) printf '=%s' "$arg" ;;
	esac
}

for tool in chansend chanrecv; do
	page=$root/tools/man/$tool.1
	mandoc -T utf8 -O width=200 "$page" | col -bx >"$tmp/page"
	$tool --help >"$tmp/help"
	$tool --help-options | tr '\t' '\037' >"$tmp/options"
	: >"$tmp/heads"
	while IFS=$'\037' read -r letter long arg help; do
		text=$(head_of "$letter" "$long" "$arg")
		echo "$text" >>"$tmp/heads"
		if grep -qE "^ {2,6}$(sed 's/[][|]/\\&/g' <<<"$text")( |\$)" "$tmp/help"; then
			pass
		else
			fail "$tool --help lacks '$text'"
		fi
		is "help of $text" "$(grep -cF -- "$help" "$tmp/help")" 1
	done <"$tmp/options"
	is "options in $tool.1" \
		"$(sed -n '/^EXIT STATUS/q; s/^     \(-[^ ].*\)/\1/p' "$tmp/page" | sed 's/  .*//' | sort)" \
		"$(sort "$tmp/heads")"
	is "exit statuses in $tool.1" \
		"$(sed -n '/^EXIT STATUS/,/^EXAMPLES/s/^     \([0-9]*\)  .*/\1/p' "$tmp/page" | xargs)" \
		"$(grep -oE "^[[:space:]]*status [0-9]+ .*$" "$root/tests/tools/exit_status.sh" |
			sed 's/\$send/chansend/; s/\$tool/chansend chanrecv/' | grep "$tool" | grep -oE 'status [0-9]+' | cut -d' ' -f2 |
			sort -un | xargs)"
	is "lines of --help over 80 columns" "$(grep -cE '^.{81}' "$tmp/help")" 0
done

# Letters that are kept for later options.
chansend --help-options >"$tmp/options"
chanrecv --help-options >>"$tmp/options"
is "letters kept free" "$(grep -cE "^[Abg]$(printf '\t')" "$tmp/options")" 0

finish
