/* SPDX-License-Identifier: MIT */
/* See socket.h. */
#include "support/socket.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

int bind_path(const char *path, int type)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -1 : fd;
}
