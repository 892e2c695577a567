/* SPDX-License-Identifier: MIT */
/*
 * A run of chansend: messages go to the channel, what becomes of each is counted, and
 * the first reason to end decides the exit status.
 *
 * Functions that return bool return false to end the run.  Only sender.c changes a
 * struct sender.
 */
#ifndef SHMCHAN_SENDER_H
#define SHMCHAN_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/batch.h"
#include "common/framing.h"
#include "send/options.h"
#include "send/pace.h"
#include "send/progress.h"
#include "send/tally.h"

enum { SENDER_BATCH = 512 }; /* messages that are sent at once */
_Static_assert((int)SENDER_BATCH <= (int)BATCH_MAX, "they are copied at once, too");

struct sender {
	const struct send_options *options;
	chan_t *ch;
	/* The header of the messages that are sent next, or NULL. */
	const struct chan_meta *meta;
	int reply_status; /* of the last reply, with --request */
	bool drops;	  /* a full channel drops new messages, so they are sent one by one */
	struct tally tally;
	struct pace pace;
	struct progress progress;
	struct batch copy; /* --tee */
	int status;	   /* the exit status, if the run has to end now */
};

/* Start the run and open the channel.  Returns false if that fails, which is reported. */
bool sender_open(struct sender *ret, const struct send_options *options);

/* Send 1 to SENDER_BATCH messages; --tee copies them in `framing`. */
bool sender_send(
	struct sender *s, const struct framing *framing, const struct iovec *msg, unsigned n);

/* End the run with this status: returns false. */
bool sender_stop(struct sender *s, int status);

/* Count a message that can't be sent; without --keep-going this ends the run. */
bool sender_skip(struct sender *s, int status);

/* The same when the messages behind it are lost as well: this ends the run in any case. */
bool sender_give_up(struct sender *s, int status);

/* Returns true if the reason of a failure is reported: with --keep-going only the first
 * time, since the end reports how many failed. */
bool sender_reports_failure(const struct sender *s);

/* --eof if all went well, and the last figures. */
void sender_finish(struct sender *s);

/* Leave the channel.  Returns the exit status of the run. */
int sender_close(struct sender *s);

#endif
