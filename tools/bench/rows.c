/* SPDX-License-Identifier: MIT */
/* A mode by itself has a row for each size.  compare has, for each mode and size, shmchan
 * in its several ways, its peers, and the floors, each used in the same way as the rows
 * that it is the floor of. */
#include "bench/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/exec.h"
#include "common/message.h"
#include "common/status.h"

static const enum bench_kind mode_kind[] = {
	[MODE_LAT] = BENCH_ROUND_TRIP,
	[MODE_THR] = BENCH_STREAM,
	[MODE_FAN] = BENCH_STREAM,
	[MODE_WAKE] = BENCH_WAKE,
	[MODE_SELECT] = BENCH_ROUND_TRIP,
	[MODE_LATEST] = BENCH_LOOK,
	[MODE_BCAST] = BENCH_STREAM,
	[MODE_GROW] = BENCH_STREAM,
	[MODE_EXEC] = BENCH_JOBS,
	[MODE_CALL] = BENCH_ROUND_TRIP,
	[MODE_LANES] = BENCH_STOCK,
};

/* Of several channels, so many carry messages, one after the other.  Among channels there is
 * no order, so a stream has one. */
#define CHANNELS_IN_TURN 8

/* So many children sleep, unless there are fewer messages. */
#define ASLEEP 1000

/* What a message takes of the channel. */
static uint64_t record_size(uint64_t size)
{
	return (size + 15) / 16 * 16 + 16;
}

static uint64_t capacity_for(const struct bench_setup *s, size_t size)
{
	uint64_t capacity = s->capacity > 0 ? s->capacity : 1 << 20;
	uint64_t messages = 4 * ((uint64_t)size + 64);

	return capacity > messages || s->capacity > 0 ? capacity : messages;
}

static struct bench_row *add_row(struct bench_rows *rows, const struct bench_setup *s,
	enum bench_mode mode, size_t size, const struct bench_peer *peer, const char *label)
{
	struct bench_row *row = calloc(1, sizeof(*row));

	if (!row || rows->n == BENCH_ROWS_MAX) {
		cli_error(NULL, "more rows than there is room for");
		exit(CLI_ERROR);
	}
	row->mode = bench_mode_name[mode];
	row->label = label;
	row->seconds = s->messages > 0 ? 0 : s->seconds;
	row->warmup_given = s->warmup_given;
	row->futexes = row->send_futexes = NAN;
	row->job = (struct bench_job){
		.kind = mode_kind[mode],
		.peer = peer,
		.spec =
			{
				.size = size,
				.capacity = capacity_for(s, size),
				.wait = s->wait,
				.channels = s->channels,
				.in_turn = mode_kind[mode] == BENCH_STREAM ? 1 : CHANNELS_IN_TURN,
				.send_batch = 1,
				.recv_batch = 1,
				.buffers = s->buffers,
			},
		.senders = 1,
		.receivers = 1,
		.messages = s->messages,
		.warmup = s->warmup,
		.rate = s->rate,
		.cpus = &s->cpus,
		.stall = s->stall,
		.futex_event = -1,
	};
	rows->row[rows->n++] = row;
	return row;
}

static const char *label_of(const struct bench_setup *s, const struct bench_way *way)
{
	if (way->via != BENCH_RECV)
		return way->label;
	return s->exclusive && s->in_place ? "shmchan-excl-inplace"
	       : s->exclusive		   ? "shmchan-exclusive"
	       : s->in_place		   ? "shmchan-inplace"
					   : way->label;
}

static struct bench_row *add_way(struct bench_rows *rows, const struct bench_setup *s, size_t size,
	const struct bench_way *way)
{
	struct bench_row *row = add_row(rows, s, s->mode, size, way->peer, label_of(s, way));

	row->job.senders = (unsigned)s->senders;
	row->job.receivers = (unsigned)s->receivers;
	row->job.spec.send_batch = s->send_batch;
	row->job.spec.recv_batch = s->recv_batch;
	row->job.spec.exclusive = s->exclusive;
	row->job.spec.in_place = s->in_place;
	row->job.spec.via = way->via;
	if (way->peer == &bench_many) {
		snprintf(row->counted, sizeof(row->counted), "%s/%u", row->label, s->channels);
		row->label = row->counted;
	}
	return row;
}

/* Add a row for each size and way to wait; the others are compared with a plain receive, if
 * that is the first. */
static void plain_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	for (unsigned i = 0; i < s->sizes; i++) {
		const struct bench_row *first = add_way(rows, s, s->size[i], s->way[0]);

		for (unsigned w = 1; w < s->ways; w++) {
			struct bench_row *row = add_way(rows, s, s->size[i], s->way[w]);

			if (s->way[0]->via == BENCH_RECV)
				row->shmchan = first;
		}
	}
}

/* Add the reads of each size, and those of a sequence lock as their floor. */
static void latest_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	static const struct bench_way latest = {"recv", "latest", &bench_latest, BENCH_RECV};
	static const struct bench_way seqlock = {"recv", "seqlock", &bench_seqlock, BENCH_RECV};

	for (unsigned i = 0; i < s->sizes; i++) {
		struct bench_row *row = add_way(rows, s, s->size[i], &latest);

		row->label = latest.label;
		row->floor = add_way(rows, s, s->size[i], &seqlock);
	}
}

static struct bench_row *add_broadcast(struct bench_rows *rows, const struct bench_setup *s,
	size_t size, const char *label, unsigned receivers)
{
	struct bench_row *row = add_row(rows, s, MODE_BCAST, size, &bench_shmchan, label);

	row->job.receivers = receivers;
	row->job.spec.broadcast = true;
	row->job.spec.send_batch = s->send_batch;
	row->job.spec.recv_batch = s->recv_batch;
	return row;
}

/* Add, for each size, a queue, which is the floor of a broadcast to one; a broadcast to all, to
 * all of which lose what they are too slow for, and to all asleep. */
static void broadcast_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	unsigned n = (unsigned)s->receivers;

	for (unsigned i = 0; i < s->sizes; i++) {
		struct bench_row *queue = add_broadcast(rows, s, s->size[i], "shmchan", 1), *row;

		queue->job.spec.broadcast = false;
		add_broadcast(rows, s, s->size[i], "broadcast", 1)->floor = queue;
		add_broadcast(rows, s, s->size[i], "broadcast-lose", 1)->job.spec.loses = true;
		if (n > 1) {
			add_broadcast(rows, s, s->size[i], "broadcast", n);
			add_broadcast(rows, s, s->size[i], "broadcast-lose", n)->job.spec.loses =
				true;
		}
		if (s->wait == BENCH_SPIN)
			continue;
		row = add_broadcast(rows, s, s->size[i], "broadcast-asleep", n);
		row->job.kind = BENCH_WAKE;
		row->job.spec.send_batch = row->job.spec.recv_batch = 1;
	}
}

/* Add a channel of so many bytes, or one that may grow from that, and whose way is that of a
 * stream between `backlog` and `most` bytes of messages. */
static struct bench_row *add_growing(struct bench_rows *rows, const struct bench_setup *s,
	size_t size, const char *label, uint64_t capacity, uint64_t max_capacity)
{
	struct bench_row *row = add_row(rows, s, MODE_GROW, size, &bench_shmchan, label);

	row->job.spec.capacity = capacity;
	row->job.spec.max_capacity = max_capacity;
	row->job.spec.send_batch = s->send_batch;
	row->job.spec.recv_batch = s->recv_batch;
	row->job.spec.exclusive = s->exclusive;
	row->job.spec.in_place = s->in_place;
	return row;
}

/* Let it be a stream, with `backlog` bytes of messages that stay, and at most `more` on top. */
static void set_backlog(struct bench_row *row, uint64_t backlog, uint64_t more)
{
	uint64_t size = record_size(row->job.spec.size);

	row->job.backlog = backlog / size;
	row->job.most = row->job.backlog + more / size;
}

static void set_bursts(struct bench_row *row, uint64_t bytes, uint64_t bursts)
{
	row->job.kind = BENCH_BURSTS;
	row->job.bursts = bursts;
	row->job.messages = ((bytes - 1) / row->job.spec.size + 1) * bursts;
	snprintf(row->counted, sizeof(row->counted), bursts > 1 ? "%s/%" PRIu64 : "%s", row->label,
		bursts);
	row->label = row->counted;
}

/* Add, for each size: a channel that may grow and is not full, beside a fixed one; the two with
 * a backlog, the fixed one with the ring to which the other one grows for it; one burst, beside
 * copying into fresh memory; many small ones. */
static void growing_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	for (unsigned i = 0; i < s->sizes; i++) {
		size_t size = s->size[i];
		uint64_t start = capacity_for(s, size), held = start;
		uint64_t most = 2 * s->burst * record_size(size) / size + 2 * start;
		struct bench_row *fixed, *growing;

		fixed = add_growing(rows, s, size, "fixed", start, 0);
		growing = add_growing(rows, s, size, "growing", start, most);
		growing->floor = fixed;
		set_backlog(fixed, 0, start / 2);
		set_backlog(growing, 0, start / 2);

		while (held < s->backlog + start)
			held *= 2;
		fixed = add_growing(rows, s, size, "fixed-backlog", held, 0);
		growing = add_growing(rows, s, size, "growing-backlog", start, 4 * held);
		growing->floor = fixed;
		set_backlog(fixed, s->backlog, start / 2);
		set_backlog(growing, s->backlog, start / 2);

		fixed = add_row(rows, s, MODE_GROW, size, NULL, "fresh-memory");
		set_bursts(fixed, s->burst, 1);
		growing = add_growing(rows, s, size, "growing-burst", start, most);
		growing->floor = fixed;
		set_bursts(growing, s->burst, 1);
		set_bursts(add_growing(rows, s, size, "growing-bursts", start, 16 * start),
			4 * start, s->bursts);
	}
}

static struct bench_row *add_variant(struct bench_rows *rows, const struct bench_setup *s,
	enum bench_mode mode, size_t size, const char *label, unsigned send_batch,
	unsigned recv_batch)
{
	struct bench_row *row = add_row(rows, s, mode, size, &bench_shmchan, label);

	row->job.spec.exclusive = strstr(label, "excl") != NULL;
	row->job.spec.in_place = strstr(label, "inplace") != NULL;
	row->job.spec.send_batch = send_batch;
	row->job.spec.recv_batch = recv_batch;
	return row;
}

/* Set the floor of the rows from `first` on that are used in the same way as it is. */
static void set_floor(struct bench_rows *rows, unsigned first, const struct bench_row *floor)
{
	const struct bench_spec *f = &floor->job.spec;

	for (unsigned i = first; i < rows->n; i++) {
		const struct bench_spec *spec = &rows->row[i]->job.spec;

		if (rows->row[i] != floor && spec->send_batch == f->send_batch &&
			spec->recv_batch == f->recv_batch)
			rows->row[i]->floor = floor;
	}
}

static void add_floors(struct bench_rows *rows, const struct bench_setup *s, enum bench_mode mode,
	size_t size, unsigned first)
{
	unsigned batch = s->recv_batch;

	if (mode != MODE_THR) {
		if (mode == MODE_LAT)
			add_row(rows, s, mode, size, &bench_ring, "ring");
		set_floor(rows, first,
			add_row(rows, s, mode, size,
				mode == MODE_LAT ? &bench_cacheline : &bench_futex,
				mode == MODE_LAT ? "cacheline" : "futex"));
		return;
	}
	for (unsigned i = 0; i < (batch > 1 ? 3 : 1); i++) {
		struct bench_row *ring = add_row(rows, s, mode, size, &bench_ring, "ring");

		ring->job.spec.send_batch = i == 2 ? batch : 1;
		ring->job.spec.recv_batch = i > 0 ? batch : 1;
		set_floor(rows, first, ring);
	}
	add_row(rows, s, mode, size, NULL, "memcpy");
}

static void compare_rows(
	struct bench_rows *rows, const struct bench_setup *s, enum bench_mode mode, size_t size)
{
	unsigned first = rows->n, batch = s->recv_batch;
	const struct bench_row *base = add_variant(rows, s, mode, size, "shmchan", 1, 1);

	add_variant(rows, s, mode, size, "shmchan-exclusive", 1, 1);
	if (mode == MODE_THR) {
		if (batch > 1) {
			add_variant(rows, s, mode, size, "shmchan", batch, batch);
			add_variant(rows, s, mode, size, "shmchan-exclusive", 1, batch);
			add_variant(rows, s, mode, size, "shmchan-exclusive", batch, batch);
		}
		add_variant(rows, s, mode, size, "shmchan-inplace", 1, 1);
		add_variant(rows, s, mode, size, "shmchan-excl-inplace", 1, 1);
	}
	for (unsigned i = 0; i < s->versus; i++)
		add_row(rows, s, mode, size, s->peer[i], s->peer[i]->name)->shmchan = base;
	add_floors(rows, s, mode, size, first);
}

static struct bench_row *add_jobs(struct bench_rows *rows, const struct bench_setup *s, size_t size,
	const struct bench_peer *peer)
{
	struct bench_row *row = add_row(rows, s, MODE_EXEC, size, peer, peer->name);

	row->job.receivers = (unsigned)s->receivers;
	return row;
}

/* Add the jobs of each size, who else runs them, and many that sleep. */
static void exec_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	struct bench_row *asleep;

	for (unsigned i = 0; i < s->sizes; i++) {
		const struct bench_row *worker = add_jobs(rows, s, s->size[i], &bench_worker);

		for (unsigned p = 0; p < s->versus; p++)
			add_jobs(rows, s, s->size[i], s->peer[p])->shmchan = worker;
	}
	asleep = add_jobs(rows, s, s->size[0], &bench_asleep);
	asleep->job.kind = BENCH_ASLEEP;
	if (s->messages == 0 || s->messages > ASLEEP)
		asleep->job.messages = ASLEEP;
	asleep->job.receivers = (unsigned)asleep->job.messages;
}

/* Add the calls of each size, two plain messages as their floor, and what others have. */
static void call_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	static const struct bench_peer *const others[] = {&bench_mqueue, &bench_socketpair};

	for (unsigned i = 0; i < s->sizes; i++) {
		struct bench_row *row =
			add_row(rows, s, MODE_CALL, s->size[i], &bench_call, "call");

		row->floor = add_row(rows, s, MODE_CALL, s->size[i], &bench_shmchan, "shmchan");
		for (unsigned p = 0; p < 2; p++)
			add_row(rows, s, MODE_CALL, s->size[i], others[p], others[p]->name)
				->shmchan = row;
	}
}

/* What a message with a header and a key takes, at most. */
static uint64_t headed_size(uint64_t size)
{
	return record_size(size + 96 + 16);
}

/* Add a channel that has room for all that is sent before it is received: so many lanes, or none,
 * each with the messages of `share` senders. */
static struct bench_row *add_lanes(struct bench_rows *rows, const struct bench_setup *s,
	size_t size, const char *label, unsigned lanes, unsigned share)
{
	struct bench_row *row = add_row(rows, s, MODE_LANES, size, &bench_lanes, label);

	row->job.senders = (unsigned)s->senders;
	row->job.receivers = (unsigned)s->receivers;
	row->job.spec.lanes = lanes;
	row->job.spec.capacity = share * s->messages * headed_size(size) + (1 << 20);
	return row;
}

/* Add what the simulation says of as many workers as there are CPUs, to be measured. */
static void add_lanes_for_cpus(struct bench_rows *rows, const struct bench_setup *s)
{
	unsigned n = s->cpus.n < 2		       ? 2
		     : s->cpus.n < BENCH_SIMULATED_MAX ? s->cpus.n
						       : BENCH_SIMULATED_MAX;
	unsigned all = (unsigned)s->senders;
	struct bench_row *queue = add_lanes(rows, s, s->size[0], "one-queue", 0, all), *lanes;

	lanes = add_lanes(rows, s, s->size[0], "lanes", n, (all + n - 1) / n);
	lanes->floor = queue;
	queue->job.receivers = lanes->job.receivers = n;
}

/* Add, for each size, and for one message and for several at a time, one queue; as many lanes as
 * receivers, all of them used; and the same, one of them used. */
static void lanes_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	unsigned lanes = s->receivers < 2 ? 2 : (unsigned)s->receivers, all = (unsigned)s->senders;
	unsigned share = (all + lanes - 1) / lanes, first;

	for (unsigned i = 0; i < s->sizes; i++)
		for (unsigned batch = 1; batch; batch = batch < s->recv_batch ? s->recv_batch : 0) {
			struct bench_row *queue;

			first = rows->n;
			queue = add_lanes(rows, s, s->size[i], "one-queue", 0, all);
			add_lanes(rows, s, s->size[i], "lanes", lanes, share)->floor = queue;
			add_lanes(rows, s, s->size[i], "lanes-one", lanes, all)->floor = queue;
			rows->row[rows->n - 1]->job.spec.one_lane = true;
			for (; first < rows->n; first++)
				rows->row[first]->job.spec.recv_batch = batch;
		}
	if (s->simulate)
		add_lanes_for_cpus(rows, s);
}

void bench_rows_make(struct bench_rows *rows, const struct bench_setup *s)
{
	if (s->mode != MODE_COMPARE) {
		(s->mode == MODE_LATEST		? latest_rows
			: s->mode == MODE_BCAST ? broadcast_rows
			: s->mode == MODE_GROW	? growing_rows
			: s->mode == MODE_EXEC	? exec_rows
			: s->mode == MODE_CALL	? call_rows
			: s->mode == MODE_LANES ? lanes_rows
						: plain_rows)(rows, s);
		return;
	}
	for (enum bench_mode mode = 0; mode < MODE_SELECT; mode++)
		for (unsigned i = 0; i < s->sizes && s->compared[mode]; i++)
			compare_rows(rows, s, mode, s->size[i]);
}

void bench_rows_free(struct bench_rows *rows)
{
	for (unsigned i = 0; i < rows->n; i++)
		free(rows->row[i]);
	rows->n = 0;
}
