/* SPDX-License-Identifier: MIT */
/*
 * What the kernel offers between two processes: a pipe, stream and seqpacket
 * socket pairs, a POSIX message queue; a system call a message on each side,
 * and buffers as close to the wanted capacity as the system's limits allow.
 * With BENCH_SPIN the descriptors do not block and are asked again and again.
 */

#include "bench/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct kernel_link {
	struct bench_link link;
	int fd[2]; /* to receive from, to send to; -1 when closed */
	struct bench_buffers buffers;
};

static struct kernel_link *kernel_of(struct bench_link *link)
{
	return (struct kernel_link *)(void *)link;
}

static void kernel_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void kernel_seal(struct bench_link *link)
{
	kernel_close(&kernel_of(link)->fd[0]);
	kernel_close(&kernel_of(link)->fd[1]);
}

static void kernel_drop(struct bench_link *link)
{
	kernel_seal(link);
	bench_buffers_free(&kernel_of(link)->buffers);
	free(link);
}

static int kernel_new(struct kernel_link **ret)
{
	struct kernel_link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->fd[0] = l->fd[1] = -1;
	*ret = l;
	return 0;
}

static int kernel_attach(struct bench_link *link)
{
	struct kernel_link *l = kernel_of(link);
	int fd = l->fd[link->sending];

	kernel_close(&l->fd[!link->sending]);
	if (link->spec->wait == BENCH_SPIN && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return bench_buffers_make(&l->buffers, 1, link->spec->size);
}

/* Closing the last sender's descriptor ends the stream. */
static void kernel_end(struct bench_link *link)
{
	kernel_close(&kernel_of(link)->fd[1]);
}

/* Returns true if a failed call is to be made again; if not, sets *ret to its error. */
static bool kernel_again(unsigned *turns, int *ret)
{
	if (errno == EAGAIN) {
		bench_spin(turns);
		return true;
	}
	*ret = -errno;
	return errno == EINTR;
}

/* Byte streams: a message is a fixed number of bytes, however they arrive. */

static int stream_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct kernel_link *l = kernel_of(link);
	const char *at = l->buffers.iov->iov_base;
	unsigned turns = 0;
	int r = 0;

	(void)n;
	bench_buffers_stamp(&l->buffers, stamp, 1);
	for (size_t left = link->spec->size; left > 0;) {
		ssize_t sent = write(l->fd[1], at, left);

		if (sent < 0 && !kernel_again(&turns, &r))
			return r;
		if (sent > 0) {
			at += sent;
			left -= (size_t)sent;
		}
	}
	return 1;
}

static int stream_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct kernel_link *l = kernel_of(link);
	char *at = l->buffers.iov->iov_base;
	unsigned turns = 0;
	int r = 0;

	(void)n;
	for (size_t left = link->spec->size; left > 0;) {
		ssize_t got = read(l->fd[0], at, left);

		if (got == 0)
			return left == link->spec->size ? -EPIPE : -EBADMSG;
		if (got < 0 && !kernel_again(&turns, &r))
			return r;
		if (got > 0) {
			at += got;
			left -= (size_t)got;
		}
	}
	bench_buffers_read(&l->buffers, stamp, 1);
	return 1;
}

static int pipe_make(struct bench_link **ret, const struct bench_spec *spec)
{
	struct kernel_link *l;
	int r = kernel_new(&l);

	if (r < 0)
		return r;
	if (pipe2(l->fd, O_CLOEXEC) < 0) {
		r = -errno;
		kernel_drop(&l->link);
		return r;
	}
	/* Ask for as much as is allowed: beyond pipe-max-size it is refused, and the size stays. */
	for (size_t size = spec->capacity; size > 65536; size /= 2)
		if (size <= INT_MAX && fcntl(l->fd[1], F_SETPIPE_SZ, (int)size) >= 0)
			break;
	*ret = &l->link;
	return 0;
}

static int socket_make(struct bench_link **ret, const struct bench_spec *spec, int type)
{
	int size = spec->capacity < INT_MAX / 2 ? (int)spec->capacity : INT_MAX / 2;
	struct kernel_link *l;
	int r = kernel_new(&l);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, l->fd) < 0) {
		r = -errno;
		kernel_drop(&l->link);
		return r;
	}
	/* A process that may use the forced option gets more than wmem_max. */
	if (setsockopt(l->fd[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(l->fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ret = &l->link;
	return 0;
}

static int socketpair_make(struct bench_link **ret, const struct bench_spec *spec)
{
	return socket_make(ret, spec, SOCK_STREAM);
}

static int seqpacket_make(struct bench_link **ret, const struct bench_spec *spec)
{
	return socket_make(ret, spec, SOCK_SEQPACKET);
}

static int seqpacket_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct kernel_link *l = kernel_of(link);
	unsigned turns = 0;
	int r = 0;

	(void)n;
	bench_buffers_stamp(&l->buffers, stamp, 1);
	while (send(l->fd[1], l->buffers.iov->iov_base, link->spec->size, MSG_NOSIGNAL) < 0)
		if (!kernel_again(&turns, &r))
			return r;
	return 1;
}

static int seqpacket_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct kernel_link *l = kernel_of(link);
	unsigned turns = 0;
	ssize_t got;
	int r = 0;

	(void)n;
	while ((got = recv(l->fd[0], l->buffers.iov->iov_base, link->spec->size, 0)) < 0)
		if (!kernel_again(&turns, &r))
			return r;
	if ((size_t)got != link->spec->size)
		return got == 0 ? -EPIPE : -EBADMSG;
	bench_buffers_read(&l->buffers, stamp, 1);
	return 1;
}

/* Read a limit of the system: `fallback` if it can't be read. */
static long mqueue_limit(const char *path, long fallback)
{
	FILE *f = fopen(path, "re");
	long limit;

	if (!f)
		return fallback;
	if (fscanf(f, "%ld", &limit) != 1)
		limit = fallback;
	fclose(f);
	return limit;
}

/* The queue's name is removed at once: a queue of Linux is a descriptor, which a
 * child inherits. */
static int mqueue_make(struct bench_link **ret, const struct bench_spec *spec)
{
	struct mq_attr attr = {.mq_msgsize = (long)spec->size};
	size_t fits = spec->capacity / spec->size;
	char name[64];
	struct kernel_link *l;
	int r;

	if ((long)spec->size > mqueue_limit("/proc/sys/fs/mqueue/msgsize_max", 8192))
		return -EMSGSIZE;
	attr.mq_maxmsg = mqueue_limit("/proc/sys/fs/mqueue/msg_max", 10);
	if (fits < (size_t)attr.mq_maxmsg)
		attr.mq_maxmsg = (long)fits;
	r = kernel_new(&l);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "/chanbench.%ld.%p", (long)getpid(), (void *)l);
	l->fd[1] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (l->fd[1] < 0) {
		r = -errno;
		kernel_drop(&l->link);
		return r;
	}
	l->fd[0] = mq_open(name, O_RDWR);
	r = l->fd[0] < 0 ? -errno : 0;
	mq_unlink(name);
	if (r < 0) {
		kernel_drop(&l->link);
		return r;
	}
	*ret = &l->link;
	return 0;
}

static int mqueue_attach(struct bench_link *link)
{
	struct mq_attr attr = {.mq_flags = link->spec->wait == BENCH_SPIN ? O_NONBLOCK : 0};
	struct kernel_link *l = kernel_of(link);

	kernel_close(&l->fd[!link->sending]);
	if (mq_setattr(l->fd[link->sending], &attr, NULL) < 0)
		return -errno;
	return bench_buffers_make(&l->buffers, 1, link->spec->size);
}

static int mqueue_send(struct bench_link *link, const uint64_t *stamp, unsigned n)
{
	struct kernel_link *l = kernel_of(link);
	unsigned turns = 0;
	int r = 0;

	(void)n;
	bench_buffers_stamp(&l->buffers, stamp, 1);
	while (mq_send(l->fd[1], l->buffers.iov->iov_base, link->spec->size, 0) < 0)
		if (!kernel_again(&turns, &r))
			return r;
	return 1;
}

static int mqueue_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	struct kernel_link *l = kernel_of(link);
	unsigned turns = 0;
	ssize_t got;
	int r = 0;

	(void)n;
	while ((got = mq_receive(l->fd[0], l->buffers.iov->iov_base, link->spec->size, NULL)) < 0)
		if (!kernel_again(&turns, &r))
			return r;
	if ((size_t)got != link->spec->size)
		return -EBADMSG;
	bench_buffers_read(&l->buffers, stamp, 1);
	return 1;
}

#define KERNEL_PEER                                                                                \
	.streams = true, .sleeps = true, .seal = kernel_seal, .end = kernel_end, .drop = kernel_drop

const struct bench_peer bench_pipe = {
	.name = "pipe",
	.make = pipe_make,
	.attach = kernel_attach,
	.send = stream_send,
	.recv = stream_recv,
	KERNEL_PEER,
};

const struct bench_peer bench_socketpair = {
	.name = "socketpair",
	.make = socketpair_make,
	.attach = kernel_attach,
	.send = stream_send,
	.recv = stream_recv,
	KERNEL_PEER,
};

const struct bench_peer bench_seqpacket = {
	.name = "seqpacket",
	.make = seqpacket_make,
	.attach = kernel_attach,
	.send = seqpacket_send,
	.recv = seqpacket_recv,
	KERNEL_PEER,
};

const struct bench_peer bench_mqueue = {
	.name = "mqueue",
	.make = mqueue_make,
	.attach = mqueue_attach,
	.send = mqueue_send,
	.recv = mqueue_recv,
	KERNEL_PEER,
};
