#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Programs of another kind open our channel, and we theirs: built with another libc
# (musl), for 32 bits, for another machine (AArch64, under qemu: other sizes), in
# another PID namespace.  Each is refused; and at home each works.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
out=$BUILD/tests/inject/foreign
ours=$BUILD/tests/inject/prog_open
channel_name
name=$ch
channels+=("$name-theirs")
tried=()
mkdir -p "$out"

number() { # of an errno's name
	printf '#include <errno.h>\n%s\n' "$1" | ${CC:-cc} -E -P - | tail -n1
}

# expect WHAT ERRNO COMMAND...: the command prints that errno.
expect() {
	local what=$1 want=$2
	shift 2
	is "errno of $what" "$("$@" 2>&1)" "$want"
}

# both WAYS: another program's runner and our own, each with its own channel.
both() {
	local kind=$1 prototype
	shift
	prototype=$(number EPROTOTYPE)
	expect "$kind, at home" 0 "$@" create "$name-theirs"
	expect "$kind, at home" 0 "$@" open "$name-theirs"
	expect "$kind opens ours" "$prototype" "$@" open "$name"
	expect "we open that of $kind" "$prototype" "$ours" open "$name-theirs"
	rm -f "/dev/shm/shmchan.$(id -u).$name-theirs"
	tried+=("$kind")
}

expect 'we, at home' 0 "$ours" create "$name"
expect 'we, at home' 0 "$ours" open "$name"

# musl has no pthread_mutex_clocklock(); a port would bring its own.  This one is
# good enough for a test: nothing waits here.
if has_program musl-gcc; then
	cat >"$out/musl.h" <<-'END'
		#include <pthread.h>
		#include <time.h>
		static inline int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t c,
							  const struct timespec *at)
		{
			(void)c;
			return pthread_mutex_timedlock(m, at);
		}
	END
	# The kernel's headers, which musl leaves to the distribution.
	if musl-gcc -std=gnu11 -O0 -static -D_GNU_SOURCE -include "$out/musl.h" -Ilib \
		-idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" \
		-o "$out/musl" lib/*/*.c tests/inject/prog_open.c 2>"$out/musl.log"; then
		both musl "$out/musl"
	else
		fail 'musl: does not build'
		cat "$out/musl.log"
	fi
fi

# -idirafter: asm/*.h, which only gcc-multilib puts where -m32 looks, and that can't
# be installed beside the AArch64 compiler.
if [ "$(uname -m)" = x86_64 ] && echo 'int main(void) { return 0; }' |
	gcc -m32 -static -o "$out/probe" -x c - 2>/dev/null; then
	gcc -m32 -Wno-psabi -std=gnu11 -D_GNU_SOURCE -O0 -static -Ilib -idirafter /usr/include/x86_64-linux-gnu \
		-o "$out/32" lib/*/*.c tests/inject/prog_open.c 2>"$out/32.log" ||
		{ fail '32 bits: does not build'; cat "$out/32.log"; }
	both '32 bits' "$out/32"
fi

if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null &&
	[ "$(uname -m)" != aarch64 ]; then
	aarch64-linux-gnu-gcc -std=gnu11 -D_GNU_SOURCE -O0 -static -Ilib -o "$out/aarch64" lib/*/*.c \
		tests/inject/prog_open.c 2>"$out/aarch64.log" ||
		{ fail 'AArch64: does not build'; cat "$out/aarch64.log"; }
	both AArch64 qemu-aarch64 "$out/aarch64"
fi

if has root pid-namespace mounts; then
	expect 'in another PID namespace' "$(number EXDEV)" unshare -fp --mount-proc "$ours" open "$name"
	expect 'at home there' 0 unshare -fp --mount-proc "$ours" create "$name-theirs"
	expect 'we open one from there' "$(number EXDEV)" "$ours" open "$name-theirs"
	tried+=('another PID namespace')
fi

[ ${#tried[@]} -gt 0 ] ||
	skip 'neither musl-gcc, nor gcc -m32, nor an AArch64 compiler with qemu, nor unshare'
finish "refused, both ways: $(printf '%s, ' "${tried[@]}" | sed 's/, $//')"
