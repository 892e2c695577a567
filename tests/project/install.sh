#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make install into an empty root: twice gives the same, a C program builds
# against it with pkg-config, shared and static, and runs; every link leads
# somewhere; make uninstall leaves no file.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"
[ -z "${SANITIZE-}" ] || skip "installed without sanitizers only"
channel_name
name=$ch
tree=$t/tree
target() {
	make --no-print-directory "$1" BUILD="$BUILD" DESTDIR="$tree" PREFIX=/usr >"$t/log" 2>&1 ||
		{ fail "make $1 failed:"; cat "$t/log"; }
}

listing() {
	(cd "$tree" && find . -type f -printf '%p %m ' -exec sha256sum {} \; -o -type l -printf '%p %l\n') |
		sort
}

target install
listing >"$t/first"
target install
listing >"$t/second"
cmp -s "$t/first" "$t/second" || fail "installed twice, it differs"

for f in bin/chansend bin/chanrecv bin/chanctl include/shmchan.h lib/libshmchan.a \
	lib/libshmchan.so lib/libshmchan.so.0 lib/pkgconfig/shmchan.pc share/man/man7/shmchan.7 share/man/man7/shmchan-patterns.7 \
	share/man/man3/shmchan.3 share/man/man3/chan_send.3 share/man/man1/chansend.1 \
	share/man/man1/chanrecv.1 share/man/man1/chanctl.1 \
	share/bash-completion/completions/chansend share/zsh/site-functions/_shmchan \
	share/fish/vendor_completions.d/chanrecv.fish; do
	[ -e "$tree/usr/$f" ] || fail "not installed: $f"
done
dangling=$(find "$tree" -xtype l)
[ -z "$dangling" ] || fail "links that lead nowhere: $dangling"

export PKG_CONFIG_LIBDIR=$tree/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tree
cflags=$(pkg-config --cflags shmchan) && shared=$(pkg-config --libs shmchan) &&
	static=$(pkg-config --static --libs shmchan) || fail "pkg-config does not know shmchan"
build=("$CC" -std=c11 -pedantic -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -DUSER_NAMES)
# shellcheck disable=SC2086 # flags are words
"${build[@]}" $cflags tests/project/prog_user.c -o "$t/shared" $shared &&
	LD_LIBRARY_PATH=$tree/usr/lib "$t/shared" "$name" || fail "shared: status $?"
readelf -d "$t/shared" | grep -q 'NEEDED.*libshmchan\.so\.0' || fail "shared: does not need libshmchan.so.0"
# shellcheck disable=SC2086
"${build[@]}" $cflags tests/project/prog_user.c -o "$t/static" ${static/-lshmchan/-l:libshmchan.a} &&
	"$t/static" "$name" || fail "static: status $?"
readelf -d "$t/static" | grep -q 'libshmchan' && fail "static: needs libshmchan.so"
[ "$(pkg-config --modversion shmchan)" = "$("$tree/usr/bin/chanctl" --version | grep -oE '[0-9]+(\.[0-9]+)+' | head -n1)" ] ||
	fail "shmchan.pc and chanctl --version differ"

target uninstall
left=$(find "$tree" ! -type d)
[ -z "$left" ] || fail "left by make uninstall:"$'\n'"$left"

finish "$(wc -l <"$t/first") files and links installed, used and removed"
