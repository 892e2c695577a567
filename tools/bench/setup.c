/* SPDX-License-Identifier: MIT */
/* The options: their table, and what each of them, and all of them together, may say. */
#include "bench/setup.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/names.h"
#include "bench/exec.h"
#include "bench/job.h"
#include "bench/row.h"
#include "common/message.h"
#include "common/options.h"
#include "common/parse.h"

#define SIZE_MAX_BYTES (UINT64_C(1) << 30)
#define CHANNELS 8 /* of select and set, but in the mode select */
#define CHANNELS_MAX 4096
#define BACKLOG (UINT64_C(32) << 20)
#define STALL INT64_C(10000000000)
#define ARGUMENT_MOST 65536

const char *const bench_mode_name[MODES] = {"lat", "thr", "fan", "wake", "select", "latest",
	"bcast", "grow", "exec", "call", "lanes", "compare"};

enum {
	OPT_CPUS = CLI_LONG,
	OPT_EXCLUSIVE,
	OPT_IN_PLACE,
	OPT_BUFFERS,
	OPT_HDR,
	OPT_CSV,
	OPT_ASSERT,
	OPT_STALL,
	OPT_VERSUS,
	OPT_VIA,
	OPT_BACKLOG,
	OPT_BURST,
	OPT_BURSTS,
	OPT_SIMULATE,
};

/* clang-format off */
static const struct cli_option options[] = {
	{ 's', "size", "SIZE[,SIZE...]", "bytes of a message, 8 and up (64; compare: 64,1K,64K)" },
	{ 'n', "messages", "N", "messages a run and sender, in place of a duration" },
	{ 'd', "duration", "D", "about how long a run takes (500ms; compare: 200ms)" },
	{ 'O', "warm-up", "N", "messages before the measured ones\n"
		"(a tenth, at most what fills the channel twice)" },
	{ 'R', "runs", "N", "runs; rates are their medians, and if there are several,\n"
		"their spread is shown (3; compare: 5)" },
	{ 'P', "senders", "N", "senders (fan: 4; lanes: 8)" },
	{ 'C', "receivers", "N", "receivers (fan, bcast: 4; lanes: 8; latest: readers); select:\n"
		"channels (8); exec: children at once (as many as CPUs)" },
	{ 'b', "batch", "N[:M]", "messages a send, and a receive (thr, fan; compare: the\n"
		"batch that is compared, 64)" },
	{ 'c', "capacity", "SIZE", "bytes of the channel (1M, or 4 messages if that is more)" },
	{ 'w', "wait", "spin|adaptive|block", "how to wait (adaptive)" },
	{ 'r', "rate", "N/s", "open loop: each sender sends at planned times, and latency\n"
		"runs from those (lat, thr, fan); latest: values written" },
	{ OPT_EXCLUSIVE, "exclusive", NULL, "exclusive endpoints" },
	{ OPT_IN_PLACE, "in-place", NULL, "reserve and commit, take and acknowledge; only the\n"
		"first 8 bytes are touched" },
	{ OPT_BUFFERS, "buffers", "N", "buffers that each end of a channel, or of a ring, uses in\n"
		"turn (thr, fan, compare: as many as the batch)" },
	{ OPT_CPUS, "cpus", "LIST", "CPUs to pin the workers to, in turn: 0,2-3 (all allowed)" },
	{ OPT_VERSUS, "versus", "PEER[,PEER...]", "what compare compares with\n"
		"(pipe,socketpair,seqpacket,mqueue,eventfd), and\n"
		"exec (xargs,parallel)" },
	{ OPT_VIA, "via", "WAY[,WAY...]", "how receivers wait (recv; select: select,set): recv,\n"
		"select or set of 8 channels, fd in epoll; eventfd: a\n"
		"plain ring, with an eventfd in epoll" },
	{ OPT_BACKLOG, "backlog", "SIZE", "grow: bytes of messages that stay in the\n"
		"channel (32M)" },
	{ OPT_BURST, "burst", "SIZE", "grow: bytes of messages of a large burst (1G, or what\n"
		"there is memory for)" },
	{ OPT_BURSTS, "bursts", "N", "grow: how many small bursts, each of 4 times the\n"
		"capacity (1000)" },
	{ OPT_SIMULATE, "simulate", NULL, "lanes: then a simulation of up to 64 CPUs" },
	{ 'p', "percentiles", "N[,N...]", "percentiles shown (50,90,99,99.9)" },
	{ OPT_HDR, "hdr", "FILE", "write the latencies as HdrHistogram's text, in microseconds" },
	{ 'J', "json", NULL, "JSON" },
	{ OPT_CSV, "csv", NULL, "CSV" },
	{ OPT_ASSERT, "assert", "METRIC<VALUE", "end with 1 unless it holds: p99<5us, msgs/s>1M\n"
		"(repeatable; also <=, >, >=)" },
	{ OPT_STALL, "stall", "D", "give up when no message moves for so long (10s)" },
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
		 "  select           round trips, each end waiting for many channels\n"
		 "  latest           looks at the latest value, beside a sequence lock\n"
		 "  bcast            one sender to many subscribers, beside a queue\n"
		 "  grow             a channel that may grow, beside a fixed one; bursts\n"
		 "  exec             a child for each message, beside xargs and GNU parallel\n"
		 "  call             a request and its reply, beside two plain messages\n"
		 "  lanes            as many lanes as receivers, beside one queue\n"
		 "  compare [MODE..] lat, thr and wake over shmchan, other means and floors",
};

/* What --versus knows. */
struct versus {
	const char *names;
	const struct bench_peer *const *peer; /* to a NULL */
};

static const struct versus versus_compare = {"pipe, socketpair, seqpacket, mqueue and eventfd",
	(const struct bench_peer *const[]){&bench_pipe, &bench_socketpair, &bench_seqpacket,
		&bench_mqueue, &bench_eventfd, NULL}};
static const struct versus versus_exec = {"xargs and parallel",
	(const struct bench_peer *const[]){&bench_xargs, &bench_parallel, NULL}};

static const struct bench_way ways[] = {
	{"recv", "shmchan", &bench_shmchan, BENCH_RECV},
	{"select", "shmchan-select", &bench_many, BENCH_SELECT},
	{"set", "shmchan-set", &bench_many, BENCH_SET},
	{"fd", "shmchan-fd", &bench_shmchan, BENCH_FD},
	{"eventfd", "eventfd-epoll", &bench_eventfd, BENCH_FD},
};

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

static void sizes_arg(struct bench_setup *s, const char *list)
{
	char part[32];

	for (s->sizes = 0; next_part(&list, part, sizeof(part), "--size"); s->sizes++) {
		uint64_t size = cli_size_arg("--size", part);

		if (s->sizes == BENCH_SIZES_MAX)
			cli_usage("--size: more than %d sizes", BENCH_SIZES_MAX);
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

static uint64_t amount_arg(const char *option, const char *text)
{
	uint64_t bytes = cli_size_arg(option, text);

	if (bytes == 0 || bytes > UINT64_C(1) << 40)
		cli_usage("%s: '%s' is not between 1 and 1T", option, text);
	return bytes;
}

static void batch_arg(struct bench_setup *s, const char *text)
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

static void wait_arg(struct bench_setup *s, const char *text)
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

static void cpus_arg(struct bench_setup *s, const char *list)
{
	char part[32];

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
		for (uint64_t cpu = first; cpu <= last; cpu++) {
			if (s->cpus.n == BENCH_CPUS_MAX)
				cli_usage("--cpus: more than %d", BENCH_CPUS_MAX);
			if (!bench_cpus_add(&s->cpus, (unsigned)cpu))
				cli_usage("--cpus: there is no CPU %llu that this process may use",
					(unsigned long long)cpu);
		}
	}
}

static void percentiles_arg(struct bench_setup *s, const char *list)
{
	char part[32], title[40];

	for (s->out.percentiles = 0; next_part(&list, part, sizeof(part), "--percentiles");) {
		struct bench_column column;

		if (s->out.percentiles == BENCH_PERCENTILES_MAX)
			cli_usage("--percentiles: more than %d", BENCH_PERCENTILES_MAX);
		snprintf(title, sizeof(title), "p%s", part);
		if (part[0] < '0' || part[0] > '9' ||
			bench_column_find(&column, title, strlen(title)) < 0)
			cli_usage("--percentiles: '%s' is not a number from 0 to 100", part);
		s->out.percentile[s->out.percentiles++] = column.percentile;
	}
}

static void assert_arg(struct bench_setup *s, const char *text)
{
	char why[BENCH_WHY];

	if (s->assertions == BENCH_ASSERTIONS_MAX)
		cli_usage("--assert: more than %d", BENCH_ASSERTIONS_MAX);
	if (bench_assertion_parse(&s->assertion[s->assertions], text, why) < 0)
		cli_usage("--assert: %s", why);
	s->assertions++;
}

static void versus_arg(struct bench_setup *s, const struct versus *known, const char *list)
{
	char part[32];

	for (s->versus = 0; next_part(&list, part, sizeof(part), "--versus"); s->versus++) {
		const struct bench_peer *found = NULL;

		for (const struct bench_peer *const *p = known->peer; *p; p++)
			if (!strcmp((*p)->name, part))
				found = *p;
		if (!found)
			cli_usage("--versus: '%s' is none of %s", part, known->names);
		if (s->versus == BENCH_PEERS_MAX)
			cli_usage("--versus: more than %d", BENCH_PEERS_MAX);
		s->peer[s->versus] = found;
	}
}

static void via_arg(struct bench_setup *s, const char *list)
{
	char part[32];

	for (s->ways = 0; next_part(&list, part, sizeof(part), "--via"); s->ways++) {
		const struct bench_way *found = NULL;

		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
			if (!strcmp(ways[i].name, part))
				found = &ways[i];
		if (!found)
			cli_usage("--via: '%s' is none of recv, select, set, fd and eventfd", part);
		if (s->ways == BENCH_WAYS_MAX)
			cli_usage("--via: more than %d", BENCH_WAYS_MAX);
		s->way[s->ways] = found;
	}
}

static void duration_arg(struct bench_setup *s, const char *text)
{
	int64_t d = cli_duration_arg("--duration", text);

	if (d <= 0)
		cli_usage("--duration: '%s' is no time to measure in", text);
	s->seconds = (double)d / 1e9;
}

static void stall_arg(struct bench_setup *s, const char *text)
{
	s->stall = cli_duration_arg("--stall", text);
	if (s->stall == 0)
		cli_usage("--stall: '%s' would give up at once", text);
}

static void read_option(struct bench_setup *s, int letter)
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
		s->receivers = count_arg("--receivers", optarg, 1, CHANNELS_MAX);
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
	case OPT_BUFFERS:
		s->buffers = (unsigned)count_arg("--buffers", optarg, 1, BENCH_BATCH_MAX);
		break;
	case OPT_IN_PLACE:
		s->in_place = true;
		break;
	case OPT_CPUS:
		cpus_arg(s, optarg);
		break;
	case OPT_VERSUS:
		s->against = optarg;
		break;
	case OPT_VIA:
		via_arg(s, optarg);
		break;
	case OPT_BACKLOG:
		s->backlog = amount_arg("--backlog", optarg);
		break;
	case OPT_BURST:
		s->burst = amount_arg("--burst", optarg);
		break;
	case OPT_BURSTS:
		s->bursts = count_arg("--bursts", optarg, 1, 1000000);
		break;
	case OPT_SIMULATE:
		s->simulate = true;
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
	case OPT_STALL:
		stall_arg(s, optarg);
		break;
	}
}

static int mode_find(const char *word)
{
	for (int m = 0; m < MODES; m++)
		if (!strcmp(bench_mode_name[m], word))
			return m;
	return -1;
}

static void read_modes(struct bench_setup *s, int n, char **word)
{
	int found;

	if (n == 0)
		cli_usage(
			"what is to be measured: lat, thr, fan, wake, select, latest, bcast, grow, "
			"exec, call, lanes or compare");
	found = mode_find(word[0]);
	if (found < 0)
		cli_usage("'%s' is none of lat, thr, fan, wake, select, latest, bcast, grow, exec, "
			  "call, lanes and compare",
			word[0]);
	s->mode = (enum bench_mode)found;
	if (n > 1 && s->mode != MODE_COMPARE)
		cli_usage("'%s': %s takes no operand", word[1], word[0]);
	for (int i = 1; i < n; i++) {
		int m = mode_find(word[i]);

		if (m != MODE_LAT && m != MODE_THR && m != MODE_WAKE)
			cli_usage("'%s': compare takes lat, thr and wake", word[i]);
		s->compared[m] = true;
	}
	if (n == 1)
		s->compared[MODE_LAT] = s->compared[MODE_THR] = s->compared[MODE_WAKE] = true;
}

/* Reject ways to wait that a mode, or another option, has no use for. */
static void check_way(const struct bench_setup *s, const struct bench_way *way)
{
	bool many = way->peer == &bench_many, plain = way->peer == &bench_eventfd;

	if (s->mode == MODE_SELECT && !many)
		cli_usage("--via: select waits by select or set, not by %s", way->name);
	if (way->via == BENCH_RECV)
		return;
	if (s->mode == MODE_LATEST)
		cli_usage("--via: latest does not wait");
	if (s->mode == MODE_BCAST)
		cli_usage("--via: bcast waits by recv");
	if (s->mode == MODE_GROW)
		cli_usage("--via: grow waits by recv");
	if (s->mode == MODE_CALL || s->mode == MODE_LANES)
		cli_usage("--via: %s waits by recv", bench_mode_name[s->mode]);
	if (s->mode == MODE_EXEC)
		cli_usage("--via: exec runs chanrecv");
	if (s->mode == MODE_COMPARE)
		cli_usage("--via is not for compare, which has --versus");
	if (s->wait == BENCH_SPIN)
		cli_usage("--wait=spin: --via=%s sleeps", way->name);
	if ((many || plain) && s->in_place)
		cli_usage("--in-place: not with --via=%s", way->name);
	if (plain && s->exclusive)
		cli_usage("--exclusive: not with --via=%s", way->name);
	if (plain && (s->senders > 1 || s->receivers > 1))
		cli_usage("--via=%s: one sender and one receiver", way->name);
	if (many && (s->send_batch > 1 || s->recv_batch > 1))
		cli_usage("--batch: --via=%s sends and receives one message at a time", way->name);
}

/* Reject options that a mode has no use for. */
static void check_setup(const struct bench_setup *s)
{
	bool stream = s->mode == MODE_THR || s->mode == MODE_FAN || s->mode == MODE_LANES;
	unsigned exclusive_most = s->exclusive ? 1 : BENCH_WORKERS_MAX;

	if (s->messages > 0 && s->seconds > 0)
		cli_usage("--messages or --duration, not both");
	if (s->mode == MODE_LANES && (s->exclusive || s->in_place || s->rate > 0 ||
					     s->capacity > 0 || s->wait != BENCH_ADAPTIVE))
		cli_usage("--%s: lanes has workers that take and acknowledge what is there",
			s->exclusive	  ? "exclusive"
			: s->in_place	  ? "in-place"
			: s->rate > 0	  ? "rate"
			: s->capacity > 0 ? "capacity"
					  : "wait");
	if (s->mode == MODE_LANES && s->seconds > 0)
		cli_usage("--duration: lanes has --messages, all of which are there first");
	if (s->simulate && (s->mode != MODE_LANES || s->out.format != BENCH_TEXT))
		cli_usage("--simulate is for lanes, and for people to read");
	if (s->mode == MODE_LANES && s->send_batch > 1)
		cli_usage("--batch: lanes sends one message at a time (1:%u)", s->recv_batch);
	if (s->mode == MODE_LANES && s->receivers > 64)
		cli_usage("--receivers: there are 64 lanes at most");
	if (s->buffers > 0 && s->mode != MODE_THR && s->mode != MODE_FAN && s->mode != MODE_COMPARE)
		cli_usage("--buffers is for thr, fan and compare");
	if (s->buffers > 0 && s->in_place)
		cli_usage("--buffers: --in-place has none");
	if (s->buffers > 0 && (s->buffers < s->send_batch || s->buffers < s->recv_batch))
		cli_usage("--buffers: a batch has more");
	if (s->mode == MODE_BCAST && s->exclusive)
		cli_usage("--exclusive: a broadcast has many receivers");
	if (s->mode == MODE_BCAST && s->in_place)
		cli_usage("--in-place: bcast copies");
	if (!stream && s->senders > 1)
		cli_usage("--senders: %s has one", bench_mode_name[s->mode]);
	if (!stream && s->mode != MODE_WAKE && s->mode != MODE_LATEST && s->mode != MODE_BCAST &&
		s->mode != MODE_EXEC && s->receivers > 1)
		cli_usage("--receivers: %s has one", bench_mode_name[s->mode]);
	if (!stream && s->mode != MODE_COMPARE && s->mode != MODE_BCAST && s->mode != MODE_GROW &&
		(s->send_batch > 1 || s->recv_batch > 1))
		cli_usage("--batch: %s sends one message at a time", bench_mode_name[s->mode]);
	if (s->rate > 0 && !stream && s->mode != MODE_LAT && s->mode != MODE_LATEST)
		cli_usage("--rate: %s has none", bench_mode_name[s->mode]);
	if (s->rate > 0 && s->send_batch > 1)
		cli_usage("--rate: each message has its time, so --batch is 1 for sending (1:%u)",
			s->recv_batch);
	if (s->mode == MODE_GROW && s->wait == BENCH_SPIN)
		cli_usage("--wait=spin: a channel gives its memory back when its receivers sleep");
	if (s->mode != MODE_GROW && (s->backlog > 0 || s->burst > 0 || s->bursts > 0))
		cli_usage("--%s is for grow", s->backlog > 0 ? "backlog"
					      : s->burst > 0 ? "burst"
							     : "bursts");
	if (s->wait == BENCH_SPIN &&
		(s->mode == MODE_WAKE || (s->mode == MODE_COMPARE && s->compared[MODE_WAKE])))
		cli_usage("--wait=spin: no receiver would sleep and be woken");
	if (s->mode == MODE_LATEST && (s->in_place || s->wait != BENCH_ADAPTIVE))
		cli_usage("--%s: latest copies, and does not wait",
			s->in_place ? "in-place" : "wait");
	if (s->mode == MODE_COMPARE && (s->exclusive || s->in_place))
		cli_usage("compare has rows for --exclusive and --in-place by itself");
	if (s->mode == MODE_COMPARE && (s->hdr || s->assertions > 0))
		cli_usage("--hdr and --assert are for one kind of channel, not for compare");
	if (s->mode != MODE_COMPARE && s->mode != MODE_EXEC && s->against)
		cli_usage("--versus is for compare and exec");
	if (s->mode == MODE_EXEC &&
		(s->exclusive || s->in_place || s->capacity > 0 || s->wait != BENCH_ADAPTIVE))
		cli_usage("--%s: exec runs chanrecv, on a channel that has all messages",
			s->exclusive	  ? "exclusive"
			: s->in_place	  ? "in-place"
			: s->capacity > 0 ? "capacity"
					  : "wait");
	for (unsigned i = 0; i < s->sizes && s->mode == MODE_EXEC; i++)
		if (s->size[i] > ARGUMENT_MOST)
			cli_usage("--size: exec has arguments of that size, of %d bytes at most",
				ARGUMENT_MOST);
	if (s->hdr && s->sizes > 1)
		cli_usage("--hdr: one size at a time");
	if (s->hdr && (s->mode == MODE_LATEST || s->mode == MODE_BCAST || s->mode == MODE_GROW ||
			      s->mode == MODE_EXEC))
		cli_usage("--hdr: %s is about rates", bench_mode_name[s->mode]);
	if (s->hdr && stream && s->rate <= 0)
		cli_usage("--hdr: %s measures latency only with --rate", bench_mode_name[s->mode]);
	if (s->receivers > BENCH_WORKERS_MAX / 2)
		cli_usage("--receivers: more than %d", BENCH_WORKERS_MAX / 2);
	if (s->senders > exclusive_most || s->receivers > exclusive_most)
		cli_usage("--exclusive: one sender and one receiver");
}

/* Returns the bytes of a burst: 1 GiB, or the largest power of two for three of which there is
 * memory, as the channel has up to twice as much at its peak. */
static uint64_t burst_for_memory(void)
{
	uint64_t memory = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t burst = UINT64_C(1) << 30, room = memory;
	struct statvfs shm;

	if (statvfs(NAMES_DIR, &shm) == 0 && (uint64_t)shm.f_bavail * shm.f_frsize < room)
		room = (uint64_t)shm.f_bavail * shm.f_frsize;
	while (3 * burst > room && burst > 1 << 20)
		burst /= 2;
	if (burst < UINT64_C(1) << 30)
		cli_warn(NULL,
			"the burst is %" PRIu64 " MiB, not 1024: memory has %" PRIu64
			" MiB to spare, and " NAMES_DIR " %" PRIu64,
			burst >> 20, memory >> 20, room >> 20);
	return burst;
}

static void fill_growing(struct bench_setup *s)
{
	if (s->backlog == 0)
		s->backlog = BACKLOG;
	if (s->burst == 0)
		s->burst = burst_for_memory();
	if (s->bursts == 0)
		s->bursts = 1000;
}

static void fill_defaults(struct bench_setup *s)
{
	bool compare = s->mode == MODE_COMPARE;
	unsigned fan = s->mode == MODE_LANES ? 8 : s->mode == MODE_FAN && !s->exclusive ? 4 : 1;
	unsigned receivers = s->mode == MODE_BCAST ? 4 : fan;
	bool jobs = s->receivers > 0, batch_given = s->send_batch > 0;

	if (s->sizes == 0)
		sizes_arg(s, compare ? "64,1K,64K" : s->mode == MODE_GROW ? "64,64K" : "64");
	if (s->messages == 0 && s->seconds <= 0 && s->mode == MODE_EXEC)
		s->messages = 2000;
	if (s->messages == 0 && s->seconds <= 0 && s->mode == MODE_LANES)
		s->messages = 25000;
	if (s->messages == 0 && s->seconds <= 0)
		s->seconds = compare ? 0.2 : 0.5;
	if (s->stall == 0)
		s->stall = STALL;
	if (s->runs == 0)
		s->runs = compare ? 5 : 3;
	if (s->senders == 0)
		s->senders = fan;
	s->channels = CHANNELS;
	if (s->mode == MODE_SELECT) {
		s->channels = s->receivers > 0 ? (unsigned)s->receivers : CHANNELS;
		s->receivers = 1;
	}
	if (s->receivers == 0)
		s->receivers = receivers;
	if (s->send_batch == 0)
		s->send_batch = s->recv_batch = compare ? 64 : 1;
	if (s->mode == MODE_LANES && !batch_given)
		s->recv_batch = 16;
	if (s->ways == 0)
		via_arg(s, s->mode == MODE_SELECT ? "select,set" : "recv");
	if (s->mode == MODE_GROW)
		fill_growing(s);
	if (s->cpus.n == 0)
		bench_cpus_default(&s->cpus);
	if (s->mode == MODE_EXEC && !jobs)
		s->receivers = s->cpus.n;
	if (s->out.percentiles == 0)
		percentiles_arg(s, "50,90,99,99.9");
	if (compare)
		versus_arg(s, &versus_compare,
			s->against ? s->against : "pipe,socketpair,seqpacket,mqueue,eventfd");
	if (s->mode == MODE_EXEC)
		versus_arg(s, &versus_exec, s->against ? s->against : "xargs,parallel");
}

void bench_setup_read(struct bench_setup *s, int argc, char **argv)
{
	int letter;

	while ((letter = cli_next(&chanbench, argc, argv)) != -1)
		read_option(s, letter);
	read_modes(s, argc - optind, argv + optind);
	fill_defaults(s);
	check_setup(s);
	for (unsigned i = 0; i < s->ways; i++)
		check_way(s, s->way[i]);
}
