#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Nobody waits until all declared channels are made, or all that are there are adopted.
# What is there is served; whoever asks for one that is being made waits for that one, or
# reads that it is still being made; a small one is not behind a large one.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
many=1000
last=$prefix-$many

# chand, until it listens.
begin() {
	: >"$t/log"
	background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" "$@" >>"$t/log" 2>&1
	bus_pid=$!
	await "it answers" answers
}
answers() { ask STATUS | grep -qx "pid=$bus_pid"; }
unmade() { ask STATUS | sed -n 's/^making=//p'; }
done_filling() { [ "$(unmade)" = 0 ]; }

# Thousands of small ones.  The last is asked for while most are not made, but for a
# machine that made all meanwhile: then again.
for ((i = 1; i <= many; i++)); do
	printf '[channel]\ncapacity = 4K\nendpoints = 4\nsend = 1234\n' >"$etc/channels.d/$prefix-$i.conf"
done
for loop in $loops; do
	before=no
	for ((i = 0; i < 5 && ${#before} == 2; i++)); do
		rm -f "/dev/shm/shmchan.$keeper.$prefix"-*
		begin --loop="$loop"
		check "the last one is made for whoever asks" reported origin=declared INFO "name=$last"
		check "with its rights" reported send=1234 INFO "name=$last"
		[ "$(unmade)" = 0 ] || before=yes
		fails 3 "one that is not declared is not waited for" ask INFO "name=$prefix-x"
		await "all are made" done_filling
		check "as many" reported channels=$many STATUS
		check "it said that it serves before" logged "serves; [0-9]* channels are still to be adopted or made"
		await "and when all were there" logged "keeps $many channels"
		[ $before = yes ] || stop
	done
	check "while others were not yet ($loop)" equal $before yes

	# The same ones are there: killed and started again.
	before=no
	for ((i = 0; i < 5 && ${#before} == 2; i++)); do
		kill -9 "$bus_pid"
		wait "$bus_pid" 2>/dev/null
		begin --loop="$loop"
		check "the last is served as declared" reported origin=declared INFO "name=$last"
		check "with its rights" reported send=1234 INFO "name=$last"
		[ "$(unmade)" = 0 ] || before=yes
		await "all are adopted" done_filling
		check "as many" reported channels=$many STATUS
		check "none as adopted" equal "$(ask LIST | grep -c '^origin=adopted')" 0
	done
	check "while others were not yet adopted ($loop)" equal $before yes
	stop
done
rm -rf "$etc/channels.d" "/dev/shm/shmchan.$keeper.$prefix"-*
mkdir "$etc/channels.d"

# A large one, and a small one that comes after it by name.
shm=$(df --output=avail -m /dev/shm | tail -n1)
memory=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
size=$(((shm < memory ? shm : memory) / 4))
[ $size -lt 4096 ] || size=4096
if [ $size -ge 1024 ]; then
	declare_channel "$prefix-big" "capacity = ${size}M"
	declare_channel "$prefix-small" 'capacity = 4K' 'send = 1234'
	for loop in $loops; do
		before=no still=no
		for ((i = 0; i < 5; i++)); do
			begin --loop="$loop"
			check "the small one is not behind the large one" reported origin=declared INFO "name=$prefix-small"
			fails 1 "whoever wants it made finds it" ask CREATE "name=$prefix-small"
			check "and may have asked for the same" chanctl create --system --parents "$prefix-small"
			[ -e "$(segment "$prefix-big")" ] || before=yes
			# A fast machine makes it while chand lets the client wait.
			if ask INFO "name=$prefix-big" >"$t/said" 2>&1 ||
				grep -q "chand is still making this channel; try again" "$t/said"; then
				still=yes
			fi
			await "then it is there" reported origin=declared INFO "name=$prefix-big"
			await "then all are" done_filling
			stop
			[ $before$still != yesyes ] || break
			rm "$(segment "$prefix-big")"
		done
		check "before the large one was there ($loop)" equal $before yes
		check "whoever asked for that got it, or read that it is being made ($loop)" equal $still yes
		rm -f "$(segment "$prefix-big")"
	done

	# Asked to end in the middle of it, it ends.
	begin
	stop
	check "it left it whole, or nothing" sh -c "[ ! -e '$(segment "$prefix-big")' ] || $BUILD/chanctl stat $keeper/$prefix-big"
else
	not_tried "a channel of 1 GiB: there is memory for $size MiB only"
fi
finish "channels made and adopted while others are served"
