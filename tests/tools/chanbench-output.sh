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
refused "'fly' is none of lat, thr, fan, wake and compare" fly
refused "'x': lat takes no operand" lat x
refused "'fan': compare takes" compare fan
refused "'7' is less than the 8 bytes" lat -s 7
refused "'2G' is more than 1G" lat -s 2G
refused "a value is missing or too long at ',8'" lat -s 64,,8
refused "--messages or --duration" lat -n 5 -d 1s
refused "--batch: lat sends one" lat -b 2
refused "--batch: '0' is not between 1 and 1024" thr -b 0
refused "--wait: 'sleep' is none of" thr -w sleep
refused "no receiver would sleep" wake -w spin
refused "--rate: wake has none" wake -r 5
refused "--batch is 1 for sending" thr -r 5/s -b 2
refused "--senders: lat has one" lat -P 2
refused "--exclusive: one sender" fan --exclusive -P 2
refused "there is no CPU 1000" lat --cpus 1000
refused "1-0 ends before it begins" lat --cpus 1-0
refused "--versus: 'carrier-pigeon' is none of" compare --versus pipe,carrier-pigeon
refused "--versus is for compare" lat --versus pipe
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
