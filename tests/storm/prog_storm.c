/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_storm [-k KILLS] [-s SEED] [-r KILLS-A-ROUND] [SCENARIO...]
 *
 * Senders and receivers, each a process, and a parent that kills one after the
 * other at random moments (or stops it for a while), and starts another in its
 * place.  In rounds: each has a channel of its own, and when it is over, all that
 * is left is drained and the books are balanced.
 *
 * The books lie in memory that parent and workers share, apart from the channel.
 * A sender writes what it is about to send and what was confirmed; a receiver
 * gets into a buffer that lies there, so that it survives, and notes what it has.
 * Then, for each message of each sender:
 *
 *   confirmed    it was consumed exactly once, or was in the hands of a receiver
 *                that died between the commit and its note (it says which)
 *   in flight    the one (or batch) at the sender's death: as confirmed, or never
 *   not sent     never seen
 *
 * and each that arrives is whole, later than the one before of the same sender,
 * and not one that was consumed already; one that is seen a second time was
 * leased before, and says so.
 *
 * Where the channel is removed in between, the workers make it again, and the books are
 * those of all the channels of that name: each message arrives in the one in which it was
 * sent, and the parent, the last one to leave a removed channel, drains it.
 */
#include "channel/channel.h"
#include "storm.h"
#include "support/clock.h"
#include "support/collect.h"
#include "support/process.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LANES = 16384, /* a lane: up to SEQS messages of one sender in its life */
	SEQS = 512,
	WORKERS = 8,
	BATCH = 8,
	PATIENCE = 60,		/* seconds in which something has to happen */
	BLOWS_BEFORE_CLOSE = 3, /* or, on average, a removal */
};

/* ---- scenarios ---- */

enum {
	TAKES = 1 << 0,	   /* receivers take and acknowledge */
	PLAIN = 1 << 1,	   /* receivers receive; with TAKES: each does both */
	ATTACHES = 1 << 2, /* workers detach and attach in between */
	TIMEOUTS = 1 << 3, /* each call has a short one */
	SIGNALS = 1 << 4,  /* a signal every 300 us */
	ONE_CPU = 1 << 5,
	EXCLUSIVE = 1 << 6,
	NO_STOPS = 1 << 7,
	REPAIRS = 1 << 8,  /* a bystander calls chan_recover() */
	CLOSES = 1 << 9,   /* short rounds, that end with a close while all are at work */
	REMOVES = 1 << 10, /* the channel is removed while all are at work; workers make it again */
	BREATHES = 1 << 11, /* it grows, receivers rest in between, and memory is given back */
};

static const struct scenario {
	const char *name;
	unsigned what;
	int senders, receivers;
	uint32_t flags, overflow;
	uint64_t capacity;
} scenarios[] = {
	{"plain", PLAIN, 3, 3, 0, CHAN_BLOCK, 65536},
	{"lease", TAKES, 3, 3, 0, CHAN_BLOCK, 65536},
	{"mixed", PLAIN | TAKES | ATTACHES | REPAIRS, 3, 3, 0, CHAN_BLOCK, 65536},
	{"full", PLAIN | TAKES | ATTACHES, 5, 1, 0, CHAN_BLOCK, 4096},
	{"empty", PLAIN | TAKES | ATTACHES, 1, 5, 0, CHAN_BLOCK, 4096},
	{"rendezvous", PLAIN | ATTACHES, 3, 3, CHAN_RENDEZVOUS, CHAN_BLOCK, 0},
	{"rendezvous-lease", PLAIN | TAKES | TIMEOUTS, 3, 3, CHAN_RENDEZVOUS, CHAN_BLOCK, 0},
	{"drop-newest", PLAIN | TAKES, 4, 2, 0, CHAN_DROP_NEWEST, 4096},
	{"drop-oldest", PLAIN | TAKES, 4, 2, 0, CHAN_DROP_OLDEST, 4096},
	{"fail", PLAIN | TAKES, 3, 2, 0, CHAN_FAIL, 4096},
	{"exclusive", PLAIN | TAKES | ATTACHES | EXCLUSIVE, 1, 1, 0, CHAN_BLOCK, 4096},
	{"ends", PLAIN | TAKES | ATTACHES, 2, 2, CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS,
		CHAN_BLOCK, 8192},
	{"close", PLAIN | TAKES | CLOSES, 3, 2, 0, CHAN_BLOCK, 8192},
	{"close, plain", PLAIN | CLOSES, 3, 2, 0, CHAN_BLOCK, 8192},
	{"remove", PLAIN | TAKES | ATTACHES | REMOVES, 3, 3, 0, CHAN_BLOCK, 8192},
	{"remove, rendezvous", PLAIN | TAKES | TIMEOUTS | REMOVES, 3, 3, CHAN_RENDEZVOUS,
		CHAN_BLOCK, 0},
	{"breathe", PLAIN | TAKES | ATTACHES | BREATHES, 3, 3, 0, CHAN_BLOCK, 4096},
	{"breathe, plain", PLAIN | BREATHES, 2, 2, 0, CHAN_BLOCK, 4096},
	{"breathe, drop-oldest", PLAIN | TAKES | BREATHES, 4, 2, 0, CHAN_DROP_OLDEST, 4096},
	{"one-cpu", PLAIN | TAKES | ATTACHES | ONE_CPU | REPAIRS, 3, 3, 0, CHAN_BLOCK, 8192},
	{"timeouts", PLAIN | TAKES | ATTACHES | TIMEOUTS | NO_STOPS, 3, 3, 0, CHAN_BLOCK, 8192},
	{"signals", PLAIN | TAKES | ATTACHES | SIGNALS, 3, 3, 0, CHAN_BLOCK, 8192},
	{"all", PLAIN | TAKES | ATTACHES | SIGNALS | ONE_CPU | TIMEOUTS | REPAIRS, 4, 4, 0,
		CHAN_BLOCK, 4096},
};
enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

/* ---- the books ---- */

struct entry {
	_Atomic uint8_t taken;	  /* seen under a lease */
	_Atomic uint8_t consumed; /* received, or acknowledged */
	uint8_t perhaps;	  /* in the hands of one that was killed */
	uint8_t dropped;	  /* chan_send() said so */
	uint8_t refused;	  /* chan_send() said that the channel was closed */
};

struct lane {
	int64_t made; /* when its channel was, which tells it from others of that name */
	_Atomic uint32_t begun, confirmed; /* numbers of messages, from 1 */
	struct entry entry[SEQS + 1];
};

/* What a receiver has in its hands. */
struct hands {
	_Atomic uint32_t ticks; /* calls that returned: it lives */
	unsigned char buf[BATCH][MESSAGE_MAX] __attribute__((aligned(16)));
	struct {
		uint32_t lane, seq;
	} acking[BATCH];
	_Atomic uint32_t acks;
};

static struct books {
	_Atomic uint32_t lanes, seen, failures;
	_Atomic uint32_t rest;	 /* receivers do */
	_Atomic int64_t overrun; /* the worst */
	char failure[256];
	struct hands hands[WORKERS];
	struct lane lane[LANES];
} * books;

/* The largest of those that breathe, long form and short. */
#define BREATH (UINT64_C(512) << 20)
#define SHORT_BREATH (UINT64_C(2) << 20)
#define MANY_KILLS 10000

static const struct scenario *scene;
static uint64_t breath = SHORT_BREATH;
static char channel[64];
static uint64_t rng;
static int me;	     /* a worker's number */
static int64_t made; /* when the channel was made that this process has open */

_Noreturn static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn static void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (atomic_fetch_add(&books->failures, 1) == 0)
		vsnprintf(books->failure, sizeof(books->failure), fmt, ap);
	va_end(ap);
	_exit(1);
}

/* ---- workers ---- */

static struct chan_options options(void)
{
	return (struct chan_options){.size = sizeof(struct chan_options),
		.flags = scene->flags,
		.overflow = scene->overflow,
		.capacity = scene->capacity,
		.max_capacity = scene->what & BREATHES ? breath : 0,
		.max_message = MESSAGE_MAX,
		.endpoints = 32};
}

/* Open the channel, and make it if it is one that is removed in between. */
static int open_channel(chan_t **ret, unsigned flags)
{
	struct chan_options opt = options();
	struct chan_stat st = {.size = sizeof(st)};
	int err = -EBUSY;

	flags |= scene->what & REMOVES ? CHAN_CREATE : 0;
	/* An exclusive side is free when its owner is gone; a stopped one may be
	 * inside the receivers' lock. */
	for (int64_t end = now() + PATIENCE * INT64_C(1000000000); err == -EBUSY && now() < end;)
		err = chan_open(ret, channel, flags, &opt);
	if (err == 0)
		err = chan_stat(*ret, &st);
	made = st.created;
	return err;
}

static chan_t *attach(unsigned role)
{
	chan_t *ch;
	int err = open_channel(&ch, role | (scene->what & EXCLUSIVE ? CHAN_EXCLUSIVE : 0));

	if (err < 0)
		fail("open: %s", chan_strerror(err));
	return ch;
}

static int64_t some_timeout(void)
{
	if (!(scene->what & TIMEOUTS))
		return CHAN_WAIT;
	return random_below(&rng, 4) ? random_below(&rng, 5000000) : 0;
}

static void note_overrun(int64_t begin, int64_t timeout)
{
	int64_t over = now() - begin - timeout, worst = atomic_load(&books->overrun);

	if (timeout != CHAN_WAIT)
		while (over > worst && !atomic_compare_exchange_weak(&books->overrun, &worst, over))
			;
}

/* Errors that a call may return in this scenario. */
static bool expected(int err)
{
	switch (err) {
	case -EAGAIN:
		return scene->what & TIMEOUTS || scene->overflow != CHAN_BLOCK;
	case -ETIMEDOUT:
		return scene->what & TIMEOUTS;
	case -EPIPE:
		return scene->flags & (CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS) ||
		       scene->what & CLOSES;
	case -EIDRM:
		return scene->what & REMOVES;
	case -EBUSY:
		/* One is stopped inside the lock. */
		return scene->overflow == CHAN_DROP_OLDEST || scene->what & TIMEOUTS;
	default:
		return false;
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void start_signals(void)
{
	struct sigaction sa = {.sa_handler = on_alarm}; /* no SA_RESTART */
	struct itimerval every = {.it_interval.tv_usec = 300, .it_value.tv_usec = 300};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static uint32_t new_lane(void)
{
	uint32_t lane = atomic_fetch_add(&books->lanes, 1);

	while (lane >= LANES) /* the parent sees it and ends the round */
		pause();
	books->lane[lane].made = made;
	return lane;
}

/* Send 1 to n of a lane from `seq` on, in one of the ways; as chan_send_batch(). */
static int send_some(chan_t *ch, uint32_t lane, uint32_t seq, uint32_t n)
{
	unsigned char buf[BATCH][MESSAGE_MAX];
	struct iovec iov[BATCH];
	int64_t timeout = some_timeout(), begin = now();
	void *place;
	int err;

	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){buf[i], message_make(buf[i], lane, seq + i)};
	if (n > 1) {
		err = chan_send_batch(ch, iov, n, timeout);
	} else if (scene->overflow <= CHAN_FAIL && random_below(&rng, 3) == 0) {
		err = chan_reserve(ch, &place, MESSAGE_MAX, timeout);
		if (err == 0 && random_below(&rng, 8) == 0) {
			memset(place, 0xee, MESSAGE_MAX);
			chan_abort(ch);
			return 0;
		}
		if (err == 0) {
			memcpy(place, buf[0], iov[0].iov_len);
			begin = now();
			err = chan_commit(ch, iov[0].iov_len);
		}
		err = err < 0 ? err : 1;
	} else {
		err = chan_send(ch, buf[0], iov[0].iov_len, timeout);
		if (err == CHAN_DROPPED)
			books->lane[lane].entry[seq].dropped = 1;
		err = err < 0 ? err : 1;
	}
	note_overrun(begin, timeout);
	return err;
}

static void sender(void)
{
	chan_t *ch = attach(CHAN_SEND);
	uint32_t lane = new_lane(), seq = 1, n;
	int got;

	for (;;) {
		n = scene->overflow <= CHAN_FAIL && random_below(&rng, 4) == 0 ? BATCH : 1;
		if (seq + n > SEQS) {
			lane = new_lane();
			seq = 1;
		}
		atomic_store(&books->lane[lane].begun, seq + n - 1);
		got = send_some(ch, lane, seq, n);
		if (got < 0 && !expected(got))
			fail("send: %s", chan_strerror(got));
		if ((got == -EPIPE && scene->what & CLOSES) || got == -EIDRM)
			for (uint32_t i = 0; i < n; i++)
				books->lane[lane].entry[seq + i].refused = 1;
		if (got == -EPIPE && scene->what & CLOSES)
			_exit(0);
		if (got > 0)
			seq += (uint32_t)got;
		atomic_store(&books->lane[lane].confirmed, seq - 1);
		atomic_fetch_add(&books->hands[me].ticks, 1);
		if (got < 0)
			sched_yield();
		if (got == -EIDRM || (scene->what & ATTACHES && random_below(&rng, 300) == 0)) {
			int64_t before = made;

			chan_detach(ch);
			ch = attach(CHAN_SEND);
			if (made != before) {
				lane = new_lane();
				seq = 1;
			}
		}
	}
}

/* The last of each lane that this receiver saw at first delivery. */
static uint32_t last[LANES];

static struct entry *entry_of(const void *data, size_t len, bool in_order)
{
	const struct message *m = data;

	if (!message_whole(data, len))
		fail("a torn message of %zu bytes", len);
	if (m->lane >= LANES || m->seq == 0 || m->seq > SEQS ||
		m->seq > atomic_load(&books->lane[m->lane].begun))
		fail("message %u of lane %u was never sent", m->seq, m->lane);
	if (books->lane[m->lane].made != made)
		fail("message %u of lane %u was sent to another channel", m->seq, m->lane);
	if (in_order && m->seq <= last[m->lane])
		fail("message %u of lane %u after %u", m->seq, m->lane, last[m->lane]);
	if (in_order)
		last[m->lane] = m->seq;
	atomic_fetch_add(&books->seen, 1);
	return &books->lane[m->lane].entry[m->seq];
}

static void consumed(struct entry *e, const char *how)
{
	if (atomic_fetch_add(&e->consumed, 1))
		fail("a message was consumed twice (%s)", how);
}

static int receive_some(chan_t *ch, int64_t timeout)
{
	struct hands *h = &books->hands[me];
	struct iovec iov[BATCH];
	bool in_order = !(scene->what & TAKES); /* one that was leased may come late */
	int got = 1;

	for (int i = 0; i < BATCH; i++) {
		memset(h->buf[i], 0, sizeof(struct message));
		iov[i] = (struct iovec){h->buf[i], MESSAGE_MAX};
	}
	if (random_below(&rng, 2)) {
		got = chan_recv_batch(ch, iov, BATCH, timeout);
	} else {
		ssize_t len = chan_recv(ch, h->buf[0], MESSAGE_MAX, timeout);

		got = len < 0 ? (int)len : 1;
		iov[0].iov_len = len < 0 ? 0 : (size_t)len;
	}
	for (int i = 0; i < got; i++)
		consumed(entry_of(h->buf[i], iov[i].iov_len, in_order), "received");
	return got;
}

static int take_some(chan_t *ch, int64_t timeout, bool *leave)
{
	struct hands *h = &books->hands[me];
	struct chan_lease lease[BATCH];
	struct entry *e[BATCH];
	int got = chan_take(ch, lease, 1 + random_below(&rng, BATCH), timeout), n;

	for (int i = 0; i < got; i++) {
		const struct message *m = lease[i].data;

		e[i] = entry_of(lease[i].data, lease[i].len, lease[i].attempt == 1);
		h->acking[i].lane = m->lane;
		h->acking[i].seq = m->seq;
		if (atomic_load(&e[i]->consumed))
			fail("a message came again after it was acknowledged");
		if (atomic_fetch_add(&e[i]->taken, 1) >= lease[i].attempt)
			fail("attempt %u has been made before", lease[i].attempt);
	}
	if (got <= 0)
		return got;
	if (random_below(&rng, 16) == 0) {
		n = chan_release(ch, lease, (unsigned)got);
		if (n != got)
			fail("released %d of %d: %s", n, got, chan_strerror(n));
		return got;
	}
	if (scene->what & ATTACHES && random_below(&rng, 64) == 0) {
		*leave = true; /* with them */
		return got;
	}
	atomic_store(&h->acks, (uint32_t)got);
	n = chan_ack(ch, lease, (unsigned)got);
	if (n != got)
		fail("acknowledged %d of %d: %s", n, got, chan_strerror(n));
	for (int i = 0; i < got; i++)
		consumed(e[i], "acknowledged");
	atomic_store(&h->acks, 0);
	return got;
}

static void receiver(void)
{
	chan_t *ch = attach(CHAN_RECV);

	for (;;) {
		bool take =
			scene->what & TAKES && (!(scene->what & PLAIN) || random_below(&rng, 2));
		bool leave = scene->what & ATTACHES && random_below(&rng, 300) == 0;
		int64_t timeout = some_timeout(), begin;
		int got;

		while (atomic_load(&books->rest))
			nap(50000);
		begin = now();
		got = take ? take_some(ch, timeout, &leave) : receive_some(ch, timeout);

		note_overrun(begin, timeout);
		if (got < 0 && !expected(got))
			fail("%s: %s", take ? "take" : "receive", chan_strerror(got));
		if (got == -EPIPE && scene->what & CLOSES)
			_exit(0);
		atomic_fetch_add(&books->hands[me].ticks, 1);
		if (leave || got == -EIDRM) {
			chan_detach(ch);
			ch = attach(CHAN_RECV);
		}
	}
}

/* ---- the parent ---- */

struct tally {
	uint64_t kills, stops, messages, perhaps, recoveries, redelivered, dropped;
	int64_t worst, overrun;
};

static pid_t worker[WORKERS];

static pid_t start(int i)
{
	uint64_t seed = random_next(&rng);
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	me = i;
	rng = seed;
	if (scene->what & SIGNALS)
		start_signals();
	if (i < scene->senders)
		sender();
	receiver();
	return 0;
}

/* A receiver was killed: what may it have consumed without a note? */
static void look_into_hands(struct hands *h)
{
	for (int i = 0; i < BATCH; i++) {
		const struct message *m = message_in(h->buf[i]);

		if (m && m->lane < LANES && m->seq <= SEQS)
			books->lane[m->lane].entry[m->seq].perhaps = 1;
		memset(h->buf[i], 0, sizeof(struct message));
	}
	for (uint32_t i = 0; i < atomic_load(&h->acks); i++)
		books->lane[h->acking[i].lane].entry[h->acking[i].seq].perhaps = 1;
	atomic_store(&h->acks, 0);
}

static void kill_worker(int i)
{
	kill(worker[i], SIGKILL);
	waitpid(worker[i], NULL, 0);
	look_into_hands(&books->hands[i]);
}

static void kill_all(void)
{
	for (int i = 0; i < scene->senders + scene->receivers; i++)
		kill_worker(i);
}

_Noreturn static void give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", scene->name, what);
	kill_all();
	chan_remove(channel);
	exit(1);
}

/* Wait until `count` moves on from `from`; returns how long that took. */
static int64_t await(_Atomic uint32_t *count, uint32_t from, const char *what)
{
	int64_t begin = now();

	while (atomic_load(count) == from) {
		if (atomic_load(&books->failures))
			give_up(books->failure);
		if (now() - begin > PATIENCE * INT64_C(1000000000))
			give_up(what);
		nap(20000);
	}
	return now() - begin;
}

static void one_blow(struct tally *t)
{
	int i = (int)random_below(&rng, (uint32_t)(scene->senders + scene->receivers));
	uint32_t seen = atomic_load(&books->seen);
	int64_t took;

	nap(random_below(&rng, 700000));
	if (!(scene->what & NO_STOPS) && random_below(&rng, 6) == 0) {
		t->stops++;
		kill(worker[i], SIGSTOP);
		nap(random_below(&rng, 3000000));
		if (random_below(&rng, 2)) {
			kill(worker[i], SIGCONT);
			return;
		}
	}
	kill_worker(i);
	t->kills++;
	worker[i] = start(i);
	took = await(&books->seen, seen, "nothing moves after a kill");
	if (took > t->worst)
		t->worst = took;
}

/* Nobody hangs: each worker's call returns. */
static void await_everybody(void)
{
	uint32_t ticks[WORKERS];
	int n = scene->senders + scene->receivers;

	for (int i = 0; i < n; i++)
		ticks[i] = atomic_load(&books->hands[i].ticks);
	for (int i = 0; i < n; i++)
		await(&books->hands[i].ticks, ticks[i],
			i < scene->senders ? "a sender hangs" : "a receiver hangs");
}

/* Close the channel, and see each worker come to the end by itself. */
static void close_and_wait(void)
{
	int64_t begin = now();
	chan_t *ch;

	if (chan_open(&ch, channel, 0, NULL) < 0 || chan_close(ch, CHAN_DRAIN) < 0)
		give_up("the channel can't be closed");
	chan_detach(ch);
	for (int i = 0; i < scene->senders + scene->receivers; i++) {
		int status;

		while (waitpid(worker[i], &status, WNOHANG) == 0) {
			if (atomic_load(&books->failures))
				give_up(books->failure);
			if (now() - begin > PATIENCE * INT64_C(1000000000))
				give_up("somebody hangs on a closed channel");
			nap(20000);
		}
		if (status)
			give_up(books->failure);
	}
}

static void repair_aside(void)
{
	chan_t *ch;
	int err = chan_open(&ch, channel, 0, NULL);

	if (err == 0) {
		err = chan_recover(ch);
		chan_detach(ch);
	}
	if (err < 0 && err != -EBUSY)
		give_up(chan_strerror(err));
}

/* Remove the channel to which `ch` belongs.  The one that does so may be killed, too. */
static void remove_channel(const chan_t *ch)
{
	uint64_t patience = random_below(&rng, 2) ? random_below(&rng, 200000) : 0;
	pid_t parent = getpid(), remover;

	while (segment_named(&ch->segment)) {
		remover = fork();
		if (remover == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(getppid() != parent || chan_remove(channel) < 0);
		}
		if (patience) {
			nap(patience);
			kill(remover, SIGKILL);
		}
		waitpid(remover, NULL, 0);
		patience = 0;
	}
}

/* ---- breathing ---- */

static struct chan_stat look_at(const chan_t *ch)
{
	struct chan_stat st = {.size = sizeof(st)};

	if (chan_stat(ch, &st) < 0)
		give_up("the channel can't be looked at");
	return st;
}

/* As if the channel had been quiet for long enough. */
static void be_quiet(chan_t *ch)
{
	int err;

	atomic_store(&ch->control->ladder.needed, 0);
	err = chan_recover(ch);
	if (err < 0 && err != -EBUSY)
		give_up(chan_strerror(err));
}

/* Let receivers rest until so much lies in the channel, or it is full, and senders die meanwhile;
 * then let them catch up, while memory is given back. */
static void breathe(struct tally *t)
{
	uint64_t deep = (breath - breath / 8) >> random_below(&rng, 12);
	int64_t end = now() + PATIENCE * INT64_C(1000000000);
	struct chan_stat st;
	chan_t *ch;

	if (chan_open(&ch, channel, 0, NULL) < 0)
		give_up("the channel can't be opened");
	atomic_store(&books->rest, 1);
	for (st = look_at(ch); st.used < deep && !st.full; st = look_at(ch)) {
		int i = (int)random_below(&rng, (uint32_t)scene->senders);

		if (atomic_load(&books->lanes) >= LANES - 64 || now() > end)
			break;

		if (atomic_load(&books->failures))
			give_up(books->failure);
		nap(random_below(&rng, 3000000));
		if (random_below(&rng, 4))
			continue;
		kill_worker(i);
		t->kills++;
		worker[i] = start(i);
	}
	atomic_store(&books->rest, 0);
	for (int i = 0; i < 8; i++) {
		nap(random_below(&rng, 2000000));
		be_quiet(ch);
	}
	chan_detach(ch);
}

/* All of it was received: the channel is as small as one that was just made. */
static void memory_is_back(chan_t *ch)
{
	struct chan_options opt = options();
	uint64_t size;

	opt.max_capacity = 0;
	size = (uint64_t)chan_footprint(&opt);
	be_quiet(ch);
	if (look_at(ch).segment > size)
		give_up("the memory is not given back");
	if (look_at(ch).grown == 0)
		give_up("it never grew");
}

struct balance {
	uint64_t consumed, dropped; /* noted */
	uint64_t perhaps;	    /* not noted, but in the hands of one that was killed */
	uint64_t missing;	    /* confirmed, and none of those */
};

static struct balance balance(void)
{
	uint32_t lanes = atomic_load(&books->lanes);
	struct balance b = {0};

	for (uint32_t l = 0; l < lanes && l < LANES; l++) {
		struct lane *lane = &books->lane[l];

		for (uint32_t s = 1; s <= SEQS; s++) {
			struct entry *e = &lane->entry[s];
			bool once = atomic_load(&e->consumed);

			if (s > atomic_load(&lane->begun) && (once || atomic_load(&e->taken)))
				give_up("a message came that was never sent");
			if (e->dropped && once)
				give_up("a message came that was dropped");
			if (e->refused && once)
				give_up("a message came that was refused");
			b.consumed += once;
			b.dropped += e->dropped;
			b.perhaps += !once && e->perhaps;
			b.missing += s <= atomic_load(&lane->confirmed) && !once && !e->perhaps &&
				     !e->dropped;
		}
	}
	return b;
}

/* The books and the channel's own count must agree. */
static void audit(const struct chan_stat *st, struct tally *t)
{
	struct balance b = balance();
	uint64_t dropped;

	t->perhaps += b.perhaps;
	if (b.missing > st->dropped_oldest) {
		fprintf(stderr, "%llu confirmed messages are missing, %llu were dropped\n",
			(unsigned long long)b.missing, (unsigned long long)st->dropped_oldest);
		give_up("messages are lost");
	}
	/* A rendezvous counts what was withdrawn. */
	if (!(scene->flags & CHAN_RENDEZVOUS) &&
		(st->received < b.consumed || st->received > b.consumed + b.perhaps)) {
		fprintf(stderr, "%llu consumed, %llu perhaps, and the channel says %llu\n",
			(unsigned long long)b.consumed, (unsigned long long)b.perhaps,
			(unsigned long long)st->received);
		give_up("the counts do not agree");
	}
	/* The message at hand is dropped by drop-newest, and by drop-oldest behind a lease. */
	dropped = st->dropped_newest + st->dropped_leased;
	if (dropped < b.dropped || dropped > b.dropped + t->kills)
		give_up("the count of dropped messages is wrong");
}

/* Open the channel as the one that receives what the workers leave. */
static chan_t *attach_parent(void)
{
	chan_t *ch;
	int err = open_channel(&ch, CHAN_RECV);

	if (err < 0)
		give_up(chan_strerror(err));
	return ch;
}

/* Wait until all others have left the channel; `what` says what is wrong if they stay.  A
 * program that reads /proc/PID/cmdline or the like (ps) keeps the memory of a dead process,
 * and so its endpoint, a moment longer. */
static void await_alone(const chan_t *ch, const char *what)
{
	struct chan_endpoint alone[2];

	for (int64_t begin = now(); chan_endpoints(ch, alone, 2) != 1; nap(20000)) {
		if (atomic_load(&books->failures))
			give_up(books->failure);
		if (now() - begin > PATIENCE * INT64_C(1000000000))
			give_up(what);
	}
}

/* Receive what is left, up to the error `end`, or as the scene has it. */
static void receive_rest(chan_t *ch, int end)
{
	unsigned char buf[MESSAGE_MAX] __attribute__((aligned(16)));
	ssize_t len;

	while ((len = chan_recv(ch, buf, sizeof(buf), 0)) >= 0) {
		if (scene->what & CLOSES)
			give_up("receivers came to the end before it");
		consumed(entry_of(buf, (size_t)len, false), "drained");
	}
	if (end ? len != end : len != -EAGAIN && !(len == -EPIPE && expected(-EPIPE)))
		give_up(chan_strerror((int)len));
}

/* Drain the channel once all others have left it, and add its counts to *sum. */
static void drain(chan_t *ch, bool removed, struct chan_stat *sum)
{
	struct chan_stat st = {.size = sizeof(st)};
	bool alone;

	do {
		await_alone(ch, removed ? "somebody hangs on a removed channel"
					: "a dead one is still there");
		receive_rest(ch, removed ? -EIDRM : 0);
		alone = chan_stat(ch, &st) == 0 && st.receivers == 1 && st.senders == 0;
		/* A worker may have been about to open it when it was removed. */
	} while (!alone && removed);
	if (!alone || st.depth || st.used || st.damaged)
		give_up("the drained channel is not empty, or not deserted");
	if (ch->kind->valid(&ch->ring) < 0)
		give_up("the ring is not sound");
	if (scene->what & BREATHES)
		memory_is_back(ch);
	sum->sent += st.sent;
	sum->received += st.received;
	sum->recoveries += st.recoveries;
	sum->redelivered += st.redelivered;
	sum->dropped_newest += st.dropped_newest;
	sum->dropped_oldest += st.dropped_oldest;
	sum->dropped_leased += st.dropped_leased;
}

/* Remove the channel while all are at work, and see each worker come to its end; one may be
 * killed on the way. */
static void remove_and_drain(struct tally *t, struct chan_stat *sum)
{
	chan_t *ch = attach_parent();

	remove_channel(ch);
	if (random_below(&rng, 2))
		one_blow(t);
	drain(ch, true, sum);
	chan_detach(ch);
}

/* Drain what is left and close the books, in which those that were removed are in *sum. */
static void close_the_books(struct chan_stat *sum, struct tally *t)
{
	chan_t *ch = attach_parent();

	drain(ch, false, sum);
	chan_detach(ch);
	if (atomic_load(&books->failures))
		give_up(books->failure);
	audit(sum, t);
	t->messages += sum->sent;
	t->recoveries += sum->recoveries;
	t->redelivered += sum->redelivered;
	t->dropped += sum->dropped_oldest + sum->dropped_newest;
	if (scene->what & NO_STOPS && atomic_load(&books->overrun) > t->overrun)
		t->overrun = atomic_load(&books->overrun);
}

static void use_one_cpu(bool one)
{
	static cpu_set_t all;
	cpu_set_t set;

	if (!one) {
		sched_setaffinity(0, sizeof(all), &all);
		return;
	}
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&set); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void run_round(const struct scenario *s, uint64_t blows, struct tally *t)
{
	struct chan_stat sum = {.size = sizeof(sum)};
	struct chan_options opt;
	int err;

	scene = s;
	opt = options();
	/* Zero again, and the memory given back. */
	if (madvise(books, sizeof(*books), MADV_REMOVE) < 0)
		memset(books, 0, sizeof(*books));
	memset(last, 0, sizeof(last));
	err = chan_create(channel, &opt);
	if (err < 0) {
		fprintf(stderr, "%s: %s\n", channel, chan_strerror(err));
		exit(1);
	}
	if (s->what & ONE_CPU)
		use_one_cpu(true);
	for (int i = 0; i < s->senders + s->receivers; i++)
		worker[i] = start(i);
	for (uint64_t i = 0; i < blows && atomic_load(&books->lanes) < LANES - 64; i++) {
		one_blow(t);
		if (s->what & REPAIRS && random_below(&rng, 32) == 0)
			repair_aside();
		if (s->what & BREATHES && i % 8 == 0)
			breathe(t);
		if (s->what & REMOVES && random_below(&rng, BLOWS_BEFORE_CLOSE) == 0)
			remove_and_drain(t, &sum);
	}
	if (s->what & CLOSES) {
		close_and_wait();
	} else {
		if (atomic_load(&books->lanes) < LANES - 64)
			await_everybody();
		kill_all();
		t->kills += (uint64_t)(s->senders + s->receivers);
	}
	if (s->what & ONE_CPU)
		use_one_cpu(false);
	close_the_books(&sum, t);
	chan_remove(channel);
}

/* ---- the program ---- */

static void add(struct tally *to, const struct tally *t)
{
	to->kills += t->kills;
	to->stops += t->stops;
	to->messages += t->messages;
	to->perhaps += t->perhaps;
	to->recoveries += t->recoveries;
	to->redelivered += t->redelivered;
	to->dropped += t->dropped;
	to->worst = t->worst > to->worst ? t->worst : to->worst;
	to->overrun = t->overrun > to->overrun ? t->overrun : to->overrun;
}

static void print(const char *name, const struct tally *t)
{
	printf("%-21s %8llu %7llu %10llu %9llu %11llu %8llu %8llu %9.1f", name,
		(unsigned long long)t->kills, (unsigned long long)t->stops,
		(unsigned long long)t->messages, (unsigned long long)t->recoveries,
		(unsigned long long)t->redelivered, (unsigned long long)t->dropped,
		(unsigned long long)t->perhaps, (double)t->worst / 1e6);
	printf("\n");
}

static bool chosen(const char *name, char **names)
{
	for (char **n = names; *n; n++)
		if (strcmp(*n, name) == 0)
			return true;
	return !*names;
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "prog_storm: not a number: %s\n", text);
		exit(2);
	}
	return n;
}

/* Return how large those may become that breathe: a quarter of /dev/shm, if that is less. */
static uint64_t breath_for_memory(void)
{
	struct statvfs shm;
	uint64_t room = BREATH;

	if (statvfs("/dev/shm", &shm) == 0)
		room = (uint64_t)shm.f_bavail * shm.f_frsize / 4;
	return room < SHORT_BREATH ? SHORT_BREATH : room < BREATH ? room : BREATH;
}

int main(int argc, char **argv)
{
	static struct tally tally[SCENARIOS], sum;
	uint64_t kills = 2000, seed = (uint64_t)now(), a_round = 500;
	int c, some = 0;

	while ((c = getopt(argc, argv, "k:s:r:")) != -1) {
		if (c == 'k')
			kills = number(optarg);
		else if (c == 's')
			seed = number(optarg);
		else if (c == 'r')
			a_round = number(optarg);
		else
			return 2;
	}
	for (int i = 0; i < SCENARIOS; i++)
		some += chosen(scenarios[i].name, argv + optind);
	if (!some || !a_round) {
		fprintf(stderr, "prog_storm: nothing to do\n");
		return 2;
	}
	if (kills >= MANY_KILLS)
		breath = breath_for_memory();
	rng = seed;
	setvbuf(stdout, NULL, _IOLBF, 0); /* a child must not print it again */
	printf("seed %llu\n", (unsigned long long)seed);
	collect_channels("storm-");
	snprintf(channel, sizeof(channel), "storm-%d", (int)getpid());
	books = mmap(
		NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (books == MAP_FAILED) {
		perror("prog_storm: mmap");
		return 1;
	}
	if (a_round > kills / (uint64_t)some) /* enough in one pass, though not each blow kills */
		a_round = kills * 11 / 10 / (uint64_t)some + 1;
	while (sum.kills < kills)
		for (int i = 0; i < SCENARIOS; i++) {
			struct tally t = {0};

			if (!chosen(scenarios[i].name, argv + optind))
				continue;
			if (scenarios[i].what & CLOSES)
				for (uint64_t n = 0; n < a_round; n += BLOWS_BEFORE_CLOSE)
					run_round(&scenarios[i], BLOWS_BEFORE_CLOSE, &t);
			else
				run_round(&scenarios[i], a_round, &t);
			add(&tally[i], &t);
			add(&sum, &t);
		}
	printf("%-21s %8s %7s %10s %9s %11s %8s %8s %9s\n", "scenario", "kills", "stops",
		"messages", "recovered", "redelivered", "dropped", "in hands", "worst ms");
	for (int i = 0; i < SCENARIOS; i++)
		if (tally[i].kills)
			print(scenarios[i].name, &tally[i]);
	print("all together", &sum);
	if (sum.overrun)
		printf("where nobody was stopped, no call overran its timeout by more than %.1f "
		       "ms\n",
			(double)sum.overrun / 1e6);
	printf("%llu kills, %llu messages: none lost, torn, doubled or out of order; nobody hung\n",
		(unsigned long long)sum.kills, (unsigned long long)sum.messages);
	return 0;
}
