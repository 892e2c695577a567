/* SPDX-License-Identifier: MIT */
/* The command line of chansend: what the user asks for, which nothing changes later. */
#ifndef SHMCHAN_SEND_OPTIONS_H
#define SHMCHAN_SEND_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/framing.h"
#include "shmchan.h"

struct send_options {
	const char *channel;
	unsigned flags; /* of chan_open() */
	struct chan_options create;
	bool require_receiver;

	/* Where messages come from: files, then operands, or stdin if there are neither. */
	const char **files; /* NULL in place of a name: an empty message */
	int file_count;
	char **messages;
	int message_count;
	struct framing framing; /* of stdin */

	uint64_t limit; /* of messages */
	int64_t deadline, send_timeout;
	bool nowait;
	int overflow;	 /* enum chan_overflow, or -1: the channel's */
	double interval; /* ns between messages, 0: no pace */

	/* What each message's header says, if `headed`. */
	struct chan_meta meta;
	bool headed;
	bool request;	       /* it asks for a reply */
	int64_t reply_timeout; /* within so long */

	bool close, tee, keep_going;
	int progress;	   /* the descriptor, or -1 */
	bool progress_bar; /* a line that is overwritten, for people */
};

/* Parse the command line into *o; a wrong one ends the process.  The caller frees
 * o->files. */
void send_options_parse(struct send_options *o, int argc, char **argv);

#endif
