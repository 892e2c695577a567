#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl peek and dump, and the verbs as people type them.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

channel
status 0 chanctl peek "$ch"
is "peek of nothing" "$(cat "$tmp/out")" ''
chansend "$ch" one $'t\377o' three
is "peek" "$(chanctl peek "$ch")" $'one\nt\377o\nthree'
is "peek -n" "$(chanctl peek -n 2 "$ch")" $'one\nt\377o'
is "peek -n 0" "$(chanctl peek -n 0 "$ch")" ''
is "peek -J" "$(chanctl peek -J -n 1 "$ch" | jq -c .)" \
	"{\"ch\":\"$ch\",\"seq\":1,\"len\":3,\"data\":\"one\"}"
status 0 chanctl peek -n 10 "$ch" # more than there are
is "they stay" "$(chanctl stat -H -o DEPTH "$ch")" 3

# A receiver works on the first one: peek does not show it, dump does.
mkfifo "$tmp/held"
# shellcheck disable=SC2016
chanrecv -1 "$ch" -- sh -c 'cat >"$0.got"; exec cat <"$0"; exit 1' "$tmp/held" &
worker=$!
happens grep -qx one "$tmp/held.got"
is "peek beside a lease" "$(chanctl peek "$ch" | head -n 1 | od -An -c | tr -d ' ')" 't377o\n'
chanctl dump "$ch" >"$tmp/dump"
is "dump beside a lease" "$(jq -c '[.seq, .leased, .attempt, .data, .b64]' "$tmp/dump")" \
	$'[1,true,1,"one",null]\n[2,null,null,null,"dP9v"]\n[3,null,null,"three",null]'
: >"$tmp/held"
ended $worker 0
is "dump without it" "$(chanctl dump "$ch" | jq -c '[.seq, .leased]')" $'[2,null]\n[3,null]'
channel
chansend -F jsonl "$ch" <"$tmp/dump"
is "dump to chansend" "$(chanrecv -e "$ch")" $'one\nt\377o\nthree'

# As much as there is, in a pipe whose reader ends early, too.
channel -c 16M -m 1M
seq 100000 | chansend "$ch"
is "many" "$(chanctl peek "$ch" | cksum)" "$(seq 100000 | cksum)"
is "many, dumped" "$(chanctl dump "$ch" | wc -l)" 100000
is "one of many" "$(chanctl peek "$ch" | head -n 1)" 1
channel
head -c 200000 /dev/zero | tr '\0' x >"$tmp/long"
chansend -f "$tmp/long" "$ch"
is "a long one" "$(chanctl peek "$ch" | wc -c)" 200001
status 3 chanctl peek "$ch.none"
status 3 chanctl dump "$ch.none"
status 2 chanctl peek
status 2 chanctl dump "$ch" "$ch"

# ---- as people type them ----

status 0 chanctl ls -H -o NAME "$ch"
is "ls" "$(cat "$tmp/out")" "$ch"
status 0 chanctl rm "$ch"
status 3 chanctl info "$ch"
same "help" <(chanctl help) <(chanctl --help)
for verb in create remove rm ls dump help; do
	same "help $verb" <(chanctl help $verb) <(chanctl $verb --help)
done
status 2 chanctl help nonsense
status 2 chanctl help list stat
status 2 chanctl remvoe
says "no verb 'remvoe'; did you mean 'remove'? 'chanctl --help' lists all"
status 2 chanctl comp
says "did you mean 'completion'?"
status 2 chanctl "$(head -c 300 /dev/zero | tr '\0' q)"
says "'chanctl --help' lists them"

finish
