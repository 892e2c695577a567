/* SPDX-License-Identifier: MIT */
/*
 * What survivors see and do.
 *
 * Each message carries its sender and its number, and is filled with a pattern
 * that depends on both: a torn or mixed one is found by its bytes.  The board
 * counts how each was sent and how often it was received; take_stock() says what
 * that may come to in the end.
 */
#include "stepkill.h"

#include "channel/lanes.h"
#include "core/ladder.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- messages ---- */

struct tag {
	uint32_t who, number, len;
};

static unsigned char pattern(uint32_t who, uint32_t number, unsigned i)
{
	return (unsigned char)(who * 97 + number * 31 + i * 7 + (i >> 8));
}

void message_make(unsigned char *buf, unsigned who, unsigned number, unsigned len)
{
	struct tag tag = {who, number, len};

	memcpy(buf, &tag, sizeof(tag));
	for (unsigned i = sizeof(tag); i < len; i++)
		buf[i] = pattern(who, number, i);
}

static struct tag message_check(const unsigned char *buf, size_t len)
{
	struct tag tag;

	if (len < sizeof(tag))
		fail("a message of %zu bytes was never sent", len);
	memcpy(&tag, buf, sizeof(tag));
	if (tag.who >= WHOS || tag.number >= NUMBERS || tag.len != len)
		fail("torn message: from %u, number %u, length %u and not %zu", tag.who, tag.number,
			tag.len, len);
	for (unsigned i = sizeof(tag); i < len; i++)
		if (buf[i] != pattern(tag.who, tag.number, i))
			fail("torn message: byte %u of %u.%u", i, tag.who, tag.number);
	return tag;
}

int note_send(chan_t *ch, unsigned who, unsigned number, unsigned len, int64_t timeout)
{
	unsigned char buf[1024];
	int err;

	message_make(buf, who, number, len);
	atomic_store(&board->sending[who][number], ATTEMPTED);
	err = chan_send(ch, buf, len, timeout);
	atomic_store(&board->sending[who][number], err == 0 ? SENT : REFUSED);
	return err;
}

ssize_t note_recv(chan_t *ch, int64_t timeout)
{
	unsigned char buf[1024];
	ssize_t n = chan_recv(ch, buf, sizeof(buf), timeout);
	struct tag tag;

	if (n < 0)
		return n;
	tag = message_check(buf, (size_t)n);
	if (atomic_fetch_add(&board->got[tag.who][tag.number], 1) && !ch->kind->read &&
		ch->ring_roles & CHAN_RECV)
		fail("message %u.%u was received twice", tag.who, tag.number);
	return n;
}

chan_t *survivor_open(unsigned flags)
{
	struct watch watch = {0, 0};
	chan_t *ch;
	int err;

	do {
		err = chan_open(&ch, channel, flags, NULL);
		if (err == 0)
			return ch;
		nap(MS / 3);
	} while (!overdue(&watch, BOUND, false));
	fail("a newcomer can't open it: %s (%d)", chan_strerror(err), err);
}

static chan_t *kept;
static unsigned kept_roles;

void survivor_keep(unsigned roles)
{
	kept = survivor_open(roles);
	kept_roles = roles;
	trace_segment(); /* the job's own look, as long as there is a name */
}

void survivor_close(void)
{
	chan_detach(kept);
	kept = NULL;
	kept_roles = 0;
}

static bool name_is_gone(void)
{
	return segment_exists(channel) == -ENOENT;
}

/* One that comes now; or the one that was kept, if nobody can come any more. */
static chan_t *newcomer(unsigned flags)
{
	return (kept_roles & flags) == flags && name_is_gone() ? kept : survivor_open(flags);
}

static void newcomer_leaves(chan_t *ch)
{
	if (ch != kept)
		chan_detach(ch);
}

/* Returns true if the channel keeps a value: each survivor may get it, and what was replaced
 * is nobody's. */
static bool keeps_a_value(const struct scenario *s)
{
	return s->opt.kind == CHAN_KIND_LATEST;
}

/* Returns true if each survivor that receives gets all that is sent from then on, and what
 * was sent before stays as long as there is room. */
static bool each_gets_all(const struct scenario *s)
{
	return s->opt.kind == CHAN_KIND_BROADCAST;
}

/* ---- contenders ---- */

static bool sees_first; /* a receiver gets the value that is there before it is ready */

static int contend(struct contender *c, unsigned number)
{
	chan_t *ch = survivor_open(c->role);
	int err = chan_set_overflow(ch, CHAN_BLOCK);

	if (sees_first && c->role == CHAN_RECV)
		note_recv(ch, 0);
	atomic_store(&c->ready, 1);
	while (!atomic_load(&c->going))
		nap(MS / 3);
	if (atomic_load(&c->going) < 0)
		return 0;
	if (err == 0)
		err = c->role == CHAN_SEND ? note_send(ch, CONTENDER + number, 1, USUAL, PATIENCE)
					   : (int)note_recv(ch, PATIENCE);
	c->when = now();
	return err;
}

static void make(unsigned i, unsigned role)
{
	struct contender *c = &board->contender[i];
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	c->role = role;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c->result = contend(c, i);
		atomic_store(&c->finished, 1);
		while (atomic_load(&board->linger))
			nap(MS / 3);
		_exit(0); /* its endpoint ends as by a death */
	}
	c->pid = pid;
}

void contenders_make(unsigned roles)
{
	for (unsigned i = 0; i < 4; i++)
		if (roles & (i % 2 ? CHAN_RECV : CHAN_SEND))
			make(i, i % 2 ? CHAN_RECV : CHAN_SEND);
	for (unsigned i = 0; i < 4; i++)
		while (board->contender[i].role && !atomic_load(&board->contender[i].ready)) {
			if (waitpid(board->contender[i].pid, NULL, WNOHANG))
				_exit(1); /* it said why */
			nap(MS / 3);
		}
}

void contenders_go(unsigned roles, unsigned how_many)
{
	unsigned n[3] = {0, 0, 0};

	for (unsigned i = 0; i < 4; i++) {
		struct contender *c = &board->contender[i];

		if (!(c->role & roles) || n[c->role]++ >= how_many || atomic_load(&c->going))
			continue;
		result->survivors++;
		atomic_store(&c->going, 1);
	}
}

/* Those that were not needed. */
static void contenders_dismiss(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct contender *c = &board->contender[i];

		if (!c->role || atomic_load(&c->going))
			continue;
		atomic_store(&c->going, -1);
		waitpid(c->pid, NULL, 0);
		c->role = 0;
	}
}

static bool settled(const struct contender *c)
{
	return atomic_load(&c->finished) || !atomic_load(&c->going) || trace_asleep(c->pid);
}

void contenders_settle(void)
{
	struct watch watch = {0, 0};

	for (unsigned i = 0; i < 4; i++)
		while (board->contender[i].role && !settled(&board->contender[i])) {
			if (overdue(&watch, BOUND, trace_runnable(board->contender[i].pid)))
				fail("a survivor neither sleeps nor ends");
			nap(MS / 3);
		}
}

bool contender_finished(unsigned role)
{
	for (unsigned i = 0; i < 4; i++)
		if (board->contender[i].role == role &&
			atomic_load(&board->contender[i].finished) &&
			board->contender[i].result >= 0)
			return true;
	return false;
}

static bool unfinished(unsigned role)
{
	for (unsigned i = 0; i < 4; i++)
		if (board->contender[i].role == role && !atomic_load(&board->contender[i].finished))
			return true;
	return false;
}

/* Returns true if one of them would do something if it had a CPU. */
static bool anybody_runnable(void)
{
	for (unsigned i = 0; i < 4; i++)
		if (board->contender[i].role && !atomic_load(&board->contender[i].finished) &&
			trace_runnable(board->contender[i].pid))
			return true;
	return false;
}

/* The subscriber in endpoint slot `i`, or, behind these, a group. */
static const struct layout_subscriber *subscriber(uint32_t i)
{
	struct layout *l = trace_segment();
	struct geometry g = {.endpoints = l->header.endpoints};

	return (const struct layout_subscriber *)((const char *)l + geometry_subscribers(&g)) + i;
}

static bool attached(pid_t pid, uint32_t slot)
{
	return atomic_load(&trace_segment()->endpoint[slot].pid) == pid;
}

/* Return the bytes of messages between two positions. */
static uint64_t bytes_between(const struct scenario *s, uint64_t from, uint64_t to)
{
	struct ladder l;

	if (!s->opt.max_capacity)
		return to - from;
	ladder_make(&l, CAPACITY, s->opt.max_capacity);
	return ladder_used(&l, &trace_segment()->control.ladder, from, to);
}

/* Returns true if a contender that waits for a message has one that it has not received. */
static bool any_is_behind(const struct scenario *s)
{
	const struct layout *l = trace_segment();

	for (unsigned i = 0; i < 4; i++)
		for (uint32_t slot = 0; slot < l->header.endpoints; slot++)
			if (board->contender[i].role == CHAN_RECV &&
				!atomic_load(&board->contender[i].finished) &&
				attached(board->contender[i].pid, slot) &&
				atomic_load(&subscriber(slot)->state) &&
				bytes_between(s, atomic_load(&subscriber(slot)->position),
					atomic_load(&l->control.senders.position)) > 0)
				return true;
	return false;
}

/* Return the smallest position of a process that lives, or a group, and holds; or the end. */
static uint64_t smallest_holder(void)
{
	const struct layout *l = trace_segment();
	uint64_t least = atomic_load(&l->control.senders.position);

	for (uint32_t i = 0; i < l->header.endpoints + l->header.groups; i++) {
		const struct layout_subscriber *s = subscriber(i);

		if (atomic_load(&s->state) == SUBSCRIBER_HOLDS &&
			atomic_load(&s->position) < least &&
			(i >= l->header.endpoints ||
				kill(atomic_load(&l->endpoint[i].pid), 0) == 0))
			least = atomic_load(&s->position);
	}
	return least;
}

/* Returns true if that is in the way of a sender. */
static bool any_is_in_the_way(void)
{
	uint64_t head = atomic_load(&trace_segment()->control.senders.position);

	return head - smallest_holder() + ring_size(USUAL) + RING_ALIGN > CAPACITY;
}

bool full_before(const struct scenario *s)
{
	uint64_t most = s->opt.max_capacity ? s->opt.max_capacity : CAPACITY;

	return s->fill == FULL * (most / CAPACITY);
}

/* The same of a channel that grows: a message, or room in the ring or in one to grow into. */
static bool can_go_on_growing(const struct scenario *s, unsigned role)
{
	const struct layout_control *c = &trace_segment()->control;
	uint64_t head = each_gets_all(s) ? smallest_holder() : atomic_load(&c->receivers.position),
		 start;
	uint64_t tail = atomic_load(&c->senders.position);
	struct ladder l;
	int now;

	ladder_make(&l, CAPACITY, s->opt.max_capacity);
	if (role == CHAN_RECV)
		return ladder_used(&l, &c->ladder, head, tail) > 0;
	now = ladder_find(&l, &c->ladder, tail);
	for (int i = 0; i < (int)l.n; i++)
		if (i != now && ladder_is_free(&c->ladder.rung[i], head))
			return true;
	if (now < 0)
		return false;
	start = atomic_load(&c->ladder.rung[now].start);
	return tail - (head > start ? head : start) + ring_size(USUAL) + RING_ALIGN <=
	       l.rung[now].capacity;
}

/* Returns true if those of the role can go on without help, as seen from outside. */
static bool can_go_on(const struct scenario *s, unsigned role)
{
	struct layout_control *c = &trace_segment()->control;
	uint64_t used = atomic_load(&c->senders.position) - atomic_load(&c->receivers.position);

	if (!unfinished(role))
		return false;
	if (atomic_load(&c->state) & LAYOUT_ENDED ||
		(name_is_gone() && !(atomic_load(&c->state) & LAYOUT_UNLINKED)))
		return true;
	if (role == CHAN_RECV && s->opt.flags & CHAN_END_WITH_SENDERS && s->peers == CHAN_RECV)
		return true;
	if (role == CHAN_SEND && s->opt.flags & CHAN_NEED_RECEIVERS && s->peers == CHAN_SEND)
		return true;
	if (role == CHAN_RECV && atomic_load(&c->state) & LAYOUT_PAUSED)
		return false;
	if (keeps_a_value(s))
		return role == CHAN_SEND || atomic_load(&c->senders.position);
	if (each_gets_all(s))
		return role == CHAN_RECV     ? any_is_behind(s)
		       : s->opt.max_capacity ? can_go_on_growing(s, role)
					     : !any_is_in_the_way();
	if (s->opt.flags & CHAN_RENDEZVOUS)
		return unfinished(CHAN_SEND) && unfinished(CHAN_RECV);
	if (s->opt.max_capacity)
		return can_go_on_growing(s, role);
	return role == CHAN_RECV ? used > 0 : used + ring_size(USUAL) + RING_ALIGN <= CAPACITY;
}

static void no_word_of(unsigned role)
{
	fail("a %s sleeps beside %s for over %d ms", role == CHAN_RECV ? "receiver" : "sender",
		role == CHAN_RECV ? "a message" : "free space", (int)(BOUND / MS));
}

static void by_themselves(const struct scenario *s)
{
	struct watch watch = {0, 0};

	while (can_go_on(s, CHAN_RECV) || can_go_on(s, CHAN_SEND)) {
		if (overdue(&watch, BOUND, anybody_runnable()))
			no_word_of(can_go_on(s, CHAN_RECV) ? CHAN_RECV : CHAN_SEND);
		nap(MS / 3);
	}
}

/* Let a newcomer send to those that receive, and the other way round. */
static void with_help(const struct scenario *s)
{
	struct watch watch = {0, 0};
	unsigned sent = 0;
	chan_t *ch;

	doing("a newcomer helps the blocked ones");
	/* A subscriber that does not receive would be one more in the way. */
	ch = newcomer(each_gets_all(s) ? CHAN_SEND : CHAN_SEND | CHAN_RECV);
	result->survivors++;
	if (!keeps_a_value(s))
		chan_pause(ch, 0);
	while (unfinished(CHAN_RECV) || unfinished(CHAN_SEND)) {
		if (unfinished(CHAN_RECV) && !can_go_on(s, CHAN_RECV) && sent < NUMBERS / 2)
			sent += note_send(ch, NEWCOMER, sent + 1, USUAL, 0) == 0;
		if (unfinished(CHAN_SEND) && !can_go_on(s, CHAN_SEND)) {
			if (!each_gets_all(s))
				note_recv(ch, 0);
			else if (s->held)
				holder_receive(s);
			else
				chan_remove_group(ch, "group");
		}
		if (overdue(&watch, BOUND, anybody_runnable()))
			fail("a blocked %s does not go on after a newcomer's work",
				unfinished(CHAN_RECV) ? "receiver" : "sender");
		nap(MS / 3);
	}
	newcomer_leaves(ch);
}

void contenders_go_on(const struct scenario *s, int64_t since)
{
	doing("blocked survivors go on by themselves");
	contenders_dismiss();
	by_themselves(s);
	for (unsigned i = 0; i < 4; i++)
		if (board->contender[i].role && atomic_load(&board->contender[i].finished) &&
			board->contender[i].when - since > result->worst)
			result->worst = board->contender[i].when - since;
	if (unfinished(CHAN_RECV) || unfinished(CHAN_SEND))
		with_help(s);
	for (unsigned i = 0; i < 4; i++) {
		struct contender *c = &board->contender[i];

		if (!c->role)
			continue;
		waitpid(c->pid, NULL, 0);
		if (result->failed)
			_exit(1); /* it said why */
		if (c->result < 0 && !((c->result == -EPIPE || c->result == -EIDRM) && s->ends) &&
			!(c->result == -ECANCELED && s->purges && c->role == CHAN_SEND))
			fail("a survivor's %s: %s (%d)", c->role == CHAN_SEND ? "send" : "receive",
				chan_strerror(c->result), c->result);
	}
}

/* ---- a holder of leases that lives ---- */

static chan_t *holder;
static struct chan_lease lease[2];
static bool leases_ended;
static uint64_t holder_got; /* so many messages it has got, or was told that it lost */

void holder_take(const struct scenario *s)
{
	struct chan_subscription all = {.size = sizeof(all), .from = CHAN_FROM_OLDEST};

	if (!each_gets_all(s))
		holder = survivor_open(CHAN_RECV);
	else if (chan_subscribe(&holder, channel, &all) < 0)
		fail("preparing: can't subscribe");
	if (chan_take(holder, lease, 2, 0) != 2)
		fail("preparing: can't take two");
	leases_ended = false;
	holder_got = 2;
}

static void end_leases(const struct scenario *s)
{
	unsigned char copy[2][1024];
	int n;

	if (leases_ended)
		return;
	for (unsigned i = 0; i < 2; i++)
		memcpy(copy[i], lease[i].data, lease[i].len);
	n = chan_ack(holder, lease, 2);
	leases_ended = true;
	/* One that was evicted finds that they may have been overwritten. */
	if (n != 2 && s->opt.on_lag != CHAN_LAG_EVICT)
		fail("its leases are lost: %s (%d)", chan_strerror(n), n);
	for (int i = 0; i < n; i++) {
		struct tag tag = message_check(copy[i], lease[i].len);

		atomic_fetch_add(&board->got[tag.who][tag.number], 1);
	}
}

/* Receive one message as a subscriber: false if there is none. */
static bool receive_next(const struct scenario *s)
{
	unsigned char buf[1024];
	ssize_t n = chan_recv(holder, buf, sizeof(buf), 0);

	if (n >= 0) {
		message_check(buf, (size_t)n);
		holder_got++;
	} else if (n == -EOVERFLOW && s->opt.on_lag == CHAN_LAG_EVICT) {
		holder_got += chan_lost(holder);
	} else if (n == -EAGAIN || n == -EPIPE || n == -EIDRM) {
		return false;
	} else {
		fail("the one that holds: %s (%zd)", chan_strerror((int)n), n);
	}
	return true;
}

/* What it got, and was told that it lost, is all that was sent. */
static void receive_the_rest(const struct scenario *s)
{
	struct chan_stat st = {.size = sizeof(st)};

	while (receive_next(s))
		;
	if (chan_stat(holder, &st) < 0 || holder_got != st.sent)
		fail("the one that holds got or lost %llu messages of %llu",
			(unsigned long long)holder_got, (unsigned long long)st.sent);
}

void holder_receive(const struct scenario *s)
{
	if (leases_ended)
		receive_next(s);
	end_leases(s);
}

void holder_ack(const struct scenario *s)
{
	doing("a holder of leases goes on");
	end_leases(s);
	if (each_gets_all(s))
		receive_the_rest(s);
	chan_detach(holder);
	result->survivors++;
}

/* ---- an event loop ---- */

static chan_t *looping;
static int loop_fd;

static bool loop_readable(int ms)
{
	struct pollfd p = {.fd = loop_fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

void loop_rest(unsigned role)
{
	struct chan_case one = {.size = sizeof(one),
		.op = role == CHAN_SEND ? CHAN_OP_SEND : CHAN_OP_RECV,
		.len = USUAL};

	looping = survivor_open(role);
	one.ch = looping;
	loop_fd = chan_fd(looping, role);
	if (loop_fd < 0)
		fail("chan_fd: %s (%d)", chan_strerror(loop_fd), loop_fd);
	while (chan_select(&one, 1, 0, CHAN_ONLY_READY) == -EAGAIN && loop_readable(0))
		;
	if (loop_readable(0))
		fail("preparing: the event loop does not rest");
}

void loop_wakes(const char *by)
{
	doing("the event loop is woken");
	if (!loop_readable((int)(BOUND / MS)))
		fail("an event loop sleeps beside work, after %s", by);
	result->survivors++;
}

void loop_end(void)
{
	chan_detach(looping);
	looping = NULL;
}

/* ---- the channel's state ---- */

struct text {
	char *at;
	size_t room;
};

static void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->room)
		fail("a snapshot too long");
	t->at += n;
	t->room -= (size_t)n;
}

static void say_messages(struct text *t, chan_t *ch)
{
	struct chan_cursor at = {.pos = 0};
	unsigned char buf[1024];
	ssize_t n;

	while ((n = chan_peek(ch, buf, sizeof(buf), &at)) >= 0) {
		struct tag tag = message_check(buf, (size_t)n);

		say(t, " %u.%u(%llu,%u)", tag.who, tag.number, (unsigned long long)at.seq,
			at.attempt);
	}
	if (n != -EAGAIN)
		fail("peek: %s (%zd)", chan_strerror((int)n), n);
}

/* Of a channel without groups: nothing. */
static void say_groups(struct text *t)
{
	const struct layout_header *h = &trace_segment()->header;

	for (uint32_t i = h->endpoints; i < h->endpoints + h->groups; i++)
		if (atomic_load(&subscriber(i)->state))
			say(t, " group: state %u at %llu", atomic_load(&subscriber(i)->state),
				(unsigned long long)atomic_load(&subscriber(i)->position));
}

/* Of a channel that remembers ids: which. */
static void say_ids(struct text *t, chan_t *ch, uint64_t duplicates)
{
	uint32_t lanes;
	struct chan *const *lane = lanes_of(&ch, &lanes);

	for (uint32_t i = 0; i < lanes && lane[i]->ids.slot; i++) {
		struct ring_cursor at = {.pos = 0};

		say(t, i ? ";" : " duplicates %llu ids", (unsigned long long)duplicates);
		ring_begin(&lane[i]->ring, &at);
		for (uint8_t id = 0; id < 16; id++)
			if (ids_has(&lane[i]->ids, at.seq, (uint8_t[16]){id}, (struct ids_now){0}))
				say(t, " %u", id);
	}
}

/* Return how many letters came in the second channel, which may be missing. */
static uint64_t letters(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	chan_t *ch;
	int err = chan_open(&ch, second, 0, NULL);

	if (err == 0) {
		err = chan_stat(ch, &st);
		chan_detach(ch);
	} else if (err == -ENOENT) {
		return 0;
	}
	if (err < 0)
		fail("the channel for letters: %s (%d)", chan_strerror(err), err);
	return st.sent;
}

static void letters_came(const struct scenario *s)
{
	doing("the letters");
	/* Twice, if who had sent it died before it ended its lease. */
	if (letters() < 1 || letters() > (s->second ? 2 : 1))
		fail("%llu letters came", (unsigned long long)letters());
}

/* Wait until the dead are gone.  A program that reads /proc/PID/cmdline or the like (ps)
 * keeps the memory of a dead process, and so its endpoint, a moment longer. */
static void await_deserted(const chan_t *ch, unsigned receivers)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct watch watch = {0, 0};

	while (chan_stat(ch, &st) == 0 && (st.senders || st.receivers != receivers) &&
		!overdue(&watch, BOUND, false))
		nap(MS / 3);
}

void snapshot(char *ret, int64_t since, unsigned receivers)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct text text = {ret, SNAPSHOT};
	chan_t *ch;
	int err;

	doing("a newcomer recovers");
	result->survivors++;
	err = chan_open(&ch, channel, 0, NULL);
	if (err == -ENOENT && kept) {
		ch = kept;
		err = 0;
	}
	if (err == -ENOENT) {
		say(&text, "gone");
		return;
	}
	if (err < 0)
		fail("an observer can't open it: %s (%d)", chan_strerror(err), err);
	await_deserted(ch, receivers);
	err = chan_recover(ch);
	if (err < 0)
		fail("recover: %s (%d)", chan_strerror(err), err);
	note_recovery(since);
	doing("the state after recovery");
	err = ch->kind->valid(&ch->ring);
	if (err < 0)
		fail("the ring is not valid after recovery");
	err = chan_stat(ch, &st);
	if (err < 0)
		fail("stat: %s (%d)", chan_strerror(err), err);
	if (st.damaged)
		fail("marked as damaged");
	if (st.senders || st.receivers != receivers)
		fail("%u senders and %u receivers are left", st.senders, st.receivers);
	say(&text,
		"used %llu depth %llu sent %llu dropped %llu+%llu+%llu expired %llu closed %u "
		"removed %u paused %u:",
		(unsigned long long)st.used, (unsigned long long)st.depth,
		(unsigned long long)st.sent, (unsigned long long)st.dropped_newest,
		(unsigned long long)st.dropped_oldest, (unsigned long long)st.dropped_leased,
		(unsigned long long)st.expired, st.closed, st.removed, st.paused);
	chan_pause(ch, 0);
	say_messages(&text, ch);
	say_ids(&text, ch, st.duplicates);
	if (st.dead_letter[0])
		say(&text, " letters %llu buried %llu", (unsigned long long)letters(),
			(unsigned long long)st.buried);
	say_groups(&text);
	newcomer_leaves(ch);
}

/* ---- accounts ---- */

static void drain(chan_t *ch)
{
	ssize_t n;

	if (ch->kind->restore)
		chan_kick(ch, UINT64_MAX);
	while ((n = note_recv(ch, 0)) >= 0)
		;
	if (n != -EAGAIN && n != -EPIPE && n != -EIDRM)
		fail("draining: %s (%zd)", chan_strerror((int)n), n);
}

/*
 * A message that was sent is received once, but for those that the victim was
 * taking out; one that was refused never; the victim's, whose send did not
 * return, once or never, and all of a batch alike.
 */
static void check_accounts(const struct scenario *s)
{
	unsigned missing = 0, victims = 0;

	for (unsigned who = 0; who < WHOS; who++)
		for (unsigned i = 0; i < NUMBERS; i++) {
			int got = atomic_load(&board->got[who][i]);
			int sending = atomic_load(&board->sending[who][i]);

			if (got && (sending == NOT_SENT || sending == REFUSED))
				fail("message %u.%u was received and never sent", who, i);
			missing += sending == SENT && !got;
			victims += who == VICTIM && got;
		}
	if (keeps_a_value(s)) /* which one, snapshot() has seen */
		return;
	if (missing > s->eats)
		fail("%u messages are lost, of %u that the victim was taking", missing, s->eats);
	if (victims && victims != s->sends && !s->eats)
		fail("%u of a batch of %u", victims, s->sends);
}

static uint64_t memory_at_first(void)
{
	return trace_segment()->header.ring_offset + CAPACITY;
}

/* The memory that it has grown by is given back when the last one leaves. */
static void memory_is_back(void)
{
	if (trace_memory() != memory_at_first())
		fail("it has %llu bytes of memory, and not %llu as in the beginning",
			(unsigned long long)trace_memory(), (unsigned long long)memory_at_first());
}

/* And after a quiet while.  (A process that is dying may have a lock for a moment, as in
 * await_deserted(): then it is left to the next one.  That one pass is enough is in
 * tests/channel/test_growing.c.) */
static void becomes_small(chan_t *ch)
{
	struct watch watch = {0, 0};
	int err;

	do {
		atomic_store(&ch->control->ladder.needed, 0); /* as if the while was over */
		err = chan_recover(ch);
		if (err < 0)
			fail("recover: %s (%d)", chan_strerror(err), err);
	} while (trace_memory() != memory_at_first() && !overdue(&watch, BOUND, false));
	memory_is_back();
}

static chan_t *newcomer_from_oldest(void)
{
	struct chan_subscription all = {.size = sizeof(all), .from = CHAN_FROM_OLDEST};
	struct watch watch = {0, 0};
	chan_t *ch;
	int err;

	do
		err = chan_subscribe(&ch, channel, &all);
	while (err < 0 && !overdue(&watch, BOUND, false));
	if (err < 0)
		fail("a newcomer can't subscribe: %s (%d)", chan_strerror(err), err);
	return ch;
}

void take_stock(const struct scenario *s)
{
	chan_t *ch;

	doing("a newcomer drains it");
	ch = each_gets_all(s) && !name_is_gone() ? newcomer_from_oldest()
						 : newcomer(CHAN_SEND | CHAN_RECV);
	result->survivors++;
	if (s->letters && !s->second && chan_create(second, &s->opt) < 0)
		fail("the channel for letters can't be made");
	drain(ch);
	check_accounts(s);
	if (ch->kind->valid(&ch->ring) < 0)
		fail("the ring is not valid in the end");
	if (s->opt.max_capacity)
		becomes_small(ch);
	if (s->letters)
		letters_came(s);
	newcomer_leaves(ch);
}

/* ---- waking ---- */

/* What a dead sleeper leaves in a condition variable may show only later. */
void still_wakes(const struct scenario *s)
{
	struct watch watch;
	chan_t *ch;

	if (s->ends || s->closed || s->nameless)
		return;
	doing("newcomers sleep and are woken");
	sees_first = keeps_a_value(s);
	ch = survivor_open(CHAN_SEND);
	for (unsigned i = 0; i < 6; i += 2) {
		memset(board->contender, 0, sizeof(board->contender));
		contenders_make(CHAN_RECV);
		contenders_go(CHAN_RECV, 2);
		contenders_settle();
		watch = (struct watch){0, 0};
		for (unsigned j = 0; j < 2; j++)
			if (note_send(ch, NEWCOMER, NUMBERS - 1 - i - j, USUAL, PATIENCE) < 0)
				fail("a newcomer's send");
		while (unfinished(CHAN_RECV)) {
			if (overdue(&watch, BOUND, anybody_runnable()))
				no_word_of(CHAN_RECV);
			nap(MS / 3);
		}
		result->survivors += 2;
		for (unsigned j = 0; j < 4; j++)
			if (board->contender[j].role)
				waitpid(board->contender[j].pid, NULL, 0);
	}
	chan_detach(ch);
}

/* ---- locks, endpoints, space, name ---- */

/* Return how many of the usual messages fit, in all rings of one that grows. */
static unsigned all_that_fit(const struct scenario *s)
{
	struct ladder l;
	uint64_t n = 0;

	if (s->opt.flags & CHAN_META || s->opt.lanes)
		return (CAPACITY - RING_ALIGN) / ring_size(sizeof(struct layout_meta) + USUAL);
	if (!s->opt.max_capacity)
		return FULL;
	ladder_make(&l, CAPACITY, s->opt.max_capacity);
	for (unsigned i = 0; i < l.n; i++)
		n += (l.rung[i].capacity - RING_ALIGN) / ring_size(USUAL);
	return (unsigned)n;
}

static void space_is_back(const struct scenario *s, chan_t *ch)
{
	static const unsigned char message[USUAL];
	unsigned char buf[USUAL];
	unsigned n = 0, fit = all_that_fit(s);
	ssize_t got;
	int err;

	err = chan_set_overflow(ch, CHAN_FAIL);
	while (err == 0 && n <= fit) {
		err = chan_send(ch, message, sizeof(message), 0);
		n += err == 0;
	}
	if (err != -EAGAIN || n != fit)
		fail("of %u messages %u fit: %s (%d)", fit, n, chan_strerror(err), err);
	while ((got = chan_recv(ch, buf, sizeof(buf), 0)) >= 0)
		n--;
	if (n || got != -EAGAIN)
		fail("%u of them did not come back: %s (%zd)", n, chan_strerror((int)got), got);
}

void all_is_back(const struct scenario *s)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct watch watch = {0, 0};
	chan_t *ch[8];
	unsigned n;
	int err;

	doing("locks, endpoints and space come back");
	ch[0] = survivor_open(CHAN_SEND | CHAN_RECV | CHAN_CREATE);
	result->survivors++;
	err = chan_stat(ch[0], &st);
	if (err < 0)
		fail("stat: %s (%d)", chan_strerror(err), err);
	/* A group holds what its user left. */
	do
		err = st.kind == CHAN_KIND_BROADCAST ? chan_remove_group(ch[0], "group") : 0;
	while (err == -EBUSY && !overdue(&watch, BOUND, false));
	if (err < 0 && err != -ENOENT)
		fail("remove a group: %s (%d)", chan_strerror(err), err);
	if (!st.closed && !(st.flags & CHAN_RENDEZVOUS) &&
		(st.max_capacity ||
			st.capacity == (st.lanes ? st.lanes : 1) * (CAPACITY - RING_ALIGN)))
		space_is_back(s, ch[0]);
	for (n = 1; n < st.endpoints && n < 8; n++) {
		err = chan_open(&ch[n], channel, CHAN_SEND | CHAN_RECV, NULL);
		if (err < 0)
			fail("of %u endpoints %u are free: %s (%d)", st.endpoints, n,
				chan_strerror(err), err);
	}
	while (n > 0)
		chan_detach(ch[--n]);
	do /* -EBUSY: as in await_deserted() */
		err = chan_open(&ch[0], channel,
			each_gets_all(s) ? CHAN_SEND | CHAN_EXCLUSIVE
			: s->opt.lanes	 ? CHAN_SEND | CHAN_RECV
					 : CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE,
			NULL);
	while (err == -EBUSY && !overdue(&watch, BOUND, false));
	if (err < 0 && !(err == -ENOENT && s->opt.lifetime == CHAN_REF))
		fail("an exclusive endpoint: %s (%d)", chan_strerror(err), err);
	if (err == 0)
		chan_detach(ch[0]);
	if (s->opt.max_capacity)
		memory_is_back(); /* the last one has left */
	doing("the name is free again");
	err = chan_remove(channel);
	if (err < 0 && !(err == -ENOENT && s->opt.lifetime == CHAN_REF))
		fail("remove: %s (%d)", chan_strerror(err), err);
	err = chan_create(channel, &s->opt);
	if (err < 0)
		fail("create again: %s (%d)", chan_strerror(err), err);
	err = chan_remove(channel);
	if (err < 0)
		fail("remove again: %s (%d)", chan_strerror(err), err);
}
