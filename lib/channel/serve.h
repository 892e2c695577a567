/* SPDX-License-Identifier: MIT */
/* The server's side of requests; the model is in call.h. */
#ifndef CHAN_SERVE_H
#define CHAN_SERVE_H

#include "shmchan.h"

/* Leave the inboxes where the endpoint replied; it is about to be detached. */
void replies_free(chan_t *ch);

/* The endpoint has just taken a request again, whose server died and which is to be tried once
 * only: tell the client, and be done with it. */
void reply_broken(chan_t *ch, const struct chan_lease *request);

#endif
