# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the test scripts share: assertions that count, waiting for events with a
# generous bound, channels that are removed at the end, and skipping with a reason.
#
#   BUILD   the build directory (default: build); `none` where the programs are
#           installed, or none are needed; with BUILD_STAYS=1 it is used where it
#           is, though other users may not reach it there
#   root    the project       tmp (or t)   a directory of the test's own
#
# The first word of an assertion says what should be, as a sentence ("a stranger may
# not open it"); when it is not so, it is printed with the line of the script.
# `finish` prints the counts and ends the script.

set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ "${BUILD-}" != none ]; then
	BUILD=$(cd "${BUILD:-build}" && pwd) || exit
	cd "$root" || exit
fi
tmp=$(mktemp -d) || exit
# shellcheck disable=SC2034 # for the scripts
t=$tmp
bound=60 # seconds to wait for what must happen
passed=0
failed=0
left_out=
channels=()
at_end=()

# at_end COMMAND: run it when the script ends, whatever ended it, the last one first.
at_end() {
	at_end=("$1" "${at_end[@]}")
}

cleanup() {
	local command children
	for command in "${at_end[@]}"; do
		eval "$command"
	done
	children=$(jobs -p)
	# shellcheck disable=SC2086
	[ -n "$children" ] && kill -KILL $children 2>/dev/null
	wait
	[ ${#channels[@]} -gt 0 ] && chanctl remove "${channels[@]}" 2>/dev/null
	rm -rf "$tmp"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# BUILD is where other users can reach it, too: a tree in root's home they can't enter,
# so what they run is copied to the test's directory, beside links to all else.
reach() {
	[ "$(id -u)" = 0 ] || return 0
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$BUILD/chanctl" && return
	cp -as "$BUILD" "$tmp/build" &&
		(cd "$BUILD" && cp -a --remove-destination --parents chand chanctl chansend chanrecv chanbench \
			tests/daemon/prog_* tests/support/prog_* "$tmp/build") &&
		chmod 755 "$tmp" || exit
	BUILD=$tmp/build
}
if [ "$BUILD" != none ]; then
	[ -n "${BUILD_STAYS-}" ] || reach
	PATH=$BUILD:$PATH
fi

# ---- skipping ----

# skip WHY: this place lacks what the whole test needs
skip() {
	echo "$*"
	exit 77
}

# needs WHAT...: or the test is skipped (the names are in tests/support/place.c)
needs() {
	local why
	why=$("$BUILD/tests/support/prog_place" "$@") || skip "$why"
}

# not_tried WHY: a part is left out, which is said at the end
not_tried() {
	[[ $left_out == *"$1"* ]] || left_out+="${left_out:+; }$1"
}

# has WHAT...: is it here?  If not, that part is left out
has() {
	local why
	why=$("$BUILD/tests/support/prog_place" "$@") || {
		not_tried "$why"
		return 1
	}
}

# has_program NAME: is it installed?
has_program() {
	command -v "$1" >/dev/null || {
		not_tried "needs the program $1"
		return 1
	}
}

# ---- channels ----

# channel_name: set $ch to a name that nobody has, which is removed at the end.  (A
# subshell would note it in its own copy of the list, and nobody would remove it.)
channel_name() {
	[ "$BASH_SUBSHELL" = 0 ] || {
		fail "channel_name in a subshell: nothing would remove the channel"
		exit 1
	}
	ch=t$$.${#channels[@]}
	channels+=("$ch")
}

# channel [OPTION...]: make a new one, and set $ch
channel() {
	channel_name
	chanctl create "$@" "$ch" || exit
}

# ---- assertions ----

pass() {
	passed=$((passed + 1))
	[ -z "${SAY_OK-}" ] || echo "ok $* ($SECONDS s)"
}

fail() {
	failed=$((failed + 1))
	printf 'FAIL (line %s): %s\n' "${BASH_LINENO[$((${#BASH_LINENO[@]} - 2))]}" "$*"
}

# is WHAT GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1: got '${2:0:300}', not '${3:0:300}'"
	fi
}

# same WHAT FILE FILE
same() {
	if cmp "$2" "$3" >"$tmp/cmp" 2>&1; then
		pass "$1"
	else
		fail "$1: $(cat "$tmp/cmp")"
	fi
}

# equal GOT WANTED: for check and await
equal() {
	[ "$1" = "$2" ] || {
		echo "'$1' is not '$2'"
		false
	}
}

# check WHAT COMMAND...: it succeeds; what it printed is in $tmp/out
check() {
	local what=$1 got=0
	shift
	"$@" >"$tmp/out" 2>&1 || got=$?
	if [ $got = 0 ]; then
		pass "$what"
	else
		fail "$what: $*: status $got"
		sed 's/^/    /' "$tmp/out"
	fi
}

# fails STATUS WHAT COMMAND...: it ends with that status; what it printed is in $tmp/said
fails() {
	local wanted=$1 what=$2 got=0
	shift 2
	"$@" >"$tmp/said" 2>&1 || got=$?
	if [ "$got" = "$wanted" ]; then
		pass "$what"
	else
		fail "$what: $*: status $got, not $wanted"
		sed 's/^/    /' "$tmp/said"
	fi
}

# status WANTED COMMAND...: the same without words, with output to $tmp/out and $tmp/err
status() {
	local wanted=$1 got=0
	shift
	"$@" >"$tmp/out" 2>"$tmp/err" || got=$?
	if [ "$got" = "$wanted" ]; then
		pass "$*"
	else
		fail "$*: status $got, not $wanted: $(head -c 300 "$tmp/err")"
	fi
}

# says TEXT: the last command's stderr (of status) has it
says() {
	if grep -qF -e "$1" "$tmp/err"; then
		pass "it says '$1'"
	else
		fail "'$1' is missing in: $(head -c 300 "$tmp/err")"
	fi
}

# ---- waiting ----

# await WHAT COMMAND...: it succeeds before the bound
await() {
	local what=$1 end=$((SECONDS + bound))
	shift
	until "$@" >"$tmp/awaited" 2>&1; do
		if [ $SECONDS -ge $end ]; then
			fail "$what: $* (never)"
			sed 's/^/    /' "$tmp/awaited"
			return 1
		fi
		sleep 0.01
	done
	pass "$what"
}

# happens COMMAND...: the same without words
happens() {
	await "it happens" "$@"
}

# socket_bound PATH, socket_listens PATH: a process has bound a socket there, or listens on it.
# (The file is there a moment before either.)
socket_bound() { grep -q " $1\$" /proc/net/unix; }
# (One that is gone is listed for a moment more where a ring of io_uring had it: so its file, too.)
socket_listens() { [ -S "$1" ] && grep -q "^[^ ]* [^ ]* [^ ]* 00010000 .* $1\$" /proc/net/unix; }

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

# finish [WHAT]: say how many, after the last_checks of the script or its library
finish() {
	! declare -F last_checks >/dev/null || last_checks
	[ $((passed + failed)) -gt 0 ] || [ -z "$left_out" ] || skip "$left_out"
	if [ $((passed + failed)) = 0 ]; then
		echo "$1"
	else
		echo "${1:+$1: }$passed passed, $failed failed${left_out:+; not tried: $left_out}"
	fi
	[ $failed = 0 ]
	exit
}
