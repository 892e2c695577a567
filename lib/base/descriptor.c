/* SPDX-License-Identifier: MIT */
/* The model is in descriptor.h. */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#define STANDARD 3 /* descriptors: 0, 1, 2 */
#define LISTS 1024 /* so that each is short in a process with thousands of channels */

/* The mutex guards all that follows. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct descriptor *lists[LISTS]; /* by number */

/* What the mutex's owner had before it took the mutex. */
static int cancel_state;
static sigset_t signal_mask;

/* ---- the lock and fork() ---- */

void signals_block(sigset_t *before)
{
	static const int raised[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(raised) / sizeof(raised[0]); i++)
		sigdelset(&set, raised[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

void descriptors_lock(void)
{
	sigset_t mask;
	int cancel;

	/* A thread that is cancelled while it holds the mutex would leave it locked. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	signals_block(&mask);
	pthread_mutex_lock(&mutex);
	cancel_state = cancel;
	signal_mask = mask;
}

void descriptors_unlock(void)
{
	sigset_t mask = signal_mask;
	int cancel = cancel_state;

	pthread_mutex_unlock(&mutex);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	pthread_setcancelstate(cancel, &cancel);
}

static void (*_Atomic child_hook)(void);

/* In a child of fork(): close all descriptors, and mark their owners. */
static void close_inherited(void)
{
	for (size_t i = 0; i < LISTS; i++) {
		struct descriptor *next;

		for (struct descriptor *d = lists[i]; d; d = next) {
			next = d->next;
			if (descriptor_ours(d))
				close(d->fd);
			d->fd = -1;
			d->link = NULL;
			if (d->orphan)
				atomic_store_explicit(d->orphan, true, memory_order_relaxed);
		}
		lists[i] = NULL;
	}
	atomic_load_explicit(&child_hook, memory_order_relaxed)();
	descriptors_unlock();
}

static int install_error;
static void install(void)
{
	install_error = pthread_atfork(descriptors_lock, descriptors_unlock, close_inherited);
}

int descriptors_prepare(void (*fn)(void))
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static _Atomic bool done;
	sigset_t before;

	if (atomic_load_explicit(&done, memory_order_acquire))
		return -install_error;
	/* If a signal's handler called fork() now, that would wait for ever for the C
	 * library's list of handlers. */
	signals_block(&before);
	atomic_store_explicit(&child_hook, fn, memory_order_relaxed);
	pthread_once(&once, install);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* Release: pairs with the acquire above, for `install_error`. */
	atomic_store_explicit(&done, true, memory_order_release);
	return -install_error;
}

/* ---- numbers; the lock is held ---- */

/* Occupy the standard descriptors that are closed, so that no other one gets their
 * numbers. */
static void occupy_low(int held[STANDARD])
{
	for (int i = 0; i < STANDARD; i++)
		held[i] = fcntl(i, F_GETFD) < 0 ? open("/", O_PATH | O_CLOEXEC) : -1;
}

static void free_low(const int held[STANDARD])
{
	for (int i = 0; i < STANDARD; i++)
		if (held[i] >= 0)
			close(held[i]);
}

/* Move `fd`, or -1 and errno, above the standard descriptors: its number, or an error.
 * Another thread may have closed one of those since occupy_low(). */
static int above_low(int fd)
{
	int high;

	if (fd < 0 || fd >= STANDARD)
		return fd < 0 ? -errno : fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STANDARD);
	if (high < 0)
		high = errno == EMFILE ? -EMFILE : -EIO;
	close(fd);
	return high;
}

/* Make `d` the descriptor `fd`, or -1 and errno, and add it to its list: 0, or an error. */
static int enlist(struct descriptor *d, int fd)
{
	struct descriptor **list;
	struct stat st;
	int err;

	fd = above_low(fd);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		err = errno == ENOMEM ? -ENOMEM : -EIO;
		close(fd);
		return err;
	}
	list = &lists[fd % LISTS];
	/* If one in the list has this number, the program closed it. */
	for (struct descriptor *other = *list; other; other = other->next)
		if (other->fd == fd)
			atomic_store_explicit(&other->replaced, true, memory_order_relaxed);
	d->fd = fd;
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	atomic_store_explicit(&d->replaced, false, memory_order_relaxed);
	d->next = *list;
	d->link = list;
	if (*list)
		(*list)->link = &d->next;
	*list = d;
	return 0;
}

/* ---- opening and receiving ---- */

/* Open the file, again if a signal interrupts it. */
static int open_again(const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int descriptor_open(struct descriptor *d, const char *path, int flags, mode_t mode)
{
	int held[STANDARD], err;

	descriptors_lock();
	occupy_low(held);
	err = enlist(d, open_again(path, flags, mode));
	free_low(held);
	descriptors_unlock();
	return err;
}

/* Make a descriptor by fn(arg). */
static int make(struct descriptor *d, int (*fn)(int arg), int arg)
{
	int held[STANDARD], err;

	descriptors_lock();
	occupy_low(held);
	err = enlist(d, fn(arg));
	free_low(held);
	descriptors_unlock();
	return err;
}

static int new_socket(int type)
{
	return socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
}

static int new_inotify(int flags)
{
	return inotify_init1(flags);
}

static int new_eventfd(int flags)
{
	return eventfd(0, flags);
}

int descriptor_socket(struct descriptor *d, int type)
{
	return make(d, new_socket, type);
}

int descriptor_inotify(struct descriptor *d)
{
	return make(d, new_inotify, IN_CLOEXEC | IN_NONBLOCK);
}

int descriptor_eventfd(struct descriptor *d)
{
	return make(d, new_eventfd, EFD_CLOEXEC | EFD_NONBLOCK);
}

int descriptor_open_plain(const char *path, int flags)
{
	int held[STANDARD], fd;

	descriptors_lock();
	occupy_low(held);
	fd = above_low(open_again(path, flags, 0));
	free_low(held);
	descriptors_unlock();
	return fd;
}

/* Make `d` the first descriptor of the message, if `d` is none yet, and close the others. */
static int enlist_received(struct descriptor *d, struct msghdr *msg)
{
	int fd, err = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(fd)) <= c->cmsg_len; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (d->fd < 0 && err == 0)
				err = enlist(d, fd);
			else
				close(fd);
		}
	}
	return err;
}

ssize_t descriptor_receive(struct descriptor *d, int sock, void *buf, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {buf, size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int held[STANDARD], err;
	ssize_t n;

	descriptors_lock();
	occupy_low(held);
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC);
	err = n < 0 ? -errno : enlist_received(d, &msg);
	free_low(held);
	descriptors_unlock();
	return err < 0 ? err : n;
}

/* ---- closing ---- */

bool descriptor_ours(const struct descriptor *d)
{
	struct stat st;

	if (d->fd < 0 || atomic_load_explicit(&d->replaced, memory_order_relaxed))
		return false;
	if (fstat(d->fd, &st) < 0) /* an error but EBADF says nothing about it */
		return errno != EBADF || fcntl(d->fd, F_GETFD) >= 0;
	return st.st_dev == d->dev && st.st_ino == d->ino;
}

void descriptor_close(struct descriptor *d)
{
	if (d->fd < 0 || !d->link)
		return;
	descriptors_lock();
	*d->link = d->next;
	if (d->next)
		d->next->link = d->link;
	d->link = NULL;
	if (descriptor_ours(d))
		close(d->fd);
	d->fd = -1;
	descriptors_unlock();
}
