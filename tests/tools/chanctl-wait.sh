#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl wait and test: each condition, both ways, and how waiting ends.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# expect STATUS COMMAND...: with what it says in $err
expect() {
	status "$@"
	err=$(<"$tmp/err")
}

in_chanctl() { grep -qs '^State:.S' "/proc/$1/status" && [ "$(cat "/proc/$1/comm")" = chanctl ]; }

# changes CONDITION COMMAND...: wait does not end before COMMAND makes it true, and
# does then.
changes() {
	local cond=$1 waiter
	shift
	expect 1 chanctl test "$ch" "$cond"
	chanctl wait -W 60 "$ch" "$cond" &
	waiter=$!
	happens in_chanctl $waiter
	kill -0 $waiter 2>/dev/null || fail "wait '$cond' ended before it was true"
	"$@" || fail "'$*' failed"
	wait $waiter || fail "wait '$cond' gives $? after '$*'"
	expect 0 chanctl test "$ch" "$cond"
}

channel_name
changes exists chanctl create -c 4K -m 1000 "$ch"
for cond in empty notfull 'receivers=0' 'senders<=0' 'depth<=0' 'depth=0' 'depth>=0'; do
	expect 0 chanctl test "$ch" "$cond"
	expect 0 chanctl wait -W 0 "$ch" "$cond"
done
for cond in gone nonempty full closed 'receivers>=1' 'senders>=1' 'depth>=1' 'depth=1'; do
	expect 1 chanctl test "$ch" "$cond"
	expect 124 chanctl wait -W 0 "$ch" "$cond"
done

fill() { head -c 3000 /dev/zero | chansend -N -F raw:1000 "$ch"; }
receive() { chanrecv -n "$1" "$ch" >/dev/null; }
changes nonempty chansend "$ch" one
changes 'depth>=3' chansend "$ch" two three
changes 'depth<=1' receive 2
changes empty chanctl purge "$ch"
changes full fill
changes notfull chanctl purge "$ch"

# Endpoints come, and go when their process is killed.
start_receiver() { chanrecv "$ch" >/dev/null & receiver=$!; }
start_sender() { chansend "$ch" <"$tmp/fifo" & sender=$!; }
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo" # keeps it open
changes 'receivers>=1' start_receiver
changes 'receivers=0' kill -KILL $receiver
changes 'senders>=1' start_sender
changes 'senders<=0' kill -KILL $sender

# Closed: it says what can't come true any more, and waits for what can.
chanctl wait -W 60 "$ch" nonempty 2>"$tmp/closed" &
waiter=$!
happens in_chanctl $waiter
changes closed chanctl close "$ch"
wait $waiter
[ $? = 6 ] || fail "waiting for a message in a closed channel does not give 6"
grep -q "$ch: closed: 'nonempty' can't become true" "$tmp/closed" || fail "$(<"$tmp/closed")"
for cond in nonempty full 'depth>=1'; do
	expect 6 chanctl wait -W 60 "$ch" "$cond"
done
expect 0 chanctl wait -W 60 "$ch" empty
expect 124 chanctl wait -W 0.05 "$ch" 'receivers>=1'

# Removed while a process waits.
chanctl wait -W 60 "$ch" 'receivers>=1' 2>/dev/null &
waiter=$!
happens in_chanctl $waiter
changes gone chanctl remove "$ch"
wait $waiter
[ $? = 3 ] || fail "waiting in a removed channel does not give 3"
expect 3 chanctl wait "$ch" empty
expect 3 chanctl test "$ch" empty
expect 0 chanctl wait "$ch" gone
expect 1 chanctl test "$ch" exists

# It ends at its timeout, and says so.
start=$EPOCHREALTIME
expect 124 chanctl wait -W 100ms "$ch" exists
[[ $err == *"$ch: timed out waiting for 'exists'"* ]] || fail "$err"
((${EPOCHREALTIME/./} - ${start/./} >= 100000)) || fail "gave up early"

# A signal ends it, by that signal.
for signal in TERM INT HUP; do
	# A background job of a script ignores INT; env puts that right.
	env --default-signal=INT chanctl wait "$ch" exists &
	waiter=$!
	happens in_chanctl $waiter
	kill -$signal $waiter
	wait $waiter
	[ $? = $((128 + $(kill -l $signal))) ] || fail "$signal does not end it by that signal"
done

# Conditions that are none.
chanctl create "$ch"
for cond in '' nonsense exist existsy 'exists>=1' 'depth' 'depth>1' 'depth>=' 'depth>=x' 'depth>=-1' \
	'depth>=1x' 'depth=>1' 'depth>=99999999999999999999' 'depth>=0x1' ' empty'; do
	expect 2 chanctl test "$ch" "$cond"
	expect 2 chanctl wait "$ch" "$cond"
done
expect 2 chanctl test "$ch" receivers
[[ $err == *"'receivers>=1': quote it"* ]] || fail "$err"
expect 2 chanctl wait "$ch"
expect 2 chanctl wait "$ch" empty full
expect 2 chanctl wait -W soon "$ch" empty
[[ $err == *"--timeout: 'soon' is not a duration"* ]] || fail "$err"

# A `ref` channel that was used goes when its linger time is over, even if no other process
# looks.
channel --lifetime=ref --linger=1h
chansend "$ch" x
expect 124 chanctl wait -W 50ms "$ch" gone
channel --lifetime=ref --linger=200ms
chansend "$ch" x
expect 0 chanctl wait -W $bound "$ch" gone

finish
