#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A channel whose client gave up is not made, or is removed again: no name, no file of it,
# no memory.  One whose answer was read, or that somebody uses, stays.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a b=$prefix-b
give_up() { keep "$BUILD/tests/daemon/prog_giveup" "$run/control" "$@"; }
nothing_of() { [ ! -e "$(segment "$1")" ] && [ ! -e "$run/channels/$1.conf" ]; }
empty() { [ -z "$(ls "$run/channels")" ]; }
begun() { ask STATUS | grep -q '^your-channels=1/'; }

for loop in $loops; do
	start --loop="$loop"
	for i in 1 2 3 4 5; do
		check "given up at once ($i)" give_up ask "$a" 64M
		# A user's are made one after the other: when this one is, that one is over.
		check "the next is made ($i)" chanctl create --system -c 4K "$b"
		check "the one given up is not there ($i)" nothing_of "$a"
		fails 3 "nor known" ask INFO "name=$a"
		check "removed ($i)" chanctl remove "$b"
	done

	# It waits behind another of its user: it is not even begun.
	background "$BUILD/tests/daemon/prog_ask" MONITOR >"$t/events"
	monitor=$!
	await "a monitor" test -s "$t/events"
	keep "$BUILD/tests/daemon/prog_giveup" "$run/control" read "$b" 1G &
	first=$!
	await "that is begun" begun
	check "given up while it waits" give_up ask "$a" 4K
	check "chand has seen it" ask STATUS
	early=no
	[ -e "$(segment "$b")" ] || early=yes
	wait $first
	check "the one before is made" equal $? 0
	await "the one given up is not there" nothing_of "$a"
	check "removed" chanctl remove "$b"
	await "the events are there" grep -A1 '^event=removed' "$t/events"
	[ $early = no ] || check "it was never made" sh -c "! grep '^channel=$a\$' '$t/events'"
	kill $monitor
	wait $monitor 2>/dev/null

	check "given up with the answer unread" give_up unread "$a" 64K
	await "it is removed again" nothing_of "$a"
	check "and can be made" chanctl create --system -c 4K "$a"
	check "this one stays" reported origin=requested INFO "name=$a"
	check "given up, but another has the name" give_up unread "$a" 64K
	check "which stays" chansend "$a" x
	check "removed" chanctl remove "$a"

	check "the answer was read" give_up read "$a" 64K
	check "it stays" chansend "$a" x
	check "removed" chanctl remove "$a"

	check "unread, but used" give_up unread "$a" 64K "$BUILD/chansend $a x"
	check "another request" ask STATUS
	check "what is used stays" equal "$(chanrecv -1 "$a")" x
	check "removed" chanctl remove "$a"
	await "nothing is left" empty
	stop
done
finish "channels whose client gave up"
