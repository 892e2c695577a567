#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A channel that is removed under the tools: they end with 6 and a line that says so,
# whichever way it was removed, also if it is created again at once.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# ends WHAT PID: it ends with 6 and says why
ends() {
	wait "$2"
	is "$1: status" $? 6
	grep -q 'the channel was removed' "$tmp/err.$1" ||
		fail "$1 says: $(cat "$tmp/err.$1")"
}

remove() { chanctl remove "$ch"; }
senders() { [ "$(chanctl list -H -o SENDERS "$ch")" = 1 ]; }
by_rm() { rm /dev/shm/shmchan.*."$ch"; }

for how in remove by_rm; do
	channel
	chanrecv "$ch" >"$tmp/got" 2>"$tmp/err.receiver" &
	receiver=$!
	happens sleeps $receiver "$ch"
	$how
	chanctl create "$ch"
	chansend "$ch" new
	ends receiver $receiver
	is "the old receiver got" "$(cat "$tmp/got")" ''
	is "the new channel has" "$(chanrecv -N "$ch")" new

	channel -c 4K
	yes | chansend "$ch" 2>"$tmp/err.full" &
	sender=$!
	happens sleeps $sender "$ch"
	$how
	ends full $sender

	# What is left is received.
	channel
	chansend "$ch" a b
	chanrecv -n 3 "$ch" >"$tmp/got" 2>"$tmp/err.limit" &
	receiver=$!
	happens sleeps $receiver "$ch"
	$how
	ends limit $receiver
	is "what was left" "$(cat "$tmp/got")" $'a\nb'
done

# A sender that waits for input, and then sends.
channel
mkfifo "$tmp/in"
chansend -v "$ch" <"$tmp/in" 2>"$tmp/err.input" &
sender=$!
exec 8>"$tmp/in"
echo one >&8
is "the first" "$(chanrecv -1 "$ch")" one
chanctl remove "$ch"
chanctl create "$ch"
echo two >&8
exec 8>&-
ends input $sender
status 5 chanrecv -N "$ch"

# A sender that has nothing more to send, and is to end the channel.
for how in remove by_rm; do
	for what in nothing something; do
		channel
		chansend --eof "$ch" <"$tmp/in" 2>"$tmp/err.eof" &
		sender=$!
		exec 8>"$tmp/in"
		[ $what = nothing ] || echo one >&8
		[ $what = nothing ] || is "before the end" "$(chanrecv -1 "$ch")" one
		happens senders
		$how
		exec 8>&-
		ends eof $sender
	done
done

# The name only.
channel
chanrecv -1 "$ch" >"$tmp/got" &
receiver=$!
happens sleeps $receiver "$ch"
chansend --eof -v "$ch" <"$tmp/in" 2>"$tmp/err.name" &
sender=$!
exec 8>"$tmp/in"
happens senders
status 0 chanctl remove --name-only "$ch"
status 3 chanctl info "$ch"
echo on >&8
exec 8>&-
wait $receiver
is "name only: the receiver" $? 0
is "name only: it got" "$(cat "$tmp/got")" on
wait $sender
is "name only: the sender" $? 0

finish
