#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl pause and resume: receivers find nothing meanwhile, and everybody can see why.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

channel
chanrecv "$ch" >"$tmp/received" &
receiver=$!
chanctl wait -W 60 "$ch" 'receivers>=1'
chanctl monitor -J "$ch" >"$tmp/events" &
monitor=$!
happens grep -q present "$tmp/events"
status 0 chanctl -v pause "$ch"
says "$ch: paused"
chansend "$ch" a b
is 'its state' "$(chanctl list -H -o STATE "$ch")" paused
is 'its metric' "$(chanctl metrics "$ch" | sed -n 's/^shmchan_paused.* //p')" 1
is 'both are there' "$(chanctl stat -H -o DEPTH "$ch")" 2
status 5 chanrecv -N "$ch"
says "$ch: paused after 0 messages, and some are left"
status 5 chanrecv -e "$ch"
says "$ch: paused after 0 messages, and some are left"
status 5 chanrecv -e "$ch" -- cat
says "$ch: paused after 0 messages, and some are left"
status 124 chanrecv -W 0.1 "$ch"
says "it is paused ('chanctl resume' lets it go on)"
status 124 chanrecv -w 10ms "$ch" -- cat
says "it is paused ('chanctl resume' lets it go on)"
is 'chanctl peek shows them' "$(chanctl peek "$ch" | wc -l)" 2
is 'nothing is received' "$(wc -c <"$tmp/received")" 0
status 0 chanctl resume "$ch"
status 0 chanctl resume "$ch" # again
happens chanctl test "$ch" empty
happens cmp -s "$tmp/received" <(printf 'a\nb\n')
is 'its state again' "$(chanctl list -H -o STATE "$ch")" open
happens grep -q resumed "$tmp/events"
grep -q '"paused"' "$tmp/events" && pass || fail "no event paused: $(cat "$tmp/events")"
kill $receiver $monitor
wait $receiver $monitor 2>/dev/null

# What is under a lease is finished; the next message is not begun.
channel
chansend "$ch" one two
mkfifo "$tmp/go"
chanrecv "$ch" -- sh -c "cat >>'$tmp/done'; read -r x <'$tmp/go'" &
worker=$!
happens grep -q one "$tmp/done"
chanctl pause "$ch"
echo on >"$tmp/go"
happens chanctl test "$ch" 'depth=1'
is 'the next is not begun' "$(cat "$tmp/done")" one
chanctl resume "$ch"
happens grep -q two "$tmp/done"
echo on >"$tmp/go"
happens chanctl test "$ch" idle
kill $worker
wait $worker 2>/dev/null

# One that has nothing is drained all the same, whatever is under a lease elsewhere.
channel
chansend "$ch" one
chanrecv "$ch" -- sh -c "read -r x <'$tmp/go'" &
worker=$!
happens chanctl test "$ch" 'receivers>=1'
happens sh -c "! chanctl peek $ch | grep -q ."
chanctl pause "$ch"
status 0 chanrecv -e "$ch"
status 5 chanrecv -N "$ch"
says "empty after 0 messages"
echo on >"$tmp/go"
kill $worker
wait $worker 2>/dev/null

channel --kind=latest
status 2 chanctl pause "$ch"
status 3 chanctl pause "$ch.none"
status 2 chanctl pause
finish
