# SPDX-License-Identifier: MIT
# Bash completion for chansend, chanrecv, chanctl and chanbench.
#
# Nothing of the tools is repeated here: options come from `TOOL --help-options`,
# verbs and columns from `chanctl --help`, channels from `chanctl list`.

# The options of a tool, or of a verb: letter, long name, argument, with \x1f in
# between (read would take empty fields at tabs together).
_shmchan_options() {
	"$@" --help-options 2>/dev/null | tr '\t' '\037'
}

_shmchan_channels() {
	"$1" list -H -o NAME 2>/dev/null
}

# The lines of a section of chanctl's help, after sed's command $3.
_shmchan_section() {
	"$1" --help 2>/dev/null | sed -n "/^$2:/,/^\$/{ /^$2:/d; ${3-} p; }"
}

# Fill COMPREPLY with those of the words on stdin that begin with $1.
_shmchan_reply() {
	local word
	while read -r word; do
		[[ $word == "$1"* ]] && COMPREPLY+=("$word")
	done < <(tr -s ' ' '\n')
	# A word that wants more after it.
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]] && compopt -o nospace 2>/dev/null
	return 0
}

# Complete the argument of an option: $1 what the table says of it, $2 the text so
# far, $3 chanctl.
_shmchan_argument() {
	local arg=${1#[} list=''
	arg=${arg%]}
	case $arg in
	FILE) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	DIR) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	*COL*,*)
		# A comma-separated list: what is before the last comma stays.
		[[ $2 == *,* ]] && list=${2%,*},
		_shmchan_reply "$2" < <(_shmchan_section "$3" Columns | tr -s ' ' '\n' |
			sed "/./!d; s|^|$list|")
		compopt -o nospace 2>/dev/null
		;;
	SPEC*)
		[[ $2 == *,* ]] && list=${2%,*},
		_shmchan_reply "$2" < <(_shmchan_spec "$3" | sed "s|^|$list|")
		compopt -o nospace 2>/dev/null
		;;
	*\|*) _shmchan_reply "$2" < <(tr '|' '\n' <<<"$arg" | sed 's/:.*/:/') ;;
	[a-z]*) _shmchan_reply "$2" <<<"$arg" ;;
	esac
}

# The keys of a SPEC are the long options of create.
_shmchan_spec() {
	_shmchan_options "$1" create |
		sed -nE $'s/^[^\037]*\037(owner|group|send|receive|activate|parents|system|user|quiet|verbose|help|version)\037.*//; T next; d; :next
			s/^[^\037]*\037([^\037]*)\037\037.*/\\1/p; t
			s/^[^\037]*\037([^\037]*)\037..*/\\1=/p'
}

# Complete operand number $2 (from 0) of the tool or verb $1.
_shmchan_operand() {
	[ "$1" != wait ] || set -- wait $(($2 % 2)) "${@:3}" # pairs
	local cur=$3 chanctl=$4 ended=$5
	case $1:$2:$ended in
	chanrecv:1:?*) mapfile -t COMPREPLY < <(compgen -c -- "$cur") && return ;;
	chanrecv:*:?*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	esac
	case $1:$2 in
	chansend:0 | chanrecv:* | remove:* | rm:* | close:* | drain:* | pause:* | resume:* | stat:* | purge:* | info:0 | wait:0 | test:0 | \
		group:1 | list:0 | ls:0 | top:0 | monitor:0 | metrics:0 | peek:0 | dump:0)
		_shmchan_reply "$cur" < <(_shmchan_channels "$chanctl") ;;
	chanctl:0 | help:0) _shmchan_reply "$cur" < <(_shmchan_section "$chanctl" Verbs 's/^ *\([a-z]*\).*/\1/') ;;
	wait:1 | test:1)
		_shmchan_reply "$cur" <<'END'
exists gone empty idle nonempty full notfull closed receivers\>= senders\>= depth\<=
END
		;;
	group:0) _shmchan_reply "$cur" <<<'list remove' ;;
	completion:0) _shmchan_reply "$cur" <<<'bash zsh fish' ;;
	chanbench:0) _shmchan_reply "$cur" <<<'lat thr fan wake select latest bcast grow exec call compare' ;;
	esac
}

_shmchan() {
	local chanctl=${1%"${1##*/}"}chanctl
	local command=("$1") what=${1##*/} operands=0 ended='' wants='' i word cur
	local -a words=()
	local -A takes=()

	# Take together again what was split at "=" and ":" (COMP_WORDBREAKS).
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((i > 1)) && [[ $word == [=:] || ${COMP_WORDS[i - 1]} == [=:] ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	cur=${words[-1]-}
	COMPREPLY=()

	_shmchan_table
	for word in "${words[@]:0:${#words[@]}-1}"; do
		if [[ $wants ]]; then
			wants=
		elif [[ ! $ended && $word == -- ]]; then
			ended=1
		elif [[ ! $ended && $word == --* ]]; then
			[[ $word == *=* ]] || wants=${takes[$word]-}
		elif [[ ! $ended && $word == -?* ]]; then
			_shmchan_cluster "$word"
		elif [[ $what == chanctl ]]; then
			command+=("$word")
			what=$word
			_shmchan_table
		else
			((operands++))
		fi
		[[ $wants == \[* ]] && wants= # an optional argument is attached
	done

	if [[ $wants ]]; then
		_shmchan_argument "$wants" "$cur" "$chanctl"
	elif [[ ! $ended && $cur == --*=* ]]; then
		_shmchan_argument "${takes[${cur%%=*}]-}" "${cur#*=}" "$chanctl"
	elif [[ ! $ended && $cur == -* ]]; then
		_shmchan_reply "$cur" < <(printf '%s\n' "${!takes[@]}")
		if [[ ${#COMPREPLY[@]} -eq 1 && ${takes[${COMPREPLY[0]}]} == [^[]* && $cur == --* ]]; then
			COMPREPLY=("${COMPREPLY[0]}=")
			compopt -o nospace 2>/dev/null
		fi
	else
		_shmchan_operand "$what" "$operands" "$cur" "$chanctl" "$ended"
	fi

	# Bash wants only what comes after the last break in the word.
	local broken=$cur
	[[ $cur == --*=* ]] && broken=${cur#*=} && cur=${cur%%=*}
	if [[ $broken == *:* && $COMP_WORDBREAKS == *:* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${broken%:*}:"}")
	fi
}

# takes: each option of `command` as it is written, and what it takes.
_shmchan_table() {
	local letter long arg rest
	takes=()
	while IFS=$'\037' read -r letter long arg rest; do
		[[ $letter ]] && takes["-$letter"]=$arg
		[[ $long ]] && takes["--$long"]=$arg
	done < <(_shmchan_options "${command[@]}")
}

# -abc: if the last one takes an argument, the next word is it.
_shmchan_cluster() {
	local i arg
	for ((i = 1; i < ${#1}; i++)); do
		arg=${takes["-${1:i:1}"]-}
		[[ $arg ]] || continue
		((i + 1 == ${#1})) && wants=$arg
		return
	done
}

complete -F _shmchan chansend chanrecv chanctl chanbench
