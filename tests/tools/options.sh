#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Where options may stand: behind operands too, whatever POSIXLY_CORRECT says; behind
# `--` nothing is one.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# Each of the four tools has an option behind an operand.
for posix in no yes; do
	[ $posix = no ] || export POSIXLY_CORRECT=1
	channel
	status 0 chansend "$ch" one --tee
	is "chansend, option behind a message" "$(cat "$tmp/out")" one
	status 0 chansend "$ch" two -v -- -v --eof
	says "sent 3 messages"
	status 0 chanrecv "$ch" -e -o '%p;'
	is "chanrecv, options behind the channel" "$(cat "$tmp/out")" 'one;two;-v;--eof;'
	status 0 chanctl -H stat "$ch" -o state
	is "chanctl, option behind the operand of a verb" "$(cat "$tmp/out")" open
	status 0 chanctl close "$ch" --now
	status 0 chanbench lat -n 1 -R 1 --help
	status 0 chanbench lat --help
	is "chanbench, option behind the mode" "$(sed 's/ .*//; q' "$tmp/out")" Usage:
done
unset POSIXLY_CORRECT

# A payload that looks like an option is one, unless it stands behind `--`: help and pages
# say so.
channel
status 0 chansend "$ch" -- --eof
is "--eof behind --" "$(chanctl stat -H -o STATE,DEPTH "$ch" | xargs)" "open 1"
status 0 chansend -v "$ch" last --eof
says "$ch: closed"
is "--eof before it" "$(chanctl stat -H -o STATE "$ch")" draining
status 0 chansend --help
is "help says --" "$(sed q "$tmp/out")" "Usage: chansend [OPTIONS] CHANNEL [--] [MESSAGE...]"
is "and how" "$(grep -cF 'chansend CHANNEL -- "$message"' "$tmp/out")" 1
mandoc -T utf8 -O width=200 "$root/tools/man/chansend.1" | col -bx >"$tmp/page"
is "the page says --" "$(grep -cF 'chansend jobs -- "$message"' "$tmp/page")" 1

finish
