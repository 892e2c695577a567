/* SPDX-License-Identifier: MIT */
#include "bench/cost.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/peer.h"
#include "bench/run.h"
#include "common/deadline.h"
#include "common/signals.h"
#include "shmchan.h"

#define ROUNDS 7    /* of a queue and of lanes, in turn */
#define GROUP 64    /* calls, of which there is one mean */
#define GROUPS 1000 /* at most: more than the caches hold, as in the rows, */
#define GROUPS_LEAST 4
#define STOCK (UINT64_C(64) << 20) /* unless the stock gets larger than that */
#define HEADED 256		   /* more than a header and a record take */
#define WAKES 300
#define PATIENCE INT64_C(10000000000) /* that the other process has for its turn */

enum turn { OURS, OTHERS, BEGINNING };

struct relay {
	_Atomic uint32_t turn;
	_Atomic int failed; /* negative errno of the other process */
};

struct bench {
	chan_t *ch;
	char name[64]; /* empty once removed */
	size_t size;
	char *message;
	unsigned groups;
};

/* What the calls of a group took together, each with one reading of the clock, and what that many
 * readings took: the clock is slower at one time than at another. */
struct sums {
	double take, ack, clock;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *of, unsigned n)
{
	qsort(of, n, sizeof(*of), compare);
	return of[n / 2];
}

/* Return what one call of a group took, of the group's sums; 1 ns at least, which is as good as
 * nothing. */
static double mean(double sum, const struct sums *group)
{
	double ns = (sum - group->clock) / GROUP;

	return ns > 1 ? ns : 1;
}

/* ---- one process ---- */

static int fill(const struct bench *b, chan_t *ch, unsigned n)
{
	struct chan_meta meta;
	int err = 0;

	chan_meta_init(&meta); /* without a key it goes to the lane of the endpoint */
	for (unsigned i = 0; i < n && err == 0; i++)
		err = chan_send_meta(ch, b->message, b->size, &meta, 0);
	return err;
}

/* Take a message, look at it, and acknowledge it. */
static int time_one(const struct bench *b, struct sums *sums)
{
	struct chan_lease lease;
	int64_t began = cli_now(), taken, acked, end;
	int got = chan_take(b->ch, &lease, 1, 0);

	if (got < 0)
		return got;
	taken = cli_now();
	memcpy(b->message, lease.data, BENCH_STAMP);
	got = chan_ack(b->ch, &lease, 1);
	acked = cli_now();
	end = cli_now();
	sums->take += (double)(taken - began);
	sums->ack += (double)(acked - taken);
	sums->clock += (double)(end - acked);
	return got < 0 ? got : 0;
}

static int time_alone(const struct bench *b, struct bench_cost *ret)
{
	double take[GROUPS], ack[GROUPS];
	int err = fill(b, b->ch, b->groups * GROUP);

	for (unsigned g = 0; g < b->groups && err == 0; g++) {
		struct sums sums = {0, 0, 0};

		for (unsigned i = 0; i < GROUP && err == 0; i++)
			err = time_one(b, &sums);
		take[g] = mean(sums.take, &sums);
		ack[g] = mean(sums.ack, &sums);
	}
	if (err < 0)
		return err;
	ret->take = median(take, b->groups);
	ret->ack = median(ack, b->groups);
	return 0;
}

/* Have a message in the own lane and one in the next, again and again. */
static int time_steals(const struct bench *b, struct bench_cost *ret)
{
	double more[GROUPS];
	chan_t *next;
	int err = chan_open(&next, b->name, CHAN_SEND, NULL);

	if (err < 0)
		return err;
	for (unsigned g = 0; g < b->groups && err == 0; g++) {
		struct sums own = {0, 0, 0}, stolen = {0, 0, 0};

		for (unsigned i = 0; i < GROUP && err == 0; i++) {
			err = fill(b, b->ch, 1);
			if (err == 0)
				err = time_one(b, &own);
			if (err == 0)
				err = fill(b, next, 1);
			if (err == 0)
				err = time_one(b, &stolen);
		}
		more[g] = (stolen.take - own.take) / GROUP;
	}
	chan_detach(next);
	if (err == 0)
		ret->steal = fmax(median(more, b->groups), 0);
	return err;
}

/* ---- in turn with another one ---- */

static int await_turn(struct relay *relay, uint32_t mine)
{
	int64_t until = cli_now() + PATIENCE;
	unsigned turns = 0;

	while (atomic_load_explicit(&relay->turn, memory_order_acquire) != mine) {
		bench_spin(&turns);
		if (turns % 4096 != 0)
			continue;
		if (atomic_load_explicit(&relay->failed, memory_order_relaxed))
			return atomic_load_explicit(&relay->failed, memory_order_relaxed);
		if (cli_signalled())
			return -EINTR;
		if (cli_now() > until)
			return -ETIMEDOUT;
	}
	return 0;
}

static void pass_turn(struct relay *relay, uint32_t to)
{
	atomic_store_explicit(&relay->turn, to, memory_order_release);
}

static int relay_one(const struct bench *b, struct relay *relay, uint32_t mine, struct sums *sums)
{
	int err = await_turn(relay, mine);

	if (err == 0)
		err = time_one(b, sums);
	if (err == 0)
		pass_turn(relay, mine == OURS ? OTHERS : OURS);
	return err;
}

static int other_part(struct bench *b, struct relay *relay, unsigned cpu)
{
	struct sums unused = {0, 0, 0};
	int err = bench_cpus_pin(cpu);

	if (err == 0)
		err = chan_open(&b->ch, b->name, CHAN_RECV, NULL);
	if (err < 0)
		return err;
	pass_turn(relay, OURS);
	for (unsigned i = 0; i < b->groups * GROUP && err == 0; i++)
		err = relay_one(b, relay, OTHERS, &unused);
	chan_detach(b->ch);
	return err;
}

static int our_part(const struct bench *b, struct relay *relay, struct bench_cost *ret)
{
	double take[GROUPS], ack[GROUPS];
	int err = await_turn(relay, OURS);

	for (unsigned g = 0; g < b->groups && err == 0; g++) {
		struct sums sums = {0, 0, 0};

		for (unsigned i = 0; i < GROUP && err == 0; i++)
			err = relay_one(b, relay, OURS, &sums);
		take[g] = mean(sums.take, &sums);
		ack[g] = mean(sums.ack, &sums);
	}
	if (err < 0)
		return err;
	ret->moved_take = median(take, b->groups);
	ret->moved_ack = median(ack, b->groups);
	return 0;
}

static int time_in_turn(struct bench *b, struct bench_cost *ret, unsigned cpu)
{
	struct relay *relay = bench_shared(sizeof(*relay));
	pid_t parent = getpid(), other;
	int err = relay ? fill(b, b->ch, 2 * b->groups * GROUP) : -ENOMEM;

	if (err < 0) {
		bench_unshare(relay, sizeof(*relay));
		return err;
	}
	atomic_store_explicit(&relay->turn, BEGINNING, memory_order_relaxed);
	other = fork();
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		atomic_store_explicit(
			&relay->failed, other_part(b, relay, cpu), memory_order_relaxed);
		_exit(0);
	}
	err = other < 0 ? -errno : our_part(b, relay, ret);
	if (other > 0 && err < 0)
		kill(other, SIGKILL);
	while (other > 0 && waitpid(other, NULL, 0) < 0 && errno == EINTR)
		;
	bench_unshare(relay, sizeof(*relay));
	return err;
}

/* ---- all of it ---- */

static int cost_make(struct bench *b, unsigned lanes)
{
	uint64_t all = STOCK / (2 * GROUP * ((uint64_t)b->size + HEADED));
	struct chan_options opt = {.size = sizeof(opt),
		.flags = CHAN_META,
		.max_message = (uint32_t)b->size,
		.lanes = lanes,
		.lane_by = lanes ? CHAN_BY_KEY : 0};
	int err;

	b->groups = all < GROUPS_LEAST ? GROUPS_LEAST : all < GROUPS ? (unsigned)all : GROUPS;
	opt.capacity = 2 * (uint64_t)GROUP * b->groups * (b->size + HEADED);
	b->message = calloc(1, b->size);
	if (!b->message)
		return -ENOMEM;
	snprintf(b->name, sizeof(b->name), "chanbench-cost.%ld", (long)getpid());
	err = chan_open(&b->ch, b->name, CHAN_SEND | CHAN_RECV | CHAN_CREATE, &opt);
	if (err < 0)
		b->name[0] = '\0';
	return err;
}

static void cost_free(struct bench *b)
{
	chan_detach(b->ch);
	if (b->name[0])
		chan_unlink(b->name);
	free(b->message);
}

static int measure_once(
	struct bench_cost *ret, const struct bench_cpus *cpus, unsigned lanes, size_t size)
{
	struct bench b = {.size = size};
	struct bench_cost cost = {.steal = NAN};
	int err = bench_cpus_pin(cpus->cpu[0]);

	if (err == 0)
		err = cost_make(&b, lanes);
	if (err == 0)
		err = time_alone(&b, &cost);
	if (err == 0 && lanes)
		err = time_steals(&b, &cost);
	if (err == 0)
		err = time_in_turn(&b, &cost, cpus->cpu[1]);
	cost_free(&b);
	if (err == 0)
		*ret = cost;
	return err;
}

static double median_of(const struct bench_cost *cost, size_t field)
{
	double of[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++)
		of[r] = *(const double *)(const void *)((const char *)&cost[r] + field);
	return median(of, ROUNDS);
}

static struct bench_cost medians(const struct bench_cost *cost)
{
	return (struct bench_cost){
		.take = median_of(cost, offsetof(struct bench_cost, take)),
		.ack = median_of(cost, offsetof(struct bench_cost, ack)),
		.moved_take = median_of(cost, offsetof(struct bench_cost, moved_take)),
		.moved_ack = median_of(cost, offsetof(struct bench_cost, moved_ack)),
		.steal = median_of(cost, offsetof(struct bench_cost, steal)),
	};
}

int bench_cost_measure(struct bench_cost *queue, struct bench_cost *lane,
	const struct bench_cpus *cpus, unsigned lanes, size_t size)
{
	struct bench_cost one[ROUNDS], many[ROUNDS];
	int err = 0;

	for (unsigned r = 0; r < ROUNDS && err == 0; r++) {
		err = measure_once(&one[r], cpus, 0, size);
		if (err == 0)
			err = measure_once(&many[r], cpus, lanes, size);
	}
	if (err < 0)
		return err;
	*queue = medians(one);
	*lane = medians(many);
	return 0;
}

int bench_cost_of_wake(double *ret, const struct bench_cpus *cpus)
{
	struct bench_job job = {
		.kind = BENCH_WAKE,
		.peer = &bench_futex,
		.spec = {.size = BENCH_STAMP, .send_batch = 1, .recv_batch = 1},
		.senders = 1,
		.receivers = 1,
		.messages = WAKES,
		.warmup = 1,
		.cpus = cpus,
		.stall = PATIENCE,
		.futex_event = -1,
	};
	struct bench_result result;
	struct hist latency = {0};
	char why[BENCH_WHY];
	int err = bench_run(&job, &result, &latency, why);

	if (err == 0)
		*ret = (double)hist_percentile(&latency, 50);
	return err;
}
