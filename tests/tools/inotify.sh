#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Where a user has all the inotify instances or watches that it may: chanctl wait and
# monitor look in intervals and say so, chand says what to raise.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

if ! unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances' 2>/dev/null; then
	echo 'a user namespace with limits of its own can not be had'
	exit 77
fi
mkdir -p "$tmp/etc/channels.d" "$tmp/run"
limited() { # LIMIT COMMAND: in bash, with $ch and $tmp
	ch=$ch tmp=$tmp unshare -Ur bash -c 'echo '"${1#*=}"' >/proc/sys/user/max_inotify_'"${1%=*}"'
		'"$2"
}
# shellcheck disable=SC2034 # by name, below
instances='inotify instances that it may have; raise sysctl fs.inotify.max_user_instances'
# shellcheck disable=SC2034
watches='inotify watches that it may have; raise sysctl fs.inotify.max_user_watches'

channel_name
for limit in instances=0 watches=0; do
	what=${limit%=*}
	status 124 limited $limit 'exec chanctl wait -W 0.2 "$ch" exists'
	says "${!what}"
	says 'looking every 20 ms instead'
	status 0 limited $limit '{ sleep 0.1; chanctl create "$ch"; } & chanctl wait -W 60 "$ch" exists'
	says "${!what}"
	status 0 limited $limit '{ sleep 0.1; chanctl remove "$ch"; } & chanctl wait -W 60 "$ch" gone'
	status 0 limited $limit ': >"$tmp/events" # of the limit before
		chanctl monitor -J "$ch" >"$tmp/events" & monitor=$!
		for ((i = 0; i < 3000; i++)); do
			[ $((i % 200)) = 0 ] && { chanctl remove -q "$ch" 2>&-; chanctl create "$ch"; }
			grep -q created "$tmp/events" && break
			sleep 0.02
		done
		chanctl remove "$ch"
		kill $monitor
		grep -q created "$tmp/events"'
	says "${!what}"
	says 'listing the names once a second'
	status 1 limited $limit 'exec chand --config-dir="$tmp/etc" --runtime-dir="$tmp/run"'
	says "can't start: this user has all the ${!what}"
done

# A watch for /dev/shm, and none for a channel: it can't be asked for, and the reason is
# no shared memory that is missing.
# shellcheck disable=SC2016
status 1 limited watches=1 'export SHMCHAN_CONTROL=$tmp/run/control
	chand --config-dir="$tmp/etc" --runtime-dir="$tmp/run" & chand=$!
	for ((i = 0; i < 3000; i++)); do
		chanctl doctor --system | grep -q "^ok *chand" && break
		sleep 0.02
	done
	chanctl create --user "$ch"; r=$?; kill $chand; wait $chand; exit $r'
says "$watches"
is 'reported as a lack of memory' "$(grep -c 'not enough shared memory' "$tmp/err")" 0

finish
