/* SPDX-License-Identifier: MIT */
/* What chand says of channels and endpoints, and answers of several packets, which are made
 * one by one as the client takes them. */
#ifndef CHAND_ANSWER_H
#define CHAND_ANSWER_H

#include <stddef.h>

struct channel;
struct connection;

/* Make a CHANNEL packet. */
void answer_channel(struct connection *c, const struct channel *channel);

/* Begin an answer that has further packets: the channels in the table, the endpoints of the
 * channel, or the text, which is taken.  The packet that is there goes first. */
void answer_list(struct connection *c);
void answer_endpoints(struct connection *c, const struct channel *channel);
void answer_text(struct connection *c, char *text, size_t len);

/* Make the next packet, of a connection whose stream has not ended. */
void answer_next(struct connection *c);

#endif
