/* SPDX-License-Identifier: MIT */
/*
 * The columns: all that is known about a channel, once, for tables, for the lines of
 * `info`, for JSON and for -o.  A column says where its value lies and of what type it
 * is; the type says how it becomes a JSON value, and how that becomes text.
 *
 * Values come from the segment and, for a channel that chand keeps, from chand.  Where
 * both have one (mode, group, lifetime), chand's applies.
 */
#include "ctl/column.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "common/dedup.h"
#include "common/message.h"
#include "common/on_lag.h"
#include "common/parse.h"
#include "common/user.h"
#include "ctl/chand.h"
#include "ctl/channel.h"
#include "ctl/output.h"

enum type {
	NAME,
	STATE,
	COUNT, /* uint64_t */
	COUNT32,
	BROADCAST_COUNT, /* of that kind only */
	BROADCAST_COUNT32,
	SIZE,
	SIZE32,
	GROWING_SIZE, /* of a channel that may grow only */
	RATE,	      /* of a uint64_t that counts up, a second */
	TIME,
	DURATION,
	YES_NO, /* uint32_t */
	FLAG,	/* the flag itself in place of an offset */
	USE,
	DROPPED,
	MODE,
	USER,
	GROUP,
	OVERFLOW_POLICY,
	LIFETIME,
	KIND,
	LAG_POLICY,
	PLACE,
	DEDUP_WINDOW,
	CONDVAR,
	WHY_GROWN,
	GROW_ERROR,
	/* From here on, chand's. */
	CHAND_TEXT,
	CHAND_COUNT,
	CHAND_USER,
	CHAND_USERS,
	RIGHTS,
	ACTIVATION,
};

struct ctl_column {
	const char *name;
	enum type type;
	size_t at;	   /* offset in struct chan_stat */
	const char *key;   /* in JSON, where it isn't the name in small letters */
	const char *chand; /* the key of chand's value */
};

#define AT(member) offsetof(struct chan_stat, member)

static const struct ctl_column all[] = {
	{"NAME", .type = NAME},
	{"STATE", .type = STATE},
	{"DEPTH", COUNT, .at = AT(depth)},
	{"USED", SIZE, .at = AT(used)},
	{"USE%", USE, .key = "used_percent"},
	{"SIZE", SIZE, .at = AT(capacity), .key = "capacity"},
	{"MAX", GROWING_SIZE, .at = AT(max_capacity), .key = "capacity_max"},
	{"PEAK", GROWING_SIZE, .at = AT(peak_capacity), .key = "capacity_peak"},
	{"START", GROWING_SIZE, .at = AT(start_capacity), .key = "capacity_start"},
	{"GROWN", COUNT, .at = AT(grown)},
	{"GROWN-AT", TIME, .at = AT(grown_at)},
	{"GROWN-BY", COUNT32, .at = AT(grown_by)},
	{"GROWN-WHY", WHY_GROWN, .at = AT(grown_why)},
	{"GROW-ERROR", GROW_ERROR, .at = AT(grow_error)},
	{"MAX-MESSAGE", SIZE32, .at = AT(max_message)},
	{"SENDERS", COUNT32, .at = AT(senders)},
	{"RECEIVERS", COUNT32, .at = AT(receivers)},
	{"ENDPOINTS-MAX", COUNT32, .at = AT(endpoints)},
	{"FULL", YES_NO, .at = AT(full)},
	{"SENT", COUNT, .at = AT(sent)},
	{"RECEIVED", COUNT, .at = AT(received)},
	{"SENT/S", RATE, .at = AT(sent), .key = "sent_per_second"},
	{"RECEIVED/S", RATE, .at = AT(received), .key = "received_per_second"},
	{"DROPPED", .type = DROPPED},
	{"DROPPED-NEWEST", COUNT, .at = AT(dropped_newest)},
	{"DROPPED-OLDEST", COUNT, .at = AT(dropped_oldest)},
	{"DROPPED-LEASED", COUNT, .at = AT(dropped_leased)},
	{"REDELIVERED", COUNT, .at = AT(redelivered)},
	{"RECOVERIES", COUNT, .at = AT(recoveries)},
	{"BYTES", SIZE, .at = AT(bytes)},
	{"OWNER", USER, .at = AT(uid)},
	{"GROUP", GROUP, .at = AT(gid), .chand = "group"},
	{"UID", COUNT32, .at = AT(uid)},
	{"GID", COUNT32, .at = AT(gid)},
	{"MODE", MODE, .at = AT(mode), .chand = "mode"},
	{"KIND", KIND, .at = AT(kind)},
	{"ON-LAG", .type = LAG_POLICY},
	{"FORBID-BLOCK", FLAG, .at = CHAN_FORBID_BLOCK},
	{"META", FLAG, .at = CHAN_META},
	{"DELAYED", COUNT, .at = AT(delayed)},
	{"BURIED", COUNT, .at = AT(buried)},
	{"EXPIRED", COUNT, .at = AT(expired)},
	{"MALFORMED", COUNT, .at = AT(malformed)},
	{"UNWANTED", COUNT, .at = AT(unwanted)},
	{"LANES", COUNT32, .at = AT(lanes)},
	{"DEAD-LETTER", .type = PLACE},
	{"MAX-DELIVER", COUNT32, .at = AT(max_deliver)},
	{"DEDUP", .type = DEDUP_WINDOW},
	{"DUPLICATES", COUNT, .at = AT(duplicates)},
	{"KEPT", BROADCAST_COUNT, .at = AT(kept)},
	{"LOST", BROADCAST_COUNT, .at = AT(lost)},
	{"EVICTED", BROADCAST_COUNT, .at = AT(evicted)},
	{"GROUPS-MAX", BROADCAST_COUNT32, .at = AT(max_groups)},
	{"OVERFLOW", OVERFLOW_POLICY, .at = AT(overflow)},
	{"LIFETIME", LIFETIME, .at = AT(lifetime), .chand = "lifetime"},
	{"LINGER", DURATION, .at = AT(linger)},
	{"END-WITH-SENDERS", FLAG, .at = CHAN_END_WITH_SENDERS},
	{"NEED-RECEIVERS", FLAG, .at = CHAN_NEED_RECEIVERS},
	{"RENDEZVOUS", FLAG, .at = CHAN_RENDEZVOUS},
	{"CREATED", TIME, .at = AT(created)},
	{"SEGMENT", SIZE, .at = AT(segment)},
	{"FORMAT", COUNT32, .at = AT(format)},
	{"CONDVAR", CONDVAR, .at = AT(condvar)},
	{"BUS", CHAND_TEXT, .chand = "bus"},
	{"ORIGIN", CHAND_TEXT, .chand = "origin"},
	{"ADMIN", CHAND_USER, .chand = "owner"},
	{"RIGHTS", RIGHTS, .chand = "rights"},
	{"MAY-SEND", CHAND_USERS, .chand = "send"},
	{"MAY-RECEIVE", CHAND_USERS, .chand = "receive"},
	{"ACTIVATION", ACTIVATION, .chand = "ready"},
	{"DEATHS", CHAND_COUNT, .chand = "deaths"},
	{"FILE", CHAND_TEXT, .chand = "file"},
};
enum { ALL = sizeof(all) / sizeof(all[0]) };
_Static_assert((int)ALL <= (int)CTL_COLUMN_MAX, "every column fits");

static const char *make_key(const struct ctl_column *column, char buf[32])
{
	size_t i = 0;

	if (column->key)
		return column->key;
	for (; column->name[i]; i++)
		buf[i] = column->name[i] == '-' ? '_'
						: (char)tolower((unsigned char)column->name[i]);
	buf[i] = 0;
	return buf;
}

/* -o takes a column's name in either case, or its key. */
static const struct ctl_column *find_column(const char *word, size_t len)
{
	char key[32];

	for (unsigned i = 0; i < ALL; i++) {
		const char *k = make_key(&all[i], key);

		if (strlen(all[i].name) == len && !strncasecmp(all[i].name, word, len))
			return &all[i];
		if (strlen(k) == len && !strncasecmp(k, word, len))
			return &all[i];
	}
	return NULL;
}

static _Noreturn void reject_column(const char *word, size_t len)
{
	char *names;
	size_t size;
	FILE *out = ctl_memory(&names, &size);

	for (unsigned i = 0; i < ALL; i++)
		fprintf(out, " %s", all[i].name);
	ctl_memory_end(out);
	cli_usage("no column '%.*s'; there are%s", (int)len, word, names);
}

void ctl_columns_help(FILE *out)
{
	unsigned at = 0;

	for (unsigned i = 0; i < ALL; i++) {
		unsigned len = (unsigned)strlen(all[i].name);

		at = i && at + len < 76 ? at + len + 1 : len;
		fprintf(out, "%s%s", at == len ? "\n  " : " ", all[i].name);
	}
}

void ctl_columns_choose(struct ctl_columns *ret, const char *defaults, bool bus)
{
	const char *list = ctl_output.columns ? ctl_output.columns : defaults;

	ret->n = 0;
	if (!list) {
		for (unsigned i = 0; i < ALL; i++)
			if (all[i].type != RATE && /* there are none without --watch */
				(bus || all[i].type < CHAND_TEXT))
				ret->at[ret->n++] = &all[i];
		return;
	}
	for (;; list++) {
		size_t len = strcspn(list, ",");
		const struct ctl_column *column = find_column(list, len);

		if (!column)
			reject_column(list, len);
		if (ret->n == CTL_COLUMN_MAX)
			cli_usage("more than %d columns", CTL_COLUMN_MAX);
		ret->at[ret->n++] = column;
		list += len;
		if (!*list)
			return;
	}
}

static uint32_t get32(const struct chan_stat *stat, size_t at)
{
	uint32_t value;

	memcpy(&value, (const char *)stat + at, sizeof(value));
	return value;
}

static uint64_t get64(const struct chan_stat *stat, size_t at)
{
	uint64_t value;

	memcpy(&value, (const char *)stat + at, sizeof(value));
	return value;
}

static json_t *rate_value(const struct ctl_channel *ch, size_t at)
{
	uint64_t now = get64(&ch->stat, at), before = get64(&ch->before, at);

	if (!ch->time_before || ch->time <= ch->time_before || now < before)
		return json_null();
	return json_real((double)(now - before) * 1e9 / (double)(ch->time - ch->time_before));
}

static json_t *use_value(const struct chan_stat *stat)
{
	if (!stat->capacity)
		return json_null();
	return json_real((double)stat->used * 100 / (double)stat->capacity);
}

static json_t *mode_value(uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%04o", value);
	return ctl_text(text);
}

/* `1000 @100` as chanctl create takes it: `alice,@ops`; null if there is none. */
static json_t *users_value(const char *list)
{
	char *copy = ctl_copy(list), *rest = copy, *word, *text;
	json_t *value;
	size_t len;
	FILE *out = ctl_memory(&text, &len);

	while ((word = strsep(&rest, " "))) {
		bool is_group = *word == '@';
		uint64_t id;

		if (cli_parse_count(word + is_group, &id) || id > UINT32_MAX)
			continue;
		fprintf(out, "%s%s", ftell(out) > 0 ? "," : "", is_group ? "@" : "");
		fputs(is_group ? cli_group((uint32_t)id) : cli_user((uint32_t)id), out);
	}
	ctl_memory_end(out);
	value = len ? ctl_text(text) : json_null();
	free(text);
	free(copy);
	return value;
}

/* `send receive` as one word, like a role. */
static json_t *rights_value(const char *words)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", words);
	for (char *c = text; (c = strchr(c, ' '));)
		*c = '+';
	return ctl_text(text);
}

static json_t *activation_value(const json_t *bus)
{
	const char *on = ctl_bus_text(bus, "activate"), *ready = ctl_bus_text(bus, "ready");

	if (ready && !strcmp(ready, "yes"))
		return ctl_text("ready");
	return on && !strcmp(on, "yes") ? ctl_text("armed") : json_null();
}

/* The value that chand gave; NULL if it gave none. */
static json_t *chand_value(const struct ctl_column *column, const json_t *bus)
{
	const char *text = column->chand ? ctl_bus_text(bus, column->chand) : NULL;

	if (!text)
		return NULL;
	switch (column->type) {
	case CHAND_COUNT:
		return ctl_number(ctl_bus_number(bus, column->chand));
	case CHAND_USER:
		return ctl_text(cli_user((uint32_t)ctl_bus_number(bus, column->chand)));
	case GROUP:
		return ctl_text(cli_group((uint32_t)ctl_bus_number(bus, column->chand)));
	case CHAND_USERS:
		return users_value(text);
	case RIGHTS:
		return rights_value(text);
	case ACTIVATION:
		return activation_value(bus);
	default:
		return ctl_text(text);
	}
}

static json_t *of_broadcast(const struct chan_stat *stat, uint64_t n)
{
	return stat->kind == CHAN_KIND_BROADCAST ? ctl_number(n) : json_null();
}

static json_t *make_value(const struct ctl_column *column, const struct ctl_channel *ch)
{
	const struct chan_stat *stat = &ch->stat;
	json_t *by_chand = chand_value(column, ch->bus);
	char on_lag[ON_LAG_TEXT], dedup[DEDUP_TEXT];

	if (by_chand)
		return by_chand;
	if (column->type == NAME)
		return ctl_text(ch->name);
	if (column->type == STATE)
		return ctl_text(ctl_state(ch));
	if (ch->err)
		return json_null();

	switch (column->type) {
	case NAME:
	case STATE:
	case CHAND_TEXT:
	case CHAND_COUNT:
	case CHAND_USER:
	case CHAND_USERS:
	case RIGHTS:
	case ACTIVATION:
		break;
	case COUNT:
	case SIZE:
		return ctl_number(get64(stat, column->at));
	case GROWING_SIZE:
		return stat->max_capacity ? ctl_number(get64(stat, column->at)) : json_null();
	case BROADCAST_COUNT:
		return of_broadcast(stat, get64(stat, column->at));
	case BROADCAST_COUNT32:
		return of_broadcast(stat, get32(stat, column->at));
	case COUNT32:
	case SIZE32:
		return ctl_number(get32(stat, column->at));
	case RATE:
		return rate_value(ch, column->at);
	case TIME:
		return get64(stat, column->at) ? ctl_time((int64_t)get64(stat, column->at))
					       : json_null();
	case DURATION:
		return ctl_time((int64_t)get64(stat, column->at));
	case YES_NO:
		return json_boolean(get32(stat, column->at) != 0);
	case FLAG:
		return json_boolean((stat->flags & column->at) != 0);
	case USE:
		return use_value(stat);
	case DROPPED:
		return ctl_number(ctl_dropped(stat));
	case MODE:
		return mode_value(stat->mode);
	case USER:
		return ctl_text(cli_user(stat->uid));
	case GROUP:
		return ctl_text(cli_group(stat->gid));
	case PLACE:
		return stat->dead_letter[0] ? ctl_text(stat->dead_letter) : json_null();
	case DEDUP_WINDOW:
		return stat->dedup ? ctl_text(dedup_text(dedup, stat->dedup, stat->dedup_age))
				   : json_null();
	case OVERFLOW_POLICY:
		return ctl_text(word(&words_overflow, stat->overflow));
	case LIFETIME:
		return ctl_text(word(&words_lifetime, stat->lifetime));
	case KIND:
		return ctl_text(word(&words_kind, stat->kind));
	case LAG_POLICY:
		return stat->kind == CHAN_KIND_BROADCAST
			       ? ctl_text(on_lag_text(on_lag, stat->on_lag, stat->patience))
			       : json_null();
	case WHY_GROWN:
		return stat->grown_why == CHAN_GROWN_NEVER ? json_null()
							   : ctl_text(ctl_grown_why(stat));
	case GROW_ERROR:
		return stat->grow_error ? ctl_text(strerror((int)stat->grow_error)) : json_null();
	case CONDVAR:
		return ctl_text(stat->condvar == 1 ? "futex" : "pthread");
	}
	return json_null();
}

json_t *ctl_columns_object(const struct ctl_columns *columns, const struct ctl_channel *ch)
{
	json_t *object = json_object();
	char key[32];

	for (unsigned i = 0; i < columns->n; i++)
		ctl_set(object, make_key(columns->at[i], key), make_value(columns->at[i], ch));
	return object;
}

enum { CELL_MAX = 512 };

static void make_cell(
	char ret[CELL_MAX], const struct ctl_column *column, const struct ctl_channel *ch)
{
	json_t *value = make_value(column, ch);
	double number = json_number_value(value);

	if (json_is_null(value))
		snprintf(ret, CELL_MAX, "-");
	else if (json_is_string(value))
		snprintf(ret, CELL_MAX, "%s", json_string_value(value));
	else if (json_is_boolean(value))
		snprintf(ret, CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
	else if (column->type == SIZE || column->type == SIZE32 || column->type == GROWING_SIZE)
		ctl_size_text(ret, CELL_MAX, (uint64_t)json_integer_value(value));
	else if (column->type == TIME)
		ctl_time_text(ret, CELL_MAX, (int64_t)(number * 1e9));
	else if (column->type == DURATION)
		ctl_duration_text(ret, CELL_MAX, (int64_t)(number * 1e9));
	else if (column->type == USE)
		snprintf(ret, CELL_MAX, "%.0f%%", number);
	else if (column->type == RATE)
		snprintf(ret, CELL_MAX, "%.0f", number);
	else
		snprintf(ret, CELL_MAX, "%lld", (long long)json_integer_value(value));
	json_decref(value);
}

/* Numbers that are compared are aligned to the right. */
static bool aligns_right(const struct ctl_column *column)
{
	switch (column->type) {
	case COUNT:
	case COUNT32:
	case BROADCAST_COUNT:
	case BROADCAST_COUNT32:
	case SIZE:
	case SIZE32:
	case GROWING_SIZE:
	case RATE:
	case USE:
	case DROPPED:
	case CHAND_COUNT:
		return true;
	default:
		return false;
	}
}

static void put_cell(FILE *out, const struct ctl_columns *columns, unsigned i,
	const unsigned *width, const char *text)
{
	bool last = i + 1 == columns->n;

	if (aligns_right(columns->at[i]))
		fprintf(out, "%*s", (int)width[i], text);
	else
		fprintf(out, "%-*s", last ? 0 : (int)width[i], text);
	fputs(last ? "\n" : "  ", out);
}

static void widen(unsigned *width, const char *text)
{
	unsigned len = (unsigned)strlen(text);

	if (len > *width)
		*width = len;
}

void ctl_columns_table(const struct ctl_columns *columns, const struct ctl_channels *channels,
	unsigned width[CTL_COLUMN_MAX], bool headings, FILE *out)
{
	char text[CELL_MAX];

	for (unsigned i = 0; i < columns->n; i++) {
		if (headings)
			widen(&width[i], columns->at[i]->name);
		for (size_t row = 0; row < channels->n; row++) {
			make_cell(text, columns->at[i], &channels->at[row]);
			widen(&width[i], text);
		}
	}
	for (unsigned i = 0; headings && i < columns->n; i++)
		put_cell(out, columns, i, width, columns->at[i]->name);
	for (size_t row = 0; row < channels->n; row++) {
		for (unsigned i = 0; i < columns->n; i++) {
			make_cell(text, columns->at[i], &channels->at[row]);
			put_cell(out, columns, i, width, text);
		}
	}
}

void ctl_columns_lines(const struct ctl_columns *columns, const struct ctl_channel *ch, FILE *out)
{
	char text[CELL_MAX];

	for (unsigned i = 0; i < columns->n; i++) {
		make_cell(text, columns->at[i], ch);
		if (!ctl_output.no_headings)
			fprintf(out, "%-17s ", columns->at[i]->name);
		fprintf(out, "%s\n", text);
	}
}
