/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"

static int path_of(bool user, char *ret, size_t size)
{
	const char *given = secure_getenv("SHMCHAN_CONTROL"), *dir = getenv("XDG_RUNTIME_DIR");
	int n;

	if (given)
		n = snprintf(ret, size, "%s", given);
	else if (!user)
		n = snprintf(ret, size, "/run/chand/control");
	else if (dir)
		n = snprintf(ret, size, "%s/chand/control", dir);
	else
		return -ENOTCONN;
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

int bus_connect(bool user)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int err = path_of(user, at.sun_path, sizeof(at.sun_path)), fd;

	if (err < 0)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		err = errno == EACCES || errno == EPERM ? -EACCES : -ENOTCONN;
		close(fd);
		return err;
	}
	return fd;
}

int bus_send(int fd, const char *request)
{
	size_t len = strlen(request);

	if (len > BUS_PACKET)
		return -EMSGSIZE;
	while (send(fd, request, len, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

ssize_t bus_receive(int fd, char *buf)
{
	int err = cli_wait_fd(fd, POLLIN, CHAN_WAIT);
	ssize_t n;

	if (err < 0)
		return err;
	do
		n = recv(fd, buf, BUS_PACKET, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int bus_verdict(char *packet, const char **text)
{
	static const char error[] = BUS_PROTOCOL " ERROR ", reason[] = "reason=";
	char *rest = strchr(packet, '\n'), *end;
	uint64_t err;

	if (!rest)
		return -EBADMSG;
	*rest++ = '\0';
	*text = rest;
	if (strncmp(packet, error, strlen(error)) != 0)
		return 0;
	if (cli_parse_count(packet + strlen(error), &err) || !err || err > 4095)
		return -EBADMSG;
	if (!strncmp(rest, reason, strlen(reason)))
		*text = rest + strlen(reason);
	end = strchr(rest, '\n');
	if (end)
		*end = '\0';
	return -(int)err;
}
