/* SPDX-License-Identifier: MIT */
/*
 * The stdin of a child that is kept running: a pipe into which messages are written as far as
 * it has room, and the rest as the child reads.  That the child reads no more is no error: the
 * rest is dropped.
 */
#ifndef SHMCHAN_FEED_H
#define SHMCHAN_FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "recv/reactor.h"

struct feed {
	struct reactor_fd out; /* private */
	int fd;		       /* the pipe's end, or -1 */
	char *data;
	size_t len, done, room;
	bool last; /* nothing follows: end of file after it */
};

/* Make the pipe.  Sets *ret_in to what the child reads, which the caller closes.  Returns 0 or
 * a negative errno. */
int feed_open(struct feed *ret, int *ret_in);

/* Write data[0..len-1], which is copied, after what was given before.  Returns 0 or -ENOMEM. */
int feed_more(struct feed *f, const void *data, size_t len);

/* End of file, after what was given before. */
void feed_end(struct feed *f);

/* Drop what is left, and free what the feed has.  Fine if it is closed, or all zeroes with
 * `fd` -1. */
void feed_close(struct feed *f);

#endif
