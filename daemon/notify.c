/* SPDX-License-Identifier: MIT */
#include "notify.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/parse.h"

#define LISTEN_FIRST 3

void notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	char text[512];
	va_list ap;
	int fd, n;

	if (!len || len >= sizeof(at.sun_path))
		return;
	memcpy(at.sun_path, path, len);
	if (at.sun_path[0] == '@')
		at.sun_path[0] = 0;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (n > 0)
		sendto(fd, text, strnlen(text, sizeof(text)), MSG_NOSIGNAL, (struct sockaddr *)&at,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

static bool env_number(const char *name, uint64_t *ret)
{
	const char *text = getenv(name);

	return text && cli_parse_count(text, ret) == 0;
}

static bool for_us(const char *name)
{
	uint64_t pid;

	return env_number(name, &pid) && pid == (uint64_t)getpid();
}

int notify_listening(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t len = strlen(name);
	uint64_t n;

	if (!for_us("LISTEN_PID") || !env_number("LISTEN_FDS", &n) || !names)
		return -1;
	for (int fd = LISTEN_FIRST; (uint64_t)(fd - LISTEN_FIRST) < n; fd++) {
		size_t this = strcspn(names, ":");

		if (this == len && !memcmp(names, name, len)) {
			if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
				fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
				return -1;
			return fd;
		}
		names += this;
		if (*names)
			names++;
	}
	return -1;
}

int64_t notify_watchdog(void)
{
	uint64_t us;

	if (!env_number("WATCHDOG_USEC", &us) || !us || us > UINT64_C(86400000000) ||
		(getenv("WATCHDOG_PID") && !for_us("WATCHDOG_PID")))
		return 0;
	return (int64_t)us * 1000 / 2;
}
