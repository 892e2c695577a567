#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The last test: the ones before it left no segment, no process and no open
# descriptor of a segment.  Segments that were there before the run (noted by
# --remember), and those that a process of somebody else has open, are not ours.

set -u
state=${SHMCHAN_TEST_STATE:?run by tests/run}

segments() {
	find /dev/shm -maxdepth 1 -name 'shmchan[.-]*' -printf '%f\n' | sort
}

if [ "${1-}" = --remember ]; then
	mkdir -p "${state%/*}"
	segments >"$state"
	exit
fi

# Processes of this run, by the mark in their environment, but for this script and
# those above it.  (Those of this pipeline are gone when the list is looked at.)
ours() {
	local p
	grep -lzxs "SHMCHAN_TEST_RUN=$SHMCHAN_TEST_RUN" /proc/[0-9]*/environ | cut -d/ -f3 |
		while read -r p; do is_above "$p" || echo "$p"; done
}

# Is process $1 this script or one above it?
is_above() {
	local p=$$
	while [ "$p" -gt 1 ]; do
		[ "$p" = "$1" ] && return 0
		p=$(ps -o ppid= -p "$p" | tr -d ' ')
	done
	return 1
}

bad=0

# One that is dying is none.
for ((i = 0; i < 50; i++)); do
	left=()
	for p in $(ours); do
		[ ! -d "/proc/$p" ] || left+=("$p")
	done
	[ ${#left[@]} != 0 ] || break
	sleep 0.1
done
for p in "${left[@]}"; do
	echo "left running: $p $(tr '\0' ' ' <"/proc/$p/cmdline")"
	find "/proc/$p/fd" -lname '/dev/shm/shmchan.*' -printf '  has open: %l\n' 2>/dev/null
	bad=1
done

for s in $(comm -13 "$state" <(segments)); do
	[ -e "/dev/shm/$s" ] || continue
	holders=$(grep -lFs "/dev/shm/$s" /proc/[0-9]*/maps | cut -d/ -f3)
	for h in $holders; do
		grep -qzxs "SHMCHAN_TEST_RUN=$SHMCHAN_TEST_RUN" "/proc/$h/environ" || continue 2
	done
	# A chand that was killed leaves its guard to the next one, and tests kill chand.
	if [ -z "$holders" ] && [ "$s" != "${s#shmchan-guard.}" ]; then
		rm -f "/dev/shm/$s"
		continue
	fi
	echo "left in /dev/shm: $s"
	bad=1
done

[ $bad = 0 ] && echo "nothing left: no segment, process or descriptor"
exit $bad
