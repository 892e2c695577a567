#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanrecv --order: messages with the same key are run one after the other, in their order, also
# when they fail; and the id in the log of jobs.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# ---- bad use: one line, status 2 ----

channel
chansend "$ch" kept
for bad in --order= --order=keys --order=key: --order=key:a=b "--order=key --pipe" "--order=key --batch=2" \
	"--order=key:a --hold"; do
	status 2 sh -c 'exec chanrecv $1 "$2" -- true' - "$bad" "$ch"
	is "a line for $bad" "$(head -n 1 "$tmp/err" | grep -c -e --order)" 1
done
status 2 chanrecv --order=key "$ch" -- true
is "there must be headers" "$(grep -c 'no header.*chanctl create --meta' "$tmp/err")" 1
is "and it is one line" "$(wc -l <"$tmp/err")" 1
is "nothing was taken" "$(chanrecv -1 "$ch" -- sh -c 'cat; echo " $CHAN_ATTEMPT"')" "kept 1"

# ---- one after the other ----

# Each child writes that it begins and that it ends.
cat >"$tmp/work" <<'EOF'
#!/bin/sh
m=$(cat)
echo "$CHAN_HDR_USER+$m" >>"$tmp/trace"
[ "$m" != hold ] || until [ -e "$tmp/go" ]; do sleep 0.01; done
[ "$m" != fail ] || [ "$CHAN_ATTEMPT" = 3 ] || { echo "$CHAN_HDR_USER-$m$CHAN_ATTEMPT" >>"$tmp/trace"; exit 75; }
[ "$m" != die ] || [ "$CHAN_ATTEMPT" = 2 ] || { echo "$CHAN_HDR_USER-$m$CHAN_ATTEMPT" >>"$tmp/trace"; kill -9 $$; }
echo "$CHAN_HDR_USER-$m" >>"$tmp/trace"
EOF
chmod +x "$tmp/work"
export tmp
# What the trace has of one user, on a line.
of() { sed -n "s/^$1//p" "$tmp/trace" | xargs; }
say() {
	local user=$1
	shift
	for m; do chansend -H "user=$user" "$ch" "$m"; done
}

channel --meta
say ann hold a1 a2
say bob b1 b2 b3
chansend "$ch" nobody # it has no such pair
: >"$tmp/trace"
chanrecv -e -j8 --order=key:user "$ch" -- "$tmp/work" &
worker=$!
await "the others run, and those behind the first do not" sh -c \
	'[ "$(grep -c -e "^bob-" "$tmp/trace")" = 3 ] && grep -q -e ^-nobody "$tmp/trace"'
is "only the first runs" "$(of ann)" "+hold"
: >"$tmp/go"
wait $worker
is "it ends well" $? 0
is "in their order" "$(of ann)" "+hold -hold +a1 -a1 +a2 -a2"
is "and the other's" "$(of bob)" "+b1 -b1 +b2 -b2 +b3 -b3"

# ---- what failed keeps its place ----

say ann fail a1
say bob die b1
: >"$tmp/trace"
status 0 chanrecv -e -j8 --backoff=10ms --order=key:user "$ch" -- "$tmp/work"
is "tried again before those behind it" "$(of ann)" "+fail -fail1 +fail -fail2 +fail -fail +a1 -a1"
is "also after a death" "$(of bob)" "+die -die1 +die -die +b1 -b1"
say ann fail a1
: >"$tmp/trace"
status 123 chanrecv -e -j8 --backoff=0 --max-deliver=2 --dead-letter=drop --order=key:user "$ch" -- "$tmp/work"
is "given up, then the next" "$(of ann)" "+fail -fail1 +fail -fail2 +a1 -a1"
channel --meta && letters=$ch
channel --meta
say ann fail a1
: >"$tmp/trace"
status 123 chanrecv -e -j8 --backoff=0 --max-deliver=2 --dead-letter="$letters" --order=key:user "$ch" -- "$tmp/work"
is "a dead letter" "$(of ann)" "+fail -fail1 +fail -fail2 +a1 -a1"
is "with its runs" "$(chanctl dead "$letters" | awk 'NR == 2 { print $2 }')" 2

# ---- many, of few keys ----

channel --meta -c 4M
for i in $(seq 200); do
	printf '{"data":"%s","hdr":{"user":"u%s"}}\n' "$i" $((i % 3))
done | chansend -F jsonl "$ch"
cat >"$tmp/work" <<'EOF'
#!/bin/sh
m=$(cat)
mkdir "$tmp/$CHAN_HDR_USER" || echo "two of $CHAN_HDR_USER" >>"$tmp/bad"
echo "$m" >>"$tmp/$CHAN_HDR_USER.done"
[ $((m % 17)) != 0 ] || [ "$CHAN_ATTEMPT" != 1 ] || { rmdir "$tmp/$CHAN_HDR_USER"; exit 75; }
rmdir "$tmp/$CHAN_HDR_USER"
EOF
: >"$tmp/bad"
status 0 chanrecv -e -j8 --backoff=1ms --order=key:user "$ch" -- "$tmp/work"
is "never two of a key" "$(wc -l <"$tmp/bad")" 0
is "each in its order" "$(sort -cn "$tmp"/u0.done && sort -cn "$tmp"/u1.done && sort -cn "$tmp"/u2.done && echo yes)" yes
is "all, and those that failed twice" "$(sort -u "$tmp"/u?.done | wc -l) $(cat "$tmp"/u?.done | wc -l)" "200 211"

# ---- more of one key than are taken ahead, and a worker that ends ----

leased() { [ "$(chanctl dump "$ch" | grep -c '"leased"')" = "$1" ]; }
channel --meta -c 4M
rm -f "$tmp/go"
for i in $(seq 300); do printf '{"data":"%s","hdr":{"user":"ann"}}\n' "$i"; done | chansend -F jsonl "$ch"
: >"$tmp/trace"
chanrecv -j2 --order=key:user "$ch" -- \
	sh -c 'echo "$CHAN_SEQ $CHAN_ATTEMPT" >>"$tmp/trace"; until [ -e "$tmp/go" ]; do sleep 0.01; done' &
worker=$!
await "as many as two children may have" leased 65
kill $worker
await "those that wait go back" leased 1
: >"$tmp/go"
wait $worker
is "one was run" "$(cat "$tmp/trace")" "1 1"
status 0 chanrecv -e -j2 --order=key:user "$ch" -- sh -c 'echo "$CHAN_SEQ $CHAN_ATTEMPT" >>"$tmp/trace"'
is "each once, in their order, and no attempt is counted" "$(cat "$tmp/trace")" "$(seq -f '%.0f 1' 300)"

# ---- by the key, in lanes; the ids ----

channel --lanes=2 --lane-by=key
for i in 1 2 3 4; do
	chansend --key=k$((i % 2)) --id="order $i" "$ch" $i
done
rm -f "$tmp"/*.done
status 0 chanrecv -e -j4 --joblog="$tmp/log" --order=key "$ch" -- sh -c 'cat >>"$tmp/$CHAN_KEY.done"'
is "in their order" "$(cat "$tmp/k0.done") $(cat "$tmp/k1.done")" "24 13"
is "the log has their ids" "$(tail -n +2 "$tmp/log" | cut -f2 | sort | xargs)" \
	"$(for i in 1 2 3 4; do printf 'order %s' $i | od -An -tx1 | tr -d ' \n'; echo 000000000000000000; done | xargs)"

finish
