/* SPDX-License-Identifier: MIT */
/* The worker's part: the loops that are measured.  They are kept bare: a call
 * of the peer, the check of the stamp, and one store on a line of the worker's own. */

#include "bench/work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/count.h"
#include "bench/proc.h"
#include "common/deadline.h"

/* If the planned time is nearer than that, spin. */
#define SPIN_NS 100000
/* How long the sleepers are left asleep before they are woken. */
#define SETTLE_NS 20000

struct work {
	const struct bench_job *job;
	struct bench_board *board;
	struct bench_worker *me;
	struct bench_link *link[2];
	uint64_t total; /* messages of a sender, the warm-up included */
	int counter;	/* of futex calls, or negative */
	uint64_t seen;	/* how far the other side was: with a backlog, or a limit to it */
};

_Noreturn void bench_worker_fail(struct bench_worker *w, const char *what, int err)
{
	w->error = err ? err : -EBADMSG;
	snprintf(w->why, sizeof(w->why), err ? "%s: %s" : "%s", what, chan_strerror(err));
	_exit(1);
}

/* Usage.  What the process had used before is subtracted at the end. */

static int64_t ns_of(struct timeval tv)
{
	return (int64_t)tv.tv_sec * 1000000000 + (int64_t)tv.tv_usec * 1000;
}

static struct bench_usage usage_now(const struct work *k)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	return (struct bench_usage){
		.cpu = ns_of(now.ru_utime) + ns_of(now.ru_stime),
		.voluntary = (uint64_t)now.ru_nvcsw,
		.involuntary = (uint64_t)now.ru_nivcsw,
		.futexes = k->counter >= 0 ? bench_count_read(k->counter) : 0,
	};
}

static void work_begin(struct work *k)
{
	k->me->used = usage_now(k);
}

static void work_end(struct work *k)
{
	struct bench_usage *before = &k->me->used, now;

	k->me->end = cli_now();
	now = usage_now(k);
	before->cpu = now.cpu - before->cpu;
	before->voluntary = now.voluntary - before->voluntary;
	before->involuntary = now.involuntary - before->involuntary;
	before->futexes = now.futexes - before->futexes;
}

static inline void work_progress(struct work *k, uint64_t n)
{
	atomic_store_explicit(&k->me->progress, n, memory_order_relaxed);
}

/* Sending. */

static uint64_t received_so_far(const struct work *k)
{
	const struct bench_worker *w = k->board->worker + k->job->senders;
	uint64_t sum = 0;

	for (unsigned i = 0; i < k->job->receivers; i++)
		sum += atomic_load_explicit(&w[i].progress, memory_order_relaxed);
	return sum;
}

/* Return how many receivers get each message. */
static unsigned copies_of(const struct bench_job *job)
{
	return job->spec.broadcast ? job->receivers : 1;
}

/* Returns true if each receiver knows how many messages will come. */
static bool counted_ahead(const struct bench_job *job)
{
	return job->receivers == 1 || job->spec.broadcast;
}

/* Wait until all of the warm-up has arrived, but for what stays in the channel; then the first
 * sender starts the clock. */
static void sender_start(struct work *k)
{
	uint64_t wanted = k->job->warmup * k->job->senders * copies_of(k->job) - k->job->backlog;
	unsigned turns = 0;

	bench_phase_set(k->me, BENCH_WARM);
	if (k->me->index == 0) {
		while (received_so_far(k) < wanted)
			bench_spin(&turns);
		atomic_store(&k->board->start, cli_now());
	}
	while (atomic_load(&k->board->start) == 0)
		bench_spin(&turns);
	bench_phase_set(k->me, BENCH_MOVING);
	work_begin(k);
}

/* Note what all workers have by now. */
static void note_shares(const struct work *k)
{
	unsigned all = k->job->senders + k->job->receivers;

	for (unsigned i = 0; i < all; i++)
		k->board->worker[i].had =
			atomic_load_explicit(&k->board->worker[i].progress, memory_order_relaxed);
}

/* Do so, if it is the first sender that is done; end the link, if it is the last. */
static void sender_done(struct work *k)
{
	unsigned before = atomic_fetch_add(&k->board->done, 1);

	if (before == 0)
		note_shares(k);
	work_end(k);
	if (k->job->most > 0) /* what stays in the channel is received later */
		k->me->busy = k->me->end - atomic_load(&k->board->start);
	if (before + 1 == k->job->senders)
		k->link[0]->peer->end(k->link[0]);
}

/* Returns the planned time of message `number` of those that are measured. */
static int64_t planned(const struct work *k, uint64_t number)
{
	return atomic_load_explicit(&k->board->start, memory_order_relaxed) +
	       (int64_t)((double)number * 1e9 / k->job->rate);
}

static void sleep_until(struct work *k, int64_t when)
{
	struct timespec until = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

	bench_phase_set(k->me, BENCH_PLANNED);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	bench_phase_set(k->me, BENCH_MOVING);
}

static void wait_until(struct work *k, int64_t when)
{
	unsigned turns = 0;

	if (cli_now() < when - SPIN_NS)
		sleep_until(k, when - SPIN_NS);
	while (cli_now() < when)
		bench_spin(&turns);
}

/* Wait until so many more are not too many.  Then there is room for a while: half of what may
 * come and go was received, so that the two don't fight for the receiver's line. */
static void keep_to_limit(struct work *k, uint64_t sent, unsigned n)
{
	uint64_t room = k->job->most - k->job->backlog;
	unsigned turns = 0;

	if (sent + n - k->seen <= k->job->most)
		return;
	while ((k->seen = received_so_far(k)) + k->job->most < sent + n + room / 2 &&
		sent != k->job->warmup)
		bench_spin(&turns);
}

static void work_send(struct work *k)
{
	const struct bench_job *job = k->job;
	struct bench_link *link = k->link[0];
	uint64_t stamp[BENCH_BATCH_MAX], base = bench_stamp(k->me->index, 0);

	for (uint64_t i = 0; i < k->total;) {
		uint64_t left = (i < job->warmup ? job->warmup : k->total) - i;
		unsigned n = left < job->spec.send_batch ? (unsigned)left : job->spec.send_batch;
		int r;

		if (i == job->warmup)
			sender_start(k);
		if (job->rate > 0 && i >= job->warmup)
			wait_until(k, planned(k, i - job->warmup));
		if (job->most > 0)
			keep_to_limit(k, i, n);
		for (unsigned j = 0; j < n; j++)
			stamp[j] = base | (i + j);
		r = link->peer->send(link, stamp, n);
		if (r < 0)
			bench_worker_fail(k->me, "sending", r);
		i += (unsigned)r;
		work_progress(k, i);
	}
	sender_done(k);
}

/* Receiving. */

struct intake {
	struct work *k;
	uint64_t *next; /* of each sender: the least number that may come now */
	bool began, all;
};

static void intake_open(struct intake *in, struct work *k)
{
	*in = (struct intake){.k = k,
		.all = counted_ahead(k->job) && !k->job->spec.loses,
		.next = calloc(k->job->senders, sizeof(*in->next))};
	if (!in->next)
		bench_worker_fail(k->me, "receiving", -ENOMEM);
}

/* A worker that no measured message reached used nothing that is measured. */
static void intake_close(struct intake *in)
{
	if (!in->began)
		work_begin(in->k);
	work_end(in->k);
	free(in->next);
}

static uint64_t number_of(uint64_t stamp)
{
	return stamp & ((UINT64_C(1) << BENCH_NUMBER_BITS) - 1);
}

static _Noreturn void intake_wrong(const struct intake *in, uint64_t sender, uint64_t number)
{
	char what[sizeof(in->k->me->why)];

	if (sender >= in->k->job->senders)
		bench_worker_fail(in->k->me, "a message came from a sender that does not exist", 0);
	snprintf(what, sizeof(what),
		"message %" PRIu64 " of sender %" PRIu64 " came when %" PRIu64
		" was next: lost, repeated or changed",
		number, sender, in->next[sender]);
	bench_worker_fail(in->k->me, what, 0);
}

/* The numbers of a sender only grow; a single receiver and a subscriber get each of them,
 * but for what it was told to have lost. */
static inline void intake_check(struct intake *in, uint64_t stamp)
{
	uint64_t sender = stamp >> BENCH_NUMBER_BITS, number = number_of(stamp);
	const struct bench_job *job = in->k->job;

	if (__builtin_expect(sender >= job->senders || number < in->next[sender] ||
				     (in->all && number != in->next[sender]),
		    0))
		intake_wrong(in, sender, number);
	in->next[sender] = number + 1;
	in->k->me->sum += stamp;
}

static inline void intake_count(struct intake *in, const uint64_t *stamp, unsigned n)
{
	struct work *k = in->k;

	if (!in->began && atomic_load_explicit(&k->board->start, memory_order_relaxed)) {
		work_begin(k);
		in->began = true;
	}
	for (unsigned i = 0; i < n; i++)
		intake_check(in, stamp[i]);
	k->me->count += n;
	k->me->lost = k->link[0]->lost;
	work_progress(k, k->me->count + k->me->lost);
}

static void record_since_planned(struct work *k, const uint64_t *stamp, unsigned n)
{
	int64_t now = cli_now();

	for (unsigned i = 0; i < n; i++) {
		uint64_t number = number_of(stamp[i]);

		if (number >= k->job->warmup)
			hist_record(&k->me->latency,
				(uint64_t)(now - planned(k, number - k->job->warmup)));
	}
}

/* Wait until there is more than stays in the channel, or the sender is done. */
static void leave_backlog(struct work *k)
{
	const struct bench_worker *sender = &k->board->worker[0];
	uint64_t backlog = k->job->backlog;
	unsigned turns = 0;

	while (k->seen <= k->me->count + backlog && k->seen < k->total) {
		k->seen = atomic_load_explicit(&sender->progress, memory_order_relaxed);
		bench_spin(&turns);
	}
}

/* One that knows how many messages will come ends then; others go on to the end. */
static void work_recv(struct work *k)
{
	uint64_t wanted = counted_ahead(k->job) ? k->total * k->job->senders : UINT64_MAX;
	uint64_t stamp[BENCH_BATCH_MAX];
	struct intake in;

	intake_open(&in, k);
	while (k->me->count + k->me->lost < wanted) {
		int r;

		if (k->job->backlog > 0)
			leave_backlog(k);
		r = k->link[0]->peer->recv(k->link[0], stamp, k->job->spec.recv_batch);
		if (r == -EPIPE && k->job->receivers > 1)
			break;
		if (r < 0)
			bench_worker_fail(k->me, "receiving", r);
		if (k->job->rate > 0)
			record_since_planned(k, stamp, (unsigned)r);
		intake_count(&in, stamp, (unsigned)r);
	}
	intake_close(&in);
}

/* Bursts. */

/* How long the channel has to become quiet and give its memory back. */
#define SETTLED_NS 8000000000LL
/* Between two looks at how far the other side is: a look takes a line from it. */
#define LOOK_US 500

static void note_memory(struct work *k, uint64_t *most)
{
	uint64_t now = k->link[0]->peer->memory(k->link[0]);

	*most = now > *most ? now : *most;
}

/* Wait until the channel is as small as at first, or no more time is left for that. */
static void await_settled(struct work *k)
{
	struct bench_memory *m = &k->me->memory;
	int64_t until = cli_now() + SETTLED_NS;

	bench_phase_set(k->me, BENCH_SETTLING);
	do {
		usleep(10000);
		m->end = k->link[0]->peer->memory(k->link[0]);
	} while (m->end > m->start && cli_now() < until);
	bench_phase_set(k->me, BENCH_MOVING);
}

static void work_burst(struct work *k)
{
	struct bench_link *link = k->link[0];
	uint64_t each = k->total / k->job->bursts, i = 0, stamp[BENCH_BATCH_MAX];

	note_memory(k, &k->me->memory.start);
	sender_start(k);
	for (uint64_t end = each; end <= k->total; end += each) {
		int64_t begin = cli_now();

		while (i < end) {
			unsigned n = k->job->spec.send_batch < end - i ? k->job->spec.send_batch
								       : (unsigned)(end - i);
			int r;

			for (unsigned j = 0; j < n; j++)
				stamp[j] = i + j;
			r = link->peer->send(link, stamp, n);
			if (r < 0)
				bench_worker_fail(k->me, "sending", r);
			i += (unsigned)r;
			if (i < end)
				work_progress(k, i);
		}
		k->me->busy += cli_now() - begin;
		note_memory(k, &k->me->memory.peak);
		work_progress(k, i);
		while (received_so_far(k) < i)
			usleep(LOOK_US);
	}
	work_end(k);
	await_settled(k);
	link->peer->end(link);
}

/* Take each burst when all of it is there, and at the end wait until the channel ends. */
static void work_drain(struct work *k)
{
	uint64_t each = k->total / k->job->bursts, stamp[BENCH_BATCH_MAX];
	unsigned batch = k->job->spec.recv_batch;
	struct intake in;
	int r;

	intake_open(&in, k);
	while (k->me->count < k->total) {
		uint64_t end = k->me->count + each;

		while (atomic_load_explicit(&k->board->worker[0].progress, memory_order_relaxed) <
			end)
			usleep(LOOK_US);
		while (k->me->count < end) {
			r = k->link[0]->peer->recv(k->link[0], stamp, batch);
			if (r < 0)
				bench_worker_fail(k->me, "receiving", r);
			intake_count(&in, stamp, (unsigned)r);
		}
	}
	intake_close(&in);
	r = k->link[0]->peer->recv(k->link[0], stamp, 1);
	if (r != -EPIPE)
		bench_worker_fail(k->me, "the end of the channel", r);
}

/* A stock. */

/* How soon it is seen that all was received. */
#define SEEN_US 100

/* Send all; who is the last one starts the clock, and stops it when all was received. */
static void work_stock(struct work *k)
{
	struct bench_link *link = k->link[0];
	uint64_t base = bench_stamp(k->me->index, 0), all = k->total * k->job->senders;

	for (uint64_t i = 0; i < k->total; i++) {
		uint64_t stamp = base | i;
		int r = link->peer->send(link, &stamp, 1);

		if (r < 0)
			bench_worker_fail(k->me, "sending", r);
		work_progress(k, i + 1);
	}
	work_begin(k);
	if (atomic_fetch_add(&k->board->got, 1) + 1 < k->job->senders) {
		work_end(k);
		k->me->end = 0;
		return;
	}
	atomic_store(&k->board->start, cli_now());
	while (received_so_far(k) < all)
		usleep(SEEN_US);
	note_shares(k);
	work_end(k);
	link->peer->end(link);
}

static void work_take(struct work *k)
{
	uint64_t stamp[BENCH_BATCH_MAX];
	struct intake in;
	int r;

	while (atomic_load(&k->board->start) == 0)
		usleep(SEEN_US);
	intake_open(&in, k);
	while ((r = k->link[0]->peer->recv(k->link[0], stamp, k->job->spec.recv_batch)) > 0)
		intake_count(&in, stamp, (unsigned)r);
	if (r != -EPIPE)
		bench_worker_fail(k->me, "taking", r);
	intake_close(&in);
	k->me->end = 0; /* the sender has the time */
}

/* Round trips. */

static void trip(struct work *k, uint64_t number)
{
	uint64_t back;
	int r = k->link[0]->peer->send(k->link[0], &number, 1);

	if (r > 0)
		r = k->link[1]->peer->recv(k->link[1], &back, 1);
	if (r < 0)
		bench_worker_fail(k->me, "a round trip", r);
	if (back != number)
		bench_worker_fail(k->me, "another message came back", 0);
	work_progress(k, number + 1);
}

static void work_trips(struct work *k)
{
	const struct bench_job *job = k->job;
	int64_t from, now;

	for (uint64_t i = 0; i < job->warmup; i++)
		trip(k, i);
	sender_start(k);
	from = atomic_load(&k->board->start);
	for (uint64_t i = job->warmup; i < k->total; i++) {
		if (job->rate > 0) {
			from = planned(k, i - job->warmup);
			wait_until(k, from);
		}
		trip(k, i);
		now = cli_now();
		hist_record(&k->me->latency, (uint64_t)(now - from));
		from = now;
	}
	sender_done(k);
}

static void work_echo(struct work *k)
{
	struct intake in;
	uint64_t stamp;

	intake_open(&in, k);
	while (k->me->count < k->total) {
		int r = k->link[0]->peer->recv(k->link[0], &stamp, 1);

		if (r < 0)
			bench_worker_fail(k->me, "an echo", r);
		intake_count(&in, &stamp, 1);
		r = k->link[1]->peer->send(k->link[1], &stamp, 1);
		if (r < 0)
			bench_worker_fail(k->me, "an echo", r);
	}
	intake_close(&in);
}

/* Wake-ups. */

static int stat_open(struct work *k, pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		bench_worker_fail(k->me, path, -errno);
	return fd;
}

static void wait_asleep(struct work *k, const int *stat, unsigned n)
{
	unsigned turns = 0;
	int64_t settled;

	bench_phase_set(k->me, BENCH_SLEEPERS);
	for (unsigned i = 0; i < n; i++)
		while (bench_proc_state(stat[i]) != 'S')
			bench_spin(&turns);
	for (settled = cli_now() + SETTLE_NS; cli_now() < settled;)
		bench_spin(&turns);
	bench_phase_set(k->me, BENCH_MOVING);
}

static void work_wake(struct work *k)
{
	struct bench_link *link = k->link[0];
	unsigned n = k->job->receivers, turns = 0;
	int *stat = calloc(n, sizeof(*stat));

	if (!stat)
		bench_worker_fail(k->me, "waking", -ENOMEM);
	for (unsigned i = 0; i < n; i++)
		stat[i] = stat_open(k, k->board->worker[k->job->senders + i].pid);
	for (uint64_t i = 0; i < k->total; i++) {
		int r;

		if (i == k->job->warmup)
			sender_start(k);
		wait_asleep(k, stat, n);
		atomic_store_explicit(&k->board->sent, cli_now(), memory_order_relaxed);
		r = link->peer->send(link, &i, 1);
		if (r < 0)
			bench_worker_fail(k->me, "sending", r);
		while (atomic_load_explicit(&k->board->got, memory_order_acquire) <
			(i + 1) * copies_of(k->job))
			bench_spin(&turns);
		work_progress(k, i + 1);
	}
	sender_done(k);
	for (unsigned i = 0; i < n; i++)
		close(stat[i]);
	free(stat);
}

static void work_sleep(struct work *k)
{
	uint64_t wanted = counted_ahead(k->job) ? k->total : UINT64_MAX, stamp;
	struct intake in;

	intake_open(&in, k);
	while (k->me->count < wanted) {
		int r = k->link[0]->peer->recv(k->link[0], &stamp, 1);
		int64_t now = cli_now();

		if (r == -EPIPE && k->job->receivers > 1)
			break;
		if (r < 0)
			bench_worker_fail(k->me, "receiving", r);
		if (number_of(stamp) >= k->job->warmup)
			hist_record(&k->me->latency,
				(uint64_t)(now - atomic_load_explicit(
							 &k->board->sent, memory_order_relaxed)));
		intake_count(&in, &stamp, 1);
		atomic_fetch_add_explicit(&k->board->got, 1, memory_order_release);
	}
	intake_close(&in);
}

/* Looks at a value. */

/* Look so often, and check that no value is older than the one before. */
static void look(struct work *k, uint64_t looks, uint64_t *newest)
{
	uint64_t stamp[BENCH_BATCH_MAX], end = k->me->count + looks;

	while (k->me->count < end) {
		uint64_t left = end - k->me->count;
		int r = k->link[0]->peer->recv(k->link[0], stamp,
			left < BENCH_BATCH_MAX ? (unsigned)left : BENCH_BATCH_MAX);

		if (r < 0)
			bench_worker_fail(k->me, "looking", r);
		for (int i = 0; i < r; i++) {
			if (stamp[i] < *newest)
				bench_worker_fail(k->me, "a value is older than the one before", 0);
			*newest = stamp[i];
		}
		k->me->count += (unsigned)r;
		work_progress(k, k->me->count);
	}
}

static void work_look(struct work *k)
{
	uint64_t newest = 0;
	int64_t none = 0;

	look(k, k->job->warmup, &newest);
	atomic_compare_exchange_strong(&k->board->start, &none, cli_now());
	work_begin(k);
	look(k, k->job->messages, &newest);
	work_end(k);
	atomic_fetch_add(&k->board->got, 1);
}

/* Replace the value until all have looked often enough. */
static void work_replace(struct work *k)
{
	int64_t begin = cli_now();

	work_begin(k);
	for (uint64_t i = 0; atomic_load(&k->board->got) < k->job->receivers; i++) {
		int r = k->link[0]->peer->send(k->link[0], &i, 1);

		if (r < 0)
			bench_worker_fail(k->me, "replacing", r);
		work_progress(k, i);
		if (k->job->rate > 0)
			wait_until(k, begin + (int64_t)((double)(i + 1) * 1e9 / k->job->rate));
	}
	sender_done(k);
}

/* Choose one of these. */

void bench_worker_attach(
	const struct bench_job *job, struct bench_worker *w, struct bench_link *const link[2])
{
	for (unsigned i = 0; i < (job->kind == BENCH_ROUND_TRIP ? 2 : 1); i++) {
		int r;

		link[i]->sending = w->sender == (i == 0);
		r = job->peer->attach(link[i]);
		if (r < 0)
			bench_worker_fail(w, "attaching", r);
	}
}

int bench_worker_count(const struct bench_job *job, struct bench_worker *w)
{
	int counter;

	if (job->futex_event < 0)
		return -1;
	bench_phase_set(w, BENCH_COUNTING);
	counter = bench_count_start(job->futex_event);
	w->uncounted = counter < 0 ? counter : 0;
	return counter;
}

void bench_work(const struct bench_job *job, struct bench_board *board, struct bench_worker *w,
	struct bench_link *const link[2], int counter)
{
	static void (*const part[][2])(struct work *) = {
		[BENCH_STREAM] = {work_recv, work_send},
		[BENCH_ROUND_TRIP] = {work_echo, work_trips},
		[BENCH_WAKE] = {work_sleep, work_wake},
		[BENCH_LOOK] = {work_look, work_replace},
		[BENCH_BURSTS] = {work_drain, work_burst},
		[BENCH_STOCK] = {work_take, work_stock},
	};
	struct work k = {
		.job = job,
		.board = board,
		.me = w,
		.link = {link[0], link[1]},
		.total = job->warmup + job->messages,
		.counter = counter,
	};

	prctl(PR_SET_TIMERSLACK, 1UL);
	bench_phase_set(w, BENCH_MOVING);
	part[job->kind][w->sender](&k);
}
