/* SPDX-License-Identifier: MIT */
/*
 * shmchan: message channels between processes, in shared memory.
 *
 * The model.  A *channel* is a named, bounded queue of messages in a POSIX shared memory
 * object, its *segment*.  A process opens an *endpoint* of the channel, to send, to
 * receive, or both.  Messages are opaque bytes, 0 to `max_message` long; their boundaries
 * are kept, and their order is kept for each sender.  A full channel makes senders wait, an
 * empty one makes receivers wait, and a closed one is drained and then ends.  A channel of
 * kind *latest* keeps one message, its value: each send replaces it.  In a channel of kind
 * *broadcast* each receiver, there a *subscriber*, gets every message.
 *
 * The promise.  Any participant may be killed (SIGKILL) at any instruction: no other
 * participant hangs, no committed message is lost, none is torn, none is delivered twice
 * by a plain receive, and the channel goes on.
 *
 * Rules for every function:
 * - Results.  A function returns 0 or a count, or a negative errno value.  Outputs are set
 *   only on success.  `errno` reports nothing, and its value is not kept.
 * - Ownership.  The caller keeps what it passes in, and the library keeps no pointer to
 *   it after the call.
 * - Timeouts.  A timeout is relative, in nanoseconds of CLOCK_MONOTONIC: CHAN_WAIT (-1)
 *   waits for ever, 0 does not wait, and any other negative value is -EINVAL.  It bounds
 *   the whole call, the wait for the channel's lock included: if a process is stopped
 *   inside the lock, no other call overruns.
 *   If the timeout is 0 and the call would have to wait, it returns -EAGAIN: it has seen
 *   the channel full, or empty.  If a longer timeout passes, it returns -ETIMEDOUT.
 *   Nothing can be seen without the lock, which others hold for microseconds.  So a call
 *   with timeout 0 does wait for the lock, a tenth of a second at most.  Then it returns
 *   -EBUSY, which says nothing about full or empty.
 * - Signals.  A signal never ends a wait; chan_interrupt() does.
 * - Threads.  Any number of threads may use one endpoint at once, except where the text
 *   says "same thread".  Functions that take a name are thread-safe.  Only
 *   chan_interrupt() may be called from a signal handler.  No function is a cancellation
 *   point.
 * - The process.  No function prints, exits, or changes signal handlers, locale or umask.
 * - Descriptors.  The library's descriptors are close-on-exec and never below 3.  If the
 *   program closes one, messages still come and go, but a call that has to ask the kernel
 *   which peers are alive returns -EBADFD.  If the program then opens a file that gets the
 *   same number, the library neither asks nor closes that file.
 * - fork().  A child does not have its parent's endpoints: there every call on one returns
 *   -ENOTCONN, and chan_detach() frees it.  The child opens its own.  fork() never waits
 *   for a call of another thread.  It may be called in a signal handler, as far as the C
 *   library allows; if the handler interrupted a call of this library, the child must not
 *   return from the handler, but call _exit() or exec.
 *
 * Errors that any call on an endpoint may return.  The functions below do not repeat them:
 *   -EBADMSG   the segment is damaged (a buggy or hostile peer wrote into it); what was
 *              sound before the damage can still be received
 *   -ENOTCONN  the endpoint belongs to the parent of this forked process
 *   -EBADFD    the program closed the endpoint's descriptor, and the call needs it: detach
 *              the endpoint and open another
 *   -EINVAL    an argument is outside what is documented: chan_error_detail() says which
 * and that any call that sends, receives or takes may return:
 *   -EIDRM     the channel was removed: see chan_remove()
 *
 * Errors that any call that takes a name may return:
 *   -EINVAL      the name is not valid
 *   -ESRCH       OWNER names a user that this program can't find (a statically linked
 *                program, for example, without the libraries that its libc needs for
 *                that); a number always works
 *   -EACCES      this user may not use /dev/shm, or a file in it
 *   -EROFS       /dev/shm is mounted read-only; observers still work
 *   -EOPNOTSUPP  /dev/shm or /proc is missing or can't hold a channel, or the system refuses
 *                a call that is needed (shmchan(7) has the list for seccomp)
 *   -EMFILE      the process has no descriptors left
 *   -ENFILE      the system has no descriptors left
 *   -ENOMEM      memory has run out, or the process locks its memory (mlockall(2)) and
 *                RLIMIT_MEMLOCK is too low for the segment, whose ring is mapped twice
 *   -EIO         the system failed in a way that no other error describes
 *
 * chand, the optional daemon, keeps the channels of its own user.  chan_create(),
 * chan_open(), chan_remove() and chan_unlink() of another owner's channel ask it for what
 * this process can't do itself.  That takes a second at most to connect and a second for
 * the answer.  They may then return the error that chand itself had, with its reason as
 * chan_error_detail(), or:
 *   -ECONNREFUSED     chand keeps OWNER's channels, and can't be asked: chan_error_detail()
 *                     says why, and what to do
 *   -EINPROGRESS      chand is still making the channel: try again
 *   -EDQUOT           one of chand's quotas does not allow it
 *   -EPROTONOSUPPORT  chand has another version of its protocol
 *
 * No other error number of the kernel reaches the caller.
 */
#ifndef SHMCHAN_H
#define SHMCHAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define CHAN_VERSION_MAJOR 0
#define CHAN_VERSION_MINOR 2
#define CHAN_VERSION "0.2.0"

/* A timeout: wait for ever. */
#define CHAN_WAIT INT64_C(-1)

/* Longest NAME, in bytes, without the OWNER/ part. */
#define CHAN_NAME_MAX 200

/* Longest `OWNER/NAME` that a channel keeps, in bytes. */
#define CHAN_PLACE_MAX 255

/* One endpoint: an open handle of a channel.  Opaque. */
typedef struct chan chan_t;

/* What an endpoint is for: the flags of chan_open().  An endpoint with neither CHAN_SEND
 * nor CHAN_RECV is an observer: it may look, close, purge and recover; it takes no place in
 * the endpoint table, and no other endpoint counts it as a peer. */
enum {
	CHAN_SEND = 1u << 0,
	CHAN_RECV = 1u << 1,
	CHAN_CREATE = 1u << 2,	  /* make the channel first if it is missing */
	CHAN_EXCLUSIVE = 1u << 3, /* be the only endpoint of its side or sides */
};

/* What a send does when the channel is full: its overflow policy. */
enum chan_overflow {
	CHAN_BLOCK = 0,	      /* it waits, as long as the call's timeout says */
	CHAN_FAIL = 1,	      /* it returns -EAGAIN at once, whatever the timeout */
	CHAN_DROP_NEWEST = 2, /* it drops its own message and returns CHAN_DROPPED */
	/* It drops the oldest undelivered messages until there is room.  If the oldest
	 * message is leased by a receiver that is dead, the lease is given back first.  If
	 * that receiver lives, nothing behind its message can make room: the send drops its
	 * own message, returns CHAN_DROPPED, and is counted in dropped_leased. */
	CHAN_DROP_OLDEST = 3,
};

/* Options of a channel, fixed when it is made. */
enum {
	/* Receivers get what is left and then -EPIPE if at least one sender has attached
	 * and none is left, because the last one detached or was killed.  As with a FIFO,
	 * the next sender that attaches ends that state. */
	CHAN_END_WITH_SENDERS = 1u << 0,
	/* Senders get -EPIPE if at least one receiver has attached and none is left.  The
	 * next receiver that attaches ends that state. */
	CHAN_NEED_RECEIVERS = 1u << 1,
	/* Older name for kind = CHAN_KIND_RENDEZVOUS. */
	CHAN_RENDEZVOUS = 1u << 2,
	/* In a broadcast no subscriber may hold the ring for ever: see enum chan_on_lag. */
	CHAN_FORBID_BLOCK = 1u << 3,
	/* Each message has a header, struct chan_meta.  Only for a queue and a broadcast, with
	 * at most 4094 endpoints.  A message takes 96 bytes more, and its key, reply address and
	 * pairs. */
	CHAN_META = 1u << 4,
};

/* What a channel does with a message. */
enum chan_kind {
	CHAN_KIND_QUEUE = 0, /* it keeps the message until a receiver has it */
	/* It keeps nothing: a send returns when a receiver has the message.  Its capacity
	 * is 0, and its overflow policy can't be CHAN_DROP_OLDEST. */
	CHAN_KIND_RENDEZVOUS = 1,
	/* It keeps the latest message only, its value.  A send replaces it and never waits for
	 * room; a receive waits for a value that its endpoint has not received yet, and
	 * leaves it there for others; chan_peek() looks at the current one.  Receivers take
	 * no lock and store nothing, and a sender that is stopped or killed anywhere hides
	 * nothing.  There is nothing to reserve, take, give back or purge: those calls are
	 * -EINVAL.  Its capacity is 0, and its overflow policy can't be one that drops. */
	CHAN_KIND_LATEST = 2,
	/* Each message goes to each subscriber, in one order over all senders.  The ring keeps
	 * as many messages as it has room for, received or not, and senders overwrite the
	 * oldest ones; what they do where a subscriber has not received those yet is in
	 * enum chan_on_lag.  Receivers take no lock.  There is nothing to purge, its overflow
	 * policy can't be CHAN_DROP_OLDEST, and a receiver can't be exclusive. */
	CHAN_KIND_BROADCAST = 3,
};

/* What becomes of a subscriber of a broadcast that lags so far behind that senders need the
 * room of a message that it has not received yet. */
enum chan_on_lag {
	CHAN_LAG_DEFAULT = 0, /* as the channel says; of the channel itself: the next one, or
			       * lose with CHAN_FORBID_BLOCK */
	CHAN_LAG_BLOCK = 1,   /* it holds the ring: the channel is full for senders */
	CHAN_LAG_LOSE = 2,    /* it loses the message, and is told how many it lost */
	/* It holds the ring until it has kept a sender waiting for the `patience`, and from
	 * then on it loses.  A channel with CHAN_FORBID_BLOCK allows no more patience than its
	 * own. */
	CHAN_LAG_EVICT = 3,
};

/* How long a channel's name lives. */
enum chan_lifetime {
	CHAN_PERSIST = 0, /* until chan_remove() or chan_unlink() */
	CHAN_REF = 1,	  /* until its last endpoint leaves, and `linger` more */
};

/*
 * How to make a channel.  Zero is the default of every member but `size`, which must be
 * sizeof(struct chan_options).  So the structure can grow: a larger one from a newer header
 * is accepted if every byte that this library does not know is zero.
 */
struct chan_options {
	uint32_t size;
	uint32_t flags;	      /* CHAN_END_WITH_SENDERS | ... */
	uint64_t capacity;    /* bytes of the ring, rounded up to whole pages, at most 2^46;
			       * 0: 1 MiB, or room for two messages of max_message bytes
			       * if that is more.  A message takes its length + 16 bytes,
			       * rounded up to 16.  Only a queue and a broadcast have
			       * one */
	uint32_t max_message; /* bytes of the longest message, at most 2^31; 0: a quarter of
			       * the ring, or 64 KiB in a rendezvous and in a latest.  A
			       * latest has memory for four of them */
	uint32_t overflow;    /* enum chan_overflow */
	uint32_t mode;	      /* permission bits of 0666, with 0600 among them; 0: 0600.
			       * To send and to receive both need the right to write;
			       * to receive from a latest, or from a broadcast by
			       * CHAN_LAG_LOSE, that to read is enough */
	uint32_t endpoints;   /* most endpoints at once, at most 4096; 0: 256 */
	uint32_t lifetime;    /* enum chan_lifetime */
	uint32_t kind;	      /* enum chan_kind */
	uint64_t linger;      /* with CHAN_REF only: ns that an unused channel stays */
	uint64_t type;	      /* a number for what the messages are, from which programs with
			       * typed messages see that they mean the same; 0: it is not
			       * said.  The library only keeps it; chand makes channels
			       * without one */
	uint32_t on_lag;      /* of a broadcast: enum chan_on_lag of subscribers that don't say */
	uint32_t groups;      /* of a broadcast: most groups at once, at most 4096; 0: 16 */
	uint64_t patience;    /* with CHAN_LAG_EVICT only: ns */
	/* For a queue or a broadcast: it starts with `capacity` and grows when it is full, up to
	 * this many bytes in all, rounded up to whole pages; the overflow policy then applies at
	 * that maximum.  A broadcast grows for subscribers that block, or may be evicted, which
	 * happens at the maximum only; never for one that loses.  0: it never grows.
	 * CHAN_UNBOUNDED: half of /dev/shm.  max_message may then be larger than `capacity`.  The
	 * memory is taken when it is needed and given back after a quiet while of a few seconds. */
	uint64_t max_capacity;
	/* Only for a queue: it has so many lanes, 2 to 64, or 8 by priority; 0: it has none.  Each
	 * lane has a ring of `capacity` bytes and locks of its own.  Its messages have headers
	 * (CHAN_META, which this sets).  It can't grow, and no endpoint can be exclusive. */
	uint32_t lanes;
	uint32_t lane_by; /* enum chan_lane_by; with `lanes` only */
	/* Only for a queue: the channel for messages that nobody can use, `NAME`, which is then of
	 * this channel's owner, or `OWNER/NAME`; "": none.  It need not be there.  Receivers
	 * send expired messages of a channel with headers there (CHAN_META), as a call with timeout
	 * 0 does, and then each counts in `expired`.  One that the channel does not take, because
	 * it is missing, full, no queue or not to be written to, is buried, counts in `buried`, and
	 * is tried again after chan_kick(); what took long to fail, as where chand does not answer,
	 * is not tried with each message.  If a receiver is killed then, the letter may come twice;
	 * `expired` stays exact.  A letter's header is the message's, without its reply address and
	 * times, and with the pairs reason=expired, from=NAME and attempts=N (as far as they have
	 * room); to a channel without headers the message goes alone.  An endpoint that has sent
	 * one is a sender of that channel until it is detached.  Letters of another user's channel
	 * go to channels of that user only, and are buried otherwise.  Who gives a message up sends
	 * it there, too, as chanrecv's workers do. */
	char dead_letter[CHAN_PLACE_MAX + 1];
	/* Only with CHAN_META: a message whose id is that of one of the last `dedup` messages is
	 * not sent again, and the call returns CHAN_DUPLICATE; at most 2^24, 0: ids are not
	 * compared. They are remembered from when they are sent, whether they are still there or
	 * not, and across crashes: if a sender is killed in the middle, either its message was sent
	 * and its id is known, or neither is.  In a channel with lanes each lane remembers so many,
	 * and a message with an id and no key goes in a lane by its id.  One takes about 45 bytes.
	 */
	uint32_t dedup;
	/* Only for a queue: how often a message is delivered at most before it is given up, up to
	 * 65534; 0: it is not said.  The library only keeps it; workers go by it (chanrecv(1)). */
	uint32_t max_deliver;
	uint64_t
		dedup_age; /* with `dedup` only: ns, after which an id is forgotten; 0: it is not */
};

/* What decides in which lane of a channel a message goes.  A lane keeps its order, and there is
 * none between lanes. */
enum chan_lane_by {
	/* Its key: all messages of a key go in one lane, and one receiver at a time has leases
	 * there, so that they are worked on in their order.  Messages without a key stay in
	 * their sender's lane.  A receiver begins with a lane of its own, and if nothing is there,
	 * takes from another one (work stealing); each 16th time it begins with another one, if
	 * nobody takes from that, so that none starves. */
	CHAN_BY_KEY = 1,
	/* Its priority, 0 to 7: receivers take from the highest lane that has something; but each
	 * 16th time from the lowest, so that none starves.  Without one it is 0. */
	CHAN_BY_PRIORITY = 2,
};

/* chan_options.max_capacity: as much as is reasonable. */
#define CHAN_UNBOUNDED UINT64_MAX

/* Returned by chan_send() and chan_commit() if the overflow policy dropped the message. */
#define CHAN_DROPPED 1
/* A send returns this where chan_options.dedup says that its message was sent before. */
#define CHAN_DUPLICATE 2

/*
 * Make the channel `name`.  `name` is `NAME`, a channel of the caller's own, or
 * `OWNER/NAME`, where OWNER is a user's name or number.  NAME is 1 to CHAN_NAME_MAX of
 * [A-Za-z0-9._-] and does not start with a dot.  `opt` may be NULL: every default.  If
 * OWNER is another user, chand makes the channel, if it runs and allows it.
 *
 * If another process is making the same channel, this call waits for it, a second at most
 * and 2.7 s more for each GiB.  It waits as long for room in /dev/shm, but only while other
 * processes take or give back memory there.  For chand's answer it waits a second more for
 * each 128 MiB.
 *
 * The channel appears complete or not at all: if the process is killed at any instruction
 * of this call, it leaves a whole channel or nothing.
 *
 * Errors:
 *   -EEXIST   there is a channel of that name
 *   -EINVAL   these options do not describe a valid channel: a mode without 0600, for
 *             example
 *   -ENOSPC   /dev/shm has no room for chan_footprint(opt) bytes
 *   -EFBIG    RLIMIT_FSIZE does not let this process make files of chan_footprint(opt)
 *             bytes; SIGXFSZ is not sent
 *   -EDQUOT   a quota of /dev/shm or of chand does not allow it
 *   -EACCES   chand does not let this user make channels
 *   -EPERM    OWNER is another user, and there is no chand to ask; or the system does not
 *             let this process set its own file's mode
 */
int chan_create(const char *name, const struct chan_options *opt);

/*
 * Return the bytes of /dev/shm that a channel made with `opt` (or NULL) takes.  Makes and
 * asks nothing.
 *
 * Errors:
 *   -EINVAL   these options do not describe a valid channel
 */
int64_t chan_footprint(const struct chan_options *opt);

/*
 * Open an endpoint of the channel `name` and set *ret, which the caller frees with
 * chan_detach().  `flags` are CHAN_SEND | CHAN_RECV | CHAN_CREATE | CHAN_EXCLUSIVE.
 * `opt` (or NULL) is used only if CHAN_CREATE makes the channel.  A channel that is there
 * is opened as it is: chan_error_detail(-EEXIST) then says which of its options is not as
 * `opt` asks, or "" if all are; a 0 in `opt` asks for nothing.  If another owner's channel
 * can't be opened directly, chand is asked.
 *
 * This call waits a second at most for a process that is inside a lock of the channel.
 * With CHAN_CREATE it also waits as chan_create() does: processes that start together all
 * get the one channel, even if /dev/shm has no room for two.
 *
 * An exclusive endpoint is the only one of its side or sides, and sends or receives without
 * a lock for each message.  It belongs to one thread: it is opened, used and detached by
 * the same thread.  In any other thread, calls that need a lock of its sides are -EPERM.
 * When that thread or process dies, the next endpoint that opens the side takes over what
 * it left.
 *
 * A receiver of a CHAN_KIND_LATEST channel that may read the segment and not write it is a
 * *reader*: it maps the segment read-only and takes no place in the endpoint table, no other
 * endpoint counts it, and it can't be exclusive.  The calls that have to write are -EACCES
 * for it, as for such an observer.
 *
 * If the process is killed during this call, it leaves nothing behind, except a channel
 * that CHAN_CREATE has just made.
 *
 * Errors:
 *   -ENOENT   there is no such channel
 *   -EACCES   this user may not write the channel (an observer, or a receiver of kind
 *             latest: may not read it)
 *   -EPERM    the segment does not belong to OWNER (another user squats on the name), or
 *             what has the name is no segment
 *   -EBUSY    a side is exclusive, or is in use and is wanted exclusive; or a process is
 *             stopped inside a lock that opening needs; or a process holds a lease
 *             (F_SETLEASE) on the file
 *   -EUSERS   the endpoint table is full
 *   -ENOLCK   the system has no more file locks; or an exclusive side is wanted, and this
 *             thread keeps 1024 exclusive sides and reservations: the kernel does not
 *             release arbitrarily many locks of a thread that dies
 *   -EPROTONOSUPPORT  the channel was made by another version of the format
 *   -EPROTOTYPE  it was made with another libc, word size or condition variable
 *   -EXDEV    it was made in another PID namespace
 *   -EBADMSG  what has the name is not a segment, or is damaged
 *   -EIDRM    the segment is marked as removed, and its name can't be cleared away: it is a
 *             copy of one, since the name of a removed channel leads nowhere
 *   -ENOSPC, -EFBIG, ...   another owner's channel is declared, and chand could not make it:
 *             an error of chan_create(), with the reason as chan_error_detail()
 * With CHAN_CREATE also those of chan_create(), except -EEXIST.
 */
int chan_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt);

/* Where a subscription to a broadcast begins. */
enum chan_from {
	CHAN_FROM_NEXT = 0,   /* with the next message that is sent */
	CHAN_FROM_OLDEST = 1, /* with the oldest one that is kept */
	CHAN_FROM_LAST = 2,   /* with the last `start` messages, or what is kept of them */
	CHAN_FROM_SEQ = 3,    /* with the message whose number is `start`: 1, 2, ... */
	/* With the first message sent at or after `start`, CLOCK_REALTIME, ns.  Times are kept
	 * to 17 ms, for 52 days: it may begin with one that was sent so little earlier.  A
	 * sender in a stream of more than 100,000 messages a second looks at the clock for
	 * each 32nd. */
	CHAN_FROM_TIME = 4,
};

enum {
	/* If what CHAN_FROM_SEQ or CHAN_FROM_TIME asks for is not kept any more, begin with
	 * the oldest message in place of the error -ESTALE. */
	CHAN_OR_OLDEST = 1u << 0,
	/* If the group has expired, make it anew. */
	CHAN_RENEW_GROUP = 1u << 1,
};

/* Longest name of a group, in bytes. */
#define CHAN_GROUP_MAX 47

/* How to subscribe.  Zero is the default of every member but `size`, which must be
 * sizeof(struct chan_subscription); the structure can grow as struct chan_options can. */
struct chan_subscription {
	uint32_t size;
	uint32_t flags;	   /* CHAN_OR_OLDEST | CHAN_RENEW_GROUP */
	uint32_t from;	   /* enum chan_from */
	uint32_t on_lag;   /* enum chan_on_lag */
	uint64_t start;	   /* as `from` says; else 0 */
	uint64_t patience; /* with CHAN_LAG_EVICT only: ns; 0: the channel's */
	/* The group whose place this is, or NULL: 1 to CHAN_GROUP_MAX of [A-Za-z0-9._-], no
	 * dot in front. */
	const char *group;
	uint64_t group_age; /* ns that the group may be unused before it expires; 0: any */
};

/*
 * Open an endpoint of the broadcast `name` to receive, as `how` says (NULL: every default),
 * and set *ret, as chan_open() does.  chan_open() with CHAN_RECV subscribes with every
 * default.
 *
 * From then on the endpoint receives each message that was sent after the one where it begins,
 * in the order of sending.  Threads that share it share what comes.  If it is lapped, which
 * happens to a subscriber that loses, the next call returns -EOVERFLOW once, chan_lost() says
 * how many messages are gone, and it goes on with the oldest that is kept.
 *
 * A subscriber that is killed holds nothing any more.  One that is stopped goes on holding
 * the ring, if its policy is CHAN_LAG_BLOCK.
 *
 * A *group* is a place in the channel with a name, which stays when its user leaves or is
 * killed: the next user goes on where the last one was, and `from` counts only when there is
 * no such group yet.  What the last user took and did not acknowledge comes again.  A group
 * has one user at a time, and does as its policy says also while it has none.  If it was unused for
 * longer than its age, it expires: it holds nothing, and can't be used until it is removed
 * or made anew.
 *
 * A subscriber whose policy is CHAN_LAG_LOSE, and which may read the segment and not write
 * it, is a *reader*, as of a latest: see chan_open().  It can't use a group.
 *
 * Errors: those of chan_open(), and
 *   -EINVAL   `how` is not valid: chan_error_detail() says in what; or the channel is no
 *             broadcast; or no message has that number yet
 *   -EPERM    the channel forbids this policy (CHAN_FORBID_BLOCK)
 *   -ESTALE   what it would begin with is not kept any more: chan_error_detail() says how
 *             many messages are gone
 *   -ESTALE   the group has expired
 *   -EBUSY    another endpoint uses the group
 *   -EUSERS   there are as many groups as the channel may have
 */
int chan_subscribe(chan_t **ret, const char *name, const struct chan_subscription *how);

/* Return how many messages are gone, which the last -EOVERFLOW on this endpoint was about, or
 * 0 if there was none.  Where threads share the endpoint, chan_error_size(-EOVERFLOW) is
 * the number of the calling thread's own. */
uint64_t chan_lost(const chan_t *ch);

/*
 * Leave the channel: give back what is leased, end an open reservation (nothing of it is
 * sent), and free the handle, whose leases and reservation must not be used afterwards.
 * NULL is fine.  No other thread may be using the endpoint.  If another thread has its
 * reservation, or opened it as exclusive, the lock stays taken until that thread ends.
 * Waits a second at most for the receivers' lock, and only if something may be leased.
 *
 * The kernel does the same for a process that dies, and its peers do the rest.
 *
 * The last endpoint that leaves a CHAN_REF channel without linger removes the name that it
 * was opened by, whatever user the process is by then.  If that user may not (it must be
 * the channel's owner, or root), the name stays until chand, or the owner's next
 * chan_open() or chan_collect(), removes it.
 */
void chan_detach(chan_t *ch);

/* How to close. */
enum {
	CHAN_DRAIN = 0,	  /* receivers still get what is in the channel */
	CHAN_DISCARD = 1, /* receivers end at once */
};

/*
 * End the channel for everybody, at once and for good.  Senders, blocked ones too, get
 * -EPIPE.  Receivers get -EPIPE when they have received what is left (CHAN_DRAIN) or
 * immediately (CHAN_DISCARD).  A drain delivers every send that returned success, before
 * the close or during it.  The end does not wait for leases: what is given back can be
 * received again.  The name stays until it is removed.  Closing twice is fine, and
 * CHAN_DISCARD may follow CHAN_DRAIN.
 *
 * Any endpoint may close, and any observer that may write the segment.  Never waits.  If
 * the process is killed during this call, the channel is closed or it is not; if it is,
 * those that sleep find out within about a second.
 *
 * Errors:
 *   -EACCES   the endpoint is an observer that may not write the segment
 *   -EROFS    the endpoint is an observer, because /dev/shm is mounted read-only
 */
int chan_close(const chan_t *ch, unsigned how);

/*
 * Remove the channel: its name goes, and it ends for everybody that has it open.  Senders,
 * blocked ones too, get -EIDRM; receivers get what is left, and then -EIDRM.  As after
 * chan_close(CHAN_DRAIN), every send that returned success is delivered.  A reservation
 * can't be committed any more (-EIDRM).  The end does not wait for leases: they can be
 * acknowledged, and what is given back is received again.  Peek, purge, stat and
 * chan_close() work as before.  A channel that was closed, before or after, ends with
 * -EPIPE.  The memory is freed when the last of its users leaves.
 *
 * Never waits, except for chand.  If the process is killed during this call, the channel is
 * there as before, or is removed, or its name is gone and its users do not know yet; then
 * they notice as described here:
 *
 * If a name goes in another way (rm(1), RemoveIPC= of systemd-logind, a file that takes its
 * place), the channel's users notice, and the channel ends in the same way.  Any call that
 * waits, or would have to, notices within a second.  A sender that always finds room
 * notices within that second and 256 messages, or 16 KiB, more; or 16 messages, if they are
 * longer than 1 KiB.  (A name that was moved, or
 * has a second hard link, is not gone.  A remover that may not write the segment, or has
 * another memory format, removes the name only; the users notice that, too.)
 *
 * Errors:
 *   -ENOENT   there is no such channel
 *   -EACCES, -EPERM   the channel is another user's, or /dev/shm is not writable (which of
 *             the two it is depends on the C library, and on whether chand was asked)
 *   -EPERM    what has the name can't be removed: it is a directory, for example
 */
int chan_remove(const char *name);

/*
 * Remove only the channel's name, as unlink(2) does with a file's: those that have the
 * channel open go on with it, and no other process can open it.  Never waits, except for
 * chand.  If the process is killed during this call, the name may be left; then the
 * channel's users do not notice if the name goes in another way than by chan_remove().
 *
 * Errors: those of chan_remove(), and, because the segment has to be opened and marked:
 *   -EPERM    what has the name is no segment, or does not belong to OWNER
 *   -EBUSY    a process holds a lease (F_SETLEASE) on the file
 *   -EPROTONOSUPPORT, -EPROTOTYPE, -EXDEV, -EBADMSG   as chan_open()
 */
int chan_unlink(const char *name);

/*
 * Send one message of `len` bytes from `msg`, which the library copies.  Returns 0 when the
 * message is committed (in a rendezvous: when a receiver has it), or CHAN_DROPPED if the
 * overflow policy dropped it.  Waits while the channel is full, as long as `timeout` says.
 * If the process is killed before the commit, no trace of the message is left; if after it,
 * the whole message is in the channel.  In a latest the message replaces the one that is
 * there, received or not.
 *
 * Errors:
 *   -EAGAIN     the channel was seen full (a rendezvous: no receiver was seen waiting), and
 *               the timeout is 0 or the policy CHAN_FAIL
 *   -ETIMEDOUT  the time passed before there was room (a rendezvous: before a receiver had
 *               the message)
 *   -EPIPE      the channel is closed, or has no receiver left (CHAN_NEED_RECEIVERS)
 *   -EMSGSIZE   the message is longer than max_message
 *   -EBUSY      the timeout is 0, and a stopped process or a reservation holds the senders'
 *               lock
 *   -EBUSY      the policy is CHAN_DROP_OLDEST, and the receivers' side is exclusive, or a
 *               stopped process holds its lock (for the timeout, or a second)
 *   -ECANCELED  a rendezvous: chan_purge() removed the message before a receiver had it
 *   -EBADF      the endpoint is not for sending
 *   -EPERM      the endpoint is another thread's exclusive one
 *   -EDEADLK    this thread has a reservation open, by this or another endpoint of the
 *               channel
 *   -EINTR      chan_interrupt() ended the wait
 */
int chan_send(chan_t *ch, const void *msg, size_t len, int64_t timeout);

/*
 * Receive one message into `buf`, which has room for `size` bytes, and return its length
 * in bytes, which may be 0.  Waits while the channel is empty, as long as `timeout` says.
 * Once this call has returned a message, no other receiver gets it.  If the process is
 * killed during the call, the message is still there for another receiver, or it was
 * consumed.  From a latest, each endpoint receives each value that it finds, once, and the
 * value stays; a new endpoint has received none.  A value that a close finds unreceived is
 * still received before the end.  No lock is needed; a call with timeout 0 returns -EBUSY
 * if senders replaced the value a thousand times while it copied.  From a broadcast the
 * endpoint receives its next message, and no lock is needed either.
 *
 * Errors:
 *   -EAGAIN     the timeout is 0, and the channel was seen empty
 *   -ETIMEDOUT  the time passed before there was a message
 *   -EPIPE      the channel has ended: it is closed and nothing is left, or was closed with
 *               CHAN_DISCARD, or has no sender left (CHAN_END_WITH_SENDERS)
 *   -EBUSY      the timeout is 0, and a stopped process holds the receivers' lock
 *   -EMSGSIZE   the message is longer than `size`, and stays: chan_error_size() returns its
 *               length
 *   -EOVERFLOW  a subscriber was lapped: messages are lost, and chan_lost() says how many.
 *               The next call goes on with the oldest message that is kept
 *   -EBADF      the endpoint is not for receiving
 *   -EPERM      the endpoint is another thread's exclusive one
 *   -EDEADLK    the call would have to wait, and this thread has a reservation open in the
 *               channel, so that nobody can send
 *   -EINTR      chan_interrupt() ended the wait
 */
ssize_t chan_recv(chan_t *ch, void *buf, size_t size, int64_t timeout);

/*
 * Send a prefix of msg[0..n-1] and return how many messages that is.  Waits, if need be,
 * until there is room for the first message, then sends as many as there is room for and
 * publishes them with one store: receivers see all of those or none, and so does a crash.
 * In a rendezvous each message is handed over by itself; in a latest all count as sent, and
 * the last one is the value.  A message longer than max_message ends the batch.  A message
 * that the overflow policy dropped counts as sent.
 *
 * Errors: those of chan_send(), if not even the first message was sent, and
 *   -EINVAL   n is 0 or above INT_MAX
 */
int chan_send_batch(chan_t *ch, const struct iovec *msg, unsigned n, int64_t timeout);

/*
 * Receive 1 to n messages and return how many.  Waits for the first one only.  Message i
 * goes to buf[i].iov_base, which has room for buf[i].iov_len bytes; iov_len is set to its
 * length.  A message that does not fit ends the batch and stays.  If the process is killed
 * during the call, each message is still there or was consumed.
 *
 * Errors: those of chan_recv(), if not even the first message was received, and
 *   -EINVAL   n is 0 or above INT_MAX
 */
int chan_recv_batch(chan_t *ch, struct iovec *buf, unsigned n, int64_t timeout);

/*
 * Send in place: reserve `len` bytes inside the ring and set *ret to them.  They are
 * aligned to 16, hold what was there before, and are the caller's to write until
 * chan_commit(), chan_abort() or chan_detach().  Waits while the channel is full, as long as
 * `timeout` says.  The senders' lock is held until the same thread commits or aborts, and
 * other senders wait that long, so it should be soon.  If the process is killed in between,
 * no trace of the reservation is left.  The drop policies drop nothing for a reservation: a
 * full channel is -EAGAIN, as with CHAN_FAIL.
 *
 * Errors: those of chan_send() (-EDEADLK if this thread has a reservation open in the
 * channel already) without -ECANCELED, and
 *   -ENOLCK   this thread keeps 1024 reservations and exclusive sides (an exclusive
 *             endpoint has its lock already and needs no more)
 */
int chan_reserve(chan_t *ch, void **ret, size_t len, int64_t timeout);

/*
 * Send the first `len` bytes of the reservation, and end it.  Returns 0; or CHAN_DROPPED in
 * a rendezvous whose policy is CHAN_DROP_NEWEST, if no receiver waits.  Same thread as
 * chan_reserve().  Never waits, except in a rendezvous: for a receiver, as long as
 * chan_reserve()'s timeout says.  A crash leaves what it leaves in chan_send().
 *
 * Errors that end the reservation, as -EIDRM, -EBADMSG and -EBADFD do:
 *   -EPIPE      the channel is closed, or has no receiver left (CHAN_NEED_RECEIVERS)
 *   -EAGAIN, -ETIMEDOUT, -ECANCELED, -EINTR   a rendezvous: as chan_send()
 * and those after which it is as it was:
 *   -EINVAL     `len` is more than was reserved, or no reservation is open
 *   -EPERM      the reservation is another thread's
 */
int chan_commit(chan_t *ch, size_t len);

/* Drop the reservation: nothing is sent, and other senders may go on.  Same thread as
 * chan_reserve().  Does nothing if there is no reservation, or it is another thread's.
 * Never waits. */
void chan_abort(chan_t *ch);

/* A message taken under a lease.  `data` is memory inside the ring, aligned to 16, that can
 * be read until the lease ends or the endpoint is detached.  The peers can write it, too:
 * copy what you check before you check it. */
struct chan_lease {
	const void *data;
	size_t len;
	uint64_t seq;	   /* 1, 2, ...: place in the channel's order */
	uint64_t pos;	   /* the library's */
	uint32_t attempt;  /* 1 on first delivery */
	uint32_t reserved; /* the library's */
};

/*
 * Take 1 to n messages under a lease, to be read in place with no lock held; set ret[0..]
 * and return how many.  Waits for the first one only, as long as `timeout` says.  Each
 * message stays the endpoint's until chan_ack(), chan_release() or chan_untake().  When
 * the endpoint detaches or its process dies, what it holds goes back to the channel and is
 * delivered again, before newer messages, with `attempt` counted up (to 65535 at most).
 * Space is freed in ring order, as the oldest messages are acknowledged: one that is held
 * for long fills the channel.  In a broadcast a subscriber that holds the ring takes its next
 * messages, `attempt` is 1, and nobody else gets them when it leaves, but the next user of its
 * group.
 *
 * Errors: those of chan_recv() without -EMSGSIZE, and
 *   -EINVAL   n is 0 or above INT_MAX; or a broadcast's subscriber loses, so that what it
 *             reads in place may be overwritten
 *   -ESTALE   a broadcast's subscriber was evicted
 */
int chan_take(chan_t *ch, struct chan_lease *ret, unsigned n, int64_t timeout);

/*
 * Acknowledge n leases: their messages are consumed.  Returns how many were acknowledged:
 * all n, or those before the first one that is not (any more) this endpoint's.  Any thread
 * may, except with an exclusive endpoint; but not two threads the same lease at the same
 * time.  Waits for the receivers' lock only, and without a bound; not even for that if the
 * leases are the oldest in the channel.  Works after a close and a removal.  If the process is
 * killed during this call, each message is acknowledged, or is delivered again.
 *
 * Errors:
 *   -ESTALE   lease[0] is not (any more) this endpoint's; in a broadcast, where what was taken
 *             before a message is acknowledged with it, also: a later one was acknowledged, or
 *             the subscriber was evicted, and what it read may have been overwritten
 *   -EINVAL   n is above INT_MAX
 *   -EBADF    the endpoint is not for receiving
 *   -EPERM    the endpoint is another thread's exclusive one
 *   -EINTR    chan_interrupt() ended the wait for the lock; nothing was acknowledged
 */
int chan_ack(chan_t *ch, const struct chan_lease *lease, unsigned n);

/* Give n leases back, so that their messages are delivered again.  Rules, result and errors
 * as chan_ack().  In a broadcast that gives back what was taken after them, too, and is -EINVAL
 * if a message behind them was received by chan_recv(). */
int chan_release(chan_t *ch, const struct chan_lease *lease, unsigned n);

/* The same, and this delivery does not count in `attempt`: for a receiver that could not
 * begin on the message, through no fault of the message.  Rules, result and errors as
 * chan_ack(). */
int chan_untake(chan_t *ch, const struct chan_lease *lease, unsigned n);

/* Bounds of what is in a header: bytes of a key; of a reply address; and of all pairs, each with
 * its '=' and a NUL. */
#define CHAN_KEY_MAX 255
#define CHAN_REPLY_MAX 255
#define CHAN_HEADER_MAX 1024

/* Flags of a header. */
enum {
	CHAN_META_HAS_ID = 1u << 0,	  /* `id` is one */
	CHAN_META_HAS_KEY = 1u << 1,	  /* `key` is one, and be it empty */
	CHAN_META_HAS_PRIORITY = 1u << 2, /* `priority` is one */
	/* What requests and replies say: chan_request(). */
	CHAN_META_REPLY = 1u << 3,  /* it answers the request `correlation` */
	CHAN_META_MORE = 1u << 4,   /* of a reply: it is not the last one */
	CHAN_META_ONCE = 1u << 5,   /* of a request: it must not be delivered twice */
	CHAN_META_BROKEN = 1u << 6, /* the library's: the request's server has died */
	/* Said by a sender only: carry a key or a priority that decides nothing in this channel, as
	 * a copy of a message from another channel does.  Without it that is an error. */
	CHAN_META_KEEP = 1u << 7,
};

/*
 * The header of a message, in a channel with CHAN_META.  chan_meta_init() makes an empty one;
 * there is nothing to free.  What says "received" is set by calls that receive, and ignored by
 * those that send.  What a sender writes there is its word, `pid` and `uid`, too: a process that
 * may write the segment can write anything.  Times are kept apart from the wall clock, except
 * between time namespaces.
 */
struct chan_meta {
	uint32_t size;	      /* sizeof(struct chan_meta) */
	uint32_t flags;	      /* CHAN_META_HAS_ID | ... */
	uint64_t seq;	      /* received: 1, 2, ...: place in the channel's order */
	int64_t sent;	      /* received: when it was sent, CLOCK_REALTIME, ns */
	int64_t ttl;	      /* ns from the sending on, after which nobody gets it; 0: any time.
			       * Received: how much of that is left */
	int64_t delay;	      /* ns from the sending on, before which nobody gets it; 0: at once.
			       * Received: how much of that is left */
	uint64_t correlation; /* which request, for requests and replies */
	int32_t pid;	      /* received: the sender's process */
	uint32_t uid;	      /* received: its effective user when it opened the channel */
	int32_t status;	      /* of a reply */
	uint32_t attempt;     /* received: 1 on first delivery */
	uint32_t key_length;
	uint32_t header_length;
	uint8_t id[16];
	uint8_t priority; /* 0 to 7 */
	uint8_t reserved[7];
	char reply_to[CHAN_REPLY_MAX + 1]; /* the channel that replies go to; "": none */
	char key[CHAN_KEY_MAX + 1];	   /* any bytes; received: with a NUL behind them */
	/* name=value, each with a NUL behind it: chan_meta_put() */
	char header[CHAN_HEADER_MAX];
};

/* Make an empty header. */
void chan_meta_init(struct chan_meta *meta);

/*
 * Set the pair of that name to `value`, in place of one that is there.
 *
 * Errors:
 *   -EINVAL    the name is empty or has a '='
 *   -EMSGSIZE  all pairs would have more than CHAN_HEADER_MAX bytes
 */
int chan_meta_put(struct chan_meta *meta, const char *name, const char *value);

/* Return the value of the pair of that name, which is part of *meta, or NULL if there is none. */
const char *chan_meta_get(const struct chan_meta *meta, const char *name);

/*
 * Send a message with a header, or with an empty one if `meta` is NULL.  In a channel with
 * CHAN_META every message has one: what is sent in another way has one that says when and by
 * whom it was sent.  All calls go on such a channel.  Otherwise as chan_send(), or
 * CHAN_DUPLICATE, with nothing sent, if a message of this id was sent before and is remembered
 * (chan_options.dedup); that never waits for room.
 *
 * Errors: those of chan_send(), and, with nothing sent:
 *   -EINVAL    the channel is one without headers; or a member is outside its bounds; or there is
 *              a key or a priority, no lanes go by it, and CHAN_META_KEEP is not set:
 *              chan_error_detail() says which
 */
int chan_send_meta(
	chan_t *ch, const void *msg, size_t len, const struct chan_meta *meta, int64_t timeout);

/*
 * Receive a message as chan_recv() does, and set *ret to its header.  The caller sets ret->size.
 *
 * Errors: those of chan_recv(), and, with nothing received:
 *   -EINVAL    the channel is one without headers; or ret->size is less than in this library
 */
ssize_t chan_recv_meta(chan_t *ch, void *buf, size_t size, struct chan_meta *ret, int64_t timeout);

/*
 * Set *ret to the header of a message that is taken: chan_take(), which has not ended yet.  The
 * caller sets ret->size.  Never waits.
 *
 * Errors:
 *   -EINVAL    the channel is one without headers; or ret->size is less than in this library
 *   -EBADMSG   a peer has spoiled it since it was taken
 */
int chan_lease_meta(const chan_t *ch, const struct chan_lease *lease, struct chan_meta *ret);

/*
 * Send a request, a message that asks for replies, in a channel with headers (CHAN_META), and
 * set *ret to its number.  The replies come to this endpoint, to its inbox, a channel that is
 * made with the first request: chan_response() returns them.  `meta` may be NULL; its reply
 * address must be empty.  Its `ttl` says for how long the request is worth a reply: a server
 * does not get it later, and sees what is left.  Thousands of requests may be outstanding.
 * Result, waiting and errors as chan_send_meta(); *ret is set if that is 0: of a duplicate or a
 * dropped request no reply comes.
 *
 * If the server dies before its last reply, the request is delivered again, to the next
 * server; so it may be carried out twice.  With CHAN_META_ONCE in the header's flags it is
 * not, and the client gets -ECONNRESET: a millisecond later, or, where the server's end can't be
 * listened to (chan_fd()), after a second.  If the client dies, what it asked is still
 * delivered, and chan_wanted() says that nobody waits.
 *
 * If the process is killed during this call, the request was sent or it was not.  What the inbox
 * takes of /dev/shm goes with its last user; the user's next inbox removes what dead
 * clients left.
 *
 * Errors: those of chan_send_meta(), and of making a channel, for the first request
 */
int chan_request(chan_t *ch, const void *msg, size_t len, const struct chan_meta *meta,
	int64_t timeout, uint64_t *ret);

/*
 * Receive a reply to the request `number`, or to any of this endpoint's if that is 0, into
 * `buf`, which has room for `size` bytes; return its length, and set *ret (which may be NULL)
 * to its header: `correlation` is the number, `status` what the server says, and
 * CHAN_META_MORE in its flags that more follow.  Without that it was the last, and the
 * request is done with.  Waits as long as `timeout` says.  Any number of threads may wait, for
 * the same or other requests.
 *
 * Errors:
 *   -EAGAIN     the timeout is 0, and there is no reply
 *   -ETIMEDOUT  the time passed; the request is still outstanding: see chan_cancel()
 *   -ECONNRESET the server died, and the request was to be tried once only; it is done with,
 *               and `correlation` in *ret is its number
 *   -ENOENT     no request of that number, or none at all, is outstanding
 *   -EMSGSIZE   the reply is longer than `size`, and stays: chan_error_size() returns its
 *               length
 *   -EPIPE      the channel was closed with CHAN_DISCARD: nobody will get the request
 *   -EINVAL     the channel has no headers
 *   -EBADF      the endpoint is not for sending
 *   -EINTR      chan_interrupt() ended the wait
 *   -ENOMEM     there is no memory for what other threads wait for
 */
ssize_t chan_response(chan_t *ch, uint64_t number, void *buf, size_t size, struct chan_meta *ret,
	int64_t timeout);

/*
 * Forget the request `number`: no reply to it is received any more.  Returns 1 if no server
 * gets it, or 0 if one has it, or had it, or that can't be seen; that one learns of it by
 * chan_wanted(), unless 32 others were cancelled since.  Waits for the receivers' lock only, a
 * second at most.  If the process is killed during this call, the request is there or
 * removed.
 *
 * Errors:
 *   -ENOENT   no request of that number is outstanding
 *   -EINVAL   the channel has no headers
 *   -EBADF    the endpoint is not for sending
 */
int chan_cancel(chan_t *ch, uint64_t number);

/*
 * Send a request and receive its reply, both within `timeout`, which is also the request's
 * `ttl` if *meta has none.  Returns the reply's length; *meta, if not NULL, is then the reply's
 * header.  If the call fails after the request was sent, it is cancelled, and so are further
 * replies (CHAN_META_MORE).
 *
 * Errors: those of chan_request() and of chan_response(), without -ENOENT, and
 *   -ECANCELED  the overflow policy dropped the request, or its id is a duplicate
 * (after -EMSGSIZE the reply is gone)
 */
ssize_t chan_call(chan_t *ch, const void *msg, size_t len, void *buf, size_t size,
	struct chan_meta *meta, int64_t timeout);

/*
 * Reply to a request that this endpoint has taken (chan_take()).  `meta` may be NULL; its
 * `status` and pairs are for the client.  With CHAN_META_MORE in its flags more replies follow;
 * without, this is the last one, and acknowledges the request.  Returns 0; or CHAN_DROPPED if
 * the client is gone: the reply is dropped and counted (chan_stat.unwanted).  Waits while
 * the client's inbox is full, as long as `timeout` says.  If the process is killed during this
 * call, the reply was sent or it was not, and the request may be delivered again; the client
 * takes the first last reply that it gets.
 *
 * Errors:
 *   -ESTALE     the request is not (any more) this endpoint's: it was replied to, for example
 *   -EINVAL     the message asks for no reply; or its address is not an inbox of its sender;
 *               or the channel has no headers; or a member of *meta is not valid: an inbox has
 *               no lanes, so a key and a priority need CHAN_META_KEEP
 *   -EMSGSIZE   the reply is longer than the inbox takes, a quarter of 64 MiB at most;
 *               chan_error_size() returns that
 *   -EAGAIN, -ETIMEDOUT, -EBUSY   the inbox stayed full; nothing was sent, and the request is
 *               still this endpoint's
 *   -EACCES     this user may not write to the client's inbox, which has the mode of this
 *               channel and the client's group
 *   -EBADF      the endpoint is not for receiving
 *   -EPERM      the endpoint is another thread's exclusive one
 *   -EMFILE     64 threads reply at once
 * or another error of chan_open(), of the inbox.
 */
int chan_reply(chan_t *ch, const struct chan_lease *request, const void *msg, size_t len,
	const struct chan_meta *meta, int64_t timeout);

/*
 * Returns 1 if a request that this endpoint has taken is still worth a reply; 0 if its client is
 * gone, or has cancelled it, or its time is over.  Makes a few system calls, and never waits
 * but for the receivers' lock.
 *
 * Errors: those of chan_reply() without those of sending
 */
int chan_wanted(chan_t *ch, const struct chan_lease *request);

/*
 * Give n leases back, so that their messages are delivered again, but not before `delay` ns.
 * Receivers that wait are awake in time.  A message that is delayed keeps its place in the ring,
 * so it fills the channel as a leased one does; it belongs to nobody, so no death makes it ready
 * too early.  A channel that was closed does not end before all that is delayed is received.
 * Rules, result and errors as chan_release(), and
 *   -EINVAL   the channel is no queue, or one without headers; or `delay` is negative
 */
int chan_release_after(chan_t *ch, const struct chan_lease *lease, unsigned n, int64_t delay);

/*
 * Bury n leased messages: they stay in the channel, and nobody gets them until chan_kick().  A
 * closed channel ends all the same.  The channel needs no headers.  Rules, result and errors as
 * chan_release(), and
 *   -EINVAL   the channel is no queue, or may have more than 4094 endpoints
 */
int chan_bury(chan_t *ch, const struct chan_lease *lease, unsigned n);

/*
 * Make up to `most` buried messages ready, the oldest first, as if they had never been delivered,
 * and return how many.  Any endpoint may, and any observer that may write the segment.  If the
 * process is killed during this call, each is ready or still buried.  Errors as chan_peek(),
 * without -EAGAIN and -EMSGSIZE, and
 *   -EINVAL   as chan_bury()
 */
int chan_kick(chan_t *ch, uint64_t most);

/*
 * Bury the message of that number, which nobody has leased, or make it ready at once, if it is
 * buried or delayed.  Rules as chan_kick(), and
 *   -ENOENT   there is no such message (any more)
 *   -EBUSY    an endpoint has it leased
 */
int chan_bury_seq(chan_t *ch, uint64_t seq);
int chan_release_seq(chan_t *ch, uint64_t seq);

/* What a case of chan_select() does. */
enum chan_op {
	CHAN_OP_RECV = 1, /* as chan_recv(ch, data, len) */
	CHAN_OP_TAKE = 2, /* as chan_take(ch, data, len): `data` is an array of leases */
	CHAN_OP_SEND = 3, /* as chan_send(ch, data, len) */
};

/* How chan_select() goes about it. */
enum {
	CHAN_BIASED = 1u << 0,	   /* of several cases that can go on, take the first */
	CHAN_ONLY_READY = 1u << 1, /* only say which case can go on, and execute none */
};

/* One case.  `size` must be sizeof(struct chan_case), in each of them. */
struct chan_case {
	uint32_t size;
	uint32_t op;	/* enum chan_op */
	chan_t *ch;	/* an endpoint of the op's role; several cases may have the same */
	void *data;	/* chan_select() does not write to a message that it sends */
	size_t len;	/* bytes, or leases */
	ssize_t result; /* set for the case that was executed: what the op's call returns */
};

/*
 * Wait until one of the n cases can go on, execute that one and no other, set its `result`,
 * and return its number, 0 to n - 1.  A channel that is closed, removed or damaged, and a
 * message that is too long, are outcomes of their case: its `result` is the error.  Of
 * several cases that can go on one is taken by chance, or the first with CHAN_BIASED.  With
 * CHAN_ONLY_READY nothing is executed, and `result` is 0 or the error that the case would
 * have; another process may be faster before the caller executes it.  A send to a rendezvous
 * can go on while a receiver waits, which may be another chan_select().
 *
 * If the process is killed during this call, the case was executed or it was not, as with
 * the op's own call.  Above 120 cases, each call that has to wait makes a set
 * (chan_set_create()), and fails where that fails; keep a set for so many.
 *
 * Errors of the whole call; no case was executed:
 *   -EAGAIN     the timeout is 0, and no case can go on
 *   -ETIMEDOUT  the time passed before a case could go on
 *   -EBUSY      the timeout is 0, no case can go on, and of at least one that could not be
 *               seen: a stopped process holds its channel's lock
 *   -EINTR      chan_interrupt() of one of the endpoints ended the wait
 *   -EINVAL     there is no case, or one is not valid: chan_error_detail() says which
 *   -EBADF      an endpoint is not for what its case does
 *   -EPERM      an endpoint is another thread's exclusive one
 *   -EDEADLK    this thread has a reservation open in the channel of a case that sends
 *   -EMFILE, -EACCES, -ENFILE, -ENOMEM, -EOPNOTSUPP, -EIO   as chan_set_create() and
 *               chan_set_add(), above 120 cases
 */
int chan_select(struct chan_case *cases, unsigned n, int64_t timeout, unsigned flags);

/*
 * Return a descriptor for poll(2), epoll(7), io_uring and event loops on them, that is
 * readable while the endpoint's next call of that role, CHAN_SEND or CHAN_RECV, may go on.
 * It is the same for each call with the same role, and belongs to the endpoint, which closes
 * it in chan_detach(): take it out of the loop before that; who wants one of its own calls
 * dup(2).  Never read it.  Wait for POLLIN, for both roles, level-triggered; edge-triggered
 * also works if the calls go on until -EAGAIN.
 *
 * It stays readable until a call of that role with timeout 0 returns -EAGAIN, so a loop may
 * make one call each time it is called.  A readable descriptor is no promise: another
 * receiver may have been faster, so only ever call with timeout 0.  That call may spin for
 * some microseconds first, if that paid lately.  A channel that ended, and a send that drops
 * instead of waiting, can always go on.
 *
 * Nothing has to be done when peers die: the end of a process that had the channel open makes
 * the descriptor readable.  A peer that is stopped (SIGSTOP) after it committed a message and
 * before it rang delays the loop until it goes on or another one sends.  An idle channel
 * costs nothing; a busy one costs a peer one system call each time this endpoint's call has
 * returned -EAGAIN.  After fork() the child has no use for it.
 *
 * If a broadcast's sender finds no room because of a subscriber that will be evicted, the
 * descriptor becomes readable when that one's patience ends; and if a message is delayed, when it
 * is due.  For that the endpoint has a thread, from the first time on.
 *
 * The descriptor is an inotify(7) instance.  Where there can't be one, because the user's
 * are used up (fs.inotify.max_user_instances), or because chand opened the channel for a
 * user who may not open its file, it is an eventfd(2) and a thread, which costs more: it
 * makes the descriptor readable each second.  A set (chan_set_create()) needs one instance
 * for all its channels.
 *
 * Errors:
 *   -EINVAL   role is neither
 *   -EBADF    the endpoint is not for that
 *   -EPERM    the endpoint is another thread's exclusive one
 *   -EMFILE, -ENFILE, -ENOMEM, -EOPNOTSUPP, -EIO   as for calls that take a name
 */
int chan_fd(chan_t *ch, unsigned role);

/* A futex(2) word to sleep on, and the value that it must have. */
struct chan_futex {
	const uint32_t *word;
	uint32_t value;
	uint32_t reserved;
};

/*
 * For programs that own an io_uring(7), and sleep there in IORING_OP_FUTEX_WAIT (Linux 6.7):
 * announce that a call of the role CHAN_SEND or CHAN_RECV is about to sleep, and set *ret to
 * where.  After this, make the call with timeout 0.  Only if that returns -EAGAIN, sleep
 * while the word has the value (FUTEX2_SIZE_U32, not FUTEX2_PRIVATE), for a second at most:
 * a peer that was killed between its message and its wake-up wakes nobody.  Then begin again
 * with this function, or end the wait with chan_futex_leave().  The word is good until
 * chan_detach(), which must not come while the ring sleeps on it.
 *
 * Errors:
 *   -EINVAL      role is neither
 *   -EBADF       the endpoint is not for that
 *   -EPERM       the endpoint is another thread's exclusive one
 *   -EOPNOTSUPP  the library was built without futexes
 *   -EACCES, -EROFS   the endpoint is a reader of the latest value that may not write
 */
int chan_futex(chan_t *ch, unsigned role, struct chan_futex *ret);

/* End a wait that slept, whether its call went on at last or not: a wake-up that it may have
 * taken from another waiter is passed on.  Errors as chan_futex(). */
int chan_futex_leave(chan_t *ch, unsigned role);

/* A set: many endpoints to wait for.  Opaque. */
typedef struct chan_set chan_set_t;

/* A member of a set that is ready. */
struct chan_ready {
	chan_t *ch;
	void *data;    /* as given to chan_set_add() */
	uint32_t role; /* CHAN_SEND or CHAN_RECV */
	uint32_t reserved;
};

/*
 * Make an empty set, to wait for any number of endpoints.  What a wait costs follows what
 * became ready, not what is in the set.  A set has one descriptor.  One thread at a time may
 * use it; it may be another one each time, except where an exclusive endpoint is in it.
 *
 * Errors:
 *   -EMFILE   the process has no descriptors left, or the user's inotify(7) instances
 *             (fs.inotify.max_user_instances; one for each set) are used up
 *   -ENFILE, -ENOMEM, -EOPNOTSUPP, -EIO   as for calls that take a name
 */
int chan_set_create(chan_set_t **ret);

/* Free a set, which may be NULL.  Its endpoints go on.  No other thread may be in a call on
 * the set. */
void chan_set_destroy(chan_set_t *set);

/*
 * Add an endpoint for a role, CHAN_SEND or CHAN_RECV; for both, add it twice.  `data` is the
 * caller's.  An endpoint that is detached while it is in a set is ready, and each call on it
 * returns -ENOTCONN, until it is removed; its handle is freed then.
 *
 * Errors:
 *   -EINVAL   role is neither
 *   -EBADF    the endpoint is not for that
 *   -EPERM    the endpoint is another thread's exclusive one
 *   -EEXIST   it is in the set already, for that role
 *   -EBUSY    another thread uses the set
 *   -EMFILE   the user watches as many files as fs.inotify.max_user_watches allows
 *   -EACCES   chand opened the channel for this user, who may not open the file itself
 *   -ENOMEM, -EOPNOTSUPP, -EIO   as for calls that take a name
 */
int chan_set_add(chan_set_t *set, chan_t *ch, unsigned role, void *data);

/*
 * Remove an endpoint for a role.
 *
 * Errors:
 *   -ENOENT   it is not in the set
 *   -EBUSY    another thread uses the set
 */
int chan_set_remove(chan_set_t *set, chan_t *ch, unsigned role);

/*
 * Wait until a member is ready: until its next call of that role may go on, and be it with an
 * error, as when the channel ended.  To send, a message of max_message bytes has room.  Sets
 * ret[0..n-1] to members that are ready, and returns how many; there may be more, and they
 * come first the next time.  A member stays ready until its calls find nothing: another
 * receiver may have been faster, so call with timeout 0.
 *
 * Deaths of peers, and peers that are stopped, as in chan_fd().
 *
 * Errors:
 *   -EAGAIN     the timeout is 0, and no member is ready
 *   -ETIMEDOUT  the time passed before one was ready
 *   -EBUSY      the timeout is 0, no member is ready, and of at least one that could not be
 *               seen: a stopped process holds its channel's lock
 *   -EBUSY      another thread uses the set
 *   -EINTR      chan_interrupt() of a member ended the wait
 */
int chan_set_wait(chan_set_t *set, struct chan_ready *ret, unsigned n, int64_t timeout);

/*
 * Return a descriptor that is readable while chan_set_wait() may return members, until that
 * is called with timeout 0 and returns -EAGAIN; so a set can be part of an event loop.  It
 * belongs to the set; otherwise as chan_fd().
 *
 * Errors:
 *   -EBUSY    another thread uses the set
 */
int chan_set_fd(chan_set_t *set);

/* Flags of a cursor. */
enum {
	CHAN_LEASED_TOO = 1u << 0, /* set by the caller: show leased messages, too */
	CHAN_IS_LEASED = 1u << 1,  /* set by chan_peek(): the message just shown is leased */
	/* Set by chan_peek(), with CHAN_LEASED_TOO: it is delayed, or buried. */
	CHAN_IS_DELAYED = 1u << 2,
	CHAN_IS_BURIED = 1u << 3,
};

/* Where chan_peek() stands.  Start with zeros, except for the flags. */
struct chan_cursor {
	uint64_t pos;	  /* the library's */
	uint64_t seq;	  /* of the message just shown */
	uint32_t attempt; /* deliveries it has had so far */
	uint32_t flags;	  /* CHAN_LEASED_TOO | CHAN_IS_LEASED */
};

/*
 * Copy the next undelivered message (or leased one, with CHAN_LEASED_TOO) at or after the
 * cursor into `buf`, which has room for `size` bytes, and move the cursor behind it.
 * Returns its length in bytes.  The message is not consumed, and a crash leaves nothing.
 * Any endpoint may, and any observer that may write the segment.  Waits for the receivers'
 * lock only, a second at most.  Of a latest: the value, received or not, if it is newer than
 * the one that the cursor stands behind; any endpoint and observer may, and it never waits.
 *
 * Errors:
 *   -EAGAIN    there is no message at or after the cursor
 *   -EMSGSIZE  the message is longer than `size`; the cursor stays, and chan_error_size()
 *              returns the length
 *   -EINVAL    the cursor leads to no message
 *   -EBUSY     another endpoint has the receivers' side exclusively, or a stopped process
 *              holds its lock
 *   -EPERM     the endpoint is another thread's exclusive one
 *   -EINTR     chan_interrupt() ended the wait for the lock
 *   -EACCES    the endpoint is an observer that may not write the segment
 *   -EROFS     the endpoint is an observer, because /dev/shm is mounted read-only
 */
ssize_t chan_peek(chan_t *ch, void *buf, size_t size, struct chan_cursor *at);

/*
 * Do the same, and set *ret to the message's header.  The caller sets ret->size.
 *
 * Errors: those of chan_peek(), and
 *   -EINVAL    the channel is one without headers; or ret->size is less than in this library
 */
ssize_t chan_peek_meta(
	chan_t *ch, void *buf, size_t size, struct chan_cursor *at, struct chan_meta *ret);

/*
 * Drop every undelivered message and return how many.  Leased ones stay leased.  A
 * rendezvous sender whose message is dropped gets -ECANCELED.  If the process is killed
 * during this call, each message is dropped and counted, or is still there.  Rules and
 * errors as chan_peek(), without -EAGAIN and -EMSGSIZE, and
 *   -EINVAL    the channel is a latest or a broadcast
 */
int64_t chan_purge(chan_t *ch);

/*
 * Pause the channel, if `on`, or let it go on: while it is paused, receivers find nothing, as
 * if it were empty, and wait or get -EAGAIN.  Senders go on until it is full; leases stay, and
 * can be acknowledged and given back; chan_peek() and chan_purge() see all messages.  It stays
 * paused when this process ends, also in a channel that is closed; one that is removed is not
 * paused any more.  Never waits.  If the process is killed during this call, the channel is
 * paused or it is not; a receiver that it did not wake goes on within a second (with chand,
 * at once).
 *
 * Errors:
 *   -ENOTCONN  the endpoint is the parent's
 *   -EINVAL    the channel is a latest or a broadcast
 *   -EACCES    the endpoint is an observer that may not write the segment
 *   -EROFS     the endpoint is an observer, because /dev/shm is mounted read-only
 */
int chan_pause(chan_t *ch, int on);

/*
 * Set this endpoint's overflow policy, for the sends from now on, in place of the
 * channel's.  Other endpoints keep theirs.  Never waits.
 *
 * Errors:
 *   -EINVAL   there is no such policy, or the channel's kind can't have it
 */
int chan_set_overflow(chan_t *ch, unsigned overflow);

/*
 * With on != 0: calls that wait on this endpoint, now and later, return -EINTR in place of
 * waiting, until this is called with 0.  It stays set, so a signal that comes just before
 * the call that it is to end is not missed.  Async-signal-safe, any thread, never waits.
 * (In a library built with CONDVAR=pthread a sleeping thread notices within a second.)
 * shmchan(7) says how a binding for an interpreter uses it.
 */
void chan_interrupt(chan_t *ch, int on);

/* A channel's state, read without a lock: each figure is right for an instant, but not all
 * of them for the same instant. */
struct chan_stat {
	uint32_t size; /* sizeof(struct chan_stat), set by the caller */
	uint32_t flags;
	uint64_t capacity;	 /* usable bytes of the ring, 0 for the other kinds */
	uint64_t used;		 /* bytes of it in use, headers included; of a latest the
				  * length of the value */
	uint64_t depth;		 /* messages not yet consumed, with leased ones and
				  * those that are done behind a leased one; in a
				  * rendezvous those that were taken back count until a
				  * receiver looks; in a latest 1 if there is a value */
	uint64_t sent;		 /* messages ever committed; in a rendezvous those that
				  * were taken back, too */
	uint64_t received;	 /* those of `sent` that have left and were not dropped; 0
				  * in a latest, whose receivers leave no trace */
	uint64_t dropped_newest; /* messages dropped by CHAN_DROP_NEWEST */
	uint64_t dropped_oldest; /* messages dropped by CHAN_DROP_OLDEST, or purged */
	uint64_t redelivered;	 /* leases given back; +-1 for each crash */
	uint64_t recoveries;	 /* dead lock owners that were cleaned up after */
	uint64_t bytes;		 /* ring bytes ever sent, headers included; 0 in a latest */
	uint64_t segment;	 /* bytes of shared memory */
	int64_t created;	 /* CLOCK_REALTIME, ns */
	uint64_t linger;
	uint32_t max_message;
	uint32_t overflow;
	uint32_t mode;
	uint32_t uid; /* owner */
	uint32_t gid;
	uint32_t lifetime;
	uint32_t kind;
	uint32_t endpoints; /* size of the endpoint table */
	uint32_t senders;   /* endpoints alive now; one that does both */
	uint32_t receivers; /*   counts in both */
	uint32_t closed;    /* 0 no, 1 draining, 2 discarding */
	uint32_t damaged;   /* 1: damage was found */
	uint32_t removed;   /* 0 no, 1 the channel was removed, 2 only its name was
			     * (chan_unlink()) */
	uint32_t format;    /* format version of the segment */
	uint32_t full;	    /* 1: there is no room for a message of max_message bytes */
	uint32_t condvar;   /* 1 futex, 2 pthread */
	int64_t idle;	    /* CHAN_REF: ns since its last endpoint left; 0: it is in use, or
			     * never was; -1: not known, because the last endpoint was
			     * killed and no process has looked for it yet */
	/* Newest messages that CHAN_DROP_OLDEST dropped, because a living receiver had leased
	 * the oldest.  They count in neither of the other two. */
	uint64_t dropped_leased;
	uint32_t paused; /* 1: chan_pause() */
	uint32_t reserved;
	uint64_t type; /* as in struct chan_options */
	/* Of a broadcast; else 0.  `used` and `depth` there are what the slowest subscriber
	 * that holds the ring has not received yet, and `received` is 0. */
	uint64_t kept;	     /* messages that are kept, received or not */
	uint64_t lost;	     /* messages that subscribers lost, each of them counted */
	uint64_t evicted;    /* subscribers that were evicted so far */
	uint64_t patience;   /* as in struct chan_options */
	uint32_t on_lag;     /* enum chan_on_lag of subscribers that don't say */
	uint32_t max_groups; /* most groups at once */
	/* Of a channel that may grow, else 0.  `capacity` is then what it has now, and
	 * `segment` what it has taken from /dev/shm, header and all. */
	uint64_t start_capacity; /* what it was made with */
	uint64_t max_capacity;	 /* what it may have */
	uint64_t peak_capacity;	 /* the most that it had */
	uint64_t grown;		 /* how often it grew; +-1 for each crash */
	int64_t grown_at;	 /* when it last grew, CLOCK_REALTIME, ns */
	int32_t grown_by;	 /* the process that sent then */
	uint32_t grown_why;	 /* enum chan_grown */
	uint32_t grow_error;	 /* errno of the last try to grow, if that failed: as ENOSPC */
	uint32_t unused;
	/* Of messages with a header, else 0.  They count neither as received nor as dropped; in a
	 * broadcast each subscriber that passed one counts. */
	uint64_t expired;   /* messages that nobody got in time */
	uint64_t malformed; /* messages whose header makes no sense: nobody gets them */
	uint64_t delayed;   /* of `depth`: not due yet, as far as a receiver has seen them */
	uint64_t buried;    /* of `depth`, also without headers: see chan_bury() */
	uint64_t unwanted;  /* replies that were dropped, since the client was gone */
	uint32_t lanes;	    /* 0: it has none.  What is counted is counted in all of them */
	uint32_t lane_by;   /* enum chan_lane_by */
	char dead_letter[CHAN_PLACE_MAX + 1]; /* as UID/NAME; "": none */
	uint32_t dedup;			      /* chan_options.dedup, dedup_age */
	uint32_t max_deliver;		      /* 0: it is not said */
	uint64_t dedup_age;
	uint64_t duplicates; /* messages that were not sent again, since their id was known */
};

/* Why a channel grew. */
enum chan_grown {
	CHAN_GROWN_NEVER = 0,
	CHAN_GROWN_FULL = 1,  /* it was full */
	CHAN_GROWN_LARGE = 2, /* a message was larger than the whole ring */
};

/*
 * Fill *ret with the channel's state.  The caller sets ret->size; if it is smaller than in
 * this library, only so many bytes are filled.  Takes no lock and never waits, but makes a
 * system call for each live endpoint.  An observer needs no right to write.
 *
 * Errors:
 *   -EINVAL   ret->size is more than this library knows, or less than 8
 *   -ENOMEM, -EOPNOTSUPP, -EIO   the system can't examine the segment's file
 */
int chan_stat(const chan_t *ch, struct chan_stat *ret);

/* A live endpoint, as it registered itself. */
struct chan_endpoint {
	uint32_t id;
	uint32_t roles; /* CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE */
	int32_t pid;
	uint32_t uid;
	int64_t attached; /* CLOCK_REALTIME, ns */
	int64_t waiting;  /* CLOCK_MONOTONIC, ns: since when a call on it waits, 0 if none
			   * does; if it waits in another time namespace, whose clock
			   * differs, the time of this call */
	char command[16]; /* NUL-terminated, unprintable bytes as '?' */
};

/*
 * Set ret[0..n-1] to the live endpoints, and return how many there are, which may be more
 * than n.  Takes no lock and never waits, but makes a system call for each endpoint.
 */
int chan_endpoints(const chan_t *ch, struct chan_endpoint *ret, unsigned n);

/* What a subscriber is, besides its policy. */
enum chan_subscriber_state {
	CHAN_SUBSCRIBER_ACTIVE = 0,
	CHAN_SUBSCRIBER_EVICTED = 1, /* it made a sender wait for too long, and now it loses */
	CHAN_SUBSCRIBER_EXPIRED = 2, /* a group that was unused for too long */
};

/* A subscriber of a broadcast, or a group.  Readers are not known. */
struct chan_subscriber {
	uint32_t size;	/* set by the call */
	uint32_t state; /* enum chan_subscriber_state */
	uint32_t on_lag;
	uint32_t id; /* as in struct chan_endpoint; UINT32_MAX: a group without a user */
	int32_t pid; /* 0: a group without a user */
	uint32_t reserved;
	uint64_t seq;	    /* the number of the next message for it */
	uint64_t lag;	    /* messages that it has not received, or not acknowledged, yet */
	uint64_t lag_bytes; /* the same in bytes of the ring */
	uint64_t lost;	    /* messages that it lost so far */
	uint64_t patience;
	uint64_t group_age;
	char group[CHAN_GROUP_MAX + 1]; /* "": it is none */
};

/*
 * Set ret[0..n-1] to the live subscribers and the groups of a broadcast, and return how many
 * there are, which may be more than n; 0 for another kind.  Takes no lock and never waits, but
 * makes a system call for each.  An observer needs no right to write.
 */
int chan_subscribers(const chan_t *ch, struct chan_subscriber *ret, unsigned n);

/*
 * Remove a group: what it has not received is nobody's.  Any endpoint may, and any observer
 * that may write the segment.  Waits for the receivers' lock only, a second at most.  If the
 * process is killed during this call, the group is there or it is not.
 *
 * Errors:
 *   -ENOENT   there is no such group
 *   -EBUSY    an endpoint uses it, or a stopped process holds the lock
 *   -EINVAL   the channel is no broadcast
 *   -EACCES, -EROFS   the endpoint is an observer that may not write the segment
 */
int chan_remove_group(chan_t *ch, const char *group);

/*
 * Do now what the next user of the channel would do later: recover the locks of dead
 * owners, give back the leases of dead endpoints, and wake everybody whose wake-up may have
 * died with its sender.  Returns how many messages were given back.  If the process is
 * killed during this call, the next user does the rest.  Rules and errors as chan_peek(),
 * without -EAGAIN, -EMSGSIZE and -EINVAL.
 */
int chan_recover(chan_t *ch);

/*
 * Call fn(name, arg) for every channel there is, in no order, until fn returns non-zero.
 * Returns that, or 0.  `name` is `NAME` for the caller's own channels and `OWNER/NAME` for
 * others; it is good until fn returns.  This lists names only: opening one may fail.  fn
 * may call any function of this library, and is not cancelled.
 *
 * Errors:
 *   -EOPNOTSUPP  there is no /dev/shm, or the system refuses a call that is needed
 *   -EACCES      this user may not read /dev/shm
 *   -EMFILE, -ENFILE, -ENOMEM, -EIO   as for calls that take a name
 */
int chan_list(int (*fn)(const char *name, void *arg), void *arg);

/*
 * Remove the channel `name` if it is a CHAN_REF channel whose endpoints are all gone and
 * whose linger has passed.  (chan_open() does so by itself with the name that it opens.)
 * Returns 1 if it was removed; 0 if it is in use, was never used, is not of that lifetime,
 * or is not this user's to remove.  Never waits, and does not ask chand.  If the process is
 * killed during this call, the channel is removed or it is not.
 *
 * Errors:
 *   -ENOENT   there is no such channel
 *   -EACCES, -EPERM, -EPROTONOSUPPORT, -EPROTOTYPE, -EXDEV, -EBADMSG   as chan_open()
 *   -EBUSY    a process holds a lease (F_SETLEASE) on the file
 */
int chan_collect(const char *name);

/* Return what an error means in a channel's terms.  `err` may be negative, as returned, or
 * positive.  Never NULL; the text is constant. */
const char *chan_strerror(int err);

/*
 * Return what else is known of the error `err` that a call has just returned to this thread:
 * which argument is wrong and what its limits are, which limit was reached, which system
 * call failed and how.  It is a line of text for people, without a full stop, or "" if
 * there is no more to say.  It is good until this thread's next call.
 */
const char *chan_error_detail(int err);

/*
 * Return the size in bytes that the error `err` was about, which a call has just returned to
 * this thread, or 0 if there is none:
 *   -EMSGSIZE of a receive or peek   the length of the message, which is still there;
 *                                    another receiver may take it first
 *   -EMSGSIZE of a send              the channel's max_message
 *   -ENOSPC, -EFBIG                  the bytes that the segment needs
 *   -EINVAL of a max_message         the capacity that it needs
 *   -EOVERFLOW of a receive          the number of messages that are lost
 * A buffer of chan_stat.max_message bytes takes every message, and chan_take() needs none.
 */
uint64_t chan_error_size(int err);

/* Return the version of the library at run time, as CHAN_VERSION. */
const char *chan_version(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
