# SPDX-License-Identifier: MIT
# Fish completion for chansend, chanrecv, chanctl and chanbench.
#
# Nothing of the tools is repeated here: options come from `TOOL --help-options`,
# verbs and columns from `chanctl --help`, channels from `chanctl list`.

function __shmchan_channels
	chanctl list -H -o NAME 2>/dev/null
end

# The lines of a section of chanctl's help.
function __shmchan_section
	chanctl --help 2>/dev/null | sed -n "/^$argv[1]:/,/^\$/{ /^$argv[1]:/d; /./p; }"
end

# A comma-separated list: what is before the last comma stays.
function __shmchan_list
	set -l before (string match -r '^.*,' -- (commandline -ct | string replace -r '^(--[a-z-]+=|-[a-zA-Z])' ''))
	printf '%s\n' "$before"$argv
end

function __shmchan_columns
	__shmchan_list (__shmchan_section Columns | string split -n ' ')
end

# The keys of a SPEC are the long options of create.
function __shmchan_spec
	set -l keys
	for line in (chanctl create --help-options 2>/dev/null)
		set -l fields (string split \t -- $line)
		contains -- $fields[2] owner group send receive activate parents; and continue
		contains -- $fields[2] system user quiet verbose help version; and continue
		set -a keys $fields[2](test -n "$fields[3]"; and echo =; or echo '')
	end
	__shmchan_list $keys
end

# Operands so far of the tool or, after its name, of chanctl's verb.
function __shmchan_operands
	set -l words (commandline -opc)
	set -e words[1]
	count (string match -v -- '-*' $words)
end

function __shmchan_at
	test (__shmchan_operands) -eq $argv[1]
end
# Of the pairs behind chanctl wait: the next operand is the first of one, 1, or the second, 0.
function __shmchan_in_pair
	set -l n (__shmchan_operands)
	test $n -gt 0 -a (math $n % 2) -eq $argv[1]
end

# Options of a tool, or of a verb: __shmchan_options CONDITION TOOL [VERB]
function __shmchan_options
	set -l tool $argv[2]
	type -q $tool; or return
	for line in ($argv[2..-1] --help-options 2>/dev/null)
		set -l fields (string split \t -- $line)
		set -l arg $fields[3]
		set -l spec
		test -n "$fields[1]"; and set -a spec -s $fields[1]
		test -n "$fields[2]"; and set -a spec -l $fields[2]
		set -q fields[4]; and test -n "$fields[4]"; and set -a spec -d $fields[4]
		switch "$arg"
			case '' '[*'
				# None, or one that is attached if it is there.
				set -a spec -f
			case 'FILE*'
				set -a spec -r -F
			case 'DIR*'
				set -a spec -x -a '(__fish_complete_directories)'
			case 'COL*'
				set -a spec -x -a '(__shmchan_columns)'
			case 'SPEC*'
				set -a spec -x -a '(__shmchan_spec)'
			case '*|*'
				set -a spec -x -a (string replace -ra ':[A-Z]+' ':' -- $arg | string replace -a '|' ' ')
			case '*'
				set -a spec -x
		end
		complete -c $tool -n $argv[1] $spec
	end
end

for tool in chansend chanrecv chanbench
	complete -c $tool -f
	__shmchan_options true $tool
end
complete -c chansend -n '__shmchan_at 0' -a '(__shmchan_channels)'
complete -c chanrecv -n 'not contains -- -- (commandline -opc)' -a '(__shmchan_channels)'
complete -c chanrecv -n 'contains -- -- (commandline -opc)' -F -a '(__fish_complete_command)'
complete -c chanbench -n '__shmchan_at 0' -a 'lat thr fan wake select latest bcast grow exec call compare'

complete -c chanctl -f
__shmchan_options '__shmchan_at 0' chanctl
for line in (__shmchan_section Verbs)
	set -l words (string match -r '^ *([a-z]+) +(.*)$' -- $line)
	complete -c chanctl -n '__shmchan_at 0' -a $words[2] -d $words[3]
	complete -c chanctl -n '__fish_seen_subcommand_from help; and __shmchan_at 1' -a $words[2]
	__shmchan_options "__fish_seen_subcommand_from $words[2]" chanctl $words[2]
end
for alias in rm ls
	__shmchan_options "__fish_seen_subcommand_from $alias" chanctl $alias
end
complete -c chanctl -n '__fish_seen_subcommand_from remove rm close drain pause resume stat purge' -a '(__shmchan_channels)'
complete -c chanctl -n '__fish_seen_subcommand_from info list ls top monitor metrics test peek dump; and __shmchan_at 1' -a '(__shmchan_channels)'
complete -c chanctl -n '__fish_seen_subcommand_from wait; and __shmchan_in_pair 1' -a '(__shmchan_channels)'
complete -c chanctl -n '__fish_seen_subcommand_from wait; and __shmchan_in_pair 0' \
	-a "exists gone empty idle nonempty full notfull closed 'receivers>=' 'senders>=' 'depth<='"
complete -c chanctl -n '__fish_seen_subcommand_from test; and __shmchan_at 2' \
	-a "exists gone empty nonempty full notfull closed 'receivers>=' 'senders>=' 'depth<='"
complete -c chanctl -n '__fish_seen_subcommand_from group; and __shmchan_at 1' -a 'list remove'
complete -c chanctl -n '__fish_seen_subcommand_from group; and __shmchan_at 2' -a '(__shmchan_channels)'
complete -c chanctl -n '__fish_seen_subcommand_from completion; and __shmchan_at 1' -a 'bash zsh fish'
