/* SPDX-License-Identifier: MIT */
/*
 * What chanbench moves messages over: shmchan itself, what it is compared with,
 * and the floors that nothing can beat, all behind one small interface, so that
 * every one of them runs the very same job.
 *
 * A *link* carries messages one way.  Its life: the parent makes it, forks, each
 * worker attaches to it as sender or receiver, the parent seals it (no name and
 * no descriptor of the parent's stays), messages flow, all of them drop it.
 *
 * A message is `size` bytes that begin with a 64-bit stamp, by which the
 * receiver knows that it got each one once and in order.  A peer copies all the
 * bytes from the sender's buffer and to the receiver's, as any user would; the
 * exceptions (in place, and the two latency floors) say so.
 */
#ifndef SHMCHAN_BENCH_PEER_H
#define SHMCHAN_BENCH_PEER_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define BENCH_BATCH_MAX 1024
#define BENCH_STAMP sizeof(uint64_t)

enum bench_wait {
	BENCH_ADAPTIVE, /* as the peer does by itself */
	BENCH_BLOCK,	/* the same, for none of them has a knob */
	BENCH_SPIN,	/* ask again and again without waiting */
};

/* How a receiver waits for its messages. */
enum bench_via {
	BENCH_RECV,   /* in the call that receives */
	BENCH_SELECT, /* in chan_select() of several channels */
	BENCH_SET,    /* in a set of several channels */
	BENCH_FD,     /* in epoll(7), as an event loop does */
};

struct bench_spec {
	size_t size;	     /* bytes of a message, the stamp included */
	size_t capacity;     /* bytes that fit between sender and receiver */
	size_t max_capacity; /* shmchan only: to which it may grow; 0: it does not */
	enum bench_wait wait;
	enum bench_via via;
	unsigned channels, in_turn;	 /* of select and set: how many, and how many are used */
	unsigned send_batch, recv_batch; /* messages a call, at most */
	unsigned buffers;	  /* that each end uses in turn; as many as the batch, if less */
	bool exclusive, in_place; /* shmchan only, */
	unsigned lanes;		  /* this, too: so many, by key; 0: none, */
	bool one_lane;		  /* of which one is used */
	bool broadcast, loses;	  /* and these: each message to each receiver, or not all */
};

/* Each peer's own structure begins with this. */
struct bench_link {
	const struct bench_peer *peer;
	const struct bench_spec *spec;
	bool sending;  /* this process's part, once attached */
	uint64_t lost; /* messages that a receiver of a broadcast was told to have lost */
};

/*
 * Functions return 0 or a count, or a negative errno.  send() takes 1 to
 * send_batch stamps and returns how many messages it sent, a prefix; recv()
 * returns 1 to recv_batch, or -EPIPE when all senders ended; a peer that keeps a value
 * looks at it n times.  end() is called by
 * the last sender when it sent everything.  memory() returns the bytes that the system has
 * allocated for it.
 */
struct bench_peer {
	const char *name;
	bool streams; /* false: one message in flight, for round trips and wake-ups */
	bool sleeps;  /* a receiver can sleep */
	bool many;    /* more than one sender or receiver */
	bool batches;
	int (*make)(struct bench_link **ret, const struct bench_spec *spec);
	int (*attach)(struct bench_link *link);
	void (*seal)(struct bench_link *link);
	int (*send)(struct bench_link *link, const uint64_t *stamp, unsigned n);
	int (*recv)(struct bench_link *link, uint64_t *stamp, unsigned n);
	void (*end)(struct bench_link *link);
	uint64_t (*memory)(struct bench_link *link); /* or NULL */
	void (*drop)(struct bench_link *link);
};

extern const struct bench_peer bench_shmchan, bench_many;
extern const struct bench_peer bench_pipe, bench_socketpair, bench_seqpacket, bench_mqueue;
extern const struct bench_peer bench_eventfd;
extern const struct bench_peer bench_lanes, bench_latest, bench_seqlock, bench_call;
extern const struct bench_peer bench_ring, bench_cacheline, bench_futex;

/* Make an epoll instance that watches a descriptor: it, or an error. */
int bench_loop(int fd);

/* Wait, as an event loop does, until it is readable: 0 or an error. */
int bench_loop_wait(int loop);

/* The messages of one process: n buffers of `size` bytes, faulted in, and which of them are the
 * next call's. */
struct bench_buffers {
	unsigned n, at;
	size_t size;
	struct iovec *iov;
};

int bench_buffers_make(struct bench_buffers *b, unsigned n, size_t size);
void bench_buffers_free(struct bench_buffers *b);

/* Return the next n buffers, in turn; they are what is stamped and read from now on. */
static inline struct iovec *bench_buffers_turn(struct bench_buffers *b, unsigned n)
{
	b->at = b->at + 2 * n <= b->n ? b->at + n : 0;
	return &b->iov[b->at];
}

void bench_buffers_stamp(struct bench_buffers *b, const uint64_t *stamp, unsigned n);
void bench_buffers_read(const struct bench_buffers *b, uint64_t *stamp, unsigned n);

/* Returns shared memory that forked children keep, zeroed and faulted in, or NULL. */
void *bench_shared(size_t size);
void bench_unshare(void *p, size_t size);

/* Spin for one turn; the turns are counted in *n.  Now and then it gives up the CPU,
 * which may be the one on which the other side has to run. */
static inline void bench_spin(unsigned *n)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
	if (++*n % 4096 == 0)
		sched_yield();
}

#endif
