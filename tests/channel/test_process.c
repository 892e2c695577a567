/* SPDX-License-Identifier: MIT */
/* Threads and forked processes on one channel, and deaths among them. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SENDERS 4
#define RECEIVERS 4
#define EACH 20000u

struct message {
	uint32_t sender, number;
	char padding[24]; /* varies in length */
};

/* What the receivers saw, in memory shared by all. */
static struct tally {
	_Atomic uint32_t count[SENDERS][EACH];
	_Atomic uint32_t disorder;
} * tally;

static void tally_setup(void)
{
	channel_setup();
	tally = mmap(
		NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(tally, MAP_FAILED);
}

static void tally_teardown(void)
{
	munmap(tally, sizeof(*tally));
	channel_teardown();
}

static void check_tally(void)
{
	for (int s = 0; s < SENDERS; s++)
		for (unsigned i = 0; i < EACH; i++)
			ck_assert_msg(tally->count[s][i] == 1, "sender %d number %u: %u times", s,
				i, tally->count[s][i]);
	ck_assert_uint_eq(tally->disorder, 0);
}

enum how { ONE, BATCH, IN_PLACE, HOWS };

struct job {
	chan_t *ch; /* NULL: open one */
	uint32_t id;
	enum how how;
};

static int send_all(chan_t *ch, uint32_t id, enum how how)
{
	struct message m[8];
	struct iovec v[8];
	uint32_t i = 0;
	void *to;

	while (i < EACH) {
		unsigned n = how == BATCH ? 8 : 1;
		int err;

		for (unsigned k = 0; k < n; k++) {
			m[k] = (struct message){.sender = id, .number = i + k};
			v[k] = (struct iovec){&m[k], 8 + (i + k) % 25};
		}
		if (i + n > EACH)
			n = EACH - i;
		switch (how) {
		case BATCH:
			err = chan_send_batch(ch, v, n, SOON);
			break;
		case IN_PLACE:
			err = chan_reserve(ch, &to, sizeof(m[0]), SOON);
			if (err == 0) {
				memcpy(to, m, v[0].iov_len);
				err = chan_commit(ch, v[0].iov_len);
			}
			err = err ? err : 1;
			break;
		default:
			err = chan_send(ch, m, v[0].iov_len, SOON);
			err = err ? err : 1;
		}
		if (err < 0)
			return 1;
		i += (uint32_t)err;
	}
	return 0;
}

static int note(const struct message *m, size_t len, int64_t last[SENDERS])
{
	if (m->sender >= SENDERS || m->number >= EACH || len != 8 + m->number % 25)
		return 1;
	if ((int64_t)m->number <= last[m->sender])
		atomic_fetch_add(&tally->disorder, 1);
	last[m->sender] = m->number;
	atomic_fetch_add(&tally->count[m->sender][m->number], 1);
	return 0;
}

static int recv_all(chan_t *ch, enum how how)
{
	int64_t last[SENDERS] = {-1, -1, -1, -1};
	struct message m[8];
	struct iovec v[8];
	struct chan_lease l[8];

	for (;;) {
		ssize_t n;

		switch (how) {
		case BATCH:
			for (int i = 0; i < 8; i++)
				v[i] = (struct iovec){&m[i], sizeof(m[i])};
			n = chan_recv_batch(ch, v, 8, SOON);
			for (ssize_t i = 0; i < n; i++)
				if (note(&m[i], v[i].iov_len, last))
					return 1;
			break;
		case IN_PLACE:
			n = chan_take(ch, l, 8, SOON);
			for (ssize_t i = 0; i < n; i++)
				if (note(l[i].data, l[i].len, last))
					return 1;
			if (n > 0 && chan_ack(ch, l, (unsigned)n) != n)
				return 1;
			break;
		default:
			n = chan_recv(ch, m, sizeof(m[0]), SOON);
			if (n >= 0 && note(m, (size_t)n, last))
				return 1;
		}
		if (n < 0)
			return n == -EPIPE ? 0 : 1;
	}
}

static int sender(void *arg)
{
	struct job *j = arg;
	chan_t *ch = j->ch;
	int err;

	if (!ch && chan_open(&ch, name, CHAN_SEND, NULL) < 0)
		return 2;
	err = send_all(ch, j->id, j->how);
	if (!j->ch)
		chan_detach(ch);
	return err;
}

static int receiver(void *arg)
{
	struct job *j = arg;
	chan_t *ch = j->ch;
	int err;

	if (!ch && chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return 2;
	err = recv_all(ch, j->how);
	if (!j->ch)
		chan_detach(ch);
	return err;
}

static void *sender_thread(void *arg)
{
	return (void *)(intptr_t)sender(arg);
}
static void *receiver_thread(void *arg)
{
	return (void *)(intptr_t)receiver(arg);
}

/* Ways to send times ways to receive, by loop index. */
static enum how how_to(int i, int of)
{
	return of ? (enum how)(i / HOWS) : (enum how)(i % HOWS);
}

/* Send and receive all in processes, in the ways number `ways`, and close the channel. */
static void check_between_processes(chan_t *ch, int ways)
{
	pid_t tx[SENDERS], rx[RECEIVERS];

	for (unsigned i = 0; i < RECEIVERS; i++)
		rx[i] = in_child(receiver, &(struct job){.how = how_to(ways, 0)});
	for (unsigned i = 0; i < SENDERS; i++)
		tx[i] = in_child(sender, &(struct job){.id = i, .how = how_to(ways, 1)});
	for (unsigned i = 0; i < SENDERS; i++)
		ck_assert_int_eq(wait_child(tx[i]), 0);
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	for (unsigned i = 0; i < RECEIVERS; i++)
		ck_assert_int_eq(wait_child(rx[i]), 0);
	check_tally();
}

START_TEST(should_deliver_each_once_between_processes)
{
	chan_t *ch = open_as(0, OPTIONS(.capacity = 8192));

	check_between_processes(ch, _i);
	ck_assert_uint_eq(stat_of(ch).sent, SENDERS * EACH);
	ck_assert_uint_eq(stat_of(ch).received, SENDERS * EACH);
	ck_assert_uint_eq(stat_of(ch).recoveries, 0);
	chan_detach(ch);
}
END_TEST

START_TEST(should_deliver_each_once_between_threads_of_one_endpoint)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 8192));
	pthread_t tx[SENDERS], rx[RECEIVERS];
	struct job sending[SENDERS], receiving = {.ch = ch, .how = how_to(_i, 0)};
	void *result;

	for (unsigned i = 0; i < RECEIVERS; i++)
		pthread_create(&rx[i], NULL, receiver_thread, &receiving);
	for (unsigned i = 0; i < SENDERS; i++) {
		sending[i] = (struct job){.ch = ch, .id = i, .how = how_to(_i, 1)};
		pthread_create(&tx[i], NULL, sender_thread, &sending[i]);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(tx[i], &result);
		ck_assert_ptr_null(result);
	}
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	for (unsigned i = 0; i < RECEIVERS; i++) {
		pthread_join(rx[i], &result);
		ck_assert_ptr_null(result);
	}
	check_tally();
	chan_detach(ch);
}
END_TEST

START_TEST(should_deliver_each_once_in_a_rendezvous)
{
	chan_t *ch = open_as(0, OPTIONS(.flags = CHAN_RENDEZVOUS, .max_message = 100));

	check_between_processes(ch, _i);
	chan_detach(ch);
}
END_TEST

static int exclusive_sender(void *arg)
{
	chan_t *mine;

	if (chan_open(&mine, name, CHAN_SEND | CHAN_EXCLUSIVE, NULL) < 0)
		return 2;
	for (uint32_t s = 0; s < SENDERS; s++)
		if (send_all(mine, s, how_to(*(int *)arg, 1)))
			return 1;
	chan_detach(mine);
	return 0;
}

static int exclusive_receiver(void *arg)
{
	chan_t *mine;

	if (chan_open(&mine, name, CHAN_RECV | CHAN_EXCLUSIVE, NULL) < 0)
		return 2;
	return recv_all(mine, how_to(*(int *)arg, 0));
}

START_TEST(should_stream_between_exclusive_endpoints)
{
	chan_t *ch = open_as(0, OPTIONS(.capacity = 8192));
	int ways = _i;
	pid_t tx = in_child(exclusive_sender, &ways), rx = in_child(exclusive_receiver, &ways);

	ck_assert_int_eq(wait_child(tx), 0);
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	ck_assert_int_eq(wait_child(rx), 0);
	check_tally();
	chan_detach(ch);
}
END_TEST

/* ---- the end ---- */

struct ending {
	unsigned flags; /* of the sender's endpoint */
	_Atomic uint64_t sent, received;
	_Atomic unsigned ready;
};

static void *send_to_the_end(void *arg)
{
	struct ending *e = arg;
	chan_t *ch;
	int err;

	if (chan_open(&ch, name, CHAN_SEND | e->flags, NULL) < 0)
		return arg;
	atomic_fetch_add(&e->ready, 1);
	while ((err = chan_send(ch, "x", 1, SOON)) == 0)
		atomic_fetch_add(&e->sent, 1);
	chan_detach(ch);
	return err == -EPIPE ? NULL : arg;
}

static void *receive_to_the_end(void *arg)
{
	struct ending *e = arg;
	chan_t *ch;
	char buf[10];
	ssize_t n;

	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return arg;
	atomic_fetch_add(&e->ready, 1);
	while ((n = chan_recv(ch, buf, sizeof(buf), SOON)) >= 0)
		atomic_fetch_add(&e->received, 1);
	chan_detach(ch);
	return n == -EPIPE ? NULL : arg;
}

static bool all_ready(void *arg)
{
	return ((struct ending *)arg)->ready == 3;
}

/* What was sent with success before or while the channel was closed is received, and what
 * failed is not, whichever side sees the end first. */
START_TEST(should_agree_on_the_end)
{
	for (int i = 0; i < 300; i++) {
		struct ending e = {.flags = _i ? CHAN_EXCLUSIVE : 0};
		chan_t *ch = open_as(0, OPTIONS(.capacity = 65536));
		int64_t until;
		pthread_t t[3];
		void *result;

		pthread_create(&t[0], NULL, receive_to_the_end, &e);
		pthread_create(&t[1], NULL, receive_to_the_end, &e);
		pthread_create(&t[2], NULL, send_to_the_end, &e);
		await(all_ready, &e);
		for (until = now() + i * 500; now() < until;)
			;
		ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
		for (int k = 0; k < 3; k++) {
			pthread_join(t[k], &result);
			ck_assert_ptr_null(result);
		}
		ck_assert_uint_eq(e.sent, e.received);
		ck_assert_uint_eq(stat_of(ch).depth, 0);
		chan_detach(ch);
		ck_assert_int_eq(chan_remove(name), 0);
	}
}
END_TEST

/* ---- deaths ---- */

static int take_and_hang(void *arg)
{
	struct chan_lease l[2];
	chan_t *ch;

	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0 || chan_take(ch, l, 2, SOON) != 2)
		return 1;
	raise(SIGSTOP);
	(void)arg;
	return 0;
}

START_TEST(should_redeliver_what_a_killed_receiver_held)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *rx = open_as(CHAN_RECV, NULL);
	struct chan_lease l[3];
	chan_t *observer = open_as(0, NULL);
	pid_t pid;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(chan_send(tx, "m", 1, 0), 0);
	pid = in_child(take_and_hang, NULL);
	ck_assert(wait_stopped(pid));
	/* A stopped process is alive: its messages stay its own. */
	ck_assert_int_eq(chan_recover(observer), 0);
	ck_assert_int_eq(chan_take(rx, l, 1, 0), 1);
	ck_assert_uint_eq(l[0].seq, 3);
	ck_assert_int_eq(chan_release(rx, l, 1), 1);
	kill(pid, SIGKILL);
	ck_assert_int_eq(wait_gone(pid, observer), 128 + SIGKILL);
	if (_i == 0) /* one that is asked to, a newcomer, or the sleeping receiver */
		ck_assert_int_eq(chan_recover(observer), 2);
	if (_i == 1) {
		chan_detach(rx);
		rx = open_as(CHAN_RECV, NULL);
	}
	if (_i == 2) {
		ck_assert_int_eq(chan_take(rx, l, 1, 0), 1); /* 3 is ready */
		ck_assert_int_eq(chan_ack(rx, l, 1), 1);
		ck_assert_int_eq(chan_take(rx, l, 3, SOON), 2);
	} else {
		ck_assert_int_eq(chan_take(rx, l, 3, 0), 3);
	}
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(l[i].seq, i + 1);
		ck_assert_uint_eq(l[i].attempt, 2);
	}
	chan_detach(observer);
	chan_detach(rx);
	chan_detach(tx);
}
END_TEST

static int reserve_and_die(void *arg)
{
	chan_t *ch;
	void *to;

	(void)arg;
	if (chan_open(&ch, name, CHAN_SEND, NULL) < 0 || chan_reserve(ch, &to, 100, SOON) < 0)
		return 1;
	memset(to, 'x', 100);
	return raise(SIGKILL);
}

START_TEST(should_take_the_lock_from_a_dead_sender)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	char buf[100];

	ck_assert_int_eq(wait_gone(in_child(reserve_and_die, NULL), ch), 128 + SIGKILL);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), 0);
	ck_assert_uint_eq(stat_of(ch).recoveries, 1);
	ck_assert_uint_eq(stat_of(ch).senders, 1);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), 1);
	chan_detach(ch);
}
END_TEST

static int send_and_die(void *arg)
{
	chan_t *ch;

	if (chan_open(&ch, name, CHAN_SEND | *(unsigned *)arg, NULL) < 0 ||
		chan_send(ch, "x", 1, SOON) < 0)
		return 1;
	return raise(SIGKILL);
}

START_TEST(should_end_with_a_killed_last_sender)
{
	chan_t *ch = open_as(CHAN_RECV, OPTIONS(.capacity = 4096, .flags = CHAN_END_WITH_SENDERS));
	unsigned flags = _i ? CHAN_EXCLUSIVE : 0;
	char buf[10];

	ck_assert_int_eq(wait_child(in_child(send_and_die, &flags)), 128 + SIGKILL);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), SOON), 1);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), SOON), -EPIPE);
	chan_detach(ch);
}
END_TEST

START_TEST(should_take_over_from_a_dead_exclusive_endpoint)
{
	unsigned flags = CHAN_EXCLUSIVE;
	chan_t *rx = open_as(CHAN_RECV, OPTIONS(.capacity = 4096)), *tx;
	char buf[10];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(wait_gone(in_child(send_and_die, &flags), rx), 128 + SIGKILL);
	tx = open_as(CHAN_SEND | CHAN_EXCLUSIVE, NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), 1);
	ck_assert_uint_eq(stat_of(rx).recoveries, 3);
	ck_assert_uint_eq(stat_of(rx).senders, 1);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

START_TEST(should_collect_a_ref_channel_whose_users_were_killed)
{
	unsigned flags = 0;
	chan_t *observer = open_as(0, OPTIONS(.capacity = 4096, .lifetime = CHAN_REF));

	ck_assert_int_eq(wait_gone(in_child(send_and_die, &flags), observer), 128 + SIGKILL);
	chan_detach(observer);
	if (_i == 0) {
		ck_assert_int_eq(chan_collect(name), 1);
	} else {
		chan_t *ch;

		ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -ENOENT);
		ch = open_as(CHAN_RECV, OPTIONS(.capacity = 4096)); /* a new one */
		ck_assert_uint_eq(stat_of(ch).sent, 0);
		chan_detach(ch);
	}
}
END_TEST

/* ---- fork ---- */

static int use_parents(void *arg)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_cursor at = {0};
	char buf[10];
	chan_t *own, *ch = arg;
	bool good = chan_send(ch, "x", 1, 0) == -ENOTCONN &&
		    chan_recv(ch, buf, 10, 0) == -ENOTCONN && chan_stat(ch, &st) == -ENOTCONN &&
		    chan_close(ch, 0) == -ENOTCONN && chan_peek(ch, buf, 10, &at) == -ENOTCONN &&
		    chan_purge(ch) == -ENOTCONN && chan_recover(ch) == -ENOTCONN &&
		    chan_endpoints(ch, NULL, 0) == -ENOTCONN && chan_commit(ch, 0) == -ENOTCONN;

	chan_interrupt(ch, 1);
	chan_abort(ch);
	chan_detach(ch);
	good = good && chan_open(&own, name, CHAN_SEND, NULL) == 0 &&
	       chan_send(own, "x", 1, 0) == 0;
	raise(good ? SIGSTOP : SIGABRT);
	return 0;
}

START_TEST(should_not_give_a_child_its_parent_s_endpoint)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096));
	pid_t pid = in_child(use_parents, ch);
	chan_t *rx;

	ck_assert(wait_stopped(pid));
	/* the child keeps nothing of the parent's alive */
	rx = open_as(CHAN_RECV, NULL);
	ck_assert_uint_eq(stat_of(rx).senders, 2);
	chan_detach(ch);
	ck_assert_uint_eq(stat_of(rx).senders, 1);
	kill(pid, SIGKILL);
	wait_gone(pid, rx);
	ck_assert_uint_eq(stat_of(rx).senders, 0);
	chan_detach(rx);
}
END_TEST

START_TEST(should_leave_nothing_to_an_executed_program)
{
	chan_t *ch = open_as(CHAN_SEND, OPTIONS(.capacity = 4096)), *observer = open_as(0, NULL);
	int status, out[2];
	pid_t pid;
	char buf[4096] = "";
	ssize_t n;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = vfork(); /* no pthread_atfork handlers */
	if (pid == 0) {
		dup2(out[1], 1);
		execl("/bin/ls", "ls", "-l", "/proc/self/fd", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	while ((n = read(out[0], buf + strlen(buf), sizeof(buf) - strlen(buf) - 1)) > 0)
		;
	close(out[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(buf, "/fd"));
	ck_assert_ptr_null(strstr(buf, "/shmchan."));
	chan_detach(ch);
	ck_assert_uint_eq(stat_of(observer).senders, 0);
	chan_detach(observer);
}
END_TEST

void add_tests(void)
{
	GROUP_FOR(0, HOWS * HOWS, "traffic", tally_setup, tally_teardown,
		should_deliver_each_once_between_processes,
		should_deliver_each_once_between_threads_of_one_endpoint,
		should_stream_between_exclusive_endpoints);
	GROUP_FOR(0, HOWS, "rendezvous", tally_setup, tally_teardown,
		should_deliver_each_once_in_a_rendezvous);
	GROUP_FOR(0, 2, "the end", tally_setup, tally_teardown, should_agree_on_the_end);
	GROUP_FOR(0, 3, "leases of the dead", channel_setup, channel_teardown,
		should_redeliver_what_a_killed_receiver_held);
	GROUP_FOR(0, 2, "the last one dies", channel_setup, channel_teardown,
		should_end_with_a_killed_last_sender,
		should_collect_a_ref_channel_whose_users_were_killed);
	GROUP("deaths and children", channel_setup, channel_teardown,
		should_take_the_lock_from_a_dead_sender,
		should_take_over_from_a_dead_exclusive_endpoint,
		should_not_give_a_child_its_parent_s_endpoint,
		should_leave_nothing_to_an_executed_program);
}
