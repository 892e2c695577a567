/* SPDX-License-Identifier: MIT */
/* Channels with lanes: where messages go, where receivers look, and that all calls work on all
 * lanes. */
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include "base/hash.h"
#include "core/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static chan_t *tx, *rx, *ry;
static char buf[64];

static void setup_lanes(uint32_t by, uint32_t lanes, uint32_t flags)
{
	channel_setup();
	tx = open_as(CHAN_SEND, OPTIONS(.lanes = lanes, .lane_by = by, .flags = flags));
	rx = open_as(CHAN_RECV, NULL);
	ry = open_as(CHAN_RECV, NULL);
}

static void setup_keys(void)
{
	setup_lanes(CHAN_BY_KEY, 8, 0);
}

static void setup_two_keys(void)
{
	setup_lanes(CHAN_BY_KEY, 2, 0);
}

static void setup_priorities(void)
{
	setup_lanes(CHAN_BY_PRIORITY, 8, 0);
}

static void setup_ends(void)
{
	setup_lanes(CHAN_BY_KEY, 4, CHAN_END_WITH_SENDERS);
}

static void teardown(void)
{
	chan_detach(tx);
	chan_detach(rx);
	chan_detach(ry);
	channel_teardown();
}

static int send_key(const char *text, const char *key)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_KEY;
	meta.key_length = (uint32_t)strlen(key);
	strcpy(meta.key, key);
	return chan_send_meta(tx, text, strlen(text), &meta, 0);
}

static int send_priority(const char *text, unsigned priority)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_PRIORITY;
	meta.priority = (uint8_t)priority;
	return chan_send_meta(tx, text, strlen(text), &meta, 0);
}

static struct chan_lease take_one(chan_t *ch)
{
	struct chan_lease lease;

	ck_assert_int_eq(chan_take(ch, &lease, 1, SOON), 1);
	return lease;
}

static char first_of(const struct chan_lease *lease)
{
	return ((const char *)lease->data)[0];
}

/* Find two keys of different lanes: what is sent by one can be taken while the other's lane is
 * leased. */
static void two_keys(char a[4], char b[4])
{
	struct chan_lease first, second;

	strcpy(a, "a");
	for (char c = 'b'; c <= 'z'; c++) {
		snprintf(b, 4, "%c", c);
		ck_assert_int_eq(send_key("1", a), 0);
		first = take_one(rx);
		ck_assert_int_eq(send_key("2", b), 0);
		if (chan_take(ry, &second, 1, 0) == 1) {
			ck_assert_int_eq(chan_ack(ry, &second, 1), 1);
			ck_assert_int_eq(chan_ack(rx, &first, 1), 1);
			return;
		}
		ck_assert_int_eq(chan_ack(rx, &first, 1), 1);
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), 1);
	}
	ck_abort_msg("all keys are in one lane");
}

/* Lanes by key don't go by a priority, and the other way round. */
START_TEST(should_refuse_what_its_lanes_do_not_go_by)
{
	ck_assert_int_eq(send_key("x", "k"), _i ? -EINVAL : 0);
	ck_assert_int_eq(send_priority("x", 3), _i ? 0 : -EINVAL);
	ck_assert_uint_eq(stat_of(tx).sent, 1);
}
END_TEST

/* ---- by key ---- */

/* Return a key of that lane of two. */
static const char *key_in(uint32_t lane)
{
	static char key[2] = "a";

	while (hash_of(key, 1) % 2 != lane)
		key[0]++;
	return key;
}

/* In the endpoint table a sender is between them. */
START_TEST(should_give_receivers_different_homes)
{
	chan_t *sender, *first, *second;

	chan_detach(rx);
	chan_detach(ry);
	rx = ry = NULL;
	first = open_as(CHAN_RECV, NULL);
	sender = open_as(CHAN_SEND, NULL);
	second = open_as(CHAN_RECV, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(send_key("0", key_in(0)), 0);
		ck_assert_int_eq(send_key("1", key_in(1)), 0);
	}
	ck_assert_int_eq(chan_recv(first, buf, sizeof(buf), 0), 1);
	ck_assert_int_eq(chan_recv(second, buf + 1, sizeof(buf) - 1, 0), 1);
	ck_assert_int_ne(buf[0], buf[1]);
	chan_detach(first);
	chan_detach(sender);
	chan_detach(second);
}
END_TEST

/* Two lanes that are never empty, and a receiver for each. */
START_TEST(should_leave_a_lane_to_who_takes_from_it)
{
	char of_rx, of_ry;

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(send_key("0", key_in(0)), 0);
		ck_assert_int_eq(send_key("1", key_in(1)), 0);
	}
	ck_assert_int_eq(chan_recv(rx, &of_rx, 1, 0), 1);
	ck_assert_int_eq(chan_recv(ry, &of_ry, 1, 0), 1);
	ck_assert_int_ne(of_rx, of_ry);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(send_key("0", key_in(0)), 0);
		ck_assert_int_eq(send_key("1", key_in(1)), 0);
		ck_assert_int_eq(chan_recv(rx, buf, 1, 0), 1);
		ck_assert_int_eq(buf[0], of_rx);
		ck_assert_int_eq(chan_recv(ry, buf, 1, 0), 1);
		ck_assert_int_eq(buf[0], of_ry);
	}
}
END_TEST

/* Two lanes that are never empty, and one receiver. */
START_TEST(should_let_no_lane_starve)
{
	char a[4], b[4];
	int of_a = 0, of_b = 0;

	two_keys(a, b);
	ck_assert_int_eq(send_key("a", a), 0);
	ck_assert_int_eq(send_key("b", b), 0);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), 1);
		*(buf[0] == 'a' ? &of_a : &of_b) += 1;
		ck_assert_int_eq(buf[0] == 'a' ? send_key("a", a) : send_key("b", b), 0);
	}
	ck_assert_int_gt(of_a, 0);
	ck_assert_int_gt(of_b, 0);
}
END_TEST

START_TEST(should_keep_the_order_of_a_key)
{
	char text[8];

	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%d", i);
		ck_assert_int_eq(send_key(text, "same"), 0);
	}
	for (int i = 0; i < 40; i++) {
		chan_t *ch = i % 2 ? rx : ry;
		struct chan_lease lease = take_one(ch);

		snprintf(text, sizeof(text), "%d", i);
		ck_assert_mem_eq(lease.data, text, lease.len);
		ck_assert_int_eq(chan_ack(ch, &lease, 1), 1);
	}
}
END_TEST

START_TEST(should_not_overtake_what_is_leased)
{
	struct chan_lease lease, other;

	ck_assert_int_eq(send_key("1", "k"), 0);
	ck_assert_int_eq(send_key("2", "k"), 0);
	lease = take_one(rx);
	ck_assert_int_eq(chan_take(ry, &other, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(ry, buf, sizeof(buf), 0), -EAGAIN);
	other = take_one(rx); /* the same endpoint may */
	ck_assert_int_eq(first_of(&other), '2');
	ck_assert_int_eq(chan_release(rx, &lease, 1), 1);
	ck_assert_int_eq(chan_take(ry, &lease, 1, 0), -EAGAIN);
	ck_assert_int_eq(chan_untake(rx, &other, 1), 1);
	lease = take_one(ry);
	ck_assert_int_eq(first_of(&lease), '1');
	ck_assert_uint_eq(lease.attempt, 2);
}
END_TEST

static void *take_x(void *unused)
{
	struct chan_lease lease = take_one(ry);

	(void)unused;
	ck_assert_int_eq(first_of(&lease), '2');
	ck_assert_int_eq(chan_ack(ry, &lease, 1), 1);
	return NULL;
}

static bool ry_waits(void *arg)
{
	struct chan_endpoint e[4];
	int n = chan_endpoints(tx, e, 4), waiting = 0;

	(void)arg;
	for (int i = 0; i < n; i++)
		waiting += e[i].roles & CHAN_RECV && e[i].waiting;
	return waiting == 1;
}

START_TEST(should_wake_who_was_kept_out)
{
	struct chan_lease lease;
	pthread_t t;

	ck_assert_int_eq(send_key("1", "k"), 0);
	ck_assert_int_eq(send_key("2", "k"), 0);
	lease = take_one(rx);
	ck_assert_int_eq(pthread_create(&t, NULL, take_x, NULL), 0);
	await(ry_waits, NULL);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
}
END_TEST

START_TEST(should_work_on_lanes_at_the_same_time)
{
	char a[4], b[4];

	two_keys(a, b);
	ck_assert_uint_eq(stat_of(tx).depth, 0);
}
END_TEST

static int take_and_stop(void *unused)
{
	chan_t *ch = open_as(CHAN_RECV, NULL);

	(void)unused;
	take_one(ch);
	raise(SIGSTOP);
	return 0;
}

START_TEST(should_let_others_in_when_the_holder_died)
{
	struct chan_lease lease;
	pid_t pid;

	ck_assert_int_eq(send_key("1", "k"), 0);
	pid = in_child(take_and_stop, NULL);
	ck_assert(wait_stopped(pid));
	ck_assert_int_eq(chan_take(ry, &lease, 1, 0), -EAGAIN);
	kill_child(pid);
	lease = take_one(ry);
	ck_assert_uint_eq(lease.attempt, 2);
	ck_assert_int_eq(chan_ack(ry, &lease, 1), 1);
}
END_TEST

START_TEST(should_keep_what_has_no_key_in_its_senders_lane)
{
	chan_t *other = open_as(CHAN_SEND, NULL);
	struct chan_lease first, second;

	ck_assert_int_eq(chan_send(tx, "1", 1, 0), 0);
	ck_assert_int_eq(chan_send(tx, "2", 1, 0), 0);
	ck_assert_int_eq(chan_send(other, "3", 1, 0), 0);
	first = take_one(rx);
	second = take_one(ry);
	ck_assert_int_eq(first_of(&first) + first_of(&second), '1' + '3');
	chan_detach(other);
}
END_TEST

/* ---- by priority ---- */

START_TEST(should_deliver_the_highest_first)
{
	static const unsigned order[] = {3, 0, 7, 5, 7, 1};
	char text[2] = "0", got[7] = "";

	for (unsigned i = 0; i < 6; i++) {
		text[0] = (char)('0' + order[i]);
		ck_assert_int_eq(send_priority(text, order[i]), 0);
	}
	ck_assert_int_eq(chan_send(tx, "-", 1, 0), 0); /* none is 0 */
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(chan_recv(rx, got + i, 1, 0), 1);
	ck_assert_str_eq(got, "775310");
	expect_text(rx, "-");
}
END_TEST

START_TEST(should_starve_no_priority)
{
	unsigned high = 0;

	ck_assert_int_eq(send_priority("low", 0), 0);
	for (;; high++) {
		ck_assert_int_eq(send_priority("high", 7), 0);
		ck_assert_int_gt(chan_recv(rx, buf, sizeof(buf), 0), 0);
		if (buf[0] == 'l')
			break;
		ck_assert_uint_lt(high, 40);
	}
}
END_TEST

/* ---- all calls ---- */

START_TEST(should_count_and_show_all_lanes)
{
	char keys[8][2], seen[27] = "";
	struct chan_cursor at = {.flags = 0};
	struct chan_lease lease;
	int n = 0;

	for (unsigned i = 0; i < 8; i++) {
		keys[i][0] = (char)('a' + i);
		keys[i][1] = 0;
		ck_assert_int_eq(send_key(keys[i], keys[i]), 0);
	}
	ck_assert_uint_eq(stat_of(tx).depth, 8);
	ck_assert_uint_eq(stat_of(tx).sent, 8);
	ck_assert_uint_eq(stat_of(tx).lanes, 8);
	while (chan_peek(rx, buf, sizeof(buf), &at) == 1) {
		ck_assert_ptr_null(strchr(seen, buf[0]));
		seen[n++] = buf[0];
	}
	ck_assert_int_eq(n, 8);
	lease = take_one(rx);
	ck_assert_int_eq(chan_purge(rx), 7);
	ck_assert_int_eq(chan_ack(rx, &lease, 1), 1);
	ck_assert_uint_eq(stat_of(tx).depth, 0);
	ck_assert_uint_eq(stat_of(tx).received, 1);
	ck_assert_int_eq(chan_recover(rx), 0);
}
END_TEST

START_TEST(should_number_messages_apart)
{
	struct chan_lease lease[16];
	char key[2] = "a";
	int n = 0, got;

	for (; key[0] < 'm'; key[0]++)
		ck_assert_int_eq(send_key("x", key), 0);
	while ((got = chan_take(rx, lease + n, 4, 0)) > 0)
		n += got;
	ck_assert_int_eq(n, 12);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			ck_assert_uint_ne(lease[i].seq, lease[j].seq);
	ck_assert_int_eq(chan_ack(rx, lease, 12), 12); /* of several lanes */
	ck_assert_int_eq(chan_ack(rx, lease, 1), -ESTALE);
	lease[0].pos = UINT64_MAX;
	ck_assert_int_eq(chan_ack(rx, lease, 1), -ESTALE);
}
END_TEST

START_TEST(should_close_all_lanes)
{
	char key[2] = "a";

	for (; key[0] < 'm'; key[0]++)
		ck_assert_int_eq(send_key("x", key), 0);
	ck_assert_int_eq(chan_close(tx, CHAN_DRAIN), 0);
	for (key[0] = 'a'; key[0] < 'm'; key[0]++) {
		ck_assert_int_eq(send_key("x", key), -EPIPE);
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), 1);
	}
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
	ck_assert_int_eq(chan_close(tx, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
}
END_TEST

/* A process that was killed while it closed them has closed the first. */
START_TEST(should_end_with_its_first_lane)
{
	char key[2] = "a";
	struct stat st;
	struct layout *first;
	int fd = open(segment_path, O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(fstat(fd, &st), 0);
	first = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(first, MAP_FAILED);
	for (; key[0] < 'm'; key[0]++)
		ck_assert_int_eq(send_key("x", key), 0);
	atomic_fetch_or(&first->control.state, LAYOUT_CLOSED);
	for (key[0] = 'a'; key[0] < 'm'; key[0]++)
		ck_assert_int_eq(send_key("x", key), -EPIPE);
	for (key[0] = 'a'; key[0] < 'm'; key[0]++)
		ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), 1);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
	munmap(first, (size_t)st.st_size);
	close(fd);
}
END_TEST

START_TEST(should_end_when_it_is_removed)
{
	ck_assert_int_eq(send_key("x", "a"), 0);
	ck_assert_int_eq(chan_remove(name), 0);
	ck_assert_int_eq(send_key("x", "b"), -EIDRM);
	expect_text(rx, "x");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EIDRM);
}
END_TEST

START_TEST(should_end_with_its_senders)
{
	ck_assert_int_eq(send_key("x", "a"), 0);
	chan_detach(tx);
	tx = NULL;
	expect_text(rx, "x");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), SOON), -EPIPE);
}
END_TEST

START_TEST(should_pause_all_lanes)
{
	char key[2] = "a";

	ck_assert_int_eq(chan_pause(tx, 1), 0);
	for (; key[0] < 'm'; key[0]++)
		ck_assert_int_eq(send_key("x", key), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_pause(tx, 0), 0);
	for (key[0] = 'a'; key[0] < 'm'; key[0]++)
		expect_text(rx, "x");
}
END_TEST

START_TEST(should_be_waited_for)
{
	struct chan_case c = {
		.size = sizeof(c), .op = CHAN_OP_RECV, .ch = rx, .data = buf, .len = sizeof(buf)};
	struct pollfd p = {.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN};
	struct chan_ready ready;
	chan_set_t *set;
	char key[2] = "a";

	ck_assert_int_ge(p.fd, 0);
	ck_assert_int_eq(chan_set_create(&set), 0);
	ck_assert_int_eq(chan_set_add(set, ry, CHAN_RECV, NULL), 0);
	for (; key[0] < 'm'; key[0]++) {
		for (int i = 0; i < 1000 && poll(&p, 1, 0) != 0; i++)
			ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
		ck_assert_int_eq(poll(&p, 1, 0), 0); /* it rests */
		ck_assert_int_eq(chan_set_wait(set, &ready, 1, 0), -EAGAIN);
		ck_assert_int_eq(chan_select(&c, 1, 0, 0), -EAGAIN);
		ck_assert_int_eq(send_key("x", key), 0);
		ck_assert_int_eq(poll(&p, 1, (int)(SOON / MS)), 1);
		ck_assert_int_eq(chan_set_wait(set, &ready, 1, SOON), 1);
		ck_assert_int_eq(chan_select(&c, 1, SOON, 0), 0);
		ck_assert_int_eq(c.result, 1);
	}
	chan_set_destroy(set);
}
END_TEST

/* Let its descriptor rest: nothing is there for it. */
static void rest(chan_t *ch, struct pollfd *p)
{
	for (int i = 0; i < 1000 && poll(p, 1, 0) != 0; i++)
		ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(poll(p, 1, 0), 0);
}

START_TEST(should_rest_while_something_is_leased)
{
	struct pollfd p = {.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN},
		      q = {.fd = chan_fd(ry, CHAN_RECV), .events = POLLIN};
	struct chan_lease lease[2];

	ck_assert_int_eq(send_key("1", "a"), 0);
	ck_assert_int_eq(chan_take(rx, lease, 2, 0), 1);
	rest(rx, &p);
	ck_assert_int_eq(send_key("2", "a"), 0);
	rest(ry, &q); /* it is kept out, and no message is news */
	ck_assert_int_eq(poll(&p, 1, (int)(SOON / MS)), 1);
	ck_assert_int_eq(chan_take(rx, lease + 1, 1, 0), 1);
	rest(rx, &p);
	rest(ry, &q);
	ck_assert_int_eq(send_key("3", "a"), 0);
	rest(ry, &q);
	ck_assert_int_eq(chan_ack(rx, lease, 2), 2);
	ck_assert_int_eq(poll(&q, 1, (int)(SOON / MS)), 1);
	expect_text(ry, "3");
}
END_TEST

START_TEST(should_rest_though_it_ends_with_its_senders)
{
	struct pollfd p = {.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN};

	rest(rx, &p);
	chan_detach(tx);
	tx = NULL;
	ck_assert_int_eq(poll(&p, 1, (int)(SOON / MS)), 1);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EPIPE);
}
END_TEST

START_TEST(should_rest_while_something_is_delayed)
{
	struct pollfd p = {.fd = chan_fd(rx, CHAN_RECV), .events = POLLIN};
	struct chan_lease lease;
	ssize_t n;

	ck_assert_int_eq(send_key("1", "a"), 0);
	ck_assert_int_eq(chan_take(rx, &lease, 1, 0), 1);
	ck_assert_int_eq(chan_release_after(rx, &lease, 1, 300 * MS), 1);
	ck_assert_int_eq(chan_close(tx, 0), 0);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN);
	do
		ck_assert_int_eq(poll(&p, 1, (int)(SOON / MS)), 1);
	while ((n = chan_recv(rx, buf, sizeof(buf), 0)) == -EAGAIN);
	ck_assert_int_eq(n, 1);
}
END_TEST

static void *select_x(void *arg)
{
	struct chan_case c = {
		.size = sizeof(c), .op = CHAN_OP_RECV, .ch = ry, .data = arg, .len = 64};

	ck_assert_int_eq(chan_select(&c, 1, SOON, 0), 0);
	ck_assert_int_eq(c.result, 1);
	return NULL;
}

static void *recv_x(void *arg)
{
	ck_assert_int_eq(chan_recv(ry, arg, 64, SOON), 1);
	return NULL;
}

START_TEST(should_wake_sleepers_by_any_lane)
{
	char key[2] = "a", into[64];

	for (; key[0] < 'm'; key[0]++) {
		pthread_t t;

		ck_assert_int_eq(pthread_create(&t, NULL, key[0] % 2 ? select_x : recv_x, into), 0);
		await(ry_waits, NULL);
		ck_assert_int_eq(send_key("x", key), 0);
		ck_assert_int_eq(pthread_join(t, NULL), 0);
	}
}
END_TEST

static void *await_eintr(void *unused)
{
	(void)unused;
	ck_assert_int_eq(chan_recv(ry, buf, sizeof(buf), SOON), -EINTR);
	return NULL;
}

START_TEST(should_be_interrupted)
{
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, await_eintr, NULL), 0);
	await(ry_waits, NULL);
	chan_interrupt(ry, 1);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	chan_interrupt(ry, 0);
}
END_TEST

START_TEST(should_reserve_and_batch)
{
	char abc[] = "abc";
	struct iovec in[3] = {{abc, 1}, {abc + 1, 1}, {abc + 2, 1}},
		     out[4] = {{buf, 8}, {buf + 8, 8}, {buf + 16, 8}, {buf + 24, 8}};
	void *at;

	ck_assert_int_eq(chan_reserve(tx, &at, 4, 0), 0);
	ck_assert_int_eq(chan_reserve(tx, &at, 4, 0), -EDEADLK);
	memcpy(at, "four", 4);
	ck_assert_int_eq(chan_commit(tx, 4), 0);
	ck_assert_int_eq(chan_reserve(tx, &at, 4, 0), 0);
	chan_abort(tx);
	ck_assert_int_eq(chan_send_batch(tx, in, 3, 0), 3);
	ck_assert_int_eq(chan_recv_batch(rx, out, 4, 0), 4);
	ck_assert_mem_eq(buf, "four", 4);
	ck_assert_int_eq(buf[24], 'c');
}
END_TEST

START_TEST(should_fill_one_lane_and_not_another)
{
	int n = 0;

	while (send_key("0123456789", "k") == 0)
		n++;
	ck_assert_int_gt(n, 100);
	ck_assert_int_eq(send_key("x", "k"), -EAGAIN);
	ck_assert_int_eq(send_key("x", "l") == 0 || send_key("x", "m") == 0, 1);
	ck_assert_int_eq(chan_set_overflow(tx, CHAN_DROP_NEWEST), 0);
	ck_assert_int_eq(send_key("0123456789", "k"), CHAN_DROPPED);
	ck_assert_uint_eq(stat_of(tx).dropped_newest, 1);
}
END_TEST

START_TEST(should_answer_requests)
{
	chan_t *client = open_as(CHAN_SEND, NULL);
	struct chan_meta meta;
	struct chan_lease lease;
	uint64_t a, b;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_KEY;
	meta.key_length = 1;
	meta.key[0] = 'c';
	ck_assert_int_eq(chan_request(client, "a", 1, &meta, 0, &a), 0);
	meta.key[0] = 'e';
	ck_assert_int_eq(chan_request(client, "b", 1, &meta, 0, &b), 0);
	ck_assert_int_eq(chan_cancel(client, b), 1);
	lease = take_one(rx);
	ck_assert_int_eq(chan_wanted(rx, &lease), 1);
	ck_assert_int_eq(chan_reply(rx, &lease, "A", 1, NULL, 0), 0);
	ck_assert_int_eq(chan_response(client, a, buf, sizeof(buf), NULL, SOON), 1);
	ck_assert_uint_eq(stat_of(rx).depth, 0);
	chan_detach(client);
}
END_TEST

static int use_parents(void *unused)
{
	struct chan_lease lease = {.pos = 0};
	struct chan_cursor at = {.pos = 0};

	(void)unused;
	if (chan_send(tx, "x", 1, 0) != -ENOTCONN || chan_take(rx, &lease, 1, 0) != -ENOTCONN ||
		chan_ack(rx, &lease, 1) != -ENOTCONN || chan_purge(rx) != -ENOTCONN ||
		chan_commit(tx, 1) != -ENOTCONN || chan_peek(rx, buf, 8, &at) != -ENOTCONN ||
		chan_recover(rx) != -ENOTCONN || chan_pause(rx, 1) != -ENOTCONN)
		return 1;
	chan_detach(tx);
	chan_detach(rx);
	return 0;
}

START_TEST(should_be_the_parents_after_a_fork)
{
	ck_assert_int_eq(wait_child(in_child(use_parents, NULL)), 0);
	ck_assert_int_eq(send_key("x", "a"), 0);
	expect_text(rx, "x");
}
END_TEST

/* ---- making them ---- */

static void refused(const struct chan_options *opt, const char *why)
{
	ck_assert_int_eq(chan_create(channel_other("bad"), opt), -EINVAL);
	ck_assert_msg(
		strstr(chan_error_detail(-EINVAL), why) != NULL, "%s", chan_error_detail(-EINVAL));
}

START_TEST(should_refuse_lanes_that_make_no_sense)
{
	chan_t *ch;

	refused(OPTIONS(.lanes = 1, .lane_by = CHAN_BY_KEY), "lanes: are 2 to 64");
	refused(OPTIONS(.lanes = 65, .lane_by = CHAN_BY_KEY), "lanes: are 2 to 64");
	refused(OPTIONS(.lanes = 4, .lane_by = CHAN_BY_PRIORITY), "there are 8");
	refused(OPTIONS(.lanes = 4), "lane_by");
	refused(OPTIONS(.lanes = 4, .lane_by = 3), "lane_by");
	refused(OPTIONS(.lane_by = CHAN_BY_KEY), "lane_by");
	refused(OPTIONS(.lanes = 4, .lane_by = CHAN_BY_KEY, .kind = CHAN_KIND_BROADCAST), "queue");
	refused(OPTIONS(.lanes = 4, .lane_by = CHAN_BY_KEY, .max_capacity = 1 << 30), "grow");
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV | CHAN_EXCLUSIVE, NULL), -EINVAL);
	ck_assert_ptr_nonnull(strstr(chan_error_detail(-EINVAL), "lanes"));
}
END_TEST

void add_tests(void)
{
	GROUP_FOR(0, 1, "lanes by key only", setup_keys, teardown,
		should_refuse_what_its_lanes_do_not_go_by);
	GROUP_FOR(1, 2, "lanes by priority only", setup_priorities, teardown,
		should_refuse_what_its_lanes_do_not_go_by);
	GROUP("two lanes by key", setup_two_keys, teardown, should_give_receivers_different_homes,
		should_leave_a_lane_to_who_takes_from_it);
	GROUP("lanes by key", setup_keys, teardown, should_keep_the_order_of_a_key,
		should_let_no_lane_starve, should_not_overtake_what_is_leased,
		should_wake_who_was_kept_out, should_work_on_lanes_at_the_same_time,
		should_let_others_in_when_the_holder_died,
		should_keep_what_has_no_key_in_its_senders_lane);
	GROUP("lanes by priority", setup_priorities, teardown, should_deliver_the_highest_first,
		should_starve_no_priority);
	GROUP("lanes", setup_keys, teardown, should_count_and_show_all_lanes,
		should_number_messages_apart, should_close_all_lanes,
		should_end_with_its_first_lane, should_end_when_it_is_removed,
		should_pause_all_lanes, should_be_waited_for, should_rest_while_something_is_leased,
		should_rest_while_something_is_delayed, should_wake_sleepers_by_any_lane,
		should_be_interrupted, should_reserve_and_batch,
		should_fill_one_lane_and_not_another, should_answer_requests,
		should_be_the_parents_after_a_fork, should_refuse_lanes_that_make_no_sense);
	GROUP("lanes, end with senders", setup_ends, teardown, should_end_with_its_senders,
		should_rest_though_it_ends_with_its_senders);
}
