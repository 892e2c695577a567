/* SPDX-License-Identifier: MIT */
/*
 * Activation: a channel with activate=yes has a file RUNTIME/ready/NAME while it holds a
 * message and has no receiver; systemd's path units start the receiver then.
 *
 * Messages pass chand by, so while such a channel has no receiver it is listened to as
 * channel/watch.h says, all of them on one inotify instance: for the first message, or, if
 * the file is there, for the message to go.  One ring is one look: the channel is not
 * listened to again before a pause is over, so nobody can keep the loop busy.
 */
#ifndef CHAND_ACTIVATION_H
#define CHAND_ACTIVATION_H

#include <stdbool.h>

struct channel;

/* Begin, and remove the files that a chand that was killed left: those that are still true
 * are made again.  Returns 0, -ERROR_NO_INOTIFY, or another negative errno. */
int activation_start(void);

/* Keep the channel's file from now on, beginning with the next activation_update(). */
int activation_add(struct channel *channel);
void activation_remove(struct channel *channel);

/* Call this when the channel's endpoints or what it is to be may have changed. */
void activation_update(struct channel *channel);

/* Returns whether the channel's file is there. */
bool activation_ready(const struct channel *channel);

#endif
