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

/* Do as chan_peek(). */
ssize_t value_peek(struct chan *ch, void *buf, size_t size, struct chan_cursor *at);

#endif
