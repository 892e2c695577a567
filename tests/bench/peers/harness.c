/* SPDX-License-Identifier: MIT */
/*
 * Runs one job over one peer, between two processes that are pinned to a CPU each.
 *
 *	PROGRAM list                          the peer's ways: name, how its messages get
 *	                                      there, how it waits, what it uses
 *	PROGRAM WAY stream SIZE MS [CPU CPU]  prints messages a second
 *	PROGRAM WAY echo SIZE MS [CPU CPU]    prints ns of a round trip: p50 p99
 *	PROGRAM WAY publish-N SIZE MS [CPU CPU]
 *	                                      prints messages a second that each of N
 *	                                      subscribers got, which share the second CPU
 *
 * Every message carries its number in its first eight bytes and the complement of it in
 * its last eight, and both are checked: none may be missing, repeated, out of order or
 * cut.  Each of the first messages, which are not timed, has bytes of its own
 * all through, and all of them are checked.  Status 0, or 1 with the reason on stderr.
 *
 * A stream is counted where it is received, from the time when the sender starts, with
 * nothing under way, until the last message is received, by the last subscriber.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

#define WARM_UP 256
/* The warm-up has fewer messages if all receivers together would check more bytes than this:
 * with 64 KiB for 100 it took longer than PATIENCE_S on a busy machine. */
#define WARM_UP_BYTES (UINT64_C(64) << 20)
#define WARM_UP_LEAST 8
/* The number of the last message has this bit. */
#define LAST (UINT64_C(1) << 63)
/* Round trips that are kept: the least takes 100 ns. */
#define SAMPLES_A_MS 10000
#define SUBSCRIBERS_MAX 200
/* What is not over by then hangs. */
#define PATIENCE_S 10

/* What the two processes share. */
struct board {
	atomic_uint arrived; /* at barriers, ever */
	atomic_uint warm;    /* receivers that have the warm-up */
	int64_t start;
	atomic_llong end; /* of the last receiver */
	uint64_t messages;
	uint32_t sample[]; /* ns of each round trip */
};

struct job {
	const struct peer *peer;
	bool echo;
	unsigned receivers;
	size_t size;
	int64_t duration; /* ns */
	size_t samples;
	uint64_t warm_up; /* messages */
	int cpu[2];
	char channel[2][32];
	struct board *board;
};

unsigned peer_subscribers;

void peer_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/* Wait until all processes are at the nth of the barriers. */
static void barrier(const struct job *job, unsigned nth)
{
	atomic_fetch_add(&job->board->arrived, 1);
	while (atomic_load(&job->board->arrived) < (1 + job->receivers) * nth)
		nap();
}

/* Messages. */

static void stamp(char *msg, size_t size, uint64_t number)
{
	uint64_t complement = ~number;

	memcpy(msg, &number, sizeof(number));
	memcpy(msg + size - sizeof(complement), &complement, sizeof(complement));
}

/* Fill a message with bytes that no other one has in the same places. */
static void fill(char *msg, size_t size, uint64_t number)
{
	for (size_t i = 0; i < size; i++)
		msg[i] = (char)((number + 1) * 131 + i * 7 + (i >> 8));
	stamp(msg, size, number);
}

/* Check a message, and return whether it is the last. */
static bool check(const struct job *job, const char *msg, uint64_t wanted)
{
	uint64_t number, complement;

	memcpy(&number, msg, sizeof(number));
	memcpy(&complement, msg + job->size - sizeof(complement), sizeof(complement));
	if (__builtin_expect((number & ~LAST) != wanted || complement != ~number, 0))
		peer_fail("message %llu came as %llu, with an end %s", (unsigned long long)wanted,
			(unsigned long long)(number & ~LAST),
			complement == ~number ? "that fits" : "of another");
	return number & LAST;
}

/* Check all bytes of a message. */
static void check_all(const struct job *job, const char *msg, uint64_t wanted)
{
	char *expected = malloc(job->size);

	if (!expected)
		peer_fail("no memory");
	check(job, msg, wanted);
	fill(expected, job->size, wanted);
	if (!job->peer->in_place && memcmp(msg, expected, job->size) != 0)
		peer_fail(
			"message %llu has other bytes than were sent", (unsigned long long)wanted);
	free(expected);
}

/* The jobs. */

static void stream_send(const struct job *job, struct peer_end *end, char *msg)
{
	const struct peer *peer = job->peer;
	uint64_t n, look = job->size > 4096 ? 8 : 256;
	int64_t until;

	for (n = 0; n < job->warm_up; n++) {
		fill(msg, job->size, n);
		peer->send(end, msg);
	}
	while (atomic_load(&job->board->warm) < job->receivers)
		nap();
	job->board->start = now();
	until = job->board->start + job->duration;
	do {
		stamp(msg, job->size, n);
		peer->send(end, msg);
		n++;
	} while (n % look != 0 || now() < until);
	stamp(msg, job->size, n | LAST);
	peer->send(end, msg);
}

static void stream_receive(const struct job *job, struct peer_end *end, char *msg)
{
	const struct peer *peer = job->peer;
	long long done, before;
	uint64_t n;
	bool last = false;

	for (n = 0; n < job->warm_up; n++) {
		peer->receive(end, msg);
		check_all(job, msg, n);
	}
	atomic_fetch_add(&job->board->warm, 1);
	for (; !last; n++) {
		peer->receive(end, msg);
		last = check(job, msg, n);
	}
	done = now();
	before = atomic_load(&job->board->end);
	while (before < done && !atomic_compare_exchange_weak(&job->board->end, &before, done))
		;
	job->board->messages = n - job->warm_up;
}

static void echo_ask(const struct job *job, struct peer_end *to, struct peer_end *from, char *msg)
{
	const struct peer *peer = job->peer;
	struct board *board = job->board;
	int64_t before, after, until;
	uint64_t n;

	for (n = 0; n < job->warm_up; n++) {
		fill(msg, job->size, n);
		peer->send(to, msg);
		peer->receive(from, msg);
		check_all(job, msg, n);
	}
	before = now();
	until = before + job->duration;
	do {
		stamp(msg, job->size, n);
		peer->send(to, msg);
		peer->receive(from, msg);
		check(job, msg, n);
		after = now();
		board->sample[n - job->warm_up] =
			after - before > UINT32_MAX ? UINT32_MAX : (uint32_t)(after - before);
		before = after;
		n++;
	} while (before < until && n - job->warm_up < job->samples);
	board->messages = n - job->warm_up;
	stamp(msg, job->size, n | LAST);
	peer->send(to, msg);
	peer->receive(from, msg);
	check(job, msg, n);
}

static void echo_answer(
	const struct job *job, struct peer_end *to, struct peer_end *from, char *msg)
{
	const struct peer *peer = job->peer;
	bool last = false;

	for (uint64_t n = 0; !last; n++) {
		peer->receive(from, msg);
		last = check(job, msg, n);
		peer->send(to, msg);
	}
}

/* Be process 0, which sends or asks, or one of the others. */
static _Noreturn void be(const struct job *job, int me)
{
	const struct peer *peer = job->peer;
	struct peer_end *to = NULL, *from = NULL;
	char *msg = aligned_alloc(4096, (job->size + 4095) / 4096 * 4096);
	cpu_set_t cpu;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&cpu);
	CPU_SET(job->cpu[me > 0], &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu) < 0)
		peer_fail("CPU %d: %s", job->cpu[me > 0], strerror(errno));
	if (!msg)
		peer_fail("no memory");
	memset(msg, 0, job->size);
	if (job->echo || me > 0)
		from = peer->open(peer, job->channel[me == 0], job->size, false);
	barrier(job, 1);
	if (job->echo || me == 0)
		to = peer->open(peer, job->channel[me], job->size, true);
	if (from && peer->join)
		peer->join(from);
	barrier(job, 2);
	if (!job->echo)
		me == 0 ? stream_send(job, to, msg) : stream_receive(job, from, msg);
	else
		me == 0 ? echo_ask(job, to, from, msg) : echo_answer(job, to, from, msg);
	barrier(job, 3);
	if (to)
		peer->close(to);
	barrier(job, 4);
	if (from)
		peer->close(from);
	free(msg);
	exit(0);
}

/* Run the job in its children.  Returns 0 if all ended well. */
static int run(const struct job *job)
{
	pid_t child[1 + SUBSCRIBERS_MAX];
	int status, r = 0, all = 1 + (int)job->receivers, left = all;
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	for (int i = 0; i < all; i++) {
		child[i] = fork();
		if (child[i] < 0)
			peer_fail("fork: %s", strerror(errno));
		if (child[i] == 0) {
			sigprocmask(SIG_UNBLOCK, &wanted, NULL);
			be(job, i);
		}
	}
	for (int64_t until = now() + PATIENCE_S * INT64_C(1000000000); left > 0;) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0) {
			left--;
			for (int i = 0; i < all; i++)
				child[i] = child[i] == pid ? 0 : child[i];
			if (WIFSIGNALED(status) && r == 0)
				fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
			if (status != 0)
				r = 1;
		}
		if (now() > until && r == 0) {
			fprintf(stderr, "not over after %d s\n", PATIENCE_S);
			r = 1;
		}
		if (r != 0)
			for (int i = 0; i < all; i++)
				if (child[i] > 0)
					kill(child[i], SIGKILL);
		if (pid == 0)
			sigtimedwait(&wanted, NULL, &(struct timespec){.tv_nsec = 10000000});
	}
	return r;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_result(const struct job *job)
{
	struct board *board = job->board;

	if (!job->echo) {
		printf("%.0f\n", (double)board->messages * 1e9 /
					 (double)(atomic_load(&board->end) - board->start));
		return;
	}
	qsort(board->sample, board->messages, sizeof(*board->sample), by_value);
	printf("%u %u\n", board->sample[board->messages / 2],
		board->sample[board->messages * 99 / 100]);
}

/* Take the first two CPUs that this process may use. */
static void choose_cpus(int cpu[2])
{
	cpu_set_t may;
	int n = 0;

	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		peer_fail("sched_getaffinity: %s", strerror(errno));
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &may))
			cpu[n++] = i;
	if (n < 2)
		peer_fail("two CPUs are needed");
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
	char *rest;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &rest, 10);
	if (errno || rest == text || *rest || n < least || n > most)
		peer_fail("%s: not a number from %lu to %lu", text, least, most);
	return n;
}

int main(int argc, char **argv)
{
	struct job job = {0};
	unsigned long ms;
	size_t bytes;
	int r;

	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (const struct peer *p = peers; p->name; p++)
			printf("%s\t%s\t%s\t%s\n", p->name,
				p->publishes  ? "publishes"
				: p->in_place ? "in place"
					      : "copies",
				p->waits, p->uses);
		return 0;
	}
	if (argc != 5 && argc != 7) {
		fprintf(stderr,
			"usage: %s list | %s WAY stream|echo|publish-N SIZE MILLISECONDS [CPU "
			"CPU]\n",
			argv[0], argv[0]);
		return 2;
	}
	for (const struct peer *p = peers; p->name && !job.peer; p++)
		if (strcmp(p->name, argv[1]) == 0)
			job.peer = p;
	if (!job.peer)
		peer_fail("%s: no such way", argv[1]);
	job.echo = strcmp(argv[2], "echo") == 0;
	job.receivers = 1;
	if (strncmp(argv[2], "publish-", 8) == 0)
		job.receivers = (unsigned)number(argv[2] + 8, 1, SUBSCRIBERS_MAX);
	else if (!job.echo && strcmp(argv[2], "stream") != 0)
		peer_fail("%s: none of stream, echo and publish-N", argv[2]);
	if (job.peer->publishes != (strncmp(argv[2], "publish-", 8) == 0))
		peer_fail("%s: not a job for %s", argv[2], job.peer->name);
	peer_subscribers = job.receivers;
	job.size = number(argv[3], PEER_LEAST, PEER_ROOM / 4);
	ms = number(argv[4], 1, 5000);
	job.duration = (int64_t)ms * 1000000;
	job.samples = ms * SAMPLES_A_MS;
	job.warm_up = WARM_UP_BYTES / job.size / job.receivers;
	if (job.warm_up < WARM_UP_LEAST)
		job.warm_up = WARM_UP_LEAST;
	if (job.warm_up > WARM_UP)
		job.warm_up = WARM_UP;
	if (argc == 7)
		for (int i = 0; i < 2; i++)
			job.cpu[i] = (int)number(argv[5 + i], 0, CPU_SETSIZE - 1);
	else
		choose_cpus(job.cpu);
	for (int i = 0; i < 2; i++)
		snprintf(job.channel[i], sizeof(job.channel[i]), "peers.%d.%d", (int)getpid(), i);
	bytes = sizeof(*job.board) + job.samples * sizeof(job.board->sample[0]);
	job.board = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.board == MAP_FAILED)
		peer_fail("mmap: %s", strerror(errno));
	r = run(&job);
	if (r == 0)
		print_result(&job);
	return r;
}
