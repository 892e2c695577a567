#!/bin/bash
# SPDX-License-Identifier: MIT
#
# From the death of a process to the progress of another: how long, on both kinds of
# loop.  No limit but this: with chand it is not the second that the library takes
# by itself.  A client knows of its server's death as soon without chand.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a
b=$prefix-b

# told HOW: measure, with the channel $b, and say it.
told() {
	keep "$BUILD/tests/daemon/prog_told" $b 50 >"$t/told"
	check "measured, $1" equal $? 0
	sed "s/^/$1: /" "$t/told"
	p50=$(sed -n 's/^told .*p50 \([0-9]*\) us.*/\1/p' "$t/told")
	check "half of the clients were told far below a second, $1" test "${p50:-1000000}" -lt 200000
	check "remove" chanctl remove $b
}

check "create" chanctl create --meta $b
told 'without chand'
for loop in $loops; do
	start --loop=$loop
	check "create" chanctl create --system -c 16K $a
	keep "$BUILD/tests/daemon/prog_death" $a 200 >"$t/times"
	check "measured" equal $? 0
	sed "s/^/$loop: /" "$t/times"
	p50=$(sed -n 's/^kill .* p50 \([0-9]*\) us.*/\1/p' "$t/times")
	check "half of them far below a second" test "${p50:-1000000}" -lt 200000
	check "remove" chanctl remove $a
	check "create" chanctl create --system --meta -c 16K $b
	told "$loop"
	stop
done
finish "death to progress"
