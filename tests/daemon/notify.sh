#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What chand reports to a service manager: READY=1 only when it serves and all that is
# declared is there, RELOADING=1 and then READY=1 when the reload is done, STOPPING=1.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
many=300 # so that they take a moment
reports=$t/reports

at() { grep -n -m1 -e "$1" "$reports" | cut -d: -f1; } # the line of the first such report
are() { [ "$(grep -c -e "$1" "$reports")" = "$2" ]; }  # there are so many
declare_many() { # FIRST LAST
	for ((i = $1; i <= $2; i++)); do
		declare_channel "$prefix-$i" 'capacity = 4K' 'endpoints = 4'
	done
}
last_state() { tac "$reports" | sed -n "s/^$1=//p" | head -n 1; }

for loop in $loops; do
	export NOTIFY_SOCKET=$t/manager
	rm -f "$NOTIFY_SOCKET" "$etc/channels.d"/*
	background "$BUILD/tests/daemon/prog_manager" "$NOTIFY_SOCKET" \
		"$BUILD/tests/daemon/prog_ask" STATUS >"$reports"
	manager=$!
	await "the manager listens" socket_bound "$NOTIFY_SOCKET"
	declare_many 1 $many
	background "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" --loop="$loop" >>"$t/log" 2>&1
	bus_pid=$!

	await "it is ready ($loop)" are '^end of READY=1' 1
	check "it serves then" equal "$(last_state pid)" $bus_pid
	check "all that is declared is there" equal "$(last_state channels)" $many
	check "nothing is still to be made" equal "$(last_state making)" 0
	check "before, it asked for time" test "$(at '^EXTEND_TIMEOUT_USEC=.*still to be adopted')" -lt "$(at '^READY=1')"
	check "with what it waits" grep -q "^READY=1 STATUS=waits with $loop" "$reports"

	declare_many $((many + 1)) $((2 * many))
	kill -HUP "$bus_pid"
	await "it is ready again" are '^end of READY=1' 2
	check "it said first that it reloads" test "$(at '^RELOADING=1 MONOTONIC_USEC=[0-9]')" -gt "$(at '^end of READY=1')"
	check "what was added is there" equal "$(last_state channels)" $((2 * many))
	check "nothing of it is still to be made" equal "$(last_state making)" 0

	check "it does not stop yet" are '^STOPPING=1' 0
	stop
	await "it said that it stops" are '^STOPPING=1' 1
	check "and that it was ready no more often" are '^READY=1' 2
	kill "$manager"
	wait "$manager" 2>/dev/null
	unset NOTIFY_SOCKET
	rm -f "/dev/shm/shmchan.$keeper.$prefix"*
done
finish "what a service manager reads, on $loops"
