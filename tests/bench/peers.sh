#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The comparison with peers measures what it says: its harness notices a peer that loses,
# repeats or damages a message, or hangs; and shmchan passes it in each way.  (What the
# peers themselves do is not tested: `make bench-peers`.)

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"
[ "$(nproc)" -ge 2 ] || skip 'needs two CPUs'
dir=tests/bench/peers
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}

for peer in control shmchan; do
	# shellcheck disable=SC2086
	"$CC" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror $sanitize -Ilib -pthread \
		"$dir/harness.c" "$dir/$peer.c" "$BUILD/libshmchan.a" -o "$tmp/$peer" ||
		{ fail "$peer.c does not compile"; finish; }
done

# one PEER WAY JOB SIZE: run it; $status and $out
one() {
	out=$(timeout 60 "$tmp/$1" "$2" "$3" "$4" 20 2>&1)
	status=$?
}

for job in stream echo; do
	one control right $job 1024
	is "a sound peer passes ($job)" "$status" 0
	for way in repeats tears spoils; do
		one control "$way" $job 1024
		is "a peer that $way messages is found ($job)" "$status" 1
	done
done
one control loses stream 1024
is 'a peer that loses a message is found' "$status" 1
is 'and the message that came in its place is named' \
	"$out" 'message 256 came as 257, with an end that fits'
one control hangs stream 1024
is 'a peer that hangs is given up' "$status" 1

while IFS=$'\t' read -r way kind _; do
	jobs='stream echo'
	[ "$kind" != publishes ] || jobs='publish-1 publish-5'
	for job in $jobs; do
		for size in 64 65536; do
			one shmchan "$way" $job $size
			is "$way passes ($job, $size)" "$status" 0
			[[ $out =~ ^[1-9][0-9]*(\ [1-9][0-9]*)?$ ]] ||
				fail "$way prints figures ($job, $size): $out"
		done
	done
done < <("$tmp/shmchan" list)

finish "$passed checks of the harness that compares peers"
