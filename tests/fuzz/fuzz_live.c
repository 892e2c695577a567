/* SPDX-License-Identifier: MIT */
/*
 * A sender and a receiver at work, each a thread with an endpoint of its own,
 * while a third spoils the segment, in a rhythm that the input gives.  Between two
 * looks at a word, it may have changed: what was checked must be what is used.
 */
#include "endpoint_ops.h"

#include "core/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/prctl.h>

enum { WORKERS = 2, CALLS = 60, SPOILINGS = 2000 };

static struct worker {
	pthread_t thread;
	unsigned flags;
	struct input in; /* what to do */
	sem_t go, done;
	_Atomic int busy;
} worker[WORKERS] = {{.flags = CHAN_SEND}, {.flags = CHAN_RECV}};

static void work(struct worker *w)
{
	struct input in = w->in;
	struct user u = {.ch = NULL};
	int err = chan_open(&u.ch, fuzz_channel(), w->flags, NULL);

	MUST(err == 0 || refused_soundly(err));
	if (err < 0)
		return;
	for (int i = 0; i < CALLS; i++) {
		if (!in.left)
			in = w->in;
		user_act(&u, &in);
	}
	user_leave(&u);
}

static void await_post(sem_t *s)
{
	while (sem_wait(s) < 0)
		;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	prctl(PR_SET_TIMERSLACK, 1); /* brief is brief */
	for (;;) {
		await_post(&w->go);
		work(w);
		atomic_store(&w->busy, 0);
		sem_post(&w->done);
	}
	return NULL;
}

static void start_workers(void)
{
	static bool started;

	for (int i = 0; i < WORKERS && !started; i++) {
		MUST(sem_init(&worker[i].go, 0, 0) == 0 && sem_init(&worker[i].done, 0, 0) == 0);
		MUST(pthread_create(&worker[i].thread, NULL, run, &worker[i]) == 0);
	}
	started = true;
}

static bool anybody_busy(void)
{
	return atomic_load(&worker[0].busy) || atomic_load(&worker[1].busy);
}

/* Work in turns, until it has been enough: whatever never ends after that is the library's
 * fault. */
static void spoil(struct spoiler *s, const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	for (int i = 0; i < SPOILINGS && anybody_busy(); i++) {
		if (!in.left)
			in = (struct input){data, size};
		for (uint32_t pause = take_byte(&in); pause; pause--)
			cpu_relax();
		if (s->subscriber && take_byte(&in) & 1)
			spoil_subscriber(&s->layout->control, spoiler_entry(s, &in), &in);
		else if (take_byte(&in) % 4)
			spoil_lane(s, false, &in);
		else
			spoil_lane(s, true, &in);
		if (i % 16 == 0)
			sched_yield();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spoiler *s;
	size_t third = size / 3;

	if (size < 12)
		return 0;
	bounded();
	start_workers();
	s = spoiler_ready(data[0]);
	for (int i = 0; i < WORKERS; i++) {
		worker[i].in = (struct input){data + i * third, third};
		atomic_store(&worker[i].busy, 1);
		sem_post(&worker[i].go);
	}
	spoil(s, data + 2 * third, third);
	for (int i = 0; i < WORKERS; i++)
		await_post(&worker[i].done);
	return 0;
}
