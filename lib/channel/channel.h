/* SPDX-License-Identifier: MIT */
/*
 * One endpoint, from the inside: what the public calls share.
 *
 *   channel.c  open, detach, close, remove        side.c  the two locks, their repair
 *   send.c     send, reserve, rendezvous          wait.c  spin, sleep, deadlines
 *   receive.c  receive                            inspect.c  stat, peek, purge, recover
 *   lease.c    take, ack, release
 *
 *   remove.c   the end of the name
 *
 * Lock order: senders before receivers.  Nobody is woken with a lock held, but by a
 * rendezvous sender, and by the one that finds the name gone.
 */
#ifndef CHAN_CHANNEL_H
#define CHAN_CHANNEL_H

#include "base/clock.h"
#include "base/errors.h"
#include "core/condvar.h"
#include "segment/endpoint.h"
#include "core/fence.h"
#include "core/lock.h"
#include "core/ring.h"
#include "segment/segment.h"
#include "shmchan.h"
#include "core/thread.h"

#include <string.h>

/* What every message passes through is compiled into its caller: a quarter of the
 * time of a small message was calls. */
#define hot static inline __attribute__((always_inline))

/* ---- time limits (wait.c) ---- */

/* A call's time limit; the clock is asked when it first has to wait. */
struct limit {
	int64_t timeout;       /* as given to the call */
	int64_t deadline;      /* once known */
	int64_t waiting_since; /* when the call first slept */
	bool slept;	       /* so it owes a wake-up: see condvar.h */
	bool to_the_lock;      /* that is all: not ended by a close */
	bool only_try;	       /* not even for the lock */
};

static inline struct limit limit_of(int64_t timeout)
{
	return (struct limit){.timeout = timeout};
}

int64_t limit_deadline(struct limit *limit);

hot void copy_bytes(void *to, const void *from, size_t n)
{
	if (n) /* an empty message may be at NULL */
		memcpy(to, from, n);
}

/* How long to spin for a side, and how long to lag first, ns; both follow what
 * they gave lately (wait.c). */
struct spin {
	_Atomic uint32_t budget, lag;
};

/* A call that waits, among those of its endpoint (wait.c). */
struct waiter {
	int64_t since; /* 0: not among them */
	struct waiter *next, **link;
};

struct chan {
	struct ring ring;
	struct segment segment;
	struct layout_control *control;
	unsigned roles; /* CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE */
	int slot;	/* in the endpoint table, -1 for an observer */
	_Atomic uint32_t overflow;
	_Atomic bool orphan;	  /* the parent's, in a forked child */
	_Atomic bool interrupted; /* chan_interrupt() */
	_Atomic bool leases;	  /* false: no lease is this endpoint's */
	struct spin send_spin, recv_spin;
	uint64_t thread; /* an exclusive endpoint's: see thread.h */
	bool light;	 /* exclusive, and its peers make its fences */

	/* The reservation; guarded by the senders' lock, but for the question
	 * whose it is.  A thread that ended left the lock, and is nobody now. */
	_Atomic uint64_t reserver; /* thread, 0 none */
	struct ring_cursor reserve_at;
	uint64_t reserve_length;
	struct limit reserve_limit;

	/* When the name was last looked for (remove.c); when a sender last paused, and
	 * after how many messages the next time (send.c). */
	_Atomic int64_t name_seen;
	int64_t paused;
	uint32_t pace;

	/* CHAN_NEED_RECEIVERS: when receivers were last looked for. */
	_Atomic int64_t receivers_seen;

	/* Drop-oldest: the leased front whose holder was last looked for, and when;
	 * guarded by the receivers' lock. */
	uint64_t front;
	int64_t front_seen;

	/* Calls that wait now, the one that waits longest first, and what guards them. */
	struct waiter *waiters;
	pthread_mutex_t waiters_lock;
};

/* ---- states ---- */

static inline uint32_t channel_state(const struct chan *ch)
{
	/* Acquire: pairs with the RMWs in channel_mark(): who sees a bit sees
	 * what its setter saw. */
	return atomic_load_explicit(&ch->control->state, memory_order_acquire);
}

static inline void channel_mark(struct chan *ch, uint32_t bits)
{
	atomic_fetch_or_explicit(&ch->control->state, bits, memory_order_seq_cst);
}

/* Pass an error through, and remember damage. */
static inline int channel_checked(struct chan *ch, int err)
{
	if (unlikely(err == -EBADMSG))
		channel_mark(ch, LAYOUT_DAMAGED);
	return err;
}

/* Why an endpoint of a channel that ended gets nothing more.  Closed and removed, it
 * ended as a closed one: who removes it then only tidies up. */
static inline int channel_over(uint32_t state)
{
	return (state & LAYOUT_ENDED) == LAYOUT_REMOVED ? -EIDRM : -EPIPE;
}

static inline void channel_wake_all(struct chan *ch)
{
	cond_broadcast(&ch->control->not_empty);
	cond_broadcast(&ch->control->not_full);
}

/* Do waiting senders need different amounts of room?  (send.c) */
static inline bool channel_uneven(const struct chan *ch)
{
	return atomic_load_explicit(&ch->control->senders.uneven, memory_order_relaxed);
}

/*
 * Space was freed, and a full fence followed: a waiting sender may go on.  All of
 * them look if any one might not be able to use it: where they need different
 * amounts, and in a rendezvous, where the one that waits for its receiver is not
 * the one that waits for room.  (`uneven` is stored before the waiter's fence in
 * cond_arm(): either we see it, or that waiter sees the room.)
 */
static inline void channel_freed(struct chan *ch)
{
	struct layout_cond *c = &ch->control->not_full;

	if (likely(!atomic_load_explicit(&c->waiting, memory_order_relaxed)))
		return;
	if (ch->ring.rendezvous || channel_uneven(ch))
		cond_broadcast(c);
	else
		cond_wake(c, 1);
}

/* ---- waiting (wait.c) ---- */

/* What a waiter waits for. */
struct awaited {
	struct layout_cond *cond;
	struct spin *spin; /* NULL: sleep at once */
	/* Did anything happen that is worth another look? */
	bool (*changed)(struct chan *ch, uint64_t seen);
	uint64_t seen;
	/* The other side's position, if what is awaited is that it leaves `seen`. */
	const _Atomic uint64_t *position;
	/* Asked once more, when whoever changes it from now on wakes us: is nobody
	 * left to wait for? */
	bool (*ended)(struct chan *ch);
};

/*
 * Wait, with no lock held that the waker needs, until it changed or a slice
 * passed: 0 (look again), -EAGAIN (no waiting wanted), -ETIMEDOUT, -EINTR.
 */
int wait_for(struct chan *ch, const struct awaited *what, struct limit *limit);

/* Let the administrator see since when the endpoint's calls wait, if any does: `w`
 * comes, since `since`, and goes.  To leave without having come is fine. */
void waiter_comes(struct chan *ch, struct waiter *w, int64_t since);
void waiter_leaves(struct chan *ch, struct waiter *w);
void waiters_start(struct chan *ch);
void waiters_end(struct chan *ch);

/* ---- the sides (side.c) ---- */

int senders_enter_slow(struct chan *ch, int err, struct limit *limit);
int receivers_enter_slow(struct chan *ch, int err, struct limit *limit);

hot int side_enter(struct chan *ch, struct layout_lock *lock,
	int (*slow)(struct chan *, int, struct limit *), struct limit *limit)
{
	int err;

	if (unlikely(atomic_load_explicit(&ch->orphan, memory_order_relaxed)))
		return -ENOTCONN;
	err = lock_try(lock);
	return likely(err == 0) ? 0 : slow(ch, err, limit);
}

/* Is the endpoint the only one of its side?  Then it has the lock for life. */
hot bool exclusive(const struct chan *ch, unsigned role)
{
	return (ch->roles & (CHAN_EXCLUSIVE | role)) == (CHAN_EXCLUSIVE | role);
}

hot int exclusive_check(const struct chan *ch)
{
	if (unlikely(atomic_load_explicit(&ch->orphan, memory_order_relaxed)))
		return -ENOTCONN;
	return likely(ch->thread == thread_self()) ? 0 : -EPERM;
}

/* Has this thread a reservation open, and so the senders' lock? */
hot bool reserving(const struct chan *ch)
{
	return atomic_load_explicit(&ch->reserver, memory_order_relaxed) == thread_self();
}

/*
 * Take a side's lock: 0, or -ENOTCONN, -ETIMEDOUT, -EINTR, -EPERM, -EBADMSG, -EDEADLK
 * (this thread has it already), or -EBUSY: a call with timeout 0 waits for the lock a
 * moment, for nothing can be said of the channel without it, but no longer.  (-EAGAIN:
 * the senders' lock, in a rendezvous in which another sender waits for a receiver.)
 */
hot int senders_enter(struct chan *ch, struct limit *limit)
{
	if (exclusive(ch, CHAN_SEND))
		return exclusive_check(ch);
	return side_enter(ch, &ch->control->senders.lock, senders_enter_slow, limit);
}

hot int receivers_enter(struct chan *ch, struct limit *limit)
{
	if (exclusive(ch, CHAN_RECV))
		return exclusive_check(ch);
	return side_enter(ch, &ch->control->receivers.lock, receivers_enter_slow, limit);
}

/* Leave it; a full fence, or the light side of one (fence.h). */
hot void side_leave(struct chan *ch, struct layout_lock *lock, unsigned role)
{
	if (!exclusive(ch, role))
		lock_release(lock);
	else if (likely(ch->light && !(channel_state(ch) & LAYOUT_HEAVY_MISSING)))
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

hot void senders_leave(struct chan *ch)
{
	side_leave(ch, &ch->control->senders.lock, CHAN_SEND);
}

hot void receivers_leave(struct chan *ch)
{
	side_leave(ch, &ch->control->receivers.lock, CHAN_RECV);
}

/* After announcing something that light endpoints must not miss: their fence. */
static inline void channel_announced(const struct chan *ch)
{
	if (channel_state(ch) & LAYOUT_LIGHT)
		fence_heavy();
}

/* The channel is closed: decide where it ends, if nobody has. */
static inline void channel_seal(struct chan *ch)
{
	channel_announced(ch);
	ring_seal(&ch->ring);
}

/* The same for one who is not of the side (an observer, a drop-oldest sender,
 * whose limit is `outer`): receivers_visit() waits a second at most, then -EBUSY;
 * senders_visit(), which only wants to find a dead owner, doesn't wait: -EBUSY or
 * -EDEADLK, its owner lives. */
int receivers_visit(struct chan *ch, struct limit *outer);
int senders_visit(struct chan *ch);

/* The thread keeps as many locks as its death is sure to release: -ENOLCK. */
int sides_too_many(void);

/* An exclusive endpoint takes its locks for life: also -ENOLCK. */
int sides_keep(struct chan *ch);
void sides_give_up(struct chan *ch);

/* Give back the leases of endpoints that are gone (the receivers' lock held). */
int reclaim_leases(struct chan *ch);

/* The same if the oldest record's holder is gone.  Looks for the holder once for each
 * front, and then every few milliseconds: a killed one is noticed that much later.
 * Returns how many leases were given back, or -EBADMSG. */
int reclaim_front(struct chan *ch);

/* How often, in ns of clock_coarse(), a busy sender asks the kernel who is there. */
#define LOOK_EVERY INT64_C(1000000)

/* ---- receiving (receive.c), for lease.c too ---- */

/* May this endpoint receive, with this timeout? */
hot int receiver_check(const struct chan *ch, int64_t timeout)
{
	if (unlikely(!(ch->roles & CHAN_RECV)))
		return -EBADF;
	return unlikely(timeout < CHAN_WAIT) ? error_of_timeout(timeout) : 0;
}

/* The first ready record, the lock held: 0, -EAGAIN, -EPIPE (discarded), -EBADMSG. */
hot int receiver_look(struct chan *ch, struct ring_item *it)
{
	if (unlikely(channel_state(ch) & LAYOUT_DISCARD))
		return -EPIPE;
	return ring_next(&ch->ring, ring_first(&ch->ring), it);
}

/* receiver_look() gave `err`: wait, or give up. */
int receiver_wait(struct chan *ch, struct limit *limit, struct ring_item *it, int err);

/* Take the receivers' lock and find the first ready record: 0, the lock held; or
 * an error, without it. */
hot int receiver_find(struct chan *ch, struct limit *limit, struct ring_item *it)
{
	int err = receivers_enter(ch, limit);

	if (likely(err == 0)) {
		err = receiver_look(ch, it);
		if (unlikely(err < 0))
			err = receiver_wait(ch, limit, it, err);
	}
	return err;
}

/* Leave the lock after a success: wake who can go on, if space was freed.  Who
 * slept passes the wake-up on if anything is left. */
hot void receiver_done(struct chan *ch, const struct limit *limit, bool freed)
{
	receivers_leave(ch);
	if (freed)
		channel_freed(ch);
	if (unlikely(limit->slept)) {
		cond_rearm(&ch->control->not_empty);
		channel_announced(ch);
		if (ring_any(&ch->ring))
			cond_signal(&ch->control->not_empty);
	}
}

/*
 * Sleep until the channel has a message: 0; or until chan_interrupt(): -EINTR.  Takes
 * no lock and no message.  For whoever starts a receiver when there is something to
 * receive, and has the channel open to write.  A receiver that sleeps at the same time
 * loses no wake-up to this: it is passed on.  If the process is killed before it passed
 * one on, that receiver looks by itself within a slice.
 */
int channel_await_message(struct chan *ch);

/* ---- channel.c ---- */

/* chan_collect() with an endpoint that is there: opens nothing. */
int channel_collect(struct chan *ch);

/* Of an endpoint that is not there any more: did it detach, so that nothing of it
 * needs repair?  False if it died, and if its slot has been taken since. */
bool channel_detached(const struct chan *ch, const struct chan_endpoint *gone);

/* What chand replied.  `err` is how it went without chand: it stands if chand keeps
 * other channels than this owner's, and if chand can't be asked, unless all hangs on
 * chand.  The reply's detail is kept in any case. */
int prefer_reply(int reply, int err, uid_t owner);

/* Be ready to open and make channels: 0, or an error. */
int channels_prepare(void);

/* ---- remove.c ---- */

/* End the channel for everybody: set bits of LAYOUT_ENDED, decide where it ends, and
 * wake all. */
void channel_end(struct layout_control *c, uint32_t bits);

/* The segment's name was removed. */
void segment_end(const struct segment *s);

/* May a segment that was just opened be used?  -ESTALE if its channel has been
 * removed; -ENOENT if its name, too, now; -EIDRM if that is not allowed. */
int channel_refuse_removed(const struct segment *s);

/* Is the channel found to be without a name just now, and was not known to be?  Then
 * it is marked as removed. */
bool channel_notice(struct chan *ch);

/* The same if it was not asked for a second, at `now`. */
bool channel_look_for_name(struct chan *ch, int64_t now);

#endif
