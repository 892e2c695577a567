#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Workers of eight children each on one channel, while workers and children are killed at
# random: each message ends once, as acknowledged or dead, runs no more often than its
# attempts say, and the log of jobs adds up.
#
#   MESSAGES   how many (default 3000)

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

messages=${MESSAGES-3000}
jobs=8
bound=300
[ -z "${SANITIZE-}" ] || messages=200

channel -c 1M && dead=$ch
channel -c 1M
cat >"$tmp/work" <<'END'
#!/bin/sh
# Each twentieth is refused, each seventh fails twice, and some are killed at first.
read -r n
[ $((n % 50)) != 3 ] || [ "$CHAN_ATTEMPT" -gt 1 ] || kill -KILL $$
[ $((n % 20)) != 0 ] || exit 65
[ $((n % 7)) != 0 ] || [ "$CHAN_ATTEMPT" -gt 2 ] || exit 1
END
chmod +x "$tmp/work"

# A worker is started again whenever it ends.
keep_working() { # NUMBER
	until [ -e "$tmp/enough" ]; do
		chanrecv -q -j $jobs --max-deliver=0 --backoff=20ms --dead-letter="$dead" --joblog="$tmp/joblog" \
			"$ch" -- "$tmp/work" 2>>"$tmp/said" &
		echo $! >"$tmp/worker.$1"
		wait $!
	done
} 2>/dev/null
seq "$messages" | chansend "$ch"
for i in 1 2 3 4; do keep_working $i & done
workers_killed=0
children_killed=0
until depth 0; do
	i=$((RANDOM % 4 + 1))
	pid=$(cat "$tmp/worker.$i" 2>/dev/null)
	if [ -n "$pid" ] && [ $((RANDOM % 3)) = 0 ]; then
		kill -KILL "$pid" 2>/dev/null && workers_killed=$((workers_killed + 1))
	elif [ -n "$pid" ]; then
		pkill -KILL -P "$pid" -n 2>/dev/null && children_killed=$((children_killed + 1))
	fi
	sleep 0.0$((RANDOM % 9))
	[ $SECONDS -lt $bound ] || break
done
touch "$tmp/enough"
sed -n p "$tmp"/worker.* | xargs kill -TERM 2>/dev/null
wait
is "all is settled" "$(chanctl stat -H -o DEPTH,SENT "$ch" | xargs)" "0 $messages"

chanrecv -N "$dead" | sort -n >"$tmp/dead"
is "those refused are dead" "$(uniq "$tmp/dead" | cksum)" "$(seq 20 20 "$messages" | cksum)"
# A worker that is killed just between sending one there and acknowledging it.
twice=$(($(wc -l <"$tmp/dead") - messages / 20))
[ $twice -le $workers_killed ] && pass || fail "$twice dead messages more than there are"

# The log: seq is the message's number, too.
tail -n +2 "$tmp/joblog" >"$tmp/rows"
is "eight columns" "$(awk -F'\t' 'NF != 8' "$tmp/rows" | wc -l)" 0
is "each attempt ran once" "$(cut -f1,3 "$tmp/rows" | sort | uniq -d | wc -l)" 0
is "each other one was done" "$(awk -F'\t' '$6 == 0 && $7 == 0 { print $1 }' "$tmp/rows" | sort -nu | cksum)" \
	"$(seq "$messages" | awk '$1 % 20' | cksum)"
is "none that was refused was done" "$(awk -F'\t' '$1 % 20 == 0 && $6 == 0 && $7 == 0' "$tmp/rows" | wc -l)" 0
# Those done and not acknowledged, and attempts of which there is no row: of killed workers.
again=$(awk -F'\t' '$6 == 0 && $7 == 0 { n[$1]++ } END { for (i in n) t += n[i] - 1; print t + 0 }' "$tmp/rows")
missing=$(awk -F'\t' '{ n[$1]++; if ($3 > m[$1]) m[$1] = $3 } END { for (i in n) t += m[i] - n[i]; print t + 0 }' \
	"$tmp/rows")
killed=$(awk -F'\t' '$7 == 9' "$tmp/rows" | wc -l)
most=$((workers_killed * jobs))
[ "$again" -le $most ] && pass || fail "$again were done again, of $workers_killed workers killed"
[ "$missing" -le $most ] && pass || fail "$missing attempts are in no row, of $workers_killed workers killed"
most=$((children_killed + messages / 50 + 1))
[ "$killed" -le $most ] && pass || fail "$killed rows of children killed, and not $most at most"
[ $workers_killed -gt 0 ] && [ "$killed" -gt 0 ] && pass || fail "too few were killed"

finish "$messages messages, $workers_killed workers and $killed children killed, $(wc -l <"$tmp/rows") runs, \
$again done again, $missing cut off, $twice dead ones twice"
