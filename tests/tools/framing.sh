#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every framing through both tools: `chanrecv -F X a | chansend -F X b` and back is
# lossless, for binary messages of awkward sizes where the framing can hold them.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

limit=65536
sizes="0 1 2 3 4 15 16 17 255 256 4079 4080 4095 4096 4097 65535 $limit"

# Files with messages of those sizes, of bytes taken from stdin.
make_files() {
	local n=100
	rm -f "$tmp"/m.*
	cat >"$tmp/bytes"
	for size in $sizes; do
		n=$((n + 1))
		tail -c +$n "$tmp/bytes" | head -c "$size" >"$tmp/m.$n"
	done
}

# through NAME [OPTION...]: the files from channel to channel with that framing
through() {
	local name=$1 a b
	shift
	channel -m $limit && a=$ch
	channel -m $limit && b=$ch
	for m in "$tmp"/m.*; do
		printf '%s\0%s\0' -f "$m"
	done | xargs -0 chansend --eof "$a"
	chanrecv "$@" "$a" | chansend --eof "$@" "$b"
	rm -rf "$tmp/dir"
	mkdir "$tmp/dir"
	chanrecv -D "$tmp/dir" "$b"
	cat "$tmp"/m.* >"$tmp/wanted"
	cat "$tmp/dir"/* >"$tmp/got"
	same "$name, bytes" "$tmp/wanted" "$tmp/got"
	is "$name, lengths" "$(cd "$tmp/dir" && wc -c -- * | sed 's/^ *\([0-9]*\) .*/\1/')" \
		"$(cd "$tmp" && wc -c m.* | sed 's/^ *\([0-9]*\) .*/\1/')"
}

make_files < <(head -c 200000 /dev/urandom)
for framing in len32 netstring jsonl; do
	through "binary, $framing" -F $framing
done
make_files < <(head -c 200000 /dev/zero)
for framing in lines len32 netstring jsonl; do
	through "NULs, $framing" -F $framing
done
make_files < <(yes '' | head -c 200000)
for framing in null len32 netstring jsonl; do
	through "newlines, $framing" -F $framing
done
through "newlines, delimiter" -d '\xff'
make_files < <(yes 'grün € ' | tr '\n' ' ' | head -c 200000)
through "text, lines" -l
through "text, null" -0

# raw: the bytes, in pieces of that size
channel
head -c 300001 /dev/urandom >"$tmp/blob"
for size in 1K 4095 64K; do
	chansend -F raw:$size "$ch" <"$tmp/blob"
	chanrecv -e -F raw "$ch" >"$tmp/got"
	same "raw:$size" "$tmp/blob" "$tmp/got"
done

# raw:SIZE with a size above the longest allowed: what is there may be shorter.
channel -m 10
for bytes in 12345 1234567890; do
	status 0 chansend -F raw:11 "$ch" < <(printf $bytes)
	is "raw:11, all of it" "$(chanrecv -e -o '<%p>' "$ch")" "<$bytes>"
done
status 0 chansend -F raw:11 "$ch" </dev/null
status 7 chansend -F raw:1K "$ch" < <(printf 12345678901)
is "raw:11 of nothing, and of too much" "$(chanctl stat -H -o DEPTH "$ch")" 0

# jsonl: a member that is ignored may be a number larger than any integer.
status 0 chansend -F jsonl "$ch" < <(printf '{"other":18446744073709551615,"data":"a","len":1}\n')
is "jsonl with a large number" "$(chanrecv -e -o '<%p>' "$ch")" '<a>'
status 1 chansend -F jsonl "$ch" < <(printf '{"data":"a","len":2}\n')
says '"len" is not the length of the message'

# A message as long as the channel allows, and longer than any buffer to start with.
channel -c 16M -m 8M
head -c 8388608 /dev/urandom >"$tmp/blob"
chansend -s "$ch" <"$tmp/blob"
chanrecv -1 -F raw "$ch" >"$tmp/got"
same "8 MiB at once" "$tmp/blob" "$tmp/got"
head -c 8388608 /dev/zero | tr '\0' x >"$tmp/blob"
chansend "$ch" <"$tmp/blob"
chanrecv -1 -F raw "$ch" >"$tmp/got"
same "a line of 8 MiB" "$tmp/blob" "$tmp/got"
status 7 chansend "$ch" < <(cat "$tmp/blob"; echo x)

# A few megabytes of tar.
(cd "$root" && tar cf "$tmp/tar" lib tools tests)
channel
chansend --eof -F raw:65536 "$ch" <"$tmp/tar" &
chanrecv -F raw "$ch" >"$tmp/got"
wait $! || fail "chansend of a tar file: $?"
same "a tar file" "$tmp/tar" "$tmp/got"

finish
