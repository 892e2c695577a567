/* SPDX-License-Identifier: MIT */
/*
 * The events that chand sends to chanctl monitor.  A chand that keeps a channel reports its
 * endpoints, deaths and repairs as they happen, and then these are not read from the channel.
 * When chand ends, they are read again; when it starts, it is asked again.
 */
#ifndef SHMCHAN_CTL_FEED_H
#define SHMCHAN_CTL_FEED_H

struct feed;

/* Connect to each chand of the buses that are watched, and wait for their events with
 * `poll_fd`, an epoll(7) descriptor.  `names_read` is called if chand reports a channel that is
 * not watched: its name may be there by now. */
void feeds_start(int poll_fd, void (*names_read)(void));

/* Report what came, and connect to each chand that it is time to ask again. */
void feeds_read(void);

/* Returns the feed that reports the channel's endpoints, or NULL. */
const struct feed *feed_of(const char *name);

#endif
