#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl monitor: what happens to a channel is reported, in order, in whole lines.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

channel_name
channels+=("$ch".{before,a,full,denied})
events=$tmp/events

# reported EVENT...: each of them, as "CHANNEL EVENT DETAIL...", is in the stream.
reported() {
	local got
	got=$(jq -r '[(.ch | sub(".*[.]"; "")), .event, .role // .how // .state // .count // empty] | join(" ")' \
		"$events" 2>/dev/null)
	for event; do
		grep -qxF -e "$event" <<<"$got" || return
	done
}

# times EVENT: how many of the channel `a` there are
times() { jq -s --arg e "$1" --arg ch "$ch.a" 'map(select(.event == $e and .ch == $ch)) | length' "$events"; }

chanctl create "$ch.before"
chanctl -v monitor -J "$ch.*" >"$events" 2>"$tmp/note" &
monitor=$!
happens reported 'before present open'
happens grep -q 'chanctl: watching, 1 channels so far' "$tmp/note"

chanctl create -c 4K -m 1000 "$ch.a"
happens reported 'a created open'

mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
chansend "$ch.a" <"$tmp/fifo" 2>/dev/null &
sender=$!
happens reported 'a attached sender'
is 'which process attached' "$(jq -c --arg ch "$ch.a" 'select(.event == "attached" and .ch == $ch) |
	[.pid, .user, .command]' "$events")" "[$sender,\"$(id -un)\",\"chansend\"]"
echo hello >&8
happens reported 'a nonempty'
for ((i = 0; i < 4; i++)); do printf '%0990d\n' 0; done >&8
happens reported 'a full'
kill -KILL $sender
happens reported 'a detached sender'

chanrecv -n 2 "$ch.a" >/dev/null
happens reported 'a notfull'
is 'reported as empty too early' "$(times empty)" 0
chanctl purge "$ch.a"
happens reported 'a empty' 'a dropped 3'
chanctl close "$ch.a"
happens reported 'a closed drain'
chanctl close --now "$ch.a"
happens reported 'a closed discard'
chanctl remove "$ch.a"
happens reported 'a removed'

# A name that comes again is another channel; one that is gone at once is reported too.
chanctl create "$ch.a"
chanctl remove "$ch.a"
chanctl create -c 4K -m 1000 "$ch.a"
created_again() { [ "$(times created)" = 3 ] && [ "$(times removed)" = 2 ]; }
happens created_again

# What happened last before a removal is reported before it.
chanctl close --now "$ch.a"
chanctl remove "$ch.a"
removed_again() { [ "$(times removed)" = 3 ]; }
happens removed_again
is 'the end of the stream' "$(tail -n2 "$events" | jq -r .event | paste -sd' ')" 'closed removed'

# Damage found by a receiver.
chanctl create -c 4K -m 1000 "$ch.a"
chansend "$ch.a" aaaaaaaaaaaaaaaa
segment=/dev/shm/shmchan.$(id -u).$ch.a
at=$(grep -abo aaaaaaaaaaaaaaaa "$segment" | cut -d: -f1)
head -c 16 /dev/zero | tr '\0' '\377' |
	dd of="$segment" bs=1 seek=$((at - 16)) conv=notrunc status=none
status 9 chanrecv -N "$ch.a"
happens reported 'a damaged'

# A receiver that is killed with a message: it is delivered again.
channels+=("$ch.lease")
chanctl create "$ch.lease"
chansend "$ch.lease" one two
mkfifo "$tmp/stuck"
exec 7<>"$tmp/stuck"
# Full: the receiver hangs in write(2).
dd if=/dev/zero of="$tmp/stuck" bs=4096 oflag=nonblock 2>"$tmp/dd"
chanrecv -F raw "$ch.lease" >"$tmp/stuck" &
receiver=$!
leased() { [ "$(chanctl info -H -o RECEIVERS,DEPTH "$ch.lease" | paste -sd' ')" = '1 2' ]; }
happens leased
happens reported 'lease attached receiver'
kill -KILL $receiver
happens reported 'lease detached receiver'
is 'after the death' "$(chanrecv -N "$ch.lease" | paste -sd' ')" 'one two'

# TERM ends it by that signal; every line is whole, has a time, in order.
now=$(date +%s)
kill $monitor
ended $monitor 143
jq -se --argjson now "$now" 'map(.ts) | . == sort and .[0] > $now - 300 and .[-1] < $now + 2' \
	"$events" >/dev/null && pass || fail "times: $(jq -c .ts "$events")"

# An event is one line, even if JSON is to be pretty.
rm "$events"
chanctl --json=pretty monitor "$ch.before" >"$events" &
monitor=$!
happens grep -q present "$events"
chanctl close "$ch.before"
happens reported 'before closed drain'
kill $monitor
ended $monitor 143
is 'lines, pretty' "$(jq -Rr 'fromjson | .event' "$events" | paste -sd' ')" 'present closed'

# For people.
rm -f "$events" "$tmp/note"
chanctl -v monitor "$ch.full" >"$events" 2>"$tmp/note" &
monitor=$!
watches() { grep -qs inotify "/proc/$monitor/fdinfo/"*; }
happens grep -q 'watching, 0 channels' "$tmp/note"
chanctl create "$ch.full"
happens grep -qE "^20[0-9-]+ [0-9:.]+ $ch.full created state=open$" "$events"
is 'of other channels' "$(grep -cv "$ch.full" "$events")" 0

# INT ends it too, and so does a reader that goes away, even if nothing happens.
kill $monitor
ended $monitor 143
env --default-signal=INT chanctl monitor "$ch.full" >"$events" &
monitor=$!
happens grep -q present "$events"
kill -INT $monitor
ended $monitor 130
mkfifo "$tmp/reader"
env --default-signal=PIPE chanctl monitor "$ch.none*" >"$tmp/reader" &
monitor=$!
exec 9<"$tmp/reader"
happens watches
exec 9<&-
ended $monitor 141

finish
