/* SPDX-License-Identifier: MIT */
/* Sockets with a path, of which a test is the one that serves. */
#ifndef TESTS_SUPPORT_SOCKET_H
#define TESTS_SUPPORT_SOCKET_H

/* Make a socket of AF_UNIX, of a type as in socket(2), and bind it to `path`: its descriptor,
 * or -1 with errno set. */
int bind_path(const char *path, int type);

#endif
