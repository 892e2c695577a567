#!/bin/bash
# SPDX-License-Identifier: MIT
#
# From the death of a process to the progress of another: how long, on both kinds of
# loop.  No limit but this: with chand it is not the second that the library takes
# by itself.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
a=$prefix-a
for loop in $loops; do
	start --loop=$loop
	check "create" chanctl create --system -c 16K $a
	keep "$BUILD/tests/daemon/prog_death" $a 200 >"$t/times"
	check "measured" equal $? 0
	sed "s/^/$loop: /" "$t/times"
	p50=$(sed -n 's/^kill .* p50 \([0-9]*\) us.*/\1/p' "$t/times")
	check "half of them far below a second" test "${p50:-1000000}" -lt 200000
	check "remove" chanctl remove $a
	stop
done
finish "death to progress"
