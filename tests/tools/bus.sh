#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The tools on a bus: what chand reports is shown beside what the segment says, its
# events as they happen; and all that can be read is read without it, too.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/../daemon/lib.sh"
a=$prefix-a b=$prefix-b d=$prefix-d
me=$(id -u)
# How the keeper's channels are written by whoever runs this.
if [ "$me" = "$keeper" ]; then of=''; else of=$keeper/; fi
ctl() { "$BUILD/chanctl" "$@"; }
field() { ctl info -H -o "$1" --system "$2"; }
# With what was printed, one space where there were more.
shows() { # PATTERN COMMAND...
	"${@:2}" 2>&1 | tr -s ' ' | grep -qE -e "$1"
}
lacks() { ! shows "$@"; }

# ---- without chand ----

check "make" keep "$BUILD/chanctl" create "$b"
fails 3 "no bus, no owner" ctl list --system
fails 3 "nor a channel of it" ctl info --system "$b"
check "says what to do" grep -q "can't ask chand: there is neither the socket .* nor its directory; start it" "$t/said"
fails 3 "nor to send to" "$BUILD/chansend" --system "$b" x
fails 1 "doctor says so" ctl doctor --system
check "doctor says so" shows "^problem chand can't ask the system's chand: there is neither the socket" ctl doctor --system
check "unasked it doesn't" lacks ' chand ' ctl doctor
check "the list is as ever" shows "^${of}$b queue open 0 0 1M - 0 0 0600\$" ctl list
check "and its JSON" equal "$(ctl list -J "$of$b" | jq -c '.[0] | has("bus")')" false
check "my own need none" "$BUILD/chanctl" create --user -p --help
fails 3 "but to ask for one" "$BUILD/chanctl" create --user "$a"
keep "$BUILD/chanctl" remove "$b"

# ---- names ----

usage() { # WHAT COMMAND...: one line, and where to look
	fails 2 "$@"
	check "one line: $1" equal "$(wc -l <"$t/said")" 2
}
declare_channel $d 'capacity = 64K' 'mode = 0644' "send = $me" "receive = $me @4242" 'activate = yes'
start
usage "both" ctl list --system --user
usage "both, apart" ctl --system list --user
usage "of another" ctl info --system "nobody-has-this/$d"
check "says whose" grep -q "names another owner than --system has, $keeper" "$t/said"
usage "of another" "$BUILD/chansend" --user "nobody-has-this/$d" x
usage "no bus there" ctl --system completion bash
usage "bad name" ctl info --system a/b/c
fails 2 "bad name" ctl info --system .a
fails 3 "none of that name" ctl info --system "$d-none"
check "says which" grep -q "${of}$d-none: no such channel" "$t/said"
check "the owner may be named" equal "$(field NAME "$keeper/$d")" "$of$d"
check "and before the verb" equal "$(ctl --system stat -H -o NAME $d)" "$of$d"

# Made through the library, which asks chand for an owner who is not the caller.
check "made by the library" ctl create -c 8K "$keeper/$d-q"
check "a rendezvous, too" ctl create -k rendezvous "$keeper/$d-r"
check "and it is one" equal "$(field KIND "$keeper/$d-r")" rendezvous
check "removed by the library" ctl remove "$keeper/$d-q" "$keeper/$d-r"

# Each tool and verb on it.
check "send" "$BUILD/chansend" --system $d one
check "test" ctl test --system $d nonempty
check "receive" equal "$("$BUILD/chanrecv" --system -N $d)" one
check "wait" ctl wait --system -W 20 $d empty
check "send" "$BUILD/chansend" --system $d two
check "purge" ctl purge --system $d
check "make" ctl create --system -c 16K --lifetime=daemon $a
check "make again" ctl create --system -p -c 16K $a
fails 1 "but otherwise" ctl create --system -p -c 64K $a
check "says how" grep -q 'capacity is 16K, not 64K' "$t/said"
check "close" ctl close --system $a
fails 6 "closed" "$BUILD/chansend" --system $a x
check "remove" ctl remove --system $a

# ---- what is shown ----

check "make" ctl create --system -c 16K --lifetime=ref --linger=1h --mode=0640 --group=4242 $a
check "made without chand" keep "$BUILD/chanctl" create -c 16K $b
taken_up() { equal "$(field BUS $b)" system; }
await "taken up" taken_up
check "list" shows "^NAME KIND STATE .* BUS ORIGIN LIFETIME ACTIVATION RIGHTS\$" ctl list
check "declared" shows "^$of$d queue open 0 0 64K - 0 0 0644 system declared persist " ctl list
check "requested" shows "^$of$a queue open 0 0 16K - 0 0 0640 system requested ref - " ctl list
check "adopted" shows "^$of$b queue open 0 0 16K - 0 0 0600 system adopted persist - " ctl list --system
check "a glob is of the name alone" equal "$(ctl list --system -H -o NAME "$prefix-[ab]" | sort | paste -sd' ')" \
	"$of$a $of$b"
if [ -n "$of" ]; then
	check "mine" ctl create -c 16K $prefix-mine
	check "only mine" equal "$(ctl list --user -H -o NAME "$prefix-*")" $prefix-mine
	check "all" equal "$(ctl list -H -o NAME "*$prefix-*" | wc -l)" 4
	check "not on a bus" equal "$(ctl info -J $prefix-mine | jq 'has("bus")')" false
	check "in a list of those that are" equal "$(ctl list -H -o BUS $prefix-mine)" -
	check "remove" ctl remove $prefix-mine
fi
check "admin" equal "$(field ADMIN $a)" "$(id -un)"
check "group" equal "$(field GROUP $a)" 4242
check "file" equal "$(field FILE $d)" "$etc/channels.d/$d.conf"
check "JSON" equal "$(ctl info -J --system $d | jq -c '[.bus,.origin,.mode,.deaths]')" \
	'["system","declared","0644",0]'
check "stat" equal "$(ctl stat --system -H -o ORIGIN,LIFETIME $a | tr -s ' ')" 'requested ref'

# ---- monitor ----

"$BUILD/chanctl" -v monitor -J "$of$prefix-*" >"$t/events" 2>"$t/note" &
monitor=$!
# The channel's events so named; some is one of which the expression $3 holds.
event() { jq -c --arg ch "$of$1" --arg event "$2" 'select(.ch == $ch and .event == $event)' "$t/events"; }
some() { event "$1" "$2" | jq -se "any(.[]; ${3-true})"; }
await "present" some $a present
await "made" ctl create --system -c 16K $prefix-m
await "reported" some $prefix-m created
background "$BUILD/chanrecv" -w 3600 $a >/dev/null
user=$!
await "it came" some $a attached ".pid == $user and .role == \"receiver\" and .command == \"chanrecv\""
kill -9 $user
wait $user 2>/dev/null
await "it died" some $a died ".pid == $user and .role == \"receiver\""
check "which is not reported as a detach" equal "$(event $a detached)" ''
check "send" "$BUILD/chansend" --system $a again
: >"$t/taken"
background "$BUILD/tests/daemon/prog_take" $a >"$t/taken"
await "taken" grep -q taken "$t/taken"
kill -9 $!
wait $! 2>/dev/null
await "redelivered" some $a redelivered '.count == 1'
check "send" "$BUILD/chansend" --system $d x
await "ready" some $d ready
check "shown" equal "$(ctl list -H --system -o ACTIVATION $d)" ready
check "received" equal "$("$BUILD/chanrecv" -1 --system $d)" x
await "served" some $d served
# As often as it was sampled, it is reported once.
check "once" equal "$(event $a redelivered | wc -l)" 1
kill -9 "$bus_pid"
wait "$bus_pid" 2>/dev/null
await "that chand ended is said" grep -q "chand ended; watching without it" "$t/note"
background "$BUILD/chanrecv" -w 3600 $b >/dev/null
user=$!
await "without chand it is seen, too" some $b attached ".pid == $user"
start
kill $user
wait $user 2>/dev/null
await "and that it leaves" some $b detached ".pid == $user"
await "chand is asked again" reported connections=2 STATUS
background "$BUILD/chanrecv" -w 3600 $b >/dev/null
user=$!
await "and tells" some $b attached ".pid == $user"
kill -9 $user
wait $user 2>/dev/null
await "of a death" some $b died ".pid == $user"
check "removed" ctl remove --system $prefix-m
await "reported" some $prefix-m removed
kill $monitor
wait $monitor 2>/dev/null

# ---- metrics and doctor ----

ctl metrics >"$t/metrics"
check "of channels" grep -q "^shmchan_capacity_bytes{owner=\"$keeper\",channel=\"$d\"} " "$t/metrics"
check "of chand" grep -q '^chand_deaths_total [1-9]' "$t/metrics"
check "each once" equal "$(grep '^# TYPE' "$t/metrics" | sort | uniq -d)" ''
check "one end" equal "$(grep -n EOF "$t/metrics" | cut -d: -f1)" "$(wc -l <"$t/metrics")"
check "doctor" shows "^ok chand the system's: version .* by (io_uring|epoll), 3 channels" ctl doctor --system
kill -STOP "$bus_pid"
check "one that does not answer" shows "^problem chand can't ask the system's chand: chand at .* does not answer" ctl doctor --system
check "is no hindrance" shows "^$of$d queue open" ctl list
kill -CONT "$bus_pid"
stop
start --loop=epoll
check "by epoll" shows "^note chand the system's chand waits by epoll" ctl doctor --system
stop
printf '[quota]\nchannels = 1\n[quota %s]\nchannels = 1\n' "$me" >"$etc/chand.conf"
start
check "a quota used up" shows "^problem chand 1 of 1 channels that the system's bus" ctl doctor --system
kill -9 "$bus_pid"
wait "$bus_pid" 2>/dev/null
bus_pid=
check "a socket that is nobody's" shows "^problem chand can't ask the system's chand: nobody listens at $run/control" ctl doctor
for ch in $a $b $d; do rm -f "$(segment $ch)"; done
finish "the tools on a bus"
