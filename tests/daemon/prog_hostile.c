/* SPDX-License-Identifier: MIT */
/*
 * prog_hostile SOCKET CHANNEL PACKETS SEED: a client that does all it should not.
 *
 * Connections that never read their answers, that monitor and do not read, that
 * hang up in the middle; packets that are mutations of good ones, too long, empty,
 * with descriptors attached.  Between, a well-behaved client asks for the channel:
 * it must be answered each time.  Prints the slowest such answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/parse.h"

#define DEAF 20 /* connections that do not read */

static const char *path, *channel;
static uint64_t state;

static uint64_t rnd(uint64_t n)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (state >> 33) % n;
}

static int dial(int flags)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | flags, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("prog_hostile: connect");
		exit(1);
	}
	return fd;
}

static size_t good_packet(char *buf, size_t size)
{
	static const char *const forms[] = {
		"chand/1 OPEN\nname=%s\nroles=send\n",
		"chand/1 OPEN\nbus=1\nname=%s\nroles=receive\n",
		"chand/1 INFO\nname=%s\n",
		/* Cut short, it must not be the channel's name. */
		"chand/1 CREATE\nname=x-%s\ncapacity=16384\nmode=0666\nsend=1 2 @3\nlinger=1s\n",
		"chand/1 CREATE\nname=x-%s\nkind=rendezvous\noverflow=drop-new\nlifetime=ref\n",
		"chand/1 REMOVE\nname=x-%s\n",
		"chand/1 LIST\n",
		"chand/1 STATUS\n",
		"chand/1 METRICS\n",
	};

	return (size_t)snprintf(buf, size, forms[rnd(sizeof(forms) / sizeof(forms[0]))], channel);
}

static size_t mutate(char *buf, size_t len, size_t size)
{
	for (uint64_t n = rnd(4); n; n--)
		switch (rnd(5)) {
		case 0: /* a byte */
			buf[rnd(len)] = (char)rnd(256);
			break;
		case 1: /* shorter */
			len = 1 + rnd(len);
			break;
		case 2: /* a line again */
			if (2 * len < size) {
				memcpy(buf + len, buf, len);
				len *= 2;
			}
			break;
		case 3: /* special bytes */
			buf[rnd(len)] = "\n=\0 /@-"[rnd(7)];
			break;
		case 4: /* much longer */
			if (rnd(20) == 0) {
				memset(buf + len, 'a', size - len);
				len = size;
			}
			break;
		}
	return len;
}

static void send_with_descriptor(int fd, char *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {buf, len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	(void)!sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One connection's worth of nonsense; its answers are read, or not. */
static void nonsense(void)
{
	char buf[8192], answer[8192];
	int fd = dial(SOCK_NONBLOCK);

	for (uint64_t n = 1 + rnd(8); n; n--) {
		size_t len = mutate(buf, good_packet(buf, sizeof(buf)), sizeof(buf));

		if (rnd(4) == 0)
			send_with_descriptor(fd, buf, len);
		else
			(void)!send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (rnd(2))
			(void)!recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	}
	close(fd);
}

/* Asks without end and reads nothing. */
static int deaf(void)
{
	static const char *const asks[] = {
		"chand/1 METRICS\n", "chand/1 LIST\n", "chand/1 MONITOR\n", "chand/1 STATUS\n"};
	int fd = dial(SOCK_NONBLOCK);
	const char *ask = asks[rnd(4)];
	char open_it[512];

	snprintf(open_it, sizeof(open_it), "chand/1 OPEN\nname=%s\nroles=send receive\n", channel);
	if (rnd(2))
		ask = open_it;
	for (int i = 0; i < 2000; i++)
		if (send(fd, ask, strlen(ask), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	return fd;
}

/* A good client; how long it took. */
static int64_t ask_properly(void)
{
	static const char status[] = "chand/1 STATUS\n";
	int64_t start = cli_now();
	char answer[4097];
	int fd = dial(0);
	ssize_t n;

	(void)!send(fd, status, strlen(status), MSG_NOSIGNAL);
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	close(fd);
	if (n < 11 || memcmp(answer, "chand/1 OK\n", 11) != 0) {
		fprintf(stderr, "prog_hostile: a good request got no good answer (%zd bytes)\n", n);
		exit(1);
	}
	return cli_now() - start;
}

int main(int argc, char **argv)
{
	int64_t slowest = 0;
	uint64_t rounds;
	int fd[DEAF];

	if (argc != 5 || cli_parse_count(argv[3], &rounds) || cli_parse_count(argv[4], &state))
		return 2;
	path = argv[1];
	channel = argv[2];
	for (int i = 0; i < DEAF; i++)
		fd[i] = deaf();
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t which = rnd(DEAF);
		int64_t took;

		nonsense();
		if (rnd(16) == 0) {
			close(fd[which]);
			fd[which] = deaf();
		}
		took = ask_properly();
		slowest = took > slowest ? took : slowest;
	}
	printf("%" PRIu64 " rounds, the slowest good answer took %" PRId64 " us\n", rounds,
		slowest / 1000);
	return 0;
}
