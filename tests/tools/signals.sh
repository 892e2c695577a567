#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Signals, and readers that go away: a tool dies of the signal as if it had not
# been caught, and no message is lost.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# A shell's background jobs ignore INT; these don't.
uncaught=(env --default-signal=INT,HUP,TERM,PIPE)

declare -A number=([TERM]=15 [INT]=2 [HUP]=1)

# chansend that waits for room
head -c 2000 /dev/zero | tr '\0' x >"$tmp/2000"
for sig in TERM INT HUP; do
	channel -c 4K -m 2K
	"${uncaught[@]}" chansend -v -f "$tmp/2000" -f "$tmp/2000" -f "$tmp/2000" "$ch" 2>"$tmp/err" &
	pid=$!
	happens sleeps $pid
	kill -$sig $pid
	ended $pid $((128 + number[$sig]))
	says "chansend: $ch: sent 2 messages, 4000 bytes"
	is "messages after $sig" "$(chanrecv -N -o '%l ' "$ch")" "2000 2000 "
done

# chansend that waits for input, and for its rate
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo"
channel
"${uncaught[@]}" chansend -v "$ch" <&9 2>"$tmp/err" &
pid=$!
printf 'one\nhalf a li' >&9
happens depth 1
kill -TERM $pid
ended $pid 143
says "sent 1 messages"
is "after TERM while reading" "$(chanrecv -N "$ch")" one
"${uncaught[@]}" chansend -r 1/h "$ch" one two &
pid=$!
happens depth 1
kill -TERM $pid
ended $pid 143
chanctl purge "$ch" >/dev/null

# What is ignored stays ignored.
(trap '' HUP && exec chansend "$ch" <&9) &
pid=$!
happens chanctl test "$ch" 'senders>=1'
kill -HUP $pid
printf 'ice\n' >&9
happens depth 1
kill -TERM $pid
ended $pid 143
is "after an ignored HUP" "$(chanrecv -N "$ch")" ice
exec 9>&-

# chanrecv that waits
for sig in TERM INT HUP; do
	"${uncaught[@]}" chanrecv -v "$ch" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	happens sleeps $pid
	chansend "$ch" $sig
	happens grep -q $sig "$tmp/out"
	happens sleeps $pid
	kill -$sig $pid
	ended $pid $((128 + number[$sig]))
	says "chanrecv: $ch: received 1 messages"
	chansend "$ch" kept
	is "sent after $sig" "$(chanrecv -N "$ch")" kept
done

# over several channels
channel && a=$ch
channel
"${uncaught[@]}" chanrecv "$a" "$ch" &
pid=$!
happens sleeps $pid
kill -INT $pid
ended $pid 130

# blocked PID: no thread of it runs; with messages in its channel, it sleeps in write(2)
blocked() {
	[ "$(cut -d' ' -f3 /proc/"$1"/task/*/stat | sort -u)" = S ]
}

# A reader that does not read: chanrecv holds what it has taken.  Sets $pid;
# descriptor 7 reads.
stalled() {
	exec 8<>"$tmp/fifo" 7<"$tmp/fifo"
	"${uncaught[@]}" chanrecv "$ch" >"$tmp/fifo" 7<&- 8<&- &
	pid=$!
	happens read -r -t 0 -u 7
	happens blocked $pid
	happens blocked $pid
	exec 8<&-
}
seq 50000 >"$tmp/seq"

# TERM: what was written whole is consumed, all else comes again.
channel -c 4M
chansend "$ch" <"$tmp/seq"
stalled
kill -TERM $pid
ended $pid 143
cat <&7 >"$tmp/got"
exec 7<&-
whole=$(wc -l <"$tmp/got")
is "consumed" "$(chanctl stat -H -o RECEIVED "$ch")" "$whole"
is "the rest, after TERM" "$(chanrecv -N "$ch" | cksum)" "$(tail -n +$((whole + 1)) "$tmp/seq" | cksum)"

# TERM, and the reader goes on when it has been given up, which is when what was
# printed is acknowledged: no line is printed after that, so none twice.
printf '%0199d\n' {1..1500} >"$tmp/lines"
channel -c 4M
chansend "$ch" <"$tmp/lines"
stalled
is "acknowledged by a reader that stalls" "$(chanctl stat -H -o RECEIVED "$ch")" 0
kill -TERM $pid
acknowledged() {
	[ "$(chanctl stat -H -o RECEIVED "$ch")" -gt 0 ]
}
happens acknowledged
cat <&7 >"$tmp/got"
exec 7<&-
ended $pid 143
is "printed, to a reader that was late" "$(cksum <"$tmp/got")" \
	"$(head -c "$(wc -c <"$tmp/got")" "$tmp/lines" | cksum)"
whole=$(wc -l <"$tmp/got")
is "consumed by a reader that was late" "$(chanctl stat -H -o RECEIVED "$ch")" "$whole"
is "the rest, after a reader that was late" "$(chanrecv -N "$ch" | cksum)" \
	"$(tail -n +$((whole + 1)) "$tmp/lines" | cksum)"

# KILL: what was not acknowledged comes again, in order.
channel -c 4M
chansend "$ch" <"$tmp/seq"
stalled
kill -KILL $pid
ended $pid 137
cat <&7 >"$tmp/got"
exec 7<&-
acknowledged=$(chanctl stat -H -o RECEIVED "$ch")
chanrecv -N "$ch" >"$tmp/rest"
is "the rest, after KILL" "$(cksum <"$tmp/rest")" \
	"$(tail -n +$((acknowledged + 1)) "$tmp/seq" | cksum)"
is "nothing between" "$(($(head -n 1 "$tmp/rest") <= $(wc -l <"$tmp/got") + 1))" 1

# KILL, with a receiver that sleeps: it gets them, though no process wakes it.
channel -c 4M
chansend "$ch" <"$tmp/seq"
stalled
acknowledged=$(chanctl stat -H -o RECEIVED "$ch")
chanrecv "$ch" >"$tmp/rest" &
other=$!
happens sleeps $other
kill -KILL $pid
ended $pid 137
exec 7<&-
# It had printed the last ones before it slept; now those that come again.
printed_all() {
	[ "$(sort -un "$tmp/rest" | wc -l)" = $((50000 - acknowledged)) ]
}
happens printed_all
chanctl close "$ch"
ended $other 0
sort -un "$tmp/rest" >"$tmp/got"
is "the rest, to a receiver that slept" "$(cksum <"$tmp/got")" \
	"$(tail -n +$((acknowledged + 1)) "$tmp/seq" | cksum)"

# The reader is gone, and that is noticed while waiting; what comes then is kept.
channel -c 4M
exec 8<>"$tmp/fifo" 7<"$tmp/fifo"
"${uncaught[@]}" chanrecv "$ch" >"$tmp/fifo" 7<&- 8<&- &
pid=$!
exec 8<&-
happens sleeps $pid
exec 7<&-
ended $pid 141
chansend "$ch" kept
is "sent to a dead reader" "$(chanrecv -N "$ch")" kept

# The same where SIGPIPE is ignored.
exec 8<>"$tmp/fifo" 7<"$tmp/fifo"
(trap '' PIPE && exec chanrecv "$ch" >"$tmp/fifo" 2>"$tmp/err" 7<&- 8<&-) &
pid=$!
exec 8<&-
happens sleeps $pid
exec 7<&-
ended $pid 1
says "chanrecv: stdout: Broken pipe"

# The reader is gone before anything is read: everything is kept.
chansend "$ch" <"$tmp/seq"
exec 8<>"$tmp/fifo" 7<"$tmp/fifo" 9>"$tmp/fifo"
exec 8<&- 7<&-
"${uncaught[@]}" chanrecv "$ch" >&9
is "a reader that never was" "$?" 141
exec 9>&-
is "kept" "$(chanrecv -N "$ch" | cksum)" "$(cksum <"$tmp/seq")"

# | head -1: what was not written comes again; it is the end of the sequence.
chansend "$ch" <"$tmp/seq"
is "head -1" "$(chanrecv "$ch" | head -1)" 1
chanrecv -N "$ch" >"$tmp/rest"
first=$(head -n 1 "$tmp/rest")
is "after head -1" "$(cksum <"$tmp/rest")" "$(tail -n "+$first" "$tmp/seq" | cksum)"
# head and a pipe take 128 KiB at most, which is less than 27000 such lines
is "little is gone" "$((first < 27000))" 1

# A reader that leaves when it has all that was wanted: that is no failure.
channel
all=0
for ((i = 0; i < 20; i++)); do
	chansend "$ch" 1 2 3 4
	"${uncaught[@]}" chanrecv -n 4 "$ch" | head -n 4 >>"$tmp/four"
	[ "${PIPESTATUS[0]}" = 0 ] && all=$((all + 1))
done
is "chanrecv -n 4 | head -4 that ends with 0" $all 20
is "its lines" "$(uniq -c "$tmp/four" | wc -l) $(sort "$tmp/four" | uniq -c | tr -s ' \n' ' ')" \
	"80  20 1 20 2 20 3 20 4 "

finish
