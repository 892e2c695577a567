/* SPDX-License-Identifier: MIT */
/* The model is in guard.h. */
#include "core/guard.h"

#include "core/futex_words.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Both wake other processes, so no word is PRIVATE. */
static long futex(const _Atomic uint32_t *word, int op, uint32_t value, const struct timespec *time)
{
	return syscall(SYS_futex, word, op, value, time, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* ---- the watcher ---- */

/* Find the lock word of a mutex that this thread owns, in the list that it gave the kernel,
 * which is the same with each libc: NULL if it is not there. */
static _Atomic uint32_t *lock_word(const struct robust_list_head *head, pthread_mutex_t *mutex)
{
	const struct robust_list *entry = head->list.next;

	for (unsigned i = 0; entry != &head->list && i < ROBUST_LIST_LIMIT; i++) {
		/* The lowest bit says that the mutex inherits priorities. */
		uintptr_t at = ((uintptr_t)entry & ~(uintptr_t)1);
		uintptr_t word = at + (uintptr_t)head->futex_offset, start = (uintptr_t)mutex;

		if (word >= start && word <= start + sizeof(*mutex) - sizeof(uint32_t) &&
			word % sizeof(uint32_t) == 0)
			return (_Atomic uint32_t *)word;
		entry = ((const struct robust_list *)at)->next;
	}
	return NULL;
}

static int hold(pthread_mutex_t *mutex, const struct robust_list_head *head, _Atomic uint32_t **ret)
{
	pthread_mutexattr_t attr;
	int err;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	err = -pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	if (err == 0)
		err = -pthread_mutex_lock(mutex);
	if (err < 0)
		return err;
	*ret = lock_word(head, mutex);
	if (*ret && atomic_load_explicit(*ret, memory_order_relaxed) == (uint32_t)gettid())
		return 0;
	pthread_mutex_unlock(mutex);
	return -EOPNOTSUPP;
}

/* Returns true if this system sleeps on several words: it refuses none at all as wrong, not
 * as unknown. */
static bool can_sleep(void)
{
	return futex_words_wait(NULL, 0, 0) < 0 && errno == EINVAL;
}

int guard_hold(struct guard *g, uint64_t id)
{
	struct robust_list_head *head = NULL;
	size_t size = 0;
	_Atomic uint32_t *word = NULL;
	unsigned n;
	int err = 0;

	if (!can_sleep() || syscall(SYS_get_robust_list, 0, &head, &size) < 0 || !head ||
		size != sizeof(*head))
		return -EOPNOTSUPP;
	for (n = 0; n < GUARD_WORDS; n++) {
		err = hold(&g->at[n].mutex, head, &word);
		if (err < 0)
			break;
		if (n == 0)
			g->first = (uintptr_t)word - (uintptr_t)g;
		/* Now the kernel wakes a sleeper at the end of this thread. */
		atomic_fetch_or_explicit(word, FUTEX_WAITERS, memory_order_relaxed);
	}
	if (err < 0) {
		while (n--)
			pthread_mutex_unlock(&g->at[n].mutex);
		return err;
	}
	g->id = id;
	g->stride = sizeof(g->at[0]);
	/* Release: what was written before comes first. */
	atomic_store_explicit(&g->magic, GUARD_MAGIC, memory_order_release);
	return 0;
}

static const _Atomic uint32_t *word_at(const struct guard_view *view, unsigned which)
{
	return (const void *)(view->page + view->first + which % GUARD_WORDS * view->stride);
}

/* Wake all that sleep on any of the words. */
static void pass_on(const struct guard_view *view)
{
	for (unsigned i = 0; i < GUARD_WORDS; i++)
		futex(word_at(view, i), FUTEX_WAKE, INT_MAX, NULL);
}

void guard_release(struct guard *g)
{
	struct guard_view view = {
		.page = (unsigned char *)g, .first = g->first, .stride = g->stride};

	/* This stores another value in each word.  If the process is killed meanwhile, its
	 * robust mutexes say so. */
	for (unsigned i = 0; i < GUARD_WORDS; i++)
		pthread_mutex_unlock(&g->at[i].mutex);
	pass_on(&view);
}

/* ---- sleepers ---- */

bool guard_examine(const struct guard *copy, struct guard_view *ret)
{
	struct guard_view view = {
		.page = (const unsigned char *)copy, .first = copy->first, .stride = copy->stride};
	uint32_t value;

	if (atomic_load_explicit(&copy->magic, memory_order_relaxed) != GUARD_MAGIC ||
		view.first % sizeof(uint32_t) || view.first > sizeof(*copy) - sizeof(uint32_t) ||
		view.stride % sizeof(uint32_t) ||
		view.stride > (sizeof(*copy) - sizeof(uint32_t) - view.first) / (GUARD_WORDS - 1))
		return false;
	value = atomic_load_explicit(word_at(&view, 0), memory_order_relaxed);
	if (!(value & FUTEX_WAITERS) || value & FUTEX_OWNER_DIED || !(value & FUTEX_TID_MASK))
		return false;
	for (unsigned i = 1; i < GUARD_WORDS; i++)
		if (atomic_load_explicit(word_at(&view, i), memory_order_relaxed) != value)
			return false;
	*ret = (struct guard_view){
		.id = copy->id, .first = view.first, .stride = view.stride, .value = value};
	return true;
}

/* Returns true if the word has another value than when the guard held.  A wake-up that
 * reaches this call counts as such. */
static bool gone(const struct guard_place *place)
{
	static const struct timespec none;

	return futex(word_at(&place->view, place->which), FUTEX_WAIT, place->view.value, &none) ==
		       0 ||
	       (errno != ETIMEDOUT && errno != EINTR);
}

static struct futex_waitv element(const void *word, uint32_t value)
{
	return (struct futex_waitv){.uaddr = (uintptr_t)word, .val = value, .flags = FUTEX_32};
}

int guard_sleep(struct guard_place *places, unsigned guards, const struct cond_word *words,
	unsigned n, int64_t deadline)
{
	struct futex_waitv each[COND_WORDS_MAX];
	int saved = errno, err = 0;

	for (unsigned i = 0; i < n; i++)
		each[i] = element(words[i].word, words[i].key);
	for (unsigned i = 0; i < guards; i++)
		each[n + i] =
			element(word_at(&places[i].view, places[i].which), places[i].view.value);
	if (futex_words_wait(each, n + guards, deadline) < 0)
		err = -errno;
	if (err == -ENOSYS || err == -EPERM) {
		err = -EOPNOTSUPP;
	} else {
		/* Whatever ended it: this sleeper may be the one that the kernel woke for the
		 * others. */
		for (unsigned i = 0; i < guards; i++) {
			places[i].gone = gone(&places[i]);
			if (places[i].gone)
				pass_on(&places[i].view);
		}
		if (err != -ETIMEDOUT && err != -EINTR)
			err = 0;
	}
	errno = saved;
	return err;
}
