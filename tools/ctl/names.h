/* SPDX-License-Identifier: MIT */
/*
 * The names of the channels that chanctl monitor watches.  inotify reports names that appear and
 * disappear, in that order.  Without inotify, names are listed once a second.
 */
#ifndef SHMCHAN_CTL_NAMES_H
#define SHMCHAN_CTL_NAMES_H

/* Watch the names that match `glob` (NULL: all), and wait for news with `poll_fd`, an epoll(7)
 * descriptor: 0 or -errno. */
int names_start(const char *glob, int poll_fd);

/* Start to watch the channels that are there: 0 or an error of chan_list(). */
int names_list(void);

/* Start to watch each channel that has appeared, and stop with each that has gone. */
void names_read(void);

#endif
