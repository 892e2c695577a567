/* SPDX-License-Identifier: MIT */
/* What chand and the service manager say to each other: sd_notify(3) and sd_listen_fds(3),
 * as far as chand needs them, without the library. */
#ifndef CHAND_NOTIFY_H
#define CHAND_NOTIFY_H

#include <stdint.h>

/* Report "READY=1" and the like to the service manager, if there is one. */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Returns the listening socket that was passed under this name (FileDescriptorName=), or
 * -1. */
int notify_listening(const char *name);

/* Returns half of the time, in ns, within which the service manager wants to hear
 * WATCHDOG=1; 0 if it doesn't want to. */
int64_t notify_watchdog(void);

#endif
