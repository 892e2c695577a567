/* SPDX-License-Identifier: MIT */
/*
 * Channels that keep a value in place of messages (kind.read): a send replaces the value,
 * and receivers copy it without a lock.
 *
 * Each endpoint remembers which value it received last, and a receive waits for a newer
 * one.  So every endpoint gets every value that is still there when it looks; those that
 * were replaced before are nobody's.
 *
 * Readers.  A receiver without the right to write maps the segment read-only: the kernel
 * keeps it from harming anybody.  It can't announce its sleep, so it has a read lock on the
 * byte LAYOUT_LOCK_READERS for as long as it lives; a sender that finds that byte locked
 * wakes all with each value, announced or not.  A sender asks the kernel once in a
 * millisecond at most, so a new reader sleeps briefly at first (wait.c).
 *
 * A reader can't seal a channel that was closed (ring_seal()) and leaves that to the
 * closer and the senders.  If all of them died in the middle, nothing is decided: then the
 * reader takes the value that is there for the last one.
 */
#ifndef CHAN_VALUE_H
#define CHAN_VALUE_H

#include "channel/handle.h"

/* Returns true if the endpoint has the role, in a channel of this kind: the calls on
 * messages leave it alone (see chan.ring_roles). */
static inline bool value_role(const struct chan *ch, unsigned role)
{
	return ch->roles & role && !(ch->ring_roles & role);
}

/* Do as chan_send(), chan_send_batch(), chan_recv(), chan_recv_batch() and chan_peek(); as
 * channel_send(), channel_receive() and receiver_ready(). */
int value_send(struct chan *ch, const void *value, size_t len, int64_t timeout);
int value_send_batch(struct chan *ch, const struct iovec *value, unsigned n, int64_t timeout);
ssize_t value_recv(struct chan *ch, void *buf, size_t size, int64_t timeout);
int value_recv_batch(struct chan *ch, struct iovec *buf, int64_t timeout);
int value_replace(struct chan *ch, const void *value, size_t len, struct limit *limit);
ssize_t value_receive(struct chan *ch, void *buf, size_t size, struct limit *limit);
int value_ready(struct chan *ch, struct limit *limit);
ssize_t value_peek(struct chan *ch, void *buf, size_t size, struct chan_cursor *at);

/* Return -EINVAL, and set the detail: the call is about messages, and the channel keeps
 * none. */
int value_refused(void) OUT_OF_LINE;

/* Return that in place of the -EBADF of sender_check() or receiver_check(), if the endpoint
 * has the role; else `err`. */
static inline int value_checked(const struct chan *ch, unsigned role, int err)
{
	return unlikely(err == -EBADF) && value_role(ch, role) ? value_refused() : err;
}

#endif
