/* SPDX-License-Identifier: MIT */
/* The model is in claim.h. */
#include "segment/claim.h"

#include "base/clock.h"
#include "base/names.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* How often to try to connect to a creator that has bound its address and does not listen
 * yet. */
#define REFUSALS 20

struct address {
	struct sockaddr_un at;
	socklen_t length;
};

/* Go on with a hash (FNV-1a) over `n` bytes. */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	while (n--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

/* Make the address from a segment's file.  If two names have the same address, their
 * creators wait for each other, and nothing worse happens. */
static void make_address(struct address *ret, const char *file)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct stat st;
	int n;

	if (stat(NAMES_DIR, &st) == 0) /* there may be several, in mount namespaces */
		h = hash(h, &st.st_dev, sizeof(st.st_dev));
	h = hash(h, file, strlen(file));
	*ret = (struct address){.at.sun_family = AF_UNIX};
	n = snprintf(ret->at.sun_path + 1, sizeof(ret->at.sun_path) - 1,
		"shmchan-create-%016" PRIx64, h);
	ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* Return the time until the deadline, rounded up to ms. */
static int64_t left_ms(int64_t deadline)
{
	int64_t left = deadline - clock_monotonic();

	return left <= 0 ? 0 : left / 1000000 + 1;
}

/* Returns true if the process at the other end is of this process's user. */
static bool same_user(int sock)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid();
}

/* Wait, connected to the holder, until its claim has ended: true; or the deadline: false. */
static bool await_end(int sock, int64_t deadline)
{
	struct pollfd p = {.fd = sock, .events = POLLRDHUP};
	int64_t left;
	int n;

	do {
		left = left_ms(deadline);
		n = poll(&p, 1, left < 60000 ? (int)left : 60000);
	} while (left && (n == 0 || (n < 0 && errno == EINTR)));
	return n > 0;
}

bool claim_or_await(struct descriptor *claim, const char *file, int64_t deadline)
{
	struct timespec ms = {.tv_nsec = 1000000};
	struct address a;
	bool ended = false;

	make_address(&a, file);
	for (int i = 0; i < REFUSALS; i++) {
		if (descriptor_socket(claim, SOCK_STREAM | SOCK_NONBLOCK) < 0)
			return true;
		if (bind(claim->fd, (struct sockaddr *)&a.at, a.length) == 0) {
			listen(claim->fd, SOMAXCONN);
			return true;
		}
		if (errno != EADDRINUSE)
			break;
		if (connect(claim->fd, (struct sockaddr *)&a.at, a.length) == 0) {
			ended = same_user(claim->fd) && await_end(claim->fd, deadline);
			break;
		}
		if (errno != ECONNREFUSED)
			break;
		descriptor_close(claim);
		nanosleep(&ms, NULL);
	}
	descriptor_close(claim);
	return !ended;
}
