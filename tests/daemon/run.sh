#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: run.sh [--quick|--full]
#
# chand is killed at each of its system calls (--quick: at some of them), in each thing
# that it does, while messages pass: see prog_kill.c.  On both kinds of loop.

form=${1:---quick}
# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
[ "${CONDVAR-}" != pthread ] ||
	skip 'pthread_cond_t does not survive that chand is killed as it waits for a message'
[ "$(id -u)" != 0 ] || chown "$keeper" "$etc/channels.d"
points=20
[ -z "${SANITIZE-}" ] || points=3
[ "$form" != --full ] || points=0
killed=0
needs ptrace
for loop in $loops; do
	keep "$BUILD/tests/daemon/prog_kill" "$BUILD/chand" "$t" $loop "$prefix" $points 2>&1 |
		tee "$t/table"
	is "it ends well on $loop" "${PIPESTATUS[0]}" 0
	n=$(sed -n 's/.*: killed \([0-9]*\) times.*/\1/p' "$t/table")
	killed=$((killed + ${n:-0}))
	rm -rf "$run" "/dev/shm/shmchan.$keeper.$prefix"*
done
[ $failed = 0 ] || tail -n 20 "$t/log" 2>/dev/null
finish "chand killed $killed times at its system calls, on $loops"
