#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Messages that are sent again with the same id, as scripts see it.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

channel --dedup=3
status 0 chansend -v --id=a "$ch" first
says 'sent 1 messages'
status 0 chansend -v --id=a "$ch" again
says '1 messages were sent before, as their ids say'
says 'sent 0 messages, 0 bytes'
is 'received once' "$(chanrecv -N "$ch")" first
status 0 chansend --id=a "$ch" again
is 'remembered when it is gone' "$(chanrecv -N "$ch")" ''
is 'counted' "$(chanctl stat -H -o DEDUP,DUPLICATES,SENT "$ch" | tr -s ' ')" '3 2 1'
is 'JSON' "$(chanctl stat -J "$ch" | jq -c '.[] | [.dedup, .duplicates]')" '["3",2]'
status 0 chansend -n 3 "$ch" x y z
status 0 chansend -v --id=a "$ch" 'behind the window'
says 'sent 1 messages'
chanrecv -N "$ch" >"$tmp/out"
is 'it comes' "$(tail -n 1 "$tmp/out")" 'behind the window'

# A stream that is sent again, from a place that is not known.
channel --dedup=1000
for i in $(seq 50); do echo "{\"id\":\"n$i\",\"data\":\"$i\"}"; done >"$tmp/all"
head -n 30 "$tmp/all" | chansend -F jsonl "$ch"
status 0 chansend -v -F jsonl "$ch" <"$tmp/all"
says '30 messages were sent before'
is 'each once' "$(chanrecv -N "$ch" | tr '\n' ' ')" "$(seq 50 | tr '\n' ' ')"
copy=$ch.copy
chanctl create --dedup=1000 "$copy"
channels+=("$copy")
status 0 chansend -F jsonl "$ch" <<<'{"id":"new","data":"copied"}'
chanrecv -N -J "$ch" >"$tmp/copy"
status 0 chansend -F jsonl "$copy" <"$tmp/copy"
status 0 chansend -F jsonl "$copy" <"$tmp/copy"
is 'a copy, once' "$(chanrecv -N "$copy")" copied
is 'the limit counts them' "$(chansend -v -n 2 -F jsonl "$ch" <"$tmp/all" 2>&1 | grep -c 'sent before')" 1

# A request that was sent before gets no reply.
status 9 chansend --request=10s --id=n1 "$ch" ask
says 'message 1 was sent before, as its id says; no reply comes'

# Options.
status 0 chanctl create -p --dedup=1000 "$ch"
status 1 chanctl create -p --dedup=1000,1h "$ch"
says 'dedup is 1000, not 1000,3600s'
for bad in 0 16777217 x '1,' 1,x ,1h 1,0; do
	status 2 chanctl create "--dedup=$bad" "$ch.bad"
	says "--dedup: '$bad' is not a number from 1 to 16777216, or one and a duration"
done
status 2 chanctl create --kind=latest --dedup=5 "$ch.bad"
says 'is for a queue and a broadcast'
status 0 chansend --create=capacity=64K,dedup=5:2m "$ch.made" x
channels+=("$ch.made")
is 'of a list' "$(chanctl stat -H -o DEDUP "$ch.made")" 5,120s
finish
