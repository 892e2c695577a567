/* SPDX-License-Identifier: MIT */
/*
 * A thread that sleeps on a condition for a pollable descriptor, where the segment's bell
 * can't be heard: because chand opened the channel for a user who may not open its file, or
 * because the user's inotify(7) instances are used up.
 *
 * It costs a thread, a second wake-up for each, and a look each second while it listens
 * (wait.c says why), which makes the descriptor readable.  It has the duties of any sleeper:
 * it can't know what the loop will do, so it passes each wake-up on.
 */
#ifndef CHAN_LISTENER_H
#define CHAN_LISTENER_H

#include "segment/segment.h"

struct listener;

/* Start one that makes `d`, an eventfd(2), readable, or rings the segment's bell if that is
 * NULL: 0 and *ret, or -ENOMEM. */
int listener_start(struct listener **ret, const struct descriptor *d, const struct segment *s);

/* Let it sleep on a condition that cond_arm() gave `key` for, or on none (NULL), and no longer
 * on another; and until that time (DEADLINE_NEVER: there is none), and no longer until
 * another. */
void listener_listen(struct listener *l, struct layout_cond *c, uint32_t key, int64_t at);

/* End it.  In a child of fork() there is no thread: `orphan`. */
void listener_end(struct listener *l, bool orphan);

/* Make the descriptor readable, or unreadable. */
void listener_ring(const struct descriptor *d);
void listener_hear(const struct descriptor *d);

#endif
