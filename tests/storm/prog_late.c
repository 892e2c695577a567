/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_late [-l] [-t SECONDS] [-s SEED]
 *
 * A storm over expired messages and the channel for dead messages.  The parent sends messages, most
 * of which are late at once, and reads the letters; receivers, each a process, are killed at random
 * moments or stopped for a while, and others start in their place.  The channel for letters is
 * small and often full, and then messages are buried, until the parent kicks them.
 *
 * No receiver gets a late message.  In the end each has come as a letter, and a second time at most
 * once for each death; and each was counted exactly once.
 *
 * -l: the channel has lanes, by key.
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

enum { GOOD, LATE, KINDS };
enum { RECEIVERS = 4, CAPACITY = 1 << 15, LETTERS = 1 << 14, BATCH = 4, MOST = 1 << 27 };
#define PATIENCE (20 * SECOND)

static char channel[64], dead[72];
static _Atomic uint64_t *got; /* by the receivers */
static unsigned char *came;   /* how often each letter did */
static uint32_t sent[KINDS];
static chan_t *tx, *letters;
static pid_t receivers[RECEIVERS];
static uint64_t rng, kills, stops, kicked, repeated;
static bool lanes;

/* Say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static chan_t *open_to(const char *name, unsigned flags)
{
	int64_t end = now() + PATIENCE;
	chan_t *ch;
	int err;

	do
		err = chan_open(&ch, name, flags, NULL);
	while (err == -EBUSY && now() < end);
	EXPECT(err == 0);
	return ch;
}

/* ---- receivers ---- */

static void note(const void *data, size_t length)
{
	const struct message *m = data;

	EXPECT(message_whole(data, length));
	EXPECT(m->lane == GOOD);
	atomic_fetch_add(got, 1);
}

static int take_some(chan_t *ch, uint64_t *rng_here)
{
	struct chan_lease lease[BATCH];
	int n = chan_take(ch, lease, 1 + random_below(rng_here, BATCH), MS);

	for (int i = 0; i < n; i++)
		note(lease[i].data, lease[i].len);
	if (n > 0)
		EXPECT(chan_ack(ch, lease, (unsigned)n) == n);
	return n;
}

static int receive_some(chan_t *ch)
{
	unsigned char buf[BATCH][MESSAGE_MAX];
	struct iovec in[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++)
		in[i] = (struct iovec){buf[i], sizeof(buf[i])};
	n = chan_recv_batch(ch, in, BATCH, MS);
	for (int i = 0; i < n; i++)
		note(buf[i], in[i].iov_len);
	return n;
}

static int receive_on(void *arg)
{
	uint64_t rng_here = rng + (uint64_t)getpid();
	chan_t *ch = open_to(channel, CHAN_RECV);
	int n;

	(void)arg;
	do {
		n = random_below(&rng_here, 2) ? take_some(ch, &rng_here) : receive_some(ch);
		EXPECT(n > 0 || n == -ETIMEDOUT || n == -EPIPE);
	} while (n != -EPIPE);
	chan_detach(ch);
	return 0;
}

static void start(unsigned i)
{
	receivers[i] = in_child(receive_on, NULL);
}

/* ---- the parent ---- */

static void read_letters(void)
{
	unsigned char buf[MESSAGE_MAX];
	const struct message *m;
	struct chan_meta meta;
	ssize_t n;

	chan_meta_init(&meta);
	while ((n = chan_recv_meta(letters, buf, sizeof(buf), &meta, 0)) >= 0) {
		EXPECT(message_whole(buf, (size_t)n));
		m = message_in(buf);
		EXPECT(m && m->lane == LATE && m->seq < sent[LATE]);
		EXPECT(!strcmp(chan_meta_get(&meta, "reason"), "expired"));
		EXPECT(!strcmp(chan_meta_get(&meta, "from"), channel));
		repeated += came[m->seq] > 0;
		came[m->seq] += came[m->seq] < 255;
	}
	EXPECT(n == -EAGAIN || n == -EBUSY);
}

static void kick(void)
{
	int n = chan_kick(tx, UINT64_MAX);

	EXPECT(n >= 0 || n == -EBUSY);
	kicked += n > 0 ? (uint64_t)n : 0;
}

/* Send one, if there is room. */
static bool send_one(void)
{
	unsigned kind = random_below(&rng, 8) ? LATE : GOOD;
	unsigned char buf[MESSAGE_MAX];
	size_t length = message_make(buf, kind, sent[kind]);
	struct chan_meta meta;
	int err;

	chan_meta_init(&meta);
	meta.ttl = kind == LATE;
	if (lanes) {
		meta.flags = CHAN_META_HAS_KEY;
		meta.key_length = 1;
		meta.key[0] = (char)('a' + random_below(&rng, 8));
	}
	EXPECT(sent[kind] < MOST);
	sent[kind]++; /* before its letter may come */
	err = chan_send_meta(tx, buf, length, &meta, 0);
	EXPECT(err == 0 || err == -EAGAIN || err == -EBUSY);
	if (err < 0)
		sent[kind]--;
	return err == 0;
}

static void all_live(void)
{
	for (unsigned i = 0; i < RECEIVERS; i++)
		if (waitpid(receivers[i], NULL, WNOHANG) != 0) {
			fprintf(stderr, "receiver %u ended\n", i);
			exit(1);
		}
}

/* Send so many, and read the letters now and then. */
static void send_some(unsigned n)
{
	int64_t end = now() + PATIENCE;

	while (n > 0) {
		if (send_one()) {
			n--;
			continue;
		}
		all_live();
		read_letters();
		kick(); /* what is buried takes room */
		if (now() > end) {
			fprintf(stderr, "nothing moves\n");
			exit(1);
		}
	}
}

static void blow(void)
{
	unsigned i = random_below(&rng, RECEIVERS);

	send_some(random_below(&rng, 400));
	nap(random_below(&rng, 8) ? random_below(&rng, 50000) : 2 * MS);
	if (random_below(&rng, 16) == 0) {
		kill(receivers[i], SIGSTOP);
		stops++;
		nap(random_below(&rng, 100) * MS);
		if (random_below(&rng, 2)) {
			kill(receivers[i], SIGCONT);
			return;
		}
	}
	all_live();
	kill_child(receivers[i]);
	kills++;
	start(i);
}

static void all_end(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	int64_t end = now() + PATIENCE;

	do {
		read_letters();
		kick();
		all_live();
		EXPECT(chan_stat(tx, &st) == 0 && now() < end);
	} while (st.depth);
	EXPECT(chan_close(tx, CHAN_DRAIN) == 0);
	for (unsigned i = 0; i < RECEIVERS; i++)
		EXPECT(wait_child(receivers[i]) == 0);
	read_letters();
	EXPECT(chan_stat(tx, &st) == 0 && !st.damaged && !st.malformed);
	for (uint32_t i = 0; i < sent[LATE]; i++)
		if (!came[i]) {
			fprintf(stderr, "the letter of message %u is lost\n", i);
			exit(1);
		}
	if (st.expired != sent[LATE] || repeated > kills) {
		fprintf(stderr, "%u messages were late, %llu were counted; %llu letters too many\n",
			sent[LATE], (unsigned long long)st.expired, (unsigned long long)repeated);
		exit(1);
	}
}

static void prepare(void)
{
	struct chan_options opt = {.size = sizeof(opt),
		.flags = CHAN_META,
		.capacity = CAPACITY,
		.max_message = MESSAGE_MAX,
		.lanes = lanes ? 4 : 0,
		.lane_by = lanes ? CHAN_BY_KEY : 0};
	struct chan_options of_letters = {.size = sizeof(of_letters),
		.flags = CHAN_META,
		.capacity = LETTERS,
		.max_message = MESSAGE_MAX};

	collect_channels("storm-");
	snprintf(channel, sizeof(channel), "storm-%d", (int)getpid());
	snprintf(dead, sizeof(dead), "%s.dead", channel);
	memcpy(opt.dead_letter, dead, sizeof(dead));
	got = mmap(NULL, sizeof(*got), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	came = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	EXPECT(got != MAP_FAILED && came != MAP_FAILED);
	EXPECT(chan_create(channel, &opt) == 0 && chan_create(dead, &of_letters) == 0);
	tx = open_to(channel, CHAN_SEND);
	letters = open_to(dead, CHAN_RECV);
	for (unsigned i = 0; i < RECEIVERS; i++)
		start(i);
}

int main(int argc, char **argv)
{
	uint64_t seconds = 5;
	int64_t end;
	int c;

	rng = (uint64_t)now();
	while ((c = getopt(argc, argv, "lt:s:")) != -1) {
		if (c == 't')
			seconds = strtoull(optarg, NULL, 10);
		else if (c == 'l')
			lanes = true;
		else if (c == 's')
			rng = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	printf("seed %llu\n", (unsigned long long)rng);
	fflush(stdout);
	prepare();
	end = now() + (int64_t)seconds * SECOND;
	while (now() < end)
		blow();
	for (unsigned i = 0; i < RECEIVERS; i++)
		kill(receivers[i], SIGCONT);
	all_end();
	chan_detach(tx);
	chan_detach(letters);
	EXPECT(chan_remove(channel) == 0 && chan_remove(dead) == 0);
	printf("%slate: %llu kills, %llu stops; %u late messages, each counted once; %llu letters "
	       "came twice, %llu were buried first; %llu others received\n",
		lanes ? "lanes, " : "", (unsigned long long)kills, (unsigned long long)stops,
		sent[LATE], (unsigned long long)repeated, (unsigned long long)kicked,
		(unsigned long long)atomic_load(got));
	/* What never happened was not shown. */
	return kicked == 0 || atomic_load(got) == 0;
}
