#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The header for C++: what it adds to C, with each compiler, in each language version, with
# and without exceptions; and its installation.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
channel_name
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}

check "it is installed" make --no-print-directory install-cpp DESTDIR="$tmp/tree" PREFIX=/usr
is "what is installed" "$(cd "$tmp/tree" && find . -type f)" ./usr/include/shmchan.hpp
built=0
for cxx in g++ clang++; do
	has_program $cxx || continue
	for mode in '-std=c++17 -fexceptions' '-std=c++17 -fno-exceptions' '-std=c++20 -fno-rtti'; do
		# shellcheck disable=SC2086
		check "it compiles with $cxx $mode" $cxx $mode -O1 -Wall -Wextra -Wpedantic -Wshadow \
			-Wconversion -Werror $sanitize -Ilib -I"$tmp/tree/usr/include" -pthread \
			-o "$tmp/test" tests/bindings/cpp/test.cpp "$BUILD/libshmchan.a" || continue
		check "its test passes" "$tmp/test" "$ch"
		grep -q ' checks, 0 failed' "$tmp/out" && built=$((built + 1))
	done
done

# An older library is refused in one line.
mkdir "$tmp/old"
sed 's/^#define CHAN_VERSION_MINOR .*/#define CHAN_VERSION_MINOR 1/' lib/shmchan.h >"$tmp/old/shmchan.h"
if has_program g++; then
	g++ -std=c++17 -fsyntax-only -I"$tmp/old" -I"$tmp/tree/usr/include" -x c++ - \
		<<<'#include <shmchan.hpp>' >"$tmp/said" 2>&1
	is "lines that say that shmchan.h is too old" \
		"$(grep -c 'error: .*needs shmchan 0.2 or newer' "$tmp/said")" 1
fi
check "it is uninstalled" make --no-print-directory uninstall-cpp DESTDIR="$tmp/tree" PREFIX=/usr
is "what is left" "$(find "$tmp/tree" -type f)" ''
finish "$built ways to compile"
