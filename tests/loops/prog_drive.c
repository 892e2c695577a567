/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_drive [-k KILLS] [-r ROUNDS] COMMAND [ARG...]
 *
 * Run one loop's relay (relays/relay.h), `COMMAND ARG... IN IN IN OUT`, and see that it
 * keeps what shmchan promises to event loops:
 *
 *   storm   three senders and a consumer of the output work at random paces and are
 *           SIGKILLed and replaced.  Nothing that was committed is lost or doubled, or
 *           comes out of order.
 *   idle    for a second nothing happens: the relay is not woken, and uses no CPU
 *   rounds  a message, or a burst of more than the output holds, and all of it has to
 *           arrive, with pauses of any length up to a sleep: no wake-up is missed
 *   end     the inputs are closed, and the relay ends by itself
 *
 * The last line says what was seen.
 */
#include "shmchan.h"
#include "support/clock.h"
#include "support/process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANES 3
#define OUT LANES
#define CHANNELS (LANES + 1)
#define BOUND (60 * SECOND) /* for what has to happen */
#define CAPACITY 1024	    /* 32 messages */
#define BURST 48	    /* messages: more than the output holds, less than all hold */
#define QUIET (50 * MS)	    /* without a switch: it is at rest */
#define CPU_MAX (10 * MS)
#define KILLS_MAX 100000
#define ARGS_MAX 16

struct message {
	uint32_t lane, number;
	uint64_t check;
};

/* What the processes note.  Each field has one writer at a time. */
struct board {
	atomic_bool stop;
	/* By a sender: the number that it is about to send, and the last that it sent. */
	struct {
		_Atomic uint32_t tried, sent;
	} lane[LANES];
	/* By the consumer: the last number that came, and those that did not. */
	struct {
		_Atomic uint32_t last, gaps;
		uint32_t gap[KILLS_MAX];
	} got[LANES];
	/* By this process: the numbers whose sender was killed in the call. */
	struct {
		uint32_t n, number[KILLS_MAX];
	} maybe[LANES];
	char why[200];
};

static struct board *board;
static char name[CHANNELS][64];
static pid_t relay, peer[CHANNELS]; /* the senders, and the consumer */
static uint64_t seed = 1;

static void clean_up(void)
{
	if (relay > 0)
		kill(relay, SIGKILL);
	for (int i = 0; i < CHANNELS; i++) {
		if (peer[i] > 0)
			kill(peer[i], SIGKILL);
		chan_remove(name[i]);
	}
}

static _Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	clean_up();
	exit(1);
}

static uint32_t below(uint64_t *state, uint32_t n) /* splitmix64 */
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

static struct message message_of(unsigned lane, uint32_t number)
{
	return (struct message){lane, number, ~((uint64_t)lane << 32 | number)};
}

static bool whole(const void *data, size_t len)
{
	struct message m;

	if (len != sizeof(m))
		return false;
	memcpy(&m, data, len);
	return m.lane < LANES && m.check == ~((uint64_t)m.lane << 32 | m.number);
}

/* ---- the peers ---- */

static chan_t *opened(unsigned channel, unsigned role)
{
	chan_t *ch;
	int err = chan_open(&ch, name[channel], role, NULL);

	if (err < 0)
		fail("%s: %s", name[channel], chan_strerror(err));
	return ch;
}

/* A peer's complaint; the other process prints it. */
static int wrong(const char *what, int err)
{
	snprintf(board->why, sizeof(board->why), "%s: %s", what, err < 0 ? chan_strerror(err) : "");
	return 1;
}

/* Pause now and then, so that the others run empty, or full. */
static void work_a_little(uint64_t *state)
{
	if (below(state, 64) == 0)
		nap(below(state, 300) * MS / 1000);
}

static int sender(void *arg)
{
	unsigned lane = *(unsigned *)arg;
	uint32_t number = atomic_load(&board->lane[lane].tried);
	uint64_t state = (uint64_t)getpid();
	chan_t *ch = opened(lane, CHAN_SEND);

	while (!atomic_load(&board->stop)) {
		struct message m = message_of(lane, ++number);
		int err;

		atomic_store(&board->lane[lane].tried, number);
		err = chan_send(ch, &m, sizeof(m), CHAN_WAIT);
		if (err < 0)
			return wrong("a sender", err);
		atomic_store(&board->lane[lane].sent, number);
		work_a_little(&state);
	}
	chan_detach(ch);
	return 0;
}

/* Note a message: false if it came before, or came too late.  One that its consumer noted
 * and could not acknowledge comes again. */
static bool note(const struct message *m, uint32_t attempt)
{
	uint32_t last = atomic_load(&board->got[m->lane].last);
	uint32_t gaps = atomic_load(&board->got[m->lane].gaps);

	if (m->number == last && attempt > 1)
		return true;
	if (m->number <= last)
		return false;
	for (uint32_t missing = last + 1; missing < m->number && gaps < KILLS_MAX; missing++)
		board->got[m->lane].gap[gaps++] = missing;
	atomic_store(&board->got[m->lane].gaps, gaps);
	atomic_store(&board->got[m->lane].last, m->number);
	return true;
}

static int consumer(void *arg)
{
	uint64_t state = (uint64_t)getpid();
	chan_t *ch = opened(OUT, CHAN_RECV);
	struct chan_lease lease;
	struct message m;
	int n;

	(void)arg;
	while ((n = chan_take(ch, &lease, 1, CHAN_WAIT)) > 0) {
		if (!whole(lease.data, lease.len))
			return wrong("a message is torn", 0);
		memcpy(&m, lease.data, sizeof(m));
		if (!note(&m, lease.attempt)) {
			snprintf(board->why, sizeof(board->why),
				"message %u of lane %u came after %u (attempt %u)", m.number,
				m.lane, atomic_load(&board->got[m.lane].last), lease.attempt);
			return 1;
		}
		chan_ack(ch, &lease, 1);
		work_a_little(&state);
	}
	return n == -EPIPE ? 0 : wrong("the consumer", n);
}

static void start(unsigned i)
{
	peer[i] = in_child(i == OUT ? consumer : sender, &i);
}

/* ---- waiting for what has to happen ---- */

/* What is wrong meanwhile: a process that ended. */
static void look_after(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);

	if (pid <= 0)
		return;
	if (pid == relay) {
		relay = 0;
		fail("the relay ended with status %#x", (unsigned)status);
	}
	for (int i = 0; i < CHANNELS; i++)
		if (peer[i] == pid)
			peer[i] = 0;
	if (status)
		fail("a peer ended with status %#x: %s", (unsigned)status, board->why);
}

static void await(bool (*done)(void), const char *what)
{
	int64_t end = now() + BOUND;

	while (!done()) {
		look_after();
		if (now() > end)
			fail("never: %s", what);
		nap(MS / 5);
	}
}

/* ---- storm ---- */

static void kill_one(unsigned i)
{
	uint32_t tried;

	kill(peer[i], SIGKILL);
	if (wait_child(peer[i]) != 128 + SIGKILL)
		fail("a peer ended: %s", board->why);
	if (i != OUT) {
		tried = atomic_load(&board->lane[i].tried);
		if (tried != atomic_load(&board->lane[i].sent))
			board->maybe[i].number[board->maybe[i].n++] = tried;
	}
	start(i);
}

static bool senders_left(void)
{
	return !peer[0] && !peer[1] && !peer[2];
}

/* Returns true if this number's sender was killed in the call. */
static bool may_be_missing(unsigned lane, uint32_t number)
{
	for (uint32_t i = 0; i < board->maybe[lane].n; i++)
		if (board->maybe[lane].number[i] == number)
			return true;
	return false;
}

/* Returns true if the last of each lane came, but for one that may not be there. */
static bool all_arrived(void)
{
	for (unsigned lane = 0; lane < LANES; lane++)
		if (atomic_load(&board->got[lane].last) < atomic_load(&board->lane[lane].sent))
			return false;
	return true;
}

static void check_gaps(void)
{
	for (unsigned lane = 0; lane < LANES; lane++)
		for (uint32_t i = 0; i < atomic_load(&board->got[lane].gaps); i++)
			if (!may_be_missing(lane, board->got[lane].gap[i]))
				fail("message %u of lane %u was lost", board->got[lane].gap[i],
					lane);
}

/* Returns true if the relay has opened its channels. */
static bool relay_there(void)
{
	struct chan_stat stat = {.size = sizeof(stat)};
	chan_t *ch = opened(OUT, 0);

	chan_stat(ch, &stat);
	chan_detach(ch);
	return stat.senders > 0;
}

static uint64_t storm(unsigned kills)
{
	uint64_t messages = 0;

	await(relay_there, "the relay opens its channels");
	for (unsigned i = 0; i < CHANNELS; i++)
		start(i);
	for (unsigned k = 0; k < kills; k++) {
		nap(below(&seed, 3000) * MS / 1000);
		look_after();
		kill_one(below(&seed, CHANNELS));
	}
	atomic_store(&board->stop, true);
	await(senders_left, "a sender ends");
	await(all_arrived, "all that was sent arrives");
	check_gaps();
	for (unsigned lane = 0; lane < LANES; lane++)
		messages += atomic_load(&board->lane[lane].sent);
	return messages;
}

/* ---- idle ---- */

/* How often the relay's main thread went to sleep so far. */
static uint64_t sleeps(void)
{
	static const char field[] = "voluntary_ctxt_switches:";
	char path[64], line[128];
	uint64_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)relay);
	f = fopen(path, "re");
	if (!f)
		fail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, sizeof(field) - 1))
			n = strtoull(line + sizeof(field) - 1, NULL, 10);
	fclose(f);
	return n;
}

static int64_t cpu(void)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(relay, &clock) || clock_gettime(clock, &t) < 0)
		fail("no CPU clock of the relay");
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* Returns true if it slept once, or not at all, since a moment ago. */
static bool at_rest(void)
{
	uint64_t before = sleeps();

	nap(QUIET);
	return sleeps() == before;
}

/* Return the CPU time of a second in which nothing happens. */
static int64_t idle(void)
{
	uint64_t slept;
	int64_t used;

	await(at_rest, "the relay comes to rest");
	slept = sleeps();
	used = cpu();
	nap(SECOND);
	used = cpu() - used;
	slept = sleeps() - slept;
	if (slept != 0)
		fail("the idle relay was woken %" PRIu64 " times in a second", slept);
	if (used >= CPU_MAX)
		fail("the idle relay used %.1f ms of CPU in a second", (double)used / 1e6);
	return used;
}

/* ---- rounds ---- */

static void spin_for(int64_t ns)
{
	for (int64_t end = now() + ns; now() < end;)
		;
}

/* Return a pause before a message: none, one within which the relay arms and goes to sleep,
 * or a longer one. */
static int64_t pause_of(uint32_t round)
{
	static const uint32_t most[] = {1, 5000, 20000, 100000};

	return below(&seed, most[round / 256 % 4]);
}

static void receive_back(chan_t *out, uint32_t *expected, uint32_t round)
{
	struct message m;
	ssize_t len = chan_recv(out, &m, sizeof(m), BOUND);

	if (len == -ETIMEDOUT)
		fail("round %u: a wake-up was missed", round);
	if (len < 0 || !whole(&m, (size_t)len))
		fail("round %u: %s", round, len < 0 ? chan_strerror((int)len) : "torn");
	if (m.number != ++expected[m.lane])
		fail("round %u: message %u of lane %u came in place of %u", round, m.number, m.lane,
			expected[m.lane]);
}

static void rounds(uint32_t n)
{
	uint32_t sent[LANES], expected[LANES];
	chan_t *in[LANES], *out;

	kill_child(peer[OUT]);
	peer[OUT] = 0;
	out = opened(OUT, CHAN_RECV);
	for (unsigned lane = 0; lane < LANES; lane++) {
		in[lane] = opened(lane, CHAN_SEND);
		expected[lane] = sent[lane] = UINT32_MAX / 2; /* above those of the storm */
	}
	for (uint32_t round = 0; round < n; round++) {
		uint32_t burst = below(&seed, 16) ? 1 : 1 + below(&seed, BURST);

		spin_for(pause_of(round));
		for (uint32_t i = 0; i < burst; i++) {
			unsigned lane = below(&seed, LANES);
			struct message m = message_of(lane, ++sent[lane]);
			int err = chan_send(in[lane], &m, sizeof(m), BOUND);

			if (err < 0)
				fail("round %u: sending: %s", round, chan_strerror(err));
		}
		if (burst > 1)
			spin_for(pause_of(round));
		for (uint32_t i = 0; i < burst; i++)
			receive_back(out, expected, round);
	}
	for (unsigned lane = 0; lane < LANES; lane++)
		chan_detach(in[lane]);
	chan_detach(out);
}

/* ---- end ---- */

static bool relay_ended(void)
{
	int status;

	if (waitpid(relay, &status, WNOHANG) != relay)
		return false;
	relay = 0;
	if (status)
		fail("the relay ended with status %#x", (unsigned)status);
	return true;
}

static void end(void)
{
	chan_t *out = opened(OUT, CHAN_RECV);
	char byte;
	int err;

	for (unsigned lane = 0; lane < LANES; lane++) {
		chan_t *in = opened(lane, CHAN_SEND);

		chan_close(in, CHAN_DRAIN);
		chan_detach(in);
	}
	await(relay_ended, "the relay ends");
	err = (int)chan_recv(out, &byte, 1, 0);
	if (err != -EPIPE)
		fail("after the end: %s", chan_strerror(err));
	chan_detach(out);
}

/* ---- all of it ---- */

static int run(void *arg)
{
	char *const *argv = arg;

	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	return 127;
}

static void prepare(char **command, int n)
{
	struct chan_options opt = {
		.size = sizeof(opt), .capacity = CAPACITY, .max_message = sizeof(struct message)};
	char *argv[ARGS_MAX + CHANNELS + 1] = {NULL};

	if (n > ARGS_MAX)
		fail("too many arguments");
	memcpy(argv, command, (size_t)n * sizeof(*argv));
	board = mmap(
		NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (int i = 0; i < CHANNELS; i++) {
		int err;

		snprintf(name[i], sizeof(name[i]), "loops.%d.%d", (int)getpid(), i);
		err = chan_create(name[i], &opt);
		if (err < 0)
			fail("%s: %s", name[i], chan_strerror(err));
		argv[n + i] = name[i];
	}
	relay = in_child(run, argv);
}

static void on_signal(int sig)
{
	(void)sig;
	clean_up();
	_exit(1);
}

int main(int argc, char **argv)
{
	unsigned kills = 100, n = 10000;
	uint64_t messages, slept;
	int64_t used;
	int option;

	while ((option = getopt(argc, argv, "+k:r:")) != -1)
		if (option == 'k')
			kills = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			n = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	if (optind == argc || kills > KILLS_MAX)
		return 2;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	prepare(argv + optind, argc - optind);
	messages = storm(kills);
	used = idle();
	slept = sleeps();
	rounds(n);
	slept = sleeps() - slept;
	end();
	printf("%u kills among %" PRIu64 " messages; idle: %.3f ms of CPU and no wake-up in a "
	       "second; %u rounds, %" PRIu64 " sleeps\n",
		kills, messages, (double)used / 1e6, n, slept);
	clean_up();
	return 0;
}
