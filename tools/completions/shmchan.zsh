#compdef chansend chanrecv chanctl chanbench
# SPDX-License-Identifier: MIT
# Zsh completion for chansend, chanrecv, chanctl and chanbench.
#
# Nothing of the tools is repeated here: options come from `TOOL --help-options`,
# verbs and columns from `chanctl --help`, channels from `chanctl list`.

# chanctl lies beside the tool that is completed.
_shmchan_chanctl() {
	"${_shmchan_tool%${_shmchan_tool:t}}chanctl" "$@" 2>/dev/null
}

_shmchan_channels() {
	local -a names=(${(f)"$(_shmchan_chanctl list -H -o NAME)"})
	_wanted channels expl channel compadd -a names
}

# The lines of a section of chanctl's help.
_shmchan_section() {
	_shmchan_chanctl --help | sed -n "/^$1:/,/^\$/{ /^$1:/d; /./p; }"
}

_shmchan_verbs() {
	local -a verbs=(${(f)"$(_shmchan_section Verbs | sed -E 's/^ *([a-z]+) +/\1:/')"})
	_describe -t verbs verb verbs
}

_shmchan_columns() {
	local -a columns=(${=$(_shmchan_section Columns)})
	_values -s , column $columns
}

# The keys of a SPEC are the long options of create.
_shmchan_spec() {
	local line
	local -a keys fields
	for line in ${(f)"$(_shmchan_chanctl create --help-options)"}; do
		fields=("${(@ps:\t:)line}")
		[[ $fields[2] == (owner|group|send|receive|activate|parents) ]] && continue
		[[ $fields[2] == (system|user|quiet|verbose|help|version) ]] && continue
		keys+=("$fields[2]${fields[3]:+:$fields[3]:}")
	done
	_values -s , key $keys
}

# Behind a condition there is a channel, and behind a channel a condition.
_shmchan_pairs() {
	case $words[CURRENT-1] in
	(exists|gone|empty|idle|nonempty|full|notfull|closed|*=*) _shmchan_channels ;;
	(*) _shmchan_conditions ;;
	esac
}

_shmchan_conditions() {
	local -a plain=(exists gone empty idle nonempty full notfull closed)
	local -a numbered=('receivers>=' 'senders>=' 'depth<=')
	_wanted conditions expl condition compadd -a plain
	_wanted conditions expl condition compadd -S '' -a numbered
}

# specs: what _arguments wants to know of the options of the command given.
_shmchan_specs() {
	local line letter long arg help action option
	local -a fields
	specs=()
	for line in ${(f)"$("$@" --help-options 2>/dev/null)"}; do
		fields=("${(@ps:\t:)line}")
		letter=$fields[1] long=$fields[2] arg=$fields[3] help=${${fields[4]:-$fields[2]}//(#m)[\]\[:]/\\$MATCH}
		case ${arg#\[} in
		('') action= ;;
		(FILE*) action=':file:_files' ;;
		(DIR*) action=':directory:_files -/' ;;
		(COL*) action=':columns:_shmchan_columns' ;;
		(SPEC*) action=':spec:_shmchan_spec' ;;
		(*\|*|[a-z]*) action=":value:(${${${${arg#\[}%\]}//:[A-Z]##/\\:}//\|/ })" ;;
		(*) action=":${arg}:" ;;
		esac
		[[ $arg == \[* ]] && action=${action:+:$action}
		[[ -n $letter ]] && case $arg in
			('') specs+=("*-${letter}[$help]") ;;
			(\[*) specs+=("*-${letter}-[$help]$action") ;;
			(*) specs+=("*-${letter}+[$help]$action") ;;
		esac
		[[ -n $long ]] && case $arg in
			('') specs+=("*--${long}[$help]") ;;
			(\[*) specs+=("*--$long=-[$help]$action") ;;
			(*) specs+=("*--$long=[$help]$action") ;;
		esac
	done
}

_shmchan_verb() {
	local verb=$words[1]
	local -a specs operands
	case $verb in
	(remove|rm|close|drain|pause|resume|stat|purge) operands=('*:channel:_shmchan_channels') ;;
	(info|list|ls|top|monitor|metrics|peek|dump) operands=('1:channel:_shmchan_channels') ;;
	(test) operands=('1:channel:_shmchan_channels' '2:condition:_shmchan_conditions') ;;
	(wait) operands=('1:channel:_shmchan_channels' '*:condition or channel:_shmchan_pairs') ;;
	(group) operands=('1:what:(list remove)' '2:channel:_shmchan_channels' '3:group:') ;;
	(help) operands=('1:verb:_shmchan_verbs') ;;
	(completion) operands=('1:shell:(bash zsh fish)') ;;
	(create) operands=('1:name:') ;;
	esac
	_shmchan_specs "$_shmchan_tool" "$verb"
	_arguments -s -S : $specs $operands
}

_shmchan() {
	setopt localoptions extendedglob
	local _shmchan_tool=$words[1] curcontext=$curcontext expl state
	local -a specs context line
	local -A opt_args
	_shmchan_specs "$_shmchan_tool"
	case $service in
	(chansend) _arguments -s -S : $specs '1:channel:_shmchan_channels' '*:message:' ;;
	(chanrecv) _arguments -s -S : $specs '*:channel:_shmchan_channels' ;;
	(chanbench) _arguments -s -S : $specs '1:mode:(lat thr fan wake select latest bcast grow exec call compare)' ;;
	(chanctl)
		_arguments -s -S -C : $specs '1:verb:_shmchan_verbs' '*::argument:->verb'
		[[ $state == verb ]] && _shmchan_verb
		;;
	esac
}

# Run as a completion function by its file name, or only defined, when sourced.
if [[ $funcstack[1] == _shmchan ]]; then
	_shmchan "$@"
else
	compdef _shmchan chansend chanrecv chanctl chanbench
fi
