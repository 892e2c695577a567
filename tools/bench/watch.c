/* SPDX-License-Identifier: MIT */
#include "bench/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "bench/proc.h"
#include "bench/stall.h"
#include "common/deadline.h"
#include "common/message.h"

/* There are so many looks, at least, before patience is over: none counts for more than
 * its part, however late it is. */
#define LOOKS 8
#define LOOK_NS 1e9
/* So many workers are reported, at most. */
#define LINES_MAX 16

static uint64_t progress_of(const struct bench_worker *w)
{
	return atomic_load_explicit(&w->progress, memory_order_relaxed);
}

/* Returns a number that changes with each message, and with each step that a worker takes
 * only once. */
static uint64_t watch_moved(const struct bench_watch *watch)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < watch->workers; i++) {
		const struct bench_worker *w = &watch->board->worker[i];
		enum bench_phase phase = bench_phase_of(w);
		bool moving = phase > BENCH_READY && phase < BENCH_CLOSING;

		sum += progress_of(w) + (moving ? (unsigned)BENCH_MOVING : (unsigned)phase);
	}
	return sum;
}

static bool watch_counting(const struct bench_watch *watch)
{
	for (unsigned i = 0; i < watch->workers; i++)
		if (bench_phase_of(&watch->board->worker[i]) == BENCH_COUNTING)
			return true;
	return false;
}

bool bench_watch_over(const struct bench_watch *watch)
{
	for (unsigned i = 0; i < watch->workers; i++)
		if (bench_phase_of(&watch->board->worker[i]) != BENCH_LEFT)
			return false;
	return true;
}

void bench_watch_begin(struct bench_watch *watch, const struct bench_job *job,
	const struct bench_board *board, double more)
{
	watch->job = job;
	watch->board = board;
	watch->workers = job->senders + job->receivers;
	watch->patience = job->stall == CHAN_WAIT ? INFINITY : (double)job->stall + more;
	watch->moved = watch_moved(watch);
	watch->looked = cli_now();
	watch->quiet = watch->sampled = 0;
}

static void watch_sample(struct bench_watch *watch)
{
	struct bench_proc proc;

	for (unsigned i = 0; i < watch->workers; i++) {
		bench_proc_read(&proc, watch->board->worker[i].pid);
		watch->cpu[i] = proc.cpu;
	}
	watch->sampled = watch->quiet;
}

/* Fill in what is known of the workers that are not done; returns how many these are. */
static unsigned watch_stands(const struct bench_watch *watch, struct bench_stand *stand)
{
	unsigned n = 0;

	for (unsigned i = 0; i < watch->workers; i++) {
		const struct bench_worker *w = &watch->board->worker[i];
		struct bench_stand *s = &stand[n];

		if (w->pid == 0 || bench_phase_of(w) == BENCH_LEFT)
			continue;
		*s = (struct bench_stand){
			.index = i,
			.sender = w->sender,
			.phase = bench_phase_of(w),
			.progress = progress_of(w),
			.pid = w->pid,
		};
		bench_proc_read(&s->proc, w->pid);
		s->cpu = s->proc.cpu - watch->cpu[i];
		n++;
	}
	return n;
}

static int watch_stalled(const struct bench_watch *watch, char why[BENCH_WHY])
{
	static struct bench_stand stand[BENCH_WORKERS_MAX];
	unsigned n = watch_stands(watch, stand);
	const char *name = watch->job->peer->name;
	uint64_t progress = 0;
	char line[320];

	for (unsigned i = 0; i < n && i < LINES_MAX; i++) {
		bench_stall_line(line, sizeof(line), &stand[i]);
		cli_error(NULL, "%s: %s", name, line);
	}
	if (n > LINES_MAX)
		cli_error(NULL, "%s: and %u more workers", name, n - LINES_MAX);
	for (unsigned i = 0; i < watch->workers; i++)
		progress += progress_of(&watch->board->worker[i]);
	snprintf(why, BENCH_WHY,
		"%s: nothing moved for %.3g s after %" PRIu64 " sends and receipts: %s", name,
		watch->quiet / 1e9, progress,
		bench_stall_cause(stand, n, (watch->quiet - watch->sampled) / 1e9));
	return -ETIMEDOUT;
}

int bench_watch_look(struct bench_watch *watch, char why[BENCH_WHY])
{
	uint64_t moved = watch_moved(watch);
	double most = watch->patience / LOOKS, passed;
	int64_t now = cli_now();

	passed = fmin((double)(now - watch->looked), most);
	watch->looked = now;
	if (moved != watch->moved || watch_counting(watch)) {
		watch->moved = moved;
		watch->quiet = watch->sampled = 0;
		return 0;
	}
	watch->quiet += passed;
	if (watch->sampled == 0 && watch->quiet >= most)
		watch_sample(watch);
	return watch->quiet > watch->patience ? watch_stalled(watch, why) : 0;
}

long bench_watch_pause(const struct bench_watch *watch)
{
	return (long)fmin(watch->patience / LOOKS, LOOK_NS);
}
