#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The layers, and habits that a machine can check.  Each rule says which files
# may match a pattern, and carries a sample line that it has to catch, so that a
# rule whose pattern has rotted fails too.

# A folder, and the folders whose headers it may include besides its own.  lib/shmchan.h
# is for all.  A line names only folders of the lines above it: the arrows go down.  In
# daemon itself lie what all of chand stands on (events.h, log.h, channel.h) and main.c,
# which stands on all: only that no file is in a circle keeps them in order.
layers='
lib/base:
lib/core: lib/base
lib/segment: lib/base lib/core
lib/kind: lib/base lib/core lib/segment
lib/bus: lib/base
lib/channel: lib/base lib/core lib/segment lib/kind lib/bus

tools/common: lib/base lib/bus
tools/send: lib/base tools/common
tools/recv: lib/base tools/common
tools/ctl: lib/base lib/bus lib/channel tools/common
tools/bench: lib/base tools/common

daemon/loop: lib/base
daemon/config: lib/base tools/common daemon daemon/loop
daemon/watch: lib/base lib/segment lib/channel tools/common daemon daemon/loop
daemon/registry: lib/base lib/segment daemon daemon/config daemon/loop daemon/watch
daemon/control: lib/base lib/segment lib/bus tools/common daemon daemon/loop daemon/config daemon/watch daemon/registry
daemon: lib/base lib/bus lib/channel tools/common daemon/loop daemon/config daemon/watch daemon/registry daemon/control
'

# What is not as it should be yet: circles of files, and the paths (regular
# expressions, Perl's) that the layers and the rules of words, or the format, pass over.
# (The hot paths of two kinds are compiled into delivery.h: that circle is meant.)
circles='^lib/kind/delivery lib/kind/latest lib/kind/queue$'
not_yet='nothing'
unformatted='nothing'

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

# Layers and circles: from the includes, each with the file that it leads to.
# includes FILE...: lines "FROM TO"; what leads to no file is "FROM ?NAME".
includes() {
	perl -e '
		my %known = map { $_ => 1 } @ARGV;
		for my $from (@ARGV) {
			my ($dir) = $from =~ m{(.*)/};
			open my $h, "<", $from or die;
			while (<$h>) {
				next unless /^\s*#\s*include "([^"]+)"/;
				my ($to) = grep { $known{$_} } map { "$_/$1" } $dir, "lib", "tools", "daemon";
				print "$from ", $to // "?$1", "\n";
			}
		}' "$@"
}

# forbidden TABLE: of the lines of includes, those that the table does not allow.
forbidden() {
	TABLE=$1 perl -e '
		my %may;
		for (split /\n/, $ENV{TABLE}) {
			next unless /^(\S+):(.*)/;
			my ($folder, $list) = ($1, $2);
			for (split " ", $list) {
				$may{$folder}{$_} = 1;
				print "$folder: $_ is not above it\n" unless exists $may{$_} or $_ eq "daemon";
			}
			$may{$folder}{$folder} = $may{$folder}{lib} = 1;
		}
		while (<STDIN>) {
			my ($from, $to) = split;
			my ($a, $b) = map { m{(.*)/}; $1 } $from, $to;
			print "$from includes $to\n" unless $to !~ /^\?/ && ($a eq "lib" ? $b eq "lib" : $may{$a}{$b});
		}'
}

# circles_of KNOWN: of the same lines, the circles that are not known.  A file is a
# module, NAME.c with NAME.h.
circles_of() {
	KNOWN=$1 perl -e '
		my (%to, %reach, %seen);
		while (<STDIN>) {
			s/\.[ch]\b//g;
			my ($from, $to) = split;
			$to{$from}{$to} = 1 if $from ne $to;
		}
		for my $start (keys %to) {
			my @left = keys %{$to{$start}};
			while (defined(my $next = pop @left)) {
				next if $reach{$start}{$next}++;
				push @left, keys %{$to{$next} // {}};
			}
		}
		for my $m (sort keys %to) {
			next unless $reach{$m}{$m} && !$seen{$m};
			my @circle = sort grep { $reach{$m}{$_} && $reach{$_}{$m} } keys %to;
			$seen{$_} = 1 for @circle;
			print "@circle\n" unless "@circle" =~ $ENV{KNOWN};
		}'
}

[ -n "$(forbidden "$layers" <<<'lib/core/ring.h lib/segment/segment.h')" ] &&
	[ -n "$(forbidden "$layers" <<<'tools/send/chansend.c tools/recv/worker.h')" ] &&
	[ -n "$(forbidden "$layers" <<<'lib/core/ring.h ?nothing.h')" ] ||
	fail 'lint.sh: the rule of the layers misses its sample'
[ -n "$(printf '%s\n' 'a/a.c a/b.h' 'a/b.h a/c.h' 'a/c.c a/a.h' | circles_of nothing)" ] ||
	fail 'lint.sh: the rule of circles misses its sample'
wrong=$(includes "${sources[@]}" | grep -vP "^($not_yet)" | forbidden "$layers")
[ -z "$wrong" ] || fail "layers: these are not in the table of lint.sh:"$'\n'"$wrong"
wrong=$(includes "${sources[@]}" | grep -vP "^($not_yet)" | circles_of "$circles")
[ -z "$wrong" ] || fail "circles of files:"$'\n'"$wrong"

rule 'pthread synchronization and futex: lock, condvar and guard only (descriptor, waiters, pollable, listener, watched, call, serve, dead: within a process)' \
	'pthread_(mutex|cond|rwlock|barrier|spin)_[a-z]+ *\(|SYS_futex|__NR_futex' \
	'lib/core/(lock|guard|futex_words|condvar[a-z_]*)\.[ch]:|lib/base/descriptor\.c:|lib/channel/(waiters|pollable|listener|watched|call|serve|dead)\.c:|tools/|daemon/' 'pthread_mutex_lock(&m);'
rule 'mapping and naming of shared memory: segment only' \
	'\b(shm_open|shm_unlink|mmap|mremap|munmap|madvise|memfd_create) *\(' \
	"lib/segment/(segment|guard_file)\.c:|tools/recv/(capture|input|job)\.c:|daemon/cutoff\.c:|$bench" 'p = mmap(NULL, n, 0, 0, fd, 0);'
rule 'locks on the segment file: endpoint and segment only' \
	'\bF_OFD_' 'lib/segment/(endpoint|segment)\.c:' 'fcntl(fd, F_OFD_SETLK, &l);'
rule 'offsets in a segment: layout.h only' '\boffsetof *\(struct layout' 'lib/core/layout\.h:' \
	'offsetof(struct layout, control)'
rule 'the ring knows no lock, the lock no ring' '#include "core/(lock|condvar)\.h"' \
	'lib/core/(lock|condvar|guard)[a-z_]*\.[ch]:|lib/kind/options\.h:|lib/(segment|channel)/|daemon/' '#include "core/lock.h"'
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


# ---- what is written once ----

rule 'the directory of segments, and the start of their names: base/names.h' \
	'"/dev/shm(/|")|"shmchan\.(?!(h|bash|zsh|fish)")' 'lib/base/names\.h:' 'open("/dev/shm/x", 0);'
rule 'the alphabet of names: base/names.c' 'abcdefghijklmnopqrstuvwxyz0123456789(?!\+)' \
	'lib/base/names\.c:' 'strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");'
rule 'the words for roles, kinds, policies and lifetimes: base/words.c' \
	'"(sender\+receiver|send receive|observe|queue|rendezvous|drop-new|drop-old|persist)"' \
	"lib/base/words\.c:|$not_yet" 'if (!strcmp(s, "drop-old"))'
rule "chand's protocol: bus/protocol.h" \
	'"(OPEN|CREATE|REMOVE|INFO|STATUS|MONITOR|METRICS|CHANNEL|ENDPOINT|EVENT|chand/1( .*)?|/run/chand/control|SHMCHAN_CONTROL)"' \
	"lib/bus/protocol\.h:|$not_yet" 'send(fd, "chand/1 OPEN", 12, 0);'
rule "chand's protocol: VERB_ and PACKET_ after MESSAGE_PROTOCOL" 'MESSAGE_PROTOCOL " [A-Z]' \
	"$none" 'x = MESSAGE_PROTOCOL " OK\n";'
rule 'the declarations that everybody compiles against: the Makefile' '_GNU_SOURCE' "$none" \
	'#define _GNU_SOURCE 1'
rule 'from a member to its structure: container_of()' '\(char \*\).*- *offsetof *\(' \
	"lib/base/container\.h:|$not_yet" 'c = (struct c *)((char *)p - offsetof(struct c, timer));'

for f in "${sources[@]}" tests/*/*.[ch] tests/*/*/*.{c,h,cpp}; do
	[ "$(head -n1 "$f")" = '/* SPDX-License-Identifier: MIT */' ] ||
		fail "$f: does not start with its SPDX line"
	expand "$f" | awk -v f="$f" 'length > 100 { print f ":" NR ": over 100 columns"; n++ }
		END { exit n > 0 }' || fail "$f: lines are too long"
done
for f in Makefile tests/mk/*.mk lib/mk/*.mk .ci/run tests/run tests/*.sh tests/*/*.sh; do
	head -n2 "$f" | grep -q '^# SPDX-License-Identifier: MIT$' ||
		fail "$f: does not start with its SPDX line"
done

# Nothing else lies at the top.
if git rev-parse --git-dir >/dev/null 2>&1; then
	others=$(git ls-files | cut -d/ -f1 | sort -u |
		grep -vxE 'lib|daemon|tools|tests|systemd|Makefile|README\.md|LICENSE|NEWS\.md|CONTRIBUTING\.md|\..*')
	[ -z "$others" ] || fail "does not belong at the top: $others"
fi

# Spelled so that this file does not match itself.
left=$(grep -rnIE '\b(TO''DO|FIX''ME|XX''X)\b' lib daemon tools tests systemd ./*.md Makefile 2>/dev/null)
[ -z "$left" ] || fail "left to do:"$'\n'"$left"

# Versions of clang-format differ in what they make of the same file.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	printf 'int  a;\n' | clang-format --dry-run -Werror 2>/dev/null &&
		fail 'lint.sh: clang-format misses its sample'
	mapfile -t files < <(printf '%s\n' "${sources[@]}" tests/*/*.[ch] tests/*/*/*.{c,h,cpp} | grep -vP "^($unformatted)")
	clang-format --dry-run -Werror "${files[@]}" >"$tmp/format" 2>&1 ||
		fail "not as clang-format writes it: $(grep -oE '^[^ :]+\.[ch]' "$tmp/format" | sort -u | tr '\n' ' ')"
else
	not_tried 'the format (needs clang-format 14)'
fi

if command -v shellcheck >/dev/null; then
	# But for word splitting and commas that are meant.
	shellcheck -x -S warning -e SC2054,SC2206 .ci/run tests/run tests/*.sh tests/*/*.sh tests/bench/peers/compare || fail "shellcheck"
fi
if command -v mandoc >/dev/null; then
	for f in lib/man/*.[1-8] tools/man/*.[1-8] daemon/man/*.[1-8]; do
		mandoc -T lint -W warning "$f" || fail "$f: mandoc"
	done
fi

finish "${#sources[@]} sources keep the rules"
