/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_keys [-t SECONDS] [-s SEED]
 *
 * A storm over lanes by key: senders, each with keys of its own, and workers that take messages
 * under leases, acknowledge some and give others back.  All are processes that are killed at random
 * moments or stopped for a while; others start in their place.  A sender that can't be sure of a
 * message sends it again, with the same id.
 *
 * The messages of a key are done in their order, each once: whoever takes one finds that all before
 * it are done, or are its own.  While a worker that lives has leases in a lane, nobody else has any
 * there.  In the end all that was sent is done.
 */
#include "shmchan.h"
#include "storm.h"
#include "support/clock.h"
#include "support/collect.h"
#include "support/process.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SENDERS = 2,
	WORKERS = 4,
	ALL = SENDERS + WORKERS,
	OF_SENDER = 4,
	KEYS = SENDERS * OF_SENDER,
	LANES = 4,
	BATCH = 6,
	CAPACITY = 1 << 14,
	LIVES = 1 << 20
};
#define PATIENCE (20 * SECOND)

/* What is known of a key. */
struct key {
	_Atomic uint32_t sent;	 /* it is sending the one behind that, or has sent it */
	_Atomic uint32_t done;	 /* acknowledged, and noted */
	_Atomic uint32_t ending; /* it is being acknowledged, or was, by `holder` */
	_Atomic uint32_t holder; /* the life of the worker that has leases of it; 0: none */
};

static struct books {
	struct key key[KEYS];
	_Atomic bool over;
	_Atomic uint64_t done, given_back, again;
	_Atomic bool dead[LIVES]; /* set before the process is killed */
} * books;

static char channel[64];
static chan_t *ours;
static pid_t process[ALL];
static uint32_t life_of[ALL], lives;
static uint64_t rng, kills, stops;

/* Say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static chan_t *open_to(unsigned flags)
{
	int64_t end = now() + PATIENCE;
	chan_t *ch;
	int err;

	do
		err = chan_open(&ch, channel, flags, NULL);
	while (err == -EBUSY && now() < end);
	EXPECT(err == 0);
	return ch;
}

/* ---- senders ---- */

static void send_next(chan_t *ch, unsigned k)
{
	uint32_t seq = atomic_load(&books->key[k].sent) + 1;
	unsigned char buf[MESSAGE_MAX];
	size_t len = message_make(buf, k, seq);
	struct chan_meta meta;
	int err;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_ID | CHAN_META_HAS_KEY;
	memcpy(meta.id, &k, sizeof(k));
	memcpy(meta.id + 8, &seq, sizeof(seq));
	meta.key_length = (uint32_t)snprintf(meta.key, sizeof(meta.key), "key %u", k);
	err = chan_send_meta(ch, buf, len, &meta, PATIENCE);
	if (err < 0)
		fprintf(stderr, "sending: %s: %s\n", chan_strerror(err), chan_error_detail(err));
	EXPECT(err == 0 || err == CHAN_DUPLICATE);
	if (err == CHAN_DUPLICATE)
		atomic_fetch_add(&books->again, 1);
	atomic_store(&books->key[k].sent, seq);
}

static int send_on(unsigned me)
{
	uint64_t rng_here = rng + (uint64_t)getpid();
	chan_t *ch = open_to(CHAN_SEND);

	/* What one before may have sent. */
	for (unsigned i = 0; i < OF_SENDER; i++)
		send_next(ch, me * OF_SENDER + i);
	while (!atomic_load(&books->over))
		send_next(ch, me * OF_SENDER + random_below(&rng_here, OF_SENDER));
	chan_detach(ch);
	return 0;
}

/* ---- workers ---- */

/* A message that is taken. */
struct work {
	unsigned key;
	uint32_t seq;
};

/* Check that it is the next one of its key, of which this worker has `mine` before it. */
static void check_order(struct key *k, unsigned number, uint32_t seq, uint32_t mine)
{
	uint32_t done = atomic_load(&k->done), ending = atomic_load(&k->ending);

	/* It was acknowledged by one that died before it noted that. */
	if (!mine && ending == done + 1 && seq == done + 2) {
		atomic_store(&k->done, ending);
		atomic_fetch_add(&books->done, 1);
		done = ending;
	}
	if (seq == done + mine + 1)
		return;
	fprintf(stderr, "of key %u came message %u; %u are done, %u taken\n", number, seq, done,
		mine);
	_exit(1);
}

static struct work take_in(
	const struct chan_lease *lease, const struct work *before, unsigned n, uint32_t life)
{
	const struct message *m;
	uint32_t old, mine = 0;
	struct work t;
	struct key *k;

	EXPECT(message_whole(lease->data, lease->len));
	m = lease->data;
	EXPECT(m->lane < KEYS);
	t = (struct work){m->lane, m->seq};
	k = &books->key[t.key];
	for (unsigned i = 0; i < n; i++)
		mine += before[i].key == t.key;
	old = atomic_exchange(&k->holder, life);
	if (old && old != life && !atomic_load(&books->dead[old])) {
		fprintf(stderr, "key %u is held by another worker, which lives\n", t.key);
		_exit(1);
	}
	check_order(k, t.key, t.seq, mine);
	return t;
}

/* Nobody has the key any more, once what is left of the batch is ended. */
static void let_go(const struct work *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		atomic_store(&books->key[t[i].key].holder, 0);
}

static void work(chan_t *ch, uint32_t life, uint64_t *rng_here)
{
	struct chan_lease lease[BATCH];
	struct work t[BATCH];
	int n = chan_take(ch, lease, 1 + random_below(rng_here, BATCH), PATIENCE);
	unsigned done;

	if (n == -EPIPE)
		_exit(0);
	if (n < 0)
		fprintf(stderr, "taking: %s\n", chan_strerror(n));
	EXPECT(n > 0);
	for (int i = 0; i < n; i++)
		t[i] = take_in(&lease[i], t, (unsigned)i, life);
	done = random_below(rng_here, 8) ? (unsigned)n : random_below(rng_here, (unsigned)n + 1);
	if (random_below(rng_here, 64) == 0)
		nap(random_below(rng_here, 200000));
	for (unsigned i = 0; i < done; i++) {
		struct key *k = &books->key[t[i].key];

		atomic_store(&k->ending, t[i].seq);
		if (i + 1 == (unsigned)n)
			let_go(t, (unsigned)n);
		EXPECT(chan_ack(ch, &lease[i], 1) == 1);
		/* Whoever takes the next one may have noted it. */
		if (atomic_load(&k->done) < t[i].seq) {
			uint32_t was = t[i].seq - 1;

			if (atomic_compare_exchange_strong(&k->done, &was, t[i].seq))
				atomic_fetch_add(&books->done, 1);
		}
	}
	if (done < (unsigned)n) {
		let_go(t, (unsigned)n);
		EXPECT(chan_release(ch, &lease[done], (unsigned)n - done) == n - (int)done);
		atomic_fetch_add(&books->given_back, (uint64_t)n - done);
	}
}

static __attribute__((noreturn)) void work_on(uint32_t life)
{
	uint64_t rng_here = rng + (uint64_t)getpid();
	chan_t *ch = open_to(CHAN_RECV);

	for (;;)
		work(ch, life, &rng_here);
}

/* ---- the parent ---- */

static int run(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;

	if (i < SENDERS)
		return send_on(i);
	work_on(life_of[i]);
}

static void start(unsigned i)
{
	life_of[i] = ++lives;
	EXPECT(lives < LIVES);
	process[i] = in_child(run, (void *)(uintptr_t)i);
}

static void all_live(void)
{
	for (unsigned i = 0; i < ALL; i++)
		if (waitpid(process[i], NULL, WNOHANG) != 0) {
			fprintf(stderr, "process %u ended\n", i);
			exit(1);
		}
}

/* Go on until messages are done. */
static void all_move(void)
{
	uint64_t before = atomic_load(&books->done);
	int64_t end = now() + PATIENCE;

	while (atomic_load(&books->done) < before + 4 * BATCH) {
		nap(MS / 4);
		all_live();
		if (now() > end) {
			fprintf(stderr, "nothing moves\n");
			exit(1);
		}
	}
}

static void blow(void)
{
	unsigned i = random_below(&rng, ALL);

	nap(random_below(&rng, 2000000));
	if (random_below(&rng, 4) == 0) {
		kill(process[i], SIGSTOP);
		stops++;
		nap(random_below(&rng, 10000000));
		if (random_below(&rng, 2)) {
			kill(process[i], SIGCONT);
			return;
		}
	}
	all_live();
	atomic_store(&books->dead[life_of[i]], true);
	kill_child(process[i]);
	kills++;
	start(i);
}

static void end_of(unsigned i)
{
	int64_t end = now() + PATIENCE;
	int status;
	pid_t pid;

	while ((pid = waitpid(process[i], &status, WNOHANG)) == 0) {
		nap(MS);
		if (now() > end) {
			fprintf(stderr, "process %u does not end\n", i);
			exit(1);
		}
	}
	EXPECT(pid == process[i] && status == 0);
}

static void all_end(void)
{
	atomic_store(&books->over, true);
	for (unsigned i = 0; i < SENDERS; i++)
		end_of(i);
	EXPECT(chan_close(ours, CHAN_DRAIN) == 0);
	for (unsigned i = SENDERS; i < ALL; i++)
		end_of(i);
	for (unsigned i = 0; i < KEYS; i++) {
		struct key *k = &books->key[i];
		uint32_t done = atomic_load(&k->done), ending = atomic_load(&k->ending);

		if (ending == done + 1) /* as in check_order() */
			done = ending;
		if (done != atomic_load(&k->sent)) {
			fprintf(stderr, "of key %u %u messages were sent, and %u are done\n", i,
				atomic_load(&k->sent), done);
			exit(1);
		}
	}
}

static void prepare(void)
{
	struct chan_options opt = {.size = sizeof(opt),
		.capacity = CAPACITY,
		.max_message = MESSAGE_MAX,
		.lanes = LANES,
		.lane_by = CHAN_BY_KEY,
		.dedup = 1 << 16};

	collect_channels("storm-");
	snprintf(channel, sizeof(channel), "storm-%d", (int)getpid());
	books = mmap(
		NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(books != MAP_FAILED);
	EXPECT(chan_create(channel, &opt) == 0);
	EXPECT(chan_open(&ours, channel, 0, NULL) == 0);
	for (unsigned i = 0; i < ALL; i++)
		start(i);
}

int main(int argc, char **argv)
{
	struct chan_stat st = {.size = sizeof(st)};
	uint64_t seconds = 5;
	int64_t end;
	int c;

	rng = (uint64_t)now();
	while ((c = getopt(argc, argv, "t:s:")) != -1) {
		if (c == 't')
			seconds = strtoull(optarg, NULL, 10);
		else if (c == 's')
			rng = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	printf("seed %llu\n", (unsigned long long)rng);
	fflush(stdout);
	prepare();
	end = now() + (int64_t)seconds * SECOND;
	for (unsigned n = 0; now() < end; n++) {
		blow();
		if (n % 8 == 0)
			all_move();
	}
	for (unsigned i = 0; i < ALL; i++)
		kill(process[i], SIGCONT);
	all_move();
	all_end();
	EXPECT(chan_stat(ours, &st) == 0 && !st.damaged && st.depth == 0);
	chan_detach(ours);
	EXPECT(chan_remove(channel) == 0);
	printf("keys: %llu kills, %llu stops; %llu messages of %d keys in %d lanes, each once and "
	       "in "
	       "order; %llu given back, %llu redelivered, %llu sent again\n",
		(unsigned long long)kills, (unsigned long long)stops, (unsigned long long)st.sent,
		KEYS, LANES, (unsigned long long)atomic_load(&books->given_back),
		(unsigned long long)st.redelivered, (unsigned long long)atomic_load(&books->again));
	/* What never happened was not shown. */
	return atomic_load(&books->given_back) == 0 || st.redelivered == 0;
}
