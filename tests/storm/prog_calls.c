/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_calls [-l] [-t SECONDS] [-s SEED]
 *
 * A storm of requests: clients with many of them outstanding and servers, each a process, that
 * are killed at random moments or stopped for a while; others start in their place.  Now and then
 * the inbox of a client is removed under it.
 *
 * Some requests are to be tried once only, some have a time to live, some are cancelled.  A server
 * takes several and answers them in any order, with one reply or with several; or it gives a
 * request back, with a delay or without, or buries it, and the parent kicks that.  One client has
 * threads that share its inbox.
 *
 * Each request ends once for its client: by the last reply, by an error, or because the client
 * cancelled it, and nothing comes for it afterwards.  One that is to be tried once is not carried
 * out twice, and one that was cancelled before a server had it is not carried out at all.  Any
 * other one is answered within a bound, whoever is killed.  The replies of each attempt come in
 * order, from the first on, and those of a later attempt behind those of an earlier one.
 * After some blows everybody moves within a bound.  In the end the channel is empty, and no inbox
 * is left.
 *
 * -l: the channel has lanes, by key.
 */
#include "channel/channel.h"
#include "storm.h"
#include "support/clock.h"
#include "support/collect.h"
#include "support/process.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CAPACITY = 1 << 15,
	LIVES = 64, /* so many clients' lives, and requests of each, are remembered */
	REQUESTS = 1 << 12,
	OUTSTANDING = 64,
	BATCH = 4,
	PARTS = 6,
	CALLERS = 3,
	LONGEST = 1 << 15, /* bytes of a reply */
};
#define PATIENCE (20 * SECOND)

static int ask_on(int me);
static int ask_by_number_on(int me);
static int call_on(int me);
static int serve_on(int me);

static const struct role {
	const char *title;
	int (*work)(int me);
} roles[] = {
	{"a client", ask_on},
	{"a client that asks by number", ask_by_number_on},
	{"a client with threads", call_on},
	{"a server", serve_on},
	{"a server", serve_on},
	{"a server", serve_on},
};
enum { CLIENTS = 3, WORKERS = sizeof(roles) / sizeof(roles[0]) };

/* What is known of a request. */
struct entry {
	_Atomic uint64_t key; /* life << 32 | number; 0: it is being made */
	_Atomic uint32_t carried_out;
	_Atomic uint32_t parts; /* replies that were sent, before the last one */
	_Atomic bool cancelled; /* before a server had it */
};

/* How the requests of all clients ended. */
enum outcome { REPLIED, RESET, EXPIRED, CANCELLED, ROBBED, OUTCOMES };

static struct books {
	_Atomic uint32_t lives;
	_Atomic bool over; /* clients ask no more */
	_Atomic uint64_t moved[WORKERS];
	_Atomic uint64_t outcome[OUTCOMES];
	_Atomic uint64_t again, parts, unwanted, robberies;
	struct entry entry[LIVES][REQUESTS];
} * books;

/* A request, and a reply to it. */
struct ask {
	uint32_t life, seq, once;
};

struct answer {
	struct ask ask;
	uint32_t attempt, part, parts; /* attempts as the books count them: a kick begins anew */
	unsigned char body[];
};

static char channel[64];
static chan_t *ours;
static pid_t workers[WORKERS];
static pid_t *gone; /* all clients that there were */
static unsigned n_gone;
static uint64_t rng, kills, stops, removals;
static bool lanes;

/* Say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #cond, whoami);    \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static const char *whoami = "the parent";

/* The same of a call's result, and say that. */
#define EXPECT_RESULT(result, cond)                                                                \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s: %s\n", chan_strerror((int)(result)),                  \
				chan_error_detail((int)(result)));                                 \
			EXPECT(cond);                                                              \
		}                                                                                  \
	while (0)

static struct entry *entry_of(const struct ask *a)
{
	struct entry *e = &books->entry[a->life % LIVES][a->seq % REQUESTS];

	return atomic_load(&e->key) == ((uint64_t)a->life << 32 | a->seq) ? e : NULL;
}

/* Note a request that is about to be made. */
static struct entry *note(const struct ask *a)
{
	struct entry *e = &books->entry[a->life % LIVES][a->seq % REQUESTS];

	atomic_store(&e->key, 0);
	atomic_store(&e->carried_out, 0);
	atomic_store(&e->parts, 0);
	atomic_store(&e->cancelled, false);
	atomic_store(&e->key, (uint64_t)a->life << 32 | a->seq);
	return e;
}

static void count(enum outcome how)
{
	atomic_fetch_add(&books->outcome[how], 1);
}

/* ---- what clients share ---- */

static uint32_t new_life(void)
{
	return atomic_fetch_add(&books->lives, 1) + 1;
}

static chan_t *open_to(unsigned roles_of)
{
	chan_t *ch;
	int err = chan_open(&ch, channel, roles_of, NULL);

	EXPECT_RESULT(err, err == 0);
	return ch;
}

static struct chan_meta new_request(uint64_t *state, const struct ask *a)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = a->once ? CHAN_META_ONCE : 0;
	if (lanes && random_below(state, 4)) {
		meta.flags |= CHAN_META_HAS_KEY;
		meta.key_length = 1;
		meta.key[0] = (char)('a' + random_below(state, 16));
	}
	return meta;
}

/* Check that a reply is one to that request, and whole. */
static const struct answer *check_answer(
	const void *buf, size_t len, const struct ask *a, const struct chan_meta *meta)
{
	const struct answer *r = buf;

	EXPECT(len >= sizeof(*r));
	EXPECT(r->ask.life == a->life && r->ask.seq == a->seq && r->ask.once == a->once);
	EXPECT(r->part >= 1 && r->part <= r->parts && r->attempt >= 1);
	EXPECT(!a->once || r->attempt == 1);
	EXPECT(!(meta->flags & CHAN_META_MORE) == (r->part == r->parts));
	EXPECT(meta->status == (int)r->part);
	for (size_t i = 0; i < len - sizeof(*r); i++)
		EXPECT(r->body[i] == (unsigned char)(r->part + i));
	return r;
}

/* A request ended by its last reply. */
static void check_carried_out(const struct ask *a)
{
	const struct entry *e = entry_of(a);

	EXPECT(e && atomic_load(&e->carried_out) >= 1);
	EXPECT(!a->once || atomic_load(&e->carried_out) == 1);
}

/* ---- clients with many outstanding ---- */

struct open_request {
	uint64_t number;
	struct ask ask;
	int64_t sent, ends; /* ends 0: it has no time to live */
	uint32_t attempt, part;
};

struct client {
	int me;
	chan_t *ch;
	uint32_t life, seq;
	uint64_t state, robberies;
	struct open_request open[OUTSTANDING];
	unsigned n;
};

static void begin_life(struct client *c)
{
	c->robberies = atomic_load(&books->robberies);
	c->ch = open_to(CHAN_SEND);
	c->life = new_life();
	c->seq = c->n = 0;
}

static struct open_request *find_open(struct client *c, uint64_t number)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->open[i].number == number)
			return &c->open[i];
	return NULL;
}

/* The request has ended: nothing comes for it any more. */
static void end_open(struct client *c, struct open_request *o, enum outcome how)
{
	uint64_t number = o->number;
	char buf[16];

	count(how);
	*o = c->open[--c->n];
	if (random_below(&c->state, 4) == 0) {
		EXPECT(chan_response(c->ch, number, buf, sizeof(buf), NULL, 0) == -ENOENT);
		EXPECT(chan_cancel(c->ch, number) == -ENOENT);
	}
	atomic_fetch_add(&books->moved[c->me], 1);
}

static void ask(struct client *c)
{
	struct open_request o = {
		.ask = {c->life, ++c->seq, random_below(&c->state, 3) == 0}, .sent = now()};
	struct chan_meta meta = new_request(&c->state, &o.ask);
	int err;

	if (random_below(&c->state, 4) == 0) {
		meta.ttl = 1 + (int64_t)random_below(&c->state, 20000000);
		o.ends = o.sent + meta.ttl;
	}
	note(&o.ask);
	err = chan_request(c->ch, &o.ask, sizeof(o.ask), &meta, CHAN_WAIT, &o.number);
	EXPECT_RESULT(err, err == 0);
	EXPECT(!find_open(c, o.number));
	c->open[c->n++] = o;
}

static void cancel(struct client *c, struct open_request *o, enum outcome how)
{
	struct entry *e = entry_of(&o->ask);
	int err = chan_cancel(c->ch, o->number);

	EXPECT_RESULT(err, err == 0 || err == 1);
	EXPECT(e);
	if (err == 1)
		atomic_store(&e->cancelled, true);
	end_open(c, o, how);
}

/* Cancel what is over.  All else must come in time. */
static void look_at_ages(struct client *c)
{
	int64_t is = now();

	for (unsigned i = c->n; i-- > 0;) {
		EXPECT(is - c->open[i].sent < PATIENCE);
		EXPECT(c->seq - c->open[i].ask.seq < REQUESTS);
		if (c->open[i].ends && is > c->open[i].ends)
			cancel(c, &c->open[i], EXPIRED);
	}
}

/* A reply came. */
static void got(struct client *c, const void *buf, size_t len, const struct chan_meta *meta)
{
	struct open_request *o = find_open(c, meta->correlation);
	const struct answer *r;

	EXPECT(o);
	r = check_answer(buf, len, &o->ask, meta);
	if (r->attempt == o->attempt) {
		EXPECT(r->part == o->part + 1);
	} else {
		EXPECT(r->attempt > o->attempt && r->part == 1);
	}
	o->attempt = r->attempt;
	o->part = r->part;
	if (meta->flags & CHAN_META_MORE)
		return;
	check_carried_out(&o->ask);
	end_open(c, o, REPLIED);
}

/* Do with the result of chan_response() what it says; false if the inbox was removed. */
static bool heard(struct client *c, ssize_t n, const void *buf, const struct chan_meta *meta)
{
	struct open_request *o;

	if (n >= 0) {
		got(c, buf, (size_t)n, meta);
	} else if (n == -ECONNRESET) {
		o = find_open(c, meta->correlation);
		EXPECT(o && o->ask.once && entry_of(&o->ask));
		EXPECT(o->part >= atomic_load(&entry_of(&o->ask)->parts));
		end_open(c, o, RESET);
	}
	return n != -EIDRM;
}

/* The inbox was removed: what came before is given out, and all the rest ends so. */
static void be_robbed(struct client *c)
{
	static unsigned char buf[LONGEST] __attribute__((aligned(16)));
	struct chan_meta meta = {.size = sizeof(meta)};
	ssize_t n;

	EXPECT(atomic_load(&books->robberies) != c->robberies);
	do {
		n = chan_response(c->ch, 0, buf, sizeof(buf), &meta, 0);
		EXPECT_RESULT(n, n >= 0 || n == -ECONNRESET || n == (c->n ? -EIDRM : -ENOENT));
	} while (n != -ENOENT && heard(c, n, buf, &meta));
	for (; c->n; c->n--)
		count(ROBBED);
	chan_detach(c->ch);
	begin_life(c);
}

/* Ask for a reply, to any request if that number is 0. */
static void await_reply(struct client *c, uint64_t number, int64_t timeout)
{
	static unsigned char buf[LONGEST] __attribute__((aligned(16)));
	struct chan_meta meta = {.size = sizeof(meta)};
	size_t room = random_below(&c->state, 8) ? sizeof(buf) : sizeof(struct answer) + 8;
	ssize_t n = chan_response(c->ch, number, buf, room, &meta, timeout);

	if (n == -EMSGSIZE) {
		EXPECT(room < sizeof(buf));
		n = chan_response(c->ch, number, buf, sizeof(buf), &meta, 0);
		EXPECT_RESULT(n, n >= 0);
	}
	EXPECT_RESULT(n,
		n >= 0 || n == -ECONNRESET || n == -EIDRM || n == (timeout ? -ETIMEDOUT : -EAGAIN));
	EXPECT(!number || n == -EIDRM || n == -EAGAIN || n == -ETIMEDOUT ||
		meta.correlation == number);
	if (!heard(c, n, buf, &meta))
		be_robbed(c);
}

static int ask_and_await(int me, bool by_number)
{
	struct client c = {.me = me, .state = (uint64_t)getpid()};

	begin_life(&c);
	for (;;) {
		bool over = atomic_load(&books->over);
		unsigned most = 1 + random_below(&c.state, OUTSTANDING);

		while (!over && c.n < most)
			ask(&c);
		look_at_ages(&c);
		if (c.n && random_below(&c.state, 16) == 0)
			cancel(&c, &c.open[random_below(&c.state, c.n)], CANCELLED);
		if (c.n)
			await_reply(&c, by_number ? c.open[random_below(&c.state, c.n)].number : 0,
				random_below(&c.state, 3) ? (int64_t)random_below(&c.state, 2000000)
							  : 0);
		else if (over)
			break;
		if (random_below(&c.state, 64) == 0)
			nap(random_below(&c.state, 2000000));
	}
	chan_detach(c.ch);
	return 0;
}

static int ask_on(int me)
{
	return ask_and_await(me, false);
}

static int ask_by_number_on(int me)
{
	return ask_and_await(me, true);
}

/* ---- a client with threads ---- */

static struct shared {
	int me;
	chan_t *ch;
	uint64_t robberies;
} shared;

static bool call_once(uint64_t *state, uint32_t life, uint32_t seq)
{
	static _Thread_local unsigned char buf[LONGEST] __attribute__((aligned(16)));
	struct ask a = {life, seq, random_below(state, 3) == 0};
	struct chan_meta meta = new_request(state, &a);
	int64_t timeout =
		random_below(state, 4) ? PATIENCE : 1 + (int64_t)random_below(state, 20000000);
	ssize_t n;

	note(&a);
	n = chan_call(shared.ch, &a, sizeof(a), buf, sizeof(buf), &meta, timeout);
	if (n >= 0) {
		const struct answer *r = check_answer(buf, (size_t)n, &a, &meta);

		EXPECT(r->part == 1);
		if (!(meta.flags & CHAN_META_MORE))
			check_carried_out(&a);
		count(REPLIED);
	} else if (n == -ECONNRESET) {
		EXPECT(a.once);
		count(RESET);
	} else if (n == -EIDRM) {
		EXPECT(atomic_load(&books->robberies) != shared.robberies);
		count(ROBBED);
		return false;
	} else {
		EXPECT_RESULT(n, n == -ETIMEDOUT && timeout < PATIENCE);
		count(EXPIRED);
	}
	atomic_fetch_add(&books->moved[shared.me], 1);
	return true;
}

static void *call_often(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg + (uint64_t)getpid() * CALLERS;
	uint32_t life = new_life();

	for (uint32_t seq = 1; !atomic_load(&books->over) && call_once(&state, life, seq); seq++)
		if (random_below(&state, 64) == 0)
			nap(random_below(&state, 2000000));
	return NULL;
}

static int call_on(int me)
{
	shared.me = me;
	while (!atomic_load(&books->over)) {
		pthread_t thread[CALLERS];

		shared.robberies = atomic_load(&books->robberies);
		shared.ch = open_to(CHAN_SEND);
		for (uintptr_t i = 0; i < CALLERS; i++)
			EXPECT(pthread_create(&thread[i], NULL, call_often, (void *)i) == 0);
		for (unsigned i = 0; i < CALLERS; i++)
			pthread_join(thread[i], NULL);
		chan_detach(shared.ch);
	}
	return 0;
}

/* ---- servers ---- */

/* Give it back, without having begun: false if it does not want to. */
static bool give_back(chan_t *ch, const struct chan_lease *lease, bool once, uint64_t *state)
{
	int n;

	switch (random_below(state, 64)) {
	case 0:
		n = chan_untake(ch, lease, 1);
		break;
	case 1:
		n = chan_release(ch, lease, 1);
		break;
	case 2:
		n = chan_release_after(ch, lease, 1, 1 + random_below(state, 5000000));
		break;
	case 3:
		if (once) /* a kick would deliver it as if for the first time */
			return false;
		n = chan_bury(ch, lease, 1);
		break;
	default:
		return false;
	}
	EXPECT_RESULT(n, n == 1);
	return true;
}

/* Note that a server begins: which attempt it is. */
static uint32_t carry_out(const struct ask *a, const struct chan_lease *lease)
{
	struct entry *e = entry_of(a);
	uint32_t before;

	EXPECT(!a->once || lease->attempt == 1);
	if (lease->attempt > 1)
		atomic_fetch_add(&books->again, 1);
	if (!e) /* of a client that is long dead */
		return 1;
	EXPECT(!atomic_load(&e->cancelled));
	before = atomic_fetch_add(&e->carried_out, 1);
	EXPECT(before == 0 || !a->once);
	return before + 1;
}

static int reply_with(chan_t *ch, const struct chan_lease *lease, const struct answer *r,
	unsigned char *buf, uint64_t *state)
{
	size_t len = sizeof(*r) + random_below(state, random_below(state, 128) ? 64 : LONGEST / 2);
	struct answer *to = (struct answer *)buf;
	struct chan_meta meta;
	int err;

	*to = *r;
	for (size_t i = 0; i < len - sizeof(*to); i++)
		to->body[i] = (unsigned char)(r->part + i);
	chan_meta_init(&meta);
	meta.flags = r->part < r->parts ? CHAN_META_MORE : 0;
	meta.status = (int32_t)r->part;
	err = chan_reply(ch, lease, buf, len, &meta, CHAN_WAIT);
	EXPECT_RESULT(err, err == 0 || err == CHAN_DROPPED);
	return err;
}

static void serve(int me, chan_t *ch, const struct chan_lease *lease, uint64_t *state)
{
	static unsigned char buf[LONGEST] __attribute__((aligned(16)));
	struct answer r = {.parts = random_below(state, 4) ? 1 : 1 + random_below(state, PARTS)};
	struct entry *e;
	int n;

	EXPECT(lease->len == sizeof(r.ask));
	memcpy(&r.ask, lease->data, sizeof(r.ask));
	if (give_back(ch, lease, r.ask.once, state))
		return;
	if (random_below(state, 4) == 0) {
		n = chan_wanted(ch, lease);
		EXPECT_RESULT(n, n == 0 || n == 1);
		if (n == 0) {
			atomic_fetch_add(&books->unwanted, 1);
			EXPECT(chan_ack(ch, lease, 1) == 1);
			return;
		}
	}
	r.attempt = carry_out(&r.ask, lease);
	for (r.part = 1; r.part <= r.parts; r.part++) {
		if (random_below(state, 32) == 0)
			nap(random_below(state, 1000000));
		n = reply_with(ch, lease, &r, buf, state);
		atomic_fetch_add(&books->parts, 1);
		if (n == 0 && r.part < r.parts && (e = entry_of(&r.ask)))
			atomic_store(&e->parts, r.part);
		if (n == CHAN_DROPPED && r.part < r.parts) {
			EXPECT(chan_ack(ch, lease, 1) == 1);
			break;
		}
	}
	if (random_below(state, 16) == 0)
		EXPECT(chan_reply(ch, lease, "", 0, NULL, 0) == -ESTALE);
	atomic_fetch_add(&books->moved[me], 1);
}

static int serve_on(int me)
{
	uint64_t state = (uint64_t)getpid();
	struct chan_lease lease[BATCH];
	chan_t *ch = open_to(CHAN_RECV);

	for (;;) {
		int n = chan_take(ch, lease, 1 + random_below(&state, BATCH), CHAN_WAIT);

		if (n == -EPIPE)
			break;
		EXPECT_RESULT(n, n > 0);
		while (n > 0) {
			unsigned i = random_below(&state, (uint32_t)n);

			serve(me, ch, &lease[i], &state);
			lease[i] = lease[--n];
		}
		if (random_below(&state, 256) == 0) {
			chan_detach(ch);
			ch = open_to(CHAN_RECV);
		}
	}
	chan_detach(ch);
	return 0;
}

/* ---- the storm ---- */

static int work_on(void *number)
{
	int me = *(int *)number;

	whoami = roles[me].title;
	return roles[me].work(me);
}

static void start(int i)
{
	workers[i] = in_child(work_on, &i);
	if (i >= CLIENTS)
		return;
	if (n_gone % 1024 == 0) {
		gone = realloc(gone, (n_gone + 1024) * sizeof(*gone));
		EXPECT(gone);
	}
	gone[n_gone++] = workers[i];
}

static void all_live(void)
{
	for (int i = 0; i < WORKERS; i++)
		if (waitpid(workers[i], NULL, WNOHANG) != 0) {
			fprintf(stderr, "%s (%d) ended\n", roles[i].title, i);
			exit(1);
		}
}

static void kick(void)
{
	int n = chan_kick(ours, UINT64_MAX);

	EXPECT_RESULT(n, n >= 0);
}

/* Call fn for the inboxes of process `pid`. */
static unsigned each_inbox(pid_t pid, void (*fn)(const char *name))
{
	char start_of[64];
	unsigned n = 0;
	struct dirent *e;
	DIR *dir = opendir("/dev/shm");

	EXPECT(dir);
	snprintf(start_of, sizeof(start_of), "shmchan.%u.inbox.%d.", (unsigned)geteuid(), (int)pid);
	while ((e = readdir(dir)))
		if (strncmp(e->d_name, start_of, strlen(start_of)) == 0) {
			n++;
			if (fn)
				fn(strstr(e->d_name, "inbox."));
		}
	closedir(dir);
	return n;
}

static void remove_inbox(const char *inbox)
{
	int err;

	atomic_fetch_add(&books->robberies, 1);
	err = chan_remove(inbox);
	EXPECT_RESULT(err, err == 0 || err == -ENOENT);
	removals += err == 0;
}

static void blow(void)
{
	int i = (int)random_below(&rng, WORKERS);

	nap(random_below(&rng, 4000000));
	kick();
	if (random_below(&rng, 8) == 0)
		each_inbox(workers[random_below(&rng, CLIENTS)], remove_inbox);
	if (random_below(&rng, 3) == 0) {
		kill(workers[i], SIGSTOP);
		stops++;
		nap(random_below(&rng, random_below(&rng, 8) ? 60000000 : 400000000));
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

/* Go on until every worker ended a request, or served one. */
static void all_move(void)
{
	uint64_t before[WORKERS];
	int64_t end = now() + PATIENCE;

	for (int i = 0; i < WORKERS; i++)
		before[i] = atomic_load(&books->moved[i]);
	for (int i = 0; i < WORKERS; i++)
		while (atomic_load(&books->moved[i]) == before[i]) {
			nap(MS);
			kick();
			all_live();
			if (now() > end) {
				fprintf(stderr, "%s (%d) waits\n", roles[i].title, i);
				exit(1);
			}
		}
}

/* Wait for one worker's end. */
static void end_of(int i)
{
	int64_t end = now() + PATIENCE;
	int status;
	pid_t pid;

	while ((pid = waitpid(workers[i], &status, WNOHANG)) == 0) {
		nap(MS);
		kick();
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

static struct chan_stat look(void)
{
	struct chan_stat st = {.size = sizeof(st)};

	EXPECT(chan_stat(ours, &st) == 0 && !st.damaged);
	return st;
}

static void all_end(void)
{
	int64_t end = now() + PATIENCE;

	atomic_store(&books->over, true);
	for (int i = 0; i < CLIENTS; i++)
		end_of(i);
	/* The servers come to the end of all requests, those of the dead too. */
	while (look().depth > 0) {
		EXPECT(now() < end);
		nap(MS);
		kick();
	}
	EXPECT(chan_close(ours, CHAN_DRAIN) == 0);
	for (int i = CLIENTS; i < WORKERS; i++)
		end_of(i);
}

/* The next inbox of this user removes what dead clients left. */
static void no_inbox_is_left(void)
{
	uint64_t number;
	chan_t *ch;
	char other[72];

	snprintf(other, sizeof(other), "%s.2", channel);
	EXPECT(chan_open(&ch, other, CHAN_SEND | CHAN_CREATE,
		       &(struct chan_options){
			       .size = sizeof(struct chan_options), .flags = CHAN_META}) == 0);
	EXPECT(chan_request(ch, "", 0, NULL, 0, &number) == 0);
	chan_detach(ch);
	EXPECT(chan_remove(other) == 0);
	for (unsigned i = 0; i < n_gone; i++)
		EXPECT(each_inbox(gone[i], NULL) == 0);
	EXPECT(each_inbox(getpid(), NULL) == 0);
}

static void prepare(void)
{
	struct chan_options opt = {.size = sizeof(opt),
		.flags = CHAN_META,
		.capacity = CAPACITY,
		.lanes = lanes ? 4 : 0,
		.lane_by = lanes ? CHAN_BY_KEY : 0,
		.endpoints = 64};
	int err;

	collect_channels("storm-");
	snprintf(channel, sizeof(channel), "storm-%d", (int)getpid());
	books = mmap(
		NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(books != MAP_FAILED);
	err = chan_create(channel, &opt);
	EXPECT_RESULT(err, err == 0);
	ours = open_to(0);
	for (int i = 0; i < WORKERS; i++)
		start(i);
}

static unsigned long long shown(_Atomic uint64_t *n)
{
	return (unsigned long long)atomic_load(n);
}

int main(int argc, char **argv)
{
	uint64_t seconds = 6;
	struct chan_stat st;
	int64_t end;
	int c, err;

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
	for (unsigned n = 0; now() < end; n++) {
		blow();
		if (n % 16 == 0)
			all_move();
	}
	for (int i = 0; i < WORKERS; i++)
		kill(workers[i], SIGCONT);
	all_move();
	all_end();
	st = look();
	EXPECT(st.depth == 0 && st.buried == 0 && st.delayed == 0 && st.malformed == 0);
	EXPECT(chan_recover(ours) >= 0);
	if (!lanes)
		EXPECT(ours->kind->valid(&ours->ring) == 0);
	chan_detach(ours);
	err = chan_remove(channel);
	EXPECT(err == 0);
	no_inbox_is_left();
	printf("%scalls: %llu kills, %llu stops, %llu inboxes removed; %llu requests: %llu replied "
	       "to, %llu reset, %llu expired, %llu cancelled, %llu lost their inbox; %llu replies, "
	       "%llu of them to dead clients; %llu carried out again\n",
		lanes ? "lanes, " : "", (unsigned long long)kills, (unsigned long long)stops,
		(unsigned long long)removals, (unsigned long long)st.sent,
		shown(&books->outcome[REPLIED]), shown(&books->outcome[RESET]),
		shown(&books->outcome[EXPIRED]), shown(&books->outcome[CANCELLED]),
		shown(&books->outcome[ROBBED]), shown(&books->parts),
		(unsigned long long)st.unwanted, shown(&books->again));
	/* What never happened was not shown. */
	for (int i = 0; i < OUTCOMES; i++)
		if (atomic_load(&books->outcome[i]) == 0)
			return 1;
	return atomic_load(&books->again) == 0;
}
