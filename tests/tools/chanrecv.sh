#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanrecv: when it ends, what it prints, what it leaves in the channel.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# printed N: chanrecv, in the background, has printed N lines
printed() {
	[ "$(wc -l <"$tmp/got")" = "$1" ]
}

channel

# -n, -1, -N, -e
chansend "$ch" a b c d
is "-1" "$(chanrecv -1 "$ch")" a
is "-n 2" "$(chanrecv -n 2 "$ch")" $'b\nc'
is "-n 0" "$(chanrecv -n 0 "$ch")" ''
is "-N" "$(chanrecv -N "$ch")" d
chansend "$ch" a
status 5 chanrecv -N -n 2 "$ch"
is "-N -n 2 of one" "$(cat "$tmp/out")" a
chansend "$ch" a b
status 0 chanrecv -e "$ch"
is "-e" "$(cat "$tmp/out")" $'a\nb'
status 0 chanrecv -e "$ch"
is "-e of nothing" "$(cat "$tmp/out")" ''

# -e leaves what comes later, while it is at it: here its reader does not read yet
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo" 7<"$tmp/fifo"
channel -c 4M
seq 50000 >"$tmp/seq"
chansend "$ch" <"$tmp/seq"
chanrecv -e "$ch" >"$tmp/fifo" 7<&- 8<&- &
pid=$!
happens read -r -t 0 -u 7
exec 8<&-
chansend "$ch" later
cat <&7 >"$tmp/got"
exec 7<&-
ended $pid 0
same "-e beside a sender" "$tmp/seq" "$tmp/got"
is "what came later" "$(chanrecv -N "$ch")" later

# End of channel: what is left, then 0.
channel
seq 1000 >"$tmp/seq"
chansend --eof "$ch" <"$tmp/seq"
chanrecv "$ch" >"$tmp/got" || fail "end of channel: $?"
same "drained" "$tmp/got" "$tmp/seq"
channel --end-with-senders
seq 10 | chansend "$ch"
is "the last sender is gone" "$(chanrecv "$ch" | wc -l)" 10

# A rendezvous: each message is handed over.
channel --kind=rendezvous
seq 1000 | chansend --eof "$ch" &
is "a rendezvous" "$(chanrecv "$ch" | cksum)" "$(cksum <"$tmp/seq")"

# A receiver that sleeps: prints at once when a message comes, ends when it closes.
channel
chanrecv "$ch" >"$tmp/got" &
pid=$!
happens sleeps $pid
chansend "$ch" one
happens grep -qx one "$tmp/got"
happens sleeps $pid
chansend "$ch" two
happens grep -qx two "$tmp/got"
chanctl close "$ch"
ended $pid 0

# -w counts from the last message, -W from the start.
late=1
while [ $late = 1 ]; do # again if this shell did not get its CPU for so long
	channel
	last=${EPOCHREALTIME/./}
	chanrecv -q -w 2s "$ch" >"$tmp/got" &
	pid=$! late=0
	for i in 1 2 3 4 5; do
		sleep 0.5 # together more than -w
		start=${EPOCHREALTIME/./}
		chansend "$ch" $i
		# From before the last one was sent: at least the time between the two.
		[ $((${EPOCHREALTIME/./} - last)) -lt 1900000 ] || late=1
		last=$start
	done
	[ $late = 0 ] || wait $pid || :
done
ended $pid 124
is "-w with messages in between" "$(wc -l <"$tmp/got")" 5
chansend "$ch" x
(while chansend "$ch" x; do :; done) 2>/dev/null &
sender=$!
status 124 chanrecv -q -W 300ms "$ch"
chanctl close "$ch"
ended $sender 0
is "-W while messages come" "$(sort -u "$tmp/out")" x

# Formats.
channel
chansend "$ch" "it's" ''
is "-o" "$(chanrecv -N -o '%n %l %s %p %x %q\n' "$ch")" \
	"$ch 4 1 it's 69742773 'it'\\''s'"$'\n'"$ch 0 2   ''"
chansend "$ch" abc
is "-o %L" "$(chanrecv -N -o '%L%%\t\0' "$ch" | od -An -tx1 | tr -d ' \n')" 00000003250900
before=$(date +%s)
chansend "$ch" now
stamp=$(chanrecv -N -o '%t' "$ch")
after=$(date +%s)
if [ "$before" -le "${stamp%.*}" ] && [ "${stamp%.*}" -le "$after" ]; then
	pass
else
	fail "-o %t: $stamp is not between $before and $after"
fi
chansend "$ch" 'a"b' $'\377'
chanrecv -N -J "$ch" >"$tmp/out"
is "-J" "$(jq -c '[.ch == $ch, .seq, .len, .data, .b64, (.ts > 1600000000)]' --arg ch "$ch" "$tmp/out")" \
	$'[true,5,3,"a\\"b",null,true]\n[true,6,1,null,"/w==",true]'

# -p: nothing is consumed, by any number of looks
chansend "$ch" a b c
is "-p" "$(chanrecv -p "$ch")" $'a\nb\nc'
is "-p -n 2" "$(chanrecv -p -n 2 -o '%s:%p ' "$ch")" "7:a 8:b "
is "after -p" "$(chanrecv -N "$ch")" $'a\nb\nc'
status 0 chanrecv -p "$ch"
is "-p of nothing" "$(cat "$tmp/out")" ''

# -D: a file a message, whole or not at all
mkdir "$tmp/dir"
head -c 100000 /dev/urandom >"$tmp/blob"
channel
chansend -f "$tmp/blob" -E "$ch" text
chanrecv -N -D "$tmp/dir" "$ch"
is "files" "$(cd "$tmp/dir" && ls -A | sed 's/\.[0-9]*\.\([0-9]*\)$/ \1/')" \
	"$(printf '%s %012d\n' "$ch" 1 "$ch" 2 "$ch" 3)"
same "a file" "$tmp/blob" "$(echo "$tmp"/dir/*.000000000001)"
is "an empty file" "$(wc -c <"$(echo "$tmp"/dir/*.000000000002)")" 0
is "no newline is added" "$(od -An -c "$(echo "$tmp"/dir/*.000000000003)" | tr -d ' ')" text
is "consumed" "$(chanctl stat -H -o DEPTH "$ch")" 0
chansend "$ch" "in the way"
chanrecv -p -D "$tmp/dir" "$ch"
status 0 chanrecv -N -D "$tmp/dir" "$ch" # its file is there already
is "delivered again" "$(cat "$tmp"/dir/*.000000000004)" "in the way"
is "no more files" "$(find "$tmp/dir" -type f | wc -l)" 4

# What has the name of a message's file is replaced.
mkdir "$tmp/spool"
channel
chansend "$ch" payload
chanrecv -p -o %l -D "$tmp/spool" "$ch"
is "a file of another format" "$(cat "$tmp"/spool/*)" 7
status 0 chanrecv -n 1 -D "$tmp/spool" "$ch"
is "it is the message now" "$(cat "$tmp/spool/$ch".*.000000000001)" payload
is "files beside it" "$(find "$tmp/spool" -mindepth 1 | wc -l)" 1

chansend "$ch" lost
mkdir "$tmp/ro"
if has mounts; then
	# shellcheck disable=SC2016
	status 1 unshare -m sh -c 'mount -t tmpfs -o ro none "$1" && exec chanrecv -N -D "$1" "$2"' \
		- "$tmp/ro" "$ch"
	says "ro: Read-only file system"
	is "what could not be stored" "$(chanrecv -N "$ch")" lost
fi

# Several channels: it prints all that comes, in order for each, and ends when all have ended.
channel && a=$ch
channel && b=$ch
channel && c=$ch
seq 1 2 20001 | chansend --eof "$a" &
seq 2 2 20000 | chansend --eof "$b" &
: >"$tmp/got"
chanrecv -o '%n %p\n' "$a" "$b" "$c" >"$tmp/got" &
pid=$!
happens printed 20001
chansend "$c" last
chanctl close "$c"
ended $pid 0
is "of the first" "$(sed -n "s/^$a //p" "$tmp/got" | cksum)" "$(seq 1 2 20001 | cksum)"
is "of the second" "$(sed -n "s/^$b //p" "$tmp/got" | cksum)" "$(seq 2 2 20000 | cksum)"
is "of the third" "$(sed -n "s/^$c //p" "$tmp/got")" last

# -n over several channels takes no more than that from all of them.
channel && a=$ch
channel && b=$ch
seq 100 | chansend "$a"
seq 101 200 | chansend "$b"
chanrecv -n 150 "$a" "$b" >"$tmp/got"
is "-n over two" "$(wc -l <"$tmp/got")" 150
chanrecv -N "$a" "$b" >>"$tmp/got"
is "the rest" "$(sort -n "$tmp/got" | cksum)" "$(seq 200 | cksum)"
ch=$a
chanrecv -n 1 "$a" "$b" >"$tmp/got" &
pid=$!
happens sleeps $pid
chansend "$b" wakes
ended $pid 0
is "-n 1 from the other one" "$(cat "$tmp/got")" wakes
status 3 chanrecv "$a" "$a.none"
says "chanrecv: $a.none: no such channel"

# On a terminal control bytes are shown, not obeyed; --raw turns that off.
channel
chansend "$ch" $'\033[31mred\r'
if has pty && has_program script; then
	is "on a terminal" "$(script -qec "chanrecv -p $ch" /dev/null </dev/null | tr -d '\r')" \
		'\x1b[31mred\x0d'
	is "--raw" "$(script -qec "chanrecv -p --raw $ch" /dev/null </dev/null | od -An -c | tr -d ' \n')" \
		'033[31mred\r\r\n'
fi
is "no terminal" "$(chanrecv -N "$ch")" $'\033[31mred\r'

# -v
chansend "$ch" abc d
chanrecv -N -v "$ch" 2>"$tmp/err" >/dev/null
is -v "$(cat "$tmp/err")" "chanrecv: $ch: received 2 messages, 4 bytes"

finish
