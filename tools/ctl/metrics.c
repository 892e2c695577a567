/* SPDX-License-Identifier: MIT */
/*
 * chanctl metrics: the counters of the channels, and what chand counts itself, to
 * stdout or into a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/failure.h"
#include "common/io.h"
#include "common/message.h"
#include "common/metrics.h"
#include "ctl/chand.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/verb.h"

/* Returns the mode that open(2) would give the file. */
static mode_t default_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Replace the file, so that its readers see the whole old text or the whole new one. */
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
	if (!r && fchmod(fd, default_mode()))
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

/* Of chand's text only its own counters are printed: those of channels are there already. */
struct text {
	char *at;
	size_t len;
	FILE *out;
};

static void collect(const char *kind, const char *lines, void *arg)
{
	struct text *text = arg;

	if (!strcmp(kind, PACKET_TEXT))
		fputs(lines, text->out);
}

static bool is_about_chand(const char *line)
{
	return !strncmp(line, "chand_", 6) || !strncmp(line, "# TYPE chand_", 13) ||
	       !strncmp(line, "# UNIT chand_", 13) || !strncmp(line, "# HELP chand_", 13);
}

/* Print the counters of one bus: no name of a metric may come twice. */
static void put_bus(FILE *out)
{
	struct ctl_bus *bus = *ctl_buses();
	struct text text = {0};
	char *line, *rest;

	if (!bus)
		return;
	text.out = ctl_memory(&text.at, &text.len);
	ctl_bus_each(bus, BUS_REQUEST(VERB_METRICS), collect, &text);
	ctl_memory_end(text.out);
	rest = text.at;
	while ((line = strsep(&rest, "\n")))
		if (is_about_chand(line))
			fprintf(out, "%s\n", line);
	free(text.at);
}

static void put_channels(FILE *out, const struct ctl_channels *channels)
{
	struct metrics_row *rows = ctl_alloc(channels->n, sizeof(*rows));

	for (size_t i = 0; i < channels->n; i++) {
		const struct ctl_channel *ch = &channels->at[i];

		rows[i] = (struct metrics_row){ch->name, ch->err ? NULL : &ch->stat};
	}
	metrics_print(out, rows, channels->n);
	free(rows);
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
	put_channels(out, &channels);
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
	CTL_GLOB,
	.option = option,
	.run = metrics,
};
