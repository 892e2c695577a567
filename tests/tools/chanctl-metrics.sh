#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl metrics: the text keeps the rules of OpenMetrics, its figures are right,
# and a text file is replaced whole.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# Rules: TYPE, then UNIT and HELP of a family, then its samples, together; each
# family once; a counter's samples end in _total; a unit ends its name; no sample
# twice; EOF at the end and nowhere else.
rules() {
	awk '
	function wrong(what) { print FNR ": " what ": " $0; bad = 1 }
	ended { wrong("after the end") }
	/^# EOF$/ { ended = 1; next }
	/^# TYPE / {
		family = $3; type = $4; help = 0
		if (seen[family]++) wrong("family again")
		if (type !~ /^(counter|gauge)$/) wrong("type")
		next
	}
	/^# UNIT / { if ($3 != family || family !~ ("_" $4 "$")) wrong("unit"); next }
	/^# HELP / { help = 1; if ($3 != family || $0 !~ /\.$/) wrong("help"); next }
	!/^[a-z_]+({[a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*})? [0-9]+(\.[0-9]+)?$/ {
		wrong("no sample")
	}
	{
		name = $0; sub(/[ {].*/, "", name)
		if (name != family (type == "counter" ? "_total" : "")) wrong("not of " family)
		if (!help) wrong("before its help")
		series = $0; sub(/ [^ ]*$/, "", series)
		if (had[series]++) wrong("twice")
		samples++
	}
	END {
		if (!ended) { print "no end"; bad = 1 }
		if (samples < 10) { print "only " samples " samples"; bad = 1 }
		exit bad
	}' "$1" >"$tmp/rules" && pass || fail "$1: $(head -n3 "$tmp/rules")"
}

# sample NAME CHANNEL [LABELS]: its value
sample() {
	sed -n "s/^$1{owner=\"$(id -un)\",channel=\"$2\"${3-}} //p" "$tmp/out"
}

channel_name
channels+=("$ch".{a,b,c})
chanctl create -c 8K -m 1000 -o drop-new "$ch.a"
chanctl create "$ch.b"
chanctl create "$ch.c"
dd if=/dev/zero of="/dev/shm/shmchan.$(id -u).$ch.c" bs=8 count=1 conv=notrunc status=none
chansend "$ch.a" one two three
chanrecv -n 1 "$ch.a" >"$tmp/one"
chanctl close "$ch.b"
chanrecv "$ch.a" >/dev/null &
receiver=$!
happens chanctl test "$ch.a" 'receivers>=1'
happens chanctl test "$ch.a" empty
chansend "$ch.a" "$(printf '%01000d' 0)" && kill -STOP $receiver
stopped() { [ -z "$(grep -L '^State:.T' /proc/"$1"/task/*/status)" ]; }
happens stopped $receiver # until then it goes on receiving
for ((i = 0; i < 9; i++)); do printf '%01000d\n' 0; done | chansend "$ch.a"

status 0 chanctl metrics "$ch.*"
rules "$tmp/out"
dropped=$(sample shmchan_dropped_messages_total "$ch.a" ',which="newest"')
is 'sent' "$(sample shmchan_sent_messages_total "$ch.a")" $((13 - dropped))
[ "$dropped" -ge 1 ] && pass || fail "dropped '$dropped'"
for column in DEPTH:depth_messages USED:used_bytes CAPACITY:capacity_bytes SEGMENT:segment_bytes \
	SENT:sent_messages_total RECEIVED:received_messages_total BYTES:sent_bytes_total \
	MAX-MESSAGE:max_message_bytes RECEIVERS:receivers SENDERS:senders \
	REDELIVERED:redelivered_messages_total RECOVERIES:recoveries_total; do
	is "${column#*:}" "$(sample "shmchan_${column#*:}" "$ch.a")" \
		"$(chanctl info -H -b -o "${column%:*}" "$ch.a")"
done
is 'receivers' "$(sample shmchan_receivers "$ch.a")" 1
is 'full' "$(sample shmchan_full "$ch.a") $(sample shmchan_full "$ch.b")" '1 0'
is 'closed' "$(sample shmchan_closed "$ch.a") $(sample shmchan_closed "$ch.b")" '0 1'
is 'created' "$(sample shmchan_created_seconds "$ch.b" | cut -d. -f1)" \
	"$(chanctl info -J -o CREATED "$ch.b" | jq '.created | floor')"
is 'readable' "$(sample shmchan_readable "$ch.a") $(sample shmchan_readable "$ch.c")" '1 0'
is 'samples of one that cannot be read' "$(grep -c "$ch.c" "$tmp/out")" 1
is 'size of /dev/shm' "$(sed -n 's/^shmchan_shm_size_bytes //p' "$tmp/out")" \
	"$(($(stat -f -c '%b * %S' /dev/shm)))"
kill -KILL $receiver

# All channels, no channel.
status 0 chanctl metrics
rules "$tmp/out"
status 0 chanctl metrics "$ch.none"
is 'samples of no channel' "$(grep -vc '^#' "$tmp/out")" 2

# An owner's name with what has to be escaped.
if has root users mounts; then
	cp /etc/passwd "$tmp/passwd"
	printf 'odd"na\\me:x:4242:4242::/:/bin/sh\n' >>"$tmp/passwd"
	cat >"$tmp/odd" <<'END'
mount --bind "$1" /etc/passwd
mount -t tmpfs tmpfs /dev/shm
chmod 1777 /dev/shm
setpriv --reuid=4242 --clear-groups env PATH="$PATH" chanctl create odd
exec chanctl metrics
END
	chmod 755 "$tmp"
	status 0 unshare -m sh "$tmp/odd" "$tmp/passwd"
	rules "$tmp/out"
	grep -qF '{owner="odd\"na\\me",channel="odd"}' "$tmp/out" && pass ||
		fail "not escaped: $(grep odd "$tmp/out" | head -n2)"
fi

# --textfile: as stdout has it, replaced by rename, with the usual mode.
echo old >"$tmp/text.prom"
ln "$tmp/text.prom" "$tmp/old"
(umask 027 && exec chanctl metrics --textfile="$tmp/text.prom" "$ch.*") >"$tmp/stdout"
is 'status' $? 0
is 'stdout' "$(<"$tmp/stdout")" ''
rules "$tmp/text.prom"
is 'the old file' "$(<"$tmp/old")" old
is 'its mode' "$(stat -c %a "$tmp/text.prom")" 640
is 'left beside it' "$(find "$tmp" -name 'text.prom.*')" ''
status 1 chanctl metrics --textfile="$tmp/none/text.prom"
says "$tmp/none/text.prom: No such file or directory"
status 1 chanctl metrics --textfile="$tmp"
is 'left beside a directory' "$(find "$tmp/.." -maxdepth 1 -name "${tmp##*/}.*")" ''
status 2 chanctl metrics --textfile=

finish
