/* SPDX-License-Identifier: MIT */
/* Resting: what a call does that may not wait, so that its event loop can.  The model is in
 * pollable.h. */
#ifndef CHAN_REST_H
#define CHAN_REST_H

#include <stdbool.h>

struct chan;
struct condition;
struct pollable;

/* How long something stays awake where it depends on who lives, after a peer's file was
 * closed: see pollable.h.  From the end of a dead process's file to the end of its locks it
 * is a microsecond, unless the process has to give up its CPU in between. */
#define REST_ALERT INT64_C(10000000)

/* Returns true if what a call gets may depend on which peers live. */
bool depends_on_life(struct chan *ch);

/*
 * The call found nothing: make the descriptor of what it would wait for, if there is one,
 * unreadable until something happens.  Before that, spin for as long as that paid lately: a
 * loop that goes to sleep for each message costs system calls.  Returns true if the call
 * should look again.
 */
bool pollable_rest(struct chan *ch, const struct condition *what);

/* Make the descriptor readable again. */
void pollable_ring(const struct chan *ch, const struct pollable *p);

#endif
