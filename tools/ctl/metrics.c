/* SPDX-License-Identifier: MIT */
/*
 * chanctl metrics: OpenMetrics text.  A metric family is a row of the table and
 * its samples, one for each channel, stand together as the format wants it.  A
 * channel that can't be read has no samples but `readable`, 0.
 */
#define _GNU_SOURCE 1 /* mkostemp */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ctl/ctl.h"

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
	{"shmchan_sent_bytes", "bytes", "Ring bytes sent, headers included.", COUNTER,
		ONE(bytes, U64)},
	{"shmchan_depth_messages", "messages", "Messages not yet consumed.", GAUGE,
		ONE(depth, U64)},
	{"shmchan_used_bytes", "bytes", "Ring bytes in use.", GAUGE, ONE(used, U64)},
	{"shmchan_capacity_bytes", "bytes", "Ring bytes there are.", GAUGE, ONE(capacity, U64)},
	{"shmchan_max_message_bytes", "bytes", "Longest message allowed.", GAUGE,
		ONE(max_message, U32)},
	{"shmchan_segment_bytes", "bytes", "Shared memory taken.", GAUGE, ONE(segment, U64)},
	{"shmchan_senders", NULL, "Sending endpoints alive.", GAUGE, ONE(senders, U32)},
	{"shmchan_receivers", NULL, "Receiving endpoints alive.", GAUGE, ONE(receivers, U32)},
	{"shmchan_full", NULL, "1 if a message of the longest size has no room.", GAUGE,
		ONE(full, U32)},
	{"shmchan_closed", NULL, "0 open, 1 draining, 2 discarding.", GAUGE, ONE(closed, U32)},
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
static void put_labels(FILE *out, const struct ctl_channel *ch)
{
	const char *slash = strchr(ch->name, '/');
	const char *name = slash ? slash + 1 : ch->name;
	const char *owner = slash ? ch->name : cli_user(geteuid());

	fputs("owner=\"", out);
	put_escaped(out, owner, slash ? (size_t)(slash - ch->name) : strlen(owner));
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

static void put_family(FILE *out, const struct family *family, const struct ctl_channels *channels)
{
	bool counter = family->type == COUNTER;

	put_header(out, family->name, counter ? "counter" : "gauge", family->unit, family->help);
	for (size_t i = 0; i < channels->n; i++) {
		const struct ctl_channel *ch = &channels->at[i];

		for (int s = 0; !ch->err && s < SAMPLES && family->samples[s].label; s++) {
			fprintf(out, "%s%s{", family->name, counter ? "_total" : "");
			put_labels(out, ch);
			fprintf(out, "%s}", family->samples[s].label);
			put_value(out, &ch->stat, &family->samples[s]);
		}
	}
}

static void put_readable(FILE *out, const struct ctl_channels *channels)
{
	put_header(out, "shmchan_readable", "gauge", NULL, "0 if the channel can't be read.");
	for (size_t i = 0; i < channels->n; i++) {
		fputs("shmchan_readable{", out);
		put_labels(out, &channels->at[i]);
		fprintf(out, "} %d\n", !channels->at[i].err);
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

void ctl_metrics_print(FILE *out, const struct ctl_channels *channels)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(out, &families[i], channels);
	put_readable(out, channels);
	put_shm(out);
}

/* As if the file had been made with open(2). */
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Readers of `path` see the old text or the new, whole. */
static int write_file(const char *path, const char *text, size_t len)
{
	size_t size = strlen(path) + sizeof(".XXXXXX");
	char *temporary = ctl_alloc(size, 1);
	int fd, r;

	snprintf(temporary, size, "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(temporary);
		return r;
	}
	r = cli_write(fd, text, len, NULL);
	if (!r && fchmod(fd, usual_mode()))
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	if (!r && rename(temporary, path))
		r = -errno;
	if (r)
		unlink(temporary);
	free(temporary);
	return r;
}

enum { TEXTFILE = CLI_LONG };

static const struct cli_option options[] = {
	{TEXTFILE, "textfile", "FILE", "to FILE, which is replaced whole (for the node exporter)"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const char *textfile;

static void option(int letter, const char *name, const char *arg)
{
	(void)letter;
	if (!*arg)
		cli_usage("%s: the name of the file is empty", name);
	textfile = arg;
}

/* Of chand's text only what it counts itself: the channels were told. */
struct text {
	char *at;
	size_t len;
	FILE *out;
};

static void collect(const char *kind, const char *lines, void *arg)
{
	struct text *text = arg;

	if (!strcmp(kind, "TEXT"))
		fputs(lines, text->out);
}

static bool about_chand(const char *line)
{
	return !strncmp(line, "chand_", 6) || !strncmp(line, "# TYPE chand_", 13) ||
	       !strncmp(line, "# UNIT chand_", 13) || !strncmp(line, "# HELP chand_", 13);
}

/* Of one bus: names of metrics must not come twice. */
static void put_bus(FILE *out)
{
	struct ctl_bus *bus = *ctl_buses();
	struct text text = {0};
	char *line, *rest;

	if (!bus)
		return;
	text.out = ctl_memory(&text.at, &text.len);
	ctl_bus_each(bus, BUS_PROTOCOL " METRICS\n", collect, &text);
	ctl_memory_end(text.out);
	rest = text.at;
	while ((line = strsep(&rest, "\n")))
		if (about_chand(line))
			fprintf(out, "%s\n", line);
	free(text.at);
}

static int metrics(int n, char **operand)
{
	struct ctl_channels channels;
	char *text;
	size_t len;
	FILE *out;
	int r = ctl_channels(&channels, n ? operand[0] : NULL);

	if (r < 0)
		return cli_fail(NULL, NULL, r);
	out = ctl_memory(&text, &len);
	ctl_metrics_print(out, &channels);
	put_bus(out);
	fputs("# EOF\n", out);
	ctl_memory_end(out);
	ctl_channels_free(&channels);
	if (!textfile)
		return ctl_write_free(text, len);
	r = write_file(textfile, text, len);
	free(text);
	if (!r)
		return CLI_OK;
	cli_error(NULL, "can't write %s: %s", textfile, strerror(-r));
	return r == -EACCES || r == -EPERM ? CLI_DENIED : CLI_ERROR;
}

const struct ctl_verb ctl_verb_metrics = {
	.tool =
		{
			.name = "chanctl metrics",
			.usage = "[OPTIONS] [GLOB]",
			.summary = "Print the counters of all channels as OpenMetrics text.",
			.options = options,
		},
	.has = CTL_BUS | CTL_BUS_KNOWN,
	.max = 1,
	.option = option,
	.run = metrics,
};
