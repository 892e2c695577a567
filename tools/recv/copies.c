/* SPDX-License-Identifier: MIT */
#include "recv/copies.h"

#include <errno.h>

int copies_look(chan_t *ch, void *buf, size_t size, int64_t patience, uint64_t *next)
{
	struct chan_case ready = {.size = sizeof(ready), .op = CHAN_OP_RECV, .ch = ch};
	struct chan_cursor at = {.pos = 0};
	ssize_t n;

	if (*next)
		return 0;
	n = chan_peek(ch, buf, size, &at);
	if (n == -EAGAIN) {
		int which = chan_select(&ready, 1, patience, CHAN_ONLY_READY);

		if (which < 0)
			return which;
		at = (struct chan_cursor){.pos = 0};
		n = chan_peek(ch, buf, size, &at);
	}
	if (n >= 0)
		*next = at.seq;
	return n < 0 && n != -EAGAIN ? (int)n : 0;
}

ssize_t copies_receive(chan_t *ch, void *buf, size_t size, int64_t patience, uint64_t *next)
{
	ssize_t n = chan_recv(ch, buf, size, patience);

	if (n == -EOVERFLOW)
		*next = 0;
	else if (n >= 0 && *next)
		++*next;
	return n;
}
