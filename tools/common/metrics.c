/* SPDX-License-Identifier: MIT */
/* See metrics.h.  A metric family is a row of the table. */
#include "common/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/names.h"
#include "common/user.h"

enum type { GAUGE, COUNTER };
enum width { U32, U64, NS };

#define SAMPLES 3 /* of a family, at most */

struct family {
	const char *name, *unit, *help;
	enum type type;
	struct sample {
		size_t at; /* in struct chan_stat */
		enum width width;
		const char *label; /* further labels */
	} samples[SAMPLES];
};

#define AT(member) offsetof(struct chan_stat, member)
/* clang-format off */
#define ONE(member, width) { { AT(member), width, "" } }
/* clang-format on */

static const struct family families[] = {
	{"shmchan_sent_messages", "messages", "Messages committed.", COUNTER, ONE(sent, U64)},
	{"shmchan_received_messages", "messages", "Messages consumed by receivers.", COUNTER,
		ONE(received, U64)},
	{"shmchan_dropped_messages", "messages",
		"Messages dropped by the overflow policy or purged.", COUNTER,
		{{AT(dropped_newest), U64, ",which=\"newest\""},
			{AT(dropped_oldest), U64, ",which=\"oldest\""},
			{AT(dropped_leased), U64, ",which=\"leased\""}}},
	{"shmchan_redelivered_messages", "messages",
		"Messages given back by receivers or taken from dead ones.", COUNTER,
		ONE(redelivered, U64)},
	{"shmchan_recoveries", NULL, "Dead lock owners cleaned up after.", COUNTER,
		ONE(recoveries, U64)},
	{"shmchan_lost_messages", "messages", "Messages that subscribers lost, each counted.",
		COUNTER, ONE(lost, U64)},
	{"shmchan_evicted_subscribers", "subscribers", "Subscribers evicted.", COUNTER,
		ONE(evicted, U64)},
	{"shmchan_duplicate_messages", "messages",
		"Messages that were not sent again, since their id was known.", COUNTER,
		ONE(duplicates, U64)},
	{"shmchan_expired_messages", "messages", "Messages that nobody got in their time.", COUNTER,
		ONE(expired, U64)},
	{"shmchan_buried_messages", "messages", "Messages set aside: see chanctl dead.", GAUGE,
		ONE(buried, U64)},
	{"shmchan_delayed_messages", "messages", "Messages not due yet, as far as seen.", GAUGE,
		ONE(delayed, U64)},
	{"shmchan_kept_messages", "messages", "Messages that a broadcast keeps, received or not.",
		GAUGE, ONE(kept, U64)},
	{"shmchan_sent_bytes", "bytes", "Ring bytes sent, headers included.", COUNTER,
		ONE(bytes, U64)},
	{"shmchan_depth_messages", "messages", "Messages not yet consumed.", GAUGE,
		ONE(depth, U64)},
	{"shmchan_used_bytes", "bytes", "Ring bytes in use.", GAUGE, ONE(used, U64)},
	{"shmchan_capacity_bytes", "bytes", "Ring bytes there are.", GAUGE, ONE(capacity, U64)},
	{"shmchan_capacity_max_bytes", "bytes", "What it may grow to, 0 if it does not grow.",
		GAUGE, ONE(max_capacity, U64)},
	{"shmchan_capacity_peak_bytes", "bytes", "The most ring bytes there were.", GAUGE,
		ONE(peak_capacity, U64)},
	{"shmchan_grown", NULL, "Times that it grew.", COUNTER, ONE(grown, U64)},
	{"shmchan_max_message_bytes", "bytes", "Longest message allowed.", GAUGE,
		ONE(max_message, U32)},
	{"shmchan_segment_bytes", "bytes", "Shared memory taken.", GAUGE, ONE(segment, U64)},
	{"shmchan_senders", NULL, "Sending endpoints alive.", GAUGE, ONE(senders, U32)},
	{"shmchan_receivers", NULL, "Receiving endpoints alive.", GAUGE, ONE(receivers, U32)},
	{"shmchan_full", NULL, "1 if a message of the longest size has no room.", GAUGE,
		ONE(full, U32)},
	{"shmchan_closed", NULL, "0 open, 1 draining, 2 discarding.", GAUGE, ONE(closed, U32)},
	{"shmchan_paused", NULL, "1 if receivers find nothing because it is paused.", GAUGE,
		ONE(paused, U32)},
	{"shmchan_damaged", NULL, "1 if damage was found.", GAUGE, ONE(damaged, U32)},
	{"shmchan_created_seconds", "seconds", "When it was made, since the epoch.", GAUGE,
		ONE(created, NS)},
};

static void put_header(
	FILE *out, const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(out, "# TYPE %s %s\n", name, type);
	if (unit)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
}

static void put_escaped(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			fputs("\\n", out);
		else if (text[i] == '"' || text[i] == '\\')
			fprintf(out, "\\%c", text[i]);
		else
			fputc(text[i], out);
	}
}

/* owner="...",channel="..." */
static void put_labels(FILE *out, const char *channel)
{
	const char *slash = strchr(channel, '/');
	const char *name = slash ? slash + 1 : channel;
	const char *owner = slash ? channel : cli_user(geteuid());

	fputs("owner=\"", out);
	put_escaped(out, owner, slash ? (size_t)(slash - channel) : strlen(owner));
	fputs("\",channel=\"", out);
	put_escaped(out, name, strlen(name));
	fputc('"', out);
}

static void put_value(FILE *out, const struct chan_stat *stat, const struct sample *sample)
{
	const char *at = (const char *)stat + sample->at;
	uint64_t wide = 0;
	uint32_t narrow;

	if (sample->width == U32) {
		memcpy(&narrow, at, sizeof(narrow));
		wide = narrow;
	} else {
		memcpy(&wide, at, sizeof(wide));
	}
	if (sample->width == NS)
		fprintf(out, " %" PRIu64 ".%03u\n", wide / 1000000000,
			(unsigned)(wide / 1000000 % 1000));
	else
		fprintf(out, " %" PRIu64 "\n", wide);
}

static void put_family(
	FILE *out, const struct family *family, const struct metrics_row *rows, size_t n)
{
	bool counter = family->type == COUNTER;

	put_header(out, family->name, counter ? "counter" : "gauge", family->unit, family->help);
	for (size_t i = 0; i < n; i++)
		for (int s = 0; rows[i].stat && s < SAMPLES && family->samples[s].label; s++) {
			fprintf(out, "%s%s{", family->name, counter ? "_total" : "");
			put_labels(out, rows[i].channel);
			fprintf(out, "%s}", family->samples[s].label);
			put_value(out, rows[i].stat, &family->samples[s]);
		}
}

static void put_readable(FILE *out, const struct metrics_row *rows, size_t n)
{
	put_header(out, "shmchan_readable", "gauge", NULL, "0 if the channel can't be read.");
	for (size_t i = 0; i < n; i++) {
		fputs("shmchan_readable{", out);
		put_labels(out, rows[i].channel);
		fprintf(out, "} %d\n", rows[i].stat != NULL);
	}
}

static void put_shm(FILE *out)
{
	struct statvfs shm;

	if (statvfs(NAMES_DIR, &shm))
		return;
	put_header(out, "shmchan_shm_size_bytes", "gauge", "bytes", "Size of " NAMES_DIR ".");
	fprintf(out, "shmchan_shm_size_bytes %" PRIu64 "\n", (uint64_t)shm.f_blocks * shm.f_frsize);
	put_header(out, "shmchan_shm_free_bytes", "gauge", "bytes", "Room left in " NAMES_DIR ".");
	fprintf(out, "shmchan_shm_free_bytes %" PRIu64 "\n", (uint64_t)shm.f_bavail * shm.f_frsize);
}

void metrics_print(FILE *out, const struct metrics_row *rows, size_t n)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(out, &families[i], rows, n);
	put_readable(out, rows, n);
	put_shm(out);
}
