/* SPDX-License-Identifier: MIT */
/*
 * The two sides of a channel: how their locks are taken, kept, visited and given up,
 * and what whoever finds a dead owner does before anything else.
 */
#include "channel/channel.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BOTH (CHAN_SEND | CHAN_RECV)

static chan_t *ch;

static void setup(void)
{
	channel_setup();
	ch = open_as(BOTH, OPTIONS(.capacity = 4096));
}

static void teardown(void)
{
	chan_detach(ch);
	channel_teardown();
}

static void *in_a_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, fn, arg), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	return result;
}

/* ---- a child that has a side's lock ---- */

enum side { SENDERS, RECEIVERS };

static int hold(void *arg)
{
	struct limit limit = limit_of(0);
	chan_t *mine;
	int err;

	if (chan_open(&mine, name, BOTH, NULL) < 0)
		return 1;
	err = *(enum side *)arg == SENDERS ? senders_enter(mine, &limit)
					   : receivers_enter(mine, &limit);
	if (err < 0)
		return 2;
	raise(SIGSTOP);
	if (*(enum side *)arg == SENDERS)
		senders_leave(mine);
	else
		receivers_leave(mine);
	return 0;
}

static pid_t holder(enum side side)
{
	pid_t pid = in_child(hold, &side);

	ck_assert(wait_stopped(pid));
	return pid;
}

static int enter(enum side side, int64_t timeout)
{
	struct limit limit = limit_of(timeout);

	return side == SENDERS ? senders_enter(ch, &limit) : receivers_enter(ch, &limit);
}

static void leave(enum side side)
{
	if (side == SENDERS)
		senders_leave(ch);
	else
		receivers_leave(ch);
}

START_TEST(should_lock_one_side_and_not_the_other)
{
	enum side side = (enum side)_i, other = (enum side) !side;
	pid_t pid = holder(side);

	ck_assert_int_eq(enter(side, 30 * MS), -ETIMEDOUT);
	ck_assert_int_eq(enter(other, 0), 0);
	leave(other);
	kill(pid, SIGCONT);
	ck_assert_int_eq(wait_child(pid), 0);
	ck_assert_int_eq(enter(side, 0), 0);
	leave(side);
	ck_assert_uint_eq(stat_of(ch).recoveries, 0);
}
END_TEST

START_TEST(should_repair_the_side_of_a_dead_owner_and_go_on)
{
	enum side side = (enum side)_i;
	struct layout_control *c = ch->control;

	char buf[4];

	ck_assert_int_eq(chan_send(ch, "m", 1, 0), 0);
	kill_child(holder(side));
	/* What is derived is wrong: the message is skipped. */
	if (side == RECEIVERS)
		c->receivers.deliver = c->receivers.frontier = c->senders.position;
	ck_assert_int_eq(enter(side, 0), 0);
	ck_assert_uint_eq(stat_of(ch).recoveries, 1);
	leave(side);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	ck_assert_int_eq(ch->kind->valid(&ch->ring), 0);
	ck_assert_int_eq(enter(side, 0), 0);
	leave(side);
	ck_assert_uint_eq(stat_of(ch).recoveries, 1);
}
END_TEST

/* It may have owed both sides a wake-up. */
START_TEST(should_wake_everybody_after_a_repair)
{
	enum side side = (enum side)_i;
	struct layout_control *c = ch->control;
	uint32_t not_empty, not_full;

	kill_child(holder(side));
	not_empty = c->not_empty.sequence;
	not_full = c->not_full.sequence;
	ck_assert_int_eq(enter(side, 0), 0);
	leave(side);
	ck_assert_uint_ne(c->not_empty.sequence, not_empty);
	ck_assert_uint_ne(c->not_full.sequence, not_full);
}
END_TEST

START_TEST(should_mark_the_channel_when_the_repair_finds_damage)
{
	kill_child(holder(SENDERS));
	ch->control->senders.position += 8; /* no multiple of what it has to be */
	ck_assert_int_eq(enter(SENDERS, 0), -EBADMSG);
	ck_assert(channel_state(ch) & LAYOUT_DAMAGED);
}
END_TEST

START_TEST(should_stop_waiting_for_the_lock_of_a_side_that_is_over)
{
	enum side side = (enum side)_i;
	pid_t pid = holder(side);

	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	/* What is left may still be received. */
	ck_assert_int_eq(enter(side, 120 * MS), side == SENDERS ? -EPIPE : -ETIMEDOUT);
	ck_assert_int_eq(chan_close(ch, CHAN_DISCARD), 0);
	ck_assert_int_eq(enter(side, SOON), -EPIPE);
	kill_child(pid);
}
END_TEST

START_TEST(should_stop_waiting_for_the_lock_when_interrupted)
{
	enum side side = (enum side)_i;
	pid_t pid = holder(side);

	chan_interrupt(ch, 1);
	ck_assert_int_eq(enter(side, SOON), -EINTR);
	chan_interrupt(ch, 0);
	kill_child(pid);
}
END_TEST

/* A visitor needs the lock for a moment and has a second for it. */
START_TEST(should_visit_the_receivers_for_a_second_at_most)
{
	pid_t pid = holder(RECEIVERS);
	struct limit now_or_never = limit_of(0), short_one = limit_of(50 * MS);
	int64_t starving = starved(), begin = now();
	int err = receivers_visit(ch, &now_or_never);

	ck_assert_int_eq(err, -EBUSY);
	ck_assert_int_lt(now() - begin, 500 * MS + starved() - starving);
	begin = now();
	ck_assert_int_eq(receivers_visit(ch, &short_one), -EBUSY);
	ck_assert_int_ge(now() - begin, 40 * MS);
	begin = now();
	ck_assert_int_eq(receivers_visit(ch, NULL), -EBUSY);
	ck_assert_int_ge(now() - begin, 1000 * MS);
	/* A close does not end a visit: it wants the lock only. */
	ck_assert_int_eq(chan_close(ch, CHAN_DISCARD), 0);
	short_one = limit_of(60 * MS);
	ck_assert_int_eq(receivers_visit(ch, &short_one), -EBUSY);
	kill_child(pid);
	ck_assert_int_eq(receivers_visit(ch, NULL), 0);
	receivers_leave(ch);
}
END_TEST

START_TEST(should_visit_the_senders_without_waiting)
{
	pid_t pid = holder(SENDERS);
	void *place;
	int err = senders_visit(ch);

	ck_assert_int_eq(err, -EBUSY);
	kill_child(pid);
	ck_assert_int_eq(senders_visit(ch), 0);
	senders_leave(ch);
	ck_assert_int_eq(chan_reserve(ch, &place, 8, 0), 0);
	ck_assert_int_eq(senders_visit(ch), -EDEADLK); /* its own */
	chan_abort(ch);
	ck_assert_int_eq(senders_visit(ch), 0);
	senders_leave(ch);
}
END_TEST

START_TEST(should_decide_the_end_of_a_closed_channel_at_a_visit)
{
	channel_mark(ch, LAYOUT_CLOSED); /* closed by one that died before it sealed */
	ck_assert_uint_eq(ch->control->seal, 0);
	ck_assert_int_eq(receivers_visit(ch, NULL), 0);
	receivers_leave(ch);
	ck_assert_uint_ne(ch->control->seal, 0);
}
END_TEST

/* ---- exclusive ---- */

static void *enter_elsewhere(void *arg)
{
	struct limit limit = limit_of(0);

	return (void *)(intptr_t)senders_enter(arg, &limit);
}

static int enter_orphan(void *arg)
{
	struct limit limit = limit_of(0);

	return -senders_enter(arg, &limit);
}

START_TEST(should_keep_the_locks_of_an_exclusive_endpoint_for_life)
{
	struct limit limit = limit_of(0);
	chan_t *alone;

	chan_detach(ch);
	alone = open_as(BOTH | CHAN_EXCLUSIVE, NULL);
	ck_assert_int_ne(lock_try(&alone->control->senders.lock), 0);
	ck_assert_int_ne(lock_try(&alone->control->receivers.lock), 0);
	ck_assert_int_eq(senders_enter(alone, &limit), 0);
	senders_leave(alone);
	ck_assert_int_eq(receivers_enter(alone, &limit), 0);
	receivers_leave(alone);
	ck_assert_int_ne(lock_try(&alone->control->senders.lock), 0); /* still */
	/* Of the thread that opened it, and of this process only. */
	ck_assert_int_eq((int)(intptr_t)in_a_thread(enter_elsewhere, alone), -EPERM);
	ck_assert_int_eq(wait_child(in_child(enter_orphan, alone)), ENOTCONN);
	chan_detach(alone);
	ch = open_as(BOTH, NULL);
	ck_assert_int_eq(enter(SENDERS, 0), 0);
	leave(SENDERS);
	ck_assert_int_eq(enter(RECEIVERS, 0), 0);
	leave(RECEIVERS);
	ck_assert_uint_eq(stat_of(ch).recoveries, 0);
}
END_TEST

START_TEST(should_refuse_a_child_its_parents_sides)
{
	ck_assert_int_eq(wait_child(in_child(enter_orphan, ch)), ENOTCONN);
	ck_assert_int_eq(enter(SENDERS, 0), 0);
	leave(SENDERS);
}
END_TEST

/* ---- leases of the dead ---- */

static int take_and_hang(void *arg)
{
	struct chan_lease lease[2];
	chan_t *mine;

	(void)arg;
	if (chan_open(&mine, name, CHAN_RECV, NULL) < 0 || chan_take(mine, lease, 2, 0) != 2)
		return 1;
	raise(SIGSTOP);
	return 0;
}

START_TEST(should_reclaim_the_leases_of_the_dead_only)
{
	struct chan_lease lease;
	pid_t pid;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(chan_send(ch, "m", 1, 0), 0);
	pid = in_child(take_and_hang, NULL);
	ck_assert(wait_stopped(pid));
	ck_assert_int_eq(chan_take(ch, &lease, 1, 0), 1);
	ck_assert_int_eq(enter(RECEIVERS, 0), 0);
	ck_assert_int_eq(reclaim_leases(ch), 0); /* it lives */
	leave(RECEIVERS);
	kill(pid, SIGKILL);
	wait_gone(pid, ch);
	ck_assert_int_eq(enter(RECEIVERS, 0), 0);
	ck_assert_int_eq(reclaim_leases(ch), 2);
	ck_assert_int_eq(reclaim_leases(ch), 0);
	leave(RECEIVERS);
	ck_assert_int_eq(chan_ack(ch, &lease, 1), 1); /* its own stayed */
}
END_TEST

void add_tests(void)
{
	GROUP("sides", setup, teardown, should_visit_the_receivers_for_a_second_at_most,
		should_visit_the_senders_without_waiting,
		should_decide_the_end_of_a_closed_channel_at_a_visit,
		should_keep_the_locks_of_an_exclusive_endpoint_for_life,
		should_refuse_a_child_its_parents_sides,
		should_reclaim_the_leases_of_the_dead_only);
	GROUP_FOR(0, 2, "each side", setup, teardown, should_lock_one_side_and_not_the_other,
		should_stop_waiting_for_the_lock_of_a_side_that_is_over,
		should_stop_waiting_for_the_lock_when_interrupted);
	if (THREAD_SANITIZER) {
		not_tried("the thread sanitizer knows no robust mutex whose owner ends");
		return;
	}
	GROUP_FOR(0, 2, "dead owners", setup, teardown,
		should_repair_the_side_of_a_dead_owner_and_go_on,
		should_wake_everybody_after_a_repair);
	GROUP("damage", setup, teardown, should_mark_the_channel_when_the_repair_finds_damage);
}
