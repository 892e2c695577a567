# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests of chand: a bus of its own in a temporary directory, kept by a user
# that nobody else is (root becomes one), so that no other channel is touched.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
: "${BUILD:?}"
bad=0 checks=0 bus_pid=
t=$(mktemp -d) || exit
chmod 755 "$t"
if [ "$(id -u)" = 0 ]; then
	keeper=$((700000 + $$ % 100000))
else
	keeper=$(id -u)
fi
# shellcheck source=tests/reach.sh
. tests/reach.sh
reach "$t"
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

ok() { checks=$((checks + 1)); }
not_ok() {
	echo "FAILED: $*"
	bad=1
}
check() { # WHAT COMMAND...
	local what=$1 status
	shift
	"$@" >"$t/out" 2>&1
	status=$?
	if [ $status = 0 ]; then ok; else
		not_ok "$what: $*: status $status"
		sed 's/^/    /' "$t/out"
	fi
}
fails() { # STATUS WHAT COMMAND...; $t/said has what it printed
	local want=$1 what=$2 status
	shift 2
	"$@" >"$t/said" 2>&1
	status=$?
	if [ $status = "$want" ]; then ok; else
		not_ok "$what: $*: status $status, not $want"
		sed 's/^/    /' "$t/said"
	fi
}
equal() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; false; }; }
await() { # WHAT COMMAND...: until it succeeds, 20 seconds at most
	local what=$1 i
	shift
	for ((i = 0; i < 1000; i++)); do
		"$@" >"$t/out" 2>&1 && { ok; return; }
		sleep 0.02
	done
	not_ok "$what: $* (never)"
	sed 's/^/    /' "$t/out"
}

start() { # OPTIONS: chand, until it answers
	local i
	background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" "$@" >>"$t/log" 2>&1
	bus_pid=$!
	for ((i = 0; i < 1000; i++)); do
		[ "$(ask STATUS 2>/dev/null | sed -n 's/^pid=//p')" = $bus_pid ] && return
		sleep 0.02
	done
	not_ok "chand does not start"
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
logged() { grep -q -e "$1" "$t/log"; }
told() { ask "${@:2}" | grep -qx "$1"; }

finish() { # WHAT
	stop
	echo "$1: $checks checks"
	exit $bad
}
cleanup() {
	[ -z "$bus_pid" ] || { kill -9 "$bus_pid" 2>/dev/null; wait "$bus_pid" 2>/dev/null; }
	# Root's keeper has no others.
	if [ "$(id -u)" = 0 ]; then prefix=; fi
	rm -f "/dev/shm/shmchan.$keeper.$prefix"*
	rm -rf "$t"
}
trap cleanup EXIT
