#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Negative controls of the step-kill: each breaks one rule of the library, and the
# same harness has to find it.  A control whose change does not apply any more, or
# that is not found, is a failure.  TEST_FORM=--quick leaves out some.

set -u
: "${BUILD:?is not set: use make test}"
if [ -n "${SANITIZE-}${CONDVAR-}" ]; then
	echo "only for the plain build"
	exit 77
fi
if [ "$(uname -m)" != x86_64 ]; then
	echo "needs x86-64"
	exit 77
fi
CC=${CC:-cc}
out=$BUILD/tests/stepkill/controls
flags=(-std=gnu11 -D_GNU_SOURCE -O1 -g -pthread -Ilib -Itools -Itests -w)
failed=0 found=0
export STEPKILL_CONTROL=1

complain() {
	echo "$1"
	failed=$((failed + 1))
}

# The program, with the files of the library that are in directory $1 in place of
# those that they are copies of; what includes such a header is compiled, too.
build() {
	local dir=$1 objects=() headers f
	headers=$(cd "$dir" && find lib -name '*.h')
	for f in lib/*/*.c tests/stepkill/*.c; do
		if [ -e "$dir/$f" ]; then
			objects+=("$dir/$f")
		elif [ -n "$headers" ] && grep -qwF "$headers" "$BUILD/${f%.c}.d"; then
			objects+=("$f")
		else
			objects+=("$BUILD/${f%.c}.o")
		fi
	done
	"$CC" -I"$dir/lib" "${flags[@]}" -o "$dir/stepkill" "${objects[@]}" "$BUILD/tests/support.a" \
		-Wl,-z,now
}

# Run $1/stepkill on scenario $3: it has to fail, and to say $4.
run() {
	local dir=$1 name=$2 scenario=$3 words=$4 status
	"$dir/stepkill" --quick "$scenario" >"$dir/log" 2>&1
	status=$?
	if [ $status != 1 ]; then
		complain "$name: not found (status $status)"
		tail -n 5 "$dir/log"
	elif ! grep -Eq "^FAIL.*($words)|^  -> ($words)" "$dir/log"; then
		complain "$name: found, but not for its reason"
		head -n 5 "$dir/log"
	else
		found=$((found + 1))
		printf '%-34s found: %s\n' "$name" "$(grep -E "$words" "$dir/log" | head -n 1)"
	fi
}

# control NAME FILE SED SCENARIO WORDS: change one file of the library.
control() {
	local name=$1 file=$2 sed=$3 dir=$out/${1// /-}
	rm -rf "$dir"
	mkdir -p "$dir/lib/${file%/*}"
	sed "$sed" "lib/$file" >"$dir/lib/$file"
	if cmp -s "lib/$file" "$dir/lib/$file"; then
		complain "$name: the change does not apply to lib/$file any more"
	elif ! build "$dir"; then
		complain "$name: does not compile"
	else
		run "$dir" "$name" "$4" "$5"
	fi
}

quick() { [ "${TEST_FORM-}" = --quick ]; }
# more ...: a control that the quick form leaves out
more() { quick || control "$@"; }

goes_on='sleeps beside|does not go on|hangs'

control 'an unbounded lock' core/lock.c \
	's/pthread_mutex_clocklock(\(&lock->mutex\), [^)]*)/pthread_mutex_lock(\1)/' \
	send/early "$goes_on"

more 'a commit of two stores' core/ring.h \
	'/^static inline void ring_publish/,/^}/s/^\tatomic_store_exp.*&\(.*\), at->pos, .*/\t\1 += 256;\n&/' \
	batch/alone 'of a batch of|neither before nor after'

control "the receivers' repair left out" channel/side.c \
	's/channel_checked(ch, ch->kind->repair_receivers(&ch->ring))/0/' \
	take/alone 'neither before nor after|not valid'

more "the senders' repair left out" channel/side.c \
	's/channel_checked(ch, ch->kind->repair_senders(&ch->ring))/0/' \
	'rendezvous, send/alone' 'neither before nor after|back to|changed less'

more 'the journal of drops left out' kind/queue.c \
	's/^\tdrop_repair(r);$//' \
	'send, drop-oldest/alone' 'neither before nor after|changed less|back to'

control 'a value written over the current one' kind/latest.c \
	's/(latest_slot(was) + 1) % LAYOUT_SLOTS/latest_slot(was)/' \
	'latest, send/alone' 'not valid|torn|damaged'

more 'a tail that passes a holder' kind/broadcast.c \
	's/if (load(&e->state) != SUBSCRIBER_HOLDS)$/if (load(\&e->state))/' \
	'broadcast, send, full/alone' 'the operation returned|after message'

more 'a dead subscriber that holds' kind/broadcast.c \
	's/!gone((uint32_t)user, arg);/true;/' \
	'broadcast, send, past a dead one/alone' 'the operation returned|sleeps beside|hangs'

more 'a group that is there before its place' kind/broadcast.c \
	's/^\t\tstore(&e->user, 0);$/&\n\t\tstore(\&e->state, SUBSCRIBER_HOLDS);/' \
	'broadcast, group, make/alone' 'neither before nor after|changed less|not valid'

control 'a group that goes with its user' kind/broadcast.c \
	'/^static void let_free/,/^}/s/is_group(e)/0/' \
	'broadcast, group, receive/alone' 'neither before nor after|changed less|returned'

control 'a step to another ring not repaired' core/ladder.c \
	'/^int ladder_repair/,/^}/s/^\tif (rung < 0)$/\treturn 0;\n&/' \
	'grow, send/alone' 'bytes of memory|not valid|damaged'

more 'memory given back under one that holds' channel/grow.c \
	's/broadcast_let_go(r, head)/broadcast_let_go(r, pos)/' \
	'grow, broadcast, recover beside/alone' 'lost|not valid|chan_recv'
more 'memory taken unmarked' channel/grow.c \
	'/^static int take(/,/^}/s/^\tstore(memory, have | RUNG_UNKNOWN);$//' \
	'grow, send/alone' 'bytes of memory'

more 'no pthread_mutex_consistent' core/lock.c \
	's/^\tpthread_mutex_consistent.*//' \
	send/alone 'recover|damaged|open'

control 'sleep without slices' channel/wait.h \
	's/^#define WAIT_SLICE .*/#define WAIT_SLICE INT64_C(100000000000)/' \
	send/asleep "$goes_on"

control "the bell's bit cleared before the ring" core/condvar_futex.c \
	's/~(uint32_t)COND_SLEEPER/~(uint32_t)COND_WAITER/' \
	'send, bell/late' 'an event loop sleeps beside work, after the work of another'

more 'leases of the dead kept' channel/reclaim.c \
	's/return endpoint_receives(.*/return false;/' \
	take/alone 'lost|of 15 messages|neither before nor after|changed less'

control 'a request that stays after its reply' channel/serve.c \
	'/^int chan_reply/,/^}/s/err = chan_ack(ch, request, 1);/err = 0;/' \
	'reply/alone' 'changed less|neither before nor after'

more 'a cancelled request that stays' channel/call.c \
	'/^static int take_back/,/^}/s/err = lane->kind->remove(.*/err = 0;/' \
	'cancel, one that a server has/alone' 'the operation returned'

more 'a request tried twice' channel/headed.c \
	's/h->meta.flags & CHAN_META_ONCE && record_attempts(h->it.state) > 0/false/' \
	'receive, not to be tried twice/alone' 'the operation returned'

control 'an expired message delivered' channel/headed.c \
	's/h->wait < 0 ? HEADED_EXPIRED : HEADED_EARLY/h->wait < 0 ? HEADED_DELIVER : HEADED_EARLY/' \
	'receive, expired/alone' 'the operation returned'

more 'the count of the expired not repaired' kind/queue.c \
	's/^\tdrop_repair(r, KIND_EXPIRED);$//' \
	'receive, expired/alone' 'neither before nor after|changed less|back to'

control 'a lease ended before its letter' channel/dead.c \
	's/^\tend(ch, lease, deliver(ch, lease, meta, attempts));/\tend(ch, lease, true);\n\tdeliver(ch, lease, meta, attempts);/' \
	'receive, expired, to dead letters/alone' '0 letters|neither before nor after|changed less'

more 'an expired message removed without a letter' channel/dead.c \
	's/^\tif (sent) {/\tif (true) {/' \
	'receive, expired, buried/alone' '0 letters|neither before nor after|changed less'

control 'a delay that the repair forgets' kind/queue.c \
	's/store(&rx(r)->due, load(&rx(r)->delayed) > 0);/store(\&rx(r)->due, 0);/' \
	'release after/alone' 'lost|changed less|neither before nor after|of 15 messages'

control 'what is buried freed by a death' kind/queue.c \
	'/^int queue_reclaim/,/^}/s/ || is_aside(r, it.state)//' \
	'bury/alone' 'changed less|neither before nor after|back to|hangs'

control 'an id that is not taken back' channel/side.c \
	's/^\t\tids_repair(&ch->ids, next.seq);/\t\t;/' \
	'send, id/alone' 'changed less|neither before nor after|back to'

more 'an id in its chain before its number' core/ids.c \
	'/^void ids_put/,/^}/{s/store_behind(&slot->seq, next);/store_behind(bucket, i);/;t;s/store_behind(bucket, i);/store_behind(\&slot->seq, next);/}' \
	'send, id/alone' 'changed less|neither before nor after|back to'

# glibc before 2.41 keeps count of the waiters of a pthread_cond_t, dead ones too.
glibc=$(getconf GNU_LIBC_VERSION | sed 's/.* //')
if quick; then
	:
elif [ "$(printf '%s\n' "$glibc" 2.41 | sort -V | head -n 1)" = 2.41 ]; then
	echo "pthread_cond_t: not with glibc $glibc, which is not affected like this"
else
	dir=$out/pthread-cond
	rm -rf "$dir"
	mkdir -p "$dir/lib/core"
	cp lib/core/condvar.h lib/core/layout.h "$dir/lib/core" # all that has the type is compiled
	flags+=(-DCHAN_CONDVAR_PTHREAD)
	if build "$dir"; then
		run "$dir" 'pthread_cond_t' 'receive, wait/asleep' "$goes_on"
	else
		complain 'pthread_cond_t: does not compile'
	fi
fi

echo "$found of the broken rules were found, $failed were not"
[ $failed = 0 ]
