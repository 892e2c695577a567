/* SPDX-License-Identifier: MIT */
/* The command line of chanrecv: what the user asks for, which nothing changes later. */
#ifndef SHMCHAN_RECV_OPTIONS_H
#define SHMCHAN_RECV_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/framing.h"
#include "recv/exec_options.h"
#include "recv/subscription.h"
#include "shmchan.h"

struct recv_options {
	char **channels; /* their names */
	int count;
	char **command; /* and its arguments, to a NULL; or NULL */
	struct exec_options exec;

	/* What becomes of a message, without a command. */
	struct framing framing;
	const char *format; /* in place of the framing, or NULL */
	const char *dir;    /* -D, or NULL: stdout */
	bool escape;	    /* control bytes, since stdout is a terminal */
	bool peek;
	bool biased; /* of several channels, the first that has a message */
	bool latest; /* the channels keep a value */
	struct recv_subscription subscription;

	/* When to stop. */
	uint64_t limit; /* of messages */
	int64_t deadline;
	int64_t idle, idle_exit; /* durations without a message */
	bool nowait, drain;
};

/* Parse the command line into *o; a wrong one ends the process. */
void recv_options_parse(struct recv_options *o, int argc, char **argv);

#endif
