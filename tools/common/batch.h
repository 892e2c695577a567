/* SPDX-License-Identifier: MIT */
/*
 * Messages that are encoded for an output, and not yet written there.  A batch goes to
 * stdout with as few calls as can be, each message as a record of its own (output.h).
 *
 * One thread at a time.
 */
#ifndef SHMCHAN_BATCH_H
#define SHMCHAN_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/envelope.h"
#include "common/framing.h"

enum { BATCH_MAX = 1024 }; /* messages */

struct batch {
	char *buf; /* allocated, or NULL */
	size_t used, size;
	size_t end[BATCH_MAX]; /* where each message ends in the buffer */
	unsigned n;
};

/* Start with a batch of zeroes. */
void batch_free(struct batch *b);

/* Returns true if the batch has to be written before it takes another message. */
bool batch_is_full(const struct batch *b);

/* Add a message: 0, or -ENOMEM.  The second form takes a function as framing_encode(),
 * which is called with `how`. */
int batch_add(struct batch *b, const struct framing *framing, const struct envelope *m);
int batch_add_encoded(struct batch *b,
	ssize_t (*encode)(const void *how, const struct envelope *m, char *out, size_t room),
	const void *how, const struct envelope *m);

/* Write the batch to stdout, with what a terminal would obey escaped if `escape`, and empty
 * it.  Sets *done, in any case, to how many messages were written.  Returns 0 or a negative
 * errno, as output_records() does. */
int batch_write(struct batch *b, bool escape, size_t *done);

/* Empty the batch. */
void batch_drop(struct batch *b);

#endif
