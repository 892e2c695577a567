/* SPDX-License-Identifier: MIT */
/* What all peers use: messages of a process, memory that processes share, and an event loop. */
#include "bench/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGN 64

int bench_buffers_make(struct bench_buffers *b, unsigned n, size_t size)
{
	size_t room = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct iovec *iov = calloc(n, sizeof(*iov));
	char *all = n <= SIZE_MAX / room ? aligned_alloc(ALIGN, n * room) : NULL;

	if (!iov || !all) {
		free(iov);
		free(all);
		return -ENOMEM;
	}
	memset(all, 'x', n * room);
	for (unsigned i = 0; i < n; i++)
		iov[i] = (struct iovec){.iov_base = all + i * room, .iov_len = size};
	*b = (struct bench_buffers){.n = n, .size = size, .iov = iov};
	return 0;
}

void bench_buffers_free(struct bench_buffers *b)
{
	if (b->n > 0)
		free(b->iov[0].iov_base);
	free(b->iov);
	*b = (struct bench_buffers){0};
}

void bench_buffers_stamp(struct bench_buffers *b, const uint64_t *stamp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(b->iov[b->at + i].iov_base, &stamp[i], BENCH_STAMP);
}

void bench_buffers_read(const struct bench_buffers *b, uint64_t *stamp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(&stamp[i], b->iov[b->at + i].iov_base, BENCH_STAMP);
}

void *bench_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void bench_unshare(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

int bench_loop(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int loop = epoll_create1(EPOLL_CLOEXEC), r;

	if (loop < 0)
		return -errno;
	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0)
		return loop;
	r = -errno;
	close(loop);
	return r;
}

int bench_loop_wait(int loop)
{
	struct epoll_event event;

	while (epoll_wait(loop, &event, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}
