#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each exit status of chansend and chanrecv, with the line that explains it.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# 0: done as asked
channel
status 0 chansend "$ch" one
status 0 chanrecv -n 1 "$ch"
is "a message" "$(cat "$tmp/out")" one
is "stderr of what went well" "$(cat "$tmp/err")" ""
status 0 chansend --help
status 0 chanrecv -V

# 1: other errors
status 1 chansend -f "$tmp/none" "$ch"
says "none: No such file or directory"
chansend "$ch" kept
status 1 sh -c 'chanrecv -n 1 "$1" >/dev/full' - "$ch"
says "stdout: No space left on device"
is "what could not be written" "$(chanrecv -n 1 "$ch")" kept
chansend "$ch" kept
status 1 sh -c 'chanrecv -N "$1" >&-' - "$ch"
is "what could not be written" "$(chanrecv -n 1 "$ch")" kept
status 1 sh -c 'chansend -T "$1" x >/dev/full' - "$ch"
chanctl purge -q "$ch"
status 1 sh -c 'chansend "$1" <&-' - "$ch"
says "stdin: Bad file descriptor"
status 1 chanrecv -D "$tmp/none" "$ch"
says "none: No such file or directory"
status 1 sh -c 'printf 5:abc, | chansend -F netstring "$1"' - "$ch"
says "stdin: byte 6: the input ends within a message"

# 2: usage
for bad in "" "--nosuch $ch" "-z $ch" "-n" "-n x $ch" "-n -1 $ch" "-W 1x $ch" "-F x $ch" "-d xy $ch" \
	"--count=99999999999999999999 $ch" "--quiet=1 $ch" a/b/c .hidden; do
	# shellcheck disable=SC2086
	for tool in chansend chanrecv; do
		status 2 $tool $bad </dev/null
		is "lines of '$tool $bad'" "$(grep -c . "$tmp/err")" \
			"$(if grep -q '^Try' "$tmp/err"; then echo 2; else echo 1; fi)"
	done
done
status 2 chansend -n 1x "$ch"
says "chansend: --count: '1x' is not a count"
says "Try 'chansend --help'"
status 2 chanrecv -W 99999999999h "$ch"
says "chanrecv: --timeout: '99999999999h' is too large"
status 2 chansend --create=size=1 "$ch"
says "unknown key 'size'"
status 2 chansend -c=1M "$ch" x
status 2 chansend -F raw "$ch"
says "raw needs a size"
status 2 chansend -r 0 "$ch"
status 2 chansend --overflow=drop-old "$ch"
status 2 chansend --progress=99 "$ch"
status 2 chansend -s "$ch" message
status 2 chanrecv -o '%z' "$ch"
says "'%z' is not known"
status 2 chansend a/b/c x
says "NAME or OWNER/NAME"
status 2 chansend --create=capacity=4K,max-message=1M "$ch.none" x
says "max_message: a message of 1048576 bytes needs a capacity of 1048608"

# 3: no such channel
for tool in chansend chanrecv; do
	status 3 $tool "$ch.none" </dev/null
	says "$tool: $ch.none: no such channel; create it with 'chanctl create NAME'"
done

# 4: permission denied
if has root users; then
	install -m 755 "$BUILD/chansend" "$BUILD/chanrecv" "$tmp"
	chmod 755 "$tmp"
	other=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	for tool in chansend chanrecv; do
		status 4 "${other[@]}" "$tmp/$tool" "0/$ch" </dev/null
		says "0/$ch: "
		says "; its owner must allow"
	done
	channel --mode=0666
	chansend "$ch" kept
	mkdir -m 700 "$tmp/closed"
	install -m 600 /dev/null "$tmp/secret"
	status 4 "${other[@]}" "$tmp/chanrecv" -n 1 -D "$tmp/closed" "0/$ch"
	says "chanrecv: $tmp/closed: Permission denied"
	status 4 "${other[@]}" "$tmp/chansend" -f "$tmp/secret" "0/$ch"
	says "chansend: $tmp/secret: Permission denied"
	is "what was there" "$(chanrecv -N "$ch")" kept
else
	channel
	chmod 0400 "/dev/shm/shmchan.$(id -u).$ch"
	status 4 chansend "$ch" x
	status 4 chanrecv "$ch"
	channel
	mkdir -m 0 "$tmp/closed"
	install -m 0 /dev/null "$tmp/secret"
	status 4 chanrecv -n 1 -D "$tmp/closed" "$ch"
	says "chanrecv: $tmp/closed: Permission denied"
	status 4 chansend -f "$tmp/secret" "$ch"
	says "chansend: $tmp/secret: Permission denied"
fi

# 5: would block
channel
status 5 chanrecv -N "$ch"
says "empty"
status 5 chanrecv -W 0 "$ch"
status 5 chanrecv -w 0 "$ch"
status 5 chanrecv -q -N "$ch"
is "-q -N on an empty channel" "$(cat "$tmp/err")" ""
channel -c 4K -m 2K
head -c 2000 /dev/zero | tr '\0' x >"$tmp/2000"
status 0 chansend -f "$tmp/2000" "$ch"
status 0 chansend -f "$tmp/2000" "$ch"
for option in -N -W0 -w0 --overflow=fail; do
	status 5 chansend $option -f "$tmp/2000" "$ch"
	says "chansend: $ch: full, no room for message 1"
done
status 0 chansend --overflow=drop-new -f "$tmp/2000" "$ch"
is "the dropped one" "$(chanctl stat -H -o DEPTH,DROPPED-NEWEST "$ch" | tr -s ' \t' ' ')" "2 1"

# 124: timed out
status 124 chansend -W 10ms -f "$tmp/2000" "$ch"
says "timed out at message 1"
status 124 chansend -w 10ms -f "$tmp/2000" "$ch"
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo" # an input that never comes
status 124 chansend -W 10ms "$ch" <&9
says "timed out while waiting for input"
channel
status 124 chanrecv -W 10ms "$ch"
says "timed out after 0 messages"
status 124 chanrecv -w 10ms "$ch"
chansend "$ch" a b
status 124 chanrecv -w 10ms "$ch"
is "output before the time-out" "$(cat "$tmp/out")" $'a\nb'
chansend "$ch" a b
status 124 chanrecv -n 3 -W 1s "$ch"
is "output before the time-out" "$(cat "$tmp/out")" $'a\nb'

# 6: closed
channel
chansend --eof "$ch" a b
status 6 chansend "$ch" c
says "$ch: closed"
status 6 chanrecv -n 3 "$ch"
says "closed after 2 of 3 messages"
is "what was there" "$(cat "$tmp/out")" $'a\nb'
status 0 chanrecv "$ch"
is "after the end" "$(cat "$tmp/out")" ""

# 7: larger than the channel allows: nothing sent
channel -c 64K -m 10
for send in "chansend $ch 12345678901" "chansend -f $tmp/2000 $ch" "chansend -s $ch" "chansend $ch" \
	"chansend -0 $ch" "chansend -F raw:11 $ch"; do
	# shellcheck disable=SC2086
	status 7 $send <"$tmp/2000"
	says "10"
	says "create the channel with a larger --max-message"
done
is "sent" "$(chanctl stat -H -o SENT "$ch")" 0
status 7 chansend -F netstring "$ch" < <(printf 3:abc,11:12345678901,1:x,)
says "stdin: byte 6: a message of 11 bytes; the longest allowed is 10"
is "sent before it" "$(chanrecv -N "$ch")" abc

# 8: partial
status 8 chansend -K "$ch" a 12345678901 b "" 12345678902
is "lines about failures" "$(grep -c . "$tmp/err")" 2
says "2 of 5 messages failed"
is "what was sent" "$(chanrecv -o '%p,' -N "$ch")" "a,b,,"
status 8 chansend -K "$ch" < <(printf 'a\n12345678901\nb\n')
is "what was sent" "$(chanrecv -o '%p,' -N "$ch")" "a,b,"
status 8 chansend -K -F jsonl "$ch" < <(printf '{"data":"a"}\nnonsense\n{"data":"b"}\n')
says "stdin: byte 21: not JSON"
is "what was sent" "$(chanrecv -o '%p,' -N "$ch")" "a,b,"
status 8 chansend -K -f "$tmp/none" -E "$ch"
is "what was sent" "$(chanrecv -o '%l,' -N "$ch")" "0,"
printf 1234 >"$tmp/four"
status 8 chansend -K -f "$tmp" -f "$tmp/four" "$ch"
says "chansend: $tmp: Is a directory"
says "1 of 2 messages failed"
is "what was sent" "$(chanrecv -o '%p,' -N "$ch")" "1234,"
status 1 chansend -f "$tmp" -f "$tmp/four" "$ch"
says "chansend: $tmp: Is a directory"
is "what was sent" "$(chanctl stat -H -o DEPTH "$ch")" 0
status 1 chansend -K -F len32 "$ch" < <(printf '\0\0\0\1a\0\0\0')
is "what was sent" "$(chanrecv -o '%p,' -N "$ch")" "a,"
channel -c 4K -m 2K
chansend -f "$tmp/2000" -f "$tmp/2000" "$ch"
status 8 chansend -K -N -f "$tmp/2000" -f "$tmp/2000" "$ch"
says "2 of 2 messages failed"

# 123: a message failed for good
channel
chansend "$ch" x
status 123 chanrecv -e --dead-letter=drop --max-deliver=1 "$ch" -- false
says "1 message failed for good"

# 125, 126, 127: the command did not do it
chanctl purge -q "$ch"
chansend "$ch" kept
status 125 chanrecv --strict "$ch" -- false
says "chanrecv: $ch: false ended with status 1; message "
status 126 chanrecv "$ch" -- /dev/null
says "/dev/null can't be run (status 126); message "
status 127 chanrecv "$ch" -- "$tmp/none"
says "none can't be run (status 127); message "
is "what no command did" "$(chanrecv -n 1 "$ch")" kept

# 9: peer or segment condition
channel
status 9 chansend -R "$ch" x
says "no receiver is there; start one ('chanrecv $ch')"
is "sent" "$(chanctl stat -H -o SENT "$ch")" 0
channel --need-receivers
chansend "$ch" x
chanrecv -q -1 "$ch" >"$tmp/out"
status 9 chansend "$ch" y
says "no receiver is left"
channel_name
segment=/dev/shm/shmchan.$(id -u).$ch
head -c 8192 /dev/urandom >"$segment"
for tool in chansend chanrecv; do
	status 9 $tool "$ch" </dev/null
	says "; remove it with 'chanctl remove' and create it again"
done
rm "$segment"
channel
printf '\143' | dd of="/dev/shm/shmchan.$(id -u).$ch" bs=1 seek=8 conv=notrunc 2>/dev/null
for tool in chansend chanrecv; do
	status 9 $tool "$ch" </dev/null
	says "use the version of shmchan that made it, or remove it"
done
rm "/dev/shm/shmchan.$(id -u).$ch"
channel
if has root pid-namespace; then
	status 9 unshare -pf chansend "$ch" x
	says "share the PID namespace"
fi

# No space for the channel: 1, with the size needed and the size there, and nothing left.
if has mounts; then
	# shellcheck disable=SC2016
	status 1 unshare -m sh -c 'mount -t tmpfs -o size=256K none /dev/shm || exit 77
		chansend --create=capacity=1M "$1" x; s=$?; ls -A /dev/shm; exit $s' - "$ch"
	says "no space: it needs "
	says "bytes and /dev/shm has 262144 left; make room in /dev/shm or"
	is "what is left in /dev/shm" "$(cat "$tmp/out")" ""
fi

finish
