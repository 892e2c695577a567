/* SPDX-License-Identifier: MIT */
/*
 * A process is stopped (SIGSTOP) inside a lock: no call overruns its timeout, and
 * each says what it is that keeps it.  Then the stopped one is killed, and all goes
 * on; or continued, and what it had begun is done.
 *
 * The bound is 100 ms as promised, the time apart in which there was no CPU for the
 * call; the worst is printed.
 */
#include "channel/channel.h"
#include "support/channel.h"
#include "support/clock.h"
#include "support/process.h"
#include "support/suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOWED (100 * MS)
#define TRIES 5
#define VISIT (1000 * MS) /* how long those wait that have no timeout */
#define MOMENT (100 * MS) /* and those for the lock that may not wait */

static pid_t stopped;
static chan_t *ch;
static int64_t worst;

/* ---- the one that is stopped ---- */

static void stop_in_senders_lock(chan_t *mine)
{
	void *place;

	if (chan_reserve(mine, &place, 16, 0) < 0)
		_exit(1);
	memcpy(place, "from the stopped", 16);
	raise(SIGSTOP);
	if (chan_commit(mine, 16) < 0)
		_exit(1);
}

static void stop_in_receivers_lock(chan_t *mine)
{
	struct limit limit = limit_of(0);

	if (receivers_enter(mine, &limit) < 0)
		_exit(1);
	raise(SIGSTOP);
	receivers_leave(mine);
}

static int stop_in(void *stop)
{
	chan_t *mine;

	if (chan_open(&mine, name, CHAN_SEND | CHAN_RECV, NULL) < 0)
		return 1;
	(*(void (**)(chan_t *))stop)(mine);
	chan_detach(mine);
	return 0;
}

static void stop_one(void (*stop)(chan_t *))
{
	stopped = in_child(stop_in, &stop);
	ck_assert(wait_stopped(stopped));
}

static void kill_it(void)
{
	kill_child(stopped);
}

static void continue_it(void)
{
	kill(stopped, SIGCONT);
	ck_assert_int_eq(wait_child(stopped), 0);
}

/* ---- the calls ---- */

static char buf[64];

static int64_t do_send(int64_t timeout)
{
	return chan_send(ch, "x", 1, timeout);
}
static int64_t do_recv(int64_t timeout)
{
	return chan_recv(ch, buf, sizeof(buf), timeout);
}

static int64_t do_send_batch(int64_t timeout)
{
	struct iovec iov[2] = {{buf, 1}, {buf, 2}};

	return chan_send_batch(ch, iov, 2, timeout);
}

static int64_t do_reserve(int64_t timeout)
{
	void *place;

	return chan_reserve(ch, &place, 8, timeout);
}

static int64_t do_recv_batch(int64_t timeout)
{
	struct iovec iov[2] = {{buf, 32}, {buf + 32, 32}};

	return chan_recv_batch(ch, iov, 2, timeout);
}

static int64_t do_take(int64_t timeout)
{
	struct chan_lease lease[2];

	return chan_take(ch, lease, 2, timeout);
}

static int64_t do_peek(int64_t timeout)
{
	struct chan_cursor at = {0};

	(void)timeout;
	return chan_peek(ch, buf, sizeof(buf), &at);
}

static int64_t do_purge(int64_t timeout)
{
	(void)timeout;
	return chan_purge(ch);
}

static int64_t do_recover(int64_t timeout)
{
	(void)timeout;
	return chan_recover(ch);
}

static int64_t do_open(int64_t timeout)
{
	chan_t *another;
	int err = chan_open(&another, name, CHAN_RECV, NULL);

	(void)timeout;
	if (err == 0)
		chan_detach(another);
	return err;
}

/* Return how long `call` takes longer than `due`.  What the machine adds (it may stand
 * still for seconds) comes once; what the library adds comes each time. */
static int64_t overrun(int64_t (*call)(int64_t), int64_t timeout, int64_t due, int64_t *result)
{
	int64_t over = 0;

	for (int i = 0; i < TRIES; i++) {
		int64_t starving = starved(), begin = now();

		*result = call(timeout);
		over = now() - begin - due;
		/* Nor may it give up before. */
		ck_assert_msg(
			*result != -ETIMEDOUT || over >= 0, "%lld ns too early", (long long)-over);
		over -= starved() - starving;
		if (over < ALLOWED)
			break;
	}
	worst = over > worst ? over : worst;
	return over;
}

/* `call` with `timeout` must return `expected` and take no longer. */
static void check_call(
	int64_t (*call)(int64_t), int64_t timeout, int64_t expected, const char *what)
{
	int64_t r, over = overrun(call, timeout, timeout, &r);

	ck_assert_msg(r == expected, "%s: %lld (%s) in place of %lld (%s)", what, (long long)r,
		chan_strerror((int)r), (long long)expected, chan_strerror((int)expected));
	ck_assert_msg(over < ALLOWED, "%s: %lld ms over", what, (long long)(over / MS));
}

/* A call may not wait: it can't see what the channel holds, and so does not say it. */
static void check_busy(int64_t (*call)(int64_t), const char *what)
{
	int64_t r, over = overrun(call, 0, MOMENT, &r);

	ck_assert_msg(r == -EBUSY, "%s: %lld (%s)", what, (long long)r, chan_strerror((int)r));
	ck_assert_msg(over < ALLOWED, "%s: %lld ms over", what, (long long)(over / MS));
}

static void check_timeouts(int64_t (*call)(int64_t), bool locked, const char *what)
{
	static const int64_t timeouts[] = {1, MS, 30 * MS, 49 * MS, 51 * MS, 130 * MS};

	if (locked)
		check_busy(call, what);
	else
		check_call(call, 0, -EAGAIN, what);
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
		check_call(call, timeouts[i], -ETIMEDOUT, what);
}

#define CHECK_LOCKED(call) check_timeouts(call, true, #call)
#define CHECK_EMPTY(call) check_timeouts(call, false, #call)
#define CHECK_VISIT(call) check_call(call, VISIT, -EBUSY, #call)

static void report(const char *what)
{
	printf("%s: overran its timeout by %.1f ms at most\n", what, (double)worst / 1e6);
}

static void check_all_goes_on(int messages)
{
	for (int i = 0; i < messages; i++)
		ck_assert_int_ge(do_recv(0), 0);
	ck_assert_int_eq(do_recv(0), -EAGAIN);
	ck_assert_int_eq(do_send(0), 0);
	ck_assert_int_eq(do_recv(0), 1);
	ck_assert_int_eq(do_open(0), 0);
	ck_assert_int_eq(do_recover(0), 0);
	ck_assert_int_eq(ch->kind->valid(&ch->ring), 0);
}

/* ---- tests ---- */

static void check_senders(void (*end)(void), int messages)
{
	ck_assert_int_eq(do_send(0), 0);
	stop_one(stop_in_senders_lock);
	CHECK_LOCKED(do_send);
	CHECK_LOCKED(do_send_batch);
	CHECK_LOCKED(do_reserve);
	/* The other side doesn't even notice. */
	ck_assert_int_eq(do_recv(0), 1);
	CHECK_EMPTY(do_recv);
	CHECK_EMPTY(do_take);
	ck_assert_int_eq(do_open(0), 0);
	ck_assert_int_eq(do_recover(0), 0); /* a live owner needs none */
	report("stopped in the senders' lock");
	end();
	check_all_goes_on(messages);
}

START_TEST(should_keep_timeouts_when_one_is_stopped_in_the_senders_lock_and_killed)
{
	check_senders(kill_it, 0);
}
END_TEST

START_TEST(should_keep_timeouts_when_one_is_stopped_in_the_senders_lock_and_continued)
{
	check_senders(continue_it, 1);
}
END_TEST

static void check_receivers(void (*end)(void))
{
	ck_assert_int_eq(do_send(0), 0);
	stop_one(stop_in_receivers_lock);
	CHECK_LOCKED(do_recv);
	CHECK_LOCKED(do_recv_batch);
	CHECK_LOCKED(do_take);
	ck_assert_int_eq(do_send(0), 0); /* the other side doesn't even notice */
	CHECK_VISIT(do_peek);
	CHECK_VISIT(do_purge);
	CHECK_VISIT(do_recover);
	CHECK_VISIT(do_open);
	report("stopped in the receivers' lock");
	end();
	check_all_goes_on(2);
}

START_TEST(should_keep_timeouts_when_one_is_stopped_in_the_receivers_lock_and_killed)
{
	check_receivers(kill_it);
}
END_TEST

START_TEST(should_keep_timeouts_when_one_is_stopped_in_the_receivers_lock_and_continued)
{
	check_receivers(continue_it);
}
END_TEST

/* Drop-oldest needs the receivers' lock too. */
START_TEST(should_keep_timeouts_when_drop_oldest_meets_a_stopped_receiver)
{
	static const int64_t timeouts[] = {1, MS, 30 * MS, 130 * MS};

	ck_assert_int_eq(chan_set_overflow(ch, CHAN_DROP_OLDEST), 0);
	do
		ck_assert_int_eq(do_send(0), 0);
	while (atomic_load(&ch->control->receivers.position) == 0);
	stop_one(stop_in_receivers_lock);
	check_busy(do_send, "drop-oldest");
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		int64_t r, over = overrun(do_send, timeouts[i], timeouts[i], &r);

		ck_assert_msg(r == -ETIMEDOUT || r == -EAGAIN || r == -EBUSY, "%lld", (long long)r);
		ck_assert_msg(over < ALLOWED, "%lld ms over", (long long)(over / MS));
	}
	report("drop-oldest");
	kill_it();
	ck_assert_int_eq(do_send(0), 0);
}
END_TEST

/* ---- a selection, of whose channels one has a stopped process in its lock ---- */

static chan_t *free_one;
static unsigned op_of_locked;

static int64_t do_select(int64_t timeout)
{
	struct chan_case cases[2];

	for (int i = 0; i < 2; i++)
		cases[i] = (struct chan_case){.size = sizeof(cases[i]),
			.op = i ? CHAN_OP_RECV : op_of_locked,
			.ch = i ? free_one : ch,
			.data = buf,
			.len = sizeof(buf)};
	return chan_select(cases, 2, timeout, CHAN_BIASED);
}

/* Once a selection waits, send it when that was. */
static int send_time(void *arg)
{
	int64_t begin = now(), sent;
	chan_t *mine;

	if (chan_open(&mine, arg, CHAN_SEND, NULL) < 0)
		return 1;
	while (now() < begin + 60 * MS)
		nap(MS);
	sent = now();
	return chan_send(mine, &sent, sizeof(sent), 0) != 0;
}

static void check_select(void (*stop)(chan_t *), unsigned op)
{
	char other[64];
	int64_t late = 0;

	strcpy(other, channel_other("free"));
	ck_assert_int_eq(chan_open(&free_one, other, CHAN_SEND | CHAN_RECV | CHAN_CREATE, NULL), 0);
	op_of_locked = op;
	stop_one(stop);
	CHECK_LOCKED(do_select);
	for (int i = 0; i < TRIES; i++) {
		pid_t sender = in_child(send_time, other);
		int64_t starving = starved(), sent;

		ck_assert_int_eq(do_select(30 * SECOND), 1);
		memcpy(&sent, buf, sizeof(sent));
		late = now() - sent - (starved() - starving);
		ck_assert_int_eq(wait_child(sender), 0);
		if (late < ALLOWED)
			break;
	}
	ck_assert_msg(late < ALLOWED, "went on %lld ms late", (long long)(late / MS));
	report("a selection");
	kill_it();
	ck_assert_int_eq(do_select(0), op == CHAN_OP_SEND ? 0 : -EAGAIN);
	chan_detach(free_one);
	chan_remove(other);
}

START_TEST(should_keep_a_selections_timeout_beside_a_stopped_receiver_and_go_on_elsewhere)
{
	check_select(stop_in_receivers_lock, CHAN_OP_RECV);
}
END_TEST

START_TEST(should_keep_a_selections_timeout_beside_a_stopped_sender_and_go_on_elsewhere)
{
	check_select(stop_in_senders_lock, CHAN_OP_SEND);
}
END_TEST

/* The timeouts hold under a storm of signals, which end no wait. */
static void on_alarm(int sig)
{
	(void)sig;
}

START_TEST(should_neither_shorten_nor_lengthen_a_wait_by_signals)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval every = {.it_interval.tv_usec = 700, .it_value.tv_usec = 700};

	sigaction(SIGALRM, &sa, NULL);
	stop_one(stop_in_senders_lock);
	setitimer(ITIMER_REAL, &every, NULL);
	CHECK_LOCKED(do_send);
	CHECK_LOCKED(do_reserve);
	CHECK_EMPTY(do_recv); /* empty: on the condition variable */
	CHECK_EMPTY(do_take);
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_REAL, &every, NULL);
	report("a signal each 0.7 ms");
	kill_it();
	check_all_goes_on(0);
}
END_TEST

static void setup(void)
{
	channel_setup();
	worst = 0;
	ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
}

static void teardown(void)
{
	chan_detach(ch);
	channel_teardown();
}

void add_tests(void)
{
	GROUP("stopped", setup, teardown,
		should_keep_timeouts_when_one_is_stopped_in_the_senders_lock_and_killed,
		should_keep_timeouts_when_one_is_stopped_in_the_senders_lock_and_continued,
		should_keep_timeouts_when_one_is_stopped_in_the_receivers_lock_and_killed,
		should_keep_timeouts_when_one_is_stopped_in_the_receivers_lock_and_continued,
		should_keep_timeouts_when_drop_oldest_meets_a_stopped_receiver,
		should_keep_a_selections_timeout_beside_a_stopped_receiver_and_go_on_elsewhere,
		should_keep_a_selections_timeout_beside_a_stopped_sender_and_go_on_elsewhere,
		should_neither_shorten_nor_lengthen_a_wait_by_signals);
}
