#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chansend: where messages come from, when they are sent, and its options.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# all: the messages in the channel, each in <>
all() {
	chanrecv -e -o '<%p>' "$ch"
}

channel

# Operands: stdin is left alone.
{ chansend "$ch" a "" 'b c' -- -d; cat; } >"$tmp/rest" <<<untouched
is operands "$(all)" '<a><><b c><-d>'
is "stdin beside operands" "$(cat "$tmp/rest")" untouched
chansend "$ch" -v a -n 1 2>/dev/null b
is "options after operands" "$(all)" '<a>'
chansend -- "$ch" -x
is "operands after --" "$(all)" '<-x>'

# Lines of stdin.
printf 'a\n\nb\r\nlast' | chansend "$ch"
is lines "$(all)" $'<a><><b\r><last>'
printf '\n\na\n\n' | chansend --skip-empty "$ch"
is --skip-empty "$(all)" '<a>'
chansend "$ch" </dev/null
is "an empty input" "$(all)" ''
printf 'a\0\nb\0' | chansend -0 "$ch"
is -0 "$(all)" $'<a><\nb>'
printf 'a:b:\nc' | chansend -d : "$ch"
is -d "$(all)" $'<a><b><\nc>'
printf 'a\036b' | chansend -d '\x1e' "$ch"
is '-d \x1e' "$(all)" '<a><b>'
printf 'abcde' | chansend -F raw:2 "$ch"
is raw:2 "$(all)" '<ab><cd><e>'

# A whole input, files, nothing.
printf 'a\nb\n' | chansend -s "$ch"
is -s "$(all)" $'<a\nb\n>'
chansend -s "$ch" </dev/null
is "-s of nothing" "$(all)" '<>'
printf 'x\ny' >"$tmp/f"
: >"$tmp/empty"
chansend -f "$tmp/f" -E -f "$tmp/empty" -f - "$ch" z <<<in
is "-f -E -f -f - operand" "$(all)" $'<x\ny><><><in\n><z>'

# -n
seq 5 | chansend -n 3 "$ch"
is "-n 3 of 5" "$(all)" '<1><2><3>'
chansend -n 2 "$ch" a b c
is "-n 2 of 3" "$(all)" '<a><b>'
chansend -n 9 "$ch" a
is "-n 9 of 1" "$(all)" '<a>'
chansend -n 0 "$ch" a
is "-n 0" "$(all)" ''
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo"
printf '1\n2\n' >&9
status 0 chansend -n 2 "$ch" <&9 # and does not wait for more
is "-n of a pipe" "$(all)" '<1><2>'

# What is there is sent before more is waited for.
chansend "$ch" <&9 &
pid=$!
printf 'first\nsecond\nhalf' >&9
happens depth 2
is "sent before end of input" "$(chanrecv -n 2 -o '<%p>' "$ch")" '<first><second>'
printf ' line\n' >&9
happens depth 1
is "the rest of a line" "$(chanrecv -n 1 -o '<%p>' "$ch")" '<half line>'
exec 9>&-
exec 9<"$tmp/f"
kill $pid
ended $pid 143
exec 9<&-

# -W counts from the start, also where nothing is waited for: here each NUL is a
# message, without an end, and what is too much is dropped.  (timeout(1) gives 124
# too, but not with KILL.)
bounded=(timeout -s KILL $bound)
channel -c 4K -m 1K
status 124 "${bounded[@]}" chansend -0 -W 100ms --overflow=drop-new "$ch" </dev/zero
says "timed out after "

# It waits for the writer of a FIFO, no longer than -W; then one comes.
mkfifo "$tmp/late"
channel
status 124 "${bounded[@]}" chansend -W 50ms -f "$tmp/late" "$ch"
says "timed out while waiting for input"
chansend -f "$tmp/late" "$ch" after &
pid=$!
# opened PID FILE: it has it open
opened() {
	local fd
	for fd in /proc/"$1"/fd/*; do
		[ "$fd" -ef "$2" ] && return
	done
	return 1
}
happens opened $pid "$tmp/late"
printf 'came\nlate' 1<>"$tmp/late" # not a wait for a reader that failed
ended $pid 0
is "a FIFO whose writer comes later" "$(all)" $'<came\nlate><after>'

# --tee
is --tee "$(printf 'a\n\nb' | chansend -T "$ch")" $'a\n\nb'
is "--tee of operands" "$(chansend -T "$ch" x 'y z')" $'x\ny z'
is "--tee of netstrings" "$(printf '1:a,0:,' | chansend -T -F netstring "$ch")" '1:a,0:,'
seq 20000 >"$tmp/seq"
chansend -T -n 12345 "$ch" <"$tmp/seq" >"$tmp/tee"
head -n 12345 "$tmp/seq" >"$tmp/head"
same "--tee with -n" "$tmp/tee" "$tmp/head"
chanctl purge "$ch" >/dev/null

# A full channel that drops: --tee leaves out what was dropped; -v, --progress and -n count
# it.
printf '%0500d\n' {1..20} >"$tmp/lines"
channel -c 4K -m 1K
chansend -T -v --progress=2 --overflow=drop-new "$ch" <"$tmp/lines" >"$tmp/tee" 2>"$tmp/err"
sent=$(wc -l <"$tmp/tee")
is "some are sent, some dropped" "$((0 < sent && sent < 20))" 1
says "chansend: $ch: dropped $((20 - sent)) messages, as the channel was full"
says "chansend: $ch: sent $sent messages, $((500 * sent)) bytes"
says "sent=$sent bytes=$((500 * sent)) failed=0 dropped=$((20 - sent)) seconds="
is "counters" "$(chanctl stat -H -o SENT,DROPPED-NEWEST "$ch" | tr -s ' \t' ' ')" \
	"$sent $((20 - sent))"
chanrecv -N "$ch" >"$tmp/got"
same "--tee of what was not dropped" "$tmp/tee" "$tmp/got"
channel -c 4K -m 1K -o drop-new # its own policy
chansend "$ch" <"$tmp/lines"
exec 9<>"$tmp/fifo"
head -n 3 "$tmp/lines" >&9
status 0 chansend -n 2 -T -v "$ch" <&9 # and does not wait for more
says "dropped 2 messages, as the channel was full"
says "sent 0 messages, 0 bytes"
is "bytes of --tee" "$(wc -c <"$tmp/out")" 0
exec 9<&-

channel -m 3
is "--tee of what was sent only" "$(chansend -K -T "$ch" abc abcd ab 2>/dev/null)" $'abc\nab'
chanctl purge "$ch" >/dev/null

# --create
channel_name
chansend --create=capacity=256K,max-message=10,mode=0640,overflow=drop-old,need-receivers "$ch" a
is --create "$(chanctl stat -H -b -o MAX-MESSAGE,MODE,OVERFLOW,NEED-RECEIVERS "$ch" | tr -s ' \t' ' ')" \
	"10 0640 drop-old yes"
chansend -ccapacity=1M "$ch" b # it is there: as it is
is "--create of what is there" "$(all)" '<a><b>'
channel_name
chansend -c "$ch" a
is "-c without SPEC" "$(all)" '<a>'

# --eof
seq 3 | chansend --eof "$ch"
is --eof "$(chanrecv -o '<%p>' "$ch")" '<1><2><3>'
channel -m 3
status 7 chansend --eof "$ch" abcd
status 0 chansend "$ch" abc # it was not closed
printf 'a\nabcd\nb\n' >"$tmp/one-too-long"
status 8 chansend --eof -K "$ch" <"$tmp/one-too-long"
is "after --eof -K, where one failed" "$(chanctl list -H -o STATE "$ch")" open
status 0 chansend --eof -K "$ch" abc
is "after --eof -K, where none failed" "$(all)" '<abc><a><b><abc>'
status 6 chansend "$ch" abc

# --require-receiver
channel
chanrecv -1 "$ch" >"$tmp/out1" &
pid=$!
happens sleeps $pid
status 0 chansend -R "$ch" here
ended $pid 0
is "a receiver's message" "$(cat "$tmp/out1")" here

# Back-pressure: it waits, and goes on.
channel -c 4K -m 1K
seq 100000 | chansend "$ch" &
pid=$!
happens sleeps $pid
chanrecv -n 100000 "$ch" >"$tmp/got"
ended $pid 0
seq 100000 >"$tmp/seq"
same "through a full ring" "$tmp/got" "$tmp/seq"

# A sender that waits ends when the channel is closed.
seq 100000 | chansend -q "$ch" 2>"$tmp/err" &
pid=$!
happens sleeps $pid
chanctl close "$ch"
ended $pid 6
says "closed"

# --rate: 5 messages at 20 a second take 200 ms or more, and the last one is not
# held back when they are few.
channel
start=${EPOCHREALTIME/./}
seq 5 | chansend -r 20/s "$ch"
took=$((${EPOCHREALTIME/./} - start))
if [ $took -ge 190000 ]; then pass; else fail "--rate: 5 messages took $took us"; fi
is --rate "$(all)" '<1><2><3><4><5>'
status 124 chansend -r 1/h -W 1s "$ch" a b
says "--rate left no time for message 2"
is "before the time-out" "$(all)" '<a>'

# --progress
seq 3 | chansend --progress=2 "$ch" 2>"$tmp/err"
is "the last line of --progress" \
	"$(tail -n 1 "$tmp/err" | sed 's/seconds=[0-9]*\.[0-9]*$/seconds=/')" \
	"sent=3 bytes=3 failed=0 dropped=0 seconds="
seq 3 | chansend --progress "$ch" 2>"$tmp/err"
is "--progress without a terminal" "$(cat "$tmp/err")" ''

# -v
chansend -v "$ch" abc d 2>"$tmp/err"
is -v "$(cat "$tmp/err")" "chansend: $ch: sent 2 messages, 4 bytes"

finish
