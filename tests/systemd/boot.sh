#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A Debian 12 of its own is booted in a container, with what `make install` puts
# there and nothing else, and inside.sh is run in it as a service.  The tree is made
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
cp -a --reflink=auto "$tree" "$root" || skip "no room for a copy of the tree"
make --no-print-directory install BUILD="$BUILD" DESTDIR="$root" PREFIX=/usr >"$t/log" 2>&1 || {
	cat "$t/log"
	exit 1
}
cp tests/systemd/inside.sh "$root/usr/lib/inside.sh"
install -D -m 644 tests/support/lib.sh "$root/usr/lib/tests/support/lib.sh"
cp tests/systemd/units/* "$root/etc/systemd/system/"
mkdir -p "$root/etc/chand/channels.d" "$root/result" "$root/etc/systemd/system/chand.service.d"
# That the watchdog bites is seen within a test's patience.
printf '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n' \
	>"$root/etc/systemd/system/chand.service.d/test.conf"
mkdir -p "$root/etc/systemd/system/user@.service.d"
printf '[Service]\nTimeoutStopSec=5s\n' >"$root/etc/systemd/system/user@.service.d/test.conf"
cp tests/systemd/channels/* "$root/etc/chand/channels.d/"
for u in chand.socket chand-metrics.socket inside.service; do
	systemctl --root="$root" enable "$u" >>"$t/log" 2>&1 || { cat "$t/log"; exit 1; }
done
systemctl --root="$root" mask systemd-networkd-wait-online console-getty >>"$t/log" 2>&1

# With the control groups of version 1, which some hosts have, nspawn can't find out.
unified=1
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || unified=0
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=$unified

boot() { # TREE OPTIONS-OF-SYSTEMD; what it says is in $t/console
	timeout -k 10 200 systemd-nspawn --quiet --register=no --keep-unit --boot -D "$1" \
		--machine="chand-$$" --private-network --console=read-only -- \
		--log-target=console --show-status=0 "${@:2}" </dev/null >"$t/console" 2>&1
}
boot "$root"
status=$?

[ -d "$root/result" ] && cat "$root"/result/log 2>/dev/null
if [ ! -e "$root/result/status" ]; then
	tail -n 30 "$t/console"
	# Is it us, or does a container without us not boot here either?
	if [ ! -e "$root/result/started" ]; then
		rm -rf "$root"
		cp -a --reflink=auto "$tree" "$root"
		boot "$root" --unit=poweroff.target || skip "no container boots here (status $?)"
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
tail -n1 "$root/result/log" >/dev/null
echo "booted: $(grep -c '^ok' "$root/result/log") checks in a system of its own"
