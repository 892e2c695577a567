/* SPDX-License-Identifier: MIT */
/*
 * The receiver of one channel: in its turn it takes messages under a lease, encodes them
 * into the batch, writes the batch when the channel is empty or the batch full, and
 * acknowledges them then.  So whatever ends this process, what was not written is delivered
 * to another receiver.
 *
 * Of a broadcast, a subscriber that loses or may be evicted can't read in place: it copies
 * messages, which are received then, and says how many it lost (copies.h).
 *
 * Of a channel that keeps the latest value it copies each new value that it finds, and there
 * is nothing to acknowledge.
 *
 * Functions that return bool return false to end the receiver, with its outcome set.
 */
#ifndef SHMCHAN_RECEIVER_H
#define SHMCHAN_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "recv/run.h"
#include "recv/sink.h"

/* Why a receiver ended, the most important reason last. */
enum outcome {
	STOPPED, /* another receiver or a signal stopped it */
	ENDED,	 /* the channel ended */
	DRAINED, /* -e: it read what was there */
	IDLE,	 /* --idle-exit: no message came for so long */
	EMPTY,	 /* nothing was there, and it was not to wait */
	PAUSED,	 /* the same, since the channel is paused: messages are left */
	TIMED_OUT,
	FAILED, /* `status` says how */
};

struct receiver {
	struct run *run;
	struct sink *sink;
	const char *name;
	chan_t *ch;
	bool over; /* it has an outcome */
	enum outcome outcome;
	int status;	 /* the exit status, if it failed */
	uint64_t last;	 /* -e: the last sequence number wanted */
	int64_t created; /* the channel, for names of files */
	bool headed;	 /* its messages have a header */
	unsigned busy;	 /* how often, in a row, the lock was busy */

	/* Where there are no leases: room for a copy; of a channel that keeps a value, the one
	 * that was last put. */
	char *value;
	size_t room;
	struct chan_cursor at;

	/* Of a broadcast. */
	bool copies;   /* in place of leases */
	bool in_order; /* to acknowledge a message is to acknowledge those before it */
	uint64_t next; /* the number of the next message, 0 if that is not known */
	uint64_t lost; /* messages, and not yet said with one */

	/* Of a worker. */
	unsigned taken;	  /* messages that are not settled, held ones too */
	uint64_t failed;  /* in order: the number of the message that failed last */
	uint32_t attempt; /* and how often */
};

/* Open the channel.  Returns the exit status; receiver_close() is fine in any case. */
int receiver_open(struct receiver *ret, struct run *run, struct sink *sink, const char *name);
/* Leave the channel. */
void receiver_close(struct receiver *r);

/* End with this outcome, or with an exit status that says what failed: false. */
bool receiver_end(struct receiver *r, enum outcome outcome);
bool receiver_fail(struct receiver *r, int status);

/* Return the header of a message that was taken, in *ret; NULL if it has none. */
const struct chan_meta *receiver_header(
	const struct receiver *r, const struct chan_lease *lease, struct chan_meta *ret);

/* Add a message to the batch. */
bool receiver_put(struct receiver *r, const struct envelope *m);

/* Write the batch, then acknowledge what has been written. */
bool receiver_flush(struct receiver *r);

/* Returns true if the channel is paused, and has messages that can be received later. */
bool receiver_is_paused(const struct receiver *r);

/* A call that takes a message returned none, but `err`: decide whether to go on. */
bool receiver_go_on_without(struct receiver *r, int err);

/* Take what is there, as far as the batch has room, print it and acknowledge it.  Waits so
 * long for the first message. */
bool receiver_turn(struct receiver *r, int64_t patience);

#endif
