#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl create, remove, close, purge, list, stat and info, as scripts use them.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# expect STATUS COMMAND...: with what it writes in $out and $err
expect() {
	status "$@"
	out=$(<"$tmp/out") err=$(<"$tmp/err")
}

# value NAME COLUMN: of a channel, as it is.
value() { chanctl info -H -b -o "$2" "$1"; }

channel_name
channels+=("$ch".{a,b,r,r2,new,w,full})

# ---- create ----

expect 0 chanctl create "$ch.a"
is "stdout of create" "$out" ''
is "stderr of create" "$err" ''
is 'default mode' "$(value "$ch.a" MODE)" 0600
is 'default overflow' "$(value "$ch.a" OVERFLOW)" block
is 'default lifetime' "$(value "$ch.a" LIFETIME)" persist
expect 1 chanctl create "$ch.a"

(umask 077 && chanctl create -c 64K -m 1000 -o drop-old --mode=0640 --endpoints=7 --lifetime=ref \
	--linger=1h --meta --end-with-senders --need-receivers "$ch.b")
is meta "$(value "$ch.b" META)" yes
is 'no meta' "$(value "$ch.a" META)" no
expect 2 chanctl create --meta -k latest "$ch.m"
is max-message "$(value "$ch.b" MAX-MESSAGE)" 1000
is overflow "$(value "$ch.b" OVERFLOW)" drop-old
is 'mode, whatever the umask' "$(value "$ch.b" MODE)" 0640
is endpoints "$(value "$ch.b" ENDPOINTS-MAX)" 7
is lifetime "$(value "$ch.b" LIFETIME)" ref
is linger "$(value "$ch.b" LINGER)" 1h0m
is end-with-senders "$(value "$ch.b" END-WITH-SENDERS)" yes
is need-receivers "$(value "$ch.b" NEED-RECEIVERS)" yes
is 'a ring of 64K' "$(value "$ch.b" CAPACITY)" $((64 * 1024 - 16))

expect 0 chanctl create -c 0 "$ch.r"
is rendezvous "$(value "$ch.r" RENDEZVOUS)" yes
is 'capacity of a rendezvous' "$(value "$ch.r" CAPACITY)" 0
expect 0 chanctl create -k rendezvous "$ch.r2"
is rendezvous "$(value "$ch.r2" RENDEZVOUS)" yes

# -p: it succeeds if the same channel is there, and only then.
expect 0 chanctl create -p "$ch.b"
expect 0 chanctl create -pc 64K -m1000 -odrop-old --mode=640 --endpoints=7 --lifetime=ref \
	--linger=60m --end-with-senders --need-receivers "$ch.b"
expect 0 chanctl create -pc 61K "$ch.b" # would have been rounded up to the same
expect 1 chanctl create -p -c 128K --mode=0600 "$ch.b"
[[ $err == *'capacity is 64K, not 128K, mode is 0640, not 0600'* ]] || fail "$err"
for option in -m1001 -ofail --endpoints=8 --lifetime=persist '--lifetime=ref --linger=1s' -c0; do
	# shellcheck disable=SC2086 # options are words
	expect 1 chanctl create -p $option "$ch.b"
done
expect 1 chanctl create -p --end-with-senders "$ch.a"
expect 1 chanctl create -p -c 1M "$ch.r"
for name in r r2; do
	expect 1 chanctl create -p -k queue "$ch.$name"
	[[ $err == *'kind is rendezvous, not queue'* ]] || fail "$err"
done
expect 0 chanctl create -p -k queue "$ch.b"
expect 0 chanctl create -p "$ch.new"
expect 0 chanctl test "$ch.new" exists

# ---- list ----

expect 0 chanctl list "$ch.*"
is 'headings' "$(sed q <<<"$out" | tr -s ' ')" 'NAME KIND STATE DEPTH USED SIZE MAX SENDERS RECEIVERS MODE'
expect 0 chanctl list -H -o NAME "$ch.*"
is 'names, sorted' "$out" "$ch.a
$ch.b
$ch.new
$ch.r
$ch.r2"
expect 0 chanctl -H -o NAME list "$ch.r*"
is 'names with options before the verb' "$out" "$ch.r
$ch.r2"
expect 0 chanctl list -Ho depth,name "$ch.[a]"
is 'columns in the order asked for' "$out" "0  $ch.a"
expect 0 chanctl list -H "$ch.none*"
is 'no match' "$out" ''
expect 0 chanctl list -J "$ch.none*"
is 'no match in JSON' "$out" '[]'
expect 0 chanctl list -J -o NAME,USE%,FULL,MODE "$ch.[ab]"
is 'JSON' "$(jq -c '.[] | [.name, .used_percent, .full, .mode], keys_unsorted' <<<"$out")" \
	"[\"$ch.a\",0,false,\"0600\"]
[\"name\",\"used_percent\",\"full\",\"mode\"]
[\"$ch.b\",0,false,\"0640\"]
[\"name\",\"used_percent\",\"full\",\"mode\"]"
is 'lines of JSON' "$(wc -l <<<"$out")" 1
expect 0 chanctl list --json=pretty "$ch.*"
[ "$(wc -l <<<"$out")" -gt 100 ] || fail 'pretty JSON is no prettier'
is 'all columns in JSON' "$(jq '.[0] | length' <<<"$out")" \
	"$(($(chanctl --help | sed -n '/^Columns:/,/^$/p' | sed 1d | wc -w) - 11))" # no rates, nor what only a bus has
expect 2 chanctl list -o NAME,NONSENSE
[[ $err == *NONSENSE*SIZE* ]] || fail "does not list the columns: $err"

# ---- stat ----

chansend "$ch.a" one two three
chanrecv -n 1 "$ch.a" >"$tmp/message"
expect 0 chanctl stat -J "$ch.a"
is 'counters' "$(jq -c '.[] | [.name, .state, .depth, .sent, .received, .dropped]' <<<"$out")" \
	"[\"$ch.a\",\"open\",2,3,1,0]"
expect 0 chanctl stat -Hbo USED,NAME "$ch.a"
is 'bytes: two records of 32' "$out" "64  $ch.a"
expect 0 chanctl stat -o CAPACITY -H "$ch.a"
is 'a size for people' "$out" 1M
expect 3 chanctl stat "$ch.a" "$ch.gone" "$ch.b"
is 'the others are shown' "$(sed 1d <<<"$out" | cut -d' ' -f1)" "$ch.a
$ch.b"
[[ $err == *"$ch.gone: no such channel"* ]] || fail "$err"

# -w: rows come while it runs; it ends when the last one is removed.
chanctl create "$ch.w"
chanctl stat -J -w0.02 -o NAME,DEPTH,SENT/S "$ch.w" >"$tmp/watched" 2>"$tmp/watch-err" &
watch=$!
happens grep -qs '"depth":0' "$tmp/watched"
chansend "$ch.w" x
happens grep -qs '"depth":1' "$tmp/watched"
chanctl remove "$ch.w"
wait $watch
is 'status of a watch whose channel went' $? 3
is 'a line each time' "$(jq -c 'map(.name) | unique' "$tmp/watched" | sort -u)" "[\"$ch.w\"]"
jq -se '.[0][0].sent_per_second == null and (map(.[0].sent_per_second) | max > 0)' \
	"$tmp/watched" >/dev/null || fail "no rate: $(<"$tmp/watched")"
grep -q "$ch.w: was removed" "$tmp/watch-err" || fail "$(<"$tmp/watch-err")"

# TERM ends it by that signal, with whole lines.
chanctl stat -w20ms "$ch.a" >"$tmp/watched" &
watch=$!
happens grep -qs "^$ch.a " "$tmp/watched"
kill $watch
wait $watch
is 'status after TERM' $? 143
is 'an unfinished line' "$(tail -c1 "$tmp/watched" | od -An -c | tr -d ' ')" '\n'

# A reader that goes away ends it, too, by SIGPIPE.
env --default-signal=PIPE chanctl stat -w.2 "$ch.a" | head -n 1 >"$tmp/watched"
is 'status of a watch without a reader' "${PIPESTATUS[0]}" 141
is 'its first line' "$(cut -d' ' -f1 "$tmp/watched")" NAME

# ---- info ----

expect 0 chanctl info "$ch.a"
[[ $out == *"NAME "*"$ch.a"* && $out == *'SIZE '*1M* ]] || fail "$out"
chanrecv -w 60 "$ch.b" &
receiver=$!
now=$(date +%s)
happens sleeps $receiver "$ch.b" # it counts as a receiver before all of it is listed
expect 0 chanctl info -J "$ch.b"
is 'the endpoint' "$(jq -c '.endpoints[] | [.pid, .uid, .user, .role, .command, .exclusive]' <<<"$out")" \
	"[$receiver,$(id -u),\"$(id -un)\",\"receiver\",\"chanrecv\",false]"
jq -e '.receivers == 1 and .senders == 0 and .format > 0' <<<"$out" >/dev/null || fail "$out"
jq -e --argjson now "$now" '.endpoints[0].attached | . > $now - 60 and . < $now + 2' <<<"$out" >/dev/null ||
	fail "attached: $out"
expect 0 chanctl info "$ch.b"
grep -qE "^ +$receiver +$(id -un) +receiver +no +chanrecv +" <<<"$out" || fail "$out"
kill $receiver
wait $receiver 2>/dev/null
happens chanctl test "$ch.b" 'receivers=0'

# ---- purge ----

expect 0 chanctl -v purge "$ch.a"
[[ $err == *"$ch.a: 2 messages dropped"* ]] || fail "$err"
is 'depth after purge' "$(value "$ch.a" DEPTH)" 0
is 'purged ones count as dropped' "$(value "$ch.a" DROPPED)" 2

# ---- close ----

chansend "$ch.a" left
expect 0 chanctl close "$ch.a"
is 'state' "$(value "$ch.a" STATE)" draining
expect 6 chansend "$ch.a" more
expect 0 chanrecv "$ch.a"
is 'what was left' "$out" left
is 'state' "$(value "$ch.a" STATE)" closed
chansend "$ch.new" lost
expect 0 chanctl close --now "$ch.new"
expect 0 chanrecv "$ch.new"
is 'discarded' "$out" ''
expect 3 chanctl close "$ch.gone" "$ch.new"

# ---- remove ----

chanctl create "$ch.full"
chansend "$ch.full" x
expect 1 chanctl remove --if-empty "$ch.full"
[[ $err == *'1 messages are in it'* ]] || fail "$err"
expect 0 chanctl test "$ch.full" exists
chanrecv -w 60 "$ch.r" &
receiver=$!
happens sleeps $receiver "$ch.r"
expect 1 chanctl remove --if-unused "$ch.r"
expect 0 chanctl remove --if-unused "$ch.full"
expect 0 chanctl remove --name-only "$ch.r"
expect 0 chanctl test "$ch.r" gone
expect 0 kill -0 $receiver # goes on
kill $receiver
wait $receiver 2>/dev/null
expect 3 chanctl remove --if-empty "$ch.gone"
expect 3 chanctl remove "$ch.a" "$ch.gone" "$ch.b"
expect 0 chanctl remove --if-empty --if-unused "$ch.new"
# -f: what is not there is no error, all else is.
expect 0 chanctl rm -f "$ch.gone" "nobody-at-all/$ch.gone"
is 'rm -f says' "$err" ''
expect 0 chanctl remove --force --if-empty --name-only "$ch.gone"
is 'rm --force says' "$err" ''
chanctl create "$ch.full"
chansend "$ch.full" x
expect 1 chanctl rm -f --if-empty "$ch.gone" "$ch.full"
expect 2 chanctl rm -f .hidden
expect 0 chanctl rm -f "$ch.gone" "$ch.full"
expect 0 chanctl test "$ch.full" gone
expect 3 chanctl rm "nobody-at-all/$ch.gone"

expect 0 chanctl list -H -o NAME "$ch.*"
is 'what is left' "$out" "$ch.r2"

finish
