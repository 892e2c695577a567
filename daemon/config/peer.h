/* SPDX-License-Identifier: MIT */
/* The process at the other end of a connection, as the kernel knew it when it
 * connected. */
#ifndef CHAND_PEER_H
#define CHAND_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups; /* supplementary */
	unsigned n;
};

/* Set *ret to the user and the groups at the other end of the socket.  Returns 0
 * or a negative errno. */
int peer_get(struct peer *ret, int fd);
void peer_done(struct peer *peer);
bool peer_in_group(const struct peer *peer, gid_t gid);

#endif
