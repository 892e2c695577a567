#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Much real data: 150 MB of a tar file, 400,000 path names, and 400,000 lines from 4
# senders to 4 receivers; through `make test` in some seconds.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# 150 MB of a tar file in pieces of 64 KiB
bytes=150000000
for _ in {1..99}; do
	tar -C / -cf - usr lib 2>/dev/null || [ $? = 1 ] || break # 1: a file changed
done | head -c $bytes >"$tmp/tar"
is "bytes of tar" "$(stat -c %s "$tmp/tar")" $bytes
channel
chansend --eof -F raw:65536 "$ch" <"$tmp/tar" &
chanrecv -F raw "$ch" | cmp - "$tmp/tar" && pass || fail "the tar file is another one"
wait $! || fail "chansend: $?"
rm "$tmp/tar"

# 400,000 path names, a line each; the last one has no newline
n=400000
for _ in {1..99}; do
	find / -xdev 2>/dev/null || [ $? = 1 ] || break # 1: a directory can't be read
done | head -n $n | head -c -1 >"$tmp/names"
is "names" "$(($(wc -l <"$tmp/names") + 1))" $n
channel
chansend --eof "$ch" <"$tmp/names" &
chanrecv "$ch" >"$tmp/got"
wait $! || fail "chansend: $?"
echo >>"$tmp/names"
same "path names" "$tmp/names" "$tmp/got"
rm "$tmp/names" "$tmp/got"

# 4 senders, 4 receivers: each line once, in order for each sender
channel
receivers=() senders=()
for i in 1 2 3 4; do
	chanrecv "$ch" >"$tmp/got.$i" &
	receivers+=($!)
done
happens chanctl test "$ch" 'receivers>=4'
for i in 1 2 3 4; do
	seq 100000 | sed "s/^/$i /" | chansend "$ch" &
	senders+=($!)
done
for pid in "${senders[@]}"; do
	wait "$pid" || fail "chansend: $?"
done
chanctl close "$ch"
for pid in "${receivers[@]}"; do
	wait "$pid" || fail "chanrecv: $?"
done
for i in 1 2 3 4; do
	seq 100000 | sed "s/^/$i /"
done | sort | cksum >"$tmp/wanted"
sort "$tmp"/got.? | cksum >"$tmp/sum"
same "400,000 lines, each once" "$tmp/wanted" "$tmp/sum"
is "lines out of order" \
	"$(for i in 1 2 3 4; do awk '$2 <= last[$1] { bad++ } { last[$1] = $2 } END { printf "%d ", bad }' \
		"$tmp/got.$i"; done)" "0 0 0 0 "
wc -l "$tmp"/got.? | sed '$d; s/^/received: /'

finish
