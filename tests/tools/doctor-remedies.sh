#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl doctor's remedies, carried out: after the command that it gives, up to the
# first ';', it does not find the same again.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	echo 'what is wrong has to be made so in namespaces of its own, by root'
	exit 77
fi
chmod 755 "$tmp"

# Made wrong by $1, in namespaces of their own; what $2, a check, found with $3 in it, is
# what the remedy mends.
cat >"$tmp/inside" <<'END'
mount -t tmpfs -o mode=1777,size=64m tmpfs /dev/shm && mount -t tmpfs tmpfs /run || exit 99
SIZE=32M user=0
say() { chanctl doctor -J | jq -c '.[] | select(.check == "'"$2"'" and .level != "ok" and
	(.finding | contains("'"$3"'")))'; }
eval "$1"
found=$(say "$@")
[ -n "$found" ] || { echo "not found: $(chanctl doctor -J)"; exit 1; }
remedy=$(jq -r .remedy <<<"$found")
command=${remedy%%;*}
eval "${command//SIZE/$SIZE}" || { echo "this fails: $remedy"; exit 1; }
found=$(say "$@")
[ -z "$found" ] || { echo "after '$command' it is still so: $found"; exit 1; }
END

cured() { # CONDITION CHECK FINDING
	status 0 unshare -mpf --mount-proc bash "$tmp/inside" "$@"
	[ ! -s "$tmp/out" ] || cat "$tmp/out"
}

cured 'mount -o remount,ro /dev/shm' shm 'mounted read-only'
cured 'mount --bind /dev/shm /dev/shm; mount -o remount,bind,ro /dev/shm' shm 'mounted read-only'
cured 'mount -o remount,size=500k /dev/shm' shm 'has 500K'
cured 'umount /dev/shm; mount -t ramfs none /dev/shm' shm 'no tmpfs'
cured 'umount /dev/shm; mount -t tmpfs none /dev' shm 'No such file'
cured 'mount -o remount,nr_inodes=2 /dev/shm; : >/dev/shm/one' shm 'no inode left'
cured 'mount -t tmpfs none /proc' proc '/proc/self/fd'
cured 'ulimit -S -f 100' limits '100K'
for name in 'b@d' 'a b' "it's" '$(exit)'; do
	cured ": >'/dev/shm/shmchan.0.${name//\'/\'\\\'\'}'" segments 'no channel'
done
cured 'mkdir /dev/shm/shmchan.dir' segments 'no channel'
# chmod: as a user that is not root sees it.
status 0 unshare -m sh -c 'mount -t tmpfs -o mode=755 tmpfs /dev/shm
	ask() { setpriv --reuid=4242 --clear-groups env PATH="$PATH" chanctl doctor -J |
		jq -r ".[] | select(.check == \"shm\" and .level == \"problem\") | .remedy"; }
	eval "$(ask)" && [ -z "$(ask)" ]'

# An ordinary user can't raise a hard limit, so the remedy is another one.
status 0 sh -c 'ulimit -f 100; setpriv --reuid=4242 --clear-groups env PATH="$PATH" chanctl doctor |
	grep -A1 "files may have" | grep "to do: root has to raise it"'

# Looking works where /dev/shm is read-only, and what does not says why.
cat >"$tmp/readonly" <<'END'
mount -t tmpfs -o mode=1777 tmpfs /dev/shm; chanctl create ro; chansend ro one
mount -o remount,ro /dev/shm
for c in 'chanctl list' 'chanctl stat ro' 'chanctl info ro' 'chanctl test ro nonempty' \
	'chanctl wait -W 10 ro nonempty' 'chanctl metrics'; do
	$c >/dev/null || echo "$c: $?"
done
for c in 'chansend ro x' 'chanrecv -N ro' 'chanctl remove ro' 'chanctl create other' \
	'chanrecv --peek ro' 'chanctl peek ro' 'chanctl close ro' 'chanctl purge ro'; do
	$c 2>&1 | grep -q "/dev/shm is mounted read-only; 'mount -o remount,rw /dev/shm'" || echo "$c"
done
END
status 0 unshare -m bash "$tmp/readonly"
is 'where /dev/shm is read-only' "$(<"$tmp/out")$(<"$tmp/err")" ''

finish
