/* SPDX-License-Identifier: MIT */
/*
 * Signals end a tool between two messages.  After cli_signals(), the first TERM, INT or
 * HUP (unless it was ignored) interrupts every endpoint given to cli_watch(), makes
 * cli_wait_fd() return -EINTR, and cli_signalled() returns its number; a second one
 * kills.  A tool that ends because of it calls cli_die(), which dies of that signal as
 * if it had not been caught (and does nothing if there was none).
 */
#ifndef SHMCHAN_SIGNALS_H
#define SHMCHAN_SIGNALS_H

#include <poll.h>
#include <stdint.h>

#include "shmchan.h"

void cli_signals(void);
int cli_signalled(void);
void cli_die(void);

/* The same as cli_signals(), but later signals don't kill: the caller counts them, and ends
 * sooner with each.  The first `spared` interrupt no endpoint, since there is work to finish. */
void cli_count_signals(int spared);
int cli_signal_count(void);
/* Returns an eventfd(2) that is readable after each signal. */
int cli_signal_fd(void);

/* Watch an endpoint: main thread only; at most CLI_WATCH_MAX, else -EMFILE. */
#define CLI_WATCH_MAX 1024
int cli_watch(chan_t *ch);
void cli_unwatch(chan_t *ch);

/* Wait until poll(2)'s `events` on `fd`, which may be -1.  Returns 1, or
 *   -EINTR       after a signal of cli_signals()
 *   -ETIMEDOUT   at the deadline */
int cli_wait_fd(int fd, short events, int64_t deadline);

/* The same for n descriptors, of which fds[n] is left free: how many are ready. */
int cli_wait_fds(struct pollfd *fds, unsigned n, int64_t deadline);

#endif
