/* SPDX-License-Identifier: MIT */
/*
 * Telling the service manager that chand is alive, if it wants to know.  What is
 * told is what was seen: chand connects to its own control socket, as a client
 * does, and has to answer.
 */
#ifndef CHAND_WATCHDOG_H
#define CHAND_WATCHDOG_H

int watchdog_start(int listening_fd);

#endif
