/* SPDX-License-Identifier: MIT */
#include "bench/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/deadline.h"
#include "shmchan.h"

#define MOST 64
#define JOBS 4000 /* of each lane */
#define AT_ONCE 64
#define ROUNDS 2000

/* ---- what is measured: ns ---- */

struct costs {
	double take, ack; /* one message, with the lock and without */
	double move;	  /* more, with the lock, if another CPU had it */
	double rest;	  /* more, without it */
};

static int fill(chan_t *ch, const struct chan_meta *meta, const struct bench_buffers *message)
{
	int err = 0;

	for (int i = 0; i < AT_ONCE && err == 0; i++)
		err = chan_send_meta(ch, message->iov->iov_base, message->size, meta, 0);
	return err;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *of)
{
	qsort(of, ROUNDS, sizeof(*of), compare);
	return of[ROUNDS / 2];
}

/* Take and acknowledge many, and note the median of what each costs. */
static int time_calls(chan_t *ch, const struct chan_meta *meta, const struct bench_buffers *message,
	struct costs *ret)
{
	static double take[ROUNDS], ack[ROUNDS];
	struct chan_lease lease[AT_ONCE];
	int err = 0;

	for (int r = 0; r < ROUNDS && err >= 0; r++) {
		int64_t began, half;

		err = fill(ch, meta, message);
		began = cli_now();
		for (int i = 0; i < AT_ONCE && err >= 0; i++)
			err = chan_take(ch, &lease[i], 1, 0);
		half = cli_now();
		for (int i = 0; i < AT_ONCE && err >= 0; i++)
			err = chan_ack(ch, &lease[i], 1);
		take[r] = (double)(half - began) / AT_ONCE;
		ack[r] = (double)(cli_now() - half) / AT_ONCE;
	}
	if (err < 0)
		return err;
	ret->take = median(take);
	ret->ack = median(ack);
	return 0;
}

/* Measure a channel with so many lanes, in the lane of this endpoint; 0: it has none. */
static int measure(unsigned lanes, size_t size, struct costs *ret)
{
	struct chan_options opt = {.size = sizeof(opt),
		.flags = CHAN_META,
		.capacity = 2 * AT_ONCE * (size + 256),
		.max_message = (uint32_t)size,
		.lanes = lanes,
		.lane_by = lanes ? CHAN_BY_KEY : 0};
	struct bench_buffers message;
	struct chan_meta meta;
	char name[64];
	chan_t *ch;
	int err = bench_buffers_make(&message, 1, size);

	if (err < 0)
		return err;

	snprintf(name, sizeof(name), "chanbench-simulate.%ld", (long)getpid());
	err = chan_open(&ch, name, CHAN_SEND | CHAN_RECV | CHAN_CREATE, &opt);
	if (err == 0) {
		chan_unlink(name);
		chan_meta_init(&meta); /* without a key it is in the lane of its sender */
		err = time_calls(ch, &meta, &message, ret);
		chan_detach(ch);
	}
	bench_buffers_free(&message);
	return err;
}

/* ---- the simulation ---- */

struct lock {
	double free;   /* from when on */
	unsigned last; /* who had it */
	unsigned jobs;
};

/* Return the lane where worker w finds something, or `lanes`. */
static unsigned find(const struct lock *lock, unsigned lanes, unsigned w)
{
	unsigned i;

	for (i = 0; i < lanes && !lock[(w + i) % lanes].jobs; i++)
		;
	return i < lanes ? (w + i) % lanes : lanes;
}

/* Return the messages a second that `cpus` workers do, with so many lanes. */
static double simulate(const struct costs *c, unsigned cpus, unsigned lanes)
{
	struct lock lock[MOST];
	double ready[MOST] = {0}, end = 0;
	unsigned all = cpus * JOBS;

	for (unsigned i = 0; i < lanes; i++)
		lock[i] = (struct lock){.last = i, .jobs = all / lanes};
	for (unsigned left = all; left > 0; left--) {
		unsigned first = 0, at;
		double begin;

		for (unsigned w = 1; w < cpus; w++)
			if (ready[w] < ready[first])
				first = w;
		at = find(lock, lanes, first);
		begin = ready[first] > lock[at].free ? ready[first] : lock[at].free;
		if (lock[at].last != first)
			begin += c->move;
		lock[at].last = first;
		lock[at].free = begin + c->take;
		lock[at].jobs--;
		ready[first] = lock[at].free + c->ack + c->rest;
		end = ready[first] > end ? ready[first] : end;
	}
	return all / end * 1e9;
}

static double positive(double x)
{
	return x > 0 ? x : 0;
}

int bench_simulate(FILE *f, const struct bench_rows *rows, unsigned cpus)
{
	double queue = bench_row_median(rows->row[0], BENCH_RATE);
	double lanes = bench_row_median(rows->row[1], BENCH_RATE);
	struct costs one = {.rest = 0}, many = {.rest = 0};
	int err = measure(0, rows->row[0]->job.spec.size, &one);

	if (err == 0)
		err = measure(MOST, rows->row[0]->job.spec.size, &many);
	if (err < 0)
		return err;
	if (cpus < 2) {
		fprintf(f, "\nno simulation: one CPU does not say what two cost each other\n");
		return 0;
	}
	one.move = positive(1e9 / queue - one.take);
	many.move = one.move;
	many.rest = positive(cpus * 1e9 / lanes - many.take - many.ack);
	fprintf(f,
		"\nsimulation, one message at a time, a CPU for each worker; from what was "
		"measured, ns:\n"
		"  queue: %.0f to take, %.0f to acknowledge, %.0f if another CPU had the lock\n"
		"  lane:  %.0f to take, %.0f to acknowledge, %.0f for the rest\n",
		one.take, one.ack, one.move, many.take, many.ack, many.rest);
	fprintf(f, "  %4s %14s %14s %8s\n", "CPUs", "queue msgs/s", "lanes msgs/s", "lanes/");
	for (unsigned n = 2; n <= MOST; n *= 2) {
		double a = simulate(&one, n, 1), b = simulate(&many, n, n);

		fprintf(f, "  %4u %14.0f %14.0f %8.2f", n, a, b, b / a);
		if (n == cpus)
			fprintf(f, "   measured: %.2f", lanes / queue);
		fputc('\n', f);
	}
	return 0;
}
