#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What lands in an output that several share, or that fills up: whole messages, each
# once.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

line=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ
lines=40000
for ((i = 0; i < lines; i++)); do printf '%06d %s\n' $i $line; done >"$tmp/in"

# fill: a closed channel with all the lines
fill() {
	channel -c 16M
	chansend --eof "$ch" <"$tmp/in"
}

# four [CHANNEL...]: receivers at once, with one stdout
four() {
	local i pids=()
	for i in 1 2 3 4; do
		chanrecv "${1-$ch}" & pids+=($!)
		[ $# -lt 2 ] || shift
	done
	wait "${pids[@]}"
}

# a reader that lets the pipe fill up
slowly() {
	local part
	while IFS= read -r -N 3000 part; do printf '%s' "$part"; done
	printf '%s' "$part"
}

# whole FILE: it has all the lines, each once and whole
whole() {
	sort "$2" >"$tmp/sorted"
	same "$1" "$tmp/in" "$tmp/sorted"
}

# ---- several receivers, one output ----

fill
four | slowly >"$tmp/got"
whole "four receivers of a channel, one pipe" "$tmp/got"

many=()
for i in 0 1 2 3; do
	channel -c 16M
	many+=("$ch")
	awk "NR % 4 == $i" "$tmp/in" | chansend --eof "$ch"
done
four "${many[@]}" | slowly >"$tmp/got"
whole "receivers of four channels, one pipe" "$tmp/got"

mkfifo "$tmp/fifo"
fill
slowly <"$tmp/fifo" >"$tmp/got" &
exec 8>"$tmp/fifo"
pids=()
for i in 1 2 3 4; do chanrecv "$ch" >"$tmp/fifo" 8>&- & pids+=($!); done
wait "${pids[@]}"
exec 8>&-
wait
whole "a FIFO that each opens" "$tmp/got"

fill
: >"$tmp/got"
for i in 1 2 3 4; do chanrecv "$ch" >>"$tmp/got" & done
wait
whole "a file that each appends to" "$tmp/got"

fill
four >"$tmp/got"
whole "a file with one offset" "$tmp/got"

# One comes while another is in the middle of a large write: it waits for its end.
fill
mkfifo "$tmp/slow"
exec 8<>"$tmp/slow" 7<"$tmp/slow"
chanrecv "$ch" >&8 7<&- 8<&- &
first=$!
happens read -r -t 0 -u 7
chanrecv "$ch" >&8 7<&- 8<&- &
second=$!
exec 8<&-
slowly <&7 >"$tmp/got"
exec 7<&-
ended $first 0
ended $second 0
whole "a second receiver that comes later" "$tmp/got"

# --tee, and lines of chanctl
channel -c 16M
a=$ch
channel -c 16M
b=$ch
{
	chansend --tee "$a" < <(sed -n "1,$((lines / 2))p" "$tmp/in") &
	chansend --tee "$b" < <(sed -n "$((lines / 2 + 1)),\$p" "$tmp/in") &
	wait
} | slowly >"$tmp/got"
whole "two --tee, one pipe" "$tmp/got"

# ---- an output that fills up ----

# A limit of file sizes is an error, not a signal; what was written in part is cut off.
full() { # WHAT COMMAND...: with 10 KiB for a file
	local what=$1
	shift
	# shellcheck disable=SC2016
	status 1 bash -c 'ulimit -f 10 && exec "$@" >>"$0"' "$tmp/out.log" "$@"
	says "stdout: File too large"
	is "$what: its last byte" "$(tail -c 1 "$tmp/out.log" | od -An -c | tr -d ' ')" '\n'
	is "$what: lines of another length" "$(grep -cvE "^[0-9]{6} $line\$" "$tmp/out.log")" 0
	is "$what: bytes over the limit" "$(($(wc -c <"$tmp/out.log") > 10240))" 0
}
fill
rm -f "$tmp/out.log"
full "chanrecv" chanrecv "$ch"
is "what is not there is in the channel" \
	"$(($(wc -l <"$tmp/out.log") + $(chanctl stat -H -o DEPTH "$ch")))" $lines
status 0 bash -c 'chanrecv "$1" >>"$0"' "$tmp/out.log" "$ch"
same "each line once" "$tmp/in" "$tmp/out.log"

# --tee: what was sent and not copied is said.
rm -f "$tmp/out.log"
channel -c 16M
full "chansend --tee" chansend --tee "$ch" <"$tmp/in"

# Monitored events are lines; JSON is cut at one, too.
rm -f "$tmp/out.log"
# shellcheck disable=SC2016
status 1 bash -c 'ulimit -f 1 && while chanctl list -J "$1"; do :; done >>"$0"; exit 1' \
	"$tmp/out.log" "$ch"
says "can't write to stdout: File too large"
is "chanctl: its last byte" "$(tail -c 1 "$tmp/out.log" | od -An -c | tr -d ' ')" '\n'
is "chanctl: each line is JSON" "$(jq -e . "$tmp/out.log" >/dev/null && echo yes)" yes

# The same on a full disk, and files for messages leave nothing behind.
if unshare -m true 2>/dev/null; then
	fill
	a=$ch
	channel -c 16M
	# shellcheck disable=SC2016
	unshare -m bash -c '
		mkdir "$1/mnt" && mount -t tmpfs -o size=32k none "$1/mnt" && cd "$1/mnt" || exit
		chanrecv "$2" >out 2>"$1/err"; echo "status $?"
		echo "torn $(grep -cv "^[0-9]\{6\} .*J\$" out)"
		mount -o remount,size=16m "$1/mnt" && chanrecv "$2" >>out; cmp "$1/in" out && echo same
		mkdir d; chansend "$3" <"$1/in"; mount -o remount,size=2700k "$1/mnt"
		chanrecv -n 1000 -D d "$3" 2>>"$1/err"; echo "status $?"
		echo "hidden $(ls -A d | grep -c "^\.")"; cat d/* | tr -d "\n" | wc -c >"$1/size"
		ls d | wc -l >"$1/count"
		mount -t tmpfs -o size=4k none "$1/mnt" && cd "$1/mnt"
		chanbench lat -n 20000 -R 1 --hdr h >"$1/bench" 2>>"$1/err"; echo "status $?"
		echo "hdr $(wc -c <h)"' - "$tmp" "$a" "$ch" >"$tmp/out"
	is "a full disk" "$(paste -sd, "$tmp/out")" "status 1,torn 0,same,status 1,hidden 0,status 1,hdr 0"
	is "files are whole" "$(<"$tmp/size")" $(($(<"$tmp/count") * (${#line} + 7)))
	says "stdout: No space left on device"
	says "chanbench: h: No space left on device"
fi

finish
