/* SPDX-License-Identifier: MIT */
/*
 * The job that each loop does: a relay.
 *
 *     PROGRAM IN IN IN OUT
 *
 * It receives from three channels and sends what it got to a fourth.  While that is full it
 * receives nothing and waits for room, so the back-pressure goes on to the senders.  It ends
 * when all three have ended.
 *
 * The relay knows no loop.  It says which descriptors are to be watched, and the loop calls
 * relay_ready() while one of them is readable.
 */
#ifndef TESTS_LOOPS_RELAY_H
#define TESTS_LOOPS_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include <shmchan.h>

#define RELAY_INPUTS 3
#define RELAY_OUTPUT RELAY_INPUTS
#define RELAY_FDS (RELAY_INPUTS + 1)

struct relay {
	chan_t *ch[RELAY_FDS];
	int fd[RELAY_FDS];
	bool watched[RELAY_FDS];
	bool ended[RELAY_INPUTS];
	/* The loop's: begin or stop to watch fd[i]. */
	void (*watch)(struct relay *r, unsigned i, bool on);
	bool holds; /* a message for which the output had no room */
	size_t len;
	char message[64];
};

/* Open the channels that the command line names, and say that the inputs are to be
 * watched.  Whatever fails ends the process with status 1. */
void relay_open(struct relay *r, char **argv, void (*watch)(struct relay *r, unsigned i, bool on));

/* fd[i] is readable: make one call. */
void relay_ready(struct relay *r, unsigned i);

/* Something changed, for loops that hear of changes only: call until nothing goes on.  The
 * descriptors that are to be watched don't change. */
void relay_changed(struct relay *r);

/* Returns true when all inputs have ended and nothing is held. */
bool relay_done(const struct relay *r);

/* End the output, and leave. */
void relay_close(struct relay *r);

_Noreturn void relay_fail(const char *what, int err);

#endif
