#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The system calls that the library makes, as strace sees them, are those that shmchan(7)
# tells whoever writes a seccomp filter to allow.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

[ -z "${SANITIZE-}" ] || skip "the sanitizer has system calls of its own"
command -v strace >/dev/null || skip 'there is no strace'
[ "$(uname -m)" = x86_64 ] || skip 'the page has the names of x86-64'
strace -o "$tmp/none" true 2>/dev/null || skip 'strace may not trace here'

# calls KIND: the page's
calls() {
	sed -n "/^\\.\\\\\" calls: $1/,/^\\.\\\\\" end/p" lib/man/shmchan.7 |
		sed -n 's/^\.Li //p' | tr -d ',.' | tr -s ' ' '\n' | sort
}
# For the name of another user's channel, the name service is asked, which makes what calls it likes.
for file in /dev/shm/shmchan.*; do
	[ ! -e "$file" ] || [ -O "$file" ] || skip "another user has a channel: $file"
done
calls always >"$tmp/always"
calls seldom >"$tmp/seldom"
strace -f -qq -o "$tmp/trace" "$BUILD/tests/inject/prog_calls" "$tmp/control" || fail "it ends with $?"
sed 's/^[0-9]* *//' "$tmp/trace" | awk '/^getppid/ { n++; next } n == 1' |
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' | sort -u >"$tmp/made"
[ "$(wc -l <"$tmp/always")" -gt 20 ] && pass || fail 'the page has too few'
is 'made, and not in the page' "$(comm -23 "$tmp/made" <(sort "$tmp/always" "$tmp/seldom") | xargs)" ''
is 'in the page, and not made' "$(comm -13 "$tmp/made" "$tmp/always" | xargs)" ''
finish
