/* SPDX-License-Identifier: MIT */
/* See condition.h. */
#include "ctl/condition.h"

#include <string.h>

#include "common/message.h"
#include "common/parse.h"
#include "ctl/channel.h"

static const struct condition words[] = {
	{"exists", EXISTS, false, 0, 0},
	{"gone", GONE, false, 0, 0},
	{"empty", EMPTY, false, 0, 0},
	{"idle", IDLE, false, 0, 0},
	{"nonempty", EMPTY, true, 0, 0},
	{"full", FULL, false, 0, 0},
	{"notfull", FULL, true, 0, 0},
	{"closed", CLOSED, false, 0, 0},
	{"receivers", RECEIVERS, false, '?', 0},
	{"senders", SENDERS, false, '?', 0},
	{"depth", DEPTH, false, '?', 0},
};

/* Behind the word: >=N, <=N or =N. */
static void parse_number(struct condition *cond, const char *text)
{
	const char *digits = text;

	if (!*text)
		cli_usage("condition '%s' needs a number, as in '%s>=1': quote it, "
			  "> is special to the shell",
			cond->text, cond->text);
	cond->relation = *digits++;
	if (cond->relation != '=' && *digits++ != '=')
		cond->relation = 0;
	if (!cond->relation || !strchr("><=", cond->relation) ||
		cli_parse_count(digits, &cond->number))
		cli_usage("condition '%s%s': '%s' is not >=N, <=N or =N", cond->text, text, text);
}

struct condition condition_parse(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct condition cond = words[i];

		if (strlen(cond.text) != len || strncmp(cond.text, text, len) != 0)
			continue;
		if (cond.relation)
			parse_number(&cond, text + len);
		else if (text[len])
			break;
		cond.text = text;
		return cond;
	}
	cli_usage(
		"no condition '%s'; there are exists, gone, empty, idle, nonempty, full, notfull, "
		"closed, receivers>=N, senders>=N, depth<=N",
		text);
}

static bool compare(const struct condition *cond, uint64_t value)
{
	switch (cond->relation) {
	case '>':
		return value >= cond->number;
	case '<':
		return value <= cond->number;
	}
	return value == cond->number;
}

bool condition_holds(const struct condition *cond, const struct chan_stat *stat)
{
	switch (cond->subject) {
	case EXISTS:
	case GONE:
		break;
	case EMPTY:
		return cond->negated == (ctl_depth(stat) != 0);
	case IDLE: /* a leased message is still in it; what is buried waits for nobody */
		return ctl_depth(stat) <= stat->buried;
	case FULL:
		return cond->negated == !stat->full;
	case CLOSED:
		return stat->closed;
	case RECEIVERS:
		return compare(cond, stat->receivers);
	case SENDERS:
		return compare(cond, stat->senders);
	case DEPTH:
		return compare(cond, ctl_depth(stat));
	}
	return false;
}

bool condition_needs_message(const struct condition *cond, const struct chan_stat *stat)
{
	switch (cond->subject) {
	case EMPTY:
		return cond->negated;
	case FULL:
		return !cond->negated;
	case DEPTH:
		return cond->relation != '<' && ctl_depth(stat) < cond->number;
	default:
		return false;
	}
}

bool condition_is_about_name(const struct condition *cond)
{
	return cond->subject == EXISTS || cond->subject == GONE;
}
