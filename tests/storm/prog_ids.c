/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_ids [-g|-l] [-t SECONDS] [-s SEED]
 *
 * A storm of senders that send again what they can't be sure of: each message has an id, and the
 * channel remembers ids.  Senders, each a process, are killed at random moments, and one that
 * starts in a dead one's place begins with the message that the dead one was sending.  Now and
 * then a sender repeats one of its last messages, for no reason.
 *
 * The parent receives.  Each message comes once, and those of a sender in their order.  What was
 * sent before is a duplicate, for whoever sends it.  In the end the count of duplicates is what
 * senders were told, but for those who died while they were.
 *
 * -g: the channel grows; -l: it has lanes, by key.
 */
#include "channel/channel.h"
#include "storm.h"
#include "support/clock.h"
#include "support/collect.h"
#include "support/process.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENDERS = 4, CAPACITY = 1 << 15, WINDOW = 1 << 20, REPEATS = 8 };
#define PATIENCE (20 * SECOND)

static struct books {
	struct {
		_Atomic uint32_t seq;	    /* it sends this one, or has sent the one before */
		_Atomic uint64_t told;	    /* that one was a duplicate */
		_Atomic uint64_t continued; /* that of a dead one was */
		_Atomic uint64_t moved;
	} of[SENDERS];
	_Atomic bool over;
} * books;

static char channel[64];
static chan_t *ours;
static pid_t senders[SENDERS];
static uint32_t expected[SENDERS]; /* the next message of each */
static uint64_t rng, kills, received;
static bool lanes, grows;

/* Say which line is wrong, and end. */
#define EXPECT(cond)                                                                               \
	do                                                                                         \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	while (0)

/* ---- senders ---- */

/* Send message `seq`: what chan_send_meta() does. */
static int send_one(chan_t *ch, int me, uint32_t seq)
{
	unsigned char buf[MESSAGE_MAX];
	size_t len = message_make(buf, (uint32_t)me, seq);
	struct chan_meta meta;
	int err;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_ID | (lanes ? CHAN_META_HAS_KEY : 0);
	memcpy(meta.id, &me, sizeof(me));
	memcpy(meta.id + 8, &seq, sizeof(seq));
	meta.key_length = 1;
	meta.key[0] = (char)('a' + me);
	err = chan_send_meta(ch, buf, len, &meta, PATIENCE);
	if (err < 0)
		fprintf(stderr, "sender %d: %s: %s\n", me, chan_strerror(err),
			chan_error_detail(err));
	EXPECT(err == 0 || err == CHAN_DUPLICATE);
	return err;
}

static int send_on(void *arg)
{
	int me = (int)(intptr_t)arg;
	uint64_t rng_here = rng + (uint64_t)getpid();
	bool first = true;
	chan_t *ch;

	EXPECT(chan_open(&ch, channel, CHAN_SEND, NULL) == 0);
	while (!atomic_load(&books->over)) {
		uint32_t seq = atomic_load(&books->of[me].seq), back;

		if (send_one(ch, me, seq) == CHAN_DUPLICATE) {
			EXPECT(first);
			atomic_fetch_add(&books->of[me].told, 1);
			atomic_fetch_add(&books->of[me].continued, 1);
		}
		first = false;
		atomic_store(&books->of[me].seq, seq + 1);
		atomic_fetch_add(&books->of[me].moved, 1);
		back = random_below(&rng_here, 4 * REPEATS);
		if (back < REPEATS && back < seq) {
			EXPECT(send_one(ch, me, seq - back) == CHAN_DUPLICATE);
			atomic_fetch_add(&books->of[me].told, 1);
		}
	}
	chan_detach(ch);
	return 0;
}

static void start(int i)
{
	senders[i] = in_child(send_on, (void *)(intptr_t)i);
}

/* ---- the parent ---- */

static void all_live(void)
{
	for (int i = 0; i < SENDERS; i++)
		if (waitpid(senders[i], NULL, WNOHANG) != 0) {
			fprintf(stderr, "sender %d ended\n", i);
			exit(1);
		}
}

/* Receive for so long, ns. */
static void receive_for(int64_t time)
{
	unsigned char buf[MESSAGE_MAX];
	int64_t end = now() + time;
	const struct message *m;
	ssize_t n;

	do {
		n = chan_recv(ours, buf, sizeof(buf), time ? MS : 0);
		if (n == -ETIMEDOUT || n == -EAGAIN)
			continue;
		EXPECT(n >= 0 && message_whole(buf, (size_t)n));
		m = message_in(buf);
		EXPECT(m && m->lane < SENDERS);
		if (m->seq != expected[m->lane]) {
			fprintf(stderr, "of sender %u came message %u, not %u\n", m->lane, m->seq,
				expected[m->lane]);
			exit(1);
		}
		expected[m->lane]++;
		received++;
	} while (time ? now() < end : n >= 0);
}

/* Go on until sender `i` has sent something. */
static void moves(int i)
{
	uint64_t before = atomic_load(&books->of[i].moved), at = received;
	int64_t end = now() + PATIENCE;

	while (atomic_load(&books->of[i].moved) == before) {
		receive_for(MS / 4);
		all_live();
		if (now() > end) {
			fprintf(stderr, "sender %d waits\n", i);
			exit(1);
		}
	}
	/* Else what the dead one was sending may be behind the window. */
	EXPECT(received - at < WINDOW / 2);
}

static void blow(void)
{
	int i = (int)random_below(&rng, SENDERS);

	receive_for(random_below(&rng, 3000000));
	nap(random_below(&rng, 8) ? random_below(&rng, 50000) : 2 * MS);
	all_live();
	kill_child(senders[i]);
	kills++;
	start(i);
	moves(i);
}

static void all_end(void)
{
	int64_t end = now() + PATIENCE;

	atomic_store(&books->over, true);
	for (int i = 0; i < SENDERS; i++) {
		int status;
		pid_t pid;

		while ((pid = waitpid(senders[i], &status, WNOHANG)) == 0) {
			receive_for(MS);
			EXPECT(now() < end);
		}
		EXPECT(pid == senders[i] && status == 0);
	}
	receive_for(0);
	for (int i = 0; i < SENDERS; i++)
		EXPECT(expected[i] == atomic_load(&books->of[i].seq));
}

static void prepare(void)
{
	struct chan_options opt = {.size = sizeof(opt),
		.flags = CHAN_META,
		.capacity = CAPACITY,
		.max_capacity = grows ? 1 << 20 : 0,
		.lanes = lanes ? 4 : 0,
		.lane_by = lanes ? CHAN_BY_KEY : 0,
		.dedup = WINDOW};

	collect_channels("storm-");
	snprintf(channel, sizeof(channel), "storm-%d", (int)getpid());
	books = mmap(
		NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(books != MAP_FAILED);
	EXPECT(chan_create(channel, &opt) == 0);
	EXPECT(chan_open(&ours, channel, CHAN_RECV, NULL) == 0);
	for (int i = 0; i < SENDERS; i++) {
		expected[i] = 1;
		atomic_store(&books->of[i].seq, 1);
		start(i);
	}
}

int main(int argc, char **argv)
{
	uint64_t seconds = 5, told = 0, continued = 0;
	struct chan_stat st = {.size = sizeof(st)};
	int64_t end;
	int c;

	rng = (uint64_t)now();
	while ((c = getopt(argc, argv, "glt:s:")) != -1) {
		if (c == 't')
			seconds = strtoull(optarg, NULL, 10);
		else if (c == 'g')
			grows = true;
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
	for (int i = 0; i < SENDERS; i++)
		moves(i);
	all_end();
	for (int i = 0; i < SENDERS; i++) {
		told += atomic_load(&books->of[i].told);
		continued += atomic_load(&books->of[i].continued);
	}
	EXPECT(chan_stat(ours, &st) == 0 && !st.damaged && st.depth == 0);
	EXPECT(st.sent == received && st.duplicates >= told && st.duplicates <= told + kills);
	chan_detach(ours);
	EXPECT(chan_remove(channel) == 0);
	printf("%sids: %llu kills; %llu messages, each once; %llu duplicates, %llu of them of what "
	       "a "
	       "dead one had sent\n",
		lanes	? "lanes, "
		: grows ? "growing, "
			: "",
		(unsigned long long)kills, (unsigned long long)received,
		(unsigned long long)st.duplicates, (unsigned long long)continued);
	/* What never happened was not shown. */
	return continued == 0 || told == continued;
}
