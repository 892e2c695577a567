#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanrecv with many channels: one thread, which sleeps while nothing comes; each channel has
# its turn, or with --biased the first one; peers that are killed; no inotify.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# new N [OPTION...]: make so many channels: their names are in $many
new() {
	local n=$1 i
	shift
	many=()
	for ((i = 0; i < n; i++)); do
		channel_name
		many+=("$ch")
	done
	printf '%s\n' "${many[@]}" | xargs -n 1 -P 4 chanctl create "$@" || exit
}
wakes() { awk '/_ctxt_switches/ { n += $2 } END { print n }' "/proc/$1/status"; }
# quiet PID: it has one thread, which does not run
quiet() {
	local before
	before=$(wakes "$1")
	[ "$(wc -w <<<"$(echo /proc/"$1"/task/*)")" = 1 ] && sleep 2 && equal "$(wakes "$1")" "$before"
}
printed() { equal "$(wc -l <"$tmp/got")" "$1"; }
received() { [ "$(chanctl stat -H -o RECEIVED "$1")" -gt 0 ]; }

# 300, in one thread, with fewer descriptors than that at first.
new 300 -c 4K
: >"$tmp/got"
(ulimit -Sn 64 && exec chanrecv -o '%n %p\n' "${many[@]}" >"$tmp/got") &
pid=$!
happens sleeps $pid "${many[299]}"
await "it does not wake" quiet $pid
for i in 0 149 299; do
	chansend "${many[i]}" "of $i"
	happens grep -qx "${many[i]} of $i" "$tmp/got"
done
printf '%s\n' "${many[@]}" | xargs -I{} -P 4 chansend {} x
await "one of each" printed 303
is "each once" "$(grep -c ' x$' "$tmp/got") $(sort -u "$tmp/got" | wc -l)" "300 303"
await "it is quiet again" quiet $pid
# It goes on without those that end, and ends with the last one.
chanctl close "${many[@]:1}"
chansend "${many[0]}" last
happens grep -qx "${many[0]} last" "$tmp/got"
chanctl close "${many[0]}"
ended $pid 0

# Each has its turn while all have messages; with --biased the first one has all turns.
new 3 -c 1M
for ch in "${many[2]}" "${many[1]}" "${many[0]}"; do
	seq 3000 | chansend "$ch"
done
chanrecv --biased -w 0.1 -q -o '%n\n' "${many[@]}" >"$tmp/got"
is "what is there, in the order given" "$(uniq -c "$tmp/got" | tr -s ' ')" \
	"$(printf ' 3000 %s\n' "${many[@]}")"
for ch in "${many[@]}"; do
	seq 3000 | chansend "$ch"
done
chanrecv -w 0.1 -q -o '%n\n' "${many[@]}" >"$tmp/got"
is "what is there, all of it" "$(sort "$tmp/got" | uniq -c | tr -s ' ')" \
	"$(printf ' 3000 %s\n' "${many[@]}" | sort)"
most=$(uniq -c "$tmp/got" | sort -n | awk 'END { print $1 }')
check "one after the other, $most messages in a row" test "$most" -le 1024

# Senders and other receivers that are killed.
new 3 -c 64K
chanrecv -o '%p\n' "${many[@]}" >"$tmp/got" &
pid=$!
happens sleeps $pid "${many[2]}"
for ((i = 0; i < 20; i++)); do
	ch=${many[i % 3]}
	chansend -F raw:8 "$ch" </dev/zero &
	sender=$!
	happens received "$ch"
	kill -KILL $sender
	wait $sender 2>/dev/null
	chansend "$ch" "after $i"
	happens grep -qax "after $i" "$tmp/got"
done
for ch in "${many[@]}"; do
	chanctl create "$ch.slow" && channels+=("$ch.slow")
	chansend "$ch.slow" taken
done
chanctl close "${many[@]}"
ended $pid 0

# Another receiver holds what it took, until it is killed.
slow=("${many[@]/%/.slow}")
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
chanrecv "${slow[0]}" -- sh -c "echo up; exec sleep 1000" >&8 &
other=$!
read -r -t $bound _ <&8
chanrecv -n 3 "${slow[@]}" >"$tmp/got" &
pid=$!
await "what is not taken" printed 2
kill -KILL $other
wait $other 2>/dev/null
ended $pid 0
await "and then what was" printed 3

# Signals, the reader that goes away, the time limits, with many channels.
new 30
chanrecv "${many[@]}" | (sleep 0.1)
is "a reader that goes away while it waits" "${PIPESTATUS[0]}" 141
status 124 chanrecv -W 0.2 "${many[@]}"
status 124 chanrecv -w 0.2 "${many[@]}"
status 0 chanrecv --idle-exit=0.2 "${many[@]}"
status 5 chanrecv -N -n 1 "${many[@]}"
status 0 chanrecv -e "${many[@]}"
chanrecv "${many[@]}" &
pid=$!
happens sleeps $pid "${many[29]}"
kill -TERM $pid
ended $pid 143

# No inotify: the same, and stdout is looked at ten times a second.
if unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances' 2>/dev/null; then
	new 150 -c 4K
	: >"$tmp/got"
	unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_inotify_instances && exec chanrecv -v "$@"' - \
		"${many[@]}" >"$tmp/got" 2>"$tmp/err" &
	pid=$!
	happens grep -q 'looking at stdout and many of the channels 10 times a second' "$tmp/err"
	for i in 0 100 149; do
		chansend "${many[i]}" "of $i"
		happens grep -qx "of $i" "$tmp/got"
	done
	chanctl close "${many[@]}"
	ended $pid 0
	new 2
	unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_inotify_instances && exec chanrecv "$@"' - \
		"${many[@]}" | (sleep 0.1)
	is "the reader goes away" "${PIPESTATUS[0]}" 141
else
	not_tried "needs a user namespace with limits of its own"
fi

status 2 chanrecv --biased
says "missing CHANNEL operand"

finish
