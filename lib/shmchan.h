/* SPDX-License-Identifier: MIT */
/*
 * shmchan: message channels between processes, in shared memory.
 *
 * The model.  A *channel* is a named, bounded queue of messages in a POSIX
 * shared memory object, its *segment*.  A process opens an *endpoint* of it, to
 * send, to receive, or both.  Messages are opaque bytes, 0 to `max_message`
 * long; their boundaries are kept, and their order is kept for each sender.  A
 * full channel pushes back, an empty one waits, a closed one drains and ends.
 *
 * The promise.  Any participant may be killed (SIGKILL) at any instruction: no
 * other participant hangs, no committed message is lost, none is torn, none is
 * delivered twice by a plain receive, and the channel goes on.
 *
 * Rules for every function:
 * - It returns 0 or a count, or a negative errno value; `errno` itself is
 *   neither used nor kept.  Outputs are set only on success.
 * - Timeouts are relative, in nanoseconds of CLOCK_MONOTONIC: CHAN_WAIT (-1)
 *   waits for ever, 0 does not wait; any other negative value is -EINVAL.  A
 *   timeout of 0 that would wait is -EAGAIN: the call has seen the channel full, or
 *   empty.  A longer one that passed is -ETIMEDOUT.  It bounds the whole call, lock
 *   included: a process stopped inside the channel's lock does not make anybody
 *   overrun.  Nothing can be seen without the lock, which others hold for
 *   microseconds: for it a call with timeout 0 waits, but a tenth of a second at
 *   most.  Then it is -EBUSY, which says nothing of full or empty.
 * - Any number of threads may use one endpoint at once, except where "same
 *   thread" is said.  Functions that take a name, not an endpoint, are
 *   thread-safe.  Only chan_interrupt() may be called from a signal handler.
 * - It never prints, exits, changes signal handlers, locale or umask.  None is a
 *   cancellation point.
 * - Its descriptors are close-on-exec and never below 3.  If the program closes
 *   one, messages still come and go, but a call that has to ask the kernel for
 *   peers returns -EBADFD.  Files that the program opens on that number are
 *   neither asked nor closed.
 * - A child of fork() does not have its parent's endpoints: every call on one
 *   returns -ENOTCONN there (chan_detach() frees it), and it opens its own.
 *   fork() never waits for a call of another thread, and may be called in a
 *   signal handler (as far as the C library allows); a child that is made while
 *   the handler interrupts a call of this library must not return from it, but
 *   _exit() or exec.
 *
 * Errors that any call on an endpoint may return, not repeated below:
 *   -EIDRM     the channel was removed (see chan_remove()); only calls that send,
 *              receive or take return it
 *   -EBADMSG   the segment is damaged (a buggy or hostile peer wrote into it);
 *              what was sound before the damage is still received
 *   -ENOTCONN  the endpoint belongs to the parent of this forked process
 *   -EBADFD    the program closed the endpoint's descriptor: detach, open anew
 *   -EINVAL    an argument is outside what is documented: chan_error_detail() says
 *              which
 * and that any call that takes a name may return:
 *   -EINVAL    the name is none
 *   -ESRCH     OWNER/ names a user that this program can't find (a static one, say,
 *              without the libraries that its libc needs for that; a number works)
 *   -EMFILE, -ENFILE, -ENOMEM   what it needs has run out; -ENOMEM, too, when the
 *              process locks its memory and RLIMIT_MEMLOCK is too low for the segment
 *   -ENOLCK    the system has no more file locks
 *   -EACCES    /dev/shm, or a file in it, is not for this user
 *   -EROFS     /dev/shm is mounted read-only: observers still work
 *   -EOPNOTSUPP  /dev/shm or /proc is missing or can't hold a channel, or the system
 *              refuses a call that is needed (shmchan(7) has the list for seccomp)
 *   -EIO       the system failed in a way that none of the others describes
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
#define CHAN_VERSION_MINOR 1
#define CHAN_VERSION "0.1.0"

/* A timeout: wait for ever. */
#define CHAN_WAIT INT64_C(-1)

/* Longest NAME, in bytes, without the OWNER/ part. */
#define CHAN_NAME_MAX 200

/* One endpoint: an open handle of a channel.  Opaque. */
typedef struct chan chan_t;

/* What an endpoint is for: the flags of chan_open().  Neither CHAN_SEND nor
 * CHAN_RECV makes an observer, which may look, close, purge and recover, takes
 * no place in the endpoint table, and counts as nobody's peer. */
enum {
	CHAN_SEND = 1u << 0,
	CHAN_RECV = 1u << 1,
	CHAN_CREATE = 1u << 2,	  /* make the channel first if it is missing */
	CHAN_EXCLUSIVE = 1u << 3, /* be the only one on this endpoint's sides */
};

/* What a send does when the channel is full. */
enum chan_overflow {
	CHAN_BLOCK = 0,	      /* wait, as long as the call's timeout says */
	CHAN_FAIL = 1,	      /* -EAGAIN at once, whatever the timeout */
	CHAN_DROP_NEWEST = 2, /* the message at hand is dropped: CHAN_DROPPED */
	/* The oldest undelivered ones make room.  A lease of a dead receiver is
	 * given back first, and then that message is the oldest.  Behind a message
	 * that a living receiver has leased nothing can make room: there the message
	 * at hand is dropped (CHAN_DROPPED, counted in dropped_leased). */
	CHAN_DROP_OLDEST = 3,
};

/* Options of a channel, fixed when it is made. */
enum {
	/* Receivers drain and then end (-EPIPE) when at least one sender has
	 * attached and none is left, detached or killed; as with a FIFO, the
	 * next sender to attach ends that state. */
	CHAN_END_WITH_SENDERS = 1u << 0,
	/* Senders get -EPIPE while at least one receiver has attached and none
	 * is left. */
	CHAN_NEED_RECEIVERS = 1u << 1,
	/* Older name for kind = CHAN_KIND_RENDEZVOUS. */
	CHAN_RENDEZVOUS = 1u << 2,
};

/* What a channel does with a message. */
enum chan_kind {
	CHAN_KIND_QUEUE = 0, /* it keeps the message until a receiver has it */
	/* It keeps nothing: a send returns when a receiver has the message.  Its
	 * capacity is 0. */
	CHAN_KIND_RENDEZVOUS = 1,
};

/* How long a channel's name lives. */
enum chan_lifetime {
	CHAN_PERSIST = 0, /* until chan_remove() or chan_unlink() */
	CHAN_REF = 1,	  /* until its last endpoint leaves, and `linger` more */
};

/*
 * How to make a channel.  Zero everywhere is the default; `size` must be
 * sizeof(struct chan_options), so that the structure can grow (a larger one
 * from a newer header is accepted if what this library doesn't know is zero).
 */
struct chan_options {
	uint32_t size;
	uint32_t flags;	      /* CHAN_END_WITH_SENDERS | ... */
	uint64_t capacity;    /* bytes of the ring; 0 = 1 MiB or what
			       * max_message needs; rounded up to whole pages;
			       * each message takes its length + 16, rounded up
			       * to 16 */
	uint32_t max_message; /* longest message; 0 = a quarter of the ring */
	uint32_t overflow;    /* enum chan_overflow */
	uint32_t mode;	      /* permission bits, 0600 among them; 0 = 0600.
			       * Writing is needed to send as well as to receive */
	uint32_t endpoints;   /* most endpoints at once; 0 = 256; up to 4096 */
	uint32_t lifetime;    /* enum chan_lifetime */
	uint32_t kind;	      /* enum chan_kind */
	uint64_t linger;      /* CHAN_REF: ns that an unused channel stays */
};

/* Returned by chan_send() when the overflow policy dropped the message. */
#define CHAN_DROPPED 1

/*
 * Make the channel `name`: `NAME`, the caller's own, or `OWNER/NAME`, where
 * OWNER is a user's name or number: the caller's, or another for whom chand, if it
 * runs, makes it (it is asked for a second at most, and for one more for each
 * 128 MiB; it may refuse: -EACCES, -EDQUOT).
 * NAME is 1 to 200 of [A-Za-z0-9._-], not starting with a dot.  `opt` may be
 * NULL.  The channel appears complete or not at all: a creator killed at any
 * instruction leaves nothing behind.
 *
 * Errors:
 *   -EEXIST   there is one
 *   -EINVAL   bad name or options, a mode without 0600 for example
 *   -ENOSPC   /dev/shm has no room for chan_footprint(opt) bytes
 *   -EFBIG    this process may not make files of chan_footprint(opt) bytes
 *             (RLIMIT_FSIZE); no SIGXFSZ comes of it
 *   -EDQUOT   a quota of /dev/shm or of chand does not allow it
 *   -EPERM    it is another user's name, and there is no chand to ask
 *   -ECONNREFUSED  the same, where it is chand that keeps OWNER's channels
 */
int chan_create(const char *name, const struct chan_options *opt);

/* Bytes of /dev/shm that a channel made with `opt` (or NULL) takes, or -EINVAL
 * if `opt` describes none. */
int64_t chan_footprint(const struct chan_options *opt);

/*
 * Open an endpoint of `name` and set *ret.  `flags` are CHAN_SEND | CHAN_RECV |
 * CHAN_CREATE | CHAN_EXCLUSIVE; `opt` (or NULL) is used only when CHAN_CREATE
 * makes the channel.  One that is there is opened as it is; chan_error_detail(-EEXIST)
 * says, after that, what of it is not as `opt` asks (what is 0 in `opt` asks for
 * nothing), and is "" if all is.  Another owner's channel that can't be opened directly is asked
 * of chand, if that runs.  Waits a second at most for another process, and as long
 * for chand.  With CHAN_CREATE, when another process is making the channel, waits
 * for that, a second and 2.5 s for each GiB at most: so those that start together
 * all get the one channel, also where /dev/shm has no room for two.
 *
 * An exclusive endpoint is the only one on its side or sides and sends or
 * receives without a lock for each message.  It is bound to one thread: opened,
 * used and detached by the same (-EPERM elsewhere).  When it dies, the next one
 * to open takes over what it left.
 *
 * Errors:
 *   -ENOENT   no such channel
 *   -EACCES   no permission
 *   -EPERM    the segment does not belong to OWNER (somebody squats on the name), or
 *             what has the name is no segment
 *   -ECONNREFUSED  it can't be opened without chand, which keeps OWNER's channels, and
 *             chand can't be asked: chan_error_detail() says why
 *   -EINPROGRESS  chand is still making it: try again
 *   -ENOSPC, -EDQUOT, ...   chand can't make it as it is declared: one of the errors of
 *             chan_create(); chan_error_detail() says why
 *   -EBUSY    a side is, or is wanted, exclusive; or a process is stopped inside the
 *             receivers' lock, or holds a lease on the file
 *   -EUSERS   the endpoint table is full
 *   -ENOLCK   this thread keeps 1024 exclusive sides and reservations: the kernel does
 *             not release arbitrarily many locks of a thread that dies
 *   -EPROTONOSUPPORT  made by another format version
 *   -EPROTOTYPE  made with another libc, word size or condition variable
 *   -EIDRM    the segment is marked as removed (a copy of one: the name of a removed
 *             channel leads nowhere), and the name can't be cleared away
 *   -EXDEV    made in another PID namespace
 *   -EBADMSG  not a segment, or damaged
 *   those of chan_create(), with CHAN_CREATE
 * If the process is killed during this call, it leaves nothing behind.
 */
int chan_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt);

/* Leave: give back what is leased, end a reservation (nothing of it is sent),
 * free the handle.  NULL is fine.  No other thread may be using it.  The kernel
 * does the same for a process that dies.  The last one to leave a CHAN_REF
 * channel without linger removes its name, the one that was opened, whatever user
 * the process is by then.  If that user has no right to (it must be the channel's
 * owner, or root), the name stays until chand, or the owner's next chan_open() or
 * chan_collect(), removes it. */
void chan_detach(chan_t *ch);

/* How to close. */
enum {
	CHAN_DRAIN = 0,	  /* receivers still get what is in the channel */
	CHAN_DISCARD = 1, /* receivers end at once */
};

/*
 * End the channel for everybody, at once and for good.  Senders, blocked ones
 * too, get -EPIPE; receivers get -EPIPE when what is left has been received
 * (CHAN_DRAIN) or immediately (CHAN_DISCARD).  The end does not wait for what
 * others hold under lease: given back, it can be received again.  A send that returned success
 * before or while the channel was closed is delivered by a drain.  The name
 * stays until it is removed.  Never waits.  Closing twice is fine, and
 * CHAN_DISCARD may follow CHAN_DRAIN.
 * Errors: -EACCES the endpoint is an observer without write permission; -EROFS it is
 * one because /dev/shm is mounted read-only.
 */
int chan_close(const chan_t *ch, unsigned how);

/*
 * Remove the channel: its name goes, and it ends for everybody who has it open.
 * Senders, blocked ones too, get -EIDRM; receivers get what is left, and then
 * -EIDRM.  What is sent is delivered as after chan_close(CHAN_DRAIN): a send that
 * returned success is inside.  A reservation can't be committed any more (-EIDRM).
 * The end does not wait for leases: they can be acknowledged, and what is given back
 * is received again.  Peek, purge, stat and chan_close() work as before; a channel
 * that was closed, before or after, ends with -EPIPE.  The memory is freed when the
 * last of its users leaves.  Never waits.
 *
 * A name that goes in another way (rm(1), RemoveIPC= of systemd-logind, a file that
 * takes its place, a process killed inside this call) is noticed by the users of the
 * channel: a second later at most by any call that waits, or would have to; and by a
 * sender that always finds room with the 256 messages, or 16 KiB, after that at most.
 * It then ends in the same way.  (A name that is moved or has a second one, a hard
 * link, is not gone.  One who may not write the segment, or shares no memory format
 * with it, removes the name only: this is noticed, too.)
 *
 * Errors:
 *   -ENOENT   no such channel
 *   -EACCES   no permission for /dev/shm
 *   -EPERM    it is somebody else's
 *   -ECONNREFUSED  it is for chand to remove, which can't be asked
 */
int chan_remove(const char *name);

/*
 * Remove the channel's name only, as unlink(2) does with a file's: those who have it
 * open go on with it, and nobody else can open it.  Killed on the way, this leaves the
 * name, and users that would not notice its removal by other means than chan_remove().
 *
 * Errors: those of chan_remove(), and those of chan_open() for a segment that can't be
 * marked: -EBADMSG, -EPROTONOSUPPORT, -EPROTOTYPE, -EXDEV, -ENOMEM, -EMFILE, -ENFILE.
 */
int chan_unlink(const char *name);

/*
 * Send one message of `len` bytes.  Returns 0 when it is committed (in a
 * rendezvous: when a receiver has it), CHAN_DROPPED when the overflow policy
 * dropped it.  A crash before the commit leaves no trace of the message, after
 * it the whole message.
 *
 * Errors:
 *   -EAGAIN     the timeout is 0 and the channel was seen full (a rendezvous: no receiver
 *               was seen waiting)
 *   -ETIMEDOUT  the time passed before there was room
 *   -EPIPE      closed, or no receiver is left (CHAN_NEED_RECEIVERS)
 *   -EMSGSIZE   longer than max_message
 *   -EBUSY      the timeout is 0 and the senders' lock is held by a stopped process or
 *               by a reservation; or the policy is drop-oldest and the receivers' side is
 *               exclusive, or a process is stopped inside its lock
 *   -ECANCELED  a rendezvous: chan_purge() removed the message before a receiver had it
 *   -EBADF      not a sending endpoint
 *   -EPERM      another thread's exclusive endpoint
 *   -EDEADLK    this thread has a reservation open, on this or another endpoint of the
 *               channel
 *   -EINTR      chan_interrupt()
 */
int chan_send(chan_t *ch, const void *msg, size_t len, int64_t timeout);

/*
 * Receive one message into `buf`, which has room for `size` bytes; returns its
 * length (a message may be empty).  Once it returned, nobody gets the message
 * again; a process killed before that leaves it to another.
 *
 * Errors:
 *   -EAGAIN     the timeout is 0 and the channel was seen empty
 *   -ETIMEDOUT  the time passed before there was a message
 *   -EPIPE      end of channel
 *   -EBUSY      the timeout is 0 and the receivers' lock is held by a stopped process
 *   -EMSGSIZE   the message is longer than `size`, and stays
 *   -EBADF      not a receiving endpoint
 *   -EPERM      another thread's exclusive endpoint
 *   -EDEADLK    it would have to wait, and this thread has a reservation open in the
 *               channel, so that nobody can send
 *   -EINTR      chan_interrupt()
 * chan_error_size() says how long a message is that was too long.
 */
ssize_t chan_recv(chan_t *ch, void *buf, size_t size, int64_t timeout);

/*
 * Send msg[0..n-1]: waits, if need be, until there is room for the first, then
 * sends as many as there is room for and publishes them with one store.
 * Returns how many, a prefix; receivers, and a crash, see all of those or
 * none.  In a rendezvous each is handed over by itself.  A message dropped by
 * policy counts as sent.  Errors as chan_send(), if not even the first was
 * sent; -EINVAL n is 0 or above INT_MAX.
 */
int chan_send_batch(chan_t *ch, const struct iovec *msg, unsigned n, int64_t timeout);

/*
 * Receive 1 to n messages: waits for the first only.  Message i goes to
 * buf[i].iov_base, which has room for buf[i].iov_len bytes; iov_len is set to
 * its length.  Returns how many; a message that does not fit ends the batch.
 * Errors as chan_recv(), if there is not even one.
 */
int chan_recv_batch(chan_t *ch, struct iovec *buf, unsigned n, int64_t timeout);

/*
 * Send in place: set *ret to `len` writable bytes inside the ring, aligned to
 * 16.  The senders' lock is held until the same thread calls chan_commit() or
 * chan_abort(), which it should soon: other senders wait.  Only the policies
 * block and fail apply (the drop policies: -EAGAIN).  A process killed in between
 * leaves no trace of the reservation.  Errors as chan_send(); -EDEADLK this
 * thread has one already; -ENOLCK it has 1024 on other endpoints, exclusive sides
 * included.
 */
int chan_reserve(chan_t *ch, void **ret, size_t len, int64_t timeout);

/* Send the first `len` bytes of the reservation.  Errors: as chan_send(), and
 * the reservation is over; -EINVAL `len` is more than reserved (it stays open),
 * or there is none; -EPERM another thread's. */
int chan_commit(chan_t *ch, size_t len);

/* Drop the reservation; nothing if there is none. */
void chan_abort(chan_t *ch);

/* A message taken under a lease.  `data` is readable memory inside the ring,
 * aligned to 16, until the lease ends; the peers can write it too, so what is
 * checked should be copied first. */
struct chan_lease {
	const void *data;
	size_t len;
	uint64_t seq;	  /* 1, 2, ...: place in the channel's order */
	uint64_t pos;	  /* the library's */
	uint32_t attempt; /* 1 on first delivery */
	uint32_t reserved;
};

/*
 * Take 1 to n messages, to be read in place with no lock held, and set
 * ret[0..]; waits for the first only; returns how many.  Each stays the
 * endpoint's until chan_ack() or chan_release(); when the endpoint detaches or
 * its process dies it goes back to the channel and is delivered again, before
 * newer ones, with `attempt` counted up (to 65535).  Space is freed in ring
 * order, as the oldest are acknowledged: one held for long fills the channel.
 * Errors as chan_recv(), less -EMSGSIZE.
 */
int chan_take(chan_t *ch, struct chan_lease *ret, unsigned n, int64_t timeout);

/*
 * Acknowledge: the messages are consumed.  Any thread of the endpoint may.
 * Returns how many of the n were acknowledged: all, or those before the first
 * that is not (any more) this endpoint's, -ESTALE if that is the first.  Waits
 * for the lock only, without a bound.  A crash in the middle leaves each
 * message either acknowledged or to be delivered again.
 */
int chan_ack(chan_t *ch, const struct chan_lease *lease, unsigned n);

/* Give back, to be delivered again.  As chan_ack(). */
int chan_release(chan_t *ch, const struct chan_lease *lease, unsigned n);

/* The same, and this delivery does not count in `attempt`: for a receiver that could
 * not begin on the message, through no fault of the message.  As chan_ack(). */
int chan_untake(chan_t *ch, const struct chan_lease *lease, unsigned n);

/* Flags of a cursor. */
enum {
	CHAN_LEASED_TOO = 1u << 0, /* set by the caller: show messages under a lease, too */
	CHAN_IS_LEASED = 1u << 1,  /* set by chan_peek(): the one just shown is */
};

/* Where chan_peek() stands; start with zeros, but for the flags. */
struct chan_cursor {
	uint64_t pos;	  /* the library's */
	uint64_t seq;	  /* of the message just shown */
	uint32_t attempt; /* deliveries it has had so far */
	uint32_t flags;	  /* CHAN_LEASED_TOO | CHAN_IS_LEASED */
};

/*
 * Copy the next undelivered message (or leased one, with CHAN_LEASED_TOO) at or
 * after the cursor without consuming it, and move the cursor behind it.  Returns its
 * length.  Any endpoint and
 * any observer with write permission may.  Never waits, but for the lock (a
 * bounded time: -EBUSY if the receivers' side is exclusive or its lock holder
 * stopped).  Errors: -EAGAIN no more; -EMSGSIZE longer than `size` (the cursor
 * stays); -EACCES, -EROFS as chan_close().
 */
ssize_t chan_peek(chan_t *ch, void *buf, size_t size, struct chan_cursor *at);

/* Drop every undelivered message; returns how many (INT64_MAX at most).  Leased
 * ones stay leased.  A rendezvous sender whose message is dropped gets -ECANCELED.
 * Rules and errors as chan_peek(). */
int64_t chan_purge(chan_t *ch);

/* This endpoint's overflow policy from now on, in place of the channel's. */
int chan_set_overflow(chan_t *ch, unsigned overflow);

/*
 * With on != 0: calls that wait on this endpoint, now and later, return -EINTR
 * in place of waiting, until called with 0.  Async-signal-safe, any thread (in a
 * library built with CONDVAR=pthread a sleeping thread notices within a
 * second).  Without it a signal never ends a wait.  It stays, so a signal that comes
 * just before the call that is to be ended is not missed.  shmchan(7) says how a binding
 * for an interpreter uses it.
 */
void chan_interrupt(chan_t *ch, int on);

/* A channel's state, read without a lock: each figure is right for an instant,
 * not all for the same. */
struct chan_stat {
	uint32_t size; /* sizeof(struct chan_stat), set by the caller */
	uint32_t flags;
	uint64_t capacity;	 /* usable bytes of the ring, 0 for a rendezvous */
	uint64_t used;		 /* bytes of it in use, headers included */
	uint64_t depth;		 /* messages not yet consumed, leased ones included */
	uint64_t sent;		 /* messages committed, ever; withdrawn rendezvous, too */
	uint64_t received;	 /* of those, not there any more and not dropped */
	uint64_t dropped_newest; /* by the policy drop-newest */
	uint64_t dropped_oldest; /* by the policy drop-oldest, or purged */
	uint64_t redelivered;	 /* leases given back; +-1 for each crash */
	uint64_t recoveries;	 /* dead lock owners cleaned up after */
	uint64_t bytes;		 /* ring bytes ever sent, headers included */
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
	uint32_t damaged;   /* damage was found */
	uint32_t removed;   /* 0 no, 1 the channel was, 2 its name only was
			     * (chan_unlink()) */
	uint32_t format;    /* format version of the segment */
	uint32_t full;	    /* no room for a message of max_message bytes */
	uint32_t condvar;   /* 1 futex, 2 pthread */
	int64_t idle;	    /* CHAN_REF: ns since its last endpoint left; 0 in use,
			     * or never used; -1 not known: the last one was
			     * killed, and nobody has looked for it yet */
	/* Newest messages that drop-oldest sends dropped because a living receiver
	 * held the oldest under a lease; in neither of the other two counts. */
	uint64_t dropped_leased;
};

/* Fill *ret (ret->size set by the caller; less than this library knows is fine,
 * more is -EINVAL). */
int chan_stat(const chan_t *ch, struct chan_stat *ret);

/* A live endpoint, as it registered itself. */
struct chan_endpoint {
	uint32_t id;
	uint32_t roles; /* CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE */
	int32_t pid;
	uint32_t uid;
	int64_t attached; /* CLOCK_REALTIME, ns */
	int64_t waiting;  /* CLOCK_MONOTONIC, ns: since when a call of it waits,
			   * 0 if none does; the time of this call if it waits
			   * in another time namespace, whose clock differs */
	char command[16]; /* NUL-terminated, unprintable bytes as '?' */
};

/* Set ret[0..n-1] to the live endpoints; returns how many there are, which may
 * be more than n.  Costs a system call for each. */
int chan_endpoints(const chan_t *ch, struct chan_endpoint *ret, unsigned n);

/*
 * Do now what the next user of the channel would do later: recover the locks of
 * dead owners, give back the leases of dead endpoints, wake
 * everybody whose wake-up may have died with its sender.  Returns how many
 * messages were given back.  Rules as chan_peek().
 */
int chan_recover(chan_t *ch);

/*
 * Call fn(name, arg) for every channel there is, `NAME` for the caller's own
 * and `OWNER/NAME` for others, in no order, until it returns non-zero; returns
 * that, or 0.  It lists names: opening one may fail.  Errors: -ENOMEM, -EMFILE,
 * -EOPNOTSUPP no /dev/shm.
 */
int chan_list(int (*fn)(const char *name, void *arg), void *arg);

/*
 * Remove `name` if it is a CHAN_REF channel whose endpoints are all gone and
 * whose linger has passed (chan_open() does so by itself for the name that it
 * opens).  Returns 1 if it was removed, 0 if it is in use or not of that
 * kind.  Errors as chan_open().
 */
int chan_collect(const char *name);

/* What an error means in a channel's terms, for err as returned (negative) or
 * not; never NULL, constant text, thread-safe. */
const char *chan_strerror(int err);

/*
 * What is known beyond that of the error `err` which a call has just returned to this
 * thread: which argument is wrong and what its limits are, which limit was reached,
 * which system call failed.  A line of text for people, without a full stop, "" if
 * there is no more to say; good until this thread's next call.
 */
const char *chan_error_detail(int err);

/*
 * The size that the error `err` was about, which a call has just returned to this
 * thread, or 0:
 *   -EMSGSIZE of a receive or peek   the length of the message, which is still there;
 *                                    another receiver may take it first
 *   -EMSGSIZE of a send              the channel's max_message
 *   -ENOSPC, -EFBIG                  bytes that the segment needs
 *   -EINVAL of a max_message         the capacity that it needs
 * A buffer of chan_stat.max_message bytes takes every message, and chan_take() needs
 * none.
 */
uint64_t chan_error_size(int err);

/* The version of the library at run time, as CHAN_VERSION. */
const char *chan_version(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
