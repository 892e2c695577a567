/* SPDX-License-Identifier: MIT */
/*
 * Where the messages of chanrecv go: to stdout, or into a file each.  Each receiver in turn
 * adds messages to the batch, and writes it before the next one has its turn.
 */
#ifndef SHMCHAN_SINK_H
#define SHMCHAN_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/batch.h"
#include "recv/options.h"
#include "recv/store.h"

struct sink {
	const struct recv_options *options;
	struct store *store; /* -D, or NULL */
	bool reported;
	struct batch batch;
	struct chan_lease lease[BATCH_MAX]; /* of the messages in the batch, unless -p */
};

/* 0, or a negative errno of opening the directory. */
int sink_open(struct sink *ret, const struct recv_options *options);
void sink_close(struct sink *sink);

/* Add a message of a channel that was created then: to the batch, or as a file whose name
 * sink_write() makes last.  Returns 0, or
 *   -ENOMEM   there is no memory for the message
 *   others    its file can't be written */
int sink_put(struct sink *sink, const struct envelope *m, int64_t created);

/* Write the batch, and empty it.  Sets *done, in any case, to how many of its messages
 * were written.  Returns 0, or a negative errno, -EINTR as output_records() does. */
int sink_write(struct sink *sink, size_t *done);

/* Report that writing failed, the first time. */
void sink_report(struct sink *sink, int err);

#endif
