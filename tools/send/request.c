/* SPDX-License-Identifier: MIT */
/* See request.h. */
#include "send/request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/io.h"

/* Receive a reply into *buf, which is enlarged as needed: its length, or an error. */
static ssize_t receive(chan_t *ch, uint64_t number, char **buf, size_t *size,
	struct chan_meta *meta, int64_t deadline)
{
	for (;;) {
		ssize_t n = chan_response(ch, number, *buf, *size, meta, cli_remaining(deadline));
		char *more;

		if (n != -EMSGSIZE)
			return n;
		*size = chan_error_size(-EMSGSIZE);
		more = realloc(*buf, *size + 1);
		if (!more)
			return -ENOMEM;
		*buf = more;
	}
}

static int print(char *text, size_t len)
{
	bool ends = len && text[len - 1] == '\n';

	text[len] = '\n'; /* there is room */
	return cli_write(STDOUT_FILENO, text, len + !ends, NULL);
}

int request_send(chan_t *ch, const struct iovec *msg, const struct chan_meta *meta,
	int64_t patience, int64_t timeout, int *status)
{
	struct chan_meta asked = *meta, reply = {.size = sizeof(reply)};
	int64_t deadline = cli_deadline(timeout);
	size_t size = 4095;
	char *buf = malloc(size + 1);
	uint64_t number = 0;
	ssize_t n;
	int err;

	if (!buf)
		return -ENOMEM;
	if (asked.ttl == 0 && timeout > 0)
		asked.ttl = timeout;
	err = chan_request(ch, msg->iov_base, msg->iov_len, &asked, patience, &number);
	if (err > 0)
		err = err == CHAN_DUPLICATE ? -EALREADY : -EAGAIN; /* the channel dropped it */
	while (err == 0) {
		n = receive(ch, number, &buf, &size, &reply, deadline);
		err = n == -ETIMEDOUT || n == -EAGAIN ? -ETIME : n < 0 ? (int)n : 0;
		if (err == 0)
			err = print(buf, (size_t)n);
		if (err == 0 && !(reply.flags & CHAN_META_MORE))
			break;
	}
	if (err == 0)
		*status = reply.status >= 0 && reply.status <= 255 ? reply.status : 1;
	else if (number)
		chan_cancel(ch, number);
	free(buf);
	return err;
}
