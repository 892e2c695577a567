#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What chand does with channels: declared, asked for and found ones; their ends;
# what it reports; reload; a second instance.  On both kinds of loop.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a b=$prefix-b d=$prefix-d

each_loop() {
	start "$@"

	# Asked for: the requester's, kept in a file that goes with it.
	check "create" chanctl create --system --lifetime=daemon --linger=0 $a
	check "its segment" test -f "$(segment $a)"
	check "its file" test -f "$run/channels/$a.conf"
	fails 1 "there is one" chanctl create --system $a
	check "but -p" chanctl create --system -p $a
	fails 1 "-p, with another capacity" chanctl create --system -p -c 32K $a
	check "send" chansend $a hello
	check "and receive" equal "$(chanrecv -1 $a)" hello
	check "list" reported name=$a LIST
	check "remove" chanctl remove $a
	await "chand sees it go" test ! -e "$run/channels/$a.conf"

	# Found.
	check "made without chand" chanctl create $b
	await "found" reported origin=adopted INFO name=$b
	check "removed without chand" chanctl remove $b
	await "seen" sh -c "! '$BUILD/tests/daemon/prog_ask' INFO name=$b"

	# Its users learn of it, whoever removed it; or go on, if only the name is.
	check "made to be removed by hand" chanctl create --system $a
	background "$BUILD/chanrecv" $a
	await "a receiver of it" reported role=receiver INFO name=$a
	check "rm" rm "$(segment $a)"
	wait $!
	check "its receiver ends with 6" equal $? 6
	await "chand sees that" test ! -e "$run/channels/$a.conf"
	fails 2 "name-only is a word of two" ask REMOVE name=$a name-only=maybe
	check "made to lose its name" chanctl create --system $a
	background "$BUILD/chanrecv" -1 $a >"$t/unlinked"
	receiver=$!
	mkfifo "$t/unlinked.in"
	exec 8<>"$t/unlinked.in"
	background bash -c "exec '$BUILD/chansend' $a <'$t/unlinked.in'" 8>&-
	sender=$!
	await "a receiver that stays" reported role=receiver INFO name=$a
	await "a sender that stays" reported role=sender INFO name=$a
	check "name only" ask REMOVE name=$a name-only=yes
	await "the name is gone" test ! -e "$(segment $a)"
	echo on >&8
	wait $receiver
	check "they go on" equal "$(cat "$t/unlinked")" on
	kill $sender
	wait $sender 2>/dev/null
	exec 8>&-
	rm "$t/unlinked.in"

	# Ref: the last one leaves, killed or not.
	check "ref" chanctl create --system --lifetime=ref $a
	check "used and left" chansend $a x
	await "removed" test ! -e "$(segment $a)"
	check "ref with linger" chanctl create --system --lifetime=ref --linger=300ms $a
	background "$BUILD/chanrecv" $a >/dev/null
	await "a receiver" sh -c "'$BUILD/chanctl' test $keeper/$a 'receivers>=1'"
	await "seen" reported role=receiver INFO name=$a
	kill -9 "$(ask INFO name=$a | sed -n 's/^pid=//p')"
	wait $! 2>/dev/null
	await "removed after its linger" test ! -e "$(segment $a)"

	# Activation.
	check "activated" chanctl create --system --activate $a
	check "not ready" test ! -e "$run/ready/$a"
	check "a message" chansend $a x
	await "ready" test -e "$run/ready/$a"
	check "received" chanrecv -1 $a
	await "not ready any more" test ! -e "$run/ready/$a"
	mkfifo "$t/lines"
	exec 9<>"$t/lines"
	background bash -c "exec '$BUILD/chansend' --lines $a <'$t/lines'" 9>&-
	await "a sender" reported role=sender INFO name=$a
	echo y >&9
	await "a sender that was there before is noticed" test -e "$run/ready/$a"
	check "removed" chanctl remove $a
	await "and with it the sign" test ! -e "$run/ready/$a"
	exec 9>&-
	wait $!
	rm "$t/lines"

	# A death: what was taken comes back at once.
	check "for a death" chanctl create --system $a
	: >"$t/events"
	background "$BUILD/tests/daemon/prog_ask" MONITOR >"$t/events"
	local monitor=$!
	await "monitoring" test -s "$t/events"
	check "message" chansend $a again
	: >"$t/taken"
	background "$BUILD/tests/daemon/prog_take" $a >"$t/taken"
	await "taken" grep -q taken "$t/taken"
	# An endpoint that dies before chand has seen it is not reported.
	await "seen" reported role=receiver INFO name=$a
	kill -9 $!
	wait $! 2>/dev/null
	# By chand: a receiver that comes would do it too.
	await "event: died" grep -qx event=died "$t/events"
	await "event: redelivered" grep -qx event=redelivered "$t/events"
	check "redelivered" equal "$(chanrecv -1 -W 10 $a)" again
	check "event: attached" grep -qx event=attached "$t/events"
	kill $monitor
	wait $monitor 2>/dev/null
	check "remove" chanctl remove $a

	# Metrics, over their own socket and the other.
	check "metrics" sh -c "'$BUILD/tests/daemon/prog_ask' METRICS | grep -q '^chand_deaths_total [1-9]'"
	check "end of metrics" equal "$(ask METRICS | tail -n1)" "# EOF"
	keep "$BUILD/tests/daemon/prog_scrape" "$run/metrics" >"$t/metrics"
	check "metrics socket" equal "$(tail -n1 "$t/metrics")" "# EOF"
	check "metrics socket" grep -q '^chand_channels ' "$t/metrics"

	# A second instance.
	fails 1 "second" keep "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run"
	check "says so" grep -q "another chand, process $bus_pid, keeps this bus" "$t/said"

	# daemon: while chand runs.
	check "daemon" chanctl create --system --lifetime=daemon $a
	stop
	check "gone with chand" test ! -e "$(segment $a)"
}

for loop in $loops; do
	each_loop --loop=$loop
done

# Declarations.
declare_channel $d 'capacity = 64K' 'mode = 0600'
declare_channel $a 'capacity = 64K' 'nonsense'
declare_channel $b 'capacity = 12 apples'
start
check "declared" test -f "$(segment $d)"
check "a bad file by line" logged "$a: .*$a.conf: line 3: not 'key = value'; refused as a whole"
check "a bad value by line" logged "$b: .*$b.conf: line 2: capacity: '12 apples' is not a size"
check "refused as a whole" test ! -e "$(segment $a)"
check "a message" chansend $d kept

declare_channel $a 'capacity = 64K' 'max-message = 100'
mkdir "$etc/channels.d/$a.conf.d"
printf '[channel]\noverflow = fail\n' >"$etc/channels.d/$a.conf.d/50-fail.conf"
rm "$etc/channels.d/$b.conf"
inode=$(stat -c %i "$(segment $d)")
kill -HUP "$bus_pid"
await "reloaded" test -f "$(segment $a)"
check "with its drop-in" equal "$(chanctl -H -o overflow stat $a)" fail
check "what is unchanged is not touched" equal "$(stat -c %i "$(segment $d)")" "$inode"
check "nor its messages" equal "$(chanrecv -1 $d)" kept
declare_channel $a 'capacity = 64K' 'max-message = 200'
kill -HUP "$bus_pid"
await "what can't be changed is logged" logged "$a: the channel's max-message is not as .*$a.conf wants"
check "removed, it is made anew" chanctl remove $a
await "as declared now" sh -c "test \$('$BUILD/chanctl' -H -b -o max-message stat $keeper/$a) = 200"
rm -r "$etc/channels.d/$a.conf" "$etc/channels.d/$a.conf.d"
kill -HUP "$bus_pid"
await "undeclared, it stays" logged "$a: no file declares it any more"
check "undeclared" test -f "$(segment $a)"
check "until it is removed" chanctl remove $a
sleep 0.1
check "for good" test ! -e "$(segment $a)"
stop
check "what persists stays" test -f "$(segment $d)"
keep rm -f "$(segment $d)"
printf '[chand]\nloop = steam\n' >"$etc/chand.conf"
fails 2 "a bad chand.conf" keep "$BUILD/chand" --check --config-dir="$etc"
check "by line" grep -q "chand.conf: line 2: loop: 'steam' is not" "$t/said"
finish "a bus, on $loops"
