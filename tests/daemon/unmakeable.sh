#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A declared channel that can't be made, since /dev/shm is full: whoever asks for it reads
# why, nobody gets another one in its place, and it is made as it is declared as soon as
# there is room and somebody asks.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
has_own_shm() { unshare -m true 2>/dev/null; }
if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] && has_own_shm || skip "needs root, for a small /dev/shm of its own"
	exec unshare -m --propagation private "$0" inside
fi
mount -t tmpfs -o size=2m,mode=1777 tmpfs /dev/shm || exit 1

why="chand can't make it as it is declared: not enough shared memory"
says() { # STATUS PATTERN COMMAND...
	local want=$1 pattern=$2 status
	shift 2
	"$@" >"$t/said" 2>&1
	status=$?
	[ $status = "$want" ] && grep -q "$pattern" "$t/said" && return
	echo "status $status: $(cat "$t/said")"
	return 1
}
sends() { as 1234 - "$BUILD/chansend" "$keeper/$prefix-a" "$@"; }

for loop in $loops; do
	declare_channel "$prefix-a" 'capacity = 64K' 'send = 1234'
	head -c 2M /dev/zero >/dev/shm/fill 2>/dev/null
	start --loop="$loop"
	check "a sender reads why ($loop)" says 1 "$why" sends x
	check "INFO says it" says 1 "$why" ask INFO "name=$prefix-a"
	check "create, as chan@.service does, makes no other in its place" \
		says 1 "$why" chanctl create --user --parents "$prefix-a" --capacity=4K
	rm /dev/shm/fill
	await "it is made when there is room" sends y
	check "as it is declared" reported origin=declared INFO "name=$prefix-a"
	check "with its capacity" equal "$(chanctl list --user -H -o CAPACITY "$prefix-a")" 64K
	check "it was logged once" equal "$(grep -c "can't be made" "$t/log")" 1
	stop
	rm /dev/shm/shmchan.* "$t/log"
done
finish
