/* SPDX-License-Identifier: MIT */
/*
 * A request: it is parsed, checked, and carried out (verbs.h).  A request for a channel
 * that is being made is parked: it is asked again when the channel is there, or after a
 * time limit.
 */
#ifndef CHAND_REQUEST_H
#define CHAND_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct connection;
struct timer;

/* Handle the packet, which is changed; text[len] is writable. */
void request_handle(struct connection *c, char *text, size_t len);

/* Handle the parked request again, unless its channel is still being made and the limit
 * has not passed.  Returns whether that was done. */
bool request_unpark(struct connection *c);

/* For connection.limit. */
void request_limit_passed(struct timer *timer);

#endif
