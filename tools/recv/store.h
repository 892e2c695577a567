/* SPDX-License-Identifier: MIT */
/*
 * chanrecv --dir: a directory with a file for each message.
 *
 * A file's name is CHANNEL.CREATED.SEQUENCE (the '/' of OWNER/NAME becomes '+'),
 * the same each time that message is delivered and never that of another one:
 * a message that is delivered again after a crash replaces its file.  A name appears
 * only when the whole file is there and on disk.
 */
#ifndef SHMCHAN_STORE_H
#define SHMCHAN_STORE_H

#include <stddef.h>
#include <stdint.h>

struct store;

/* Open the directory: 0, or a negative errno. */
int store_open(struct store **ret, const char *dir);
void store_close(struct store *s); /* NULL is fine */

/* Returns the directory's name as it was given. */
const char *store_name(const struct store *s);

/* Make the file of a message.  Any thread may call it.  Its name is on disk after
 * store_sync().  Both return 0 or a negative errno. */
int store_put(const struct store *s, const char *channel, int64_t created, uint64_t seq,
	const void *data, size_t len);
int store_sync(const struct store *s);

#endif
