#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A channel of kind latest from the shell.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

channel -k latest -m 1000
is "its kind" "$(chanctl stat -H -o KIND "$ch")" latest
is "it has no capacity" "$(chanctl stat -H -o CAPACITY "$ch")" 0

# ---- the current value ----

status 5 chanrecv --latest -N "$ch"
status 124 chanrecv --latest -W 20ms "$ch"
status 0 chanrecv --peek "$ch"
is "nothing to show" "$(cat "$tmp/out")" ''
chansend "$ch" one
chansend "$ch" two
is "the value" "$(chanrecv --latest "$ch")" two
is "it stays" "$(chanrecv --latest "$ch")" two
is "peek" "$(chanctl peek "$ch")" two
is "dump" "$(chanctl dump "$ch" | jq -c '[.seq, .data]')" '[2,"two"]'
is "in jsonl" "$(chanrecv --latest -J "$ch" | jq -c '[.seq, .data]')" '[2,"two"]'
is "with a format" "$(chanrecv --latest -o '%s %l %p\n' "$ch")" '2 3 two'
is "drain" "$(chanrecv -e "$ch")" two
is "what is there now" "$(chanrecv -N "$ch")" two
seq 100 | chansend "$ch"
is "the last line of many" "$(chanrecv --latest "$ch")" 100
is "all were sent" "$(chanctl stat -H -o SENT "$ch")" 102
is "one is there" "$(chanctl stat -H -o DEPTH "$ch")" 1
mkdir "$tmp/dir"
status 0 chanrecv --latest -D "$tmp/dir" "$ch"
is "into a file" "$(cat "$tmp"/dir/*)" 100

# ---- each new one ----

chanrecv --latest --follow "$ch" >"$tmp/follow" &
follower=$!
chanrecv -n 2 "$ch" >"$tmp/two" &
two=$!
happens grep -qx 100 "$tmp/follow"
happens grep -qx 100 "$tmp/two"
chansend "$ch" next
happens grep -qx next "$tmp/follow"
ended $two 0
is "two of them" "$(cat "$tmp/two")" $'100\nnext'
chansend --eof "$ch" last
ended $follower 0
is "each that it saw" "$(cat "$tmp/follow")" $'100\nnext\nlast'
is "after the end" "$(chanrecv --latest "$ch")" last
status 6 chansend "$ch" more

# A value is printed when it comes, not when more have come; and each once, in order.
channel -k latest
{ for i in $(seq 300); do echo "$i"; done | chansend -r 3000/s --eof "$ch"; } &
sender=$!
chanrecv "$ch" >"$tmp/out"
ended $sender 0
is "the last one" "$(tail -n 1 "$tmp/out")" 300
check "in order, each once" sort -nuc "$tmp/out"

# ---- what it has not ----

channel -k latest
chansend "$ch" value
status 2 chanrecv "$ch" -- cat
says 'a latest keeps a value, which nobody takes: no COMMAND'
status 2 chanctl purge "$ch"
says "a latest can't be purged"
is "it is still there" "$(chanrecv --latest "$ch")" value
status 2 chansend --overflow=drop-new "$ch" x
status 2 chanctl create -k latest -c 1M "$ch.x"
status 2 chanctl create -k latest -o drop-old "$ch.x"
status 2 chanctl create -k latest -o drop-new "$ch.x"
status 0 chanctl create -p -k latest "$ch"
status 1 chanctl create -p -k queue "$ch"
[[ $(cat "$tmp/err") == *'kind is latest, not queue'* ]] || fail "$(cat "$tmp/err")"
status 2 chanrecv --follow "$ch"
status 2 chanrecv --latest "$ch" -- cat
channel
chansend "$ch" message
status 2 chanrecv --latest "$ch"
[[ $(cat "$tmp/err") == *'of kind queue, not latest'* ]] || fail "$(cat "$tmp/err")"
is "the message stays" "$(chanrecv -N "$ch")" message
channel_name
chansend --create=kind=latest,max-message=50 "$ch" made
is "made by chansend" "$(chanrecv --latest "$ch")" made
status 7 chansend "$ch" "$(printf '%051d' 0)"

finish
