#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanbench's modes run, account for every message, print what CLI.md promises,
# and leave nothing.  No figure is judged: these are tests, not measurements.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# bench ARG...: a short run, its row in `row` as "column: value" lines
bench() {
	status 0 chanbench "$@" -n 2000 -R 2 -O 50 --json
	jq -e '.results | length >= 1' "$tmp/out" >"$tmp/jq" || fail "$*: no results"
}

# row FILTER: of the JSON
row() {
	jq -r ".results[0].$1" "$tmp/out"
}

# positive FIELD...: they are numbers above 0
positive() {
	local f
	for f; do
		jq -e ".results[0].$f > 0" "$tmp/out" >"$tmp/jq" || fail "$f is $(row "$f")"
	done
	pass
}

segments() {
	find /dev/shm -maxdepth 1 -name 'shmchan.*.chanbench.*' | sort
}
before=$(segments)

# ---- what comes first, and the headings ----

status 0 chanbench lat -n 500 -R 1
for line in 'version: shmchan ' 'kernel:  Linux ' 'cpu:     ' 'used:    CPUs ' 'wait:    adaptive'; do
	grep -q "^$line" "$tmp/out" && pass || fail "'$line' is missing"
done
heading=$(grep '^mode' "$tmp/out" | tr -s ' ')
case $heading in
*' msgs/s MB/s min p50 p90 p99 p99.9 max mean cpu% switches preempted'*) pass ;;
*) fail "headings: $heading" ;;
esac
is 'the host comes first' "$(sed -n 1p "$tmp/out" | cut -d: -f1)" version

# ---- the modes ----

positive_rate='msgs_per_s mb_per_s'
latencies='min_ns p50_ns p90_ns p99_ns max_ns mean_ns'

# shellcheck disable=SC2086
{
	bench lat -s 8
	positive $positive_rate $latencies
	is 'messages of lat' "$(row messages)" 2000
	is 'runs of lat' "$(row runs)" 2

	bench lat -r 20000/s -s 100
	positive $positive_rate $latencies

	bench thr
	positive $positive_rate
	is 'no latency without a rate' "$(row p99_ns)" null
	is senders "$(row senders)x$(row receivers)" 1x1

	bench thr -s 1000 -b 16:7
	positive $positive_rate
	is batch "$(row send_batch):$(row recv_batch)" 16:7

	bench thr -r 20000/s -p 75,99.99
	positive $positive_rate min_ns p75_ns '"p99.99_ns"' max_ns
	is 'only the percentiles asked for' "$(row p50_ns)" null

	bench thr --buffers=5 -b 2 # every second one of the last is not used
	positive $positive_rate
	bench compare -b 2 --buffers=7 --versus=eventfd

	bench thr --exclusive -w spin
	positive $positive_rate
	is exclusive "$(row exclusive) $(row what)" 'true shmchan-exclusive'

	bench thr --in-place -s 64K -b 1:4
	positive $positive_rate
	is 'in place' "$(row in_place) $(row what)" 'true shmchan-inplace'
	is 'room for four' "$(($(row capacity) >= 262144))" 1

	bench fan -P 3 -C 2
	positive $positive_rate most_share
	is 'of the most and the least, an equal share is between' \
		"$(jq '.results[0] | .least_share >= 0 and .least_share <= 1 and .most_share >= 1' "$tmp/out")" true

	bench fan -P 2 -C 2 -s 8,500
	is 'a row for each size' "$(jq -c '[.results[].size]' "$tmp/out")" '[8,500]'
}

status 0 chanbench wake -n 20 -O 2 -R 1 -C 3 --json
positive msgs_per_s min_ns p50_ns
# Each message wakes a receiver that slept: that is what the mode is for.
positive switches_per_msg

# The futex calls are counted or said not to be.
if jq -e .futexes_not_counted "$tmp/out" >"$tmp/jq"; then
	is 'no figure without a counter' "$(row futexes_per_msg)" null
else
	positive futexes_per_msg
fi

# ---- ways to wait ----

# labels ARG...: run it, and set $labels to what the rows are
labels() {
	status 0 chanbench "$@" -O 5 -R 1 --json
	labels=$(jq -r '[.results[] | select(.error == null) | .what] | join(" ")' "$tmp/out")
}
all='shmchan shmchan-select/8 shmchan-set/8 shmchan-fd eventfd-epoll'
for mode in lat thr; do
	labels $mode -n 2000 --via=recv,select,set,fd,eventfd
	is "$mode in every way" "$labels" "$all"
done
labels wake -n 20 --via=recv,select,set,fd,eventfd
is 'wake in every way' "$labels" "$all"
is 'each receiver slept' "$(jq '[.results[].switches_per_msg > 0.5] | all' "$tmp/out")" true
is 'ratios to the plain receive' "$(jq -c '[.results[].shmchan_times_faster != null]' "$tmp/out")" \
	'[false,true,true,true,true]'
labels wake -n 20 -C 3 --via=select,set,fd
is 'several receivers' "$labels" 'shmchan-select/8 shmchan-set/8 shmchan-fd'
labels fan -n 500 -P 2 -C 2 --via=select,set,fd
is 'several of both' "$labels" 'shmchan-select/8 shmchan-set/8 shmchan-fd'
labels thr -n 500 --exclusive --via=recv,select,set,fd
is 'exclusive' "$labels" 'shmchan-exclusive shmchan-select/8 shmchan-set/8 shmchan-fd'
labels thr -n 500 --in-place -b 1:4 --via=fd
is 'in place, in epoll' "$labels" shmchan-fd
labels select -n 200
is 'select has two ways' "$labels" 'shmchan-select/8 shmchan-set/8'
labels select -n 50 -C 300 --via=set
is 'select of many' "$labels" shmchan-set/300

# Looks at the latest value, each no older than the one before; the lock is its floor.
labels latest -n 5000 -C 3 -s 8,64,1000
is 'latest and its floor' "$labels" 'latest seqlock latest seqlock latest seqlock'
is 'each has its ratio' "$(jq -c '[.results[] | .of_floor != null]' "$tmp/out")" \
	'[true,false,true,false,true,false]'
labels latest -n 2000 -r 50000/s
is 'latest, written at times' "$labels" 'latest seqlock'

# Each subscriber gets all, or is told what it lost.
labels bcast -n 300 -C 3
is 'bcast and the queue' "$labels" \
	'shmchan broadcast broadcast-lose broadcast broadcast-lose broadcast-asleep'
is 'a message costs the sender something' "$(jq '[.results[].send_cpu_ns > 0] | all' "$tmp/out")" true
labels bcast -n 2000 -C 2 -w spin -b 16 -s 1000 -c 16K
is 'bcast with nobody asleep' "$labels" 'shmchan broadcast broadcast-lose broadcast broadcast-lose'

# Lanes: each worker finds each key's messages in their order; one queue is the floor.
labels lanes -n 300 -P 3 -C 3 -b 1:4
is 'lanes, one and four at a time' "$labels" 'one-queue lanes lanes-one one-queue lanes lanes-one'
is 'each has its ratio' "$(jq -c '[.results[] | .of_floor != null]' "$tmp/out")" \
	'[false,true,true,false,true,true]'
status 0 chanbench lanes -n 300 -P 2 -C 2 -R 1 --simulate
is 'up to 64 CPUs' "$(sed -n '/^simulation/,$p' "$tmp/out" | awk '$1 + 0 && NF > 3 { print $1 }' | tr '\n' ' ')" \
	"$([ "$(nproc)" -lt 2 ] || echo '2 4 8 16 32 64 ')"

# Growing: nothing is lost over the steps, and the memory comes back.
labels grow -n 3000 -s 64,1000 -c 64K --backlog=300K --burst=3M --bursts=20
rows='fixed growing fixed-backlog growing-backlog fresh-memory growing-burst growing-bursts/20'
is 'grow and what it is compared with' "$labels" "$rows $rows"
is 'the ratios' "$(jq -c '[.results[:7][].of_floor != null]' "$tmp/out")" \
	'[false,true,false,true,false,true,false]'
is 'it had memory for the burst' \
	"$(jq '[.results[] | select(.what == "growing-burst") | .memory_peak_bytes > 3e6] | all' "$tmp/out")" true
is 'and gave it back' \
	"$(jq -c '[.results[].memory_left_bytes | select(. != null)]' "$tmp/out")" '[0,0,0,0]'
status 2 chanbench grow -w spin
says 'a channel gives its memory back when its receivers sleep'
status 2 chanbench thr --burst=1M
says '--burst is for grow'

status 0 chanbench exec -n 40 -R 1 -C 3 --json
is 'who ran the jobs' "$(jq -r '[.results[] | select(.error == null) | .what] | join(" ")' "$tmp/out" |
	sed 's/ parallel//')" 'worker xargs worker-asleep'
has_program parallel && is 'parallel, too' "$(jq '.results[2].msgs_per_s > 0' "$tmp/out")" true
is 'rates, and their ratio' "$(jq '.results[:2] | all(.msgs_per_s > 0 and .cpu_percent > 0 and .receivers == 3) and
	(.[0].msgs_per_s / .[1].msgs_per_s / .[1].shmchan_times_faster - 1 | . < 0.000001 and . > -0.000001)' \
	"$tmp/out")" true
is 'those that sleep have none' "$(jq -c '.results[-1] | [.receivers, .msgs_per_s, .cpu_percent >= 0]' "$tmp/out")" \
	'[40,null,true]'
status 0 env PATH="$BUILD" chanbench exec -n 5 -R 1 --versus=xargs --json
is 'one that is missing' "$(jq -r '.results[1].error' "$tmp/out")" 'xargs: the program is not there'
status 2 chanbench exec --versus=pipe
says "'pipe' is none of xargs and parallel"
status 2 chanbench exec --in-place
says '--in-place: exec runs chanrecv'
status 2 chanbench exec -s 1M
status 0 chanbench exec -d 50ms -R 1 --versus=xargs --json
positive msgs_per_s

status 0 chanbench lat -n 300 -R 1 --cpus 0 --json
is 'CPUs used' "$(jq -r .cpus "$tmp/out")" 0

# ---- compare ----

status 0 chanbench compare -n 300 -O 20 -R 1 -s 64 --json
names=$(jq -r '[.results[] | select(.error == null) | .what] | unique | join(" ")' "$tmp/out")
is 'all of them ran' "$names" "cacheline eventfd futex memcpy mqueue pipe ring seqpacket \
shmchan shmchan-excl-inplace shmchan-exclusive shmchan-inplace socketpair"
is 'jobs' "$(jq -c '[.results[].mode] | unique' "$tmp/out")" '["lat","thr","wake"]'
is 'each other one has a ratio to shmchan' "$(jq '[.results[] | select(.what == "pipe") |
	.shmchan_times_faster > 0] | all and length == 3' "$tmp/out")" true
is 'shmchan has a ratio to the floor' "$(jq '[.results[] |
	select(.what | startswith("shmchan")) | .of_floor > 0] | all' "$tmp/out")" true
# The floor of a stream is the ring used in the same way.
is 'the ratio is of the two rates' "$(jq '
	def rate(w; s; r): .results[] | select(.mode == "thr" and .what == w and
		.send_batch == s and .recv_batch == r) | .msgs_per_s;
	(.results[] | select(.mode == "thr" and .what == "shmchan-exclusive" and
		.send_batch == 1 and .recv_batch == 64) | .of_floor) as $ratio |
	(rate("shmchan-exclusive"; 1; 64) / rate("ring"; 1; 64) / $ratio - 1) |
	. < 0.000001 and . > -0.000001' "$tmp/out")" true

status 0 chanbench compare thr -n 300 -R 1 -s 8,64K -b 1 --versus mqueue,pipe --json
is 'what was asked for' \
	"$(jq -r '[.results[] | .mode + " " + .what] | unique | join(",")' "$tmp/out")" \
	'thr memcpy,thr mqueue,thr pipe,thr ring,thr shmchan,thr shmchan-excl-inplace,thr shmchan-exclusive,thr shmchan-inplace'
if [ "$(cat /proc/sys/fs/mqueue/msgsize_max)" -lt 65536 ]; then
	is 'a peer that cannot says so' "$(jq '[.results[] |
		select(.what == "mqueue" and .size == 65536) | .error | length > 0] == [true]' \
		"$tmp/out")" true
	says 'mqueue'
fi

# ---- nothing is left ----

is 'segments' "$(segments)" "$before"
is 'message queues' "$(find /dev/mqueue -name 'chanbench.*' 2>/dev/null)" ''

# Interrupted: it dies of the signal, its workers with it, and no name stays.
env --default-signal=INT chanbench lat -d 1h -R 1 >"$tmp/out" 2>&1 &
pid=$!
workers() { [ "$(pgrep -c -P $pid)" = 2 ]; }
happens workers
children=$(pgrep -P $pid)
kill -INT $pid
ended $pid 130
# shellcheck disable=SC2086
gone() { ! kill -0 $children; }
happens gone
is 'segments after a signal' "$(segments)" "$before"

# A worker that is killed fails the run.
chanbench lat -d 1h -R 1 >"$tmp/out" 2>"$tmp/err" &
pid=$!
happens workers
# Again and again: the first may be a worker of the warm-up that has just ended.
dies() {
	kill -KILL "$(pgrep -P $pid | head -n 1)"
	grep -q 'died of signal 9 (Killed)' "$tmp/err"
}
happens dies
ended $pid 1
says 'shmchan: worker '
says 'died of signal 9 (Killed)'
is 'segments after a death' "$(segments)" "$before"

# A worker that is stopped: nothing moves, which is not the channel's fault.
chanbench lat -d 1h -R 1 --stall=1s >"$tmp/out" 2>"$tmp/err" &
pid=$!
happens workers
# Again and again, for the same reason.
stands_still() {
	kill -STOP "$(pgrep -P $pid | tail -n 1)"
	grep -q 'nothing moved' "$tmp/err"
}
happens stands_still
ended $pid 1
says 'sends and receipts: a worker is stopped'
says ', process '
says ' messages: state T (stopped)'
is 'the channel is not accused' "$(grep -c lost "$tmp/err")" 0
is 'segments after an alarm' "$(segments)" "$before"

finish
