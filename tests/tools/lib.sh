# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Sourced by the tests of the tools: assertions that count, channels that are
# removed at the end, and waits for events with a generous bound.  BUILD is the
# build directory.

set -u
BUILD=$(cd "${BUILD:-build}" && pwd) || exit
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tmp=$(mktemp -d)
# shellcheck source=tests/reach.sh
. "$root/tests/reach.sh"
reach "$tmp"
PATH=$BUILD:$PATH
bound=60 # seconds to wait for what must happen
passed=0
failed=0
channels=()

cleanup() {
	local children
	children=$(jobs -p)
	# shellcheck disable=SC2086
	[ -n "$children" ] && kill -KILL $children 2>/dev/null
	wait
	[ ${#channels[@]} -gt 0 ] && chanctl remove "${channels[@]}" 2>/dev/null
	rm -rf "$tmp"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# channel [OPTION...]: make a new one, and set $ch
channel() {
	ch=t$$.${#channels[@]}
	channels+=("$ch")
	chanctl create "$@" "$ch" || exit
}

# channel_name: only set $ch
channel_name() {
	ch=t$$.${#channels[@]}
	channels+=("$ch")
}

pass() {
	passed=$((passed + 1))
}

fail() {
	failed=$((failed + 1))
	printf 'FAIL (line %s): %s\n' "${BASH_LINENO[$((${#BASH_LINENO[@]} - 2))]}" "$*"
}

# is WHAT GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass
	else
		fail "$1: got '${2:0:300}', not '${3:0:300}'"
	fi
}

# same WHAT FILE FILE
same() {
	if cmp "$2" "$3" >"$tmp/cmp" 2>&1; then
		pass
	else
		fail "$1: $(cat "$tmp/cmp")"
	fi
}

# status WANTED COMMAND...: run it, with output to $tmp/out and $tmp/err
status() {
	local wanted=$1 got=0
	shift
	"$@" >"$tmp/out" 2>"$tmp/err" || got=$?
	if [ "$got" = "$wanted" ]; then
		pass
	else
		fail "$*: status $got, not $wanted: $(head -c 300 "$tmp/err")"
	fi
}

# says TEXT: the last command's stderr has it
says() {
	if grep -qF -e "$1" "$tmp/err"; then
		pass
	else
		fail "'$1' is missing in: $(head -c 300 "$tmp/err")"
	fi
}

# happens COMMAND...: it succeeds before the bound
happens() {
	local end=$((SECONDS + bound))
	until "$@" 2>/dev/null; do
		if [ $SECONDS -ge $end ]; then
			fail "never happened: $*"
			return 1
		fi
		sleep 0.01
	done
	pass
}

# sleeps PID [CHANNEL]: it sleeps inside a call on it ($ch)
sleeps() {
	chanctl info -J "${2-$ch}" |
		jq -e --argjson pid "$1" \
			'any(.endpoints[]; .pid == $pid and (.waiting_since // 0) > 0)' >/dev/null
}

# depth N [CHANNEL]: it holds N messages
depth() {
	[ "$(chanctl stat -H -o DEPTH "${2-$ch}")" = "$1" ]
}

# ended PID WANTED: wait for a child and compare its exit status
ended() {
	local got=0
	timeout "$bound" tail -s 0.01 --pid="$1" -f /dev/null || fail "process $1 does not end"
	wait "$1" || got=$?
	is "status of a child" "$got" "$2"
}

finish() {
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
}
