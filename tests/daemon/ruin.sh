#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Whoever may write a channel, or make one, may ruin that channel, and no more: chand goes
# on, for everybody else and after a restart.  And what keeps chand from taking
# something up costs nothing else.  On both kinds of loop.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a b=$prefix-b d=$prefix-d

alive() { equal "$(ask STATUS | sed -n 's/^pid=//p')" "$bus_pid"; }
kill_chand() {
	kill -9 "$bus_pid"
	wait "$bus_pid" 2>/dev/null
}

each_loop() {
	: >"$t/log" # what the loop before logged is not awaited again
	start "$@"

	# Times at which to look that are never, or always.
	check "a linger of centuries" ask CREATE name=$a lifetime=ref linger=9223372036854775807ns
	check "and one of nothing" ask CREATE name=$b lifetime=ref linger=1ns
	check "used" chansend $a x
	check "answers" alive
	check "removed" ask REMOVE name=$a
	check "removed" ask REMOVE name=$b

	# Cut off, under chand's own mapping.
	check "create" ask CREATE name=$a activate=yes
	check "used" chansend $a x
	check "cut off" keep truncate -s 0 "$(segment $a)"
	await "which is logged" logged "$a: .*changed the size of its segment"
	check "and reported" reported state=damaged INFO name=$a
	check "somebody comes" keep sh -c ": >>'$(segment $a)'"
	await "answers" alive
	fails 9 "it is damaged" chanctl info $a
	check "others are served" chanctl create --system $b
	check "it can be removed" ask REMOVE name=$a
	check "and made again" ask CREATE name=$a
	check "removed" ask REMOVE name=$a

	# Grown.
	check "create" ask CREATE name=$a
	check "grown" keep truncate -s +4096 "$(segment $a)"
	await "which is reported, too" reported state=damaged INFO name=$a
	fails 9 "it is damaged" chanctl info $a
	check "removed" ask REMOVE name=$a

	# Another name of the same file.
	check "create" ask CREATE name=$a mode=0666
	check "linked" keep ln "$(segment $a)" "$(segment $d)"
	await "refused" logged "$d: it can't be watched"
	fails 3 "not a channel of the bus" ask INFO name=$d
	check "removed" ask REMOVE name=$a
	check "the other name is used" sh -c ": >>'$(segment $d)'"
	check "others are" chansend $b x
	check "answers" alive
	check "the link goes" ask REMOVE name=$d

	# One that can't be adopted keeps its owner.
	check "create" ask CREATE name=$a
	kill_chand
	dd if=/dev/zero of="$(segment $a)" bs=64 count=1 conv=notrunc status=none
	keep touch "$run/ready/$d"
	start "$@"
	check "it is not forgotten" test -f "$run/channels/$a.conf"
	fails 1 "its name is not given away" ask CREATE name=$a
	check "not ready any more" test ! -e "$run/ready/$d"
	check "its owner removes it" ask REMOVE name=$a
	check "and it is forgotten" test ! -e "$run/channels/$a.conf"

	# A file that is refused.
	echo nonsense >"$etc/chand.conf"
	declare_channel $d 'capacity = 64K'
	kill -HUP "$bus_pid"
	await "the others are read" test -f "$(segment $d)"
	await "it is logged" logged 'read again, but for wrong files, which change nothing:'
	rm "$etc/chand.conf" "$etc/channels.d/$d.conf"
	kill -HUP "$bus_pid"
	await "read again" logged 'configuration was read again'
	check "removed" ask REMOVE name=$d
	check "removed" ask REMOVE name=$b
	stop
}

for loop in $loops; do
	each_loop --loop=$loop
done

# A user that may not look at a channel does not learn which processes use it.
if has root users; then
	other=$((keeper + 1))
	start
	background_as $other "$BUILD/tests/daemon/prog_ask" MONITOR >"$t/theirs" 2>/dev/null
	theirs=$!
	background "$BUILD/tests/daemon/prog_ask" MONITOR >"$t/ours" 2>/dev/null
	ours=$!
	await "both monitor" test -s "$t/theirs" -a -s "$t/ours"
	check "secret" ask CREATE name=$a mode=0600
	check "public" ask CREATE name=$b mode=0666
	background "$BUILD/chanrecv" $a $b >/dev/null
	user=$!
	await "ours sees both" sh -c "test \$(grep -cx event=attached '$t/ours') -ge 2"
	await "they see the public one" grep -qx event=attached "$t/theirs"
	check "only" equal "$(grep -A1 -x event=attached "$t/theirs" | grep -c "channel=$a")" 0
	check "but that there is one" grep -qx "channel=$a" "$t/theirs"
	kill $theirs $ours $user
	wait $theirs $ours $user 2>/dev/null
	check "removed" ask REMOVE name=$a
	check "removed" ask REMOVE name=$b
	stop

	# All connections are taken: not to the bus's own user, as whom chand asks itself
	# whether it is alive.
	start
	keep prlimit --pid "$bus_pid" --nofile=80:80
	held=()
	# One after the other, as the one that asks takes a place, too: a place is had when the
	# answer is there, and whoever is refused comes again.
	hold() {
		: >"$t/held"
		background_as $other "$BUILD/tests/daemon/prog_ask" MONITOR >>"$t/held" 2>/dev/null
		held[${#held[@]}]=$!
		until [ -s "$t/held" ]; do
			kill -0 $! 2>/dev/null || { unset "held[-1]"; return 1; }
			sleep 0.02
		done
	}
	for ((i = 0; i < 20; i++)); do
		await "place $i" hold
	done
	fails 1 "no more for others" as $other - "$BUILD/tests/daemon/prog_ask" STATUS
	check "with the reason" grep -q 'too many connections' "$t/said"
	check "answers" alive
	kill "${held[@]}"
	wait "${held[@]}" 2>/dev/null
	stop
fi

finish "what a client can ruin"
