#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make check-aarch64: the library cross-compiled for AArch64.  Its atomics are
# instructions, with acquire and release where x86 needs none, not calls of a
# library that may hide a lock; and a user's program runs under qemu.

set -u
cd "$(dirname "$0")/.." || exit
: "${BUILD:?}" "${CC:?}"
bad=0
program=$BUILD/user
name=aarch64-$$
trap 'rm -f "/dev/shm/shmchan.$(id -u).$name"' EXIT

calls=$(nm -u "$BUILD/libshmchan.a" | grep '__atomic_')
[ -z "$calls" ] || { echo "atomics that are calls: $calls"; bad=1; }
code=$(aarch64-linux-gnu-objdump -d "$BUILD/libshmchan.a")
for i in ldar stlr dmb; do
	n=$(grep -cwE "${i}[hb]?" <<<"$code")
	echo "$i: $n"
	[ "$n" -gt 0 ] || bad=1
done

"$CC" -std=gnu11 -O2 -pthread -Ilib tests/project/prog_user.c -o "$program" \
	"$BUILD/libshmchan.a" || exit
timeout 120 qemu-aarch64 -L /usr/aarch64-linux-gnu "$program" "$name" || { echo "under qemu: status $?"; bad=1; }
[ $bad = 0 ] && echo "10000 messages through a small ring, under qemu"
exit $bad
