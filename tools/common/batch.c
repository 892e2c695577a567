/* SPDX-License-Identifier: MIT */
/* See batch.h. */
#include "common/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/io.h"
#include "common/output.h"

#define FULL_SIZE ((size_t)64 << 10) /* bytes before a write */
#define FIRST_SIZE (2 * FULL_SIZE)   /* of the buffer */

void batch_free(struct batch *b)
{
	free(b->buf);
	b->buf = NULL;
}

bool batch_is_full(const struct batch *b)
{
	return b->n == BATCH_MAX || b->used >= FULL_SIZE;
}

void batch_drop(struct batch *b)
{
	b->n = 0;
	b->used = 0;
}

/* Make room for `size` bytes: 0, or -ENOMEM. */
static int grow(struct batch *b, size_t size)
{
	char *p;

	if (size < FIRST_SIZE)
		size = FIRST_SIZE;
	p = realloc(b->buf, size);
	if (!p)
		return -ENOMEM;
	b->buf = p;
	b->size = size;
	return 0;
}

int batch_add_encoded(struct batch *b,
	ssize_t (*encode)(const void *how, const struct envelope *m, char *out, size_t room),
	const void *how, const struct envelope *m)
{
	int err = b->buf ? 0 : grow(b, 0);

	while (!err) {
		size_t room = b->size - b->used;
		ssize_t need = encode(how, m, b->buf + b->used, room);

		if (need < 0)
			return (int)need;
		if ((size_t)need <= room) {
			b->used += (size_t)need;
			b->end[b->n++] = b->used;
			return 0;
		}
		err = grow(b, b->used + (size_t)need);
	}
	return err;
}

static ssize_t encode_framed(const void *how, const struct envelope *m, char *out, size_t room)
{
	return framing_encode(how, m, out, room);
}

int batch_add(struct batch *b, const struct framing *framing, const struct envelope *m)
{
	return batch_add_encoded(b, encode_framed, framing, m);
}

static int write_escaped(const struct batch *b, size_t *done)
{
	char *escaped = malloc(4 * b->used + 1);
	size_t len;
	int err;

	if (!escaped)
		return -ENOMEM;
	len = cli_escape(escaped, b->buf, b->used);
	err = cli_write(STDOUT_FILENO, escaped, len, NULL);
	free(escaped);
	*done = err ? 0 : b->n;
	return err;
}

int batch_write(struct batch *b, bool escape, size_t *done)
{
	int err;

	*done = 0;
	err = escape ? write_escaped(b, done) : output_records(b->buf, b->end, b->n, done);
	batch_drop(b);
	return err;
}
