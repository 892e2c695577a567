# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests of chand: a bus of its own in a temporary directory, kept by a user
# that nobody else is (root becomes one), so that no other channel is touched.

# shellcheck source=tests/support/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lib.sh"
bus_pid=
chmod 755 "$t"
if [ "$(id -u)" = 0 ]; then
	keeper=$((700000 + $$ % 100000))
else
	keeper=$(id -u)
fi
run=$t/run
etc=$t/etc
export SHMCHAN_CONTROL=$run/control
mkdir -p "$etc/channels.d"
[ "$(id -u)" != 0 ] || chown "$keeper" "$t" "$etc"
prefix=${SHMCHAN_PREFIX:-c$$}

# As user number $1, with the further groups $2 (or -).
as() {
	local groups=--clear-groups
	[ "$2" = - ] || groups=--groups=$2
	if [ "$(id -u)" = "$1" ]; then "${@:3}"; else
		setpriv --reuid="$1" --regid="$1" "$groups" "${@:3}"
	fi
}
keep() { as "$keeper" - "$@"; }
# As user number $1 in the background; $! is the program itself.
background_as() {
	if [ "$(id -u)" = "$1" ]; then "${@:2}" & else
		setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}" &
	fi
}
background() { background_as "$keeper" "$@"; }
chanctl() { keep "$BUILD/chanctl" "$@"; }
chansend() { keep "$BUILD/chansend" "$@"; }
chanrecv() { keep "$BUILD/chanrecv" "$@"; }
# A request, and what chand answers.
ask() { keep "$BUILD/tests/daemon/prog_ask" "$@"; }

# The loops that chand can run on here.
loops=epoll
# shellcheck disable=SC2034 # for the scripts
! has io_uring || loops="io_uring epoll"

# It answers, and all that it has to make is made.
has_started() { ask STATUS 2>/dev/null | grep -e "^pid=$bus_pid\$" -e '^making=0$' | wc -l; }

start() { # OPTIONS: chand, until it has started
	local i
	background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" "$@" >>"$t/log" 2>&1
	bus_pid=$!
	for ((i = 0; i < 1000; i++)); do
		[ "$(has_started)" = 2 ] && return
		sleep 0.02
	done
	fail "chand does not start"
	cat "$t/log"
	exit 1
}
stop() {
	[ -n "$bus_pid" ] || return 0
	kill "$bus_pid"
	wait "$bus_pid"
	check "chand ends well" equal $? 0
	bus_pid=
}
segment() { echo "/dev/shm/shmchan.$keeper.$1"; }
declare_channel() { # NAME LINE...
	local name=$1
	shift
	{
		echo '[channel]'
		printf '%s\n' "$@"
	} >"$etc/channels.d/$name.conf"
}
# logged PATTERN: chand has logged it
logged() { grep -q -e "$1" "$t/log"; }
# reported LINE REQUEST...: chand's answer has the line
reported() { ask "${@:2}" | grep -qx "$1"; }

last_checks() { stop; }
end_bus() {
	[ -z "$bus_pid" ] || { kill -9 "$bus_pid" 2>/dev/null; wait "$bus_pid" 2>/dev/null; }
	# Root's keeper has no others.
	if [ "$(id -u)" = 0 ]; then prefix=; fi
	rm -f "/dev/shm/shmchan.$keeper.$prefix"* "/dev/shm/shmchan-guard.$keeper"
}
at_end end_bus
