#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A Debian 12 of its own is booted in a container, with what `make install` puts
# there and nothing else, and a script is run in it as a service: in a first one
# inside.sh, the units; in a second one bus_inside.sh, the bus of the README, made by
# the README's own text (its sh blocks behind a line `<!-- boot -->`).  With an
# argument, `units` or `bus`, it is that one alone.  The tree is made
# once and kept (SHMCHAN_TREE, default $BUILD/tests/tree); each boot writes to an
# overlay that is thrown away.  Needs root, mmdebstrap or debootstrap,
# systemd-nspawn, and, for the tree, a Debian mirror.

set -u
cd "$(dirname "$0")/../.." || exit
: "${BUILD:?}"

skip() {
	echo "$*"
	exit 77
}

[ -z "${SANITIZE-}" ] || skip "booted without sanitizers only"
[ "$(id -u)" = 0 ] || skip "booting a container needs root"
command -v systemd-nspawn >/dev/null || skip "no systemd-nspawn (package systemd-container)"

tree=${SHMCHAN_TREE:-$BUILD/tests/tree}
packages=systemd,systemd-sysv,dbus,libpam-systemd,procps
if [ ! -x "$tree/usr/lib/systemd/systemd" ]; then
	rm -rf "$tree"
	mkdir -p "${tree%/*}"
	if command -v mmdebstrap >/dev/null; then
		mmdebstrap --quiet --variant=minbase --include=$packages bookworm "$tree"
	elif command -v debootstrap >/dev/null; then
		debootstrap --variant=minbase --include=$packages bookworm "$tree"
	else
		skip "no mmdebstrap and no debootstrap, so no system to boot"
	fi >"$BUILD/tests/tree.log" 2>&1 || {
		tail -n3 "$BUILD/tests/tree.log"
		rm -rf "$tree"
		skip "a Debian tree could not be made; the lines above say why"
	}
fi

t=$(mktemp -d) || exit
trap 'rm -rf "$t"' EXIT
root=$t/root

# With the control groups of version 1, which some hosts have, nspawn can't find out.
unified=1
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || unified=0
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=$unified

# A new tree in $root, with what is installed, to run tests/systemd/$1 in it.
prepare() {
	rm -rf "$root"
	cp -a --reflink=auto "$tree" "$root" || skip "no room for a copy of the tree"
	make --no-print-directory install BUILD="$BUILD" DESTDIR="$root" PREFIX=/usr/local \
		>"$t/log" 2>&1 || { cat "$t/log"; exit 1; }
	cp "tests/systemd/$1" "$root/usr/lib/inside.sh"
	install -D -m 644 tests/support/lib.sh "$root/usr/lib/tests/support/lib.sh"
	mkdir "$root/result"
	cp tests/systemd/units/inside.service "$root/etc/systemd/system/"
	mkdir -p "$root/etc/systemd/system/user@.service.d"
	printf '[Service]\nTimeoutStopSec=5s\n' >"$root/etc/systemd/system/user@.service.d/test.conf"
	# With those, systemd may wait in vain for the news that a service whose processes
	# were killed has none any more.
	mkdir -p "$root/etc/systemd/system.conf.d"
	[ $unified = 1 ] || printf '[Manager]\nDefaultTimeoutStopSec=2s\n' \
		>"$root/etc/systemd/system.conf.d/test.conf"
	unit enable inside.service
	unit mask systemd-networkd-wait-online console-getty
}
unit() {
	systemctl --root="$root" "$@" >>"$t/log" 2>&1 || { cat "$t/log"; exit 1; }
}

boot() { # TREE OPTIONS-OF-SYSTEMD; what it says is in $t/console
	timeout -k 10 250 systemd-nspawn --quiet --register=no --keep-unit --boot -D "$1" \
		--machine="chand-$$" --private-network --console=read-only -- \
		--log-target=console --show-status=0 "${@:2}" </dev/null >"$t/console" 2>&1
}
# Boot it, and say what the script inside said.
run() {
	local status result
	boot "$root"
	status=$?
	[ -d "$root/result" ] && cat "$root"/result/log 2>/dev/null
	if [ ! -e "$root/result/status" ]; then
		tail -n 30 "$t/console"
		# Is it us, or does a container without us not boot here either?
		if [ ! -e "$root/result/started" ]; then
			rm -rf "$root"
			cp -a --reflink=auto "$tree" "$root"
			boot "$root" --unit=poweroff.target ||
				skip "no container boots here (status $?)"
		fi
		echo "the test inside did not come to its end"
		exit 1
	fi
	result=$(cat "$root/result/status")
	[ "$result" = 0 ] || exit 1
	if [ $status -ne 0 ]; then
		tail -n 20 "$t/console"
		echo "the container did not shut down cleanly: status $status"
		exit 1
	fi
	checks=$((checks + $(grep -c '^ok' "$root/result/log")))
}

boot_units() {
	prepare inside.sh
	cp tests/systemd/units/* "$root/etc/systemd/system/"
	mkdir -p "$root/etc/chand/channels.d" "$root/etc/systemd/system/chand.service.d"
	# That the watchdog bites is seen within a test's patience.
	printf '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n' \
		>"$root/etc/systemd/system/chand.service.d/test.conf"
	cp tests/systemd/channels/* "$root/etc/chand/channels.d/"
	unit enable chand.socket chand-metrics.socket
	run
}

boot_bus() {
	prepare bus_inside.sh
	mkdir "$root/usr/lib/readme"
	awk -v dir="$root/usr/lib/readme" '
		/^```/ && inside { inside = 0; close(file); next }
		/^<!-- boot -->$/ { boot = 1; next }
		/^```sh$/ && boot { file = sprintf("%s/%02d.sh", dir, ++n); inside = last = 1; boot = 0; next }
		/^```text$/ && last { file = sprintf("%s/%02d.text", dir, n); inside = 1; last = 0; next }
		/^```/ { inside = 1; file = "/dev/null"; last = 0; next }
		inside { print >file; next }
		NF { boot = last = 0 }
	' README.md
	[ -e "$root/usr/lib/readme/01.sh" ] || {
		echo "README.md has no blocks to boot with"
		exit 1
	}
	run
}

checks=0
[ "${1-units}" != units ] || boot_units
if [ "${CONDVAR-}" = pthread ]; then
	without='; not tried: the bus, since pthread_cond_t does not survive that its parts are killed'
else
	without=
	[ "${1-bus}" != bus ] || boot_bus
fi
echo "booted: $checks checks in systems of their own$without"
