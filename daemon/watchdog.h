/* SPDX-License-Identifier: MIT */
/*
 * Reporting to the service manager that chand is alive, if it wants to know.  chand
 * reports what it has seen: it connects to its own control socket, as a client does, and
 * has to answer.
 */
#ifndef CHAND_WATCHDOG_H
#define CHAND_WATCHDOG_H

/* Begin; the socket is the control socket.  Returns 0 or a negative errno. */
int watchdog_start(int listening_fd);

#endif
