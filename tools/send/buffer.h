/* SPDX-License-Identifier: MIT */
/* A buffer of bytes that grows. */
#ifndef SHMCHAN_SEND_BUFFER_H
#define SHMCHAN_SEND_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct buffer {
	char *data; /* allocated, or NULL */
	size_t size;
};

/* Make room for `size` bytes; what is there stays.  Returns false if there is no memory. */
static inline bool buffer_grow(struct buffer *b, size_t size)
{
	char *p = size <= b->size ? b->data : realloc(b->data, size);

	if (!p)
		return false;
	b->data = p;
	if (size > b->size)
		b->size = size;
	return true;
}

#endif
