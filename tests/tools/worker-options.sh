#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The options of chanrecv CHANNEL -- COMMAND: how many children, what each is given, and
# what becomes of messages that fail.  Children that misbehave.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

left() {
	chanrecv -N "$ch" || [ $? = 5 ]
} 2>/dev/null
lines() { [ "$(wc -l <"$1")" = "$2" ]; }
channel -c 1M

# Ten seconds are long, so it runs beside all that follows.
channel && quiet=$ch
chansend "$quiet" a b
chanrecv -W 11 --pipe --batch=2 "$quiet" -- cat >/dev/null 2>"$tmp/silent" &
silent=$!
channel -c 1M

# ---- bad use: one line, status 2 ----

for bad in -x "-j 2" "--batch=2" "--dead-letter=drop" --hold --strict "--joblog=$tmp/log"; do
	# shellcheck disable=SC2086
	status 2 chanrecv $bad "$ch"
	says "no '-- COMMAND' behind the CHANNEL"
done
for kind in latest rendezvous broadcast; do
	first=$ch
	channel --kind=$kind
	status 2 chanrecv -e "--dead-letter=$ch" "$first" -- true
	says "$ch: --dead-letter: a channel for dead messages must be of kind queue"
	ch=$first
done
first=$ch
channel --kind=latest
for how in -N --pipe --hold; do
	status 2 chanrecv $how "$ch" -- true
	says "$ch: a latest keeps a value, which nobody takes: no COMMAND"
done
ch=$first
for bad in -j-1 -j1x -j10001 -j99999999999999999999 --batch=0 --batch=1025 --max-deliver=-1 \
	--max-deliver=65535 -t0 -tsoon --kill-after=-1 --backoff=exp:1s --backoff=exp:2s..1s --backoff=exp:0..1s \
	--backoff=fixed: --backoff=1s,,2s --backoff=infinity --halt=soon --halt=soon,fail=0 --halt=later,fail=1 \
	--output=none --meta-fd=2 --meta-fd=256 "--dead-letter=$ch" --hold\ -j2 --hold\ -t1 --hold\ --output=line --hold\ --pipe --pipe\ --arg \
	--batch=2\ --arg -Fjsonl -J -p "-D $tmp" -o%p --raw; do
	# shellcheck disable=SC2086
	status 2 chanrecv $bad "$ch" -- true
	is "lines about $bad" "$(grep -vc '^Try' "$tmp/err")" 1
done
status 2 chanrecv "--dead-letter=0$(id -u)/$ch" "$ch" -- true
says "$ch: --dead-letter: it is the channel itself"
status 3 chanrecv --dead-letter="$ch.none" "$ch" -- true
says "$ch.none: no such channel"
status 1 chanrecv --joblog=/none/log "$ch" -- true
says "/none/log: No such file"
status 2 chanrecv --pipe "$ch" "$ch" -- true

# ---- children at once ----

seq 30 | chansend "$ch"
mkfifo "$tmp/go"
chanrecv -j 3 "$ch" -- sh -c "read -r m; echo \$m >>$tmp/began; read -r go <$tmp/go" &
worker=$!
touch "$tmp/began"
happens lines "$tmp/began" 3
kill -USR1 $worker
happens lines "$tmp/began" 4
kill -USR2 $worker # 3 again: when two have ended, one more begins
exec 8<>"$tmp/go"
printf '\n\n' >&8
happens lines "$tmp/began" 5
kill -TERM $worker
printf '\n\n\n\n\n' >&8
ended $worker 143
exec 8<&-
is "no other was begun" "$(($(chanctl stat -H -o DEPTH "$ch") + $(wc -l <"$tmp/began")))" 30
chanctl purge -q "$ch"
if [ "$(nproc)" -gt 1 ]; then
	chansend "$ch" a b
	rm "$tmp/began"
	touch "$tmp/began"
	status 0 timeout 60 chanrecv -j0 -e "$ch" -- \
		sh -c "echo >>$tmp/began; until [ \$(wc -l <$tmp/began) = 2 ]; do sleep 0.01; done"
fi
# Several channels.
channel && other=$ch
channel
chansend "$ch" one
chansend "$other" two
status 0 chanrecv -e -j2 "$ch" "$other" -- sh -c 'echo "$CHAN_NAME $(cat)"'
is "of two channels" "$(sort "$tmp/out")" "$(printf '%s\n' "$ch one" "$other two" | sort)"

# ---- what a child is given ----

seq 5 | chansend "$ch"
status 0 chanrecv -e --batch=3 "$ch" -- sh -c 'echo "$CHAN_SEQ $CHAN_SIZE" $(cat)'
is "batches" "$(cat "$tmp/out")" $'2 6 1 2 3\n5 4 4 5'
chansend "$ch" 'a b' ''
status 0 chanrecv -e --batch=9 -F netstring "$ch" -- cat
is "framed" "$(cat "$tmp/out")" '3:a b,0:,'
chansend "$ch" -- '-n x' '*' '{}'
status 0 chanrecv -e --arg "$ch" -- printf '<%s|%s>' 1{}2 {}{}
is "arguments" "$(cat "$tmp/out")" '<1-n x2|-n x-n x><1*2|**><1{}2|{}{}>'
printf 'a\0b' | chansend -s "$ch"
head -c 131072 /dev/zero | tr '\0' x | chansend -s "$ch"
head -c 131071 /dev/zero | tr '\0' x | chansend -s "$ch"
status 123 chanrecv -e --dead-letter=drop --arg "$ch" -- sh -c 'echo ${#1}' - {}
says "it has a NUL byte, and can't be an argument; it is dropped"
says "it is too long for an argument; it is dropped"
is "one that just fits" "$(cat "$tmp/out")" 131071
chansend "$ch" x
# shellcheck disable=SC2016
status 0 chanrecv -e -t 1h --meta-fd=3 "$ch" -- sh -c \
	'jq -r "\"\(.ch) \(.seq) \(.len) \(.attempt) \(.max_deliver) \(.deadline - .ts)\"" <&3'
is "meta" "$(cut -d' ' -f1,3- <"$tmp/out")" "$ch 1 1 5 3600"
chansend "$ch" x
status 0 chanrecv -e -t 10s --max-deliver=7 "$ch" -- sh -c 'echo "$CHAN_MAX_DELIVER $CHAN_TIME $CHAN_DEADLINE"'
is "deadline" "$(awk '{ print $1, $3 - $2 }' "$tmp/out")" '7 10'
head -c 3000000 /dev/urandom >"$tmp/blob"
channel -c 8M -m 4M
chansend -f "$tmp/blob" "$ch"
chanrecv -e "$ch" -- cat >"$tmp/out"
same "megabytes" "$tmp/blob" "$tmp/out"
channel

# ---- a child that is kept ----

program=$tmp/kept
cat >"$program" <<'END'
#!/bin/sh
# Each message is a line "NUMBER WORDS"; what the word says is what it answers.
while read -r word; do
	echo "$$ $word"
	case $word in
	die) exit 3 ;;
	leave) exit 0 ;;
	bad) echo "1 2 3" >&3 && echo 99999 >&3 && echo >&3 ;;
	[0-9]*) echo " $word" >&3 ;;
	*) echo >&3 ;;
	esac
done
echo end
END
sed -i '/\[0-9\]/s/echo " $word"/echo "$seq $word"/' "$program"
sed -i 's/^while read -r word/while read -r seq word/' "$program"
chmod +x "$program"
for i in 1 2 3 4; do chansend "$ch" "$i ok"; done
status 0 chanrecv -e --pipe -F lines "$ch" -- "$program"
is "one child" "$(cut -d' ' -f1 "$tmp/out" | uniq | wc -l)" 2
is "all done, and then the end" "$(cut -d' ' -f2 "$tmp/out" | xargs)" "ok ok ok ok end"
for word in ok 75 65 die leave bad; do chansend "$ch" "$(($(chanctl stat -H -o SENT "$ch") + 1)) $word"; done
status 123 chanrecv -e --pipe -F lines --backoff=0 --max-deliver=2 --dead-letter=drop "$ch" -- "$program"
says "is not a number of a message"
says "COMMAND has no message 99999"
says "kept ended with status 3"
says "COMMAND ended, and had not said that it is done; it is dropped"
says "4 messages failed for good"
is "nothing left" "$(left)" ''
seq 100 | chansend "$ch"
status 123 chanrecv -e --pipe --batch=100 -t 0.3s --max-deliver=1 "$ch" -- jq --unbuffered -r .data
is "one that acknowledges nothing loses nothing" "$(chanctl stat -H -o DEPTH "$ch")" 100
chanctl purge -q "$ch"

# One that closes descriptor 3, and one that never writes there: end of file ends them, also
# when the time is over.
chansend "$ch" a
status 123 timeout 60 chanrecv -e --pipe --max-deliver=1 --dead-letter=drop "$ch" -- sh -c 'exec 3>&-; cat >/dev/null'
says "COMMAND ended, and had not said that it is done; it is dropped"
chansend "$ch" a b
status 124 timeout 60 chanrecv -W 0.2 --pipe "$ch" -- cat
is "both come back" "$(left)" $'a\nb'
wait $silent
is "it says that one is silent" "$(grep -c "has not written to descriptor 3 yet which are done; message 1 was" \
	"$tmp/silent")" 1

# ---- what becomes of those that fail ----

channel && dead=$ch
channel
chansend "$ch" a b
status 123 chanrecv -e --backoff=0 --max-deliver=2 --dead-letter="$dead" "$ch" -- sh -c '[ $(cat) = b ]'
says "message 1 is dead at attempt 2: sh ended with status 1; it is sent to $dead"
is "the dead one" "$(chanrecv -N "$dead")" a
is "nothing left" "$(left)" ''
# A full channel for dead ones: they wait.  It drops none, whatever its policy.
channel -c 4K -m 1K --overflow=drop-old && full=$ch
until chansend -N --overflow=fail "$full" "$(printf '%01000d' 0)"; do :; done 2>/dev/null
while chansend -q -N --overflow=fail "$full" "$(printf '%01000d' 0)"; do :; done
channel
chansend "$ch" "$(printf '%01000d' 7)" next
chanrecv -n 2 --dead-letter="$full" "$ch" -- sh -c "[ \$(cat) = next ] || exit 65; : >$tmp/next" 2>"$tmp/err" &
worker=$!
happens grep -q "dead messages wait: the channel is full; " "$tmp/err"
happens test -e "$tmp/next"
before=$(chanctl stat -H -o DEPTH "$full")
chanrecv -1 "$full" >"$tmp/out"
ended $worker 123
is "it came when there was room" "$(chanctl stat -H -o DEPTH "$full")" "$before"
is "nothing left" "$(left)" ''
# What never fits, or is never taken, ends a run that is not to wait, and comes back; a run that
# waits ends in its time.
channel -m 16 && small=$ch
channel && closed=$ch
chanctl close "$closed"
channel
too_large=$(printf '%020d' 7)
for to in "$small 7" "$closed 6" "$full 5"; do
	dead_to=${to% *}
	[ "$dead_to" != "$full" ] || too_large=$(printf '%01000d' 7)
	chansend "$ch" "$too_large"
	status "${to#* }" timeout 60 chanrecv -N --dead-letter="$dead_to" "$ch" -- sh -c 'exit 65'
	says "$dead_to: 1 dead message can't be sent to it, and goes back"
	[ "$dead_to" = "$full" ] ||
		status "${to#* }" timeout 60 chanrecv -e -W 50 --dead-letter="$dead_to" "$ch" -- sh -c 'exit 65'
	for how in -e -n1 ''; do
		[ "$how $dead_to" != "-e $small" ] && [ "$how $dead_to" != "-e $closed" ] || continue
		# shellcheck disable=SC2086
		status 124 timeout 60 chanrecv $how -W 0.1 --dead-letter="$dead_to" "$ch" -- sh -c 'exit 65'
		says "timed out after 0 messages"
	done
	status 0 timeout 60 chanrecv --idle-exit=0.1 --dead-letter="$dead_to" "$ch" -- sh -c 'exit 65'
	is "it comes back" "$(left)" "$too_large"
done
# One that is too large keeps no other one back, and what keeps one back keeps all.
chansend "$ch" "$too_large" small
status 7 chanrecv -e --dead-letter="$small" "$ch" -- sh -c 'exit 65'
is "what fits is there" "$(chanrecv -N "$small")" small
is "the other one comes back" "$(left)" "$too_large"
# Removed meanwhile, and created again, at first of a kind that keeps nothing.
channel && gone=$ch
channel
chansend "$ch" a
mkfifo "$tmp/fail"
chanrecv -1 --dead-letter="$gone" "$ch" -- sh -c "read -r go <$tmp/fail; exit 65" 2>"$tmp/err" &
worker=$!
exec 8>"$tmp/fail" # the child reads
chanctl remove "$gone"
echo >&8
exec 8>&-
happens grep -q "dead messages wait: no such channel" "$tmp/err"
chanctl create --kind=latest "$gone"
happens grep -q "dead messages wait: a channel for dead messages must be of kind queue" "$tmp/err"
chanctl remove "$gone"
chanctl create "$gone"
ended $worker 123
is "it is in the new one" "$(chanrecv -N "$gone")" a
# One that kills each worker: dead when it was delivered often enough.
chansend "$ch" poison good
for i in 1 2; do
	status 137 sh -c 'exec chanrecv -e --max-deliver=2 "$1" -- sh -c "kill -KILL \$PPID"' - "$ch" 2>/dev/null
done
status 123 chanrecv -e --max-deliver=2 --dead-letter="$dead" "$ch" -- cat
says "is dead at attempt 3: it was delivered as often as it may be"
is "the other is worked on" "$(cat "$tmp/out")" good
is "it is with the dead" "$(chanrecv -N "$dead")" poison

chansend "$ch" a b
status 125 chanrecv -e --strict "$ch" -- sh -c 'exit 3'
says "sh ended with status 3; message "
is "--strict does not count" "$(chanrecv -1 "$ch" -- sh -c 'cat; echo $CHAN_ATTEMPT')" a1
status 123 chanrecv -e --strict --max-deliver=1 --dead-letter=drop "$ch" -- sh -c 'exit 75'
seq 20 | chansend "$ch"
status 125 chanrecv -e --halt=soon,fail=3 "$ch" -- false
says "3 failures in a row: --halt"
is "none is lost" "$(chanctl stat -H -o DEPTH "$ch")" 20
status 125 timeout 60 chanrecv -e -j4 --halt=now,fail=1 "$ch" -- sh -c '[ $(cat) = 3 ] || exec sleep 1000; exit 1'
is "none is lost" "$(chanctl stat -H -o DEPTH "$ch")" 20
status 123 chanrecv -e --halt=soon,fail=11 --max-deliver=1 --dead-letter=drop "$ch" -- sh -c 'exit $(($(cat) % 2))'

# Pauses: nobody waits for them.
chansend "$ch" bad 1 2 3
start=$SECONDS
chanrecv --backoff=1h "$ch" -- sh -c "read -r m; [ \$m != bad ] && echo \$m >>$tmp/good" 2>/dev/null &
worker=$!
touch "$tmp/good"
happens lines "$tmp/good" 3
kill -TERM $worker
ended $worker 143
is "it did not wait an hour" "$((SECONDS - start < 60))" 1
is "given back" "$(chanrecv -1 "$ch" -- sh -c 'cat; echo $CHAN_ATTEMPT')" bad2

# ---- time, and children that misbehave ----

for how in 'exec sleep 1000' "trap '' TERM; sleep 1000 & wait; sleep 1000" 'kill -STOP $$' \
	'exec setsid -f sleep 1000; ' 'exec perl -e "setpgrp; \$SIG{TERM}=q(IGNORE); sleep 1000"'; do
	chansend "$ch" x
	case $how in *'setsid -f'*) wanted=0 ;; *) wanted=123 ;; esac
	status $wanted timeout 60 chanrecv -1 -t 0.1s --kill-after=0.1s --max-deliver=1 --dead-letter=drop "$ch" -- sh -c "$how"
done
says "it ran longer than --ttr; it is dropped"
pkill -x -P 1 -f 'sleep 1000' 2>/dev/null
# A grandchild that keeps stdout, with each way of output.
for how in group line discard pass; do
	chansend "$ch" x
	start=$SECONDS
	status 0 chanrecv -1 --output=$how "$ch" -- sh -c "sleep 1000 & echo \$! >$tmp/grandchild; echo \$(cat)"
	is "not waited for ($how)" "$((SECONDS - start < 100))" 1
	is "printed ($how)" "$(cat "$tmp/out")" "$([ $how = discard ] || echo x)"
	kill "$(cat "$tmp/grandchild")"
done
# Output that no memory holds is its own fault, and doesn't end the worker.
chansend "$ch" a b
status 123 chanrecv -e --max-deliver=1 --dead-letter=drop "$ch" -- \
	sh -c 'if [ "$(cat)" = a ]; then truncate -s 1E /dev/stdout; else echo b; fi'
says "is dead at attempt 1: there is no memory for its output; it is dropped"
is "and the next one is worked on" "$(cat "$tmp/out")" b
chansend "$ch" x
status 0 chanrecv -1 "$ch" -- sh -c 'exec <&- ; head -c 5000000 /dev/zero'
is "megabytes out, stdin closed" "$(wc -c <"$tmp/out")" 5000000

# ---- output, and the log ----

seq 40 | chansend "$ch"
status 0 chanrecv -e -j8 "$ch" -- sh -c 'read -r m; echo "$m one"; sleep 0.0$((m % 7)); echo "$m two"'
is "grouped" "$(awk 'NR % 2 { a = $1; next } { print ($1 == a) }' "$tmp/out" | sort | uniq -c | xargs)" "40 1"
seq 8 | chansend "$ch"
status 0 chanrecv -e -j8 --output=line "$ch" -- sh -c 'read -r m; printf "$m "; sleep 0.02; echo "$m"; printf last'
is "whole lines" "$(sed 's/last//g' "$tmp/out" | awk 'NF { print ($1 == $2) }' | sort | uniq -c | xargs)" "8 1"
is "what has no newline" "$(grep -o last "$tmp/out" | wc -l)" 8
chansend "$ch" kept
status 1 sh -c 'chanrecv -1 "$1" -- cat >/dev/full' - "$ch"
is "what can't be printed is kept" "$(chanrecv -1 "$ch" -- sh -c 'cat; echo $CHAN_ATTEMPT')" kept1

chansend "$ch" a bb
status 123 chanrecv -e --joblog="$tmp/log" --backoff=0 --max-deliver=2 --dead-letter=drop "$ch" -- \
	sh -c '[ $(cat) = a ] || kill -9 $$'
is "the log" "$(awk -F'\t' '{ print NF, $2, $3, $6, $7, $8 }' "$tmp/log")" \
	"$(printf '%s\n' '8 id attempt exit signal bytes' '8 - 1 0 0 1' '8 - 1 0 9 2' '8 - 2 0 9 2')"
chansend "$ch" c
status 0 chanrecv -e --joblog="$tmp/log" "$ch" -- true
is "appended, without another head" "$(wc -l <"$tmp/log")" 5
chansend "$ch" c
: >"$tmp/log" # as one that was killed before it wrote the head
status 0 chanrecv -e --joblog="$tmp/log" "$ch" -- true
is "the head comes first" "$(cut -f1 "$tmp/log" | xargs)" "seq $(chanctl stat -H -o SENT "$ch")"

# ---- tokens ----

channel && tokens=$ch
chansend "$tokens" '' ''
status 7 chanrecv --hold "$tokens" -- sh -c 'cat; echo held; exit 7' <<<input
is "it has our stdin and stdout" "$(xargs <"$tmp/out")" "input held"
is "given back" "$(chanctl stat -H -o DEPTH "$tokens")" 2
mkfifo "$tmp/free"
for i in 1 2; do
	chanrecv --hold "$tokens" -- sh -c "echo >>$tmp/held; read -r x <$tmp/free" &
	holder=$!
done
happens lines "$tmp/held" 2
status 5 chanrecv -q -N --hold "$tokens" -- true
status 124 chanrecv -q -W 10ms --hold "$tokens" -- true
kill -KILL $holder
wait $holder 2>/dev/null
status 0 chanrecv --hold "$tokens" -- true
exec 8<>"$tmp/free"
printf '\n\n' >&8
wait
exec 8<&-
status 143 sh -c 'exec chanrecv --hold "$1" -- sh -c "kill -TERM \$PPID; exec sleep 1000"' - "$tokens"
status 127 chanrecv --hold "$tokens" -- "$tmp/none"
is "all given back" "$(chanctl stat -H -o DEPTH "$tokens")" 2

finish
