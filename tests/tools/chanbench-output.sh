#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What chanbench writes can be read (CSV, JSON, HdrHistogram's text), --assert
# decides, and a bad command line is refused with what is wrong with it.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

short=(-n 400 -O 20 -R 1)

# ---- CSV ----

status 0 chanbench compare thr "${short[@]}" -s 8,100 --versus pipe --csv
cp "$tmp/out" "$tmp/csv"
# Split as RFC 4180 says: every record has as many fields as the first.
is 'fields' "$(awk '
	{ n = 0; quoted = 0
	  for (i = 1; i <= length($0); i++) {
		c = substr($0, i, 1)
		if (c == "\"") quoted = !quoted
		else if (c == "," && !quoted) n++
	  }
	  if (quoted) print "open quote in record " NR
	  if (NR == 1) fields = n
	  else if (n != fields) print NR ": " n " of " fields }
	END { print (NR > 10 ? "records" : "too few") }' "$tmp/csv")" records
is 'names' "$(head -n 1 "$tmp/csv" | cut -d, -f1-3,13-15)" 'mode,what,size,msgs_per_s,mb_per_s,min_ns'
is 'a row' "$(sed -n 2p "$tmp/csv" | cut -d, -f1-9)" thr,shmchan,8,1,1,1,1,0,0
is 'numbers' "$(tail -n +2 "$tmp/csv" | cut -d, -f13 | grep -cvE '^[0-9.e+]+$')" 0
is 'the machine in each row' "$(grep -c "Linux $(uname -r)" "$tmp/csv")" \
	"$(($(wc -l <"$tmp/csv") - 1))"

# The columns that there always were keep their places; those of the spread, of senders and
# of memory are behind.
spread=msgs_per_s_min,msgs_per_s_p10,msgs_per_s_median,msgs_per_s_p90,msgs_per_s_max
spread+=,msgs_per_s_p10_of_median,p50_ns_min,p50_ns_p10,p50_ns_median,p50_ns_p90,p50_ns_max
spread+=,send_cpu_ns,send_futexes_per_msg,memory_start_bytes,memory_peak_bytes,memory_left_bytes
is 'all names' "$(head -n 1 "$tmp/csv")" "mode,what,size,senders,receivers,send_batch,recv_batch,\
exclusive,in_place,capacity,runs,messages,msgs_per_s,mb_per_s,min_ns,p50_ns,p90_ns,p99_ns,p99.9_ns,\
max_ns,mean_ns,cpu_percent,switches_per_msg,preemptions_per_msg,futexes_per_msg,least_share,\
most_share,shmchan_times_faster,of_floor,of_floor_p99,version,kernel,cpu,cpus,wait,error,$spread"
is 'one run has no spread' "$(tail -n +2 "$tmp/csv" | grep -cvE ',,,,,,,,,,,[0-9.]*,[0-9.]*,,,$')" 0

# ---- the chart made of it ----

status 0 awk -f "$root/tests/bench/chart.awk" "$tmp/csv"
is 'an SVG' "$(head -c 4 "$tmp/out")" '<svg'
is 'a bar for each row' "$(grep -c '<rect class="bar' "$tmp/out")" \
	"$(($(wc -l <"$tmp/csv") - 1))"
is 'it ends' "$(tail -n 1 "$tmp/out")" '</svg>'

# ---- JSON ----

status 0 chanbench lat "${short[@]}" -J
is 'host' "$(jq -r '[.version, .kernel, .cpu, .cpus, .wait] | map(type) | unique[]' "$tmp/out")" string
is 'version' "$(jq -r .version "$tmp/out")" "$(chanbench --version | sed 's/.* //')"

is 'one run has no spread' "$(jq -c '[.results[0] | .msgs_per_s_p10, .p50_ns_p10]' "$tmp/out")" \
	'[null,null]'

# ---- the spread over runs ----

# between NAME...: of three runs, the columns NAME_min and so on are what they should be.
# (row.h has the rule, test_spread.c other numbers of runs.)
between() {
	local name
	for name; do
		is "$name over three runs" "$(jq --arg name "$name" '
			.results[0] as $row |
			def at(what): $row[$name + "_" + what];
			def near(wanted): . / wanted - 1 | . < 0.00000001 and . > -0.00000001;
			at("min") > 0 and at("min") <= at("median") and at("median") <= at("max") and
			(at("p10") | near(at("min") + 0.2 * (at("median") - at("min")))) and
			(at("p90") | near(at("median") + 0.8 * (at("max") - at("median"))))' \
			"$tmp/out")" true
	done
}
status 0 chanbench lat -n 400 -O 20 --runs=3 -J
between msgs_per_s p50_ns
is 'the rate is the median of the runs' \
	"$(jq '.results[0] | .msgs_per_s == .msgs_per_s_median' "$tmp/out")" true
is 'how steady it is' "$(jq '.results[0] | .msgs_per_s_p10 / .msgs_per_s_median -
	.msgs_per_s_p10_of_median | . < 0.00000001 and . > -0.00000001' "$tmp/out")" true
status 0 chanbench thr -n 400 -R 3 -J
between msgs_per_s
is 'no latency, no spread of it' "$(jq .results[0].p50_ns_median "$tmp/out")" null

status 0 chanbench lat -n 200 -R 3 --csv
is 'in CSV' "$(tail -n 1 "$tmp/out" | rev | cut -d, -f1-14 | rev | tr , '\n' | grep -cE '^[0-9.e+]+$')" 11
status 0 chanbench lat -n 200 -R 3 -s 8,64
is 'the table is as it was' "$(grep -c '^lat ' "$tmp/out")" 2
is 'a second one has the spread' "$(sed -n '/^over 3 runs:$/,$p' "$tmp/out" | grep -c '^  lat ')" 2
is 'its headings' "$(sed -n '/^over 3 runs:$/{n;p}' "$tmp/out" | tr -s ' ' | sed 's/.*batch //')" \
	'rate.min rate.p10 rate.median rate.p90 rate.max steady p50.min p50.p10 p50.median p50.p90 p50.max'
status 0 chanbench lat -n 200 -R 1
is 'one run has no second table' "$(grep -c '^over\|rate.p10' "$tmp/out")" 0
status 1 chanbench thr -n 200 -R 2 --assert 'rate.p10<1' --assert 'steady<=1' --assert 'p50.max<1h'
says 'asserted rate.p10<1, but '
says 'asserted p50.max<1h, but it was not measured'
is 'what holds is not mentioned' "$(grep -c steady "$tmp/err")" 0
status 0 chanbench thr -n 20 -R 120 --json
is 'many runs' "$(jq .results[0].runs "$tmp/out")" 120

# ---- HdrHistogram's text ----

status 0 chanbench lat "${short[@]}" -R 3 --hdr "$tmp/hdr" -J
is 'heading' "$(head -n 1 "$tmp/hdr" | tr -s ' ')" ' Value Percentile TotalCount 1/(1-Percentile)'
# All runs in one.
is 'count' "$(sed -n 's/^#\[Max .*Total count *= *\([0-9]*\)\]/\1/p' "$tmp/hdr")" 1200
is 'the last line has all' "$(grep -v '^#' "$tmp/hdr" | tail -n 1 | awk '{print $2, $3}')" \
	'1.000000000000 1200'
max=$(jq '.results[0].max_ns' "$tmp/out")
is 'max, in us' "$(grep -v '^#' "$tmp/hdr" | tail -n 1 | awk '{printf "%.0f", $1 * 1000}')" \
	"$(printf %.0f "$max")"

# ---- assertions ----

status 0 chanbench lat "${short[@]}" --assert 'p99<1h' --assert 'min>0us' --assert 'msgs/s>=1' \
	--assert 'p99.95<=1h' --assert 'cpu%<100K'
is 'no complaint' "$(cat "$tmp/err")" ''
status 1 chanbench lat "${short[@]}" --assert 'p99<1ns'
says 'asserted p99<1ns, but '
status 1 chanbench lat "${short[@]}" --assert 'p99<1h' --assert 'msgs/s>1000G'
says 'asserted msgs/s>1000G'
# The figures are shown all the same.
is 'printed' "$(grep -c '^lat ' "$tmp/out")" 1
status 1 chanbench thr "${short[@]}" --assert 'p99<1h'
says 'it was not measured'

# ---- refused ----

refused() {
	local wanted=$1
	shift
	status 2 chanbench "$@"
	says "$wanted"
	is 'nothing on stdout' "$(cat "$tmp/out")" ''
}
refused 'what is to be measured'
refused "'fly' is none of lat, thr, fan, wake, select, latest, bcast, grow, exec, call, lanes and compare" fly
refused "'x': lat takes no operand" lat x
refused "'fan': compare takes" compare fan
refused "--via: latest does not wait" latest --via fd
refused "--wait: latest copies" latest -w spin
refused "--in-place: latest copies" latest --in-place
refused "--hdr: latest is about rates" latest --hdr "$tmp/hdr"
refused "--senders: latest has one" latest -P 2
refused "--simulate is for lanes" thr --simulate
refused "--simulate is for lanes" lanes --simulate -J
refused "--duration: lanes has --messages" lanes -d 1s
refused "--exclusive: lanes has workers" lanes --exclusive
refused "--capacity: lanes has workers" lanes -c 1M
refused "--batch: lanes sends one" lanes -b 2
refused "--receivers: there are 64 lanes" lanes -C 65
refused "--via: lanes waits by recv" lanes --via fd
refused "'7' is less than the 8 bytes" lat -s 7
refused "'2G' is more than 1G" lat -s 2G
refused "a value is missing or too long at ',8'" lat -s 64,,8
refused "--messages or --duration" lat -n 5 -d 1s
refused "--batch: lat sends one" lat -b 2
refused "--runs: '0' is not between 1 and 1000" lat --runs=0
refused "--runs: '1001' is not between 1 and 1000" lat -R 1001
refused "--batch: '0' is not between 1 and 1024" thr -b 0
refused "--wait: 'sleep' is none of" thr -w sleep
refused "no receiver would sleep" wake -w spin
refused "--rate: wake has none" wake -r 5
refused "--batch is 1 for sending" thr -r 5/s -b 2
refused "--senders: lat has one" lat -P 2
refused "--buffers is for thr, fan and compare" lat --buffers=2
refused "--buffers: --in-place has none" thr --buffers=2 --in-place
refused "--buffers: a batch has more" thr --buffers=2 -b 1:3
refused "--buffers: '1025' is not between 1 and 1024" thr --buffers=1025
refused "--exclusive: one sender" fan --exclusive -P 2
refused "there is no CPU 1000" lat --cpus 1000
refused "1-0 ends before it begins" lat --cpus 1-0
refused "--versus: 'carrier-pigeon' is none of" compare --versus pipe,carrier-pigeon
refused "--versus is for compare and exec" lat --versus pipe
refused "--via: 'pigeon' is none of recv, select, set, fd and eventfd" wake --via recv,pigeon
refused "--via is not for compare" compare --via fd
refused "--via: select waits by select or set, not by fd" select --via select,fd
refused "--wait=spin: --via=fd sleeps" thr -w spin --via fd
refused "--in-place: not with --via=set" thr --in-place --via set
refused "--exclusive: not with --via=eventfd" thr --exclusive --via eventfd
refused "--via=eventfd: one sender and one receiver" wake -C 2 --via eventfd
refused "--batch: --via=select sends" thr -b 2 --via select
refused "--receivers: '4097' is not between 1 and 4096" select -C 4097
refused "--receivers: more than 256" fan -C 257
refused "'101' is not a number from 0 to 100" lat -p 50,101
refused "'reempted' is not a number from 0 to 100" lat -p reempted
refused "--capacity: 0 holds no message" lat -c 0
refused "'p99' has none of <" lat --assert p99
refused "'speed' is no column" lat --assert 'speed>5'
refused "'fast' is not a duration" lat --assert 'p99<fast'
refused "'5x' is not a number" lat --assert 'msgs/s>5x'
refused "thr measures latency only with --rate" thr --hdr "$tmp/none"
refused "one size at a time" lat -s 8,9 --hdr "$tmp/none"
refused "not for compare" compare --assert 'p99<1s'
refused "is no time to measure in" lat -d 0
refused "--stall: '0' would give up at once" lat --stall=0
refused "--stall: 'soon' is not" lat --stall=soon
[ -e "$tmp/none" ] && fail 'a file was made by a command line that was refused'

# ---- what can't be written ----

status 1 chanbench lat "${short[@]}" --hdr "$tmp/missing/file"
says "$tmp/missing/file: No such file or directory"
if [ -e /dev/full ]; then
	chanbench lat "${short[@]}" >/dev/full 2>"$tmp/err"
	is 'status of a full stdout' $? 1
	says 'No space left'
fi

finish
