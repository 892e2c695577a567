#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A channel whose endpoints are all taken: the tools wait for a place, as long as their
# time limits say.  And what -e means with -n.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# occupied N, sends N: $ch has N receivers, or senders
sends() { [ "$(chanctl stat -H -o SENDERS "$ch")" = "$1" ]; }
occupied() { [ "$(chanctl stat -H -o RECEIVERS "$ch")" = "$1" ]; }

channel --endpoints=2
chanrecv "$ch" >"$tmp/got" &
first=$!
chanrecv "$ch" >>"$tmp/got" &
second=$!
happens occupied 2

for tool in "chansend $ch x" "chanrecv $ch"; do
	# shellcheck disable=SC2086 # words
	status 5 $tool --nowait
	says "$ch: "
	# shellcheck disable=SC2086
	status 124 $tool --timeout=100ms
	says "timed out: "
done
status 5 chansend -W 0 "$ch" x
status 124 chansend -w 100ms "$ch" x
status 124 chanrecv -w 100ms "$ch"
status 0 chanrecv -p "$ch" # it needs no place

# Without a limit they wait, say so, and go on when a place is free.
chansend "$ch" late 2>"$tmp/waits" &
sender=$!
happens grep -q "waiting for a place" "$tmp/waits"
kill -TERM $first
ended $first 143
ended $sender 0
happens grep -qx late "$tmp/got"
mkfifo "$tmp/input"
exec 8<>"$tmp/input"
chansend "$ch" <"$tmp/input" 8<&- &
sender=$!
happens sends 1
status 124 chansend -W 100ms "$ch" x
# A signal ends the waiting.
chansend "$ch" x 2>"$tmp/waits too" &
waiting=$!
happens grep -q "waiting for a place" "$tmp/waits too"
kill -TERM $waiting
ended $waiting 143
exec 8<&-
ended $sender 0
chanctl close "$ch"
ended $second 0

# More senders at once than there are places: all get through.
channel --endpoints=4 -c 1M
pids=()
for i in {1..40}; do chansend -q "$ch" $i & pids+=($!); done
bad=0
for pid in "${pids[@]}"; do wait "$pid" || bad=$((bad + 1)); done
is "senders that failed" $bad 0
is "40 senders, 4 places" "$(chanrecv -e "$ch" | sort -n | cksum)" "$(seq 40 | cksum)"

# ---- -e with -n: less than was asked for is no success ----

channel
chansend "$ch" a b c
status 5 chanrecv -e -n 5 "$ch"
says "drained after 3 of 5 messages"
is "what there was" "$(cat "$tmp/out")" $'a\nb\nc'
chansend "$ch" a b c
status 0 chanrecv -e -n 3 "$ch"
chansend "$ch" a b c
status 0 chanrecv -e -n 2 "$ch"
chansend --eof "$ch" </dev/null
status 6 chanrecv -e -n 5 "$ch"
says "closed after 1 of 5 messages"

finish
