#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A channel of kind broadcast from the shell: where a subscription begins, groups, what a slow
# subscriber loses, and what is refused.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# col COLUMN: of the channel
col() {
	chanctl stat -H -o "$1" "$ch"
}

# subscriber KEY: of the channel's first one
subscriber() {
	chanctl info -J "$ch" | jq -r ".subscribers[0].$1"
}

# attached N: so many receivers are
attached() {
	chanctl wait -W 60 "$ch" "receivers=$1"
}

# stopped PID: it is
stopped() {
	[[ $(cut -d' ' -f3 "/proc/$1/stat") == T ]]
}

# ---- every message to every subscriber ----

channel -k broadcast -c 64K
is 'its kind' "$(col KIND)" broadcast
is 'its policy' "$(col ON-LAG)" block
is 'its groups' "$(col GROUPS-MAX)" 16
for i in 1 2 3; do
	chanrecv -n 3 "$ch" >"$tmp/got$i" &
	eval "pid$i=$!"
done
attached 3
chansend "$ch" one two three
# shellcheck disable=SC2154
for i in 1 2 3; do
	eval "ended \$pid$i 0"
	is "subscriber $i has all" "$(cat "$tmp/got$i")" $'one\ntwo\nthree'
done
is 'all are kept' "$(col KEPT)" 3
is 'nobody has to receive them' "$(col DEPTH)" 0

# ---- where it begins ----

is 'oldest' "$(chanrecv -N --from=oldest "$ch")" $'one\ntwo\nthree'
is 'the last two' "$(chanrecv -N --from=-2 "$ch")" $'two\nthree'
is 'more than there are' "$(chanrecv -N --from=-99 "$ch")" $'one\ntwo\nthree'
is 'a number' "$(chanrecv -N --from=2 "$ch")" $'two\nthree'
is 'a duration ago' "$(chanrecv -N --from=@-1h --or-oldest "$ch")" $'one\ntwo\nthree'
is 'a date' "$(chanrecv -N --from=@2020-01-01 --or-oldest "$ch")" $'one\ntwo\nthree'
is 'in UTC' "$(chanrecv -N --from=@2020-01-01T10:00:00Z --or-oldest "$ch")" $'one\ntwo\nthree'
is 'drain' "$(chanrecv -e --from=3 "$ch")" three
status 5 chanrecv -N --from=next "$ch"
status 5 chanrecv -N "$ch"
status 124 chanrecv -W 20ms "$ch"
is 'with its number' "$(chanrecv -N --from=-1 -J "$ch" | jq -c '[.seq, .data, .lost]')" '[3,"three",null]'
is 'a copy has its number' "$(chanrecv -N --from=-2 --on-lag=lose -o '%s %p\n' "$ch")" $'2 two\n3 three'
is 'and drains' "$(chanrecv -e --from=2 --on-lag=lose "$ch")" $'two\nthree'
is 'so many copies and no more' "$(chanrecv -n 2 --from=1 --on-lag=evict:1s "$ch")" $'one\ntwo'
is 'peek' "$(chanrecv -p "$ch")" $'one\ntwo\nthree'
is 'peek and dump of chanctl' "$(chanctl peek -n 1 "$ch"; chanctl dump "$ch" | jq -r .seq)" $'one\n1\n2\n3'
is 'a child for each' "$(chanrecv -N --from=2 "$ch" -- sh -c 'cat; echo')" $'two\nthree'

# One that fails is tried again before the next one, and counted; a dead one is not passed over.
status 123 chanrecv -N --from=oldest --group=work --max-deliver=2 --backoff=10ms --dead-letter=drop \
	"$ch" -- sh -c 'read -r x; echo "$x $CHAN_ATTEMPT"; [ "$x" != two ]'
is 'tried again in its turn' "$(cat "$tmp/out")" $'one 1\ntwo 1\ntwo 2\nthree 1'
status 5 chanrecv -N --group=work "$ch"
chanctl group remove "$ch" work
status 123 chanrecv -N --from=oldest --group=work --max-deliver=1 "$ch" -- \
	sh -c 'read -r x; [ "$x" != two ]'
is 'a dead one that is held' "$(chanrecv -N --group=work "$ch")" $'two\nthree'
chanctl group remove "$ch" work

# ---- groups ----

is 'a new group' "$(chanrecv -n 2 --group=audit --from=oldest "$ch")" $'one\ntwo'
is 'it stays' "$(chanctl group list -J "$ch" | jq -c '.[] | [.group, .state, .next, .lag, .pid]')" \
	'["audit","unused",3,1,null]'
is 'in a table' "$(chanctl group list "$ch" | awk '$1 == "audit" { print $2, $4, $5 }')" 'unused block 3'
is 'it goes on there, whatever is asked' "$(chanrecv -N --group=audit --from=oldest "$ch")" three
mkfifo "$tmp/fifo"
chanrecv --group=audit "$ch" >"$tmp/fifo" &
first=$!
exec 7<"$tmp/fifo"
attached 1
is 'it has a user' "$(subscriber pid)" $first
status 5 chanrecv -N --group=audit "$ch"
says 'another process uses the group'
status 124 chanrecv -W 20ms --group=audit "$ch"
status 1 chanctl group remove "$ch" audit
says "group 'audit' is in use"
chanrecv -n 1 --group=audit "$ch" >"$tmp/second" & # stands by
second=$!
kill -STOP $first
happens stopped $first
chansend "$ch" four
kill -KILL $first
{ wait $first; } 2>/dev/null
ended $second 0
is 'what the killed one had not received comes to the next' "$(cat "$tmp/second")" four
exec 7<&-
status 0 chanctl group remove "$ch" audit
status 1 chanctl group remove "$ch" audit
says "no group 'audit'"
is 'none is left' "$(chanctl group list "$ch" | cut -d' ' -f1)" GROUP

# A group that is unused for too long.
chanrecv -e --group=old --group-age=1ms --from=oldest "$ch" >"$tmp/out"
sleep 0.01
status 9 chanrecv -N --group=old "$ch"
says 'group'
is 'it is made anew' "$(chanrecv -N --group=old --renew-group --from=-1 "$ch")" four

# ---- too slow ----

channel -k broadcast -c 4K
chanrecv "$ch" >"$tmp/out" & # blocks
reader=$!
attached 1
kill -STOP $reader
happens stopped $reader
seq 1000 >"$tmp/lines"
status 124 chansend -W 100ms "$ch" <"$tmp/lines"
is 'it holds the ring' "$(subscriber on_lag) $(($(subscriber lag) > 50))" 'block 1'
is 'which is full' "$(col FULL)" yes
kill -KILL $reader
wait $reader 2>/dev/null
status 0 chansend -W 60 "$ch" <"$tmp/lines"
is 'a dead one holds nothing' "$(chanctl info -J "$ch" | jq -c .subscribers)" '[]'

chanctl monitor "$ch" >"$tmp/events" &
monitor=$!
happens grep -q present "$tmp/events"
chanrecv -J --on-lag=lose "$ch" >"$tmp/lost" 2>"$tmp/err" &
reader=$!
attached 1
kill -STOP $reader
happens stopped $reader
status 0 chansend "$ch" <"$tmp/lines"
kill -CONT $reader
happens grep -q '"data":"1000"' "$tmp/lost"
kill $reader
wait $reader 2>/dev/null
lost=$(jq -r 'select(.lost) | .lost' "$tmp/lost")
is 'a gap is told once, and exactly' "$(jq -s 'length' "$tmp/lost")" $((1000 - lost))
is 'and on stderr' "$(cat "$tmp/err")" "chanrecv: $ch: lost $lost messages: it was too slow"
is 'and counted' "$(col LOST)" "$lost"
happens grep -q "lost count=$lost" "$tmp/events"
is 'as a metric' "$(chanctl metrics "$ch" | sed -n 's/^shmchan_lost_messages_total{.*} //p')" "$lost"

chanrecv --on-lag=evict:50ms "$ch" >"$tmp/out" 2>"$tmp/err" &
reader=$!
attached 1
kill -STOP $reader
happens stopped $reader
status 0 chansend -W 60 "$ch" <"$tmp/lines"
is 'evicted' "$(subscriber state)" evicted
is 'and counted' "$(col EVICTED)" 1
happens grep -q 'evicted count=1' "$tmp/events"
kill -CONT $reader
happens grep -qx 1000 "$tmp/out"
grep -q 'lost [0-9]* messages' "$tmp/err" && pass || fail "an evicted one is told: $(cat "$tmp/err")"
kill $reader $monitor
wait $reader $monitor 2>/dev/null

# ---- what is refused, each in one line ----

status 9 chanrecv --from=1 "$ch"
says 'messages from that number on are not kept any more'
status 9 chanrecv --from=@2020-01-01 "$ch"
says 'the oldest message that is kept is younger'
status 2 chanrecv --from=99999 "$ch"
says 'the next message will have the number'
status 2 chanrecv --group=.hidden "$ch"
says '--group: is not 1 to 47 of'
for from in 0 -x @ @tomorrow last '' -; do
	status 2 chanrecv --from="$from" "$ch"
	says "--from: '$from' is not next"
done
for policy in evict evict:0 evict:x keep; do
	status 2 chanrecv --on-lag=$policy "$ch"
	says "'$policy' is not block, lose or evict:DURATION"
	status 2 chanctl create -k broadcast --on-lag=$policy x
	says "on-lag: '$policy' is not block"
done
status 2 chanrecv --or-oldest "$ch"
says '--or-oldest goes with'
status 2 chanrecv --group-age=1s "$ch"
says '--group-age goes with --group'
status 2 chanrecv --renew-group "$ch"
says '--renew-group goes with --group'
status 2 chanrecv --peek --from=1 "$ch"
says '--from: --peek shows'
status 2 chanrecv --latest --group=g "$ch"
says 'not for --latest'
status 2 chanrecv -N --from=oldest --on-lag=lose "$ch" -- cat
says 'a COMMAND needs --on-lag=block'
for some in --jobs=2 --batch=2; do
	status 2 chanrecv -N $some "$ch" -- cat
	says 'one message at a time'
done
status 2 chanrecv -N --hold "$ch" -- true
says '--hold: every holder would get'
status 2 chanrecv -N --group=refused --on-lag=lose "$ch" -- cat
status 2 chanrecv -N --group=refused --jobs=2 "$ch" -- cat
is 'what is refused makes no group' "$(chanctl group list "$ch" | grep -c refused)" 0
status 2 chanrecv -N --dead-letter= "$ch" -- cat
says '--dead-letter: names no channel'
for verb in purge pause resume; do
	status 2 chanctl $verb "$ch"
	says "a broadcast can't be"
done
status 2 chanctl group "$ch"
status 2 chanctl group show "$ch"
says "'show' is neither list nor remove"
status 2 chanctl group remove "$ch"
says 'which GROUP'
status 3 chanctl group list nothing-there
broadcast=$ch

channel
status 2 chanrecv --from=oldest "$ch"
says 'no broadcast'
status 2 chanctl group list "$ch"
says 'of kind queue has no groups'

channel -k broadcast --on-lag=evict:200ms --forbid-block --groups=1
is 'its policy' "$(col ON-LAG) $(col FORBID-BLOCK) $(col GROUPS-MAX)" 'evict:200ms yes 1'
status 4 chanrecv --on-lag=block "$ch"
says '--on-lag: the channel forbids subscribers that block'
status 4 chanrecv --on-lag=evict:1s "$ch"
says '--on-lag: the channel allows'
status 5 chanrecv -N --on-lag=evict:100ms "$ch"
status 5 chanrecv -N --group=a "$ch"
status 1 chanrecv --group=b "$ch"
says 'groups, as many as it may have'

channel -k broadcast --endpoints=1
chanrecv "$ch" >"$tmp/out" &
reader=$!
attached 1
status 5 chanrecv -N "$ch"
status 5 chansend -N "$ch" x
kill $reader
wait $reader 2>/dev/null

status 2 chanctl create --on-lag=lose x
says '--on-lag is for --kind=broadcast'
status 2 chanctl create --groups=3 x
says '--groups is for'
status 2 chanctl create --forbid-block x
says '--forbid-block is for'
status 2 chanctl create -k broadcast --on-lag=block --forbid-block x
says 'what --forbid-block forbids'
status 2 chanctl create -k broadcast -o drop-old x
says '--overflow=drop-old: a broadcast'
status 2 chanctl create -k broadcast -c 0 x
status 2 chanctl create -k broadcast --groups=0 x
says "'0' is not a number from 1"
status 0 chanctl create -p -k broadcast --on-lag=block -c 4K "$broadcast"
status 1 chanctl create -p -k broadcast --on-lag=evict:2s --groups=3 --forbid-block "$broadcast"
says 'on-lag is block, not evict:2s, groups is 16, not 3, forbid-block is off, not on'

# ---- one that grows ----

channel -k broadcast -c 64K --max-capacity=4M
status 5 chanrecv -N --group=night "$ch" # a place that holds what comes
seq -f 'message %06.0f of those that are to be received' 30000 >"$tmp/sent"
chansend "$ch" <"$tmp/sent"
is 'how far it may grow' "$(col MAX)" 4M
is 'why it grew' "$(col GROWN-WHY)" full
is 'the rest is kept' "$(col DEPTH)" 30000
chanrecv -N --from=oldest --on-lag=lose "$ch" | cmp - "$tmp/sent" && pass || fail 'one that loses gets all'
chanrecv -N --group=night "$ch" | cmp - "$tmp/sent" && pass || fail 'the group gets all'
# The last one that left has given the memory back.
is 'its size is that of the beginning' "$(col SIZE)" 64K
is 'its peak' "$(col PEAK)" 1.9M
chansend "$ch" later
is 'the group goes on' "$(chanrecv -N --group=night "$ch")" later
status 2 chanctl create -k broadcast -c 2M --max-capacity=1M x

# ---- readers that may not write ----

if [ "$(id -u)" = 0 ]; then
	channel -k broadcast --mode=0644 --on-lag=lose -c 64K --max-capacity=4M
	status 5 chanrecv -N --on-lag=block --group=night "$ch"
	chansend "$ch" <"$tmp/sent"
	setpriv --reuid=65534 --regid=65534 --clear-groups "$BUILD/chanrecv" -N --from=oldest "root/$ch" |
		cmp - "$tmp/sent" && pass || fail 'a reader gets all that lies in larger rings'
	channel -k broadcast --mode=0644 --on-lag=lose
	chansend "$ch" open
	stranger() {
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	}
	is 'a reader receives' "$(stranger "$BUILD/chanrecv" -N --from=oldest "root/$ch")" open
	status 4 stranger "$BUILD/chanrecv" -N --on-lag=block "root/$ch"
	status 4 stranger "$BUILD/chansend" "root/$ch" x
	stranger "$BUILD/chanrecv" -n 1 "root/$ch" >"$tmp/reader" &
	reader=$!
	# It has no entry in any table: that it waits can only be tried.
	for ((i = 0; i < 600; i++)); do
		chansend "$ch" "$i"
		kill -0 $reader 2>/dev/null || break
		sleep 0.1
	done
	ended $reader 0
	[ -s "$tmp/reader" ] && pass || fail 'a reader that waits is woken'
else
	not_tried 'needs root, for another user'
fi

finish
