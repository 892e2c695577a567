/* SPDX-License-Identifier: MIT */
/*
 * The runtime directory: there is one chand for each, and chand takes nothing in it that
 * belongs to somebody else.
 *
 * The lock says whether another chand runs.  A listening socket that systemd passed is
 * served.  Any other is made here, and a file of its name is replaced only if it is the
 * socket of a dead chand: while any program has it bound, as systemd's chand.socket
 * has when chand.service does not run, this chand refuses to start.
 */
#ifndef CHAND_RUNTIME_H
#define CHAND_RUNTIME_H

#include <sys/types.h>

/* RUNTIME of the system's bus, unless another is given. */
#define RUNTIME_SYSTEM "/run/chand"

/* Make what is missing of RUNTIME, check that it belongs to the bus's user, and take the
 * lock, which is held until the process ends, whatever ends it.  Every refusal is logged,
 * with what to do.
 *   -EPERM        the directory, or this bus, is another user's
 *   -EBUSY        another chand keeps this bus
 *   -EADDRINUSE   another program listens on the control socket */
int runtime_take(void);

/* Returns the listening socket that systemd passed under the name `file`, or a new one; or
 * a negative errno, which is logged. */
int runtime_listen(const char *file, int type, mode_t mode);

/* The end: remove the sockets that runtime_listen() made, and no other. */
void runtime_leave(void);

#endif
