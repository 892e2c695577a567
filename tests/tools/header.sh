#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Messages with a header from the shell: what is said of a message, what is shown of it, what a
# child is told, and requests with their replies.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# ---- what is said, and shown ----

channel --lanes=2 --lane-by=key
keyed=$ch
channel --meta
a=$ch
chansend -H kind=order -H 'odd=a=b' -H empty= --id=abc --key=k1 --ttl=1h "$keyed" hello
chanrecv -J -N "$keyed" | sed 's/^{/{"priority":5,/' | chansend -F jsonl "$a" # a copy keeps both
is 'formats' "$(chanrecv -p -o '%i|%k|%h{kind}|%h{odd}|%h{empty}|%h{none}|%u|%p' "$a")" \
	"abc|k1|order|a=b|||$(id -u)|hello"
line=$(chanrecv -p -J "$a")
for part in '"id":"abc"' '"key":"k1"' '"priority":5' '"hdr":{"kind":"order","odd":"a=b","empty":""}' \
	"\"uid\":$(id -u)" '"sent":' '"ttl":35'; do
	case $line in *"$part"*) pass ;; *) fail "$part is not in $line" ;; esac
done
chansend --id=00112233-4455-6677-8899-AABBCCDDEEFF "$a" x
is 'a UUID' "$(chanrecv -p -o '%i ' "$a")" 'abc 00112233445566778899aabbccddeeff '
status 0 chanctl purge "$a"

# ---- jsonl keeps all of it ----

channel --meta
b=$ch
odd=$(printf 'k\xff\001')
chansend --key="$odd" -H "v=$odd" --id=x "$keyed" "$(printf 'not \xfe UTF-8')"
chanrecv -J -N "$keyed" | chansend -F jsonl "$a"
chansend -H 'n=ü "\\' --key= "$keyed" ''
chanrecv -J -N "$keyed" | chansend -F jsonl "$a"
chansend "$a" plain
chanrecv -J -e "$a" >"$tmp/one"
chansend -F jsonl "$b" <"$tmp/one"
chanrecv -J -e "$b" >"$tmp/two"
strip() { sed 's/"ch":"[^"]*",//; s/"\(seq\|ts\|sent\|pid\)":[0-9.]*,//g' "$1"; }
strip "$tmp/one" >"$tmp/one.s"
strip "$tmp/two" >"$tmp/two.s"
same 'a header comes through jsonl' "$tmp/one.s" "$tmp/two.s"
is 'lines' "$(wc -l <"$tmp/one")" 3
grep -q '"key64":"a/8B"' "$tmp/one" && pass || fail "no key64 in $(cat "$tmp/one")"
grep -q '"hdr64":' "$tmp/one" && pass || fail "no hdr64 in $(cat "$tmp/one")"

# ---- what is refused ----

channel
status 2 chansend -H x=y "$ch" z
says 'have no header; make the channel with'
status 2 chansend -F jsonl "$ch" < <(echo '{"data":"q","id":"x"}')
says 'no header'
is 'nothing was sent' "$(chanctl stat -H -o DEPTH "$ch")" 0
for bad in '"priority":9' '"priority":"1"' '"id":""' '"id":"12345678901234567"' '"ttl":-1' \
	'"delay":"x"' '"hdr":[]' '"hdr":{"":"x"}' '"hdr":{"a":1}' '"key64":"?"' '"hdr64":"eA=="'; do
	status 1 chansend -F jsonl "$a" < <(echo "{\"data\":\"q\",$bad}")
	says "${bad%%:*}"
done
for bad in --priority=8 --priority=x --id= --id=12345678901234567 --ttl=0 --ttl=x --delay=x \
	--delay=infinity --header=foo --header==x --on-death=x --on-death=fail; do
	status 2 chansend "$bad" "$a" x
	says "${bad%%=*}"
done
status 2 chansend -H "big=$(printf '%01100d' 0)" "$a" x
says '1024'
status 2 chanrecv -o '%h' "$a"
status 2 chanrecv -o '%h{x' "$a"
is 'still nothing' "$(chanctl stat -H -o DEPTH "$a")" 0

# ---- a child ----

chansend -H my-name=v --key=kk --id=job7 "$keyed" payload
chanrecv -e "$keyed" -- sh -c 'echo "$CHAN_ID $CHAN_KEY $CHAN_HDR_MY_NAME $CHAN_SENDER_UID"' >"$tmp/env"
is 'the environment' "$(cat "$tmp/env")" "job7 kk v $(id -u)"
chansend -H m=1 "$a" payload
chanrecv -e --meta-fd=3 "$a" -- sh -c 'cat <&3' >"$tmp/meta"
grep -q '"hdr":{"m":"1"}' "$tmp/meta" && pass || fail "the object is $(cat "$tmp/meta")"

# ---- requests ----

# shellcheck disable=SC2016
chanrecv -q --reply -j 2 "$a" -- sh -c 'read -r x; echo "got $x"; test "$x" != bad || exit 3' &
worker=$!
is 'a reply' "$(chansend --request=20s "$a" good)" 'got good'
status 3 chansend --request=20s "$a" bad
is 'replies' "$(printf '%s\n' 1 2 | chansend --request=20s "$a" | tr '\n' ' ')" 'got 1 got 2 '
chansend "$a" 'asks for none'
await "it is done" depth 0 "$a"
kill $worker
wait $worker 2>/dev/null
status 124 chansend --request=50ms "$a" unheard
says 'no reply to message 1 in time'
is 'it was taken back' "$(chanctl stat -H -o DEPTH "$a")" 0

chanrecv -q -1 --reply "$a" -- sh -c 'kill -9 $PPID; sleep 100' 2>/dev/null &
status 9 chansend --request=20s --on-death=fail "$a" once
says 'the server of message 1 died'
wait
status 2 chanrecv --reply --pipe "$a" -- cat
status 2 chanrecv --reply --output=pass "$a" -- cat

# ---- lanes ----

channel --lanes=4 --lane-by=key
for i in 1 2 3; do chansend --key=same "$ch" $i; done
is 'in order' "$(chanrecv -N "$ch" | tr '\n' ' ')" '1 2 3 '
channel --lanes=8 --lane-by=priority
for i in 1 7 3; do chansend --priority=$i "$ch" $i; done
is 'the highest first' "$(chanrecv -N "$ch" | tr '\n' ' ')" '7 3 1 '
is 'they are shown' "$(chanctl stat -H -o LANES,META "$ch" | tr -s ' ')" '8 yes'
status 2 chansend --key=k "$ch" x
says '--lane-by=key'
status 2 chansend --priority=1 "$keyed" x
says '--lane-by=priority'
status 2 chansend --key=k "$a" x
says 'a key decides nothing here; leave it out, or make the channel with'
status 2 chansend --priority=1 "$a" x
says 'a priority decides nothing here; leave it out, or make the channel with'
# A line is a copy if it says when the message was sent.
status 2 chansend -F jsonl "$ch" <<<'{"data":"x","key":"k"}'
says 'message 1: a key decides nothing here' && says '--lane-by=key'
status 2 chansend -F jsonl "$keyed" <<<'{"data":"x","priority":1}'
says 'message 1: a priority decides nothing here' && says '--lane-by=priority'
status 2 chansend -K -F jsonl "$a" <<<'{"data":"x","key64":"aw=="}'
says 'message 1: a key decides nothing here'
status 2 chansend --request -F jsonl "$a" <<<'{"data":"x","key":""}'
says 'message 1: a key decides nothing here'
is 'nothing went anywhere' "$(chanctl stat -H -o DEPTH "$ch" "$keyed" "$a" | xargs)" '0 0 0'
chansend -F jsonl "$a" <<<'{"data":"x","key":"k","priority":1,"sent":1.5}'
is 'a copy keeps both' "$(chanrecv -N -o '%k ' "$a")" 'k '
status 2 chanctl create --lanes=4 x
says 'lane-by'
status 2 chanctl create --lanes=4 --lane-by=priority x
says '8'
status 2 chanctl create --lanes=1 --lane-by=key x
status 2 chanctl create --lane-by=none --lanes=2 x
status 2 chanctl create --meta -k latest x
says 'a queue and a broadcast'
status 1 chanctl create -p --lanes=4 --lane-by=key "$ch"
says 'lanes is 8, not 4'

finish
