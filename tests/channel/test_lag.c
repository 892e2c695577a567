/* SPDX-License-Identifier: MIT */
/*
 * Lag: what it makes of dialogues and streams, on simulated processors.  Their clock is a
 * number here, so nothing of this machine is in it: a line changes its CPU in 70 ns or in
 * 500, and an interrupt comes now and then.
 */
#include "channel/lag.h"
#include "support/suite.h"

#define RECORD 80 /* bytes */

/* A side of a channel, on its own clock. */
struct side {
	struct lag lag;
	int64_t now, lost; /* ns; in interrupts */
	uint64_t position;
	unsigned waits, lagged;
	uint32_t chance;
};

static struct side side;

static void setup(void)
{
	side = (struct side){.now = 1000000, .chance = 1};
	lag_init(&side.lag);
}

/* A number below `most`, the same in every run. */
static uint32_t any(uint32_t most)
{
	side.chance = side.chance * 1664525u + 1013904223u;
	return (side.chance >> 8) % most;
}

/* About `ns`, and one time in a thousand an interrupt of 20 us more. */
static void pass(int64_t ns)
{
	int64_t interrupt = any(1000) == 0 ? 20000 : 0;

	side.now += ns * (80 + any(40)) / 100 + interrupt;
	side.lost += interrupt;
}

static uint32_t begin_wait(void)
{
	uint32_t lag = lag_next(&side.lag, side.now, side.position);

	side.waits++;
	side.lagged += lag != 0;
	return lag;
}

/* One message comes after `answer`, and no other before it is answered. */
static void dialogue(unsigned waits, int64_t answer, unsigned messages)
{
	for (unsigned i = 0; i < waits; i++) {
		uint32_t lag = begin_wait();

		pass(lag > answer ? lag : answer);
		side.position += messages * RECORD;
		pass(30 * messages);
	}
}

/* The peer sends a message each `close` ns while it is polled, each `apart` ns while it is
 * left alone.  This side takes `take` ns for each. */
static void stream(unsigned waits, int64_t close, int64_t apart, int64_t take)
{
	for (unsigned i = 0; i < waits; i++) {
		uint32_t lag = begin_wait();
		int64_t there = lag ? lag / apart : 1;

		pass(lag > close - take ? lag : close - take);
		if (there < 1)
			there = 1;
		if (lag && take < apart) /* more comes while these are taken */
			there = there * apart / (apart - take);
		side.position += (uint64_t)there * RECORD;
		pass(take * there);
	}
}

static double messages_per_us(void (*work)(unsigned, int64_t, int64_t, int64_t), unsigned waits,
	int64_t close, int64_t apart, int64_t take)
{
	int64_t from = side.now - side.lost;
	uint64_t position = side.position;

	work(waits, close, apart, take);
	return 1000.0 * (double)(side.position - position) / RECORD /
	       (double)(side.now - side.lost - from);
}

/* From the answer within 100 ns of two cores that share a cache to that of two sockets. */
static const int64_t answers[] = {60, 100, 150, 250, 300, 500, 900, 2000, 3500};
#define ANSWERS (sizeof(answers) / sizeof(*answers))

START_TEST(should_hardly_ever_lag_in_a_dialogue)
{
	dialogue(20000, answers[_i % ANSWERS], 1 + _i / ANSWERS);
	ck_assert_uint_le(side.lagged, side.waits / 500);
	ck_assert_uint_gt(side.lagged, 0); /* else it could not learn */
}
END_TEST

START_TEST(should_lag_where_the_peer_is_faster_when_left_alone)
{
	static const struct {
		int64_t close, apart, take;
	} processors[] = {
		{200, 50, 30}, {400, 50, 40}, {90, 40, 25}, {170, 60, 50}, {1000, 100, 60}};
	double learned, best;

	learned = messages_per_us(
		stream, 4000, processors[_i].close, processors[_i].apart, processors[_i].take);
	ck_assert_uint_ge(side.lagged, side.waits * 9 / 10);
	best = 1000.0 / (double)processors[_i].apart;
	ck_assert_double_ge(learned, 0.85 * best);
}
END_TEST

/* The sender needs that long for each, whatever this side does. */
START_TEST(should_not_lag_behind_a_peer_that_is_as_fast_when_polled)
{
	static const int64_t paces[] = {80, 200, 500, 1500, 5000};

	stream(20000, paces[_i], paces[_i], 30);
	ck_assert_uint_le(side.lagged, side.waits / 100);
}
END_TEST

START_TEST(should_end_the_lag_as_soon_as_a_stream_becomes_a_dialogue)
{
	stream(4000, 200, 50, 30);
	ck_assert_uint_ge(side.lagged, 3000);
	side.waits = side.lagged = 0;
	dialogue(1000, 150, 1);
	ck_assert_uint_le(side.lagged, 5);
}
END_TEST

START_TEST(should_find_a_stream_after_a_long_dialogue)
{
	dialogue(100000, 300, 1);
	side.waits = side.lagged = 0;
	stream(20000, 200, 50, 30);
	ck_assert_uint_ge(side.lagged, side.waits / 2);
}
END_TEST

/* Messages that come one by one between sleeps. */
START_TEST(should_not_count_sleeps_and_long_pauses)
{
	for (unsigned i = 0; i < 10000; i++) {
		ck_assert_uint_eq(begin_wait(), 0);
		if (i % 2)
			lag_interrupt(&side.lag);
		side.now += i % 2 ? 5000 : 1000000;
		side.position += RECORD;
	}
}
END_TEST

/* The clock and the position are what they are: of another thread, or spoiled. */
START_TEST(should_stay_within_its_bounds_whatever_it_is_given)
{
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t lag = lag_next(&side.lag, (int64_t)any(1u << 23) * any(1u << 20),
			(uint64_t)any(1u << 23) << any(40));

		ck_assert_uint_le(lag, 4000);
	}
}
END_TEST

void add_tests(void)
{
	GROUP_FOR(0, 3 * ANSWERS, "dialogues", setup, NULL, should_hardly_ever_lag_in_a_dialogue);
	GROUP_FOR(0, 5, "streams", setup, NULL, should_lag_where_the_peer_is_faster_when_left_alone,
		should_not_lag_behind_a_peer_that_is_as_fast_when_polled);
	GROUP("changes", setup, NULL, should_end_the_lag_as_soon_as_a_stream_becomes_a_dialogue,
		should_find_a_stream_after_a_long_dialogue, should_not_count_sleeps_and_long_pauses,
		should_stay_within_its_bounds_whatever_it_is_given);
}
