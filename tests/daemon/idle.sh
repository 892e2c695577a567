#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A chand with nothing to do does not wake: neither for channels that nobody has used yet,
# whatever their lifetime, nor for those that are used and quiet.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
many=100

wakes() { awk '/_ctxt_switches/ { n += $2 } END { print n }' "/proc/$bus_pid/status"; }
# Of its thread that waits, and no other one is there.
quiet() {
	local before
	before=$(wakes)
	[ "$(wc -w <<<"$(echo /proc/"$bus_pid"/task/*)")" = 1 ] && sleep 2 &&
		equal "$(wakes)" "$before"
}

for ((i = 1; i <= many; i++)); do
	declare_channel "$prefix-$i" 'capacity = 4K'
	declare_channel "$prefix-ref-$i" 'capacity = 4K' 'lifetime = ref' 'linger = 1s'
done
for loop in $loops; do
	start --loop="$loop"
	background "$BUILD/chanrecv" "$prefix-1"
	receiver=$!
	await "a receiver" reported role=receiver INFO "name=$prefix-1"
	await "it does not wake ($loop)" quiet
	kill -KILL "$bus_pid"
	wait "$bus_pid" 2>/dev/null
	start --loop="$loop"
	check "the receiver is seen" reported role=receiver INFO "name=$prefix-1"
	await "nor when it has adopted them ($loop)" quiet
	kill "$receiver"
	wait "$receiver" 2>/dev/null
	stop
	rm -f "/dev/shm/shmchan.$keeper.$prefix"*
done
finish "a chand that has nothing to do, on $loops"
