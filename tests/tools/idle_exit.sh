#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanrecv --idle-exit: it stays while messages come, and ends with 0 when none came
# for so long.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

channel
status 0 chanrecv --idle-exit=10ms "$ch"
is "without a message" "$(cat "$tmp/out" "$tmp/err")" ''
seq 1000 | chansend "$ch"
status 0 chanrecv --idle-exit=10ms "$ch"
is "what was there" "$(cksum <"$tmp/out")" "$(seq 1000 | cksum)"
is "all of it is consumed" "$(chanctl stat -H -o DEPTH "$ch")" 0

# 0 is not to wait; what is there is printed.
status 0 chanrecv --idle-exit=0 "$ch"
chansend "$ch" a b
status 0 chanrecv --idle-exit=0 "$ch"
is "not waited" "$(cat "$tmp/out")" $'a\nb'

# A count that is not reached is no failure, and one that is ends it first.
chansend "$ch" a b
status 0 chanrecv -n 5 --idle-exit=10ms "$ch"
is "-n 5 of two" "$(cat "$tmp/out")" $'a\nb'
chansend "$ch" a b
status 0 chanrecv -n 1 --idle-exit=1h "$ch"
status 0 chanrecv -n 1 --idle-exit=infinity "$ch"

# The other limits keep their status.
status 124 chanrecv -q -w 10ms --idle-exit=1h "$ch"
status 124 chanrecv -q -W 10ms --idle-exit=1h "$ch"
status 0 chanrecv -w 1h -W 1h --idle-exit=10ms "$ch"
status 5 chanrecv -q -N --idle-exit=1h "$ch"

# The time starts again with each message: it ends no sooner than that after the last.
late=1
while [ $late = 1 ]; do # again if this shell did not get its CPU for so long
	channel
	last=${EPOCHREALTIME/./}
	chanrecv --idle-exit=2s "$ch" >"$tmp/got" &
	pid=$! late=0
	for i in 1 2 3 4 5; do
		sleep 0.5 # together more than --idle-exit
		start=${EPOCHREALTIME/./}
		chansend "$ch" $i
		# From before the last one was sent: at least the time between the two.
		[ $((${EPOCHREALTIME/./} - last)) -lt 1900000 ] || late=1
		last=$start
	done
	[ $late = 0 ] || wait $pid || :
done
ended $pid 0
if [ $((${EPOCHREALTIME/./} - last)) -ge 2000000 ]; then pass; else fail "it ended too early"; fi
is "with messages in between" "$(wc -l <"$tmp/got")" 5

# Several channels: a message on any of them keeps it, and it ends on all.
channel && a=$ch
channel && b=$ch
chansend "$a" one
chansend "$b" two
status 0 chanrecv --idle-exit=10ms "$a" "$b"
is "of both" "$(sort "$tmp/out")" $'one\ntwo'

status 2 chanrecv --idle-exit "$ch"
status 2 chanrecv --idle-exit=soon "$ch"
says "--idle-exit: 'soon' is not a duration"

finish
