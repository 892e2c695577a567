#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tools that don't wait, while another process holds the lock of their side most of the time:
# they end when the channel is empty, or full, and not because the lock was busy.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

mkfifo "$tmp/begins"
hog() { # SIDE
	"$BUILD/tests/tools/prog_hog" "$ch" "$1" >"$tmp/begins" &
	hog=$!
	read -r _ <"$tmp/begins"
}
unhog() {
	kill "$hog"
	wait "$hog" 2>/dev/null
}

for option in --drain --nowait; do
	channel --capacity=4M
	seq 20000 | chansend "$ch"
	hog receive
	is "what chanrecv $option receives" "$(chanrecv $option "$ch" | wc -l)" 20000
	unhog
	is "what it left behind" "$(chanctl stat -H -o DEPTH "$ch")" 0
	chanctl remove "$ch"
done

channel --capacity=4M
hog send
seq 20000 | chansend --nowait "$ch"
is "the status of chansend --nowait" "$?" 0
unhog
is "what it sent" "$(chanctl stat -H -o DEPTH "$ch")" 20000
chanctl remove "$ch"

finish
