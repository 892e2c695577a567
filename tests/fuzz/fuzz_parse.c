/* SPDX-License-Identifier: MIT */
/*
 * What a user types: durations, sizes, counts, rates, modes, the SPEC of a
 * channel, framings, formats, names.  Nothing halfway: what is accepted is in its
 * range, what is not leaves the result alone.
 */
#include "fuzz.h"

#include "common/io.h"
#include "common/parse.h"
#include "common/spec.h"
#include "recv/format.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static void parse_numbers(const char *text)
{
	int64_t duration = -77;
	uint64_t n = 77;
	uint32_t mode = 7777;
	double rate = -7;
	int err;

	err = cli_parse_duration(text, &duration);
	MUST(err == 0 ? duration >= CHAN_WAIT
		      : (err == -EINVAL || err == -ERANGE) && duration == -77);
	err = cli_parse_size(text, &n);
	MUST(err == 0 || ((err == -EINVAL || err == -ERANGE) && n == 77));
	n = 77;
	err = cli_parse_count(text, &n);
	MUST(err == 0 ? strspn(text, "0123456789") == strlen(text) && *text
		      : (err == -EINVAL || err == -ERANGE) && n == 77);
	err = cli_parse_mode(text, &mode);
	MUST(err == 0 ? mode <= 0777 : (err == -EINVAL || err == -ERANGE) && mode == 7777);
	err = cli_parse_rate(text, &rate);
	MUST(err == 0 ? rate > 0 && isfinite(rate)
		      : (err == -EINVAL || err == -ERANGE) && rate == -7);
}

static void parse_spec(const char *text)
{
	struct chan_options opt = CLI_OPTIONS_INIT;
	char why[40] = "";
	int err = cli_parse_spec(&opt, text, why, sizeof(why));

	MUST(err == 0 || err == -EINVAL);
	MUST(memchr(why, 0, sizeof(why)));
	MUST(err == 0 || why[0]);
	/* What it set, the library understands or refuses. */
	if (err == 0)
		MUST(chan_footprint(&opt) > 0 || chan_footprint(&opt) == -EINVAL);
}

static void parse_framing(const char *text)
{
	struct framing f;
	unsigned char byte;

	MUST(framing_parse(text, &f) <= 0);
	MUST(framing_parse_byte(text, &byte) <= 0);
}

static void parse_format(const char *text, size_t len)
{
	struct envelope m = {.data = text, .len = len, .channel = "ch", .seq = 1, .time = 1};
	const char *bad = NULL;
	ssize_t need;
	char *out;

	if (format_check(text, &bad) < 0) {
		MUST(bad >= text && bad <= text + len);
		return;
	}
	need = format_encode(text, &m, NULL, 0);
	MUST(need >= 0);
	out = malloc(need ? (size_t)need : 1);
	MUST(out && format_encode(text, &m, out, (size_t)need) == need);
	free(out);
}

static void escape(const char *text, size_t len)
{
	char *out = malloc(4 * len + 1);
	size_t n;

	MUST(out);
	n = cli_escape(out, text, len);
	MUST(n <= 4 * len);
	for (size_t i = 0; i < n; i++)
		MUST((unsigned char)out[i] >= ' ' || out[i] == '\n' || out[i] == '\t');
	free(out);
}

/* A name never leads out of its directory: it opens nothing, or it is none. */
static void name(const char *text)
{
	char channel[512];
	chan_t *ch;
	int err;

	/* With a letter that no other has, so that it is nobody's. */
	snprintf(channel, sizeof(channel), "%s..fuzz-nobody", text);
	err = chan_open(&ch, channel, 0, NULL);
	MUST(err == -ENOENT || err == -EINVAL || (err == -ESRCH && strchr(text, '/')));
	if (strchr(text, '/') && strchr(strchr(text, '/') + 1, '/'))
		MUST(err == -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	bounded();
	MUST(text);
	memcpy(text, data, size);
	text[size] = 0;
	parse_numbers(text);
	parse_spec(text);
	parse_framing(text);
	parse_format(text, strlen(text));
	escape(text, size);
	name(text);
	free(text);
	return 0;
}
