/* SPDX-License-Identifier: MIT */
/* See sink.h. */
#include "recv/sink.h"

#include <string.h>

#include "common/message.h"
#include "recv/format.h"

int sink_open(struct sink *ret, const struct recv_options *options)
{
	ret->options = options;
	return options->dir ? store_open(&ret->store, options->dir) : 0;
}

void sink_close(struct sink *sink)
{
	store_close(sink->store);
	batch_free(&sink->batch);
}

static ssize_t encode_format(const void *how, const struct envelope *m, char *out, size_t room)
{
	return format_encode(how, m, out, room);
}

int sink_put(struct sink *sink, const struct envelope *m, int64_t created)
{
	struct batch *b = &sink->batch;
	const struct recv_options *o = sink->options;
	int err = o->format ? batch_add_encoded(b, encode_format, o->format, m)
			    : batch_add(b, &o->framing, m);

	if (!err && sink->store) {
		err = store_put(sink->store, m->channel, created, m->seq, b->buf, b->used);
		b->used = 0;
		b->n -= err != 0; /* else it is counted, and its bytes are in the file */
	}
	return err;
}

int sink_write(struct sink *sink, size_t *done)
{
	struct batch *b = &sink->batch;
	int err;

	*done = 0;
	if (!b->n)
		return 0;
	if (sink->store) {
		err = store_sync(sink->store);
		*done = err ? 0 : b->n;
		batch_drop(b);
		return err;
	}
	return batch_write(b, sink->options->escape, done);
}

void sink_report(struct sink *sink, int err)
{
	if (!sink->reported)
		cli_error(NULL, "%s: %s", sink->store ? store_name(sink->store) : "stdout",
			strerror(-err));
	sink->reported = true;
}
