/* SPDX-License-Identifier: MIT */
#include "bench/simulate.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "bench/cost.h"

#define MOST BENCH_SIMULATED_MAX
#define JOBS 4000 /* for each worker */

/* As the library has them: lib/channel/steal.c, lib/core/lock.c, lib/core/backoff.c. */
#define ELSEWHERE 16
#define TRIES_END 16000.0
#define PAUSE_MIN 100.0
#define PAUSE_MAX 2000.0
#define PAUSES_APART 16

/* A worker that does not pause asks the clock and the lock: that often, about, ns. */
#define TRY 40.0

struct backoff {
	double pause, last;
};

struct worker {
	double at;	      /* when it does the next thing, */
	double since;	      /* has waited for a lock since then; negative: does not wait */
	unsigned lane, begun; /* which it tries, and where it began */
	unsigned turn;
	unsigned seen[MOST];	      /* the jobs of each lane, when it was last looked at */
	struct backoff backoff[MOST]; /* of each lane */
};

struct lane {
	double free;   /* from when on */
	double leased; /* until when */
	unsigned last; /* the worker that had it */
	unsigned jobs;
};

struct world {
	const struct bench_cost *cost;
	double wake;
	unsigned cpus, lanes;
	struct worker worker[MOST];
	struct lane lane[MOST];
	uint64_t takes, waits, sleeps;
	unsigned left;
	uint64_t random;
};

struct outcome {
	double rate, waits, sleeps; /* the two of 1,000 takes */
};

/* Return about so much, between three quarters and five: without this, workers whose times never
 * vary would meet at the same moment of each round, or never.  It is the same in each run. */
static double about(struct world *w, double ns)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return ns * (0.75 + 0.5 * (double)(w->random >> 40) / (double)(1 << 24));
}

/* As backoff_begin(). */
static double pause_for(struct backoff *b, double now)
{
	double least = b->pause < PAUSE_MIN ? PAUSE_MIN : b->pause;

	if (now - b->last < least * PAUSES_APART)
		b->pause = b->pause < PAUSE_MIN ? PAUSE_MIN : 2 * b->pause;
	else
		b->pause = b->pause > PAUSE_MIN ? b->pause / 2 : 0;
	if (b->pause > PAUSE_MAX)
		b->pause = PAUSE_MAX;
	return b->pause;
}

/* Let worker i look for its next message. */
static void begin(struct world *w, unsigned i)
{
	struct worker *me = &w->worker[i];
	unsigned turn = me->turn++, other = turn / ELSEWHERE % w->lanes;

	me->begun = i % w->lanes;
	if (turn % ELSEWHERE == ELSEWHERE - 1) {
		if (me->seen[other] == w->lane[other].jobs)
			me->begun = other;
		me->seen[other] = w->lane[other].jobs;
	}
	me->lane = me->begun;
	me->since = -1;
}

/* Let it go on to the next lane; after the last one it sleeps until a lease ends. */
static void go_on(struct world *w, unsigned i)
{
	struct worker *me = &w->worker[i];
	double soonest = INFINITY;

	me->since = -1;
	me->lane = (me->lane + 1) % w->lanes;
	if (me->lane != me->begun)
		return;
	for (unsigned l = 0; l < w->lanes; l++)
		if (w->lane[l].jobs && w->lane[l].leased < soonest)
			soonest = w->lane[l].leased;
	if (soonest > me->at && soonest < INFINITY)
		me->at = soonest + w->wake;
	begin(w, i);
}

/* The lock is taken: it pauses, or sleeps until it is free. */
static void stay_away(struct world *w, struct worker *me, const struct lane *lane)
{
	struct backoff *b = &me->backoff[me->lane];

	if (me->since < 0) {
		me->since = me->at;
		w->waits++;
		pause_for(b, me->at);
	}
	if (me->at < me->since + TRIES_END) {
		me->at += about(w, b->pause > TRY ? b->pause : TRY);
		return;
	}
	w->sleeps++;
	me->at = me->since = lane->free + w->wake;
}

/* It has the lock: it takes a message, unless another worker's lease keeps it out. */
static void take(struct world *w, unsigned i, struct lane *lane)
{
	struct worker *me = &w->worker[i];
	bool moved = lane->last != i, kept_out = w->lanes > 1 && lane->leased > me->at;

	if (me->since >= 0)
		me->backoff[me->lane].last = me->at;
	if (me->lane != me->begun)
		me->at += w->cost->steal;
	me->at += about(w, moved ? w->cost->moved_take : w->cost->take);
	lane->free = me->at;
	lane->last = i;
	if (kept_out) {
		go_on(w, i);
		return;
	}
	lane->jobs--;
	w->left--;
	w->takes++;
	me->at += about(w, moved ? w->cost->moved_ack : w->cost->ack);
	lane->leased = me->at;
	begin(w, i);
}

/* Let worker i do the next thing. */
static void step(struct world *w, unsigned i)
{
	struct worker *me = &w->worker[i];
	struct lane *lane = &w->lane[me->lane];

	if (!lane->jobs)
		go_on(w, i);
	else if (lane->free > me->at)
		stay_away(w, me, lane);
	else
		take(w, i, lane);
}

static struct outcome simulate(
	const struct bench_cost *cost, double wake, unsigned cpus, unsigned lanes)
{
	static struct world w;
	unsigned all = cpus * JOBS;
	double end = 0;

	memset(&w, 0, sizeof(w));
	w.cost = cost;
	w.wake = wake;
	w.lanes = lanes;
	w.left = all;
	for (unsigned l = 0; l < lanes; l++)
		w.lane[l] = (struct lane){.last = l, .jobs = all / lanes};
	for (unsigned i = 0; i < cpus; i++)
		begin(&w, i);
	while (w.left > 0) {
		unsigned first = 0;

		for (unsigned i = 1; i < cpus; i++)
			if (w.worker[i].at < w.worker[first].at)
				first = i;
		step(&w, first);
	}
	for (unsigned l = 0; l < lanes; l++)
		end = w.lane[l].leased > end ? w.lane[l].leased : end;
	return (struct outcome){.rate = all / end * 1e9,
		.waits = 1e3 * (double)w.waits / (double)w.takes,
		.sleeps = 1e3 * (double)w.sleeps / (double)w.takes};
}

/* ---- what is printed ---- */

static void print_cost(FILE *f, const char *what, const struct bench_cost *cost)
{
	fprintf(f, "  %-6s%8.0f%12.0f%14.0f%18.0f", what, cost->take, cost->ack, cost->moved_take,
		cost->moved_ack);
	if (!isnan(cost->steal))
		fprintf(f, "%10.0f", cost->steal);
	fputc('\n', f);
}

static void print_row(
	FILE *f, unsigned cpus, const struct outcome *queue, const struct outcome *lanes)
{
	fprintf(f, "  %-9u%14.0f%8.0f%8.1f%16.0f%8.0f%8.1f%8.2f\n", cpus, queue->rate, queue->waits,
		queue->sleeps, lanes->rate, lanes->waits, lanes->sleeps, lanes->rate / queue->rate);
}

/* Print what the rows have of what the simulation says. */
static void print_measured(FILE *f, const struct bench_row *queue, const struct bench_row *lanes)
{
	double a = bench_row_median(queue, BENCH_RATE), b = bench_row_median(lanes, BENCH_RATE);

	fprintf(f, "  measured: %u workers, %.0f and %.0f msgs/s, %.2f\n", queue->job.receivers, a,
		b, b / a);
}

int bench_simulate(FILE *f, const struct bench_rows *rows, const struct bench_cpus *cpus)
{
	const struct bench_row *queue = rows->row[rows->n - 2], *many = rows->row[rows->n - 1];
	size_t size = queue->job.spec.size;
	struct bench_cost one, lane;
	double wake;
	int err;

	if (cpus->n < 2) {
		fprintf(f, "\nno simulation: one CPU does not say what two cost each other\n");
		return 0;
	}
	err = bench_cost_of_wake(&wake, cpus);
	if (err == 0)
		err = bench_cost_measure(&one, &lane, cpus, many->job.spec.lanes, size);
	if (err < 0)
		return err;
	fprintf(f,
		"\nsimulation of workers that take one message at a time, a CPU and a lane for "
		"each.\n"
		"It starts from what a call takes here, ns (and %.0f to wake a process):\n"
		"  %-6s%8s%12s%14s%18s%10s\n",
		wake, "", "to take", "to ack", "take, moved", "ack, moved", "to steal");
	print_cost(f, "one", &one);
	print_cost(f, "lanes", &lane);
	fprintf(f, "  %-9s%14s%8s%8s%16s%8s%8s%8s\n", "CPUs", "queue msgs/s", "waits", "sleeps",
		"lanes msgs/s", "waits", "sleeps", "lanes/");
	for (unsigned n = 2; n <= MOST; n *= 2) {
		struct outcome a = simulate(&one, wake, n, 1), b = simulate(&lane, wake, n, n);

		print_row(f, n, &a, &b);
	}
	print_measured(f, queue, many);
	return 0;
}
