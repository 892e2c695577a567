#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Activation of many channels: each is noticed at its first message and at its last, without
# a thread and without a look in between.  On both kinds of loop.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
many=300

wakes() { awk '/_ctxt_switches/ { n += $2 } END { print n }' "/proc/$bus_pid/status"; }
# Of its thread that waits, and no other one is there.
quiet() {
	local before
	before=$(wakes)
	[ "$(wc -w <<<"$(echo /proc/"$bus_pid"/task/*)")" = 1 ] && sleep 2 &&
		equal "$(wakes)" "$before"
}
# got N: the receiver's last message
got() { equal "$(tail -n 1 "$t/got")" "$1"; }
# are_ready N: so many channels are
are_ready() { equal "$(find "$run/ready" -type f | wc -l)" "$1"; }

odd=() even=()
for ((i = 1; i <= many; i++)); do
	if ((i % 2)); then odd+=("$prefix-$i"); else even+=("$prefix-$i"); fi
	declare_channel "$prefix-$i" 'capacity = 4K' 'activate = yes'
done
one=$prefix-1
for loop in $loops; do
	start --loop="$loop"
	await "it waits for $many without a thread or a look ($loop)" quiet
	for ((i = 1; i <= many; i++)); do
		chansend "$prefix-$i" a
	done
	await "all are noticed" are_ready $many

	# What a chand that was killed left is put right.
	kill -KILL "$bus_pid"
	wait "$bus_pid" 2>/dev/null
	chanrecv -N "${odd[@]}" >/dev/null
	start --loop="$loop"
	await "those that have messages" are_ready $((many / 2))
	chanctl purge -q "${even[@]}"
	await "messages that no receiver took go, too" are_ready 0

	# A sender that is killed, and one that was there before.
	mkfifo "$t/lines"
	exec 9<>"$t/lines"
	background bash -c "exec '$BUILD/chansend' --lines $one <'$t/lines'" 9>&-
	sender=$!
	await "a sender" reported role=sender INFO "name=$one"
	echo x >&9
	await "its message" test -e "$run/ready/$one"
	kill -KILL "$sender"
	wait "$sender" 2>/dev/null
	exec 9>&-
	rm "$t/lines"
	check "which stays" test -e "$run/ready/$one"
	background "$BUILD/chanrecv" "$one" >"$t/got"
	receiver=$!
	await "a receiver" test ! -e "$run/ready/$one"
	for ((i = 1; i <= 20; i++)); do
		chansend "$one" $i
	done
	await "which gets all" got 20
	check "is no reason to start another one" test ! -e "$run/ready/$one"
	kill -KILL "$receiver"
	wait "$receiver" 2>/dev/null
	chansend "$one" y
	await "until it is killed" test -e "$run/ready/$one"
	chanrecv -N "$one" >/dev/null
	await "nothing is left" test ! -e "$run/ready/$one"
	# Nobody can receive from one that is paused.
	chanctl pause "$one"
	chansend "$one" z
	chansend "$prefix-3" z
	await "one that is not" test -e "$run/ready/$prefix-3"
	check "the paused one starts nobody" test ! -e "$run/ready/$one"
	chanrecv -N "$prefix-3" >/dev/null
	chanctl resume "$one"
	await "until it goes on" test -e "$run/ready/$one"
	chanrecv -N "$one" >/dev/null
	await "quiet again ($loop)" quiet
	stop
	rm -f "/dev/shm/shmchan.$keeper.$prefix"*
done
finish "activation of $many channels, on $loops"
