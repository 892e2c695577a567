/* SPDX-License-Identifier: MIT */
/*
 * A storm over a channel of kind latest.  Senders and receivers, each a process, are killed
 * at random moments, or stopped for a while; others start in their place.  Each value is a
 * message (storm.h) of a sender's life, its lane.
 *
 * Each value that a receiver gets, or sees, is whole; it was begun, and is not older than
 * the last one of that lane; and once a send was confirmed, nobody sees an older value of
 * that lane any more.  After each blow all receivers get values again, within a bound, while
 * a stopped process may have been anywhere.  In the end the value is the last one that was
 * committed, and the channel is sound.
 */
#include "channel/channel.h"
#include "storm.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENDERS = 3, RECEIVERS = 3, LIVES = 4096, BLOWS = 1500 };

static struct books {
	_Atomic uint32_t lives;
	_Atomic uint32_t begun[LIVES], confirmed[LIVES]; /* of each lane */
	_Atomic uint32_t got[RECEIVERS];
} * books;

static int receiver_number;

/* In a child: say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

static int send_on(void *arg)
{
	uint32_t lane = atomic_fetch_add(&books->lives, 1);
	unsigned char buf[3][MESSAGE_MAX];
	struct iovec iov[3];
	chan_t *ch;

	(void)arg;
	EXPECT(lane < LIVES && chan_open(&ch, name, CHAN_SEND, NULL) == 0);
	for (uint32_t seq = 1;; seq += 3) {
		for (uint32_t i = 0; i < 3; i++)
			iov[i] = (struct iovec){buf[i], message_make(buf[i], lane, seq + i)};
		atomic_store(&books->begun[lane], seq + 2);
		if (seq % 2)
			EXPECT(chan_send_batch(ch, iov, 3, CHAN_WAIT) == 3);
		else
			for (int i = 0; i < 3; i++)
				EXPECT(chan_send(ch, buf[i], iov[i].iov_len, CHAN_WAIT) == 0);
		atomic_store(&books->confirmed[lane], seq + 2);
		if (seq % 64 == 0)
			sched_yield();
	}
}

/* Returns the lane and the number of a value that is right. */
static const struct message *checked(
	const void *buf, ssize_t len, const uint32_t *confirmed, uint32_t *last)
{
	const struct message *m = buf;

	EXPECT(len > 0 && message_whole(buf, (size_t)len));
	EXPECT(m->lane < LIVES && m->seq <= atomic_load(&books->begun[m->lane]));
	/* What was confirmed before the call began is seen by it. */
	EXPECT(m->seq >= confirmed[m->lane]);
	EXPECT(m->seq >= last[m->lane]);
	last[m->lane] = m->seq;
	return m;
}

static int receive_on(void *arg)
{
	static unsigned char buf[MESSAGE_MAX] __attribute__((aligned(16)));
	static uint32_t last[LIVES], confirmed[LIVES];
	int me = *(int *)arg;
	chan_t *ch;

	EXPECT(chan_open(&ch, name, CHAN_RECV, NULL) == 0);
	for (uint64_t n = 0;; n++) {
		struct chan_cursor at = {0};
		uint32_t lives = atomic_load(&books->lives);

		for (uint32_t i = lives > 2 * SENDERS ? lives - 2 * SENDERS : 0; i < lives; i++)
			confirmed[i] = atomic_load(&books->confirmed[i]);
		checked(buf,
			n % 2 ? chan_peek(ch, buf, sizeof(buf), &at)
			      : chan_recv(ch, buf, sizeof(buf), SOON),
			confirmed, last);
		atomic_fetch_add(&books->got[me], 1);
	}
}

static pid_t start(int i)
{
	receiver_number = i - SENDERS;
	return i < SENDERS ? in_child(send_on, NULL) : in_child(receive_on, &receiver_number);
}

/* Kill one, or stop it for a while, or for good before it is killed. */
static void blow(pid_t *worker, uint64_t *rng)
{
	int i = (int)random_below(rng, SENDERS + RECEIVERS);

	nap(random_below(rng, 3000000));
	if (random_below(rng, 3) == 0) {
		kill(worker[i], SIGSTOP);
		nap(random_below(rng, 3000000));
		if (random_below(rng, 2)) {
			kill(worker[i], SIGCONT);
			return;
		}
	}
	ck_assert_int_eq(waitpid(worker[i], NULL, WNOHANG), 0); /* else it said why */
	kill_child(worker[i]);
	worker[i] = start(i);
}

/* Wait until every receiver got a value. */
static void all_move(void)
{
	uint32_t before[RECEIVERS];
	int64_t end = now() + SOON;

	for (int i = 0; i < RECEIVERS; i++)
		before[i] = atomic_load(&books->got[i]);
	for (int i = 0; i < RECEIVERS; i++)
		for (; atomic_load(&books->got[i]) == before[i]; nap(MS / 4))
			ck_assert_msg(now() < end, "receiver %d gets nothing", i);
}

START_TEST(should_hide_nothing_and_tear_nothing)
{
	pid_t worker[SENDERS + RECEIVERS];
	unsigned char buf[MESSAGE_MAX] __attribute__((aligned(16)));
	const struct message *m = (const void *)buf;
	uint64_t rng = (uint64_t)getpid();
	struct chan_cursor at = {0};
	ssize_t len;
	chan_t *ch = open_as(0, OPTIONS(.kind = CHAN_KIND_LATEST, .max_message = MESSAGE_MAX));

	books = mmap(
		NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(books, MAP_FAILED);
	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		worker[i] = start(i);
	all_move();
	for (int n = 0; n < BLOWS; n++) {
		blow(worker, &rng);
		if (n % 8 == 0)
			all_move();
	}
	for (int i = 0; i < SENDERS + RECEIVERS; i++) {
		ck_assert_int_eq(waitpid(worker[i], NULL, WNOHANG), 0);
		kill_child(worker[i]);
	}
	ck_assert_int_ge(chan_recover(ch), 0);
	ck_assert_int_eq(ch->kind->valid(&ch->ring), 0);
	ck_assert_uint_eq(stat_of(ch).damaged, 0);
	len = chan_peek(ch, buf, sizeof(buf), &at);
	ck_assert_int_gt(len, 0);
	ck_assert(message_whole(buf, (size_t)len));
	ck_assert_uint_eq(at.seq, stat_of(ch).sent);
	ck_assert_uint_ge(m->seq, atomic_load(&books->confirmed[m->lane]));
	chan_detach(ch);
	munmap(books, sizeof(*books));
}
END_TEST

void add_tests(void)
{
	GROUP("storm", channel_setup, channel_teardown, should_hide_nothing_and_tear_nothing);
}
