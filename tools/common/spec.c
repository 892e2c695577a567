/* SPDX-License-Identifier: MIT */
/* See spec.h. */
#include "common/spec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "base/words.h"
#include "common/dedup.h"
#include "common/message.h"
#include "common/on_lag.h"
#include "common/parse.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The keys of a SPEC.  Each function sets its member and returns NULL; or it returns what it
 * wants in place of a bad value. */

static bool has_capacity(uint32_t kind)
{
	return kind == CHAN_KIND_QUEUE || kind == CHAN_KIND_BROADCAST;
}

static const char *set_capacity(struct chan_options *opt, const char *value)
{
	if (cli_parse_size(value, &opt->capacity) || opt->capacity > INT64_MAX)
		return CLI_A_SIZE;
	if (!opt->capacity && opt->kind == CHAN_KIND_QUEUE)
		opt->kind = CHAN_KIND_RENDEZVOUS;
	else if (opt->capacity && !has_capacity(opt->kind))
		return "0, as a channel of that kind has it";
	else if (!opt->capacity && opt->kind == CHAN_KIND_BROADCAST)
		return "more than 0, as a broadcast keeps messages";
	return NULL;
}

static const char *set_max_capacity(struct chan_options *opt, const char *value)
{
	if (!strcmp(value, "unbounded"))
		opt->max_capacity = CHAN_UNBOUNDED;
	else if (cli_parse_size(value, &opt->max_capacity) || opt->max_capacity > INT64_MAX ||
		 !opt->max_capacity)
		return "unbounded or a size above 0";
	return NULL;
}

static const char *set_max_message(struct chan_options *opt, const char *value)
{
	uint64_t n;

	if (cli_parse_size(value, &n) || n > UINT32_MAX || !n)
		return "a size from 1 to below 4G";
	opt->max_message = (uint32_t)n;
	return NULL;
}

static const char *set_word(const struct words *of, const char *value, uint32_t *ret)
{
	static char choice[64];

	return word_value(of, value, ret) ? words_choice(of, choice, sizeof(choice)) : NULL;
}

static const char *set_overflow(struct chan_options *opt, const char *value)
{
	return set_word(&words_overflow, value, &opt->overflow);
}

static const char *set_mode(struct chan_options *opt, const char *value)
{
	return cli_parse_mode(value, &opt->mode) ? "a mode (octal, 0001 to 0777)" : NULL;
}

static const char *set_endpoints(struct chan_options *opt, const char *value)
{
	uint64_t n;

	if (cli_parse_count(value, &n) || n < 1 || n > 4096)
		return "a number from 1 to 4096";
	opt->endpoints = (uint32_t)n;
	return NULL;
}

static const char *set_lifetime(struct chan_options *opt, const char *value)
{
	return set_word(&words_lifetime, value, &opt->lifetime);
}

static const char *set_linger(struct chan_options *opt, const char *value)
{
	int64_t ns;

	if (cli_parse_duration(value, &ns) || ns == CHAN_WAIT)
		return "a duration (as 250ms, 10s, 1h)";
	opt->linger = (uint64_t)ns;
	return NULL;
}

static const char *set_kind(struct chan_options *opt, const char *value)
{
	uint32_t kind;
	const char *wanted = set_word(&words_kind, value, &kind);

	if (wanted)
		return wanted;
	if (!has_capacity(kind) && opt->capacity)
		return "queue or broadcast, as a channel with a capacity is";
	opt->kind = kind;
	return NULL;
}

static const char *set_on_lag(struct chan_options *opt, const char *value)
{
	return on_lag_parse(value, &opt->on_lag, &opt->patience) ? ON_LAG_WANTED : NULL;
}

static const char *set_groups(struct chan_options *opt, const char *value)
{
	uint64_t n;

	if (cli_parse_count(value, &n) || n < 1 || n > 4096)
		return "a number from 1 to 4096";
	opt->groups = (uint32_t)n;
	return NULL;
}

static const char *set_lanes(struct chan_options *opt, const char *value)
{
	uint64_t n;

	if (cli_parse_count(value, &n) || n < 2 || n > 64)
		return "a number from 2 to 64";
	opt->lanes = (uint32_t)n;
	opt->flags |= CHAN_META;
	return NULL;
}

static const char *set_lane_by(struct chan_options *opt, const char *value)
{
	return word_value(&words_lane_by, value, &opt->lane_by) || !opt->lane_by ? "key or priority"
										 : NULL;
}

static const char *set_dead_letter(struct chan_options *opt, const char *value)
{
	if (strlen(value) >= sizeof(opt->dead_letter) ||
		!name_valid_anywhere(value, sizeof(opt->dead_letter)))
		return "the name of a channel";
	memset(opt->dead_letter, 0, sizeof(opt->dead_letter));
	memcpy(opt->dead_letter, value, strlen(value));
	return NULL;
}

static const char *set_max_deliver(struct chan_options *opt, const char *value)
{
	uint64_t n;

	if (cli_parse_count(value, &n) || n < 1 || n >= UINT16_MAX)
		return "a number from 1 to 65534";
	opt->max_deliver = (uint32_t)n;
	return NULL;
}

static const char *set_dedup(struct chan_options *opt, const char *value)
{
	opt->flags |= CHAN_META;
	return dedup_parse(value, &opt->dedup, &opt->dedup_age) ? DEDUP_WANTED : NULL;
}

static const struct {
	const char *key;
	const char *(*set)(struct chan_options *opt, const char *value);
	uint32_t flag; /* of a bare word */
} keys[] = {
	{"capacity", set_capacity, 0},
	{"max-capacity", set_max_capacity, 0},
	{"max-message", set_max_message, 0},
	{"overflow", set_overflow, 0},
	{"mode", set_mode, 0},
	{"endpoints", set_endpoints, 0},
	{"lifetime", set_lifetime, 0},
	{"linger", set_linger, 0},
	{"kind", set_kind, 0},
	{"on-lag", set_on_lag, 0},
	{"groups", set_groups, 0},
	{"forbid-block", NULL, CHAN_FORBID_BLOCK},
	{"meta", NULL, CHAN_META},
	{"lanes", set_lanes, 0},
	{"lane-by", set_lane_by, 0},
	{"dead-letter", set_dead_letter, 0},
	{"dedup", set_dedup, 0},
	{"max-deliver", set_max_deliver, 0},
	{"end-with-senders", NULL, CHAN_END_WITH_SENDERS},
	{"need-receivers", NULL, CHAN_NEED_RECEIVERS},
};

int cli_parse_key(
	struct chan_options *opt, const char *key, const char *value, char *why, size_t size)
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *wanted;

		if (strcmp(keys[i].key, key) != 0)
			continue;
		if (!keys[i].set && value) {
			snprintf(why, size, "%s takes no value", key);
			return -EINVAL;
		}
		if (!keys[i].set) {
			opt->flags |= keys[i].flag;
			return 0;
		}
		if (!value) {
			snprintf(why, size, "%s needs a value", key);
			return -EINVAL;
		}
		wanted = keys[i].set(opt, value);
		if (!wanted)
			return 0;
		snprintf(why, size, "%s: '%s' is not %s", key, value, wanted);
		return -EINVAL;
	}
	snprintf(why, size,
		"unknown key '%s'; there are capacity, max-capacity, max-message, overflow, mode, "
		"endpoints, "
		"lifetime, linger, kind, on-lag, groups, forbid-block, meta, lanes, lane-by, "
		"dead-letter, dedup, max-deliver, "
		"end-with-senders, need-receivers",
		key);
	return -EINVAL;
}

int cli_parse_spec(struct chan_options *opt, const char *spec, char *why, size_t size)
{
	struct chan_options options = *opt;

	do {
		char item[CHAN_PLACE_MAX + 32];
		size_t len = strcspn(spec, ",");
		char *equals;
		int r;

		if (!len || len >= sizeof(item)) {
			snprintf(why, size, "'%.*s' is not KEY=VALUE", (int)(len < 40 ? len : 40),
				spec);
			return -EINVAL;
		}
		memcpy(item, spec, len);
		item[len] = '\0';
		equals = strchr(item, '=');
		if (equals)
			*equals++ = '\0';
		r = cli_parse_key(&options, item, equals, why, size);
		if (r)
			return r;
		spec += len;
	} while (*spec && spec++);
	*opt = options;
	return 0;
}

void cli_spec_arg(const char *option, struct chan_options *opt, const char *spec)
{
	char why[256];

	if (cli_parse_spec(opt, spec, why, sizeof(why)))
		cli_usage("%s: %s", option, why);
}
