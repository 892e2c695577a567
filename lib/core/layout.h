/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment.  Nothing else knows an offset; FORMAT.md says the same
 * in words.
 *
 *   0       struct layout_header    written once, before the segment has a name
 *   512     struct layout_control   closing, wake-up words, the two sides
 *   4096    struct layout_endpoint  [endpoints], informative only
 *           struct layout_subscriber  [endpoints + groups], of kind broadcast only
 *           struct layout_id, buckets  [dedup + 1], if ids are remembered (ids.h)
 *   ring    capacity bytes          page-aligned, mapped twice back to back; or slots
 *
 * A channel with lanes has all that once for each lane, one after the other, and of the lanes
 * but the first only control and ring are used.
 *
 * These bytes are authoritative: the header; `state` and `seal`; a side's `position` (of a
 * channel with slots the senders', and the slot that it names);
 * the header of each record between the two positions; `held` and `held_by`; `seq` of
 * the record at the senders' position; the drop counters; the log of ids; of a subscriber
 * `position`, `state`, its policy, and what makes it a group.  Everything else is either derived,
 * and the repair of its side (kind/) recomputes it, or a hint: if that is stale, it costs time
 * only.
 *
 * Cache lines: what one side writes for each message never shares a pair of
 * lines (128 bytes: adjacent-line prefetch) with what the other side writes.
 */
#ifndef CHAN_LAYOUT_H
#define CHAN_LAYOUT_H

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_MAGIC UINT64_C(0x316e6168636d6873) /* "shmchan1", little-endian */
#define LAYOUT_FORMAT 3u
#define LAYOUT_PAIR 128 /* two cache lines */
#define LAYOUT_ENDPOINTS_MAX 4096u
/* The most where messages have a header, or can be buried: two numbers above stand for holders
 * that are no endpoints, so that nobody gets the message, and no death frees it. */
#define LAYOUT_ENDPOINTS_HEADED 4094u
#define LAYOUT_BURIED 4094u  /* until somebody kicks it */
#define LAYOUT_DELAYED 4095u /* until it is due */
#define LAYOUT_TABLE_OFFSET 4096u

/* ---- header ---- */

enum { LAYOUT_LIBC_GLIBC = 1, LAYOUT_LIBC_OTHER = 2 };
enum { LAYOUT_CONDVAR_FUTEX = 1, LAYOUT_CONDVAR_PTHREAD = 2 };

#define LAYOUT_PLACE 256u

struct layout_header {
	_Atomic uint64_t magic; /* written last */
	uint32_t format;
	uint32_t abi; /* LAYOUT_ABI: sizes that both programs must agree on */
	uint32_t libc;
	uint32_t condvar;
	uint64_t pidns_dev, pidns_ino; /* robust mutexes hold TIDs of one PID namespace */
	uint64_t segment_size;
	uint64_t ring_offset;
	uint64_t capacity;
	uint32_t max_message;
	uint32_t endpoints;
	uint32_t kind;
	uint32_t overflow;
	uint32_t options;
	uint32_t lifetime;
	uint64_t linger;
	int64_t created;
	uint64_t type;
	/* Of kind broadcast; else 0. */
	uint32_t groups;
	uint32_t on_lag;
	int64_t patience;
	uint64_t max_capacity;		/* with LAYOUT_GROWS, else 0 */
	uint32_t lanes;			/* with LAYOUT_HAS_LANES, else 0 */
	uint32_t lane_by;		/* enum chan_lane_by; else 0 */
	char dead_letter[LAYOUT_PLACE]; /* UID/NAME, and a NUL; else "" */
	uint32_t dedup;			/* with LAYOUT_HAS_IDS, else 0, as the next one */
	uint32_t max_deliver;		/* for workers; 0: it is not said */
	int64_t dedup_age;
};

/* A bit of layout_header.options that the header alone has: the ring may grow (ladder.h).  A
 * version that doesn't know it refuses the segment. */
#define LAYOUT_GROWS (1u << 8)
/* Another one: the channel has lanes. */
#define LAYOUT_HAS_LANES (1u << 9)
/* Another one: the ids of the last messages are remembered. */
#define LAYOUT_HAS_IDS (1u << 10)
#define LAYOUT_IDS_MAX (1u << 24)
#define LAYOUT_LANES_MAX 64u
#define LAYOUT_PRIORITIES 8u

/* ---- control ---- */

/* Bits of layout_control.state; set, never cleared, but for LAYOUT_PAUSED. */
enum {
	LAYOUT_CLOSED = 1u << 0,
	LAYOUT_DISCARD = 1u << 1, /* only with LAYOUT_CLOSED */
	LAYOUT_DAMAGED = 1u << 2,
	LAYOUT_HAD_SENDER = 1u << 3,
	LAYOUT_HAD_RECEIVER = 1u << 4,
	LAYOUT_LIGHT = 1u << 5,		/* an endpoint relies on its peers' heavy fence */
	LAYOUT_HEAVY_MISSING = 1u << 6, /* an endpoint can't do that: see fence.h */
	LAYOUT_REMOVED = 1u << 7,	/* the name was removed: an end, as a close */
	LAYOUT_UNLINKED = 1u << 8,	/* the name may go and the channel goes on */
	LAYOUT_PAUSED = 1u << 9,	/* receivers find nothing (pause.c) */
	LAYOUT_LIGHT_ACK = 1u << 10,	/* as LAYOUT_LIGHT, of a shared receiver with leases */
};

/* Nothing can be sent any more, and receivers get what is left. */
#define LAYOUT_ENDED (LAYOUT_CLOSED | LAYOUT_REMOVED)

/* See lock.h. */
struct layout_lock {
	pthread_mutex_t mutex;
	_Atomic uint32_t recoveries;
};

/* See condvar.h. */
struct layout_cond {
	_Atomic uint32_t sequence;
	_Atomic uint32_t waiting;
#ifdef CHAN_CONDVAR_PTHREAD
	pthread_mutex_t mutex;
	pthread_cond_t cond;
#endif
};

/*
 * Positions count ring bytes since the channel was made and never wrap (2^64
 * bytes are 500 years at 1 GB/s); a position is a multiple of RING_ALIGN.
 */
struct layout_senders {
	alignas(LAYOUT_PAIR) struct layout_lock lock;
	_Atomic uint64_t dropped; /* by drop-newest */
	/* Hints for waking: the room that the last sender to wait needs, and whether such
	 * needs differ. */
	_Atomic uint32_t need, uneven;
	_Atomic uint64_t dropped_leased; /* by drop-oldest, behind a leased record */
	/* A hint for waking: 1 more than the smallest position of a subscriber, for which a
	 * sender waits. */
	_Atomic uint64_t wanted;
	_Atomic uint64_t duplicates; /* messages that were not sent, since their id was known */
	/* The commit of a send is the store to this. */
	alignas(LAYOUT_PAIR) _Atomic uint64_t position;
};

/* A count of removed records, and the journal that keeps it exact: see kind/queue.c. */
struct layout_removed {
	_Atomic uint64_t n, next;
};

#define LAYOUT_MARKS 16u

struct layout_receivers {
	alignas(LAYOUT_PAIR) struct layout_lock lock;
	/* No record before it is to be delivered; derived. */
	_Atomic uint64_t deliver;
	/* Every record at or after it has the state ready in its header and was never
	 * leased; derived.  At or before `position` receiving is simple. */
	_Atomic uint64_t frontier;
	/* If it is behind `position`: the records in between that are ready by their headers
	 * are leased to `held_by`, for one attempt more.  The commit of such a lease is the
	 * store to this, and that of its end the store to `position`. */
	_Atomic uint64_t held;
	_Atomic uint32_t held_by;
	/* Records removed unread, and the journal that keeps the count exact: see
	 * kind/queue.c. */
	_Atomic uint64_t dropped;
	_Atomic uint64_t drop_position;
	_Atomic uint64_t drop_count;
	_Atomic uint64_t redelivered;
	/* If `frontier` is behind `position`, this is not before it: whoever acknowledges what
	 * lies before it makes a full fence; derived. */
	_Atomic uint64_t fenced;
	/* The commit of a plain receive, and the release of space.  Of kind broadcast the start
	 * of what is kept, which senders move on. */
	alignas(LAYOUT_PAIR) _Atomic uint64_t position;
	/* Of kind broadcast: how many entries of the table were ever used; and for people, how
	 * many messages subscribers lost, and how often one was evicted. */
	_Atomic uint32_t subscribers;
	_Atomic uint32_t evicted;
	_Atomic uint64_t lost;
	/* Of messages with a header: those that were removed because their time was over, or
	 * because they make no sense. */
	struct layout_removed expired, malformed;
	/* Derived: when the first of those that are delayed is due, or earlier, by the monotonic
	 * clock of the time namespace `due_clock` (clock.h), 0 if there is none; how many records
	 * LAYOUT_DELAYED and LAYOUT_BURIED have. */
	_Atomic int64_t due;
	_Atomic uint32_t due_clock;
	_Atomic uint32_t delayed, buried;
	/* Of kind broadcast, a hint: starts of records, one for each part of the ring, so that
	 * senders need not read their way to one. */
	alignas(LAYOUT_PAIR) _Atomic uint64_t mark[LAYOUT_MARKS];
};

/* A rung of a ring that may grow: which positions lie in it, see ladder.h. */
struct layout_rung {
	_Atomic uint64_t start;
	/* Behind its last position: the one where it ends | 1; LADDER_OPEN if senders are in it,
	 * 0 if it is not used. */
	_Atomic uint64_t limit;
	_Atomic uint64_t skipped; /* positions before its start that are no bytes */
	/* Bytes from its start on that have their memory, and RUNG_UNKNOWN. */
	_Atomic uint64_t memory;
};

#define LADDER_RUNGS 36
#define LADDER_OPEN UINT64_MAX

/* Set while memory is taken or given back: if a process is killed meanwhile, more may have its
 * memory than is known. */
#define RUNG_UNKNOWN UINT64_C(1)

struct layout_ladder {
	/* Hints: when more than the smaller rungs hold was last needed, coarse monotonic
	 * clock. */
	alignas(LAYOUT_PAIR) _Atomic int64_t needed;
	/* For people: the most bytes that were taken at once, how often the channel grew, when
	 * (CLOCK_REALTIME), which process made it grow and why (enum chan_grown), and the error
	 * of the last try if that failed. */
	_Atomic uint64_t peak, grown;
	_Atomic int64_t grown_at;
	_Atomic int32_t grown_by;
	_Atomic uint32_t why;
	_Atomic int32_t refused;
	struct layout_rung rung[LADDER_RUNGS];
};

#define LAYOUT_CANCELLED 32u

/* Of an inbox: numbers of requests that its client has cancelled, the last ones; and of a channel
 * of requests, for people: the replies that were dropped, since the client was gone.  All are
 * hints. */
struct layout_calls {
	alignas(LAYOUT_PAIR) _Atomic uint64_t unwanted;
	_Atomic uint64_t cancellations;
	_Atomic uint64_t cancelled[LAYOUT_CANCELLED];
};

struct layout_control {
	/* Read by both sides, written when something happens. */
	alignas(LAYOUT_PAIR) _Atomic uint32_t state;
	/* Where a closed channel ends: 0 open, else position | 1; set once. */
	_Atomic uint64_t seal;
	/* Since when a CHAN_REF channel is unused, 0 in use or not known: by the
	 * monotonic clock of the time namespace `idle_clock` (clock.h). */
	_Atomic int64_t idle_since;
	_Atomic uint32_t idle_clock;
	struct layout_cond not_empty;
	/* A hint: which guard holds while chand watches over the channel, 0 none
	 * (watched.h).  Stored by chand only. */
	_Atomic uint64_t watched;
	alignas(LAYOUT_PAIR) struct layout_cond not_full;
	struct layout_senders senders;
	struct layout_receivers receivers;
	struct layout_ladder ladder; /* all zero if the ring may not grow */
	struct layout_calls calls;
};

struct layout_endpoint {
	alignas(64) _Atomic int32_t pid; /* written last; valid while locked */
	_Atomic uint32_t roles;
	_Atomic uint32_t uid;
	_Atomic uint32_t clock; /* time namespace of `waiting` (clock.h) */
	_Atomic int64_t attached;
	_Atomic int64_t waiting;
	_Atomic uint64_t command[2];
};

/* State of a subscriber; the store to it commits what it says.  Zero is a free entry. */
enum {
	SUBSCRIBER_HOLDS = 1,	/* senders don't pass it */
	SUBSCRIBER_LOSES = 2,	/* they do, since that is its policy */
	SUBSCRIBER_EVICTED = 3, /* they do, since it made one wait for too long */
	SUBSCRIBER_EXPIRED = 4, /* a group that nobody used for too long */
};

#define LAYOUT_GROUP_NAME 48u /* bytes, a NUL among them */

/* A subscriber: what one entry of the table says of the endpoint in the slot of the same
 * number, or, behind those, of a group. */
struct layout_subscriber {
	/* The start of the next message that it has not received, or not acknowledged.  The
	 * store to it commits that. */
	alignas(LAYOUT_PAIR) _Atomic uint64_t position;
	_Atomic uint32_t state;
	_Atomic uint32_t user; /* of a group: the slot of its user + 1, or 0 */
	_Atomic uint64_t lost; /* for people */
	/* Of a group: the number of the message at `position`, beside the one before or the
	 * one after. */
	struct {
		_Atomic uint64_t position, seq;
	} mark[2];
	/* Changed under the receivers' lock only. */
	alignas(LAYOUT_PAIR) _Atomic uint32_t on_lag; /* enum chan_on_lag */
	_Atomic uint32_t blocked_clock, unused_clock; /* time namespaces (clock.h) */
	_Atomic int64_t patience;
	_Atomic int64_t blocked_since; /* a sender waits for it; 0 no, or not known */
	_Atomic int64_t unused_since;  /* of a group; 0 in use, or not known */
	_Atomic int64_t age;	       /* of a group: how long it may be unused; 0 for ever */
	_Atomic uint64_t name[LAYOUT_GROUP_NAME / 8];
};

struct layout {
	struct layout_header header;
	alignas(512) struct layout_control control;
	alignas(LAYOUT_TABLE_OFFSET) struct layout_endpoint endpoint[];
};

/* ---- ring ---- */

#define RING_ALIGN 16u

/* The header of a record.  A record takes ring_size(length) bytes. */
struct layout_record {
	_Atomic uint32_t length;
	_Atomic uint32_t state;
	/* 1, 2, ...: at the senders' position, the number that the next message
	 * will have; written there before the store that publishes the one
	 * before, so that no crash can lose count. */
	_Atomic uint64_t seq;
};

/* state: kind << 28 | holder << 16 | attempts.  Zero is no state.  Of kind broadcast, where
 * every record stays ready, a stamp takes the place of the last two (kind/broadcast.h). */
enum { RECORD_READY = 1, RECORD_LEASED = 2, RECORD_DONE = 3 };
/* A done record's holder, if it was removed unread: by a purge. */
#define RECORD_PURGED 1u
#define RECORD_ATTEMPTS_MAX 0xffffu
#define RECORD_HOLDER_MAX 0xfffu

static inline uint32_t record_state(uint32_t kind, uint32_t holder, uint32_t attempts)
{
	return kind << 28 | holder << 16 | attempts;
}
static inline uint32_t record_kind(uint32_t state)
{
	return state >> 28;
}
static inline uint32_t record_holder(uint32_t state)
{
	return state >> 16 & 0xfffu;
}
static inline uint32_t record_attempts(uint32_t state)
{
	return state & RECORD_ATTEMPTS_MAX;
}
/* The state of a record, once `holder` has leased it. */
static inline uint32_t record_leased(uint32_t state, uint32_t holder)
{
	uint32_t attempts = record_attempts(state);

	return record_state(RECORD_LEASED, holder & RECORD_HOLDER_MAX,
		attempts < RECORD_ATTEMPTS_MAX ? attempts + 1 : attempts);
}

/* ---- messages with a header ---- */

#define LAYOUT_KEY_MAX 255u
#define LAYOUT_REPLY_MAX 255u
#define LAYOUT_HEADER_MAX 1024u

/* In a channel with CHAN_META a record's bytes begin with this; the key, the reply address and
 * the pairs follow, then the message at a multiple of RING_ALIGN.  Ring and recovery know
 * nothing of it. */
struct layout_meta {
	uint32_t length; /* of it all, up to the message */
	uint16_t key_length;
	uint16_t reply_length;
	uint32_t header_length;
	uint32_t flags;	   /* CHAN_META_HAS_ID, ... */
	int64_t sent;	   /* CLOCK_REALTIME, ns */
	int64_t sent_mono; /* by the monotonic clock of the time namespace `clock` (clock.h) */
	uint32_t clock;
	int32_t pid;
	uint32_t uid;
	int32_t status;
	int64_t ttl;	     /* ns after it was sent; 0: for ever */
	_Atomic int64_t due; /* as sent_mono: not before; 0: at once */
	uint8_t id[16];
	uint64_t correlation;
	uint8_t priority;
	uint8_t unused[7];
};

/* The most that such a header takes. */
#define LAYOUT_META_MOST                                                                           \
	((uint32_t)(sizeof(struct layout_meta) + LAYOUT_KEY_MAX + LAYOUT_REPLY_MAX +               \
		    LAYOUT_HEADER_MAX + RING_ALIGN - 1) /                                          \
		RING_ALIGN * RING_ALIGN)

/* What is known of the id of a message: see ids.h. */
struct layout_id {
	_Atomic uint64_t seq; /* of the message; 0: of none */
	_Atomic uint64_t id[2];
	/* When it was sent, by the coarse monotonic clock of the time namespace `clock`
	 * (clock.h); where ids are remembered for ever, 0. */
	_Atomic int64_t sent;
	_Atomic uint32_t clock;
	_Atomic uint32_t next; /* of the same bucket, the entry before */
};

/* ---- slots: where the ring would be, in a channel that keeps the latest value ---- */

#define LAYOUT_SLOTS 4u

/* The header of a slot; its bytes follow, and begin a line, for the copy's sake.  Each slot
 * begins a pair of lines.  The senders' position is generation << 8 | slot << 1 of the
 * current value, 0 if there is none; the store to it commits a send. */
struct layout_slot {
	_Atomic uint64_t generation; /* 1, 2, ... of its value; 0 while that is written */
	_Atomic uint32_t length;
	uint32_t unused[13];
};

/* ---- locked bytes (open file description locks, endpoint.c) ---- */

/* Far above any segment's size; the lock table doesn't mind. */
#define LAYOUT_LOCK_SLOT (INT64_C(1) << 48)
#define LAYOUT_LOCK_SENDER (LAYOUT_LOCK_SLOT + LAYOUT_ENDPOINTS_MAX)
#define LAYOUT_LOCK_RECEIVER (LAYOUT_LOCK_SENDER + LAYOUT_ENDPOINTS_MAX)
/* One byte, shared by all receivers that may not write: a read lock. */
#define LAYOUT_LOCK_READERS (LAYOUT_LOCK_RECEIVER + LAYOUT_ENDPOINTS_MAX)

/* ---- agreement ---- */

/* A segment made by a program for which any of this differs is refused. */
#define LAYOUT_ABI                                                                                 \
	((uint32_t)sizeof(pthread_mutex_t) | (uint32_t)sizeof(void *) << 8 |                       \
		(uint32_t)sizeof(long) << 12 | (uint32_t)alignof(pthread_mutex_t) << 16 |          \
		(uint32_t)sizeof(struct layout_lock) << 20)

static_assert(sizeof(struct layout_header) <= 512, "header");
static_assert(offsetof(struct layout, control) == 512, "control");
static_assert(sizeof(struct layout) == LAYOUT_TABLE_OFFSET, "table");
static_assert(sizeof(struct layout_endpoint) == 64, "endpoint");
static_assert(sizeof(struct layout_subscriber) == 2 * LAYOUT_PAIR, "subscriber");
static_assert(sizeof(struct layout_record) == RING_ALIGN, "record");
static_assert(sizeof(struct layout_meta) == 96, "meta");
static_assert(sizeof(struct layout_id) == 40, "id");
static_assert(sizeof(struct layout_slot) == LAYOUT_PAIR / 2, "slot");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	"atomics in shared memory must not hide a lock");

#endif
