#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl doctor: each thing that it looks for is made wrong, in namespaces of
# their own, and is found, with a remedy.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# found CHECK LEVEL [TEXT]: in the JSON of the last command
found() {
	jq -e --arg check "$1" --arg level "$2" --arg text "${3-}" \
		'any(.[]; .check == $check and .level == $level and (.finding | contains($text)) and
			(.remedy == null) == ($level == "ok"))' "$tmp/out" >/dev/null && pass ||
		fail "no $2 of $1 with '${3-}' in $(<"$tmp/out")"
}

# judged STATUS: as the last command's JSON has it
judged() {
	is 'problems and status agree' "$(jq 'any(.[]; .level == "problem")' "$tmp/out")" \
		"$([ "$1" = 0 ] && echo false || echo true)"
}

chanctl doctor -J >"$tmp/out"
judged $?
is 'the checks' "$(jq -r '.[].check' "$tmp/out" | sort -u | paste -sd' ')" \
	'io-uring pid-namespace proc remove-ipc segments shm'
# The text says the same, unless another program made a channel in between.
agree() {
	chanctl doctor -J >"$tmp/out"
	chanctl doctor >"$tmp/text"
	[ "$(grep -cE '^(ok|note|problem) +[a-z-]+ ' "$tmp/text")" = "$(jq length "$tmp/out")" ] &&
		[ "$(grep -c '^ *to do: ' "$tmp/text")" = \
			"$(jq '[.[] | select(.remedy)] | length' "$tmp/out")" ]
}
happens agree
status 2 chanctl doctor nonsense

# Limits of this process.
status 1 bash -c 'ulimit -f 100; exec chanctl doctor -J | cat; exit ${PIPESTATUS[0]}'
found limits problem '100K'
bash -c 'ulimit -f 1000000; exec chanctl doctor -J' >"$tmp/out"
found limits note

# io_uring: as the kernel has it.
chanctl doctor -J >"$tmp/out"
case $(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null) in
2) found io-uring note 'io_uring_disabled is 2' ;;
*) jq -e 'any(.[]; .check == "io-uring")' "$tmp/out" >/dev/null && pass || fail "$(<"$tmp/out")" ;;
esac

has root mounts pid-namespace || finish
chmod 755 "$tmp"

# A /dev/shm of our own, so that the machine's channels don't matter.
# inside STATUS COMMANDS: doctor's JSON, after COMMANDS there
inside() {
	status "$1" unshare -mpf --mount-proc sh -c '
		mount -t tmpfs -o mode=1777 tmpfs /dev/shm && mount -t tmpfs -o mode=755 tmpfs /run &&
		mount -t tmpfs -o mode=755 tmpfs /etc/systemd && mkdir -p /run/systemd || exit 99
		user=0
		'"$2"'
		exec setpriv --reuid=$user --clear-groups env PATH="$PATH" chanctl doctor -J'
}

inside 0 ''
found shm ok '0 channels'
found segments ok
found remove-ipc ok
found pid-namespace note 'inside it only'
inside 1 'mount -o remount,size=500k /dev/shm'
found shm problem 'has 500K, 500K of it free'
inside 0 'mount -o remount,size=20m /dev/shm; head -c 19300000 /dev/zero >/dev/shm/other'
found shm note
inside 1 'umount /dev/shm; mount -t ramfs none /dev/shm'
found shm problem 'no tmpfs'
inside 1 'chmod 755 /dev/shm; user=4242'
found shm problem 'Permission denied'
inside 1 'mount -t tmpfs none /proc'
found proc problem '/proc/self/fd'

# systemd-logind: the default is to remove, a later assignment wins, a comment or
# another section does not count, of namesakes the first counts.
booted='mkdir -p /run/systemd/system;'
inside 1 "$booted user=4242"
found remove-ipc problem 'channels of 4242'
inside 0 "$booted user=0"
found remove-ipc note 'as root'
inside 0 "$booted user=4242; echo '[Login]
RemoveIPC=no' >/etc/systemd/logind.conf"
found remove-ipc ok
inside 1 "$booted user=4242; echo '[Other]
RemoveIPC=no
[Login]
#RemoveIPC=no' >/etc/systemd/logind.conf"
found remove-ipc problem
inside 0 "$booted user=4242; mkdir /etc/systemd/logind.conf.d /run/systemd/logind.conf.d
echo '[Login]
RemoveIPC=yes' | tee /etc/systemd/logind.conf /etc/systemd/logind.conf.d/20-x.conf >/dev/null
echo '[Login]
RemoveIPC = false' >/run/systemd/logind.conf.d/30-y.conf"
found remove-ipc ok
inside 1 "$booted user=4242; mkdir /etc/systemd/logind.conf.d /run/systemd/logind.conf.d
echo '[Login]' >/etc/systemd/logind.conf.d/30-y.conf
echo '[Login]
RemoveIPC=no' >/run/systemd/logind.conf.d/30-y.conf"
found remove-ipc problem
inside 0 "$booted user=4242; mkdir -p /var/lib/systemd; mount -t tmpfs -o mode=755 tmpfs /var/lib/systemd
mkdir /var/lib/systemd/linger; : >/var/lib/systemd/linger/4242"
found remove-ipc ok 'lingers'

# Segments.
inside 1 'chanctl create x; printf "\143" | dd of=/dev/shm/shmchan.0.x bs=1 seek=8 conv=notrunc status=none'
found segments problem 'x: the channel was made by another version'
inside 1 'chanctl create x; : >/dev/shm/shmchan.0.x'
found segments problem 'x: not a channel'
inside 0 ': >/dev/shm/shmchan.0.b@d; : >/dev/shm/shmchan.x; : >/dev/shm/another'
found segments note '/dev/shm/shmchan.0.b@d is no'
found segments note '/dev/shm/shmchan.x is no'
is 'others are let be' "$(grep -c another "$tmp/out")" 0
inside 1 'unshare -pf --mount-proc chanctl create x'
found segments problem 'x: the channel belongs to another PID namespace'
inside 0 'chanctl create --mode=0600 private; user=4242'
found segments ok '1 channels'

# A channel whose last user was killed, and that we may not collect.
inside 0 'user=4242
	chanctl create --lifetime=ref --mode=0644 left
	chanrecv left &
	chanctl wait -W 60 left "receivers>=1"
	kill -KILL $!; wait; sleep 2.1'
found segments note 'root/left: it was to be removed with its last endpoint'

finish
