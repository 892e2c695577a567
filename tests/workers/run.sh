#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: BUILD=DIR tests/workers/run.sh --quick|--full
#
# Workers of eight children each on one channel, while workers, children and chand are killed at
# random: each message ends once, as acknowledged or dead, runs no more often than its
# attempts say, and the log of jobs adds up.

case ${1---quick} in
--quick) messages=2000 patience=300 ;;
--full) messages=200000 patience=7200 ;;
*) echo 'usage: run.sh --quick|--full' >&2; exit 2 ;;
esac

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/../daemon/lib.sh"

jobs=8
[ -z "${SANITIZE-}" ] || messages=200

ch=$prefix-work
dead=$prefix-dead
declare_channel "$ch" 'capacity = 32M'
declare_channel "$dead" 'capacity = 1M'
start
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
		background "$BUILD/chanrecv" -q -j $jobs --max-deliver=0 --backoff=20ms --dead-letter="$dead" \
			--joblog="$tmp/joblog" "$ch" -- "$tmp/work" 2>>"$tmp/said"
		echo $! >"$tmp/worker.$1"
		wait $!
	done
} 2>/dev/null
# Also when it is killed while it starts.
keep_bus() {
	until [ -e "$tmp/enough" ]; do
		background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" >>"$t/log" 2>&1
		echo $! >"$tmp/chand"
		wait $!
	done
} 2>/dev/null
seq "$messages" | chansend "$ch"
stop
keep_bus &
for i in 1 2 3 4; do keep_working $i & done
workers_killed=0
children_killed=0
buses_killed=0
turns=0
# Without a process of its own for each: it is to be fast.
while :; do
	((++turns % 20)) || ! depth 0 || break
	chance=$((RANDOM % 8))
	[ $workers_killed -gt 0 ] || chance=1
	[ $buses_killed -gt 0 ] || chance=0
	victim=
	read -r victim <"$tmp/worker.$((RANDOM % 4 + 1))"
	if [ $chance = 0 ]; then
		read -r victim <"$tmp/chand" && kill -KILL "$victim" && ((++buses_killed))
	elif [ $chance -lt 3 ]; then
		kill -KILL "$victim" && ((++workers_killed))
	else
		read -ra children <"/proc/$victim/task/$victim/children" && [ ${#children[@]} -gt 0 ] &&
			kill -KILL "${children[RANDOM % ${#children[@]}]}" && ((++children_killed))
	fi
	sleep 0.0$((RANDOM % 9))
	[ $SECONDS -lt $patience ] || break
done 2>/dev/null
touch "$tmp/enough"
# Again and again: one that begins just now is not yet named, or not yet itself.
all_ended() {
	[ -z "$(jobs -pr)" ] || {
		sed -n p "$tmp"/worker.* "$tmp/chand" | xargs kill -TERM
		false
	}
} 2>/dev/null
happens all_ended
wait
is "all is settled" "$(chanctl stat -H -o DEPTH,SENT "$ch" | xargs)" "0 $messages"

chanrecv -N "$dead" | sort -n >"$tmp/dead"
is "those refused are dead" "$(uniq "$tmp/dead" | cksum)" "$(seq 20 20 "$messages" | cksum)"
# A worker that is killed just between sending one there and acknowledging it.
twice=$(($(wc -l <"$tmp/dead") - messages / 20))
[ $twice -le $workers_killed ] && pass || fail "$twice dead messages more than there are"

# The log: seq is the message's number, too.
is "headings, and nothing before them" "$(grep -n '^seq' "$tmp/joblog" | cut -f1)" 1:seq
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
[ $workers_killed -gt 0 ] && [ "$killed" -gt 0 ] && [ $buses_killed -gt 0 ] && pass || fail "too few were killed"

finish "$messages messages, $buses_killed times chand, $workers_killed workers and $killed children killed, $(wc -l <"$tmp/rows") runs, \
$again done again, $missing cut off, $twice dead ones twice"
