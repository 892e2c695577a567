#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl drain: closes, and ends when nothing is left, leased messages included.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# Nothing in it: at once.
channel
status 0 chanctl drain "$ch"
status 6 chansend "$ch" late
status 0 chanctl drain "$ch" # again

# Nobody receives: the time passes, and what is left is said.
channel
chansend "$ch" a b c
status 124 chanctl drain -W 0.1 "$ch"
says "$ch: closed, and 3 messages are left; 0 receivers are there"
chanctl pause "$ch"
status 124 chanctl drain -W 10ms "$ch"
says "3 messages are left; it is paused ('chanctl resume' lets it go on)"
chanctl resume "$ch"
status 6 chansend "$ch" late

# It waits for those that are received, and for the one that is under a lease.
chanctl drain -W 60 "$ch" 2>"$tmp/err" &
drain=$!
mkfifo "$tmp/go"
chanrecv -n 1 "$ch" -- sh -c "read -r x <'$tmp/go'" &
worker=$!
is 'the others' "$(chanrecv -n 2 "$ch" | wc -l)" 2
status 0 chanctl test "$ch" nonempty
kill -0 $drain && pass || fail 'it did not wait for the lease'
echo on >"$tmp/go"
wait $worker
wait $drain
is 'then it ends' $? 0

# Several; one is missing.
channels+=("$ch".{x,y})
chanctl create "$ch.x"
chanctl create "$ch.y"
chansend "$ch.y" one
status 3 chanctl drain -W 60 "$ch.x" "$ch.none" "$ch.y" &
pid=$!
happens chanctl test "$ch.y" closed
is 'what was in it' "$(chanrecv "$ch.y")" one
wait $pid

# One that is removed meanwhile is not drained.
channel
chansend "$ch" a
chanctl drain -W 60 "$ch" >"$tmp/out" 2>"$tmp/removed" &
pid=$!
happens chanctl test "$ch" closed
chanctl rm "$ch"
wait $pid
is 'a removed one' $? 3

# A signal ends the wait.
channel
chansend "$ch" a
chanctl drain "$ch" &
pid=$!
happens chanctl test "$ch" closed
kill -TERM $pid
wait $pid
is 'TERM' $? 143

# A latest keeps its value: there is nothing to wait for.
channel --kind=latest
chansend "$ch" value
status 0 chanctl drain -W 60 "$ch"
status 6 chansend "$ch" late
is 'its value' "$(chanrecv --latest "$ch")" value

# A message that its sender took back counts in a rendezvous until a receiver looks, and is none.
channel -c 0
status 124 chansend -W 10ms "$ch" back
is 'counted' "$(chanctl stat -H -o DEPTH "$ch")" 1
status 0 chanctl test "$ch" idle
status 0 chanctl wait -W 60 "$ch" idle "$ch" 'depth<=0'
status 1 chanctl test "$ch" nonempty
status 0 chanctl drain -W 60 "$ch"
# One that waits is one.
channel -c 0
chansend -W 60 "$ch" there &
sender=$!
happens chanctl test "$ch" nonempty
status 1 chanctl test "$ch" idle
kill -KILL $sender
wait $sender 2>/dev/null
status 124 chanctl drain -W 10ms "$ch"
says "$ch: closed, and 1 message is left; 0 receivers are there"

# What is buried waits for nobody.
channel
chansend "$ch" bad
chanctl wait -W 60 "$ch" idle &
waiter=$!
chanrecv --max-deliver=1 "$ch" -- false 2>/dev/null &
worker=$!
wait $waiter
is 'it is idle' $? 0
status 1 chanctl test "$ch" empty
status 0 chanctl drain -W 60 "$ch"
is 'though something is buried' "$(chanctl dead -J "$ch" | jq -r .data)" bad
ended $worker 123

status 2 chanctl drain
status 2 chanctl drain -W x "$ch"
finish
