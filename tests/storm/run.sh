#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: BUILD=DIR tests/storm/run.sh --quick|--full
#
# Storms of SIGKILL, SIGSTOP, detaching and attaching: over a broadcast (prog_broadcast), for
# 5 s, or an hour, and over one that grows, for as long; of requests (prog_calls), for 5 s or 5
# minutes, and as long in lanes; of senders that send again what they can't be sure of (prog_ids),
# for 3 s or 5 minutes, in each of three kinds of channel; over lanes by key (prog_keys), and of late
# messages and their letters (prog_late), without lanes and with, for as long each; and in every
# scenario of prog_storm: 2,000 kills, or 30,000; ten passes of the proof are 300,000.

set -u
cd "$(dirname "$0")/../.." || exit
: "${BUILD:?is not set: use make test}"

case ${1-} in
--quick) kills=2000 seconds=5 calls=5 ids=3 ;;
--full) kills=30000 seconds=3600 calls=300 ids=300 ;;
*) echo 'usage: run.sh --quick|--full' >&2; exit 2 ;;
esac
if [ "${CONDVAR-}" = pthread ]; then
	echo 'pthread_cond_t is not expected to survive this'
	exit 77
fi
"$BUILD/tests/storm/prog_broadcast" -t "$seconds" || exit
"$BUILD/tests/storm/prog_broadcast" -g -t "$seconds" || exit
"$BUILD/tests/storm/prog_calls" -t "$calls" || exit
"$BUILD/tests/storm/prog_calls" -l -t "$calls" || exit
for of in '' -g -l; do
	"$BUILD/tests/storm/prog_ids" $of -t "$ids" || exit
done
"$BUILD/tests/storm/prog_keys" -t "$ids" || exit
"$BUILD/tests/storm/prog_late" -t "$ids" || exit
"$BUILD/tests/storm/prog_late" -l -t "$ids" || exit
exec "$BUILD/tests/storm/prog_storm" -k "$kills"
