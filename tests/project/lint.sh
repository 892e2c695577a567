#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The layers, and habits that a machine can check.  Each rule says which files
# may match a pattern, and carries a sample line that it has to catch, so that a
# rule whose pattern has rotted fails too.

BUILD=none
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
cd "$root" || exit
shopt -s nullglob
code=$tmp/code
mkdir "$code"

# The sources without their comments, line for line.
sources=(lib/*.h lib/*/*.[ch] daemon/*.[ch] daemon/*/*.[ch] tools/*/*.[ch])
for f in "${sources[@]}"; do
	mkdir -p "$code/${f%/*}"
	perl -0777 -pe 's{/\*.*?\*/}{ $& =~ tr/\n//cdr }gse' "$f" >"$code/$f" ||
		fail "$f: can't be read"
done

# rule WHAT PATTERN ALLOWED SAMPLE: in code, PATTERN only where the path matches
# ALLOWED (regular expressions, Perl's).
rule() {
	grep -qP "$2" <<<"$4" || fail "lint.sh: the rule '$1' misses its sample: $4"
	local hit
	hit=$(cd "$code" && grep -rnP "$2" . | sed 's|^\./||' | grep -vP "^($3)" |
		sed -E 's/:([0-9]+):[[:space:]]*/:\1: /')
	[ -z "$hit" ] || fail "$1:"$'\n'"$hit"
}

none='nowhere at all'
bench='tools/bench/[a-z]+\.[ch]:'

rule 'pthread synchronization and futex: lock and condvar only (descriptor, waiters: within a process)' \
	'pthread_(mutex|cond|rwlock|barrier|spin)_[a-z]+ *\(|SYS_futex|__NR_futex' \
	'lib/core/(lock|condvar[a-z_]*)\.[ch]:|lib/base/descriptor\.c:|lib/channel/waiters\.c:|tools/|daemon/' 'pthread_mutex_lock(&m);'
rule 'mapping and naming of shared memory: segment only' \
	'\b(shm_open|shm_unlink|mmap|mremap|munmap|madvise|memfd_create) *\(' \
	"lib/segment/segment\.c:|daemon/cutoff\.c:|$bench" 'p = mmap(NULL, n, 0, 0, fd, 0);'
rule 'locks on the segment file: endpoint and segment only' \
	'\bF_OFD_' 'lib/segment/(endpoint|segment)\.c:' 'fcntl(fd, F_OFD_SETLK, &l);'
rule 'offsets in a segment: layout.h only' '\boffsetof *\(struct layout' 'lib/core/layout\.h:' \
	'offsetof(struct layout, control)'
# base < core < segment < kind < bus < channel
above=channel
for layer in bus kind segment core base; do
	rule "lib/$layer includes nothing above it" "#include \"($above)/" "(?!lib/$layer/)" \
		"#include \"${above%%|*}/x.h\""
	above="$layer|$above"
done
rule 'the ring knows no lock, the lock no ring' '#include "(core/(lock|condvar)|segment/.*)\.h"' \
	'lib/core/(lock|condvar)[a-z_]*\.[ch]:|lib/kind/options\.h:|lib/(segment|channel)/|daemon/' '#include "core/lock.h"'
rule 'of the library, programs see shmchan.h only, and the client of chand' \
	'#include "(core|segment|kind|channel|bus)/(?!(chand|protocol)\.h)' "lib/|daemon/|$bench" \
	'#include "core/ring.h"'
rule 'clocks: base/clock.h only' '\b(clock_gettime|gettimeofday|time) *\( *(NULL|0|&|CLOCK)' \
	'lib/base/clock\.h:' 'clock_gettime(CLOCK_REALTIME, &now);'
rule 'io_uring: one file only' 'include <liburing\.h>' 'daemon/loop/uring\.c:' '#include <liburing.h>'
rule 'no volatile (asm volatile is another thing)' \
	'(?<!asm )(?<!asm__ )\bvolatile\b' "$none" 'static volatile int x;'
rule 'atomics in shared memory name their order' \
	'\batomic_(load|store|exchange|fetch_[a-z]+|compare_exchange_[a-z]+) *\(' 'tools/' \
	'atomic_store(&x, 1);'
rule 'no conversion without checks, no unbounded copy' \
	'\b(ato[ifl]|atoll|sprintf|vsprintf|strcpy|strcat|gets|alloca|strtok|mktemp|tmpnam) *\(' \
	"$none" 'n = atoi(s);'
rule 'numbers are parsed in one place' '\bstrto[a-z]+ *\(' "tools/common/parse\.c:|lib/segment/segment\.c:|$bench" \
	'strtoul(s, &end, 10);'
rule 'the library neither prints nor ends the process' \
	'\b(printf|fprintf|puts|perror|exit|_exit|abort|syslog) *\(' 'tools/|daemon/' 'abort();'

for f in "${sources[@]}" tests/*/*.[ch]; do
	[ "$(head -n1 "$f")" = '/* SPDX-License-Identifier: MIT */' ] ||
		fail "$f: does not start with its SPDX line"
	expand "$f" | awk -v f="$f" 'length > 100 { print f ":" NR ": over 100 columns"; n++ }
		END { exit n > 0 }' || fail "$f: lines are too long"
done
for f in Makefile tests/mk/*.mk lib/mk/*.mk .ci/run tests/run tests/*.sh tests/*/*.sh; do
	head -n2 "$f" | grep -q '^# SPDX-License-Identifier: MIT$' ||
		fail "$f: does not start with its SPDX line"
done

# Spelled so that this file does not match itself.
left=$(grep -rnIE '\b(TO''DO|FIX''ME|XX''X)\b' lib daemon tools tests systemd ./*.md Makefile 2>/dev/null)
[ -z "$left" ] || fail "left to do:"$'\n'"$left"

if command -v shellcheck >/dev/null; then
	# But for word splitting and commas that are meant.
	shellcheck -x -S warning -e SC2054,SC2206 .ci/run tests/run tests/*.sh tests/*/*.sh || fail "shellcheck"
fi
if command -v mandoc >/dev/null; then
	for f in lib/man/*.[1-8] tools/man/*.[1-8] daemon/man/*.[1-8]; do
		mandoc -T lint -W warning "$f" || fail "$f: mandoc"
	done
fi

finish "${#sources[@]} sources keep the rules"
