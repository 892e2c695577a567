#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The binding for Node: its own tests, its types, and its installation.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"
[ -z "${SANITIZE-}" ] || skip 'Node is not built with sanitizers'
node -e 'process.exit(Number(parseInt(process.versions.node) < 18))' 2>/dev/null || skip 'needs Node 18'
source=lib/bindings/node

make --no-print-directory node-addon BUILD="$BUILD" WERROR=1 >"$tmp/log" 2>&1 ||
	{ fail 'the C part does not compile:'; cat "$tmp/log"; }
# A library that is too old: it has one of the functions.
mkdir "$tmp/old"
echo 'const char *chan_version(void) { return "0.1.0"; }' >"$tmp/old.c"
"$CC" -shared -fPIC -Wl,-soname,libshmchan.so.0 -o "$tmp/old/libshmchan.so.0" "$tmp/old.c"
check "its own tests pass" env MODULE="$root/$source" SHMCHAN_ADDON="$BUILD/shmchan.node" \
	LD_LIBRARY_PATH="$BUILD" OLD="$tmp/old" timeout 300 node --test tests/bindings/node/test_shmchan.js
n=$(sed -n 's/^# pass \([0-9]*\)/\1/p' "$tmp/out")
[ "${n:-0}" -ge 25 ] || fail "only ${n:-0} tests passed"

# Installed with its C part, and as npm would compile that.
tree=$tmp/tree
make --no-print-directory install-node BUILD="$BUILD" DESTDIR="$tree" PREFIX=/usr >"$tmp/log" 2>&1 ||
	{ fail 'make install-node failed:'; cat "$tmp/log"; }
version=$(sed -n 's/^#define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)
print=(node -p 'require("shmchan").version()')
is "installed, it is found" \
	"$(env -u SHMCHAN_ADDON LD_LIBRARY_PATH="$BUILD" NODE_PATH="$tree/usr/lib/node_modules" "${print[@]}")" "$version"
rm "$tree/usr/lib/node_modules/shmchan/shmchan.node"
install=$(node -p "require('./$source/package.json').scripts.install")
check "npm's install script compiles it" env -C "$tree/usr/lib/node_modules/shmchan" \
	CFLAGS="-I$root/lib" LDFLAGS="-L$BUILD" sh -c "$install"
is "compiled so, it is found" \
	"$(LD_LIBRARY_PATH="$BUILD" NODE_PATH="$tree/usr/lib/node_modules" "${print[@]}")" "$version"
is "package.json has the version of the library" "$(node -p "require('./$source/package.json').version")" "$version"
make --no-print-directory uninstall-node DESTDIR="$tree" PREFIX=/usr >/dev/null
is "what is left by uninstall-node" "$(find "$tree" ! -type d)" ''

# Each thing that the module has is in its types.
has=$(LD_LIBRARY_PATH="$BUILD" SHMCHAN_ADDON="$BUILD/shmchan.node" node -p \
	"Object.keys(require('./$source')).filter((n) => !/^[A-Z]/.test(n)).sort().join(' ')")
is "the functions of index.d.ts" \
	"$(sed -n 's/^export function \([a-zA-Z]*\).*/\1/p' $source/index.d.ts | sort | paste -sd' ')" "$has"
finish "${n:-0} tests of its own"
