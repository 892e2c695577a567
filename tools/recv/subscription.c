/* SPDX-License-Identifier: MIT */
#include "recv/subscription.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "common/message.h"
#include "common/on_lag.h"
#include "common/parse.h"

#define SECOND INT64_C(1000000000)

/* ---- times ---- */

/* Read a date, of this time zone or (Z) of UTC, as seconds since 1970. */
static bool parse_date(const char *text, time_t *ret)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
		"%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &tm);

		if (!end || (*end && strcmp(end, "Z")))
			continue;
		if (*end)
			tm.tm_isdst = 0;
		*ret = *end ? timegm(&tm) : mktime(&tm);
		return *ret != (time_t)-1;
	}
	return false;
}

/* Read -D (so long ago), seconds since 1970, or a date. */
static bool parse_time(const char *text, uint64_t *ret)
{
	int64_t ns, now = clock_real();
	time_t date;

	if (*text == '-') {
		if (cli_parse_duration(text + 1, &ns) || ns == CHAN_WAIT)
			return false;
		*ret = ns < now ? (uint64_t)(now - ns) : 0;
		return true;
	}
	if (strspn(text, "0123456789.") == strlen(text)) {
		if (cli_parse_duration(text, &ns) || ns == CHAN_WAIT)
			return false;
		*ret = (uint64_t)ns;
		return true;
	}
	if (!parse_date(text, &date) || date < 0 || date > INT64_MAX / SECOND)
		return false;
	*ret = (uint64_t)date * (uint64_t)SECOND;
	return true;
}

/* ---- options ---- */

static void parse_from(struct chan_subscription *how, const char *text)
{
	how->start = 0;
	if (!strcmp(text, "next"))
		how->from = CHAN_FROM_NEXT;
	else if (!strcmp(text, "oldest"))
		how->from = CHAN_FROM_OLDEST;
	else if (*text == '@' && parse_time(text + 1, &how->start))
		how->from = CHAN_FROM_TIME;
	else if (*text == '-' && !cli_parse_count(text + 1, &how->start))
		how->from = CHAN_FROM_LAST;
	else if (*text != '-' && !cli_parse_count(text, &how->start) && how->start)
		how->from = CHAN_FROM_SEQ;
	else
		cli_usage(
			"--from: '%s' is not next, oldest, -N, a sequence number from 1, or a time "
			"(@-10m, @2026-12-01T08:00, @SECONDS)",
			text);
}

bool subscription_option(struct recv_subscription *s, int letter, const char *arg)
{
	static const char *const name[] = {
		[SUBSCRIBE_FROM - SUBSCRIBE_FROM] = "--from",
		[SUBSCRIBE_OR_OLDEST - SUBSCRIBE_FROM] = "--or-oldest",
		[SUBSCRIBE_ON_LAG - SUBSCRIBE_FROM] = "--on-lag",
		[SUBSCRIBE_GROUP - SUBSCRIBE_FROM] = "--group",
		[SUBSCRIBE_GROUP_AGE - SUBSCRIBE_FROM] = "--group-age",
		[SUBSCRIBE_RENEW_GROUP - SUBSCRIBE_FROM] = "--renew-group",
	};
	struct chan_subscription *how = &s->how;
	int64_t age;

	switch (letter) {
	case SUBSCRIBE_FROM:
		parse_from(how, arg);
		break;
	case SUBSCRIBE_OR_OLDEST:
		how->flags |= CHAN_OR_OLDEST;
		break;
	case SUBSCRIBE_ON_LAG:
		if (on_lag_parse(arg, &how->on_lag, &how->patience))
			cli_usage("--on-lag: '%s' is not " ON_LAG_WANTED, arg);
		break;
	case SUBSCRIBE_GROUP:
		how->group = arg;
		break;
	case SUBSCRIBE_GROUP_AGE:
		age = cli_duration_arg("--group-age", arg);
		how->group_age = age == CHAN_WAIT ? 0 : (uint64_t)age;
		break;
	case SUBSCRIBE_RENEW_GROUP:
		how->flags |= CHAN_RENEW_GROUP;
		break;
	default:
		return false;
	}
	how->size = sizeof(*how);
	if (!s->option)
		s->option = name[letter - SUBSCRIBE_FROM];
	return true;
}

void subscription_check(const struct recv_subscription *s, bool peek, bool latest)
{
	const struct chan_subscription *how = &s->how;

	if (!s->option)
		return;
	if (peek)
		cli_usage("%s: --peek shows what is kept, and subscribes to nothing", s->option);
	if (latest)
		cli_usage("%s is for a broadcast, not for --latest", s->option);
	if (how->flags & CHAN_OR_OLDEST && how->from != CHAN_FROM_SEQ &&
		how->from != CHAN_FROM_TIME)
		cli_usage("--or-oldest goes with --from=SEQ or --from=@TIME");
	if (!how->group && (how->group_age || how->flags & CHAN_RENEW_GROUP))
		cli_usage("%s goes with --group", how->group_age ? "--group-age" : "--renew-group");
}

const struct chan_subscription *subscription_asked(const struct recv_subscription *s)
{
	return s->option ? &s->how : NULL;
}

bool subscription_copies(const struct recv_subscription *s, const struct chan_stat *of)
{
	uint32_t policy = s->how.on_lag != CHAN_LAG_DEFAULT ? s->how.on_lag : of->on_lag;

	return of->kind == CHAN_KIND_BROADCAST && policy != CHAN_LAG_BLOCK;
}
