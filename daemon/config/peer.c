/* SPDX-License-Identifier: MIT */
#include "config/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

int peer_get(struct peer *ret, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred), size = 0;
	gid_t *groups = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	/* The first call says how much room they need. */
	while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
		if (errno != ERANGE) {
			free(groups);
			return -errno;
		}
		free(groups);
		groups = malloc(size);
		if (!groups)
			return -ENOMEM;
	}
	*ret = (struct peer){
		.uid = cred.uid,
		.gid = cred.gid,
		.pid = cred.pid,
		.groups = groups,
		.n = (unsigned)(size / sizeof(*groups)),
	};
	return 0;
}

void peer_done(struct peer *peer)
{
	free(peer->groups);
	peer->groups = NULL;
	peer->n = 0;
}

bool peer_in_group(const struct peer *peer, gid_t gid)
{
	for (unsigned i = 0; i < peer->n; i++)
		if (peer->groups[i] == gid)
			return true;
	return peer->gid == gid;
}
