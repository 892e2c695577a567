#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Out of descriptors, chand says so once, with its limit and what to do, does not spin, and
# serves whoever waited as soon as it can.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a
limit=64
said_it="all $limit descriptors that chand may have are in use.*raise LimitNOFILE="
ticks() { awk '{ print $14 + $15 }' "/proc/$bus_pid/stat"; }
ulimit -n $limit # chand's and everybody's
# Connections that say nothing, by chand's own user, which has no quota.
hold() {
	local i
	for i in 1 2 3; do
		background "$BUILD/tests/daemon/prog_hold" "$run/control" 40 >"$t/holder" 2>&1
		holders+=" $!"
	done
}

for loop in $loops; do
	: >"$t/log"
	start --loop="$loop"
	check "a channel" chanctl create --system -c 4K "$a"
	holders=
	hold
	await "it says that it is out of descriptors" logged "$said_it"
	before=$(ticks)
	from=$SECONDS
	while [ $((SECONDS - from)) -lt 3 ]; do sleep 0.2; done
	check "it does not spin" test $(($(ticks) - before)) -lt 100
	check "it said it once" equal "$(grep -c "$said_it" "$t/log")" 1
	# shellcheck disable=SC2086 # numbers
	kill $holders
	# shellcheck disable=SC2086
	wait $holders 2>/dev/null
	await "then it serves again" reported origin=requested INFO "name=$a"
	check "removed" chanctl remove "$a"
	stop
done
finish "chand out of descriptors"
