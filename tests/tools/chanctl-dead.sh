#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Dead messages: where they go, with which reason, and how they come back; chanctl dead, kick, bury
# and release.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

numbers() { chanctl dead -H "$1" | awk '{ printf "%s ", $1 }'; }

# ---- buried in place ----

channel
printf '%s\n' a b c d | chansend "$ch"
status 0 chanctl bury "$ch" 2 3
is 'the others' "$(chanrecv -N "$ch" | tr '\n' ' ')" 'a d '
is 'the buried ones' "$(numbers "$ch")" '2 3 '
is 'they are counted' "$(chanctl stat -H -o DEPTH,BURIED "$ch" | tr -s ' ')" '3 2'
chanctl dead "$ch" | head -1 | grep -q '^SEQ *ATTEMPTS *AGE *SIZE *FROM *REASON$' && pass || fail headings
is 'as JSON' "$(chanctl dead -J "$ch" | jq -r .data | tr '\n' ' ')" 'b c '
status 0 chanctl -v kick "$ch" 1
says '1 message is ready again'
is 'the oldest' "$(chanrecv -N "$ch")" b
status 0 chanctl release "$ch" 3
is 'by number' "$(chanrecv -N "$ch")" c
is 'no more' "$(numbers "$ch")" ''
status 0 chanctl -v kick "$ch"
says '0 messages are ready again'

# ---- what is refused ----

status 1 chanctl bury "$ch" 99
says 'there is no message 99'
status 1 chanctl release "$ch" 1
says 'there is no message 1'
status 2 chanctl bury "$ch" x
says 'SEQ'
status 2 chanctl bury "$ch"
status 2 chanctl kick "$ch" -- -1
status 3 chanctl dead nonexistent
status 3 chanctl kick nonexistent
chansend "$ch" held
chanrecv -q --hold "$ch" -- sleep 100 &
holder=$!
await 'it is held' sh -c "chanctl dump $ch | grep -q leased"
status 1 chanctl bury "$ch" "$(chanctl dump "$ch" | jq .seq)"
says 'a receiver has message'
kill $holder
wait $holder 2>/dev/null
channel -k latest
status 2 chanctl kick "$ch"
says 'no queue'

# ---- a worker buries ----

channel --meta
printf '%s\n' good bad | chansend -H job=7 "$ch"
chanrecv -q -e --max-deliver=2 --backoff=1ms --dead-letter=hold "$ch" -- sh -c 'read -r x; [ "$x" = good ]' 2>/dev/null
is 'it is buried' "$(chanctl dead -J "$ch" | jq -r .data)" bad
status 0 chanctl kick "$ch"
is 'and comes back' "$(chanrecv -N "$ch")" bad

# ---- dead letters say why ----

from=$ch
channel --meta
letters=$ch
printf '{"data":"%s","key":"k","sent":1,"hdr":{"job":"7"}}\n' good bad | chansend -F jsonl "$from"
chanrecv -q -e --max-deliver=2 --backoff=1ms --dead-letter="$letters" "$from" -- \
	sh -c 'read -r x; [ "$x" = good ] || exit 4' 2>/dev/null
is 'the letter' "$(chanrecv -p -o '%p|%k|%h{job}|%h{from}|%h{attempts}|%h{reason}' "$letters")" \
	"bad|k|7|$from|2|sh ended with status 4"
chanctl dead -H "$letters" | grep -q " 2 .* $from .*sh ended with status 4\$" && pass ||
	fail "dead shows: $(chanctl dead "$letters")"

# ---- a pause without a lease ----

chansend "$from" later
chanrecv -q --max-deliver=0 --backoff=fixed:1h "$from" -- false 2>/dev/null &
worker=$!
await 'it is delayed' sh -c "[ \"\$(chanctl stat -H -o DELAYED $from)\" = 1 ]"
kill -9 $worker
wait $worker 2>/dev/null
is 'no death ends the pause' "$(chanrecv -N "$from" || echo nothing)" nothing
number=$(chanctl dump "$from" | jq .seq)
status 0 chanctl release "$from" "$number"
is 'but a release does' "$(chanrecv -N "$from")" later

# ---- the channel says where its dead messages go ----

letters=$ch.letters
channel --dead-letter="$letters"
at_end "chanctl rm -f '$letters'"
is 'it is shown' "$(chanctl stat -H -o DEAD-LETTER "$ch")" "$(id -u)/$letters"
status 0 chanctl create -p --dead-letter="$letters" "$ch"
status 1 chanctl create -p --dead-letter=other "$ch"
says "dead-letter is $(id -u)/$letters, not other"
for bad in a/b/c .x ''; do
	status 2 chanctl create --dead-letter="$bad" "$ch.bad"
	says --dead-letter
done
status 2 chanctl create -k latest --dead-letter=x "$ch.bad"
says 'only a queue'
status 2 chanctl create --dead-letter="$ch.bad" "$ch.bad"
says 'the channel itself'
chansend "$ch" waits
status 3 chanrecv -N --backoff=0 --max-deliver=1 "$ch" -- false
is 'nothing is lost while it is missing' "$(chanctl stat -H -o DEPTH,BURIED "$ch" | xargs)" '1 0'
chanctl create --meta "$letters"
status 123 chanrecv -e --backoff=0 --max-deliver=1 "$ch" -- false
is 'then it gets them' "$(chanctl dead -J "$letters" | jq -r .data)" waits
chansend "$ch" stays
status 123 chanrecv -e --backoff=0 --max-deliver=1 --dead-letter=hold "$ch" -- false
is 'an option goes first' "$(chanctl dead -J "$ch" | jq -r .data)" stays
one=$ch
channel
status 2 chanrecv -N "$one" "$ch" -- true
says 'go elsewhere'

# ---- expired ones go there, whoever finds them ----

channel --meta
letters=$ch
channel --meta --dead-letter="$letters"
chansend --ttl=1us -H colour=red --id=x "$ch" late
status 5 chanrecv -N "$ch"
is 'its letter' "$(chanrecv -p -N -o '%i %h{colour} %h{reason} %h{from} %h{attempts} %p' "$letters")" \
	"x red expired $ch 0 late"
is 'counted' "$(chanctl stat -H -o EXPIRED,BURIED "$ch" | tr -s ' ')" '1 0'
is 'listed' "$(chanctl dead -H "$letters" | wc -l)" 1
chanctl remove "$letters"
chansend --ttl=1us "$ch" later
status 5 chanrecv -N "$ch"
is 'buried where that is missing' "$(chanctl stat -H -o EXPIRED,BURIED "$ch" | tr -s ' ')" '1 1'
chanctl create --meta "$letters"
status 0 chanctl kick "$ch"
status 5 chanrecv -N "$ch"
is 'sent when it is there' "$(chanrecv -N "$letters")" later

# ---- how often a message is delivered, as the channel says ----

channel --max-deliver=2
is 'it says so' "$(chanctl stat -H -o MAX-DELIVER "$ch")" 2
echo bad | chansend "$ch"
status 123 chanrecv -e --backoff=0 --dead-letter=drop "$ch" -- sh -c 'echo "$CHAN_MAX_DELIVER" >>"$0"; exit 1' "$tmp/tries"
is 'tried twice' "$(tr '\n' ' ' <"$tmp/tries")" '2 2 '
echo bad | chansend "$ch"
status 123 chanrecv -e --backoff=0 --max-deliver=1 --dead-letter=drop "$ch" -- sh -c 'echo again >>"$0"; exit 1' "$tmp/tries"
is 'an option overrides it' "$(grep -c again "$tmp/tries")" 1
first=$ch
channel
status 2 chanrecv -e "$first" "$ch" -- true
says '--max-deliver says how often all of them are'
status 2 chanctl create --max-deliver=0 "$ch.bad"
says "'0' is not a number from 1 to 65534"
status 2 chanctl create --kind=latest --max-deliver=3 "$ch.bad"
says 'only a queue has it'

finish
