#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chand takes no socket that a program has, no bus that is another user's, and at its
# end removes its own sockets only.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
listener=
end_listener() {
	[ -z "$listener" ] || { kill -9 "$listener"; wait "$listener"; } 2>/dev/null
	listener=
}
trap 'end_listener; cleanup' EXIT
keep mkdir "$run"

# By hand, where it is to be refused.
by_hand() { keep timeout 20 "$BUILD/chand" --config-dir="$etc" --runtime-dir="$run" "$@"; }
file_of() { stat -c %d.%i "$1"; }

# Somebody listens, as systemd does for chand.service; and then serves.
for loop in $loops; do
	background "$BUILD/tests/daemon/prog_listen" "$run/control" control "$BUILD/chand" \
		--config-dir="$etc" --runtime-dir="$run" --loop=$loop >>"$t/log" 2>&1
	listener=$!
	await "a listener" socket_listens "$run/control"
	was=$(file_of "$run/control")
	fails 1 "chand by hand is refused" by_hand
	check "with what to do" grep -q "another program listens on $run/control.*systemctl start chand.service.*systemctl stop chand.socket" "$t/said"
	fails 1 "also as a user's" by_hand --user
	check "with a user's commands" grep -q "systemctl --user start chand.service" "$t/said"
	check "the socket is the same" equal "$(file_of "$run/control")" "$was"
	check "the one that listens was not woken" equal "$(cat "/proc/$listener/comm")" prog_listen
	check "it is asked, and serves" chanctl create --system --capacity=4K $prefix-a
	check "by the socket that it listened on" reported "pid=$listener" STATUS
	check "removed" chanctl remove $prefix-a
	fails 1 "now it is a chand that runs" by_hand
	check "which is said" grep -q "another chand, process $listener, keeps this bus" "$t/said"
	kill $listener
	wait $listener
	check "it ends well" equal $? 0
	check "a socket that was passed is left" equal "$(file_of "$run/control")" "$was"
	check "its own is removed" test ! -e "$run/metrics"
	listener=
	rm -f "$run/control"
done

# A program that has bound the socket, and does not listen yet.
background "$BUILD/tests/daemon/prog_listen" "$run/control" control -
listener=$!
await "bound" socket_bound "$run/control"
fails 1 "nor is that one's taken" by_hand
end_listener

# The same for the metrics.
rm -f "$run/control"
background "$BUILD/tests/daemon/prog_listen" "$run/metrics" metrics "$BUILD/chand"
listener=$!
await "a listener for metrics" socket_listens "$run/metrics"
fails 1 "refused for the metrics, too" by_hand
check "which is said" grep -q "another program listens on $run/metrics" "$t/said"
check "nothing was made" test ! -e "$run/control"
end_listener

# What a dead chand left is taken over.
rm -f "$run/metrics"
start
was=$(file_of "$run/control")
kill -9 "$bus_pid"
wait "$bus_pid" 2>/dev/null
check "a killed one leaves its socket" equal "$(file_of "$run/control")" "$was"
start
check "the next takes it over" reported "pid=$bus_pid" STATUS
stop
check "at its end it is gone" test ! -e "$run/control"
check "and that for metrics" test ! -e "$run/metrics"

# At its end another file of that name stays.
start
keep rm "$run/control"
background "$BUILD/tests/daemon/prog_listen" "$run/control" control -
listener=$!
await "another one's socket" test -S "$run/control"
stop
check "stays" test -S "$run/control"
end_listener

# Not a socket at all.
keep rm -f "$run/control"
echo precious | keep tee "$run/control" >/dev/null
fails 1 "a file is in the way" by_hand
check "which is said" grep -q "$run/control is in the way: it is no socket" "$t/said"
check "and it is left" equal "$(cat "$run/control")" precious
keep rm -f "$run/control"

# Another user's directory, root's chand included.
if [ "$(id -u)" = 0 ]; then
	fails 4 "root keeps no other user's bus" timeout 20 "$BUILD/chand" --config-dir="$etc" \
		--runtime-dir="$run"
	check "which is said" grep -q "$run belongs to user $keeper, and so does its bus" "$t/said"
	check "nothing of root's is left there" test -z "$(find "$run" -user 0)"
	mkdir "$t/mixed" && chown "$keeper" "$t/mixed" && mkdir "$t/mixed/channels"
	fails 4 "nor uses what another made in its own" keep timeout 20 "$BUILD/chand" \
		--config-dir="$etc" --runtime-dir="$t/mixed"
	check "which is said" grep -q "$t/mixed/channels belongs to user root" "$t/said"
fi

# Root's plain chand, where the system's is the user chand's: as far as it goes, in a
# namespace of its own.
plain='mount -t tmpfs tmpfs /run && mount --bind "$1/passwd" /etc/passwd && exec timeout 20 "$2" --config-dir="$3"'
{ cat /etc/passwd; echo 'chand:x:54321:54321::/:/bin/false'; } >"$t/passwd"
if [ "$(id -u)" = 0 ] && unshare -m --propagation private sh -c "mount --bind '$t/passwd' /etc/passwd" 2>/dev/null; then
	fails 4 "root's plain chand" unshare -m --propagation private sh -c "$plain" sh "$t" "$BUILD/chand" "$etc"
	check "it says what to do" grep -q "kept by the user chand, not by root: 'systemctl start chand.service'" "$t/said"
else
	echo "no namespace of mounts: plain chand by root was not tried"
fi
finish "sockets and buses of others"
