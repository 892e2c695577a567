#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The public header compiles alone, in C and C++; header, version script, both
# libraries and shmchan.3 agree on the names, and header, shmchan.3 and chan_strerror()
# on the errors; the shared library is linked as it should be.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"

# declared WHAT FILE: FILE lists what the header declares.
declared() {
	diff "$t/header" "$2" >"$t/diff" && return
	fail "$1 and shmchan.h differ (< header only, > $1 only):"
	grep '^[<>]' "$t/diff"
}

for std in c11 c17 gnu11; do
	"$CC" -std=$std -pedantic -Wall -Wextra -Werror -fsyntax-only -x c lib/shmchan.h ||
		fail "shmchan.h: not $std"
done
for std in c++11 c++17; do
	g++ -std=$std -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ lib/shmchan.h ||
		fail "shmchan.h: not $std"
done

"$CC" -E -P -x c lib/shmchan.h | grep -oE '\bchan_[a-z_]+ *\(' | tr -d ' (' | sort -u >"$t/header"
[ "$(wc -l <"$t/header")" -ge 20 ] || fail "found too few functions in shmchan.h"

sed -n 's/^\t\([a-z_]*\);/\1/p' lib/shmchan.map | sort >"$t/map"
declared lib/shmchan.map "$t/map"

nm -D --defined-only "$BUILD/libshmchan.so" | awk '$2 != "A" { print $3 }' | sort >"$t/so"
sed -i 's/@@SHMCHAN_0\.[12]$//' "$t/so"
declared libshmchan.so "$t/so"

# A sanitizer adds names of its own.
nm -g --defined-only "$BUILD/libshmchan.a" | awk 'NF == 3 { print $3 }' | sort >"$t/a"
[ -n "${SANITIZE-}" ] || declared libshmchan.a "$t/a"

sed -n 's/^\.Nm \(chan_[a-z_]*\).*/\1/p' lib/man/shmchan.3 | sort -u >"$t/name"
declared 'the NAME of shmchan.3' "$t/name"

# The prototypes of its SYNOPSIS, without spaces, against the header's.
sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' lib/man/shmchan.3 | sed 's/ void$/ "void"/' | awk '
	/^\.Ft/ { type = substr($0, 5) }
	/^\.Fn/ { name = $2; sub(/^\.Fn [a-z_]+ "/, ""); sub(/"$/, ""); gsub(/" "/, ",")
		print type name "(" $0 ");" }' | tr -d ' "' | sort >"$t/synopsis"
"$CC" -E -P -x c lib/shmchan.h | grep -v '^#' | tr -d '\n' | tr ';' '\n' | tr -d ' ' |
	sed -n 's/^\(.*chan_[a-z_]*(.*)\)$/\1;/p' | sort >"$t/prototypes"
diff "$t/prototypes" "$t/synopsis" >"$t/diff" ||
	{ fail 'the SYNOPSIS of shmchan.3 and shmchan.h differ:'; cat "$t/diff"; }
functions=$(wc -l <"$t/prototypes")

# The errors of the header are those of the page, and each has its words.
grep -oE -- '-E[A-Z]+\>' lib/shmchan.h | tr -d - | sort -u >"$t/header"
[ "$(wc -l <"$t/header")" -ge 20 ] || fail "found too few errors in shmchan.h"
sed -n '/^\.Sh ERRORS/,$s/^\.It Er //p' lib/man/shmchan.3 | sed 's/ , /\n/g' | sort -u >"$t/errors"
declared 'the ERRORS of shmchan.3' "$t/errors"
sed -n 's/^\tcase \(E[A-Z]*\):/\1/p' lib/base/strerror.c | sort >"$t/words"
declared chan_strerror "$t/words"

elf=$(readelf -d "$BUILD/libshmchan.so")
grep -q 'SONAME.*\[libshmchan\.so\.0\]' <<<"$elf" || fail 'the soname is not libshmchan.so.0'
grep -q 'BIND_NOW' <<<"$elf" || fail 'libshmchan.so is bound lazily'
needed=$(sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' <<<"$elf" | grep -vE '^(lib(c|asan|ubsan|tsan)\.so|ld-linux)')
[ -z "$needed" ] || fail "libshmchan.so needs more than libc: $needed"

version=$(sed -n 's/^#define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)
[ "$version" = "$(sed -n 's/^#define CHAN_VERSION_M[A-Z]* //p' lib/shmchan.h | paste -sd.).${version##*.}" ] ||
	fail 'CHAN_VERSION and its numbers differ'
[ "$(readlink "$BUILD/libshmchan.so")" = "libshmchan.so.$version" ] ||
	fail "libshmchan.so is not version $version"
grep -q "^## $version" NEWS.md || fail "NEWS.md does not know version $version"

finish "$functions functions and $(wc -l <"$t/header") errors, the same everywhere"
