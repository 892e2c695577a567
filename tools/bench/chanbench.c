/* SPDX-License-Identifier: MIT */
/*
 * chanbench MODE [OPTIONS]: measure channels, and what else there is.
 *
 * The command line becomes a list of rows (row.h), each a job over a peer;
 * the rows are run in turn, as often as asked, so that what disturbs the machine
 * disturbs all of them; then they are printed, written and asserted about.
 */

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/count.h"
#include "bench/job.h"
#include "bench/out.h"
#include "bench/peer.h"
#include "bench/row.h"
#include "common/message.h"
#include "common/options.h"
#include "common/parse.h"
#include "common/signals.h"
#include "common/status.h"

#define SIZES_MAX 16
#define ASSERTIONS_MAX 16
#define PEERS_MAX 8
#define ROWS_MAX 1024
#define SIZE_MAX_BYTES (UINT64_C(1) << 30)

enum { LAT, THR, FAN, WAKE, COMPARE, MODES };

static const char *const mode_name[MODES] = {"lat", "thr", "fan", "wake", "compare"};
static const enum bench_kind mode_kind[] = {
	BENCH_ROUND_TRIP, BENCH_STREAM, BENCH_STREAM, BENCH_WAKE};

enum {
	OPT_CPUS = CLI_LONG,
	OPT_EXCLUSIVE,
	OPT_IN_PLACE,
	OPT_HDR,
	OPT_CSV,
	OPT_ASSERT,
	OPT_VERSUS,
};

/* clang-format off */
static const struct cli_option options[] = {
	{ 's', "size", "SIZE[,SIZE...]", "bytes of a message, 8 and up (64; compare: 64,1K,64K)" },
	{ 'n', "messages", "N", "messages a run and sender, in place of a duration" },
	{ 'd', "duration", "D", "about how long a run takes (500ms; compare: 200ms)" },
	{ 'O', "warm-up", "N", "messages before the measured ones\n"
		"(a tenth, at most what fills the channel twice)" },
	{ 'R', "runs", "N", "runs; rates are their medians (3; compare: 5)" },
	{ 'P', "senders", "N", "senders (fan: 4)" },
	{ 'C', "receivers", "N", "receivers (fan: 4)" },
	{ 'b', "batch", "N[:M]", "messages a send, and a receive (thr, fan; compare: the\n"
		"batch that is compared, 64)" },
	{ 'c', "capacity", "SIZE", "bytes of the channel (1M, or 4 messages if that is more)" },
	{ 'w', "wait", "spin|adaptive|block", "how to wait (adaptive)" },
	{ 'r', "rate", "N/s", "open loop: each sender sends at planned times, and latency\n"
		"runs from those (lat, thr, fan)" },
	{ OPT_EXCLUSIVE, "exclusive", NULL, "exclusive endpoints" },
	{ OPT_IN_PLACE, "in-place", NULL, "reserve and commit, take and acknowledge; only the\n"
		"first 8 bytes are touched" },
	{ OPT_CPUS, "cpus", "LIST", "CPUs to pin the workers to, in turn: 0,2-3 (all allowed)" },
	{ OPT_VERSUS, "versus", "PEER[,PEER...]", "what compare compares with\n"
		"(pipe,socketpair,seqpacket,mqueue,eventfd)" },
	{ 'p', "percentiles", "N[,N...]", "percentiles shown (50,90,99,99.9)" },
	{ OPT_HDR, "hdr", "FILE", "write the latencies as HdrHistogram's text, in microseconds" },
	{ 'J', "json", NULL, "JSON" },
	{ OPT_CSV, "csv", NULL, "CSV" },
	{ OPT_ASSERT, "assert", "METRIC<VALUE", "end with 1 unless it holds: p99<5us, msgs/s>1M\n"
		"(repeatable; also <=, >, >=)" },
	CLI_COMMON,
	CLI_END,
};
/* clang-format on */

static const struct cli_tool chanbench = {
	.name = "chanbench",
	.usage = "MODE [OPTIONS]",
	.summary = "Measure channels between processes of this machine.",
	.options = options,
	.notes = "Modes:\n"
		 "  lat              round trips over two channels\n"
		 "  thr              one sender to one receiver, as fast as it goes\n"
		 "  fan              many senders, many receivers\n"
		 "  wake             from a sleeping receiver's message to its wake-up\n"
		 "  compare [MODE..] lat, thr and wake over shmchan, other means and floors",
};

static const struct bench_peer *const peers[] = {
	&bench_pipe, &bench_socketpair, &bench_seqpacket, &bench_mqueue, &bench_eventfd};

struct setup {
	int mode;
	bool compared[MODES];
	unsigned sizes;
	size_t size[SIZES_MAX];
	uint64_t messages, warmup, runs, senders, receivers, capacity;
	double seconds, rate;
	unsigned send_batch, recv_batch;
	bool warmup_given, exclusive, in_place;
	enum bench_wait wait;
	struct bench_cpus cpus;
	unsigned versus;
	const struct bench_peer *peer[PEERS_MAX];
	const char *hdr;
	unsigned assertions;
	struct bench_assertion assertion[ASSERTIONS_MAX];
	struct bench_out out;
};

struct rows {
	unsigned n;
	struct bench_row *row[ROWS_MAX];
};

/* Arguments. */

/* Set `part` to the next part of a list with commas; returns false at its end. */
static bool next_part(const char **list, char *part, size_t size, const char *option)
{
	size_t len;

	if (!*list)
		return false;
	len = strcspn(*list, ",");
	if (len == 0 || len >= size)
		cli_usage("%s: a value is missing or too long at '%s'", option, *list);
	memcpy(part, *list, len);
	part[len] = '\0';
	*list = (*list)[len] ? *list + len + 1 : NULL;
	return true;
}

static void sizes_arg(struct setup *s, const char *list)
{
	char part[32];

	for (s->sizes = 0; next_part(&list, part, sizeof(part), "--size"); s->sizes++) {
		uint64_t size = cli_size_arg("--size", part);

		if (s->sizes == SIZES_MAX)
			cli_usage("--size: more than %d sizes", SIZES_MAX);
		if (size < BENCH_STAMP)
			cli_usage("--size: '%s' is less than the %zu bytes by which a message is "
				  "known",
				part, BENCH_STAMP);
		if (size > SIZE_MAX_BYTES)
			cli_usage("--size: '%s' is more than 1G", part);
		s->size[s->sizes] = size;
	}
}

static uint64_t count_arg(const char *option, const char *text, uint64_t least, uint64_t most)
{
	uint64_t n = cli_count_arg(option, text);

	if (n < least || n > most)
		cli_usage("%s: '%s' is not between %llu and %llu", option, text,
			(unsigned long long)least, (unsigned long long)most);
	return n;
}

static void batch_arg(struct setup *s, const char *text)
{
	const char *colon = strchr(text, ':');
	char first[16];
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len >= sizeof(first))
		cli_usage("--batch: '%s' is not a number", text);
	memcpy(first, text, len);
	first[len] = '\0';
	s->send_batch = (unsigned)count_arg("--batch", first, 1, BENCH_BATCH_MAX);
	s->recv_batch = s->send_batch;
	if (colon)
		s->recv_batch = (unsigned)count_arg("--batch", colon + 1, 1, BENCH_BATCH_MAX);
}

static void wait_arg(struct setup *s, const char *text)
{
	if (!strcmp(text, "spin"))
		s->wait = BENCH_SPIN;
	else if (!strcmp(text, "adaptive"))
		s->wait = BENCH_ADAPTIVE;
	else if (!strcmp(text, "block"))
		s->wait = BENCH_BLOCK;
	else
		cli_usage("--wait: '%s' is none of spin, adaptive and block", text);
}

static void add_cpus(struct bench_cpus *cpus, const cpu_set_t *allowed, uint64_t first,
	uint64_t last, const char *part)
{
	for (uint64_t cpu = first; cpu <= last; cpu++) {
		if (cpu >= BENCH_CPUS_MAX || !CPU_ISSET(cpu, allowed))
			cli_usage("--cpus: '%s': there is no CPU %llu that this process may use",
				part, (unsigned long long)cpu);
		if (cpus->n == BENCH_CPUS_MAX)
			cli_usage("--cpus: more than %d", BENCH_CPUS_MAX);
		cpus->cpu[cpus->n++] = (unsigned short)cpu;
	}
}

static void allowed_cpus(cpu_set_t *allowed)
{
	if (sched_getaffinity(0, sizeof(*allowed), allowed) < 0) {
		cli_error(NULL, "the CPUs of this process: %s", strerror(errno));
		exit(CLI_ERROR);
	}
}

static void cpus_arg(struct setup *s, const char *list)
{
	cpu_set_t allowed;
	char part[32];

	allowed_cpus(&allowed);
	s->cpus.n = 0;
	while (next_part(&list, part, sizeof(part), "--cpus")) {
		char *dash = strchr(part, '-');
		uint64_t first, last;

		if (dash)
			*dash = '\0';
		first = last = count_arg("--cpus", part, 0, BENCH_CPUS_MAX - 1);
		if (dash)
			last = count_arg("--cpus", dash + 1, 0, BENCH_CPUS_MAX - 1);
		if (last < first)
			cli_usage("--cpus: %s-%s ends before it begins", part, dash + 1);
		add_cpus(&s->cpus, &allowed, first, last, part);
	}
}

static void cpus_default(struct setup *s)
{
	cpu_set_t allowed;

	allowed_cpus(&allowed);
	for (unsigned cpu = 0; cpu < BENCH_CPUS_MAX && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			s->cpus.cpu[s->cpus.n++] = (unsigned short)cpu;
}

static void percentiles_arg(struct setup *s, const char *list)
{
	char part[32], why[BENCH_WHY], metric[40];

	for (s->out.percentiles = 0; next_part(&list, part, sizeof(part), "--percentiles");) {
		struct bench_assertion a;

		if (s->out.percentiles == BENCH_PERCENTILES_MAX)
			cli_usage("--percentiles: more than %d", BENCH_PERCENTILES_MAX);
		snprintf(metric, sizeof(metric), "p%s>0", part);
		if (part[0] < '0' || part[0] > '9' || bench_assertion_parse(&a, metric, why) < 0)
			cli_usage("--percentiles: '%s' is not a number from 0 to 100", part);
		s->out.percentile[s->out.percentiles++] = a.percentile;
	}
}

static void assert_arg(struct setup *s, const char *text)
{
	char why[BENCH_WHY];

	if (s->assertions == ASSERTIONS_MAX)
		cli_usage("--assert: more than %d", ASSERTIONS_MAX);
	if (bench_assertion_parse(&s->assertion[s->assertions], text, why) < 0)
		cli_usage("--assert: %s", why);
	s->assertions++;
}

static void versus_arg(struct setup *s, const char *list)
{
	char part[32];

	for (s->versus = 0; next_part(&list, part, sizeof(part), "--versus"); s->versus++) {
		const struct bench_peer *found = NULL;

		for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++)
			if (!strcmp(peers[i]->name, part))
				found = peers[i];
		if (!found)
			cli_usage(
				"--versus: '%s' is none of pipe, socketpair, seqpacket, mqueue and "
				"eventfd",
				part);
		if (s->versus == PEERS_MAX)
			cli_usage("--versus: more than %d", PEERS_MAX);
		s->peer[s->versus] = found;
	}
}

static void duration_arg(struct setup *s, const char *text)
{
	int64_t d = cli_duration_arg("--duration", text);

	if (d <= 0)
		cli_usage("--duration: '%s' is no time to measure in", text);
	s->seconds = (double)d / 1e9;
}

static void read_option(struct setup *s, int letter)
{
	switch (letter) {
	case 's':
		sizes_arg(s, optarg);
		break;
	case 'n':
		s->messages = count_arg("--messages", optarg, 1, UINT64_C(1) << 40);
		break;
	case 'd':
		duration_arg(s, optarg);
		break;
	case 'O':
		s->warmup = count_arg("--warm-up", optarg, 0, UINT64_C(1) << 40);
		s->warmup_given = true;
		break;
	case 'R':
		s->runs = count_arg("--runs", optarg, 1, BENCH_RUNS_MAX);
		break;
	case 'P':
		s->senders = count_arg("--senders", optarg, 1, BENCH_WORKERS_MAX / 2);
		break;
	case 'C':
		s->receivers = count_arg("--receivers", optarg, 1, BENCH_WORKERS_MAX / 2);
		break;
	case 'b':
		batch_arg(s, optarg);
		break;
	case 'c':
		s->capacity = cli_size_arg("--capacity", optarg);
		if (!s->capacity)
			cli_usage("--capacity: 0 holds no message; a rendezvous is not measured");
		break;
	case 'w':
		wait_arg(s, optarg);
		break;
	case 'r':
		s->rate = cli_rate_arg("--rate", optarg);
		break;
	case OPT_EXCLUSIVE:
		s->exclusive = true;
		break;
	case OPT_IN_PLACE:
		s->in_place = true;
		break;
	case OPT_CPUS:
		cpus_arg(s, optarg);
		break;
	case OPT_VERSUS:
		versus_arg(s, optarg);
		break;
	case 'p':
		percentiles_arg(s, optarg);
		break;
	case OPT_HDR:
		s->hdr = optarg;
		break;
	case 'J':
		s->out.format = BENCH_JSON;
		break;
	case OPT_CSV:
		s->out.format = BENCH_CSV;
		break;
	case OPT_ASSERT:
		assert_arg(s, optarg);
		break;
	}
}

static int mode_find(const char *word)
{
	for (int m = 0; m < MODES; m++)
		if (!strcmp(mode_name[m], word))
			return m;
	return -1;
}

static void read_modes(struct setup *s, int n, char **word)
{
	if (n == 0)
		cli_usage("what is to be measured: lat, thr, fan, wake or compare");
	s->mode = mode_find(word[0]);
	if (s->mode < 0)
		cli_usage("'%s' is none of lat, thr, fan, wake and compare", word[0]);
	if (n > 1 && s->mode != COMPARE)
		cli_usage("'%s': %s takes no operand", word[1], word[0]);
	for (int i = 1; i < n; i++) {
		int m = mode_find(word[i]);

		if (m != LAT && m != THR && m != WAKE)
			cli_usage("'%s': compare takes lat, thr and wake", word[i]);
		s->compared[m] = true;
	}
	if (n == 1)
		s->compared[LAT] = s->compared[THR] = s->compared[WAKE] = true;
}

/* Reject options that a mode has no use for. */
static void check_setup(const struct setup *s)
{
	bool stream = s->mode == THR || s->mode == FAN;
	unsigned exclusive_most = s->exclusive ? 1 : BENCH_WORKERS_MAX;

	if (s->messages > 0 && s->seconds > 0)
		cli_usage("--messages or --duration, not both");
	if (!stream && s->senders > 1)
		cli_usage("--senders: %s has one", mode_name[s->mode]);
	if (!stream && s->mode != WAKE && s->receivers > 1)
		cli_usage("--receivers: %s has one", mode_name[s->mode]);
	if (!stream && s->mode != COMPARE && (s->send_batch > 1 || s->recv_batch > 1))
		cli_usage("--batch: %s sends one message at a time", mode_name[s->mode]);
	if (s->rate > 0 && !stream && s->mode != LAT)
		cli_usage("--rate: %s has none", mode_name[s->mode]);
	if (s->rate > 0 && s->send_batch > 1)
		cli_usage("--rate: each message has its time, so --batch is 1 for sending (1:%u)",
			s->recv_batch);
	if (s->wait == BENCH_SPIN && (s->mode == WAKE || (s->mode == COMPARE && s->compared[WAKE])))
		cli_usage("--wait=spin: no receiver would sleep and be woken");
	if (s->mode == COMPARE && (s->exclusive || s->in_place))
		cli_usage("compare has rows for --exclusive and --in-place by itself");
	if (s->mode == COMPARE && (s->hdr || s->assertions > 0))
		cli_usage("--hdr and --assert are for one kind of channel, not for compare");
	if (s->mode != COMPARE && s->versus > 0)
		cli_usage("--versus is for compare");
	if (s->hdr && s->sizes > 1)
		cli_usage("--hdr: one size at a time");
	if (s->hdr && stream && s->rate <= 0)
		cli_usage("--hdr: %s measures latency only with --rate", mode_name[s->mode]);
	if (s->senders > exclusive_most || s->receivers > exclusive_most)
		cli_usage("--exclusive: one sender and one receiver");
}

static void fill_defaults(struct setup *s)
{
	bool compare = s->mode == COMPARE;
	unsigned fan = s->mode == FAN && !s->exclusive ? 4 : 1;

	if (s->sizes == 0)
		sizes_arg(s, compare ? "64,1K,64K" : "64");
	if (s->messages == 0 && s->seconds <= 0)
		s->seconds = compare ? 0.2 : 0.5;
	if (s->runs == 0)
		s->runs = compare ? 5 : 3;
	if (s->senders == 0)
		s->senders = fan;
	if (s->receivers == 0)
		s->receivers = fan;
	if (s->send_batch == 0)
		s->send_batch = s->recv_batch = compare ? 64 : 1;
	if (s->cpus.n == 0)
		cpus_default(s);
	if (s->out.percentiles == 0)
		percentiles_arg(s, "50,90,99,99.9");
	if (compare && s->versus == 0)
		versus_arg(s, "pipe,socketpair,seqpacket,mqueue,eventfd");
}

static void read_arguments(struct setup *s, int argc, char **argv)
{
	int letter;

	while ((letter = cli_next(&chanbench, argc, argv)) != -1)
		read_option(s, letter);
	read_modes(s, argc - optind, argv + optind);
	fill_defaults(s);
	check_setup(s);
}

/* Rows. */

static uint64_t capacity_for(const struct setup *s, size_t size)
{
	uint64_t capacity = s->capacity > 0 ? s->capacity : 1 << 20;
	uint64_t messages = 4 * ((uint64_t)size + 64);

	return capacity > messages || s->capacity > 0 ? capacity : messages;
}

static struct bench_row *add_row(struct rows *rows, const struct setup *s, int mode, size_t size,
	const struct bench_peer *peer, const char *label)
{
	struct bench_row *row = calloc(1, sizeof(*row));

	if (!row || rows->n == ROWS_MAX) {
		cli_error(NULL, "more rows than there is room for");
		exit(CLI_ERROR);
	}
	row->mode = mode_name[mode];
	row->label = label;
	row->seconds = s->messages > 0 ? 0 : s->seconds;
	row->warmup_given = s->warmup_given;
	row->futexes = NAN;
	row->job = (struct bench_job){
		.kind = mode_kind[mode],
		.peer = peer,
		.spec =
			{
				.size = size,
				.capacity = capacity_for(s, size),
				.wait = s->wait,
				.send_batch = 1,
				.recv_batch = 1,
			},
		.senders = 1,
		.receivers = 1,
		.messages = s->messages,
		.warmup = s->warmup,
		.rate = s->rate,
		.cpus = &s->cpus,
		.futex_event = -1,
	};
	rows->row[rows->n++] = row;
	return row;
}

/* A mode by itself: a row for each size. */
static void plain_rows(struct rows *rows, const struct setup *s)
{
	for (unsigned i = 0; i < s->sizes; i++) {
		const char *label = s->exclusive && s->in_place ? "shmchan-excl-inplace"
				    : s->exclusive		? "shmchan-exclusive"
				    : s->in_place		? "shmchan-inplace"
								: "shmchan";
		struct bench_row *row =
			add_row(rows, s, s->mode, s->size[i], &bench_shmchan, label);

		row->job.senders = (unsigned)s->senders;
		row->job.receivers = (unsigned)s->receivers;
		row->job.spec.send_batch = s->send_batch;
		row->job.spec.recv_batch = s->recv_batch;
		row->job.spec.exclusive = s->exclusive;
		row->job.spec.in_place = s->in_place;
	}
}

static struct bench_row *add_variant(struct rows *rows, const struct setup *s, int mode,
	size_t size, const char *label, unsigned send_batch, unsigned recv_batch)
{
	struct bench_row *row = add_row(rows, s, mode, size, &bench_shmchan, label);

	row->job.spec.exclusive = strstr(label, "excl") != NULL;
	row->job.spec.in_place = strstr(label, "inplace") != NULL;
	row->job.spec.send_batch = send_batch;
	row->job.spec.recv_batch = recv_batch;
	return row;
}

/* The floor of the rows from `first` on: of a stream, the ring used in the same
 * way. */
static void set_floor(struct rows *rows, unsigned first, const struct bench_row *floor)
{
	const struct bench_spec *f = &floor->job.spec;

	for (unsigned i = first; i < rows->n; i++) {
		const struct bench_spec *spec = &rows->row[i]->job.spec;

		if (rows->row[i] != floor && spec->send_batch == f->send_batch &&
			spec->recv_batch == f->recv_batch)
			rows->row[i]->floor = floor;
	}
}

static void add_floors(
	struct rows *rows, const struct setup *s, int mode, size_t size, unsigned first)
{
	unsigned batch = s->recv_batch;

	if (mode != THR) {
		if (mode == LAT)
			add_row(rows, s, mode, size, &bench_ring, "ring");
		set_floor(rows, first,
			add_row(rows, s, mode, size, mode == LAT ? &bench_cacheline : &bench_futex,
				mode == LAT ? "cacheline" : "futex"));
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

static void compare_rows(struct rows *rows, const struct setup *s, int mode, size_t size)
{
	unsigned first = rows->n, batch = s->recv_batch;
	const struct bench_row *base = add_variant(rows, s, mode, size, "shmchan", 1, 1);

	add_variant(rows, s, mode, size, "shmchan-exclusive", 1, 1);
	if (mode == THR) {
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

static void make_rows(struct rows *rows, const struct setup *s)
{
	if (s->mode != COMPARE) {
		plain_rows(rows, s);
		return;
	}
	for (int mode = 0; mode < COMPARE; mode++)
		for (unsigned i = 0; i < s->sizes && s->compared[mode]; i++)
			compare_rows(rows, s, mode, s->size[i]);
}

/* Running. */

/* That a peer can't run is no failure of the program, unless it is shmchan. */
static bool row_failed(const struct bench_row *row)
{
	if (row->error == 0)
		return false;
	if (row->error == -EINTR && cli_signalled())
		return true;
	if (row->job.peer != &bench_shmchan) {
		cli_warn(NULL, "%s", row->why);
		return false;
	}
	cli_error(
		NULL, "%s %s, %zu bytes: %s", row->mode, row->label, row->job.spec.size, row->why);
	return true;
}

static int run_rows(struct rows *rows, const struct setup *s, int event)
{
	for (unsigned run = 0; run < s->runs; run++)
		for (unsigned i = 0; i < rows->n; i++) {
			struct bench_row *row = rows->row[i];
			bool able = row->error == 0;

			cli_note(NULL, "run %u of %u: %s %s %zu", run + 1, (unsigned)s->runs,
				row->mode, row->label, row->job.spec.size);
			if (able && bench_row_run(row) < 0 && row_failed(row))
				return CLI_ERROR;
		}
	for (unsigned i = 0; i < rows->n; i++)
		if (bench_row_count(rows->row[i], event) < 0 && row_failed(rows->row[i]))
			return CLI_ERROR;
	return CLI_OK;
}

static int check_assertions(const struct setup *s, const struct rows *rows)
{
	int status = CLI_OK;
	char why[BENCH_WHY];

	for (unsigned a = 0; a < s->assertions; a++)
		for (unsigned i = 0; i < rows->n; i++)
			if (!bench_assertion_holds(&s->assertion[a], rows->row[i], why)) {
				cli_error(NULL, "%s", why);
				status = CLI_ERROR;
			}
	return status;
}

static int write_hdr(const char *path, const struct hist *latency)
{
	FILE *f = fopen(path, "we");
	int r = f ? 0 : -errno;

	if (f) {
		hist_print(latency, f, 1e3);
		if (fflush(f) || ferror(f))
			r = errno ? -errno : -EIO;
		/* A part of the output would pass for the whole. */
		if (r < 0 && ftruncate(fileno(f), 0))
			cli_error(NULL, "%s: holds a part of the latencies only", path);
		if (fclose(f) && r == 0)
			r = -errno;
	}
	if (r < 0)
		cli_error(NULL, "%s: %s", path, strerror(-r));
	return r < 0 ? CLI_ERROR : CLI_OK;
}

static int report(const struct setup *s, const struct rows *rows)
{
	int r = bench_out_print(&s->out, (const struct bench_row *const *)rows->row, rows->n);

	if (r < 0) {
		cli_error(NULL, "stdout: %s", strerror(-r));
		return CLI_ERROR;
	}
	if (s->hdr && write_hdr(s->hdr, &rows->row[0]->latency) != CLI_OK)
		return CLI_ERROR;
	return check_assertions(s, rows);
}

int main(int argc, char **argv)
{
	static struct setup s;
	static struct rows rows;
	int status, event;

	read_arguments(&s, argc, argv);
	cli_signals();
	bench_host_read(&s.out.host, &s.cpus, s.wait);
	event = bench_count_event();
	if (event < 0)
		snprintf(s.out.host.uncounted, sizeof(s.out.host.uncounted),
			"sys_enter_futex: %s (root can count)", strerror(-event));
	make_rows(&rows, &s);
	bench_out_begin(&s.out);
	status = run_rows(&rows, &s, event);
	cli_die();
	if (status == CLI_OK)
		status = report(&s, &rows);
	for (unsigned i = 0; i < rows.n; i++)
		free(rows.row[i]);
	return status;
}
