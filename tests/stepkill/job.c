/* SPDX-License-Identifier: MIT */
/* One death: prepare, step, kill, and let the others look. */
#include "stepkill.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct board *board;
struct result *result;
char channel[64], second[72];
int tokens[2];

static const struct scenario *scenario;
static const struct course *course;

void doing(const char *what)
{
	result->doing = what;
	result->progress++;
}

/* In a child of the job too: the job notices. */
void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!result->failed) /* by a child, which knows better */
		vsnprintf(result->why, sizeof(result->why), format, args);
	va_end(args);
	result->failed = true;
	_exit(1);
}

/* Tracer and victim take turns: on one CPU that is five times as fast. */
static void stay_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

void token_take(void)
{
	unsigned char cpu;
	ssize_t n;

	doing(NULL); /* its turn will come */
	do
		n = read(tokens[0], &cpu, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		fail("the token pipe");
	atomic_store(&result->token, cpu + 1);
	stay_on(cpu);
	doing("starting");
}

void token_return(int token)
{
	unsigned char cpu = (unsigned char)(token - 1);

	if (token && write(tokens[1], &cpu, 1) != 1)
		fail("the token pipe");
}

static void rest(void)
{
	token_return(atomic_exchange(&result->token, 0));
}

bool overdue(struct watch *w, int64_t bound, bool runnable)
{
	int64_t is = now(), gap = w->last ? is - w->last : 0;

	if (gap > 20 * MS)
		gap = 20 * MS;
	w->spent += runnable ? gap / 30 : gap;
	w->last = is;
	return w->spent > bound;
}

static int64_t starved_at_death;

/* One call, which can't be looked at. */
void note_recovery(int64_t since)
{
	int64_t took = now() - since;

	if (took > result->worst)
		result->worst = took;
	if (took - (starved() - starved_at_death) > BOUND)
		fail("recovery took %d ms", (int)(took / MS));
}

/* ---- the state before ---- */

static void must(const char *what, int err)
{
	if (err < 0)
		fail("preparing: %s: %s (%d)", what, chan_strerror(err), err);
}

static void prepare(unsigned endpoints)
{
	struct chan_options opt = scenario->opt;
	unsigned char buf[1024] = "";
	chan_t *ch;

	doing("preparing");
	memset(board, 0, sizeof(*board));
	trace_forget_segment();
	if (scenario->fresh) {
		/* A victim that went astray may have made it.  And what a process does
		 * once (the fork handlers) it has done now, in every run. */
		chan_unlink(channel);
		return;
	}
	opt.endpoints = endpoints;
	snprintf(second, sizeof(second), "%s.2", channel);
	if (scenario->second || scenario->letters)
		chan_remove(second); /* what a job left that failed */
	if (scenario->second)
		must("create", chan_create(second, &opt));
	if (scenario->letters)
		memcpy(opt.dead_letter, second, sizeof(second));
	must("create", chan_create(channel, &opt));
	must("open", chan_open(&ch, channel, CHAN_SEND | CHAN_RECV, NULL));
	for (unsigned i = 0; i < scenario->advance; i++) {
		must("send", chan_send(ch, buf, USUAL, 0));
		must("receive", (int)chan_recv(ch, buf, sizeof(buf), 0));
	}
	for (unsigned i = 1; i <= scenario->fill; i++)
		must("send", note_send(ch, PREPARER, i, USUAL, 0));
	if (scenario->closed)
		must("close", chan_close(ch, CHAN_DRAIN));
	chan_detach(ch);
	if (scenario->held)
		holder_take(scenario);
}

/* The channel's state, and that a holder of leases goes on. */
static void look(char *state, int64_t since)
{
	snapshot(state, since, scenario->held);
	if (scenario->held)
		holder_ack(scenario);
}

/* ---- what the job does while the victim is stopped ---- */

static void rouse(void)
{
	chan_t *ch;

	if (scenario->rouse == BY_NOBODY)
		return;
	if (scenario->rouse == BY_RECEIVING && scenario->held) {
		holder_receive(scenario);
		return;
	}
	ch = survivor_open(scenario->rouse == BY_SENDING ? CHAN_SEND : CHAN_RECV);
	if (scenario->rouse == BY_SENDING)
		must("rouse", note_send(ch, ROUSER, 1, USUAL, 0));
	else
		must("rouse", (int)note_recv(ch, PATIENCE));
	chan_detach(ch);
	/* The victim has not run yet: it is on this CPU.  So both count it. */
	if (scenario->second) {
		must("open", chan_open(&ch, second, CHAN_SEND, NULL));
		must("rouse", chan_send(ch, "second", 6, 0));
		chan_detach(ch);
	}
}

static unsigned peers(void)
{
	return scenario->peers ? scenario->peers : CHAN_SEND | CHAN_RECV;
}

/* Let contenders of the side go, as many as there are. */
static void go(unsigned role, unsigned how_many)
{
	contenders_go(role & peers(), how_many);
	contenders_settle();
}

static void go_all(void)
{
	go(CHAN_SEND, 1);
	go(CHAN_RECV, 1);
}

static void on_lock(unsigned side)
{
	doing("contenders come to a held lock");
	go(side, 2);
	go_all();
}

/* Return the side that sleeps with the victim, or for it. */
static unsigned sleepers(void)
{
	switch (scenario->rouse) {
	case BY_SENDING:
		return CHAN_RECV;
	case BY_RECEIVING:
		return CHAN_SEND;
	default:
		/* Of a broadcast nobody has what is there, and old messages make room. */
		if (scenario->opt.kind == CHAN_KIND_BROADCAST && scenario->roles == CHAN_SEND)
			return CHAN_RECV;
		return full_before(scenario) ? CHAN_SEND : CHAN_RECV;
	}
}

/* Let another process sleep behind the victim, and then wake one: that is the victim,
 * which could take the wake-up with it. */
static void one_more_sleeps(void)
{
	doing("a contender sleeps beside the victim");
	go(sleepers(), 1);
	rouse();
}

static void all_come(void)
{
	doing("contenders come to the sleeping victim");
	go(sleepers(), 1);
	go_all();
	if (scenario->held) /* whom the others don't help */
		rouse();
}

/* Start the processes that are there before the operation, and say what happens on its
 * way. */
static void set_scene(struct trace *t, enum flow flow)
{
	bool room = scenario->fill == 0 || full_before(scenario);

	if (scenario->rouse) {
		t->on_sleep = flow == LATE ? rouse : flow == EARLY ? all_come : one_more_sleeps;
	} else if (flow == EARLY) {
		if (room && !scenario->with)
			go(sleepers(), 1);
		t->on_lock = on_lock;
	} else if (flow == ASLEEP) {
		go(sleepers(), 2);
	}
}

/* ---- the victim's fate ---- */

static struct trace step(const struct scenario *s, bool every, unsigned point)
{
	struct trace t = {.every = every, .target = point};

	if (s == scenario && !s->meddle)
		t.skip = course;
	doing("the victim gets ready");
	trace_start(&t, s);
	return t;
}

/* What it came to, if it ended before the kill. */
static void completed(const struct trace *t, bool undisturbed)
{
	int got = atomic_load(&board->result);

	if (!t->complete)
		return;
	if (got == -EBADMSG || (undisturbed && got != scenario->result))
		fail("the operation returned %d (%s), not %d", got, chan_strerror(got),
			scenario->result);
	for (unsigned i = 1; i <= scenario->sends; i++)
		atomic_store(&board->sending[VICTIM][i],
			got < 0 || (got > 0 && scenario->sends == 1) ? REFUSED : SENT);
}

static int64_t kill_it(struct trace *t)
{
	int64_t when;

	doing("killing");
	trace_kill(t);
	when = now();
	starved_at_death = starved();
	result->deaths++;
	return when;
}

static int64_t die_alone(bool every, unsigned point)
{
	struct trace t = step(scenario, every, point);

	t.on_sleep = rouse;
	t.on_change = scenario->meddle;
	doing("stepping");
	trace_run(&t);
	result->points = t.points;
	result->changes = t.changes;
	result->course = t.course;
	result->complete = t.complete;
	completed(&t, true);
	return kill_it(&t);
}

/* ---- the flows ---- */

static void alone(bool every, unsigned point)
{
	int64_t since;

	prepare(4);
	if (scenario->nameless)
		survivor_keep(0);
	since = die_alone(every, point);
	look(result->snapshot, since);
	survivor_close();
	if (strcmp(result->snapshot, "gone") && segment_exists(channel) == 0)
		take_stock(scenario);
	all_is_back(scenario);
}

/*
 * Segments as the dead left them: [0] the victim, [1] the recoverer killed at `at`.
 * Nothing else is left of them, so it need not be done again for each of the next
 * ones.  (But where a holder of leases lives.)
 */
static struct {
	struct image left[2];
	unsigned at;
} dead;

/* Have the channel as it was left before recoverer *next is at work. */
static void let_die(bool every, unsigned point, unsigned at, unsigned *next)
{
	*next = dead.left[1].bytes && dead.at == at;
	if (dead.left[*next].bytes) {
		image_restore(&dead.left[*next]);
		return;
	}
	prepare(4);
	die_alone(every, point);
	if (!scenario->held)
		image_save(&dead.left[0]);
}

#define TO_ITS_END (UINT_MAX - 1)

static void forget_the_dead(void)
{
	image_free(&dead.left[0]);
	image_free(&dead.left[1]);
	must("remove", chan_remove(channel));
}

/* Kill at `point`, then the recoverer at at[0], and the next one at at[1], unless
 * that is UINT_MAX: it comes to the same as an undisturbed recovery.  The courses
 * are of[0] and of[1]. */
static void recover_at(bool every, unsigned point, const struct scenario *r, const unsigned at[2],
	struct course of[2])
{
	char state[SNAPSHOT];
	int64_t since = 0;
	unsigned next;

	let_die(every, point, at[0], &next);
	for (unsigned i = next; i < 2 && at[i] != UINT_MAX; i++) {
		struct trace t = step(r, false, at[i]);

		t.skip = course && of[i].points ? &of[i] : NULL;
		doing("stepping the recoverer");
		trace_run(&t);
		if (t.complete)
			of[i] = t.course;
		since = kill_it(&t);
		if (i == 0 && !scenario->held) {
			image_save(&dead.left[1]);
			dead.at = at[0];
		}
	}
	look(state, since);
	if (strcmp(state, result->snapshot))
		fail("recoverer \"%s\" killed at %d, the next at %d: %s; undisturbed: %s", r->name,
			(int)at[0], (int)at[1], state, result->snapshot);
	if (scenario->held)
		must("remove", chan_remove(channel));
	rest();
	token_take();
}

/*
 * The first recoverer at its every point (at every `stride`th, others for each
 * point of the victim, so that together they are all), and, if there is a `third`,
 * behind every fourth of these the second one at every `third`th of its own.  Each
 * undisturbed before, which gives its course: most of the time goes there.
 */
static void chain(
	bool every, unsigned point, const struct scenario *r, unsigned stride, unsigned third)
{
	static struct course of[2];
	unsigned shift = point;

	of[0].points = 0;
	recover_at(every, point, r, (unsigned[]){TO_ITS_END, UINT_MAX}, of);
	for (unsigned i = point % stride; i < of[0].points; i += stride) {
		recover_at(every, point, r, (unsigned[]){i, UINT_MAX}, of);
		if (third == 0 || (i + point) / stride % 4)
			continue;
		of[1].points = 0;
		recover_at(every, point, r, (unsigned[]){i, TO_ITS_END}, of);
		for (unsigned j = shift++ % third; j < of[1].points; j += third)
			recover_at(every, point, r, (unsigned[]){i, j}, of);
	}
	if (!scenario->held)
		forget_the_dead();
}

static void chained(bool every, unsigned point)
{
	struct result before;

	alone(every, point);
	before = *result;
	chain(every, point, &recoverers[0], full ? 2 : 30, full ? 8 : 16);
	for (unsigned i = 1; full && i < n_recoverers; i++)
		chain(every, point, &recoverers[i], 6, 0);
	result->points = before.points;
	result->changes = before.changes;
}

/* Hold each lock that is free while the victim dies: a lock that it gave back, but
 * whose waiters it did not yet wake, passes by these, and is free again. */
static void barge_in(chan_t *ch, bool held[2])
{
	struct limit limit = {.only_tries = true};

	if (!ch)
		return;
	held[0] = senders_enter(ch, &limit) == 0;
	held[1] = receivers_enter(ch, &limit) == 0;
}

static void barge_out(chan_t *ch, const bool held[2])
{
	if (held[1])
		receivers_leave(ch);
	if (held[0])
		senders_leave(ch);
}

static unsigned opposite(unsigned role)
{
	return role == CHAN_SEND ? CHAN_RECV : CHAN_SEND;
}

static void busy(enum flow flow, bool every, unsigned point)
{
	chan_t *barger = NULL;
	bool held[2] = {false, false};
	struct trace t;
	int64_t since;

	prepare(8);
	contenders_make(peers());
	if (scenario->nameless)
		survivor_keep(CHAN_SEND | CHAN_RECV);
	if (flow == EARLY)
		must("open", chan_open(&barger, channel, peers(), NULL));
	if (scenario->with)
		go(scenario->with, 1);
	t = step(scenario, every, point);
	/* Now: to open the channel reads its file, too. */
	atomic_store(&board->linger, scenario->loop != 0);
	if (scenario->loop)
		loop_rest(scenario->loop);
	set_scene(&t, flow);
	doing("stepping");
	trace_run(&t);
	doing("contenders come");
	if (flow == ASLEEP)
		go(sleepers(), 1);
	else
		go_all();
	/* The victim is as good as stopped for ever. */
	if (scenario->loop && (t.complete || contender_finished(opposite(scenario->loop))))
		loop_wakes(t.complete ? "the operation" : "the work of another one");
	barge_in(barger, held);
	result->points = t.points;
	result->changes = t.changes;
	result->course = t.course;
	result->complete = t.complete;
	completed(&t, false);
	since = kill_it(&t);
	if (scenario->loop) {
		loop_wakes("the death");
		loop_end();
	}
	atomic_store(&board->linger, 0);
	barge_out(barger, held);
	rest();
	contenders_go_on(scenario, since);
	token_take();
	chan_detach(barger);
	if (scenario->held)
		holder_ack(scenario);
	take_stock(scenario);
	survivor_close();
	if (flow == ASLEEP)
		still_wakes(scenario);
	all_is_back(scenario);
}

void job_run(const struct scenario *s, enum flow flow, bool every, unsigned point,
	const struct course *known)
{
	scenario = s;
	course = known;
	token_take();
	switch (flow) {
	case ALONE:
		alone(every, point);
		break;
	case CHAINED:
		chained(every, point);
		break;
	default:
		busy(flow, every, point);
		break;
	}
	if (s->second || s->letters)
		chan_remove(second);
	rest();
	_exit(0);
}
