/* SPDX-License-Identifier: MIT */
/*
 * chanbench blames the channel only if nothing else explains that no message moves.  The
 * verdict is tested on invented workers, and runs over a peer that misbehaves as it is
 * told; the counters are this file's, as slow to open and to close as a test wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/count.h"
#include "bench/run.h"
#include "bench/stall.h"
#include "support/suite.h"

#define STALL INT64_C(2000000000)
#define LONGER 5 /* seconds, more than twice that */
#define LOST "a message or a wake-up was lost"

/* ---- counters ---- */

static unsigned start_takes, stop_takes; /* seconds */
static int start_fails;			 /* negative errno */

int bench_count_start(int event)
{
	(void)event;
	sleep(start_takes);
	return start_fails < 0 ? start_fails : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void bench_count_stop(int fd)
{
	sleep(stop_takes);
	close(fd);
}

uint64_t bench_count_read(int fd)
{
	(void)fd;
	return 0;
}

/* ---- a peer: the futex floor, but for what the receiver does instead ---- */

enum act { NOTHING, NO_ATTACH, LOSE, STOP, STOP_PARENT, NO_CLOSE };

static enum act act;
static bool attached, receiver; /* this process: a worker, and which */
static unsigned received;

static _Noreturn void for_ever(void)
{
	for (;;)
		pause();
}

static int bad_attach(struct bench_link *link)
{
	if (!attached)
		receiver = !link->sending;
	attached = true;
	if (receiver && act == NO_ATTACH)
		for_ever();
	return bench_futex.attach(link);
}

/* The parent is stopped for longer than it has patience; before and after that it sees no
 * message for a while. */
static void stop_parent(void)
{
	pid_t parent = getppid();

	usleep(STALL / 4000);
	kill(parent, SIGSTOP);
	sleep(LONGER);
	kill(parent, SIGCONT);
	usleep(STALL / 4000);
}

static int bad_recv(struct bench_link *link, uint64_t *stamp, unsigned n)
{
	if (receiver && ++received == 5) {
		if (act == LOSE)
			for_ever();
		if (act == STOP)
			raise(SIGSTOP);
		if (act == STOP_PARENT)
			stop_parent();
	}
	return bench_futex.recv(link, stamp, n);
}

static void bad_drop(struct bench_link *link)
{
	if (attached && receiver && act == NO_CLOSE)
		for_ever();
	bench_futex.drop(link);
}

static struct bench_peer bad;
static struct bench_cpus cpus;
static struct bench_job job;
static struct bench_result result;
static char why[BENCH_WHY], said[4096];

static void prepare(void)
{
	start_takes = stop_takes = 0;
	start_fails = 0;
	act = NOTHING;
	bad = bench_futex;
	bad.name = "bad";
	bad.attach = bad_attach;
	bad.recv = bad_recv;
	bad.drop = bad_drop;
	bench_cpus_default(&cpus);
	job = (struct bench_job){
		.kind = BENCH_ROUND_TRIP,
		.peer = &bad,
		.spec = {.size = 64, .capacity = 4096, .send_batch = 1, .recv_batch = 1},
		.senders = 1,
		.receivers = 1,
		.messages = 20,
		.warmup = 1,
		.cpus = &cpus,
		.stall = STALL,
		.futex_event = -1,
	};
}

/* Run the job; what it wrote to standard error is in `said`. */
static int run(void)
{
	int file = memfd_create("stderr", MFD_CLOEXEC), before = dup(STDERR_FILENO), r;
	struct hist latency = {0};
	ssize_t n;

	ck_assert_int_ge(file, 0);
	dup2(file, STDERR_FILENO);
	r = bench_run(&job, &result, &latency, why);
	dup2(before, STDERR_FILENO);
	n = pread(file, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(file);
	close(before);
	return r;
}

static void run_stalls(const char *cause)
{
	ck_assert_int_eq(run(), -ETIMEDOUT);
	ck_assert_msg(strstr(why, cause), "'%s' is missing in: %s", cause, why);
	ck_assert_msg(!strcmp(cause, LOST) || !strstr(why, "lost"), "it accuses: %s", why);
}

static void run_says(const char *text)
{
	ck_assert_msg(strstr(said, text), "'%s' is missing in: %s", text, said);
}

static void run_succeeds(void)
{
	int r = run();

	ck_assert_msg(r == 0, "%s: %s", strerror(-r), why);
	ck_assert_str_eq(said, "");
	ck_assert_uint_eq(result.messages, 20);
}

START_TEST(should_run_over_a_peer_that_behaves)
{
	run_succeeds();
	ck_assert_int_eq(result.uncounted, 0);
}
END_TEST

START_TEST(should_say_that_a_message_was_lost)
{
	act = LOSE;
	run_stalls(LOST);
	run_says("worker 0 (sender, process ");
	run_says("worker 1 (receiver, process ");
	run_says(" is moving messages, after 4 messages: state S (sleeps)");
}
END_TEST

START_TEST(should_not_accuse_for_a_worker_that_is_stopped)
{
	act = STOP;
	run_stalls("a worker is stopped");
	run_says(") is moving messages, after 4 messages: state T (stopped)");
}
END_TEST

START_TEST(should_not_accuse_after_it_was_stopped_itself)
{
	act = STOP_PARENT;
	run_succeeds();
}
END_TEST

START_TEST(should_say_that_a_worker_does_not_attach)
{
	act = NO_ATTACH;
	run_stalls("a worker can't attach");
	run_says("is attaching, after 0 messages: state S");
}
END_TEST

START_TEST(should_say_that_a_worker_does_not_close)
{
	act = NO_CLOSE;
	run_stalls("a worker can't close its end");
	run_says("worker 1 (receiver, process ");
	ck_assert_ptr_null(strstr(said, "worker 0"));
}
END_TEST

START_TEST(should_be_patient_while_counters_are_opened)
{
	job.futex_event = 1;
	start_takes = LONGER;
	run_succeeds();
	ck_assert_int_lt(result.elapsed, INT64_C(1000000000) * LONGER);
}
END_TEST

START_TEST(should_be_patient_while_counters_are_closed)
{
	job.futex_event = 1;
	stop_takes = LONGER;
	run_succeeds();
	ck_assert_int_lt(result.elapsed, INT64_C(1000000000) * LONGER);
}
END_TEST

START_TEST(should_run_though_nothing_can_be_counted)
{
	job.futex_event = 1;
	start_fails = -EMFILE;
	run_succeeds();
	ck_assert_int_eq(result.uncounted, -EMFILE);
}
END_TEST

/* ---- the verdict ---- */

static const struct {
	enum bench_phase phase;
	char state;
	double cpu;
	const char *where, *cause;
} verdict[] = {
	{BENCH_MOVING, 'S', 0, "futex_do_wait", LOST}, {BENCH_MOVING, 'R', 9.5, "", LOST},
	{BENCH_MOVING, 'R', 0.6, "", LOST}, {BENCH_MOVING, 'R', 0.4, "", "a worker gets no CPU"},
	{BENCH_MOVING, 'D', 0, "synchronize_rcu", "a worker is held in the kernel"},
	{BENCH_MOVING, 'T', 0, "do_signal_stop", "a worker is stopped"},
	{BENCH_MOVING, 't', 0, "ptrace_stop", "a worker is stopped"},
	{BENCH_MOVING, 'S', 0, "do_freezer_trap", "a worker is stopped"},
	{BENCH_MOVING, 0, 0, "", "the state of a worker is not known"},
	{BENCH_PLANNED, 'S', 0, "hrtimer_nanosleep", "chanbench itself waits"},
	{BENCH_SLEEPERS, 'R', 9.5, "", "chanbench itself waits"},
	{BENCH_COUNTING, 'S', 0, "", "chanbench itself waits"}, {BENCH_WARM, 'R', 9.5, "", LOST},
	{BENCH_STARTING, 'S', 0, "", "a worker can't attach"},
	{BENCH_CLOSING, 'S', 0, "futex_do_wait", LOST}, /* the other one still receives */
};

/* Of two workers, the other one sleeping in a receive, in either order. */
START_TEST(should_find_the_cause)
{
	struct bench_stand stand[2] = {0};
	unsigned at = (unsigned)_i % 2;
	unsigned v = (unsigned)_i / 2;

	stand[!at] = (struct bench_stand){.phase = BENCH_MOVING, .proc = {.state = 'S'}};
	stand[at].phase = verdict[v].phase;
	stand[at].proc.state = verdict[v].state;
	stand[at].cpu = verdict[v].cpu;
	snprintf(stand[at].proc.where, sizeof(stand[at].proc.where), "%s", verdict[v].where);
	ck_assert_str_eq(bench_stall_cause(stand, 2, 10), verdict[v].cause);
}
END_TEST

START_TEST(should_say_where_a_worker_stands)
{
	struct bench_stand stand = {
		.index = 3,
		.phase = BENCH_MOVING,
		.progress = 77,
		.pid = 4711,
		.proc = {.state = 'S', .where = "futex_do_wait", .call = 99999},
		.cpu = 0.25,
	};
	char line[320];

	bench_stall_line(line, sizeof(line), &stand);
	ck_assert_str_eq(line,
		"worker 3 (receiver, process 4711) is moving messages, after 77 messages: "
		"state S (sleeps) in futex_do_wait, system call 99999, 0.25 s of CPU meanwhile");
}
END_TEST

void add_tests(void)
{
	GROUP("runs", prepare, NULL, should_run_over_a_peer_that_behaves,
		should_say_that_a_message_was_lost, should_not_accuse_for_a_worker_that_is_stopped,
		should_not_accuse_after_it_was_stopped_itself,
		should_say_that_a_worker_does_not_attach, should_say_that_a_worker_does_not_close,
		should_be_patient_while_counters_are_opened,
		should_be_patient_while_counters_are_closed,
		should_run_though_nothing_can_be_counted);
	GROUP("words", NULL, NULL, should_say_where_a_worker_stands);
	GROUP_FOR(0, 2 * sizeof(verdict) / sizeof(*verdict), "verdict", NULL, NULL,
		should_find_the_cause);
}
