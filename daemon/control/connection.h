/* SPDX-License-Identifier: MIT */
/*
 * A connection to the control socket, and the packets that go out on it.
 *
 * It holds one packet that waits to be sent; nothing more is read from the client until
 * that has gone.  So a client that does not read costs a fixed amount of memory, and time
 * only to itself.
 */
#ifndef CHAND_CONNECTION_H
#define CHAND_CONNECTION_H

#include "bus/protocol.h"
#include "config/peer.h"
#include "loop/loop.h"
#include "shmchan.h"

#define CONNECTION_EVENTS 128 /* that a monitor has not read */

enum stream { STREAM_NONE, STREAM_LIST, STREAM_INFO, STREAM_TEXT };

struct connection {
	struct source source;
	struct peer peer;
	struct connection *next, **link; /* control.c */
	struct timer patience;

	/* The packet that waits to be sent. */
	char out[MESSAGE_MAX];
	size_t out_len; /* 0: there is none */
	int out_fd;	/* goes with it, or -1 */

	/* The answer comes when the channel `name`, which it asked for, has been made. */
	bool creates;

	/* A request that waits for the channel `name`, which is being made; or NULL. */
	char *parked;
	size_t parked_len;
	struct timer limit;
	bool late; /* the limit has passed */

	/* The channel that was made for it, while it may not have read the answer yet. */
	char made[CHAN_NAME_MAX + 1];
	uint64_t made_id;

	/* The rest of a long answer. */
	enum stream stream;
	char name[CHAN_NAME_MAX + 1]; /* the last of a list, or the channel of the answer */
	unsigned index;		      /* of the next endpoint */
	char *text;
	size_t text_len, text_at;

	/* A ring of events. */
	bool monitor;
	char *event[CONNECTION_EVENTS];
	unsigned first, events;
	uint64_t lost; /* since the last one */
};

/* Take the descriptor, and make it ready to be added to the loop. */
void connection_init(struct connection *c, int fd, const struct peer *peer);

/* Free what it has and close it. */
void connection_done(struct connection *c);

/* Begin a packet of that kind, or add lines to it: whole ones only. */
void connection_begin(struct connection *c, const char *kind);
void connection_add(struct connection *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Answer OK, or ERROR with a reason. */
void connection_ok(struct connection *c);
void connection_error(struct connection *c, int err, const char *reason);

/* Send the packet.  Returns 1 if it has gone, 0 if the client does not take it now,
 * negative if the client is gone. */
int connection_send(struct connection *c);

bool connection_hung_up(const struct connection *c);

/* Put an event in the ring, or count it as lost; make the oldest one the next packet. */
void connection_keep_event(struct connection *c, const char *lines);
void connection_next_event(struct connection *c);

#endif
