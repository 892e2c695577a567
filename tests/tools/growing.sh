#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Channels that grow, from the shell: what is refused says why in one line, the tools show the
# size, and where /dev/shm is full the sender is told, and nothing is lost.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

if [ "${1-}" != inside ]; then
	has mounts || skip "needs a /dev/shm of its own"
	exec unshare -m --propagation private "$0" inside
fi
mount -t tmpfs -o size=8m,mode=1777 tmpfs /dev/shm || exit 1

# value COLUMN: of the channel, sizes in bytes
value() { chanctl stat -bH -o "$1" "$ch"; }
# allocated: what the system counts for the segment
allocated() { stat -c %b "/dev/shm/shmchan.$(id -u).$ch"; }
small_again() { [ "$(allocated)" = "$at_first" ]; }

# ---- what can't grow ----

# refused TEXT OPTION...: one line that has the text, and no channel
refused() {
	local text=$1
	shift
	status 2 chanctl create "$@" "$ch"
	says "$text"
	is "lines of '$text'" "$(grep -vc '^Try ' "$tmp/err")" 1
	status 1 chanctl test "$ch" exists
}
channel_name
refused 'max_capacity: 524288 is below the capacity, which is 1048576' -c 1M --max-capacity=512K
refused 'max_capacity: a rendezvous does not grow' -k rendezvous --max-capacity=1M
refused 'max_capacity: a rendezvous does not grow' -c 0 --max-capacity=1M
refused 'max_capacity: a latest does not grow' -k latest --max-capacity=1M
refused 'max_capacity: 1073741824 is more than /dev/shm has, which is 8388608 bytes' --max-capacity=1G
refused "'lots' is not unbounded or a size above 0" --max-capacity=lots
refused "'0' is not unbounded or a size above 0" --max-capacity=0
refused 'max_message: a message of 5242880 bytes needs a ring of 5242912' \
	-c 64K --max-capacity=4M -m 5M

# ---- what is shown ----

chanctl create -c 64K --max-capacity=4M -m 1M "$ch"
at_first=$(allocated)
chanctl monitor -J "$ch" >"$tmp/events" &
monitor=$!
happens grep -q present "$tmp/events"
is 'list' "$(chanctl list -H "$ch" | tr -s ' ')" "$ch queue open 0 0 64K 4M 0 0 0600"
is 'it has not grown' "$(value peak,grown,grown-why | tr -s ' ')" '65536 0 -'
head -c 1M /dev/urandom >"$tmp/large" # far more than the ring has
chansend -f "$tmp/large" "$ch"
is 'why it grew' "$(value max,grown,grown-why | tr -s ' ')" '4194304 1 large-message'
check 'it is larger' [ "$(value size)" -gt 1048576 ]
check 'so the system says' [ "$(allocated)" -gt $((at_first + 2048)) ]
check 'the metrics say it' grep -q "^shmchan_capacity_max_bytes{.*\"$ch\"} 4194304" <(chanctl metrics)
is 'and JSON' "$(chanctl info -J "$ch" | jq -c '[.capacity_max, .capacity_start, .grown, .grown_why]')" \
	'[4194304,65536,1,"large-message"]'
happens grep -q '"grown".*"why":"large-message"' "$tmp/events"
same 'the large one' <(chanrecv -1 -F raw:1048576 "$ch") "$tmp/large"
happens small_again
is 'its size again' "$(value size,peak | tr -s ' ' | cut -d' ' -f1)" 65520
happens grep -q '"shrunk"' "$tmp/events"
kill $monitor
chanctl remove "$ch"

# ---- a full /dev/shm ----

# fill: leave nothing of /dev/shm but a little
fill() { dd if=/dev/zero of=/dev/shm/full bs=4K count=$(($(stat -f -c %a /dev/shm) - 40)) status=none; }

for policy in block fail drop-new drop-old; do
	channel -c 64K --max-capacity=4M -o $policy
	at_first=$(allocated)
	fill
	seq 100000 >"$tmp/all"
	case $policy in
	block)
		chansend "$ch" <"$tmp/all" 2>"$tmp/said" &
		sender=$!
		happens sleeps $sender
		is 'why it does not grow' "$(value grow-error)" 'No space left on device'
		check 'but by what there was' [ "$(value size)" -gt 65536 ]
		chanrecv -n 100000 "$ch" >"$tmp/got"
		ended $sender 0
		same 'all of them, in order' "$tmp/got" "$tmp/all"
		;;
	fail)
		status 1 chansend "$ch" <"$tmp/all"
		says 'no space: it needs '
		says 'make room in /dev/shm'
		chanrecv -N "$ch" >"$tmp/got"
		same 'a beginning of them' "$tmp/got" <(head -n "$(wc -l <"$tmp/got")" "$tmp/all")
		check 'more than it had at first' [ "$(wc -l <"$tmp/got")" -gt 2048 ]
		;;
	drop-new)
		status 0 chansend "$ch" <"$tmp/all"
		kept=$(value depth)
		is 'the others are counted' "$(value dropped-newest)" $((100000 - kept))
		same 'the first ones' <(chanrecv -N "$ch") <(head -n "$kept" "$tmp/all")
		;;
	drop-old)
		status 0 chansend "$ch" <"$tmp/all"
		kept=$(value depth)
		is 'the others are counted' "$(value dropped-oldest)" $((100000 - kept))
		same 'the last ones' <(chanrecv -N "$ch") <(tail -n "$kept" "$tmp/all")
		check 'as many as the ring at least' [ "$kept" -ge 2000 ]
		;;
	esac
	rm /dev/shm/full
	happens small_again
	# There is room again.
	chanctl create -p "$ch"
	head -n 50000 "$tmp/all" | chansend "$ch"
	check 'it grows again' [ "$(value size)" -gt 1048576 ]
	is 'no error any more' "$(value grow-error)" -
	same 'and loses nothing' <(chanrecv -N "$ch") <(head -n 50000 "$tmp/all")
	chanctl remove "$ch"
done

finish
