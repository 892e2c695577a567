#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chand is killed again and again while messages pass: none is lost, delayed or out
# of order, and each new chand adopts the channels and sees which processes have them open.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a b=$prefix-b

start
check "asked for" chanctl create --system -c 64K $a
chanctl create --system -c 16K --lifetime=ref --linger=200ms $b
(i=0; while [ ! -e "$t/enough" ]; do echo $((++i)); done) | tee "$t/sent" | chansend --lines $a &
sender=$!
: >"$t/received"
chanrecv $a >"$t/received" &
receiver=$!
background "$BUILD/chanrecv" $b >/dev/null
user=$!
await "both there" sh -c "'$BUILD/tests/daemon/prog_ask' INFO name=$b | grep -qx role=receiver"
for i in 1 2 3 4 5 6 7 8 9 10; do
	kill -9 "$bus_pid"
	wait "$bus_pid" 2>/dev/null
	before=$(stat -c %s "$t/received")
	await "without chand messages pass ($i)" sh -c "test \$(stat -c %s '$t/received') -gt $before"
	if [ $i = 10 ]; then # dies while nobody looks
		kill -9 $user
		wait $user 2>/dev/null
	fi
	if [ $((i % 2)) = 0 ]; then start; else start --loop=epoll; fi
	check "adopted ($i)" reported origin=requested INFO name=$a
	check "with its users ($i)" reported role=sender INFO name=$a
	before=$(stat -c %s "$t/received")
	await "messages pass ($i)" sh -c "test \$(stat -c %s '$t/received') -gt $before"
done
await "whose last user died without chand, it is gone" test ! -e "$(segment $b)"
await "and its file" test ! -e "$run/channels/$b.conf"
touch "$t/enough"
wait $sender
check "the sender ends well" equal $? 0
check "closed" chanctl close $a
wait $receiver
check "the receiver ends well" equal $? 0
check "every message, once, in order" cmp "$t/sent" "$t/received"
n=$(wc -l <"$t/sent")

# A request whose answer nobody got: a file without a segment, and a half-written one.
kill -9 "$bus_pid"
wait "$bus_pid" 2>/dev/null
keep touch "$run/channels/$prefix-x.conf" "$run/channels/$prefix-y.conf.new"
start
check "forgotten" equal "$(ls "$run/channels")" "$a.conf"
check "removed" chanctl remove $a

# Two at once: one serves, the other says so and ends.
stop
for i in 1 2 3 4 5; do
	: >"$t/log"
	background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" >>"$t/log" 2>&1
	one=$!
	background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" >>"$t/log" 2>&1
	two=$!
	await "one of two serves ($i)" reported scope=system STATUS
	await "the other says so ($i)" logged "another chand, process .* keeps this bus"
	serves=$(ask STATUS | sed -n 's/^pid=//p')
	wait $((one + two - serves)) # it ends by itself
	check "the other ended with 1 ($i)" equal $? 1
	kill "$serves"
	wait "$serves"
	check "the one ended well ($i)" equal $? 0
done
finish "ten kills, $n messages"
