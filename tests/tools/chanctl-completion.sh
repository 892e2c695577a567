#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Completion in each shell: the options that the tools have, the channels that
# there are.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

for shell in bash zsh fish; do
	status 0 chanctl completion $shell
	same "completion for $shell" "$tmp/out" "$root/tools/completions/shmchan.$shell"
done
status 2 chanctl completion tcsh
status 2 chanctl completion

channel_name
channels+=("$ch".{alpha,beta})
chanctl create "$ch.alpha"
chanctl create "$ch.beta"
tools='chansend chanrecv chanctl chanbench'
mapfile -t verbs < <(chanctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
is 'verbs there are' "${#verbs[@]}" 25

# long TOOL [VERB]: its long options, sorted
long() { "$@" --help-options | cut -f2 | sed '/./!d; s/^/--/' | sort; }

# ---- bash ----

cat >"$tmp/complete.bash" <<'END'
# Complete as readline would: words and the last of them, split at "=" and ":".
source <(chanctl completion bash)
read -ra command <<<"$(complete -p "${1##*/}")"
function=${command[2]}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=$((${#COMP_LINE}))
COMPREPLY=()
"$function" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
END
# bash_gives WANTED WORD...: in one line, sorted
bash_gives() {
	local wanted=$1
	shift
	is "bash: $*" "$(bash -u "$tmp/complete.bash" "$@" 2>&1 | sort | paste -sd' ')" "$wanted"
}

for tool in $tools; do
	bash_gives "$(long $tool | paste -sd' ')" $tool --
done
for verb in "${verbs[@]}"; do
	bash_gives "$(long chanctl "$verb" | paste -sd' ')" chanctl "$verb" --
done
bash_gives "$(printf '%s\n' "${verbs[@]}" | sort | paste -sd' ')" chanctl ''
bash_gives 'stat' chanctl -J -o NAME st
bash_gives "$ch.alpha $ch.beta" chansend "$ch"
bash_gives "$ch.alpha $ch.beta" chanrecv "$ch"
bash_gives "$ch.alpha $ch.beta" chanrecv "$ch.beta" "$ch"
bash_gives '' chansend "$ch.alpha" "$ch"
bash_gives '' chansend -n "$ch"
bash_gives "$ch.beta" chansend -n 3 "$ch.b"
bash_gives "$ch.alpha $ch.beta" chansend -- "$ch"
bash_gives 'chanbench' chanrecv "$ch.alpha" -- chanb
bash_gives '' chanctl create "$ch"
for verb in remove rm close drain pause resume stat purge info wait test list ls top monitor metrics peek dump; do
	bash_gives "$ch.alpha $ch.beta" chanctl $verb "$ch"
done
bash_gives "$ch.alpha" "$BUILD/chanctl" stat "$ch.beta" "$ch.a"
bash_gives 'nonempty notfull' chanctl wait -W 3 "$ch.alpha" n
bash_gives 'nonempty notfull' chanctl wait --any "$ch.alpha" empty "$ch.alpha" n
bash_gives "$ch.alpha" chanctl wait --any "$ch.alpha" empty "$ch.al"
bash_gives 'depth\<=' chanctl test "$ch.alpha" d
bash_gives 'bash fish zsh' chanctl completion ''
bash_gives 'dump' chanctl help du
bash_gives '--if-empty --if-unused' chanctl rm --if
bash_gives '--capacity=' chanctl create --c
bash_gives '--watch' chanctl stat --w
bash_gives 'drop-new drop-old' chanctl create --overflow = d
bash_gives 'block drop-new drop-old fail' chanctl create --overflow =
bash_gives 'fail' chanctl create -o f
bash_gives 'NAME,DEPTH' chanctl list -Ho NAME,DEP
bash_gives 'NAME,DEPTH' chanctl list --output = NAME,DEP
bash_gives 'pretty' chanctl list --json = p
mkdir "$tmp/files"
touch "$tmp/files/one" "$tmp/files/two"
bash_gives "$tmp/files/one" chanctl metrics --textfile = "$tmp/files/o"
bash_gives "$tmp/files/one $tmp/files/two" chansend -f "$tmp/files/"
bash_gives 'capacity=' chansend --create = cap
bash_gives 'capacity=1M,end-with-senders capacity=1M,endpoints=' chansend --create = capacity=1M,end

# In a shell without the tools it is silent.
cat >"$tmp/absent.bash" <<'END'
source "$1"
PATH=/usr/bin:/bin COMP_WORDS=(chansend '') COMP_CWORD=1
_shmchan chansend '' chansend 2>&1
echo "${#COMPREPLY[@]}"
END
is 'without the tools' "$(bash "$tmp/absent.bash" "$root/tools/completions/shmchan.bash" 2>&1)" 0

# ---- fish ----

if has_program fish; then
	status 0 fish -n "$root/tools/completions/shmchan.fish"
	# fish_gives WANTED LINE
	fish_gives() {
		is "fish: $2" "$(HOME=$tmp fish --no-config -c 'chanctl completion fish | source
			complete -C $argv[1]' -- "$2" 2>&1 | cut -f1 | sort | paste -sd' ')" "$1"
	}
	for tool in $tools; do
		fish_gives "$(long $tool | paste -sd' ')" "$tool --"
	done
	for verb in "${verbs[@]}"; do
		fish_gives "$(long chanctl "$verb" | paste -sd' ')" "chanctl $verb --"
	done
	fish_gives "$(printf '%s\n' "${verbs[@]}" | sort | paste -sd' ')" 'chanctl '
	fish_gives 'list' 'chanctl -J li'
	fish_gives "$ch.alpha $ch.beta" "chansend $ch"
	fish_gives "$ch.alpha $ch.beta" "chanctl stat $ch.beta $ch"
	fish_gives 'nonempty notfull' "chanctl wait $ch.alpha n"
	fish_gives 'nonempty notfull' "chanctl wait --any $ch.alpha empty $ch.alpha n"
	fish_gives "$ch.alpha" "chanctl wait $ch.alpha empty $ch.al"
	fish_gives '--overflow=drop-new --overflow=drop-old' 'chanctl create --overflow=d'
	fish_gives 'NAME,DEPTH' 'chanctl list -o NAME,DEP'
	fish_gives 'zsh' 'chanctl completion z'
fi

# ---- zsh ----

if has_program zsh; then
	status 0 zsh -n "$root/tools/completions/shmchan.zsh"
fi
if has pty && has_program zsh; then
	cat >"$tmp/complete.zsh" <<'END'
# Type each line of stdin, and a tab, into an interactive zsh with a terminal of
# its own, whose compadd writes down what matches.
zmodload zsh/zpty zsh/zselect
zpty z 'exec zsh -f -i'
zpty -w z 'autoload -Uz compinit; compinit -D -u; source <(chanctl completion zsh)
compadd() {
	local -a matches
	[[ " $* " == *" -"[OAD]" "* ]] && { builtin compadd "$@"; return }
	builtin compadd -O matches "$@"
	print -rl -- $matches >>$OUT
	builtin compadd "$@"
}
finished() { print "<end>" >>$OUT }
list() { comppostfuncs=(finished); zle list-choices }
zle -N list
bindkey "^I" list; print "<end>" >>$OUT'
wait_for_end() {
	while [[ ! -e $OUT || "$(<$OUT)" != *"<end>" ]]; do
		zpty -rt z shown
		zselect -t 2
	done
}
wait_for_end
while IFS= read -r line; do
	print -r -- "== $line" >>$OUT
	zpty -w -n z $line$'\t'
	wait_for_end
	zpty -w -n z $'\x15'
done
zpty -d z
END
	lines=('chanctl ' 'chanctl stat ' 'chanctl stat --' 'chanctl list -o NAME,DEP'
		'chanctl create --overflow='
		"chanctl wait $ch.alpha n" "chanctl wait $ch.alpha empty $ch.alpha n" "chansend $ch" 'chansend --framing=' 'chansend --' 'chanrecv --'
		'chanctl --' 'chanbench --')
	printf '%s\n' "${lines[@]}" |
		OUT=$tmp/zsh HOME=$tmp TERM=dumb timeout "$bound" zsh -f "$tmp/complete.zsh" >"$tmp/terminal" 2>&1
	# zsh_gives LINE WORD...: all of them match
	zsh_gives() {
		local line=$1 shown
		shift
		shown=$(sed -n "/^== $line\$/,/<end>/p" "$tmp/zsh")
		for word; do
			grep -qxF -e "$word" <<<"$shown" && pass ||
				fail "zsh: '$line' does not list '$word' in: $shown"
		done
	}
	zsh_gives 'chanctl ' "${verbs[@]}"
	zsh_gives 'chanctl stat ' "$ch.alpha" "$ch.beta"
	for tool in $tools; do
		mapfile -t words < <(long "$tool")
		zsh_gives "$tool --" "${words[@]}"
	done
	mapfile -t words < <(long chanctl stat)
	zsh_gives 'chanctl stat --' "${words[@]}"
	zsh_gives 'chanctl list -o NAME,DEP' DEPTH
	zsh_gives 'chanctl create --overflow=' block drop-new drop-old fail
	zsh_gives "chanctl wait $ch.alpha n" nonempty notfull
	zsh_gives "chanctl wait $ch.alpha empty $ch.alpha n" nonempty notfull
	zsh_gives "chansend $ch" "$ch.alpha" "$ch.beta"
	zsh_gives 'chansend --framing=' lines netstring raw:
fi

finish
