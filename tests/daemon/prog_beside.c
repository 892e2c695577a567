/* SPDX-License-Identifier: MIT */
/*
 * prog_beside SOCKET USER NAME CAPACITY OTHER CHANNEL: while chand makes the large
 * channel NAME for USER, is OTHER served?  (Both numbers; root becomes them.)
 *
 * OTHER asks for the status, opens CHANNEL, and makes and removes another, again and
 * again, until USER has its answer.  Prints how many such rounds there were; fails if
 * there were fewer than ROUNDS, as when each request waits for the one before.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/parse.h"

#define ROUNDS 3

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* chand sees from the socket which user connects. */
static int dial(const char *path, uid_t user)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	uid_t me = geteuid();

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || (user != me && seteuid(user) < 0) ||
		connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		(user != me && seteuid(me) < 0))
		fail("connect");
	return fd;
}

static void ask(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void ask(int fd, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		fail("send");
}

/* The answer is OK; a descriptor in it is not taken. */
static void answered(int fd, const char *what)
{
	char text[4097];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		fail(what);
	text[n] = 0;
	if (strncmp(text, "chand/1 OK\n", 11) != 0) {
		fprintf(stderr, "%s: %s\n", what, text);
		exit(1);
	}
}

static bool waits(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

static void round_of(int fd, const char *channel)
{
	ask(fd, "chand/1 STATUS\n");
	answered(fd, "status");
	ask(fd, "chand/1 OPEN\nname=%s\nroles=send\n", channel);
	answered(fd, "open");
	ask(fd, "chand/1 CREATE\nname=%s.small\ncapacity=4K\n", channel);
	answered(fd, "create");
	ask(fd, "chand/1 REMOVE\nname=%s.small\n", channel);
	answered(fd, "remove");
}

int main(int argc, char **argv)
{
	uint64_t user, other;
	unsigned rounds = 0;
	int slow, quick;

	if (argc != 7 || cli_parse_count(argv[2], &user) || cli_parse_count(argv[5], &other))
		return 2;
	slow = dial(argv[1], (uid_t)user);
	quick = dial(argv[1], (uid_t)other);
	ask(slow, "chand/1 STATUS\n");
	answered(slow, "status");
	ask(slow, "chand/1 CREATE\nname=%s\ncapacity=%s\n", argv[3], argv[4]);
	for (;;) {
		round_of(quick, argv[6]);
		if (!waits(slow))
			break;
		rounds++;
	}
	answered(slow, "the large one");
	printf("%u rounds beside it\n", rounds);
	return rounds < ROUNDS;
}
