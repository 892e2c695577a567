#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Those that wait in a channel that chand watches sleep on, and what they wait for reaches
# them all the same if the wake-up died with its sender: with chand there, when it is
# killed before or afterwards, and when it ends or stops watching.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
[ "${CONDVAR-}" != pthread ] || skip 'pthread_cond_t is looked at each second, with chand too'
needs syscalls
a=$prefix-a b=$prefix-b
watched=$BUILD/tests/daemon/prog_watched
waitv=449      # futex_waitv(2), on all machines
many=100       # more than a guard has words
seconds=5

# relies PID: it sleeps, and relies on chand
relies() { [ "$(cut -d' ' -f1 "/proc/$1/syscall")" = $waitv ]; }
relies_not() { ! relies "$1"; }
# guarded: this system can do that
guarded() { ! logged 'look each second by themselves'; }
switches() { sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$1/status"; }

# waiter HOW CHANNEL...: start one, until it relies on chand; $waiter
waiter() {
	background "$watched" "$@" >"$t/got"
	waiter=$!
	await "it relies on chand ($*)" relies $waiter
}
# comes WHAT: its message, some time after a death; not as late as a sleep that relies on
# chand, which is two minutes
comes() {
	ended $waiter 0
	ms=$(($(cat "$t/got") - $(tail -n1 "$t/died")))
	echo "$1: $ms ms"
	check "$1: within seconds" test $ms -lt 5000
}
dies() { # HOW CHANNEL
	local status
	status=$({ keep "$watched" "$@" >"$t/died"; echo $?; } 2>"$t/killed")
	check "it is killed" equal "$status" 137
}

start
guarded || { stop; skip 'no futex_waitv(2)'; }
check "create" chanctl create --system -c 16K $a
chanctl create --system -c 16K $b

waiter receive $a
before=$(switches $waiter)
sleep $seconds
n=$(($(switches $waiter) - before))
echo "in $seconds s it woke $n times"
check "it sleeps on" test $n -le 1
dies die $a
comes "with chand"

waiter exclusive $a
dies die $a
comes "with chand, an exclusive receiver"

waiter select $b $a
dies die $a
comes "with chand, a selection"

# chand has seen the process, and its endpoint stays.
waiter receive $a
mkfifo "$t/go"
(keep "$watched" leave $a <"$t/go" >"$t/died") 2>"$t/killed" &
leaver=$!
exec 9>"$t/go"
await "chand sees it" reported role=sender INFO "name=$a"
echo >&9
exec 9>&-
wait $leaver
check "it is killed" equal $? 137
comes "with chand, the endpoint is kept open"
as "$keeper" - kill -KILL "$(head -n1 "$t/died")"

# It can't see the death, and then dies itself.
waiter receive $a
kill -STOP "$bus_pid"
dies die $a
check "nobody saw it" relies $waiter
kill -KILL "$bus_pid"
comes "chand is killed afterwards"
wait "$bus_pid" 2>/dev/null

start
waiter receive $a
kill -KILL "$bus_pid"
dies die $a
comes "chand is killed before"
wait "$bus_pid" 2>/dev/null

# The next one.
background "$watched" receive $a >"$t/got"
waiter=$!
await "it sleeps" sleeps $waiter "$keeper/$a"
check "it relies on nobody" relies_not $waiter
start
await "it relies on the next chand" relies $waiter
dies die $a
comes "with the next chand"

# In good order.
waiter receive $a
stop
await "it relies on nobody when chand has ended" relies_not $waiter
check "and nothing is left of the guard" test ! -e "/dev/shm/shmchan-guard.$keeper"
dies die $a
comes "chand has ended"
start
waiter receive $a
check "its name goes" chanctl remove --name-only $a
await "it relies on nobody when the channel is not watched any more" relies_not $waiter
kill $waiter
wait $waiter 2>/dev/null
chanctl create --system -c 16K $a

# The kernel wakes one on each word of the guard.
waiters=()
for ((i = 0; i < many; i++)); do
	background "$watched" receive "$([ $((i % 2)) = 0 ] && echo $a || echo $b)" >/dev/null
	waiters+=($!)
done
for p in "${waiters[@]}"; do
	await "it relies on chand" relies "$p"
done
kill -KILL "$bus_pid"
wait "$bus_pid" 2>/dev/null
for p in "${waiters[@]}"; do
	await "its end reaches all" relies_not "$p"
done
kill "${waiters[@]}"
wait "${waiters[@]}" 2>/dev/null
start
check "remove" chanctl remove $a
chanctl remove $b
stop
finish "those that wait rely on chand"
