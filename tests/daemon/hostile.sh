#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Clients that send nonsense, read nothing, and hang up, beside good ones, which are
# answered all the same; afterwards chand holds no more descriptors than before.
# On both kinds of loop.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a
seed=${SEED:-$$}
rounds=1500
[ -z "${SANITIZE-}" ] || rounds=300
echo "seed $seed"
for loop in $loops; do
	start --loop=$loop
	chanctl create --system -c 16K $a
	await "settled" reported connections=1 STATUS
	before=$(find "/proc/$bus_pid/fd" -type l | wc -l)
	check "answered ($loop)" timeout 120 setpriv --reuid="$keeper" --regid="$keeper" \
		--clear-groups "$BUILD/tests/daemon/prog_hostile" "$run/control" $a $rounds "$seed"
	cat "$t/out"
	# May take the 10 s of chand's patience (control.c), as for a client that sent its own connection
	# over itself.
	await "all connections are gone" reported connections=1 STATUS
	# Some of the nonsense makes channels, of any name, also like an option.
	for name in $(ask LIST | sed -n 's/^name=//p'); do
		[ "$name" = $a ] || chanctl remove -- "$name"
	done
	await "no descriptor stays" sh -c "test \$(find /proc/$bus_pid/fd -type l | wc -l) -le $before"
	check "the channel is whole" chansend $a x
	check "the channel is whole" equal "$(chanrecv -1 $a)" x
	check "removed" chanctl remove $a
	stop
	rm -f "/dev/shm/shmchan.$keeper.$prefix"*
done
finish "hostile clients"
