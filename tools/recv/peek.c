/* SPDX-License-Identifier: MIT */
/* See peek.h. */
#include "recv/peek.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "common/failure.h"

/* Copy the next message to `buf`, of `size` bytes, and put it into the batch. */
static bool peek_once(struct receiver *r, char *buf, size_t size, struct chan_cursor *at)
{
	struct envelope m = {.data = buf, .channel = r->name};
	struct chan_meta meta = {.size = sizeof(meta)};
	ssize_t n;

	if (!run_wanted(r->run) || run_stopping(r->run))
		return false;
	n = r->headed ? chan_peek_meta(r->ch, buf, size, at, &meta)
		      : chan_peek(r->ch, buf, size, at);
	if (n == -EAGAIN)
		return false;
	if (n < 0)
		return receiver_fail(r, cli_fail(r->name, NULL, (int)n));
	m.len = (size_t)n;
	m.seq = at->seq;
	if (r->headed)
		m.meta = &meta;
	m.time = clock_real();
	run_claim(r->run, 1);
	if (!receiver_put(r, &m) || (batch_is_full(&r->sink->batch) && !receiver_flush(r)))
		return false;
	run_count(r->run, 1, m.len);
	return true;
}

void peek_run(struct receiver *r)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_cursor at = {0};
	int err = chan_stat(r->ch, &st);
	char *buf = err ? NULL : malloc((size_t)st.max_message + 1);

	if (!buf) {
		receiver_fail(r, cli_fail(r->name, NULL, err ? err : -ENOMEM));
		return;
	}
	receiver_end(r, EMPTY);
	while (peek_once(r, buf, st.max_message, &at))
		;
	if (r->outcome != FAILED)
		receiver_flush(r);
	free(buf);
}
