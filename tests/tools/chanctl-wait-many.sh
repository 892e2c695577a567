#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl wait with several conditions, any or all of them: it sleeps until something happens,
# whoever does it and whatever it is, and says what came true.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

wakes() { awk '/_ctxt_switches/ { n += $2 } END { print n }' "/proc/$1/status"; }
# quiet PID: it does not run
quiet() {
	local before
	before=$(wakes "$1")
	sleep 0.5 && [ -d "/proc/$1" ] && equal "$(wakes "$1")" "$before"
}
# waits ARGUMENT...: chanctl wait, in the background, which sleeps; $pid
waits() {
	chanctl wait "$@" >"$tmp/said" 2>"$tmp/err" &
	pid=$!
	await "it sleeps" quiet $pid
}

# A sender and a receiver that stay: no file is opened or closed when they go on.
channel -c 4K -m 1000 && a=$ch
channel && b=$ch
mkfifo "$tmp/lines" "$tmp/go"
exec 8<>"$tmp/lines" 9<>"$tmp/go"
chansend "$a" <&8 &
sender=$!
chanrecv "$a" -- sh -c "read -r _ <'$tmp/go'" &
receiver=$!
happens chanctl test "$a" 'senders=1'
happens chanctl test "$a" 'receivers=1'

waits "$a" nonempty
echo 1 >&8
ended $pid 0
waits "$a" 'depth>=3'
echo 2 >&8
await "it sleeps on" quiet $pid
echo 3 >&8
ended $pid 0
waits "$a" 'depth<=1'
echo >&9
await "it sleeps on" quiet $pid
echo >&9
ended $pid 0
waits "$a" empty
echo >&9
ended $pid 0

# Endpoints that come, and are killed.
waits "$b" 'senders>=2' "$a" 'senders=1'
chansend "$b" <&8 &
second=$!
happens chanctl test "$b" 'senders=1'
kill -0 $pid || fail "one sender was enough"
chansend "$b" <&8 &
third=$!
ended $pid 0
waits "$b" 'senders<=1'
kill -KILL $second
ended $pid 0
waits "$b" 'senders=0'
kill -KILL $third
ended $pid 0
wait $second $third 2>/dev/null
# An observer opens the file, too, and attaches never.
waits "$b" 'receivers>=1'
chanctl stat "$b" >/dev/null
chanrecv -1 "$b" >/dev/null &
late=$!
ended $pid 0
chansend "$b" x
ended $late 0

# --any: the first that holds ends it, and is printed.
waits --any "$a" full "$b" nonempty "$a.none" exists
chansend "$b" x
ended $pid 0
is "what came true" "$(cat "$tmp/said")" "$b nonempty"
waits --any "$b" empty "$a.none" exists
channels+=("$a.none")
chanctl create "$a.none"
ended $pid 0
is "a name that came" "$(cat "$tmp/said")" "$a.none exists"
status 0 chanctl wait --any "$a" empty "$b" nonempty "$a" full
is "all that hold" "$(cat "$tmp/out")" "$a empty"$'\n'"$b nonempty"

# --all, which is the default: all at once.
waits "$a" nonempty "$b" nonempty "$a.none" gone
is "nothing is printed" "$(cat "$tmp/said")" ''
echo 4 >&8
await "one is not enough" quiet $pid
chanrecv -1 "$b" >/dev/null
await "nor if another one holds no more" quiet $pid
chanctl remove "$a.none"
await "nor two of three" quiet $pid
chansend "$b" y
ended $pid 0
status 0 chanctl wait --all "$a" nonempty "$b" nonempty
is "nor is anything printed" "$(cat "$tmp/out")" ''
echo >&9

# What can't come true: with --all one is enough, with --any all are.
channel && c=$ch
channel && d=$ch
waits -W $bound "$b" empty "$c" nonempty
chanctl close "$c"
ended $pid 6
says "$c: closed: 'nonempty' can't become true"
waits -W $bound --any "$d" nonempty "$c" nonempty
chansend "$d" x
ended $pid 0
chanrecv -1 "$d" >/dev/null
waits -W $bound --any "$d" nonempty "$c" nonempty
chanctl remove "$d"
ended $pid 3
says "$d: no such channel"
status 3 chanctl wait --any "$b" nonempty "$d" empty
status 124 chanctl wait -W 0 "$b" empty "$b" nonempty "$a" full
says "$b: timed out waiting for 'empty'"
says "$a: timed out waiting for 'full'"
status 124 chanctl wait -W 50ms --any "$b" empty "$a" full

# A signal.
env --default-signal=INT chanctl wait "$b" empty "$a" full &
pid=$!
await "it sleeps" quiet $pid
kill -INT $pid
ended $pid 130

# A hundred channels.
many=()
for ((i = 0; i < 100; i++)); do
	channel_name
	many+=("$ch")
done
printf '%s\n' "${many[@]}" | xargs -n 1 -P 4 chanctl create -c 4K
pairs=()
for ch in "${many[@]}"; do
	pairs+=("$ch" nonempty)
done
waits --any "${pairs[@]}"
chansend "${many[77]}" x
ended $pid 0
is "of a hundred" "$(cat "$tmp/said")" "${many[77]} nonempty"
waits "${pairs[@]}"
printf '%s\n' "${many[@]}" | xargs -I{} -P 4 chansend {} x
ended $pid 0

# Who may not write the channel looks at it in intervals.
if [ "$(id -u)" = 0 ]; then
	channel --mode=0644
	chansend "$ch" <&8 &
	other=$!
	happens chanctl test "$ch" 'senders=1'
	setpriv --reuid=65534 --regid=65534 --clear-groups "$BUILD/chanctl" wait -W $bound "root/$ch" nonempty &
	pid=$!
	happens grep -q '^State:.S' "/proc/$pid/status"
	kill -STOP $sender # it reads the same lines
	echo 5 >&8
	ended $pid 0
	kill -CONT $sender
	kill -KILL $other
	wait $other 2>/dev/null
else
	not_tried "needs root, to be another user"
fi

kill -KILL $sender $receiver
wait $sender $receiver 2>/dev/null

# Bad use.
status 2 chanctl wait "$a" empty "$b"
says "each NAME needs one COND behind it, and there is none behind '$b'"
status 2 chanctl wait --any --all "$a" empty
says "--any and --all exclude each other"
status 2 chanctl wait "$a" empty "$b" emptyish
says "no condition 'emptyish'"
status 2 chanctl test "$a" empty "$b" empty
status 2 chanctl wait "$a" empty .bad empty
says 'chanctl: .bad: bad channel name'

finish
