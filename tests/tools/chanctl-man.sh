#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl.1, --help and the tables of options agree: each verb, option, column,
# condition, event and exit status is in the manual, and the manual has no other.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

page=$root/tools/man/chanctl.1
mandoc -T utf8 -O width=200 "$page" | col -bx >"$tmp/page"

mapfile -t verbs < <(chanctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
is 'verbs' "$(sed -n '/^\.Sh VERBS/,/^\.Sh FILES/s/^\.It Cm \([a-z]*\) [OAb].*/\1/p' "$page" | sort)" \
	"$(printf '%s\n' "${verbs[@]}" | sort)"
for verb in "${verbs[@]}"; do
	grep -qE "^     chanctl $verb( |$)" "$tmp/page" && pass || fail "not in the synopsis: $verb"
	status 0 chanctl "$verb" --help
	is "first line of help of $verb" "$(sed q "$tmp/out" | cut -d' ' -f1-3)" "Usage: chanctl $verb"
done

# Whatever names one, a document or a remedy, names one that there is.
grep -rohE "(Ic|Ql|[\`'(]|^) ?chanctl (-[^ ']+ )*[a-z]+" "$root"/*.md "$root"/{lib,tools,daemon,systemd} \
	--include='*.[chmd1-8]' --include='*.md' --include='*.in' | sed 's/.* //' | sort -u >"$tmp/named"
is 'verbs that are named and not there' \
	"$(printf '%s\n' "${verbs[@]}" rm ls | grep -vxFf - "$tmp/named" | paste -sd' ')" ''
is 'some are named' "$(($(wc -l <"$tmp/named") > 10))" 1

# tag LETTER LONG ARG: how an option stands at the head of its paragraph
tag() {
	local text=''
	[ -n "$1" ] && text="-$1"
	[ -n "$1" ] && [ -n "$2" ] && text+=', '
	[ -n "$2" ] && text+="--$2"
	case $3 in
	'') ;;
	\[*) text+='[=' ;;
	*) text+='=' ;;
	esac
	printf '%s' "$text"
}

# All options of all tables, each as the page has it, and the other way round.
for verb in '' "${verbs[@]}"; do
	# shellcheck disable=SC2086 # no verb, no word
	chanctl $verb --help-options
done | sort -u >"$tmp/options"
while IFS=$'\037' read -r letter long arg _; do
	text=$(tag "$letter" "$long" "$arg")
	grep -qE "^ +$(sed 's/[[]/\\[/' <<<"$text")" "$tmp/page" && pass || fail "not in the manual: $text"
	printf '%s\n' "-$letter" "--$long" >>"$tmp/known"
done < <(tr '\t' '\037' <"$tmp/options")
grep -E '^ +-' "$tmp/page" | grep -oE '^ +-[-a-zA-Z]+(, --[a-z-]+)?' | tr -d ' ' | tr , '\n' |
	sort -u | grep -vxFf "$tmp/known" >"$tmp/unknown"
is 'options that only the manual has' "$(<"$tmp/unknown")" ''

# Choices of an option's argument.
while IFS=$'\037' read -r _ long arg _; do
	[[ $arg == *\|* ]] || continue
	for word in ${arg//|/ }; do
		grep -E "^ +(-., )?--$long" "$tmp/page" | grep -qwF -e "$word" && pass ||
			fail "--$long: $word is not in the manual"
	done
done < <(tr '\t' '\037' <"$tmp/options")

for condition in exists gone empty idle nonempty full notfull closed receivers senders depth; do
	grep -qE "^ +([a-z]+, )?$condition(, |  |[<>]=N|\$)" "$tmp/page" && pass || fail "condition $condition"
done
mapfile -t events < <(chanctl monitor --help | sed -n '/^Events:/,/^$/p' |
	sed 's/; of a bus$//; s/^also //' | tr -d '.' | tr ' ' '\n' | sed '1d; /./!d')
is 'events' "${#events[@]}" 24
for event in "${events[@]}"; do
	grep -qE "^ +([a-z]+, )?$event(, |  |\$)" "$tmp/page" && pass || fail "event $event is not in the manual"
	grep -qF "\"$event\"" "$root"/tools/ctl/*.c "$root"/daemon/*.c "$root"/daemon/*/*.c && pass ||
		fail "event $event is never reported"
done
for code in 0 1 2 3 4 6 9 124; do
	grep -qE "^ +$code +[a-z]" "$tmp/page" && pass || fail "status $code is not in the manual"
done

finish
