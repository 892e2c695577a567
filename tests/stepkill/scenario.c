/* SPDX-License-Identifier: MIT */
/*
 * The operations, each in a state that makes it take another path.  What runs
 * here runs in the victim, but for meddling.
 */
#include "stepkill.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME PATIENCE  /* the victim's patience, when somebody will wake it */
#define SHORT (2 * MS) /* and when nobody will */

#define LARGE 5000 /* bytes */

static const struct scenario *self;
static chan_t *ch;
static unsigned char out[5][1024], in[5][1024];
static struct chan_lease lease[4];
static unsigned length;

static chan_t *must_open(unsigned roles)
{
	chan_t *ret;
	int err = chan_open(&ret, channel, roles, &self->opt);

	if (err < 0)
		_exit(100 - err % 100);
	return ret;
}

void scenario_ready(const struct scenario *s)
{
	self = s;
	length = s->length ? s->length : USUAL;
	for (unsigned i = 0; i < 5; i++)
		message_make(out[i], VICTIM, i + 1, length);
	for (unsigned i = 1; i <= s->sends; i++)
		atomic_store(&board->sending[VICTIM][i], ATTEMPTED);
	if (s->roles)
		ch = must_open(s->roles);
	if (s->setup)
		s->setup();
}

/* ---- before ---- */

static void expect(int got, int wanted)
{
	if (got != wanted)
		_exit(101);
}

static void take1(void)
{
	expect(chan_take(ch, lease, 1, 0), 1);
}
static void take3(void)
{
	expect(chan_take(ch, lease, 3, 0), 3);
}
static void take3_and_ack_2(void)
{
	take3();
	expect(chan_ack(ch, lease + 1, 2), 2);
}
static void take3_and_release_1(void)
{
	take3();
	expect(chan_release(ch, lease + 1, 1), 1);
}
static void take_and_release(void)
{
	take3();
	expect(chan_release(ch, lease, 3), 3);
}
static void reserve(void)
{
	void *to;

	expect(chan_reserve(ch, &to, 300, 0), 0);
	memcpy(to, out[0], length);
}
static void lose_the_name(void)
{
	struct segment_path path;

	expect(segment_resolve(channel, &path), 0);
	expect(segment_unlink(&path), 0);
}
static void create_and_open(void)
{
	ch = must_open(CHAN_SEND | CHAN_CREATE);
}

/* For a selection: the second channel, if there is one; else the endpoint itself, twice. */
static chan_t *beside;

static void open_second(void)
{
	if (!self->second)
		beside = ch;
	else
		expect(chan_open(&beside, second, CHAN_RECV, NULL), 0);
}
/* Be an event loop. */
static void poll_it(void)
{
	int fd = chan_fd(ch, CHAN_RECV);

	expect(fd > 2, 1);
}

/* Let a process attach, take leases, and die. */
static void after_a_death(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		chan_t *other = must_open(CHAN_RECV | CHAN_CREATE);

		chan_take(other, lease, 2, 0);
		_exit(0);
	}
	expect(waitpid(pid, NULL, 0) == pid, 1);
}
static void watch_after_a_death(void)
{
	after_a_death();
	ch = must_open(0);
}
static void watch(void)
{
	ch = must_open(0);
}
static void watch_and_cover(void)
{
	watch();
	channel_cover(ch, 1);
}

/* Subscribe to a broadcast. */
static int subscribe_as(unsigned from, unsigned on_lag, const char *group, uint64_t age)
{
	struct chan_subscription how = {.size = sizeof(how),
		.from = from,
		.on_lag = on_lag,
		.group = group,
		.group_age = age};

	return chan_subscribe(&ch, channel, &how);
}
static int subscribe(unsigned from, unsigned on_lag, const char *group)
{
	return subscribe_as(from, on_lag, group, 0);
}
static void hold(void)
{
	expect(subscribe(CHAN_FROM_OLDEST, CHAN_LAG_BLOCK, NULL), 0);
}
static void hold_and_take3(void)
{
	hold();
	take3();
}
static void be_lapped_as(const char *group)
{
	chan_t *sender = must_open(CHAN_SEND);

	expect(subscribe(CHAN_FROM_OLDEST, CHAN_LAG_LOSE, group), 0);
	for (unsigned i = 1; i <= 3; i++)
		expect(note_send(sender, PREPARER, FULL + i, USUAL, 0), 0);
	chan_detach(sender);
}
static void be_lapped(void)
{
	be_lapped_as(NULL);
}
static void be_lapped_in_group(void)
{
	be_lapped_as("group");
}
/* Let a process subscribe and die, after so many messages. */
static void die_subscribed(const char *group, uint64_t age, unsigned messages)
{
	pid_t pid = fork();

	if (pid == 0) {
		subscribe_as(CHAN_FROM_OLDEST, CHAN_LAG_BLOCK, group, age);
		for (; messages; messages--)
			chan_recv(ch, in[0], sizeof(in[0]), 0);
		_exit(0);
	}
	expect(waitpid(pid, NULL, 0) == pid, 1);
}
static void leave_a_dead_holder(void)
{
	die_subscribed(NULL, 0, 0);
}
static void leave_a_group(void)
{
	die_subscribed("group", 0, 1);
}
static void leave_an_old_group(void)
{
	die_subscribed("group", 1, 0);
}
static void watch_a_group(void)
{
	leave_a_group();
	watch();
}
static void use_group(void)
{
	expect(subscribe(CHAN_FROM_OLDEST, CHAN_LAG_BLOCK, "group"), 0);
}
static void use_group_and_take3(void)
{
	use_group();
	take3();
}

/* Of a channel that grows: receive the first messages, up to the last in their ring. */
static void receive(chan_t *from, unsigned n)
{
	for (; n; n--)
		expect((int)note_recv(from, 0), USUAL);
}
static void receive_all_in_the_first(void)
{
	receive(ch, FULL);
}
static void receive_all_but_one_in_the_first(void)
{
	receive(ch, FULL - 1);
}
static void take_over_the_step(void)
{
	receive(ch, FULL - 1);
	take3();
}
/* The next message that somebody receives makes the first ring free. */
static void let_the_first_be_received(void)
{
	chan_t *other = must_open(CHAN_RECV);

	receive(other, FULL);
	chan_detach(other);
}
/* Let it grow, and leave so many messages in the new ring, for a quiet while. */
static void grow_and_leave(unsigned n)
{
	chan_t *other = must_open(CHAN_SEND | CHAN_RECV);

	for (unsigned i = 1; i <= FULL + 3; i++)
		expect(note_send(other, PREPARER, i, USUAL, 0), 0);
	receive(other, FULL + 3 - n);
	chan_detach(other);
	atomic_store(&ch->control->ladder.needed, 0);
}
static void grow_and_leave_none(void)
{
	grow_and_leave(0);
}
static void grow_and_leave_2(void)
{
	grow_and_leave(2);
}

/* Of a broadcast that another one holds: let it grow, for a quiet while. */
static void grow_beside_a_holder(void)
{
	for (unsigned i = 1; i <= 3; i++)
		expect(note_send(ch, PREPARER, FULL + i, USUAL, 0), 0);
	atomic_store(&ch->control->ladder.needed, 0);
}
/* Of a broadcast: the victim holds it, and has received what lies in the first ring. */
static void hold_over_the_step(void)
{
	chan_t *sender = must_open(CHAN_SEND);

	hold();
	for (unsigned i = 1; i <= FULL + 3; i++)
		expect(note_send(sender, PREPARER, i, USUAL, 0), 0);
	receive(ch, FULL);
	chan_detach(sender);
}

/* ---- the operations ---- */

static int op_create(void)
{
	return chan_create(channel, &self->opt);
}
static int op_open_send(void)
{
	return chan_open(&ch, channel, CHAN_SEND, NULL);
}
static int op_open_recv(void)
{
	return chan_open(&ch, channel, CHAN_RECV, NULL);
}
static int op_open_create(void)
{
	return chan_open(&ch, channel, CHAN_SEND | CHAN_RECV | CHAN_CREATE, &self->opt);
}
static int op_open_exclusive(void)
{
	return chan_open(&ch, channel, CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE, NULL);
}
static int op_subscribe(void)
{
	return subscribe(CHAN_FROM_NEXT, CHAN_LAG_BLOCK, NULL);
}
static int op_subscribe_to_old(void)
{
	return subscribe(CHAN_FROM_OLDEST, CHAN_LAG_BLOCK, NULL);
}
static int op_subscribe_in_group(void)
{
	return subscribe(CHAN_FROM_OLDEST, CHAN_LAG_BLOCK, "group");
}
static int op_make_group(void)
{
	return subscribe(CHAN_FROM_NEXT, CHAN_LAG_BLOCK, "group");
}
static int op_remove_group(void)
{
	return chan_remove_group(ch, "group");
}
static int op_remove(void)
{
	return chan_remove(channel);
}
static int op_unlink(void)
{
	return chan_unlink(channel);
}
static int op_collect(void)
{
	return chan_collect(channel);
}
static int op_detach(void)
{
	chan_detach(ch);
	return 0;
}
static int op_close(void)
{
	return chan_close(ch, CHAN_DRAIN);
}
static int op_discard(void)
{
	return chan_close(ch, CHAN_DISCARD);
}
static int op_send(void)
{
	return chan_send(ch, out[0], length, TIME);
}
static int op_send_short(void)
{
	return chan_send(ch, out[0], length, SHORT);
}
static int op_send_now(void)
{
	return chan_send(ch, out[0], length, 0);
}
static int op_batch(void)
{
	struct iovec msg[4];

	for (unsigned i = 0; i < 4; i++)
		msg[i] = (struct iovec){out[i], length};
	return chan_send_batch(ch, msg, 4, TIME);
}
static int op_reserve(void)
{
	void *to;

	return chan_reserve(ch, &to, length, TIME);
}
static int op_commit(void)
{
	return chan_commit(ch, length);
}
/* More than the first ring holds is reserved, but not written: each byte would be a step. */
static int op_send_large(void)
{
	void *to;
	int err = chan_reserve(ch, &to, LARGE, TIME);

	if (err < 0)
		return err;
	memcpy(to, out[0], length);
	return chan_commit(ch, length);
}
static int op_abort(void)
{
	chan_abort(ch);
	return 0;
}
/* ---- requests; the client is always in the victim, as its inbox is ---- */

static uint64_t request;

static int ask(chan_t *client)
{
	return chan_request(client, out[0], length, NULL, TIME, &request);
}
static void asked(void)
{
	expect(ask(ch), 0);
}
static void asked_before(void)
{
	asked();
	expect(chan_cancel(ch, request), 1);
}
static void take_request(void)
{
	expect(ask(must_open(CHAN_SEND)), 0);
	take1();
}
/* The server that had it, and was not to try it twice, is gone. */
static void lose_a_server(void)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_ONCE;
	expect(chan_request(must_open(CHAN_SEND), out[0], length, &meta, TIME, &request), 0);
	take1();
	expect(chan_release(ch, lease, 1), 1);
}
static void take_own_request(void)
{
	chan_t *server = must_open(CHAN_RECV);

	asked();
	expect(chan_take(server, lease, 1, 0), 1);
}
static void reply_to_own_request(void)
{
	chan_t *server = must_open(CHAN_RECV);

	asked();
	expect(chan_take(server, lease, 1, 0), 1);
	expect(chan_reply(server, lease, "reply", 5, NULL, TIME), 0);
	chan_detach(server);
}
static int op_request(void)
{
	return ask(ch);
}
static int op_cancel(void)
{
	return chan_cancel(ch, request);
}
static int op_reply(void)
{
	return chan_reply(ch, lease, "reply", 5, NULL, TIME);
}
static int op_reply_more(void)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_MORE;
	return chan_reply(ch, lease, "reply", 5, &meta, TIME);
}
static int op_wanted(void)
{
	return chan_wanted(ch, lease) == 1 ? 0 : -EPROTO;
}
static int op_response(void)
{
	return (int)chan_response(ch, request, in[0], sizeof(in[0]), NULL, TIME);
}

/* ---- messages with a header ---- */

static void send_with(int64_t ttl, int64_t delay)
{
	struct chan_meta meta;
	chan_t *tx = must_open(CHAN_SEND);

	chan_meta_init(&meta);
	meta.ttl = ttl;
	meta.delay = delay;
	expect(chan_send_meta(tx, "nobody's", 8, &meta, TIME), 0);
	chan_detach(tx);
}
/* Ids are remembered, those of the last one or three; the victim's is 9. */
static int send_id(chan_t *tx, int id)
{
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = CHAN_META_HAS_ID;
	meta.id[0] = (unsigned char)id;
	meta.ttl = tx == ch ? 0 : 1; /* nobody gets these */
	return chan_send_meta(tx, out[0], length, &meta, TIME);
}
static void ids_before(void)
{
	chan_t *tx = must_open(CHAN_SEND);

	for (int id = 1; id <= 6; id++)
		expect(send_id(tx, id), 0);
	chan_detach(tx);
}
static void same_id_before(void)
{
	chan_t *tx = must_open(CHAN_SEND);

	expect(send_id(tx, 9), 0);
	chan_detach(tx);
}
static int op_send_id(void)
{
	return send_id(ch, 9);
}
static void expired_first(void)
{
	send_with(1, 0);
}
static void delayed_first(void)
{
	send_with(0, INT64_C(3600000000000));
}
/* It is set aside, and due at once. */
static void due_first(void)
{
	take1();
	expect(chan_release_after(ch, lease, 1, 1), 1);
}
static int op_recv_none(void)
{
	return (int)chan_recv(ch, in[0], sizeof(in[0]), 0);
}
static int op_release_after(void)
{
	return chan_release_after(ch, lease, 3, 1);
}
static int op_bury(void)
{
	return chan_bury(ch, lease, 1);
}
static void take1_and_bury(void)
{
	take1();
	expect(chan_bury(ch, lease, 1), 1);
}
static int op_kick(void)
{
	return chan_kick(ch, 1);
}
/* lease[0] knows the number. */
static void take1_and_untake(void)
{
	take1();
	expect(chan_untake(ch, lease, 1), 1);
}
static int op_bury_seq(void)
{
	return chan_bury_seq(ch, lease[0].seq);
}
static int op_release_seq(void)
{
	return chan_release_seq(ch, lease[0].seq);
}

static int op_recv(void)
{
	return (int)chan_recv(ch, in[0], sizeof(in[0]), TIME);
}
static int op_recv_short(void)
{
	return (int)chan_recv(ch, in[0], sizeof(in[0]), SHORT);
}
static int op_recv_small(void)
{
	return (int)chan_recv(ch, in[0], 10, 0);
}
static int select_one_of_two(int64_t timeout)
{
	struct chan_case cases[] = {{.size = sizeof(cases[0]),
					    .op = CHAN_OP_RECV,
					    .ch = beside,
					    .data = in[0],
					    .len = sizeof(in[0])},
		{.size = sizeof(cases[1]),
			.op = CHAN_OP_RECV,
			.ch = ch,
			.data = in[1],
			.len = sizeof(in[1])}};

	return chan_select(cases, 2, timeout, CHAN_BIASED);
}
static int op_select(void)
{
	return select_one_of_two(TIME);
}
static int op_select_short(void)
{
	return select_one_of_two(SHORT);
}
static int op_rest(void)
{
	return (int)chan_recv(ch, in[0], sizeof(in[0]), 0);
}
static int recv_batch(unsigned n)
{
	struct iovec buf[4];

	for (unsigned i = 0; i < n; i++)
		buf[i] = (struct iovec){in[i], sizeof(in[i])};
	return chan_recv_batch(ch, buf, n, TIME);
}
static int op_recv_batch(void)
{
	return recv_batch(2);
}
static int op_recv_large_batch(void)
{
	return recv_batch(4);
}
static int op_take(void)
{
	return chan_take(ch, lease, 2, TIME);
}
static int op_take_next(void)
{
	return chan_take(ch, lease + 1, 1, TIME);
}
static int op_ack(void)
{
	return chan_ack(ch, lease, 3);
}
static int op_ack_first(void)
{
	return chan_ack(ch, lease, 1);
}
static int op_ack_last(void)
{
	return chan_ack(ch, lease + 1, 2);
}
static int op_release(void)
{
	return chan_release(ch, lease, 3);
}
static int op_untake(void)
{
	return chan_untake(ch, lease, 3);
}
static int op_purge(void)
{
	return (int)chan_purge(ch);
}
static int op_peek(void)
{
	struct chan_cursor at = {.pos = 0};

	return (int)chan_peek(ch, in[0], sizeof(in[0]), &at);
}
static int op_interrupt(void)
{
	chan_interrupt(ch, 1);
	return 0;
}
static int op_cover(void)
{
	channel_cover(ch, 1);
	return 0;
}
static int op_uncover(void)
{
	channel_uncover(ch, 1);
	return 0;
}
static int op_pause(void)
{
	return chan_pause(ch, 1);
}
static int op_resume(void)
{
	return chan_pause(ch, 0);
}
static void paused(void)
{
	expect(chan_pause(ch, 1), 0);
}
static int op_recover(void)
{
	return chan_recover(ch);
}

/* ---- meddling: by the job, while the victim is at work ---- */

static uint64_t published(void)
{
	return atomic_load(&trace_segment()->control.senders.position);
}

static void close_it(void)
{
	chan_t *other;
	int err = chan_open(&other, channel, 0, NULL);

	if (err == 0)
		err = chan_close(other, CHAN_DRAIN);
	if (err < 0)
		fail("can't close it: %s", chan_strerror(err));
	chan_detach(other);
}

/* It has written, and not yet published. */
static bool close_before(void)
{
	uint64_t pos = published();
	const struct layout_record *next =
		(const void *)((const char *)trace_segment() + trace_segment()->header.ring_offset +
			       pos % CAPACITY);

	if (!atomic_load(&next->length))
		return false;
	close_it();
	return true;
}

/* The same, of a value: its slot is whole. */
static bool close_before_value(void)
{
	const struct layout *l = trace_segment();
	const char *slots = (const char *)l + l->header.ring_offset;
	size_t stride = (l->header.max_message + sizeof(struct layout_slot) + LAYOUT_PAIR - 1) &
			~(size_t)(LAYOUT_PAIR - 1);
	const struct layout_slot *next = (const void *)(slots + 2 * stride);

	if (atomic_load(&next->generation) != 2)
		return false;
	close_it();
	return true;
}

/* It has published, and not yet looked whether the channel is closed. */
static bool close_behind(void)
{
	if (!published())
		return false;
	close_it();
	return true;
}

/* ---- all of them ---- */

#define OPT(...)                                                                                   \
	{                                                                                          \
		.size = sizeof(struct chan_options), .capacity = CAPACITY, __VA_ARGS__             \
	}
#define RENDEZVOUS                                                                                 \
	{                                                                                          \
		.size = sizeof(struct chan_options), .flags = CHAN_RENDEZVOUS,                     \
		.max_message = USUAL                                                               \
	}
#define LATEST                                                                                     \
	{                                                                                          \
		.size = sizeof(struct chan_options), .kind = CHAN_KIND_LATEST, .max_message = 1000 \
	}
#define BROADCAST(...) OPT(.kind = CHAN_KIND_BROADCAST, __VA_ARGS__)
#define GROWING(...) OPT(.max_capacity = 2 * CAPACITY, __VA_ARGS__)
#define LANES OPT(.lanes = 4, .lane_by = CHAN_BY_KEY)
#define BUSY (IN(ASLEEP) | IN(LATE) | IN(EARLY))
#define ALL (IN(ALONE) | BUSY)
#define CHAIN (IN(ALONE) | IN(CHAINED))

/* clang-format off */
const struct scenario scenarios[] = {
	{ "create", IN(ALONE), .fresh = true, .opt = OPT(), .operation = op_create, .states = 2 },
	{ "open, send", ALL, .opt = OPT(), .operation = op_open_send, .states = 1 },
	{ "open, receive", ALL, .opt = OPT(), .fill = 2, .operation = op_open_recv, .states = 1 },
	{ "open, after a death", CHAIN, .opt = OPT(), .fill = 3, .setup = after_a_death,
		.operation = op_open_recv, .states = 1 },
	{ "open, create", IN(ALONE), .fresh = true, .opt = OPT(), .operation = op_open_create,
		.states = 2 },
	{ "open, exclusive", CHAIN, .opt = OPT(), .fill = 2, .operation = op_open_exclusive,
		.states = 1 },
	{ "open, exclusive take-over", IN(ALONE), .opt = OPT(), .fill = 3, .setup = after_a_death,
		.operation = op_open_exclusive, .states = 1 },

	{ "send", ALL | CHAIN, true, .opt = OPT(), .roles = CHAN_SEND, .operation = op_send,
		.states = 2, .sends = 1 },
	{ "send, nearly full", ALL, .opt = OPT(), .fill = FULL - 1, .roles = CHAN_SEND,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "send, wrapping", ALL, .opt = OPT(), .advance = 15, .roles = CHAN_SEND, .length = 600,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "send, fail", ALL, true, .opt = OPT(.overflow = CHAN_FAIL), .fill = FULL,
		.roles = CHAN_SEND, .operation = op_send, .result = -EAGAIN, .states = 1,
		.sends = 1 },
	{ "send, drop-newest", ALL, true, .opt = OPT(.overflow = CHAN_DROP_NEWEST), .fill = FULL,
		.roles = CHAN_SEND, .operation = op_send, .result = CHAN_DROPPED, .states = 2,
		.sends = 1 },
	{ "send, drop-oldest", ALL | CHAIN, true, .opt = OPT(.overflow = CHAN_DROP_OLDEST),
		.fill = FULL, .roles = CHAN_SEND, .operation = op_send, .states = 3, .sends = 1,
		.eats = 2 },
	{ "send, drop-oldest, leased", CHAIN, .opt = OPT(.overflow = CHAN_DROP_OLDEST),
		.fill = FULL, .roles = CHAN_SEND | CHAN_RECV, .setup = take1, .operation = op_send,
		.result = CHAN_DROPPED, .states = 2, .sends = 1 },
	{ "send, drop-oldest, dead lease", CHAIN, .opt = OPT(.overflow = CHAN_DROP_OLDEST),
		.fill = FULL, .roles = CHAN_SEND, .setup = after_a_death, .operation = op_send,
		.states = 3, .sends = 1, .eats = 2 },
	{ "send, closed", ALL, .opt = OPT(), .fill = 3, .closed = true, .roles = CHAN_SEND,
		.operation = op_send, .result = -EPIPE, .states = 1, .sends = 1, .ends = true },
	{ "send, closed behind it", CHAIN, true, .opt = OPT(), .roles = CHAN_SEND,
		.operation = op_send, .meddle = close_behind, .states = 2, .sends = 1 },
	{ "send, closed before it", CHAIN, true, .opt = OPT(), .roles = CHAN_SEND,
		.operation = op_send, .result = -EPIPE, .meddle = close_before, .states = 2,
		.sends = 1 },
	{ "send, exclusive", CHAIN, true, .opt = OPT(), .fill = 2,
		.roles = CHAN_SEND | CHAN_EXCLUSIVE, .operation = op_send, .states = 2,
		.sends = 1 },
	{ "send, wait", ALL, true, .opt = OPT(), .fill = FULL, .roles = CHAN_SEND,
		.operation = op_send, .rouse = BY_RECEIVING, .states = 3, .sends = 1 },
	{ "send, time out", ALL, .opt = OPT(), .fill = FULL, .roles = CHAN_SEND,
		.operation = op_send_short, .result = -ETIMEDOUT, .states = 1, .sends = 1 },
	{ "batch", ALL | CHAIN, .opt = OPT(), .roles = CHAN_SEND, .operation = op_batch,
		.result = 4, .states = 2, .sends = 4 },
	{ "batch, wrapping", ALL, .opt = OPT(), .advance = 14, .roles = CHAN_SEND,
		.operation = op_batch, .result = 4, .states = 2, .sends = 4 },
	{ "batch, what fits", IN(ALONE), .opt = OPT(), .fill = FULL - 2, .roles = CHAN_SEND,
		.operation = op_batch, .result = 2, .states = 2, .sends = 2 },
	{ "reserve", ALL, true, .opt = OPT(), .roles = CHAN_SEND, .operation = op_reserve,
		.states = 1 },
	{ "commit", ALL | CHAIN, true, .opt = OPT(), .roles = CHAN_SEND, .setup = reserve,
		.operation = op_commit, .states = 2, .sends = 1 },
	{ "commit, exclusive", CHAIN, true, .opt = OPT(), .fill = 2,
		.roles = CHAN_SEND | CHAN_EXCLUSIVE, .setup = reserve, .operation = op_commit,
		.states = 2, .sends = 1 },
	{ "abort", ALL, true, .opt = OPT(), .roles = CHAN_SEND, .setup = reserve,
		.operation = op_abort, .states = 1 },

	{ "receive", ALL | CHAIN, true, .opt = OPT(), .fill = 3, .roles = CHAN_RECV,
		.operation = op_recv, .result = USUAL, .states = 2, .eats = 1 },
	{ "receive, full", ALL, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.operation = op_recv, .result = USUAL, .states = 2, .eats = 1 },
	{ "receive, too small", ALL, .opt = OPT(), .fill = 3, .roles = CHAN_RECV,
		.operation = op_recv_small, .result = -EMSGSIZE, .states = 1 },
	{ "receive, beside a lease", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.setup = take1, .operation = op_recv, .result = USUAL, .states = 2, .eats = 1 },
	{ "receive, end", ALL, .opt = OPT(), .closed = true, .roles = CHAN_RECV,
		.operation = op_recv, .result = -EPIPE, .states = 1, .ends = true },
	{ "receive, exclusive", CHAIN, true, .opt = OPT(), .fill = 3,
		.roles = CHAN_RECV | CHAN_EXCLUSIVE, .operation = op_recv, .result = USUAL,
		.states = 2, .eats = 1 },
	{ "receive, wait", ALL, true, .opt = OPT(), .roles = CHAN_RECV, .operation = op_recv,
		.result = USUAL, .rouse = BY_SENDING, .states = 3, .eats = 1 },
	{ "receive, time out", ALL, .opt = OPT(), .roles = CHAN_RECV, .operation = op_recv_short,
		.result = -ETIMEDOUT, .states = 1, .eats = 1 },
	{ "receive batch", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.operation = op_recv_batch, .result = 2, .states = 2, .eats = 2 },
	{ "receive batch, in parts", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.operation = op_recv_large_batch, .result = 4, .states = 3, .eats = 4 },

	{ "take", ALL | CHAIN, true, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.operation = op_take, .result = 2, .states = 3 },
	{ "take, again", ALL, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.setup = take_and_release, .operation = op_take, .result = 2, .states = 3 },
	{ "take, the next", ALL | CHAIN, true, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.setup = take1, .operation = op_take_next, .result = 1, .states = 2 },
	{ "take, exclusive", CHAIN, true, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV | CHAN_EXCLUSIVE, .operation = op_take, .result = 2,
		.states = 3 },
	{ "take, exclusive, the next", CHAIN, true, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV | CHAN_EXCLUSIVE, .setup = take1, .operation = op_take_next,
		.result = 1, .states = 2 },
	{ "acknowledge", ALL | CHAIN, true, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.setup = take3, .operation = op_ack, .result = 3, .states = 2, .eats = 3 },
	{ "acknowledge, exclusive", CHAIN, true, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV | CHAN_EXCLUSIVE, .setup = take3, .operation = op_ack,
		.result = 3, .states = 2, .eats = 3 },
	{ "acknowledge, the last taken", ALL | CHAIN, true, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV, .setup = take1, .operation = op_ack_first, .result = 1,
		.states = 2, .eats = 1 },
	{ "acknowledge, exclusive, the last taken", CHAIN, true, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV | CHAN_EXCLUSIVE, .setup = take1, .operation = op_ack_first,
		.result = 1, .states = 2, .eats = 1 },
	{ "acknowledge, the first after the others", ALL | CHAIN, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV, .setup = take3_and_ack_2, .operation = op_ack_first,
		.result = 1, .states = 2, .eats = 3 },
	{ "acknowledge, one given back behind it", ALL | CHAIN, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV, .setup = take3_and_release_1, .operation = op_ack_first,
		.result = 1, .states = 2, .eats = 1 },
	{ "acknowledge, not the first", ALL | CHAIN, .opt = OPT(), .fill = FULL,
		.roles = CHAN_RECV, .setup = take3, .operation = op_ack_last, .result = 2,
		.states = 3, .eats = 2 },
	{ "request", CHAIN | IN(ASLEEP), .opt = OPT(.flags = CHAN_META), .roles = CHAN_SEND,
		.setup = asked_before, .operation = op_request, .states = 2, .sends = 1 },
	{ "cancel", CHAIN, .opt = OPT(.flags = CHAN_META), .fill = 3, .roles = CHAN_SEND,
		.setup = asked, .operation = op_cancel, .result = 1, .states = 2, .sends = 1 },
	{ "reply", IN(ALONE), .opt = OPT(.flags = CHAN_META), .roles = CHAN_RECV,
		.setup = take_request, .operation = op_reply, .states = 2, .sends = 1, .eats = 1 },
	{ "reply, more follow", IN(ALONE), .opt = OPT(.flags = CHAN_META), .roles = CHAN_RECV,
		.setup = take_request, .operation = op_reply_more, .states = 1, .sends = 1,
		.eats = 1 },
	{ "wanted", IN(ALONE), .opt = OPT(.flags = CHAN_META), .roles = CHAN_RECV,
		.setup = take_request, .operation = op_wanted, .states = 1,
		.sends = 1, .eats = 1 },
	{ "cancel, one that a server has", IN(ALONE), .opt = OPT(.flags = CHAN_META),
		.roles = CHAN_SEND, .setup = take_own_request, .operation = op_cancel,
		.states = 1, .sends = 1, .eats = 1 },
	{ "response", IN(ALONE), .opt = OPT(.flags = CHAN_META), .roles = CHAN_SEND,
		.setup = reply_to_own_request, .operation = op_response, .result = 5,
		.states = 1, .sends = 1, .eats = 1 },
	{ "receive, not to be tried twice", IN(ALONE), .opt = OPT(.flags = CHAN_META),
		.roles = CHAN_RECV, .setup = lose_a_server, .operation = op_recv_none,
		.result = -EAGAIN, .states = 2, .sends = 1, .eats = 1 },

	{ "lanes, send", CHAIN | IN(ASLEEP), .opt = LANES, .roles = CHAN_SEND,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "lanes, receive", CHAIN, .opt = LANES, .fill = 4, .roles = CHAN_RECV,
		.operation = op_recv, .result = USUAL, .states = 2, .eats = 1 },
	{ "lanes, take", CHAIN, .opt = LANES, .fill = 4, .roles = CHAN_RECV,
		.operation = op_take, .result = 2, .states = 3 },
	{ "lanes, acknowledge", CHAIN | IN(ASLEEP), .opt = LANES, .fill = 4, .roles = CHAN_RECV,
		.setup = take3, .operation = op_ack, .result = 3, .states = 2, .eats = 3 },
	{ "lanes, close, drain", CHAIN | IN(ASLEEP), .opt = LANES, .fill = 2, .roles = CHAN_SEND,
		.operation = op_close, .states = 2, .ends = true },

	{ "send, id", ALL | CHAIN, true, .opt = OPT(.flags = CHAN_META, .dedup = 1),
		.roles = CHAN_SEND, .setup = ids_before, .operation = op_send_id, .states = 2,
		.sends = 1 },
	{ "send, id, three", CHAIN, .opt = OPT(.flags = CHAN_META, .dedup = 3),
		.roles = CHAN_SEND, .setup = ids_before, .operation = op_send_id, .states = 2,
		.sends = 1 },
	{ "send, id, a duplicate", ALL | CHAIN, true, .opt = OPT(.flags = CHAN_META, .dedup = 3),
		.roles = CHAN_SEND, .setup = same_id_before, .operation = op_send_id,
		.result = CHAN_DUPLICATE, .states = 2, .sends = 1 },
	{ "lanes, send, id", CHAIN, .opt = OPT(.lanes = 4, .lane_by = CHAN_BY_KEY, .dedup = 1),
		.roles = CHAN_SEND, .setup = ids_before, .operation = op_send_id, .states = 2,
		.sends = 1 },

	{ "receive, expired", IN(ALONE) | CHAIN, .opt = OPT(.flags = CHAN_META),
		.roles = CHAN_RECV, .setup = expired_first, .operation = op_recv_none,
		.result = -EAGAIN, .states = 2 },
	{ "receive, expired, to dead letters", IN(ALONE) | CHAIN, .opt = OPT(.flags = CHAN_META),
		.second = true, .letters = true, .roles = CHAN_RECV, .setup = expired_first,
		.operation = op_recv_none, .result = -EAGAIN, .states = 3 },
	{ "receive, expired, buried", IN(ALONE) | CHAIN, .opt = OPT(.flags = CHAN_META),
		.letters = true, .roles = CHAN_RECV, .setup = expired_first,
		.operation = op_recv_none, .result = -EAGAIN, .states = 2 },
	{ "receive, delayed", IN(ALONE) | CHAIN, .opt = OPT(.flags = CHAN_META),
		.roles = CHAN_RECV, .setup = delayed_first, .operation = op_recv_none,
		.result = -EAGAIN, .states = 1 },
	{ "receive, due", IN(ALONE) | CHAIN, .opt = OPT(.flags = CHAN_META), .fill = 3,
		.roles = CHAN_RECV, .setup = due_first, .operation = op_recv, .result = USUAL,
		.states = 3, .eats = 1 },
	{ "release after", ALL | CHAIN, .opt = OPT(.flags = CHAN_META), .fill = 3,
		.roles = CHAN_RECV, .setup = take3, .operation = op_release_after, .result = 3,
		.states = 4 },
	{ "bury", IN(ALONE) | CHAIN, .opt = OPT(), .fill = 3, .roles = CHAN_RECV, .setup = take1,
		.operation = op_bury, .result = 1, .states = 2 },
	{ "kick", IN(ALONE) | CHAIN, .opt = OPT(), .fill = 3, .roles = CHAN_RECV,
		.setup = take1_and_bury, .operation = op_kick, .result = 1, .states = 2 },
	{ "bury by number", IN(ALONE) | CHAIN, .opt = OPT(), .fill = 3, .roles = CHAN_RECV,
		.setup = take1_and_untake, .operation = op_bury_seq, .states = 2 },
	{ "release by number, a buried one", IN(ALONE) | CHAIN, .opt = OPT(), .fill = 3,
		.roles = CHAN_RECV, .setup = take1_and_bury, .operation = op_release_seq,
		.states = 2 },
	{ "release by number, a delayed one", IN(ALONE) | CHAIN, .opt = OPT(.flags = CHAN_META),
		.fill = 3, .roles = CHAN_RECV, .setup = due_first,
		.operation = op_release_seq, .states = 2 },
	{ "release", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV, .setup = take3,
		.operation = op_release, .result = 3, .states = 1 },
	{ "untake", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV, .setup = take3,
		.operation = op_untake, .result = 3, .states = 4 },

	{ "purge", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.operation = op_purge, .result = FULL, .states = 2, .eats = NUMBERS },
	{ "purge, beside a lease", ALL | CHAIN, .opt = OPT(), .fill = 4, .roles = CHAN_RECV,
		.setup = take1, .operation = op_purge, .result = 3, .states = 4, .eats = NUMBERS },
	{ "pause", ALL, .opt = OPT(), .fill = 3, .roles = CHAN_RECV, .operation = op_pause,
		.states = 2 },
	{ "let a paused channel go on", ALL, .opt = OPT(), .fill = 3, .roles = CHAN_RECV,
		.setup = paused, .operation = op_resume, .states = 2 },
	{ "peek", ALL, .opt = OPT(), .fill = 3, .roles = CHAN_RECV, .operation = op_peek,
		.result = USUAL, .states = 1 },
	{ "held, receive", CHAIN, true, .opt = OPT(), .fill = FULL, .held = true,
		.roles = CHAN_RECV, .operation = op_recv, .result = USUAL, .states = 2, .eats = 1 },
	{ "held, take", CHAIN, .opt = OPT(), .fill = FULL, .held = true, .roles = CHAN_RECV,
		.operation = op_take, .result = 2, .states = 3 },
	{ "held, acknowledge", CHAIN, .opt = OPT(), .fill = FULL, .held = true,
		.roles = CHAN_RECV, .setup = take3, .operation = op_ack, .result = 3, .states = 4,
		.eats = 3 },
	{ "held, purge", CHAIN, .opt = OPT(), .fill = 4, .held = true, .roles = CHAN_RECV,
		.operation = op_purge, .result = 2, .states = 3, .eats = 2 },
	{ "held, send, drop-oldest", CHAIN, .opt = OPT(.overflow = CHAN_DROP_OLDEST),
		.fill = FULL, .held = true, .roles = CHAN_SEND, .operation = op_send,
		.result = CHAN_DROPPED, .states = 2, .sends = 1 },
	{ "held, detach, with leases", CHAIN, .opt = OPT(), .fill = FULL, .held = true,
		.roles = CHAN_RECV, .setup = take3, .operation = op_detach, .states = 1 },
	{ "held, open", CHAIN, .opt = OPT(), .fill = 4, .held = true, .operation = op_open_recv,
		.states = 1 },

	{ "recover", CHAIN, .opt = OPT(), .fill = 4, .setup = watch_after_a_death,
		.operation = op_recover, .result = 2, .states = 1 },

	{ "cover", ALL, true, .opt = OPT(), .fill = 2, .setup = watch, .operation = op_cover,
		.states = 1 },
	{ "uncover", ALL, true, .opt = OPT(), .fill = 2, .setup = watch_and_cover,
		.operation = op_uncover, .states = 1 },
	{ "select", ALL, .opt = OPT(), .roles = CHAN_RECV, .setup = open_second,
		.operation = op_select, .rouse = BY_SENDING, .states = 3, .eats = 1 },
	{ "select, beside", IN(ASLEEP) | IN(LATE) | IN(EARLY), .opt = OPT(), .second = true,
		.roles = CHAN_RECV, .setup = open_second, .operation = op_select,
		.rouse = BY_SENDING, .states = 2, .eats = 1 },
	{ "select, time out", ALL, .opt = OPT(), .roles = CHAN_RECV, .setup = open_second,
		.operation = op_select_short, .result = -ETIMEDOUT, .states = 1, .eats = 1 },
	{ "rest", ALL, true, .opt = OPT(), .roles = CHAN_RECV, .setup = poll_it,
		.operation = op_rest, .result = -EAGAIN, .states = 1, .eats = 1 },
	{ "send, bell", IN(LATE), true, .opt = OPT(), .loop = CHAN_RECV, .roles = CHAN_SEND,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "receive, bell", IN(LATE), true, .opt = OPT(), .fill = FULL, .loop = CHAN_SEND,
		.roles = CHAN_RECV, .operation = op_recv, .result = USUAL, .states = 2, .eats = 1 },

	{ "interrupt", ALL, true, .opt = OPT(), .roles = CHAN_SEND, .operation = op_interrupt,
		.states = 1 },

	{ "rendezvous, send", CHAIN | BUSY, .states = 2, .opt = RENDEZVOUS, .roles = CHAN_SEND,
		.operation = op_send, .rouse = BY_RECEIVING, .sends = 1 },
	{ "rendezvous, send to one", IN(ASLEEP) | IN(EARLY), .opt = RENDEZVOUS, .roles = CHAN_SEND,
		.operation = op_send, .sends = 1 },
	{ "rendezvous, send at once", IN(ASLEEP) | IN(EARLY), .opt = RENDEZVOUS, .roles = CHAN_SEND,
		.operation = op_send_now, .sends = 1 },
	{ "rendezvous, receive", BUSY, .opt = RENDEZVOUS, .roles = CHAN_RECV,
		.operation = op_recv, .with = CHAN_SEND, .eats = 1 },
	{ "rendezvous, take", BUSY, .opt = RENDEZVOUS, .roles = CHAN_RECV,
		.operation = op_take, .with = CHAN_SEND },

	{ "rendezvous, purge", IN(LATE) | IN(EARLY), .opt = RENDEZVOUS, .operation = op_purge,
		.roles = CHAN_RECV, .with = CHAN_SEND, .purges = true },

	{ "latest, send", ALL | CHAIN, true, .opt = LATEST, .fill = 2, .roles = CHAN_SEND,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "latest, send the first", ALL, true, .opt = LATEST, .roles = CHAN_SEND,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "latest, send, exclusive", CHAIN, .opt = LATEST, .fill = 1,
		.roles = CHAN_SEND | CHAN_EXCLUSIVE, .operation = op_send, .states = 2,
		.sends = 1 },
	{ "latest, batch", ALL | CHAIN, .opt = LATEST, .fill = 1, .roles = CHAN_SEND,
		.operation = op_batch, .result = 4, .states = 2, .sends = 4 },
	{ "latest, send, closed behind it", CHAIN, .opt = LATEST, .roles = CHAN_SEND,
		.operation = op_send, .meddle = close_behind, .states = 2, .sends = 1 },
	{ "latest, send, closed before it", CHAIN, .opt = LATEST, .fill = 1, .roles = CHAN_SEND,
		.operation = op_send, .result = -EPIPE, .meddle = close_before_value, .states = 2,
		.sends = 1 },
	{ "latest, receive", ALL, true, .opt = LATEST, .fill = 1, .roles = CHAN_RECV,
		.operation = op_recv, .result = USUAL, .states = 1 },
	{ "latest, receive, wait", ALL, .opt = LATEST, .roles = CHAN_RECV, .operation = op_recv,
		.result = USUAL, .rouse = BY_SENDING, .states = 2 },
	{ "latest, receive, end", ALL, .opt = LATEST, .closed = true, .roles = CHAN_RECV,
		.operation = op_recv, .result = -EPIPE, .states = 1, .ends = true },
	{ "latest, peek", IN(ALONE), .opt = LATEST, .fill = 1, .roles = CHAN_RECV,
		.operation = op_peek, .result = USUAL, .states = 1 },
	{ "latest, close", ALL, .opt = LATEST, .fill = 1, .roles = CHAN_SEND,
		.operation = op_close, .states = 2, .ends = true },
	{ "latest, open", IN(ALONE), .opt = LATEST, .fill = 1, .operation = op_open_recv,
		.states = 1 },
	{ "latest, create", IN(ALONE), .fresh = true, .opt = LATEST, .operation = op_create,
		.states = 2 },

	{ "broadcast, create", IN(ALONE), .fresh = true, .opt = BROADCAST(), .operation = op_create,
		.states = 2 },
	{ "broadcast, send", ALL, true, .opt = BROADCAST(), .fill = 3, .roles = CHAN_SEND,
		.operation = op_send, .states = 2, .sends = 1 },
	{ "broadcast, send, over old ones", ALL | CHAIN, .opt = BROADCAST(), .fill = FULL,
		.roles = CHAN_SEND, .operation = op_send, .states = 3, .sends = 1,
		.eats = NUMBERS },
	{ "broadcast, send, over old ones, exclusive", IN(ALONE), .opt = BROADCAST(),
		.fill = FULL, .roles = CHAN_SEND | CHAN_EXCLUSIVE, .operation = op_send,
		.states = 3, .sends = 1, .eats = NUMBERS },
	{ "broadcast, send, past a dead one", CHAIN | IN(EARLY), .opt = BROADCAST(),
		.fill = FULL, .setup = leave_a_dead_holder, .roles = CHAN_SEND,
		.operation = op_send, .states = 3, .sends = 1, .eats = NUMBERS },
	{ "broadcast, send, full", IN(ALONE), .opt = BROADCAST(.overflow = CHAN_FAIL),
		.fill = FULL, .held = true, .roles = CHAN_SEND, .operation = op_send,
		.result = -EAGAIN, .states = 1, .sends = 1 },
	{ "broadcast, send, wait", ALL, .opt = BROADCAST(), .fill = FULL, .held = true,
		.roles = CHAN_SEND, .operation = op_send, .rouse = BY_RECEIVING, .states = 4,
		.sends = 1, .eats = NUMBERS },
	{ "broadcast, send, evict", ALL,
		.opt = BROADCAST(.on_lag = CHAN_LAG_EVICT, .patience = 1000000), .fill = FULL,
		.held = true, .roles = CHAN_SEND, .operation = op_send, .states = 4, .sends = 1,
		.eats = NUMBERS },
	{ "broadcast, send, time out", IN(EARLY), .opt = BROADCAST(), .fill = FULL, .held = true,
		.roles = CHAN_SEND, .operation = op_send_short, .result = -ETIMEDOUT, .sends = 1,
		.eats = NUMBERS },
	{ "broadcast, batch", IN(ALONE), .opt = BROADCAST(), .fill = FULL - 2,
		.roles = CHAN_SEND, .operation = op_batch, .result = 4, .states = 3, .sends = 4,
		.eats = NUMBERS },
	{ "broadcast, join", IN(ALONE) | IN(LATE), .opt = BROADCAST(), .fill = 2,
		.operation = op_subscribe, .states = 1 },
	{ "broadcast, join, full", IN(EARLY), .opt = BROADCAST(), .fill = FULL,
		.operation = op_subscribe_to_old, .eats = NUMBERS },
	{ "broadcast, receive", IN(ALONE), true, .opt = BROADCAST(), .fill = 3, .setup = hold,
		.operation = op_recv, .result = USUAL, .states = 1 },
	{ "broadcast, receive, full", BUSY, .opt = BROADCAST(), .fill = FULL, .setup = hold,
		.operation = op_recv, .result = USUAL, .eats = NUMBERS },
	{ "broadcast, receive, lapped", IN(ALONE), .opt = BROADCAST(), .fill = FULL,
		.setup = be_lapped, .operation = op_recv, .result = -EOVERFLOW, .states = 1,
		.eats = NUMBERS },
	{ "broadcast, receive, wait", ALL, .opt = BROADCAST(), .roles = CHAN_RECV,
		.operation = op_recv, .result = USUAL, .rouse = BY_SENDING, .states = 2 },
	{ "broadcast, receive, end", IN(ALONE), .opt = BROADCAST(), .closed = true,
		.roles = CHAN_RECV, .operation = op_recv, .result = -EPIPE, .states = 1,
		.ends = true },
	{ "broadcast, receive batch", IN(ASLEEP), .opt = BROADCAST(), .fill = FULL, .setup = hold,
		.operation = op_recv_batch, .result = 2, .eats = NUMBERS },
	{ "broadcast, take", IN(ASLEEP), .opt = BROADCAST(), .fill = FULL, .setup = hold,
		.operation = op_take, .result = 2, .eats = NUMBERS },
	{ "broadcast, acknowledge", BUSY, .opt = BROADCAST(), .fill = FULL,
		.setup = hold_and_take3, .operation = op_ack, .result = 3, .eats = NUMBERS },
	{ "broadcast, release", IN(ASLEEP), .opt = BROADCAST(), .fill = FULL,
		.setup = hold_and_take3, .operation = op_release, .result = 3, .eats = NUMBERS },
	{ "broadcast, peek", IN(ALONE), .opt = BROADCAST(), .fill = 1, .setup = hold,
		.operation = op_peek, .result = USUAL, .states = 1 },
	{ "broadcast, detach", ALL, .opt = BROADCAST(), .fill = FULL, .setup = hold,
		.operation = op_detach, .states = 1, .eats = NUMBERS },
	{ "broadcast, close", ALL, .opt = BROADCAST(), .fill = 1, .roles = CHAN_SEND,
		.operation = op_close, .states = 2, .ends = true },
	{ "broadcast, remove", ALL, .opt = BROADCAST(), .fill = 2, .operation = op_remove,
		.states = 2, .eats = 2, .ends = true, .nameless = true },
	{ "broadcast, send, bell", IN(LATE), .opt = BROADCAST(), .loop = CHAN_RECV,
		.roles = CHAN_SEND, .operation = op_send, .sends = 1 },
	{ "broadcast, group, make", CHAIN, .opt = BROADCAST(), .fill = 2,
		.operation = op_make_group, .states = 2 },
	{ "broadcast, group, take over", IN(ALONE), .opt = BROADCAST(), .fill = 2,
		.setup = leave_a_group, .operation = op_subscribe_in_group, .states = 1 },
	{ "broadcast, group, receive", CHAIN, .opt = BROADCAST(), .fill = 2,
		.setup = use_group, .operation = op_recv, .result = USUAL, .states = 2 },
	{ "broadcast, group, lapped", IN(ALONE), .opt = BROADCAST(), .fill = FULL,
		.setup = be_lapped_in_group, .operation = op_recv, .result = -EOVERFLOW,
		.states = 2, .eats = NUMBERS },
	{ "broadcast, group, acknowledge", CHAIN, .opt = BROADCAST(), .fill = 3,
		.setup = use_group_and_take3, .operation = op_ack, .result = 3, .states = 2 },
	{ "broadcast, group, remove", ALL, .opt = BROADCAST(), .fill = FULL,
		.setup = watch_a_group, .operation = op_remove_group, .states = 2,
		.eats = NUMBERS },
	{ "broadcast, group, expire", CHAIN, .opt = BROADCAST(), .fill = FULL,
		.roles = CHAN_SEND, .setup = leave_an_old_group, .operation = op_send,
		.states = 4, .sends = 1, .eats = NUMBERS },

	{ "grow, send", IN(LATE) | IN(EARLY) | CHAIN, .opt = GROWING(), .fill = FULL,
		.roles = CHAN_SEND, .operation = op_send, .states = 2, .sends = 1 },
	{ "grow, send a large one", ALL,
		.opt = OPT(.max_capacity = 4 * CAPACITY, .max_message = LARGE), .roles = CHAN_SEND,
		.operation = op_send_large, .states = 2, .sends = 1 },
	{ "grow, batch", IN(ALONE), .opt = GROWING(), .fill = FULL, .roles = CHAN_SEND,
		.operation = op_batch, .result = 4, .states = 2, .sends = 4 },
	{ "grow, send, drop-oldest", IN(ALONE), .opt = GROWING(.overflow = CHAN_DROP_OLDEST),
		.fill = 2 * FULL, .roles = CHAN_SEND, .operation = op_send, .states = FULL + 2,
		.sends = 1, .eats = NUMBERS },
	{ "grow, send, wait", ALL, .opt = GROWING(), .fill = 2 * FULL, .roles = CHAN_SEND,
		.setup = let_the_first_be_received, .operation = op_send,
		.rouse = BY_RECEIVING, .states = 3, .sends = 1 },
	{ "grow, receive, over", ALL, .opt = GROWING(), .fill = 2 * FULL, .roles = CHAN_RECV,
		.setup = receive_all_in_the_first, .operation = op_recv, .result = USUAL,
		.states = 2, .eats = 1 },
	{ "grow, take, over", ALL, .opt = GROWING(), .fill = 2 * FULL, .roles = CHAN_RECV,
		.setup = receive_all_but_one_in_the_first, .operation = op_take, .result = 2,
		.states = 3 },
	{ "grow, acknowledge, over", ALL, .opt = GROWING(), .fill = 2 * FULL,
		.roles = CHAN_RECV, .setup = take_over_the_step, .operation = op_ack,
		.result = 3, .states = 4, .eats = 3 },
	{ "grow, purge", IN(ALONE), .opt = GROWING(), .fill = 2 * FULL, .roles = CHAN_RECV,
		.operation = op_purge, .result = 2 * FULL, .states = 2, .eats = NUMBERS },
	{ "grow, send, down", ALL, .opt = GROWING(), .roles = CHAN_SEND,
		.setup = grow_and_leave_none, .operation = op_send, .states = 2, .sends = 1 },
	{ "grow, recover, down", ALL | CHAIN, .opt = GROWING(), .roles = CHAN_RECV,
		.setup = grow_and_leave_none, .operation = op_recover, .states = 1 },
	{ "grow, recover, down beside messages", IN(ALONE) | IN(LATE), .opt = GROWING(),
		.roles = CHAN_RECV, .setup = grow_and_leave_2, .operation = op_recover,
		.states = 1 },
	{ "grow, detach, the last", IN(ALONE) | IN(LATE), .opt = GROWING(),
		.roles = CHAN_SEND | CHAN_RECV, .setup = grow_and_leave_none,
		.operation = op_detach, .states = 1 },

	{ "grow, broadcast, send", IN(LATE) | IN(EARLY) | CHAIN,
		.opt = GROWING(.kind = CHAN_KIND_BROADCAST), .fill = FULL, .held = true,
		.roles = CHAN_SEND, .operation = op_send, .states = 2, .sends = 1,
		.eats = NUMBERS },
	{ "grow, broadcast, send a large one", ALL,
		.opt = BROADCAST(.max_capacity = 4 * CAPACITY, .max_message = LARGE),
		.roles = CHAN_SEND, .operation = op_send_large, .states = 2, .sends = 1,
		.eats = NUMBERS },
	{ "grow, broadcast, receive, over", IN(ALONE) | IN(LATE),
		.opt = GROWING(.kind = CHAN_KIND_BROADCAST), .setup = hold_over_the_step,
		.operation = op_recv, .result = USUAL, .states = 1, .eats = NUMBERS },
	{ "grow, broadcast, send, down", ALL, .opt = GROWING(.kind = CHAN_KIND_BROADCAST),
		.roles = CHAN_SEND, .setup = grow_and_leave_none, .operation = op_send,
		.states = 2, .sends = 1, .eats = NUMBERS },
	/* Not chained: after a quiet while, by the clock, the next one gives back more, and with
	 * it what was kept there. */
	{ "grow, broadcast, recover, down", ALL,
		.opt = GROWING(.kind = CHAN_KIND_BROADCAST), .roles = CHAN_SEND,
		.setup = grow_and_leave_none, .operation = op_recover, .states = 1,
		.eats = NUMBERS },
	{ "grow, broadcast, recover beside one that holds", CHAIN,
		.opt = GROWING(.kind = CHAN_KIND_BROADCAST), .fill = FULL, .held = true,
		.roles = CHAN_SEND, .setup = grow_beside_a_holder, .operation = op_recover,
		.states = 1, .eats = NUMBERS },
	{ "grow, broadcast, detach, the last", IN(ALONE) | IN(LATE),
		.opt = GROWING(.kind = CHAN_KIND_BROADCAST), .roles = CHAN_SEND,
		.setup = grow_and_leave_none, .operation = op_detach, .states = 2,
		.eats = NUMBERS },

	{ "close, drain", ALL, .opt = OPT(), .fill = FULL, .roles = CHAN_SEND,
		.operation = op_close, .states = 2, .ends = true },
	{ "close, an empty one", ALL, .opt = OPT(), .roles = CHAN_SEND,
		.operation = op_close, .states = 2, .ends = true },
	{ "close, discard", ALL, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.operation = op_discard, .states = 2, .eats = NUMBERS, .ends = true },
	{ "detach, with leases", ALL | CHAIN, .opt = OPT(), .fill = FULL, .roles = CHAN_RECV,
		.setup = take3, .operation = op_detach, .states = 1 },
	{ "detach, with a reservation", ALL, .opt = OPT(), .roles = CHAN_SEND, .setup = reserve,
		.operation = op_detach, .states = 1 },
	{ "detach, last sender", ALL, .opt = OPT(.flags = CHAN_END_WITH_SENDERS),
		.roles = CHAN_SEND, .operation = op_detach, .states = 1, .ends = true,
		.peers = CHAN_RECV },
	{ "detach, last receiver", ALL, .opt = OPT(.flags = CHAN_NEED_RECEIVERS), .fill = FULL,
		.roles = CHAN_RECV, .operation = op_detach, .states = 1, .ends = true,
		.peers = CHAN_SEND },
	{ "detach, exclusive", CHAIN, .opt = OPT(), .fill = 2,
		.roles = CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE, .operation = op_detach,
		.states = 1 },
	{ "detach, last of all", IN(ALONE), .fresh = true, .opt = OPT(.lifetime = CHAN_REF),
		.setup = create_and_open, .operation = op_detach, .states = 1 },
	{ "detach, lingering", IN(ALONE), .fresh = true,
		.opt = OPT(.lifetime = CHAN_REF, .linger = 1000 * SECOND),
		.setup = create_and_open, .operation = op_detach, .states = 1 },
	{ "collect", IN(ALONE), .fresh = true, .opt = OPT(.lifetime = CHAN_REF),
		.setup = after_a_death, .operation = op_collect, .result = 1, .states = 1 },
	{ "remove", ALL, .opt = OPT(), .fill = 2, .operation = op_remove, .states = 2,
		.ends = true, .nameless = true },
	{ "remove, a full one", BUSY, .opt = OPT(), .fill = FULL, .operation = op_remove,
		.states = 2, .ends = true, .nameless = true },
	{ "remove, an empty one", BUSY, .opt = OPT(), .operation = op_remove, .states = 2,
		.ends = true, .nameless = true },
	{ "remove, rendezvous", BUSY, .opt = RENDEZVOUS, .operation = op_remove, .states = 2,
		.with = CHAN_SEND, .ends = true, .nameless = true },
	{ "unlink", ALL, .opt = OPT(), .fill = 2, .operation = op_unlink, .states = 2,
		.nameless = true },
	{ "unlink, a full one", BUSY, .opt = OPT(), .fill = FULL, .operation = op_unlink,
		.states = 2, .nameless = true },
	{ "unlink, an empty one", BUSY, .opt = OPT(), .operation = op_unlink, .states = 2,
		.nameless = true },
	{ "send, nameless", ALL, .opt = OPT(), .roles = CHAN_SEND, .setup = lose_the_name,
		.operation = op_send, .result = -EIDRM, .states = 1, .sends = 1, .ends = true,
		.nameless = true },
	{ "receive, nameless", ALL, .opt = OPT(), .roles = CHAN_RECV, .setup = lose_the_name,
		.operation = op_recv, .result = -EIDRM, .states = 1, .ends = true,
		.nameless = true },
};
const unsigned n_scenarios = sizeof(scenarios) / sizeof(scenarios[0]);

const struct scenario recoverers[] = {
	{ "recover", .opt = OPT(), .setup = watch, .operation = op_recover },
	{ "open, receive", .opt = OPT(), .operation = op_open_recv },
	{ "open, exclusive", .opt = OPT(), .operation = op_open_exclusive },
};
const unsigned n_recoverers = sizeof(recoverers) / sizeof(recoverers[0]);
