/* SPDX-License-Identifier: MIT */
#include "glue.h"

#include "_cgo_export.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Who is inside.  Each thread says with a store which endpoint it uses, and then looks if that
 * is detached; whoever detaches stores that first, and then looks who is inside.  Between the
 * two of a thread there has to be a fence, which would cost more than all the rest of what is
 * done here for a message.  So the other side makes it for all threads, by membarrier(2).
 */
struct user {
	const struct shmchan_go_endpoint *inside;
	bool taken; /* by a thread that lives */
	struct user *next;
};

static struct user *users;
static __thread struct user *me;
static pthread_key_t leaving;
static bool fenced; /* each thread makes its own fence: there is no membarrier() */

static void leave(void *user)
{
	__atomic_store_n(&((struct user *)user)->taken, false, __ATOMIC_RELEASE);
}

__attribute__((constructor)) static void prepare(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		fenced = true;
	if (pthread_key_create(&leaving, leave))
		abort();
}

/* Give this thread its place, which another had before, or a new one. */
static struct user *join(void)
{
	struct user *u = __atomic_load_n(&users, __ATOMIC_ACQUIRE);

	while (u && __atomic_exchange_n(&u->taken, true, __ATOMIC_ACQ_REL))
		u = u->next;
	if (!u) {
		u = aligned_alloc(64, 64); /* a line for each thread */
		if (!u)
			return NULL;
		*u = (struct user){
			.taken = true, .next = __atomic_load_n(&users, __ATOMIC_RELAXED)};
		while (!__atomic_compare_exchange_n(
			&users, &u->next, u, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			;
	}
	pthread_setspecific(leaving, u);
	return me = u;
}

/* Begin to use the endpoint: NULL, and *err, if that can't be. */
static chan_t *enter(const struct shmchan_go_endpoint *ep, int *err)
{
	struct user *u = me ? me : join();
	chan_t *ch;

	if (!u) {
		*err = -ENOMEM;
		return NULL;
	}
	__atomic_store_n(&u->inside, ep, __ATOMIC_RELAXED);
	if (fenced)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ch = (chan_t *)__atomic_load_n(&ep->ch, __ATOMIC_ACQUIRE);
	*err = -ENOTCONN;
	return ch;
}

static void done(void)
{
	if (me)
		__atomic_store_n(&me->inside, NULL, __ATOMIC_RELEASE);
}

void shmchan_go_detach(struct shmchan_go_endpoint *ep)
{
	chan_t *ch = (chan_t *)__atomic_exchange_n(&ep->ch, 0, __ATOMIC_SEQ_CST);
	const struct timespec moment = {.tv_nsec = 20000};

	if (!fenced)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	for (struct user *u = __atomic_load_n(&users, __ATOMIC_SEQ_CST); u; u = u->next)
		while (__atomic_load_n(&u->inside, __ATOMIC_ACQUIRE) == ep)
			nanosleep(&moment, NULL);
	chan_detach(ch);
}

static struct shmchan_go_result result(int64_t value)
{
	struct shmchan_go_result r = {value, NULL};

	if (value >= 0 || value == -EAGAIN || value == -ENOTCONN) /* no more to say */
		return r;
	r.why = malloc(sizeof(*r.why));
	if (r.why) {
		const char *detail = chan_error_detail(value);

		r.why->size = chan_error_size(value);
		snprintf(r.why->text, sizeof(r.why->text), "%s%s%s", chan_strerror(value),
			*detail ? ": " : "", detail);
	}
	return r;
}

struct shmchan_go_result shmchan_go_send(
	const struct shmchan_go_endpoint *ep, const char *msg, size_t len)
{
	struct shmchan_go_result r;
	int err;
	chan_t *ch = enter(ep, &err);

	r = result(ch ? chan_send(ch, msg, len, 0) : err);
	done();
	return r;
}

struct shmchan_go_result shmchan_go_recv(
	const struct shmchan_go_endpoint *ep, char *buf, size_t size)
{
	struct shmchan_go_result r;
	int err;
	chan_t *ch = enter(ep, &err);

	r = result(ch ? chan_recv(ch, buf, size, 0) : err);
	done();
	return r;
}

enum { FEW = 64 };

/* n places for a batch: those on the caller's stack, if they are enough. */
static struct iovec *places(struct iovec *few, unsigned n)
{
	return n <= FEW ? few : malloc(n * sizeof(*few));
}

struct shmchan_go_result shmchan_go_send_batch(
	const struct shmchan_go_endpoint *ep, const char *data, const size_t *len, unsigned n)
{
	struct iovec few[FEW], *v = places(few, n);
	struct shmchan_go_result r;
	int err;
	chan_t *ch;

	if (!v)
		return result(-ENOMEM);
	for (unsigned i = 0; i < n; data += len[i++])
		v[i] = (struct iovec){(char *)data, len[i]};
	ch = enter(ep, &err);
	r = result(ch ? chan_send_batch(ch, v, n, 0) : err);
	done();
	if (v != few)
		free(v);
	return r;
}

struct shmchan_go_result shmchan_go_recv_batch(
	const struct shmchan_go_endpoint *ep, char *data, size_t slot, size_t *len, unsigned n)
{
	struct iovec few[FEW], *v = places(few, n);
	struct shmchan_go_result r;
	int err;
	chan_t *ch;

	if (!v)
		return result(-ENOMEM);
	for (unsigned i = 0; i < n; i++)
		v[i] = (struct iovec){data + i * slot, slot};
	ch = enter(ep, &err);
	r = result(ch ? chan_recv_batch(ch, v, n, 0) : err);
	done();
	for (int i = 0; i < r.value; i++)
		len[i] = v[i].iov_len;
	if (v != few)
		free(v);
	return r;
}

static int listed(const char *name, void *arg)
{
	return shmchanListed((char *)name, arg);
}

int shmchan_go_list(void *arg)
{
	return chan_list(listed, arg);
}
