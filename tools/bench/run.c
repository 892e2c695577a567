/* SPDX-License-Identifier: MIT */
/*
 * The parent's part: it prepares the links, forks, lets all workers start at
 * once, watches that they go on, and adds up what they noted on the board.
 */
#include "bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/board.h"
#include "bench/count.h"
#include "bench/watch.h"
#include "bench/work.h"
#include "common/signals.h"

/* How long it sleeps at most while the workers end. */
#define PAUSE_NS 1000000000L

struct crew {
	const struct bench_job *job;
	struct bench_board *board;
	struct bench_link *link[2];
	unsigned n, attached; /* workers, and how many are attached */
	int ready[2], go[2];
	char *why;
};

static int crew_failed(struct crew *c, int err, const char *what)
{
	snprintf(c->why, BENCH_WHY, "%s: %s", what, chan_strerror(err));
	return err;
}

static size_t board_size(unsigned workers)
{
	return sizeof(struct bench_board) + workers * sizeof(struct bench_worker);
}

static void pipe_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void crew_free(struct crew *c)
{
	for (unsigned i = 0; i < 2; i++) {
		if (c->link[i])
			c->link[i]->peer->drop(c->link[i]);
		pipe_close(&c->ready[i]);
		pipe_close(&c->go[i]);
	}
	bench_unshare(c->board, board_size(c->n));
}

static int crew_prepare(struct crew *c)
{
	const struct bench_job *job = c->job;
	unsigned links = job->kind == BENCH_ROUND_TRIP ? 2 : 1;

	c->board = bench_shared(board_size(c->n));
	if (!c->board)
		return crew_failed(c, -ENOMEM, job->peer->name);
	if (pipe2(c->ready, O_CLOEXEC) < 0 || pipe2(c->go, O_CLOEXEC) < 0)
		return crew_failed(c, -errno, "pipe");
	for (unsigned i = 0; i < links; i++) {
		int r = job->peer->make(&c->link[i], &job->spec);

		if (r < 0)
			return crew_failed(c, r, job->peer->name);
		c->link[i]->peer = job->peer;
		c->link[i]->spec = &job->spec;
	}
	return 0;
}

/* Wake-ups are measured on another CPU than the waker's, if there is one. */
static unsigned crew_cpu(const struct bench_job *job, unsigned i)
{
	const struct bench_cpus *cpus = job->cpus;

	if ((job->kind == BENCH_WAKE || job->spec.broadcast) && i > 0 && cpus->n > 1)
		return cpus->cpu[1 + (i - 1) % (cpus->n - 1)];
	return cpus->cpu[i % cpus->n];
}

static void worker_pin(struct bench_worker *w, unsigned cpu)
{
	int err = bench_cpus_pin(cpu);

	if (err < 0)
		bench_worker_fail(w, "pinning to a CPU", err);
}

static void worker_drop(struct crew *c)
{
	for (unsigned l = 0; l < 2; l++)
		if (c->link[l])
			c->link[l]->peer->drop(c->link[l]);
}

/* Until here a worker is the parent's copy; from here it is its own process,
 * which dies with the parent.  Its counter is opened and closed while it is not
 * watched. */
static _Noreturn void worker_main(struct crew *c, unsigned i, const sigset_t *mask, pid_t parent)
{
	struct bench_worker *w = &c->board->worker[i];
	int counter;
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, mask, NULL);
	pipe_close(&c->go[1]);
	worker_pin(w, crew_cpu(c->job, i));
	bench_worker_attach(c->job, w, c->link);
	counter = bench_worker_count(c->job, w);
	bench_phase_set(w, BENCH_READY);
	if (write(c->ready[1], &byte, 1) != 1)
		bench_worker_fail(w, "starting", -errno);
	while (read(c->go[0], &byte, 1) < 0 && errno == EINTR)
		;
	bench_work(c->job, c->board, w, c->link, counter);
	bench_phase_set(w, BENCH_CLOSING);
	worker_drop(c);
	bench_phase_set(w, BENCH_LEFT);
	if (counter >= 0)
		bench_count_stop(counter);
	_exit(0);
}

static int crew_fork(struct crew *c, const sigset_t *mask)
{
	pid_t parent = getpid();

	for (unsigned i = 0; i < c->n; i++) {
		struct bench_worker *w = &c->board->worker[i];
		pid_t pid;

		w->index = i;
		w->sender = i < c->job->senders;
		pid = fork();
		if (pid == 0)
			worker_main(c, i, mask, parent);
		if (pid < 0)
			return crew_failed(c, -errno, "fork");
		w->pid = pid;
	}
	pipe_close(&c->ready[1]);
	pipe_close(&c->go[0]);
	return fcntl(c->ready[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* A worker that failed wrote the reason on the board, unless it was killed. */
static int crew_exited(struct crew *c, struct bench_worker *w, int status)
{
	w->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (w->why[0])
		snprintf(c->why, BENCH_WHY, "%s: %s", c->job->peer->name, w->why);
	else if (WIFSIGNALED(status))
		snprintf(c->why, BENCH_WHY, "%s: worker %u (%s) died of signal %d (%s)",
			c->job->peer->name, w->index, w->sender ? "sender" : "receiver",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(c->why, BENCH_WHY, "%s: worker %u (%s) ended with status %d",
			c->job->peer->name, w->index, w->sender ? "sender" : "receiver",
			WEXITSTATUS(status));
	return w->error < 0 ? w->error : -ECHILD;
}

/* Collect the workers that ended.  Returns how many still run, or the error of one. */
static int crew_reap(struct crew *c)
{
	int running = 0;

	for (unsigned i = 0; i < c->n; i++) {
		struct bench_worker *w = &c->board->worker[i];
		int status, r = 0;

		if (w->pid == 0)
			continue;
		if (waitpid(w->pid, &status, WNOHANG) == w->pid)
			r = crew_exited(c, w, status);
		else
			running++;
		if (r < 0)
			return r;
	}
	return running;
}

static void crew_kill(struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct bench_worker *w = &c->board->worker[i];

		if (w->pid == 0)
			continue;
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
		w->pid = 0;
	}
}

/* Sleep until a worker ends, at most so long.  Returns 0, or -EINTR after a signal. */
static int crew_sleep(long ns)
{
	struct timespec limit = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &limit);
	return cli_signalled() ? -EINTR : 0;
}

/* Wait until all are attached. */
static int crew_gather(struct crew *c)
{
	struct bench_watch watch;

	bench_watch_begin(&watch, c->job, c->board, 0);
	while (c->attached < c->n) {
		char bytes[64];
		ssize_t got = read(c->ready[0], bytes, sizeof(bytes));
		int r = got > 0 ? 0 : crew_sleep(1000000);

		if (got > 0)
			c->attached += (unsigned)got;
		else if (r == 0)
			r = crew_reap(c);
		if (r >= 0)
			r = bench_watch_look(&watch, c->why);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Wait until all have done their part. */
static int crew_watch(struct crew *c)
{
	struct bench_watch watch;
	int r;

	bench_watch_begin(&watch, c->job, c->board, c->job->rate > 0 ? 1e9 / c->job->rate : 0);
	while ((r = crew_reap(c)) > 0 && !bench_watch_over(&watch)) {
		r = bench_watch_look(&watch, c->why);
		if (r == 0)
			r = crew_sleep(bench_watch_pause(&watch));
		if (r < 0)
			return r;
	}
	return r;
}

/* Wait until all have ended.  That takes as long as closing the counters does. */
static int crew_collect(struct crew *c)
{
	int r;

	while ((r = crew_reap(c)) > 0) {
		r = crew_sleep(PAUSE_NS);
		if (r < 0)
			return r;
	}
	return r;
}

/* Returns 0 + 1 + ... + n - 1, modulo 2^64. */
static uint64_t sum_below(uint64_t n)
{
	return n % 2 ? (n - 1) / 2 * n : n / 2 * (n - 1);
}

/* Check that all that was sent was received, and nothing else. */
static int crew_check(struct crew *c)
{
	const struct bench_spec *spec = &c->job->spec;
	uint64_t sum = 0, count = 0, wanted_sum = 0, wanted;

	for (unsigned i = 0; i < c->n; i++) {
		sum += c->board->worker[i].sum;
		count += c->board->worker[i].count + c->board->worker[i].lost;
	}
	wanted = c->job->messages + c->job->warmup;
	for (unsigned s = 0; s < c->job->senders; s++)
		wanted_sum += bench_stamp(s, 0) * wanted + sum_below(wanted);
	wanted *= bench_job_counting(c->job);
	if (spec->broadcast) {
		wanted *= c->job->receivers;
		wanted_sum *= c->job->receivers;
	}
	if (count == wanted && (sum == wanted_sum || c->job->kind == BENCH_LOOK || spec->loses))
		return 0;
	snprintf(c->why, BENCH_WHY, "%s: sent %" PRIu64 " messages, received %" PRIu64 "%s",
		c->job->peer->name, wanted, count, count == wanted ? ", but other ones" : "");
	return -EBADMSG;
}

static void share(const struct crew *c, bool senders, double *least, double *most)
{
	double n = 0, sum = 0, low = 0, high = 0;

	for (unsigned i = 0; i < c->n; i++) {
		const struct bench_worker *w = &c->board->worker[i];
		double had = (double)w->had;

		if (w->sender != senders)
			continue;
		low = n == 0 || had < low ? had : low;
		high = had > high ? had : high;
		sum += had;
		n++;
	}
	*least = sum > 0 ? low * n / sum : 1;
	*most = sum > 0 ? high * n / sum : 1;
}

static struct bench_result crew_result(const struct crew *c, struct hist *latency)
{
	struct bench_result res = {.messages = c->job->messages * bench_job_counting(c->job)};
	int64_t start = atomic_load(&c->board->start), busy = 0;

	for (unsigned i = 0; i < c->n; i++) {
		const struct bench_worker *w = &c->board->worker[i];

		if (w->end - start > res.elapsed)
			res.elapsed = w->end - start;
		busy += w->busy;
		if (w->memory.start)
			res.memory = w->memory;
		res.cpu += w->used.cpu;
		res.voluntary += w->used.voluntary;
		res.involuntary += w->used.involuntary;
		res.futexes += w->used.futexes;
		if (w->sender) {
			res.sender_cpu += w->used.cpu;
			res.sender_futexes += w->used.futexes;
		}
		if (w->uncounted < 0)
			res.uncounted = w->uncounted;
		hist_merge(latency, &w->latency);
	}
	if (busy)
		res.elapsed = busy;
	share(c, true, &res.sender_least, &res.sender_most);
	share(c, false, &res.receiver_least, &res.receiver_most);
	return res;
}

static int crew_run(struct crew *c, const sigset_t *mask)
{
	int r = crew_fork(c, mask);

	if (r == 0)
		r = crew_gather(c);
	if (r == 0) {
		for (unsigned i = 0; i < 2 && c->link[i]; i++)
			c->link[i]->peer->seal(c->link[i]);
		pipe_close(&c->go[1]); /* their read() ends: go */
		r = crew_watch(c);
	}
	if (r >= 0)
		r = crew_collect(c);
	crew_kill(c);
	return r;
}

int bench_run(const struct bench_job *job, struct bench_result *ret, struct hist *latency,
	char why[BENCH_WHY])
{
	struct crew c = {
		.job = job,
		.n = job->senders + job->receivers,
		.ready = {-1, -1},
		.go = {-1, -1},
		.why = why,
	};
	sigset_t child, mask;
	int r;

	why[0] = '\0';
	r = crew_prepare(&c);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &mask);
	if (r == 0)
		r = crew_run(&c, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (r == 0)
		r = crew_check(&c);
	if (r == 0)
		*ret = crew_result(&c, latency);
	crew_free(&c);
	return r;
}
