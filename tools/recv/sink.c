/* SPDX-License-Identifier: MIT */
/* See sink.h. */
#include "recv/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/message.h"
#include "common/output.h"
#include "recv/format.h"

#define FLUSH_SIZE ((size_t)64 << 10) /* bytes before a write */
#define FIRST_SIZE (2 * FLUSH_SIZE)   /* of the buffer */

int sink_open(struct sink *ret, const struct recv_options *options)
{
	*ret = (struct sink){.options = options, .reported = ATOMIC_FLAG_INIT};
	pthread_mutex_init(&ret->lock, NULL);
	return options->dir ? store_open(&ret->store, options->dir) : 0;
}

void sink_close(struct sink *sink)
{
	store_close(sink->store);
}

int batch_init(struct batch *ret)
{
	ret->used = ret->n = 0;
	ret->size = FIRST_SIZE;
	ret->buf = malloc(ret->size);
	return ret->buf ? 0 : -ENOMEM;
}

void batch_free(struct batch *b)
{
	free(b->buf);
}

bool batch_is_full(const struct batch *b)
{
	return b->n == BATCH_MAX || b->used >= FLUSH_SIZE;
}

/* Encode a message behind the buffer's end. */
static int encode(const struct recv_options *o, struct batch *b, const struct envelope *m)
{
	for (;;) {
		char *at = b->buf + b->used, *p;
		size_t room = b->size - b->used;
		ssize_t need = o->format ? format_encode(o->format, m, at, room)
					 : framing_encode(&o->framing, m, at, room);

		if (need >= 0 && (size_t)need <= room) {
			b->used += (size_t)need;
			return 0;
		}
		p = need < 0 ? NULL : realloc(b->buf, b->used + (size_t)need);
		if (!p)
			return -ENOMEM;
		b->buf = p;
		b->size = b->used + (size_t)need;
	}
}

int sink_put(const struct sink *sink, struct batch *b, const struct envelope *m, int64_t created)
{
	int err = encode(sink->options, b, m);

	if (!err && sink->store) {
		err = store_put(sink->store, m->channel, created, m->seq, b->buf, b->used);
		b->used = 0;
	}
	if (!err)
		b->end[b->n++] = b->used;
	return err;
}

/* Write the batch to stdout, with what a terminal would obey escaped. */
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

int sink_write(struct sink *sink, struct batch *b, size_t *done)
{
	int err = 0;

	*done = 0;
	if (!b->n)
		return 0;
	if (sink->store) {
		err = store_sync(sink->store);
		*done = err ? 0 : b->n;
	} else {
		pthread_mutex_lock(&sink->lock);
		err = sink->options->escape ? write_escaped(b, done)
					    : output_records(b->buf, b->end, b->n, done);
		pthread_mutex_unlock(&sink->lock);
	}
	b->n = 0;
	b->used = 0;
	return err;
}

void sink_report(struct sink *sink, int err)
{
	if (!atomic_flag_test_and_set(&sink->reported))
		cli_error(NULL, "%s: %s", sink->store ? store_name(sink->store) : "stdout",
			strerror(-err));
}
