#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make demo: what shmchan does, shown with separate processes.  Ends by itself in
# a few seconds, and leaves nothing, also when it is interrupted.

set -eu
: "${BUILD:?is not set: use make demo}"
PATH=$BUILD:$PATH
c=demo-$$
t=$(mktemp -d)

finish() {
	trap - EXIT INT TERM HUP
	local left
	left=$(jobs -p)
	# shellcheck disable=SC2086 # a list
	[ -z "$left" ] || kill -KILL $left 2>/dev/null || :
	chanctl list "$c-*" -H -o name 2>/dev/null | xargs -r chanctl remove || :
	rm -rf "$t"
	[ -z "${1-}" ] || kill -s "$1" $$
}
trap finish EXIT
for s in INT TERM HUP; do
	# shellcheck disable=SC2064 # now
	trap "finish $s" $s
done

title() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}
[ -t 1 ] || title() { printf '\n%s\n' "$*"; }

show() {
	printf '    %s\n' "$*"
}

stat() {
	chanctl stat -H -o "$2" "$1" | xargs
}

# A chansend that is to fail, and what it says.
refused() {
	local status=0
	chansend "$@" 2>"$t/err" || status=$?
	show "\$ chansend $*" && show "$(<"$t/err")  (exit status $status)"
}

title "1. Fan-in: three processes send, one receives."
chanctl create "$c-in" --capacity=64K
chanrecv "$c-in" >"$t/in" &
receiver=$!
senders=()
for s in a b c; do
	chansend "$c-in" < <(seq -f "$s %g" 20000) &
	senders+=($!)
done
wait "${senders[@]}"
chanctl close "$c-in"
wait $receiver
show "received $(wc -l <"$t/in") messages of 60000, $(sort "$t/in" | uniq -d | wc -l) of them twice"
for s in a b c; do
	grep "^$s" "$t/in" | sort -c -k2n && show "those of sender $s arrived in the order in which it sent them"
done

title "2. Fan-out: one process sends, three receive; each message goes to one of them."
chanctl create "$c-out" --capacity=64K
receivers=()
for r in 1 2 3; do
	chanrecv "$c-out" >"$t/out.$r" &
	receivers+=($!)
done
chanctl wait "$c-out" 'receivers>=3' -W 5
seq 60000 | chansend --eof "$c-out"
wait "${receivers[@]}"
show "they got $(wc -l <"$t/out.1") + $(wc -l <"$t/out.2") + $(wc -l <"$t/out.3") messages"
show "together $(cat "$t"/out.? | sort -u | wc -l) different ones of 60000: none lost, none twice"

title "3. Back-pressure: the ring holds 4 KiB, nobody receives yet, and 1000 messages want in."
chanctl create "$c-small" --capacity=4K --max-message=16
chansend "$c-small" < <(seq 1000) &
sender=$!
chanctl wait "$c-small" full -W 5
show "full with $(stat "$c-small" depth) messages; the sender waits"
refused --nowait "$c-small" "no room"
chanrecv "$c-small" >"$t/small" &
receiver=$!
wait $sender
show "a receiver came: the sender went on and is done"
chanctl close "$c-small"
wait $receiver
show "the receiver has all $(wc -l <"$t/small")"

title "4. A receiver is killed with SIGKILL while it works on a message."
chanctl create "$c-kill"
mkfifo "$t/stuck"
exec 3<>"$t/stuck"
chanrecv "$c-kill" >"$t/stuck" 3>&- &
victim=$!
head -c 200000 /dev/zero | tr '\0' x | chansend --whole "$c-kill"
chansend "$c-kill" "the next message"
# It has taken the message when the first bytes of it come out.
head -c 1 <&3 >/dev/null
show "process $victim has taken 200000 bytes and is still writing them"
{ kill -KILL $victim && wait $victim || :; } 2>/dev/null
exec 3>&-
show "killed; another receiver starts and gets:"
chanrecv -n 2 --format='%l bytes: %p\n' "$c-kill" | cut -c 1-40 | while read -r line; do show "  $line"; done
show "the message of the killed one, then the next: nothing is lost"

title "5. Close and drain."
chanctl create "$c-end"
chansend "$c-end" one two three
chanctl close "$c-end"
refused "$c-end" four
show "what was there is still received: $(chanrecv "$c-end" | xargs)"
chanrecv "$c-end" && show "and then every receiver is told that this was the end"
echo
