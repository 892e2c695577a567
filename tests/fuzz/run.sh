#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: BUILD=DIR tests/fuzz/run.sh --quick|--full [TARGET...]
#
# Fuzz each target (fuzz_*.c) under the address and undefined-behaviour
# sanitizers: first the corpus and the regressions, then new inputs, for 4 s or
# for 20 s each, from where the last run in this BUILD ended.  An input that fails is
# kept in BUILD/fuzz/failures; once the cause is mended, it goes to
# tests/fuzz/regress/TARGET, named by the cause.
#
# Without clang the corpus and the regressions are replayed only, and it is a skip.

set -u
cd "$(dirname "$0")/../.." || exit
: "${BUILD:?is not set: use make test}"
here=tests/fuzz
out=$BUILD/fuzz
case ${1-} in
--quick) seconds=4 ;;
--full) seconds=20 ;;
*) echo 'usage: run.sh --quick|--full [TARGET...]' >&2; exit 2 ;;
esac
shift
targets=${*:-ring segment live reply framing parse}
export FUZZ_NAME=fuzz-$$
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}

mkdir -p "$out/failures"
trap 'rm -f "/dev/shm/shmchan.$(id -u).$FUZZ_NAME"-*' EXIT

sources=(lib/*/*.c tools/common/*.c tools/recv/format.c
	tests/fuzz/spoil.c tests/fuzz/endpoint_ops.c)
flags=(-std=gnu11 -D_GNU_SOURCE -g -O1 -Ilib -Itools -Itests/fuzz -pthread -fno-omit-frame-pointer -Wall -Wextra)

# For a target of one thread: it waits without sleeping.
skip_time=("$here/skip_time.c")
for f in clock_gettime ppoll pthread_mutex_clocklock syscall; do
	skip_time+=(-Xlinker "--wrap=$f")
done

# build COMPILER INSTRUMENTED LINKED EXTRA...: everything but the targets into one
# archive, then each target with it.
build() {
	local cc=$1 sanitize=$2 link=$3 f o objects=() more
	shift 3
	for f in "${sources[@]}"; do
		o=$out/$(tr / - <<<"${f%.c}").o
		objects+=("$o")
		if [ ! "$o" -nt "$f" ] || [ -n "$(find lib tools $here -name '*.h' -newer "$o")" ]; then
			"$cc" "${flags[@]}" "-fsanitize=$sanitize" -fno-sanitize-recover=all -c -o "$o" "$f" ||
				return
		fi
	done
	for f in $targets; do
		more=()
		[ "$f" = segment ] && more=("${skip_time[@]}")
		"$cc" "${flags[@]}" "-fsanitize=$link" -fno-sanitize-recover=all -o "$out/$f" \
			"$here/fuzz_$f.c" "$@" "${more[@]}" "${objects[@]}" -ljansson -lm || return
	done
}

# The files that are kept for a target.
kept() {
	find "$here/corpus/$1" "$here/regress/$1" -type f 2>/dev/null | sort
}

if ! echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return *d & (n != 0) & 0; }' |
	clang -fsanitize=fuzzer -x c - -o "$out/probe" 2>/dev/null; then
	build "${CC:-cc}" address,undefined address,undefined "$here/replay.c" || exit
	for t in $targets; do
		mapfile -t files < <(kept "$t")
		timeout 120 "$out/$t" "${files[@]}" 2>"$out/$t.log" ||
			{ cat "$out/$t.log"; echo "$t: failed"; exit 1; }
		echo "$t: ${#files[@]} inputs replayed"
	done
	echo 'clang with libFuzzer is missing: the corpus was replayed only'
	exit 77
fi

build clang fuzzer-no-link,address,undefined fuzzer,address,undefined || exit

# What sleeps for two minutes does not end (what burns ten seconds of CPU neither:
# bounded() in fuzz.h); a busy machine may stand still for a while.
limits=(-timeout=120 -rss_limit_mb=2048)

# Fuzz one target; its last line is the result.
fuzz() {
	local t=$1 log=$out/$1.log files more=() d n
	mapfile -t files < <(kept "$t")
	mkdir -p "$out/corpus/$t"
	for d in "$here/corpus/$t" "$here/regress/$t"; do [ -d "$d" ] && more+=("$d"); done
	limits+=(-artifact_prefix="$out/failures/$t-")
	if [ ${#files[@]} -gt 0 ] && ! "$out/$t" "${limits[@]}" "${files[@]}" >"$log" 2>&1; then
		grep -v '^#[0-9]' "$log" | tail -n 40
		echo "$t: an input that is kept fails"
		return 1
	fi
	if ! "$out/$t" "${limits[@]}" -max_total_time=$seconds -max_len=1024 \
		-print_final_stats=1 "$out/corpus/$t" "${more[@]}" >"$log" 2>&1; then
		grep -v '^#[0-9]' "$log" | tail -n 40
		echo "$t: failed"
		return 1
	fi
	n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	echo "$t: $n executed, ${#files[@]} kept inputs replayed," \
		"$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n1) edges covered"
}

# One for each CPU at a time.
bad=0 total=0
for t in $targets; do
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
		wait -n
	done
	{ fuzz "$t" >"$out/$t.result" 2>&1 || echo failed >>"$out/$t.result"; } &
done
wait
for t in $targets; do
	cat "$out/$t.result"
	[ "$(tail -n 1 "$out/$t.result")" != failed ] || bad=1
	n=$(sed -n "s/^$t: \([0-9]*\) executed.*/\1/p" "$out/$t.result")
	total=$((total + ${n:-0}))
done
echo "$total executions of ${targets// /, }$([ $bad = 0 ] || echo '; some failed')"
exit $bad
