/* SPDX-License-Identifier: MIT */
/* chansend --request: a message that asks for replies, and what becomes of it. */
#ifndef SHMCHAN_SEND_REQUEST_H
#define SHMCHAN_SEND_REQUEST_H

#include <stdint.h>
#include <sys/uio.h>

#include "shmchan.h"

/* Send the request, which waits for room for `patience`, and print each reply, which a newline
 * ends, until the last.  Sets *status to what that says, as an exit status.  Returns 0; or
 * an error of chan_request() or chan_response(); or -ETIME if there is no last reply within
 * `timeout`. */
int request_send(chan_t *ch, const struct iovec *msg, const struct chan_meta *meta,
	int64_t patience, int64_t timeout, int *status);

#endif
