#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Nobody waits for what another asked for: a channel of 4 GiB, or as large as memory
# allows, is made for one user while another asks and opens channels; and the same
# beside a declared one, at a reload.  On both kinds of loop.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a b=$prefix-b
other=$keeper
[ "$(id -u)" != 0 ] || other=$((keeper + 1000000))

# In MiB: a quarter of what there is.
shm=$(df --output=avail -m /dev/shm | tail -n1)
memory=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
size=$(((shm < memory ? shm : memory) / 4))
[ $size -lt 4096 ] || size=4096
[ $size -ge 1024 ] || skip "there is memory for a channel of $size MiB only"

[ "$other" != "$keeper" ] || skip "as one user: its requests are served one after the other"
echo "$size MiB"
printf '[chand]\ncreate = %s\n' $other >"$etc/chand.conf"
asked() { reported connections=2 STATUS || ! kill -0 "$maker"; }
for loop in $loops; do
	start --loop=$loop
	check "one to open" "$BUILD/chanctl" create --system --owner=$other $a
	check "others are served beside a request" "$BUILD/tests/daemon/prog_beside" \
		"$run/control" "$keeper" $b ${size}M $other $a
	sed "s/^/$loop: /" "$t/out"
	check "it is there" reported origin=requested INFO name=$b
	check "it works" chansend $b x
	check "and is removed" chanctl remove $b

	# Before it is there: again if it was there when we came to look, as when we did not
	# get a CPU meanwhile.
	before=no
	for ((i = 0; i < 5; i++)); do
		declare_channel $b "capacity = ${size}M"
		kill -HUP "$bus_pid"
		check "others are served beside a reload" as $other - "$BUILD/chanctl" info "$keeper/$a"
		[ -e "$(segment $b)" ] || before=yes
		await "then it is there" reported origin=declared INFO name=$b
		rm "$etc/channels.d/$b.conf"
		kill -HUP "$bus_pid"
		await "undeclared" reported origin=adopted INFO name=$b
		check "removed" chanctl remove $b
		[ $before = no ] || break
	done
	check "before it is there" equal $before yes

	# Asked to end in the middle of it, it leaves it whole, or nothing.
	background "$BUILD/chanctl" create --system -c ${size}M $b >/dev/null 2>&1
	maker=$!
	await "asked for, or made" asked
	stop
	wait $maker
	start --loop=$loop
	if [ -e "$(segment $b)" ]; then
		check "whole" chansend $b x
		check "removed" chanctl remove $b
	else
		check "nothing" test ! -e "$run/channels/$b.conf"
	fi
	check "removed" chanctl remove $a
	stop
done
finish "beside a channel of $size MiB"
