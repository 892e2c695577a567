#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: BUILD=DIR tests/loops/run.sh --quick|--full [LOOP...]
#
# chan_fd() in real event loops: each does the job of relays/relay.h, while prog_drive
# kills the peers, lets it idle, and looks for missed wake-ups, in 10,000 rounds or in a
# million.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

case ${1-} in
--quick) kills=100 rounds=10000 ;;
--full) kills=2000 rounds=1000000 ;;
*) echo 'usage: run.sh --quick|--full [LOOP...]' >&2; exit 2 ;;
esac
shift
[ "${CONDVAR-}" != pthread ] || skip 'pthread_cond_t is not expected to survive this'

relays=tests/loops/relays
export LIBRARY=$BUILD/libshmchan.so ADDON=$BUILD/$relays/chan.node
ran=0

# drive LOOP COMMAND...
drive() {
	local loop=$1
	shift
	check "$loop does its job" "$BUILD/tests/loops/prog_drive" -k "$kills" -r "$rounds" "$@"
	echo "$loop: $(tail -n 1 "$tmp/out")"
	ran=$((ran + 1))
}

# interpreted: can an interpreter load the library?
interpreted() {
	[ -z "${SANITIZE-}" ] || {
		not_tried 'asyncio and Node (their interpreters are not built with sanitizers)'
		return 1
	}
}

# in_c LOOP [PACKAGE]: a program, which is there if its library was when it was built
in_c() {
	local loop=$1
	if [ -x "$BUILD/$relays/$loop" ]; then
		drive "$loop" "$BUILD/$relays/$loop"
	else
		not_tried "$loop (needs $2)"
	fi
}

run_loop() {
	case $1 in
	epoll | epoll_edge) in_c "$1" ;;
	uring | uring_multishot) ! has io_uring || in_c "$1" liburing-dev ;;
	uv) in_c uv libuv1-dev ;;
	glib) in_c glib libglib2.0-dev ;;
	sd_event) in_c sd_event libsystemd-dev ;;
	asyncio) ! interpreted || ! has_program python3 || drive asyncio python3 $relays/aio.py ;;
	node)
		if ! interpreted || ! has_program node; then
			return
		elif [ -e "$ADDON" ]; then
			drive node node $relays/node.js
		else
			not_tried "node (needs Node's headers, see tests/mk/loops.mk)"
		fi
		;;
	*) fail "there is no loop $1" ;;
	esac
}

[ $# -gt 0 ] || set -- epoll epoll_edge uring uring_multishot uv glib sd_event asyncio node
for loop; do
	run_loop "$loop"
done
finish "$ran loops, each with $kills kills and $rounds rounds"
