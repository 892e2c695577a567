/* SPDX-License-Identifier: MIT */
/* A descriptor that the loop waits for (loop.h). */
#ifndef CHAND_SOURCE_H
#define CHAND_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct source {
	int fd;
	short events; /* of poll(2), POLLIN and POLLOUT; errors come by themselves */
	void (*ready)(struct source *source);
	/* If set, in place of `ready`: fd is a listening socket, and this takes
	 * each connection (SOCK_CLOEXEC | SOCK_NONBLOCK). */
	void (*accepted)(struct source *source, int fd);

	/* the loop's */
	uint32_t slot;
	bool added, again;
	struct source *next_again;
};

#endif
