/* SPDX-License-Identifier: MIT */
/* inotify(7), as the programs and chand use it. */
#ifndef SHMCHAN_INOTIFY_H
#define SHMCHAN_INOTIFY_H

#include <stdbool.h>

/* Explain an error of inotify_init1(2) (`watch` false), or of inotify_add_watch(2): a line
 * for people, with what to do; valid until the next call. */
const char *cli_inotify_error(int err, bool watch);

/* Watch the names of channels come and go.  Returns a non-blocking descriptor, or -1 with
 * *why set to such a line. */
int cli_watch_names(const char **why);

#endif
