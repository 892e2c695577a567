/* SPDX-License-Identifier: MIT */
/*
 * chanctl top: the channels on the terminal, with their depths, rates and histories, and who
 * waits; or one channel's endpoints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/parse.h"
#include "common/signals.h"
#include "common/user.h"
#include "ctl/output.h"
#include "ctl/overview.h"
#include "ctl/screen.h"
#include "ctl/verb.h"

static int64_t every = INT64_C(1000000000);

static const struct cli_option options[] = {
	{'d', "delay", "DURATION", "read again every DURATION (default 1s)"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static void top_option(int letter, const char *option, const char *arg)
{
	(void)letter;
	every = cli_duration_arg(option, arg);
	if (every <= 0)
		cli_usage("%s: '%s' is not an interval (as 500ms, 2s)", option, arg);
}

/* What is looked at. */
struct view {
	struct overview all;
	const char *glob; /* the operand */
	char filter[128]; /* typed: a glob, or part of names */
	bool typing, helping, still;
	char *chosen; /* the name of the row that is chosen, or NULL */
	bool alone;   /* it is shown by itself */
	size_t first; /* row that is shown first */
	int err;      /* of the last reading */
};

static const char *const order_names[] = {"name", "depth", "sent/s", "received/s", "dropped"};

/* ---- choosing ---- */

static size_t chosen_at(const struct view *v)
{
	for (size_t i = 0; v->chosen && i < v->all.n; i++)
		if (!strcmp(v->all.row[i].name, v->chosen))
			return i;
	return 0;
}

static void choose(struct view *v, size_t at)
{
	free(v->chosen);
	v->chosen = at < v->all.n ? ctl_copy(v->all.row[at].name) : NULL;
}

static void move(struct view *v, long by)
{
	long at = (long)chosen_at(v) + by, last = (long)v->all.n - 1;

	if (v->all.n)
		choose(v, (size_t)(at < 0 ? 0 : at > last ? last : at));
}

static void read_all(struct view *v)
{
	char pattern[sizeof(v->filter) + 2];

	snprintf(pattern, sizeof(pattern), strpbrk(v->filter, "*?[") ? "%s" : "*%s*", v->filter);
	v->err = overview_read(&v->all, *v->filter ? pattern : v->glob);
}

/* ---- text ---- */

static const char *rate_text(char ret[16], double rate)
{
	if (rate >= 1e6)
		snprintf(ret, 16, "%.1fM", rate / 1e6);
	else if (rate >= 1e4)
		snprintf(ret, 16, "%.0fk", rate / 1e3);
	else
		snprintf(ret, 16, "%.0f", rate);
	return ret;
}

static const char *count_text(char ret[16], uint64_t n)
{
	if (n < 1000000)
		snprintf(ret, 16, "%llu", (unsigned long long)n);
	else
		snprintf(ret, 16, "%.1fM", (double)n / 1e6);
	return ret;
}

/* The endpoint of a channel that has waited longest, as "recv 12s PID". */
static void longest_text(const char *name, char *ret, size_t size)
{
	struct endpoints ends = {.n = 0};
	struct ctl_channel ch;
	const struct chan_endpoint *end;
	char text[32];
	int64_t waits;

	snprintf(ret, size, "-");
	if (!ctl_open(&ch, name) && !endpoints_read(ch.ch, 8, &ends)) {
		end = overview_longest(&ends, cli_now(), &waits);
		if (end) {
			ctl_duration_text(text, sizeof(text), waits);
			snprintf(ret, size, "%s %s %d", text, end->command, end->pid);
		}
	}
	free(ends.at);
	ctl_forget(&ch);
}

/* ---- drawing ---- */

/* Where the columns begin; the name takes what is left of `wide` columns. */
enum { STATE = 9, DEPTH = 9, USED = 6, RATE = 8, DROPPED = 8, GRAPH = 12, WAITING = 22 };

static int name_width(int wide)
{
	int rest = wide - STATE - DEPTH - USED - 2 * RATE - DROPPED - GRAPH - 2;

	if (rest >= 14 + WAITING)
		rest -= WAITING;
	return rest < 12 ? 12 : rest;
}

static bool shows_waiting(int wide)
{
	return wide - STATE - DEPTH - USED - 2 * RATE - DROPPED - GRAPH - 2 >= 14 + WAITING;
}

static void draw_graph(int line, int column, int wide, const struct overview_row *row)
{
	uint64_t most = 1, depth;

	for (size_t i = 0; i < (size_t)wide; i++)
		if (overview_depth(row, i, &depth) && depth > most)
			most = depth;
	for (int i = 0; i < wide; i++)
		if (overview_depth(row, (size_t)(wide - 1 - i), &depth))
			screen_bar(line, column + i,
				(int)(depth >= most ? 8 : (depth * 8 + most - 1) / most));
}

static void draw_row(int line, const struct overview_row *row, bool chosen)
{
	int wide = screen_columns(), at = name_width(wide);
	int look = chosen ? CHOSEN : !row->readable || row->stat.damaged ? ALERT : PLAIN;
	double used = row->stat.capacity
			      ? 100.0 * (double)row->stat.used / (double)row->stat.capacity
			      : 0;
	char text[64];

	screen_text(line, 0, at - 1, look, row->name);
	screen_text(line, at, STATE, row->readable ? PLAIN : ALERT, row->state);
	at += STATE;
	if (!row->readable)
		return;
	screen_printf(line, at, DEPTH, PLAIN, "%8s", count_text(text, row->stat.depth));
	at += DEPTH;
	screen_printf(line, at, USED, row->stat.full ? ALERT : PLAIN, "%4.0f%%", used);
	at += USED;
	screen_printf(line, at, RATE, PLAIN, "%7s", rate_text(text, row->sent_rate));
	at += RATE;
	screen_printf(line, at, RATE, PLAIN, "%7s", rate_text(text, row->received_rate));
	at += RATE;
	screen_printf(line, at, DROPPED, PLAIN, "%7s", count_text(text, ctl_dropped(&row->stat)));
	at += DROPPED;
	draw_graph(line, at + 1, GRAPH, row);
	at += GRAPH + 2;
	if (shows_waiting(wide)) {
		longest_text(row->name, text, sizeof(text));
		screen_text(line, at, wide - at, FAINT, text);
	}
}

static void draw_title(const struct view *v, const char *what)
{
	screen_printf(0, 0, screen_columns(), HEADING, "chanctl top  %s%s%s", what,
		v->still ? "  (stopped: space goes on)" : "",
		v->err ? "  CHANNELS CAN'T BE LISTED" : "");
}

static void draw_foot(const struct view *v, const char *keys)
{
	int last = screen_rows() - 1;

	if (v->typing)
		screen_printf(last, 0, screen_columns(), HEADING, "names with: %s_", v->filter);
	else
		screen_text(last, 0, screen_columns(), HEADING, keys);
}

static void draw_all(struct view *v)
{
	int rows = screen_rows() - 3, at = name_width(screen_columns());
	size_t chosen = chosen_at(v), room = rows > 0 ? (size_t)rows : 0;
	char title[256];

	if (chosen < v->first)
		v->first = chosen;
	if (room && chosen >= v->first + room)
		v->first = chosen - room + 1;
	if (v->first + room > v->all.n)
		v->first = v->all.n > room ? v->all.n - room : 0;
	snprintf(title, sizeof(title), "%zu channels, by %s%s%s", v->all.n,
		order_names[v->all.order], *v->filter ? ", with " : "", v->filter);
	draw_title(v, title);
	screen_text(1, 0, at, FAINT, "NAME");
	screen_printf(1, at, 99, FAINT, "%-*s%*s%*s%*s%*s%*s%s", STATE, "STATE", DEPTH - 1, "DEPTH",
		USED, "USED", RATE, "SENT/S", RATE, "RECV/S", DROPPED, "DROPPED", "  DEPTHS");
	if (shows_waiting(screen_columns()))
		screen_text(1, at + STATE + DEPTH + USED + 2 * RATE + DROPPED + GRAPH + 2, 20,
			FAINT, "WAITS LONGEST");
	for (size_t i = 0; i < room && v->first + i < v->all.n; i++)
		draw_row(2 + (int)i, &v->all.row[v->first + i], v->first + i == chosen);
	if (!v->all.n)
		screen_text(2, 0, screen_columns(), PLAIN,
			*v->filter ? "no channel has such a name"
				   : "there are no channels (chanctl create makes one)");
	draw_foot(v, "q quit  s sort  / filter  Enter endpoints  space stop  h help");
}

static void draw_endpoint(int line, const struct chan_endpoint *end)
{
	char waiting[32] = "-", since[32];

	if (end->waiting)
		ctl_duration_text(waiting, sizeof(waiting), cli_now() - end->waiting);
	ctl_time_text(since, sizeof(since), end->attached);
	screen_printf(line, 0, screen_columns(), PLAIN, "%-8d %-12s %-15s %-15s %-10s %s", end->pid,
		cli_user(end->uid), ctl_side(end->roles), end->command, waiting, since);
}

static void draw_alone(struct view *v)
{
	const struct overview_row *row = &v->all.row[chosen_at(v)];
	struct endpoints ends = {.n = 0};
	struct ctl_channel ch;
	char used[32], capacity[32], sent[16], received[16];
	int line = 6, rows = screen_rows() - 1;

	draw_title(v, row->name);
	ctl_size_text(used, sizeof(used), row->stat.used);
	ctl_size_text(capacity, sizeof(capacity), row->stat.capacity);
	screen_printf(1, 0, screen_columns(), PLAIN, "%s, %s; depth %llu, %s of %s used",
		row->state, row->readable ? word(&words_kind, row->stat.kind) : "not readable",
		(unsigned long long)row->stat.depth, used, capacity);
	screen_printf(2, 0, screen_columns(), PLAIN,
		"sent %llu (%s/s)  received %llu (%s/s)  dropped %llu  redelivered %llu",
		(unsigned long long)row->stat.sent, rate_text(sent, row->sent_rate),
		(unsigned long long)row->stat.received, rate_text(received, row->received_rate),
		(unsigned long long)ctl_dropped(&row->stat),
		(unsigned long long)row->stat.redelivered);
	screen_text(3, 0, 8, FAINT, "depths");
	draw_graph(3, 8,
		OVERVIEW_HISTORY < screen_columns() - 8 ? OVERVIEW_HISTORY : screen_columns() - 8,
		row);
	screen_printf(5, 0, screen_columns(), FAINT, "%-8s %-12s %-15s %-15s %-10s %s", "PID",
		"USER", "ROLE", "COMMAND", "WAITS", "ATTACHED");
	if (!ctl_open(&ch, row->name) &&
		!endpoints_read(ch.ch, ch.stat.senders + ch.stat.receivers, &ends)) {
		for (unsigned i = 0; i < ends.n && line < rows; i++, line++)
			draw_endpoint(line, &ends.at[i]);
		if (!ends.n)
			screen_text(6, 0, screen_columns(), PLAIN, "nobody is attached");
	}
	free(ends.at);
	ctl_forget(&ch);
	draw_foot(v, "q quit  Esc all channels  arrows another channel  space stop");
}

static void draw_help(const struct view *v)
{
	static const char *const lines[] = {
		"q          quit",
		"s          sort by the next of: name, depth, sent/s, received/s, dropped",
		"n d t r x  sort by name, depth, sent/s, received/s, dropped",
		"/          show names that have some text in them, or match a pattern",
		"arrows     choose a channel; Page Up and Page Down, ten",
		"Enter      show the chosen channel's endpoints; Esc: all channels again",
		"space      stop reading, and go on",
		"",
		"DEPTHS     how many messages there were at the last readings, to the most of them",
		"USED       share of the ring; red: there is no room for the largest message",
	};

	draw_title(v, "keys");
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		screen_text(2 + (int)i, 2, screen_columns(), PLAIN, lines[i]);
	draw_foot(v, "any key goes back");
}

static void draw(struct view *v)
{
	screen_begin();
	if (v->helping)
		draw_help(v);
	else if (v->alone && v->all.n)
		draw_alone(v);
	else
		draw_all(v);
	screen_show();
}

/* ---- keys ---- */

static void type(struct view *v, int key)
{
	size_t n = strlen(v->filter);

	if (key == SCREEN_ENTER || key == SCREEN_BACK) {
		v->typing = false;
		if (key == SCREEN_BACK)
			*v->filter = 0;
	} else if (key == SCREEN_ERASE) {
		if (n)
			v->filter[n - 1] = 0;
	} else if (key >= ' ' && key <= '~' && n < sizeof(v->filter) - 1) {
		v->filter[n] = (char)key;
		v->filter[n + 1] = 0;
	}
	v->first = 0;
	read_all(v);
}

static void sort_by(struct view *v, enum overview_order order)
{
	v->all.order = order;
	overview_sort(&v->all);
}

/* Do what a key says: false to quit. */
static bool press(struct view *v, int key)
{
	static const char orders[] = "ndtrx";
	const char *order = key > 0 && key < 128 ? strchr(orders, key) : NULL;

	if (v->helping) {
		v->helping = key == SCREEN_RESIZED;
		return true;
	}
	if (v->typing) {
		if (key != SCREEN_RESIZED)
			type(v, key);
		return true;
	}
	if (order && *order) {
		sort_by(v, (enum overview_order)(order - orders));
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 's':
		sort_by(v, (v->all.order + 1) % OVERVIEW_ORDERS);
		break;
	case '/':
		v->typing = true;
		v->alone = false;
		*v->filter = 0;
		break;
	case 'h':
	case '?':
		v->helping = true;
		break;
	case ' ':
		v->still = !v->still;
		break;
	case SCREEN_ENTER:
		choose(v, chosen_at(v));
		v->alone = v->all.n > 0;
		break;
	case SCREEN_BACK:
		v->alone = false;
		break;
	case SCREEN_UP:
		move(v, -1);
		break;
	case SCREEN_DOWN:
		move(v, 1);
		break;
	case SCREEN_PAGE_UP:
		move(v, -10);
		break;
	case SCREEN_PAGE_DOWN:
		move(v, 10);
		break;
	}
	return true;
}

static void follow(struct view *v)
{
	int64_t next = cli_deadline(every);
	bool ended = false;

	for (;;) {
		int key;

		draw(v);
		key = screen_key(v->still ? CHAN_WAIT : next, &ended);
		if (ended || (key != KEY_NONE && !press(v, key)))
			return;
		if (key == KEY_NONE) {
			read_all(v);
			next = cli_deadline(every);
		}
	}
}

static int top(int n, char **operand)
{
	struct view v = {.glob = n ? operand[0] : NULL};
	const char *why;

	read_all(&v);
	if (v.err)
		return cli_fail(NULL, NULL, v.err);
	why = screen_start();
	if (why) {
		overview_free(&v.all);
		cli_error(NULL,
			"top needs a terminal: %s; 'chanctl list' and 'chanctl stat --watch' "
			"print lines",
			why);
		return CLI_ERROR;
	}
	cli_signals();
	follow(&v);
	screen_end();
	overview_free(&v.all);
	free(v.chosen);
	return CLI_OK;
}

const struct ctl_verb ctl_verb_top = {
	.tool =
		{
			.name = "chanctl top",
			.usage = "[OPTIONS] [GLOB]",
			.summary = "Show the channels on the terminal, again and again.",
			.notes = "Keys: q ends, s sorts, / filters, Enter shows a channel's "
				 "endpoints, "
				 "h shows all keys.",
			.options = options,
		},
	.has = CTL_BUS | CTL_BUS_KNOWN,
	CTL_GLOB,
	.option = top_option,
	.run = top,
};
