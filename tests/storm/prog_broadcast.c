/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_broadcast [-g] [-t SECONDS] [-s SEED]
 *
 * A storm over a channel of kind broadcast: three senders and twelve subscribers of all
 * policies, each a process, which are killed at random moments or stopped for a while;
 * others start in their place.  The parent is a subscriber itself, which holds the ring and
 * is left alone: what it gets is the order of the messages, and it writes down which place
 * each message has in it.
 *
 * Each message is a sender's life (its lane) and a number (storm.h), and the parent gets each
 * lane's in order, without a gap.  Each subscriber gets whole messages, and their places
 * follow each other, but for as many as it was told that it lost.  One that holds the ring
 * loses nothing.  The user of a group goes on where the last one was killed: what that one
 * had acknowledged does not come again, and nothing is left out.  After some blows everybody
 * moves within a bound.  In the end all get the last message, and then the end.
 *
 * -g: the channel starts with a sixteenth of its capacity and grows, and every other blow a quiet
 * while is over, so that it goes back and gives memory back.  In the end all of that is back.
 *
 * As root, one of those that lose is another user's, which may read the segment only.
 */
#include "channel/channel.h"
#include "storm.h"
#include "support/clock.h"
#include "support/collect.h"
#include "support/process.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CAPACITY = 1 << 16,
	START = CAPACITY / 16,
	LANES = 64, /* so many lives, and messages of each, are remembered */
	NUMBERS = 1 << 14,
	BATCH = 4,
};
#define OTHER 65534
#define PATIENCE (20 * SECOND)
#define EVICT_AFTER (20 * MS)

static int send_on(int me);
static int receive_on(int me);
static int receive_batches_on(int me);
static int take_on(int me);
static int read_on(int me);

static const struct role {
	const char *title;
	int (*work)(int me);
	unsigned on_lag;
	int group; /* 1, ...; 0 none */
} roles[] = {
	{"a sender", send_on, 0, 0},
	{"a sender", send_on, 0, 0},
	{"a sender", send_on, 0, 0},
	{"one that blocks", receive_on, CHAN_LAG_BLOCK, 0},
	{"one that blocks, in batches", receive_batches_on, CHAN_LAG_BLOCK, 0},
	{"one that blocks, in place", take_on, CHAN_LAG_BLOCK, 0},
	{"one that loses", receive_on, CHAN_LAG_LOSE, 0},
	{"one that reads", read_on, CHAN_LAG_LOSE, 0},
	{"one that loses, in batches", receive_batches_on, CHAN_LAG_LOSE, 0},
	{"one that may be evicted", receive_on, CHAN_LAG_EVICT, 0},
	{"one that may be evicted, in batches", receive_batches_on, CHAN_LAG_EVICT, 0},
	{"one that may be evicted, in place", take_on, CHAN_LAG_EVICT, 0},
	{"a group's user", receive_on, CHAN_LAG_BLOCK, 1},
	{"a group's user, in place", take_on, CHAN_LAG_BLOCK, 2},
	{"a group's user that may be evicted", receive_on, CHAN_LAG_EVICT, 3},
};
enum { SENDERS = 3, WORKERS = sizeof(roles) / sizeof(roles[0]), GROUPS = 4 };

/* What a place is known by; the last store is `key`. */
struct order {
	_Atomic uint64_t place;
	_Atomic uint64_t key; /* lane << 32 | number */
};

static struct books {
	_Atomic uint32_t lanes;
	_Atomic bool over; /* senders end */
	_Atomic uint64_t places;
	_Atomic uint64_t moved[WORKERS];
	_Atomic bool anew[WORKERS];	/* it was evicted, and has received nothing since */
	_Atomic uint64_t last[WORKERS]; /* the place of the last message it got */
	_Atomic uint64_t lost[WORKERS];
	_Atomic uint64_t settled[GROUPS];  /* the place that a group's user settled */
	_Atomic uint32_t users[GROUPS];	   /* so many, since then */
	_Atomic uint32_t confirmed[LANES]; /* of lane % LANES */
	struct order order[LANES][NUMBERS];
} * books;

static char channel[64];
static chan_t *ours;
static pid_t workers[WORKERS];
static uint64_t rng, kills, stops;
static bool grows;
static uint64_t at_first; /* the memory that it has, from the system */

/* Say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #cond, whoami);    \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static const char *whoami = "the parent";

/* ---- senders ---- */

static int send_on(int me)
{
	uint32_t lane = atomic_fetch_add(&books->lanes, 1);
	unsigned char buf[BATCH][MESSAGE_MAX];
	uint64_t state = (uint64_t)getpid();
	struct iovec iov[BATCH];
	uint32_t number = 1;
	chan_t *ch;

	EXPECT(chan_open(&ch, channel, CHAN_SEND, NULL) == 0);
	while (!atomic_load(&books->over)) {
		unsigned n = random_below(&state, 4) ? 1 : BATCH;
		int sent;

		for (uint32_t i = 0; i < n; i++)
			iov[i] = (struct iovec){buf[i], message_make(buf[i], lane, number + i)};
		sent = n == 1 ? chan_send(ch, buf[0], iov[0].iov_len, CHAN_WAIT) + 1
			      : chan_send_batch(ch, iov, n, CHAN_WAIT);
		EXPECT(sent > 0);
		number += (uint32_t)sent;
		atomic_store(&books->confirmed[lane % LANES], number - 1);
		atomic_fetch_add(&books->moved[me], 1);
		if (random_below(&state, 64) == 0)
			nap(random_below(&state, 2000000));
	}
	return 0;
}

/* ---- subscribers ---- */

/* What a subscriber knows of its course. */
struct course {
	int me;
	bool any;	/* it got a message */
	uint64_t place; /* of the last one */
	uint64_t lost;	/* since then, as it was told */
};

/* Return the place of a whole message, once the parent has it. */
static uint64_t place_of(const void *data, size_t len)
{
	const struct message *m = data;
	int64_t end = now() + PATIENCE;
	struct order *o;
	uint64_t key;

	EXPECT(message_whole(data, len));
	o = &books->order[m->lane % LANES][m->seq % NUMBERS];
	key = (uint64_t)m->lane << 32 | m->seq;
	for (; atomic_load(&o->key) != key; nap(MS / 20))
		EXPECT(now() < end);
	return atomic_load(&o->place);
}

/* A message came. */
static void got(struct course *c, const void *data, size_t len)
{
	uint64_t place = place_of(data, len);
	int group = roles[c->me].group;

	if (c->any) {
		EXPECT(place == c->place + 1 + c->lost);
	} else if (group && roles[c->me].on_lag == CHAN_LAG_BLOCK) {
		uint64_t settled = atomic_load(&books->settled[group]);
		uint32_t users = atomic_load(&books->users[group]);

		/* The one that takes says so before it settles; of the ones that receive, each
		 * may have been killed with one message that it had not noted yet. */
		if (roles[c->me].work == take_on)
			EXPECT(!settled || (place <= settled + 1 && place + BATCH > settled));
		else
			EXPECT(!settled || (place > settled && place <= settled + users));
	}
	c->any = true;
	c->place = place;
	c->lost = 0;
	atomic_store(&books->last[c->me], place);
	atomic_fetch_add(&books->moved[c->me], 1);
}

/* A call failed: returns false if the channel has ended. */
static bool lost_some(struct course *c, chan_t *ch, int err)
{
	uint64_t n;

	if (err == -EPIPE)
		return false;
	EXPECT(err == -EOVERFLOW && roles[c->me].on_lag != CHAN_LAG_BLOCK);
	n = chan_lost(ch);
	EXPECT(n > 0);
	c->lost += n;
	atomic_fetch_add(&books->lost[c->me], n);
	return true;
}

static chan_t *subscribe(int me)
{
	const struct role *role = &roles[me];
	struct chan_subscription sub = {.size = sizeof(sub),
		.on_lag = role->on_lag,
		.patience = role->on_lag == CHAN_LAG_EVICT ? EVICT_AFTER : 0,
		.from = (unsigned)getpid() % 2 ? CHAN_FROM_OLDEST : CHAN_FROM_NEXT};
	char group[16];
	int64_t end = now() + PATIENCE;
	chan_t *ch;
	int err;

	if (role->group) {
		snprintf(group, sizeof(group), "g%d", role->group);
		sub.group = group;
	}
	/* A killed user may be there for a moment. */
	while ((err = chan_subscribe(&ch, channel, &sub)) == -EBUSY && now() < end)
		nap(MS / 4);
	if (err < 0)
		fprintf(stderr, "%s: %s: %s\n", whoami, chan_strerror(err), chan_error_detail(err));
	EXPECT(err == 0);
	if (role->group)
		atomic_fetch_add(&books->users[role->group], 1);
	return ch;
}

static int receive_on(int me)
{
	static unsigned char buf[MESSAGE_MAX] __attribute__((aligned(16)));
	struct course c = {.me = me};
	chan_t *ch = subscribe(me);
	int group = roles[me].group;
	ssize_t len;

	for (;;) {
		len = chan_recv(ch, buf, sizeof(buf), CHAN_WAIT);
		if (len >= 0) {
			got(&c, buf, (size_t)len);
			if (group) {
				atomic_store(&books->settled[group], c.place);
				atomic_store(&books->users[group], 1);
			}
		} else if (!lost_some(&c, ch, (int)len)) {
			return 0;
		}
	}
}

/* As a user who may not write. */
static int read_on(int me)
{
	if (geteuid() == 0) {
		snprintf(channel, sizeof(channel), "0/storm-%d", (int)getppid());
		EXPECT(setgroups(0, NULL) == 0 && setgid(OTHER) == 0 && setuid(OTHER) == 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* which that ended */
	}
	return receive_on(me);
}

static int receive_batches_on(int me)
{
	static unsigned char buf[BATCH][MESSAGE_MAX] __attribute__((aligned(16)));
	struct course c = {.me = me};
	chan_t *ch = subscribe(me);
	struct iovec iov[BATCH];
	int n;

	for (;;) {
		for (int i = 0; i < BATCH; i++)
			iov[i] = (struct iovec){buf[i], MESSAGE_MAX};
		n = chan_recv_batch(ch, iov, BATCH, CHAN_WAIT);
		for (int i = 0; i < n; i++)
			got(&c, buf[i], iov[i].iov_len);
		if (n < 0 && !lost_some(&c, ch, n))
			return 0;
	}
}

/* In place: what was there when it was acknowledged was whole all the time.  One that was
 * evicted subscribes anew. */
static int take_on(int me)
{
	static unsigned char copy[BATCH][MESSAGE_MAX] __attribute__((aligned(16)));
	struct course c = {.me = me};
	struct chan_lease lease[BATCH];
	chan_t *ch = subscribe(me);
	uint64_t state = (uint64_t)getpid();
	int group = roles[me].group, n, acked;

	for (;;) {
		n = chan_take(ch, lease, BATCH, CHAN_WAIT);
		if (n == -ESTALE && roles[me].on_lag == CHAN_LAG_EVICT) {
			chan_detach(ch);
			ch = subscribe(me);
			c = (struct course){.me = me};
			atomic_store(&books->anew[me], true);
			continue;
		}
		if (n < 0) {
			if (!lost_some(&c, ch, n))
				return 0;
			continue;
		}
		atomic_store(&books->anew[me], false);
		for (int i = 0; i < n; i++)
			memcpy(copy[i], lease[i].data, lease[i].len);
		if (random_below(&state, 16) == 0)
			nap(random_below(&state, 2000000));
		if (group) /* known after the acknowledgement only, but noted before */
			atomic_store(
				&books->settled[group], place_of(copy[n - 1], lease[n - 1].len));
		acked = chan_ack(ch, lease, (unsigned)n);
		EXPECT(acked == n || roles[me].on_lag == CHAN_LAG_EVICT);
		EXPECT(acked > 0 || acked == -ESTALE);
		for (int i = 0; i < acked; i++)
			got(&c, copy[i], lease[i].len);
		/* The others were overwritten while it had them. */
		c.lost += (uint64_t)(n - (acked < 0 ? 0 : acked));
	}
}

/* ---- the storm ---- */

/* Receive what is there, and write down its place. */
static bool go_on(int64_t timeout)
{
	static unsigned char buf[MESSAGE_MAX] __attribute__((aligned(16)));
	static uint32_t last[LANES], lane[LANES];
	const struct message *m = (const void *)buf;
	uint64_t place = atomic_load(&books->places) + 1;
	struct order *o;
	ssize_t len = chan_recv(ours, buf, sizeof(buf), timeout);

	if (len == -EAGAIN || len == -ETIMEDOUT || len == -EPIPE)
		return false;
	EXPECT(len > 0 && message_whole(buf, (size_t)len));
	if (lane[m->lane % LANES] != m->lane) {
		lane[m->lane % LANES] = m->lane;
		last[m->lane % LANES] = 0;
	}
	EXPECT(m->seq == last[m->lane % LANES] + 1);
	last[m->lane % LANES] = m->seq;
	o = &books->order[m->lane % LANES][m->seq % NUMBERS];
	atomic_store(&o->place, place);
	atomic_store(&o->key, (uint64_t)m->lane << 32 | m->seq);
	atomic_store(&books->places, place);
	return true;
}

static int work_on(void *number)
{
	int me = *(int *)number;

	whoami = roles[me].title;
	return roles[me].work(me);
}

static void start(int i)
{
	workers[i] = in_child(work_on, &i);
}

static void all_live(void)
{
	for (int i = 0; i < WORKERS; i++)
		if (waitpid(workers[i], NULL, WNOHANG) != 0) {
			fprintf(stderr, "%s (%d) ended\n", roles[i].title, i);
			exit(1);
		}
}

static void go_on_for(uint64_t ns)
{
	int64_t end = now() + (int64_t)ns;

	do
		go_on(MS);
	while (now() < end);
}

/* As if it had been quiet for long enough. */
static void be_quiet(void)
{
	atomic_store(&ours->control->ladder.needed, 0);
	EXPECT(chan_recover(ours) >= 0);
}

static void blow(void)
{
	int i = (int)random_below(&rng, WORKERS);

	go_on_for(random_below(&rng, 4000000));
	if (grows && random_below(&rng, 2))
		be_quiet();
	if (random_below(&rng, 3) == 0) {
		kill(workers[i], SIGSTOP);
		stops++;
		go_on_for(random_below(&rng, 60000000));
		if (random_below(&rng, 2)) {
			kill(workers[i], SIGCONT);
			return;
		}
	}
	all_live();
	kill_child(workers[i]);
	kills++;
	start(i);
}

/* Go on until every worker got or sent a message. */
static void all_move(void)
{
	uint64_t before[WORKERS];
	int64_t end = now() + PATIENCE;

	for (int i = 0; i < WORKERS; i++)
		before[i] = atomic_load(&books->moved[i]);
	for (int i = 0; i < WORKERS; i++)
		while (atomic_load(&books->moved[i]) == before[i]) {
			go_on(MS);
			all_live();
			if (now() > end) {
				fprintf(stderr, "%s (%d) waits\n", roles[i].title, i);
				exit(1);
			}
		}
}

/* Wait for one worker's end, and receive meanwhile. */
static void end_of(int i)
{
	int64_t end = now() + PATIENCE;
	int status;
	pid_t pid;

	while ((pid = waitpid(workers[i], &status, WNOHANG)) == 0) {
		go_on(MS);
		if (now() > end) {
			fprintf(stderr, "%s (%d) does not end\n", roles[i].title, i);
			exit(1);
		}
	}
	if (pid != workers[i] || status) {
		fprintf(stderr, "%s (%d): status %d\n", roles[i].title, i, status);
		exit(1);
	}
}

/* When all have received what was sent, the memory goes, whoever was evicted. */
static void memory_is_back(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	int64_t end = now() + PATIENCE;

	do {
		EXPECT(now() < end);
		go_on(MS);
		be_quiet();
		EXPECT(chan_stat(ours, &st) == 0);
	} while (st.segment > at_first);
}

static void all_end(void)
{
	atomic_store(&books->over, true);
	for (int i = 0; i < SENDERS; i++)
		end_of(i);
	if (grows)
		memory_is_back();
	EXPECT(chan_close(ours, CHAN_DRAIN) == 0);
	while (go_on(0))
		;
	for (int i = SENDERS; i < WORKERS; i++) {
		end_of(i);
		/* One that was evicted at the end began anew behind all messages. */
		if (!atomic_load(&books->anew[i]) &&
			atomic_load(&books->last[i]) != atomic_load(&books->places)) {
			fprintf(stderr, "%s (%d): its last message is %llu of %llu\n",
				roles[i].title, i, (unsigned long long)books->last[i],
				(unsigned long long)books->places);
			exit(1);
		}
	}
}

static void prepare(void)
{
	struct chan_options opt = {.size = sizeof(opt),
		.kind = CHAN_KIND_BROADCAST,
		.capacity = grows ? START : CAPACITY,
		.max_capacity = grows ? CAPACITY : 0,
		.max_message = MESSAGE_MAX,
		.mode = 0644,
		.endpoints = 64};
	struct chan_subscription all = {.size = sizeof(all), .on_lag = CHAN_LAG_BLOCK};
	struct chan_stat st = {.size = sizeof(st)};

	collect_channels("storm-");
	snprintf(channel, sizeof(channel), "storm-%d", (int)getpid());
	books = mmap(
		NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(books != MAP_FAILED);
	EXPECT(chan_create(channel, &opt) == 0);
	EXPECT(chan_subscribe(&ours, channel, &all) == 0);
	EXPECT(chan_stat(ours, &st) == 0);
	at_first = st.segment;
	for (int i = 0; i < WORKERS; i++)
		start(i);
}

int main(int argc, char **argv)
{
	struct chan_stat st = {.size = sizeof(st)};
	uint64_t lost = 0, seconds = 6;
	int64_t end;
	int c, err;

	rng = (uint64_t)now();
	while ((c = getopt(argc, argv, "gt:s:")) != -1) {
		if (c == 't')
			seconds = strtoull(optarg, NULL, 10);
		else if (c == 'g')
			grows = true;
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
		if (n % 16 == 0)
			all_move();
	}
	for (int i = 0; i < WORKERS; i++)
		kill(workers[i], SIGCONT);
	all_move();
	all_end();
	EXPECT(chan_stat(ours, &st) == 0 && !st.damaged);
	EXPECT(st.sent == atomic_load(&books->places));
	EXPECT(chan_recover(ours) >= 0 && ours->kind->valid(&ours->ring) == 0);
	EXPECT(!grows || st.grown > 10);
	for (int i = 0; i < WORKERS; i++)
		lost += atomic_load(&books->lost[i]);
	chan_detach(ours);
	err = chan_remove(channel);
	EXPECT(err == 0);
	printf("%sbroadcast: %llu kills, %llu stops; %llu messages to 13 subscribers; %llu lost, "
	       "as "
	       "they were told\n",
		grows ? "growing " : "", (unsigned long long)kills, (unsigned long long)stops,
		(unsigned long long)books->places, (unsigned long long)lost);
	return lost == 0; /* nothing was lapped: nothing was shown */
}
