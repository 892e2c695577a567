/* SPDX-License-Identifier: MIT */
/* The event sink.  Any module reports here what happened to a channel; the subscriber
 * (control/) passes it on to the clients that monitor the bus. */
#ifndef CHAND_EVENTS_H
#define CHAND_EVENTS_H

struct spec;

/* Report that `event` happened to the channel.  With `look`, only those who may look into
 * that channel see it.  `fmt` makes further lines, `key=value\n`. */
void event_emit(const char *event, const char *channel, const struct spec *look, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* Call emitted() with the lines of each event from now on.  There is one subscriber. */
void events_subscribe(void (*emitted)(const char *lines, const struct spec *look));

#endif
