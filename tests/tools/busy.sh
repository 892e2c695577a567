#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tools that don't wait, while others use the channel as fast as they can: they end
# when it is empty, or full, and not because a lock was busy for an instant.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# Another receiver takes half at most; --drain must take the rest.
for option in --drain --nowait; do
	left=0
	for _ in 1 2 3 4 5; do
		channel --capacity=4M
		seq 60000 | chansend "$ch"
		chanrecv -n 30000 -w 500ms "$ch" >/dev/null 2>&1 &
		chanrecv $option "$ch" >/dev/null
		status=$?
		wait $!
		[ "$status" = 0 ] || [ "$status" = 5 ] || fail "$option: status $status"
		left=$((left + $(chanctl stat -H -o DEPTH "$ch")))
		chanctl remove "$ch"
	done
	is "what chanrecv $option left behind" "$left" 0
done

# Two senders that don't wait, and room for all.
channel --capacity=8M
seq 60000 | chansend --nowait "$ch" &
seq 60000 | chansend --nowait "$ch"
status=$?
is "the status of a sender that doesn't wait" "$status" 0
wait $!
is "and of the other" $? 0
is "messages" "$(chanctl stat -H -o DEPTH "$ch")" 120000
chanctl remove "$ch"

finish
