/* SPDX-License-Identifier: MIT */
/* What chand and the service manager tell each other: sd_notify(3) and
 * sd_listen_fds(3), as far as chand needs them, without the library. */
#ifndef CHAND_NOTIFY_H
#define CHAND_NOTIFY_H

#include <stdint.h>

/* Tell it "READY=1" and the like; nothing if there is nobody to tell. */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The listening socket passed under this name (FileDescriptorName=), or -1. */
int notify_listening(const char *name);

/* Half the time within which it wants to hear WATCHDOG=1, ns; 0: it doesn't. */
int64_t notify_watchdog(void);

#endif
