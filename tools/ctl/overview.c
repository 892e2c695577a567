/* SPDX-License-Identifier: MIT */
/* The model is in overview.h. */
#include "ctl/overview.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/output.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct overview_row *)a)->name, ((const struct overview_row *)b)->name);
}

/* Returns true if the two readings are of one channel: a name may be another's meanwhile. */
static bool continues(const struct overview_row *was, const struct ctl_channel *is)
{
	return was->readable && !is->err && was->stat.created == is->stat.created &&
	       was->stat.sent <= is->stat.sent;
}

static void take_rates(struct overview_row *row, const struct overview_row *was)
{
	double seconds = (double)(row->time - was->time) / 1e9;

	if (seconds <= 0)
		return;
	row->sent_rate = (double)(row->stat.sent - was->stat.sent) / seconds;
	if (row->stat.received > was->stat.received)
		row->received_rate = (double)(row->stat.received - was->stat.received) / seconds;
}

/* Make a row of a reading, and of the row before, which may be NULL.  Takes the name. */
static struct overview_row row_of(struct ctl_channel *ch, const struct overview_row *was)
{
	struct overview_row row = {
		.name = ch->name, .state = ctl_state(ch), .readable = !ch->err, .time = ch->time};

	ch->name = NULL;
	if (!row.readable)
		return row;
	row.stat = ch->stat;
	if (was && continues(was, ch)) {
		take_rates(&row, was);
		memcpy(row.history, was->history, sizeof(row.history));
		row.end = was->end;
	}
	row.history[row.end++ % OVERVIEW_HISTORY] = ctl_depth(&ch->stat);
	return row;
}

int overview_read(struct overview *o, const char *glob)
{
	struct overview next = {.order = o->order};
	struct ctl_channels channels;
	int r = ctl_channels(&channels, glob);

	if (r < 0)
		return r;
	if (o->n)
		qsort(o->row, o->n, sizeof(*o->row), by_name);
	next.row = ctl_alloc(channels.n ? channels.n : 1, sizeof(*next.row));
	for (size_t i = 0; i < channels.n; i++) {
		struct overview_row key = {.name = channels.at[i].name};
		const struct overview_row *was =
			o->n ? bsearch(&key, o->row, o->n, sizeof(key), by_name) : NULL;

		next.row[next.n++] = row_of(&channels.at[i], was);
	}
	ctl_channels_free(&channels);
	overview_free(o);
	*o = next;
	overview_sort(o);
	return 0;
}

static double measure(const struct overview_row *row, enum overview_order order)
{
	switch (order) {
	case BY_DEPTH:
		return (double)row->stat.depth;
	case BY_SENT_RATE:
		return row->sent_rate;
	case BY_RECEIVED_RATE:
		return row->received_rate;
	case BY_DROPPED:
		return (double)ctl_dropped(&row->stat);
	default:
		return 0;
	}
}

static int in_order(const void *a, const void *b, void *order)
{
	double x = measure(a, *(enum overview_order *)order);
	double y = measure(b, *(enum overview_order *)order);

	return x != y ? (x < y ? 1 : -1) : by_name(a, b);
}

void overview_sort(struct overview *o)
{
	if (o->n)
		qsort_r(o->row, o->n, sizeof(*o->row), in_order, &o->order);
}

void overview_free(struct overview *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->row[i].name);
	free(o->row);
	*o = (struct overview){.order = o->order};
}

bool overview_depth(const struct overview_row *row, size_t ago, uint64_t *ret)
{
	if (ago >= row->end || ago >= OVERVIEW_HISTORY)
		return false;
	*ret = row->history[(row->end - 1 - ago) % OVERVIEW_HISTORY];
	return true;
}

const struct chan_endpoint *overview_longest(
	const struct endpoints *ends, int64_t now, int64_t *waits)
{
	const struct chan_endpoint *longest = NULL;

	for (unsigned i = 0; i < ends->n; i++) {
		const struct chan_endpoint *end = &ends->at[i];

		if (end->waiting && (!longest || end->waiting < longest->waiting))
			longest = end;
	}
	if (longest)
		*waits = now > longest->waiting ? now - longest->waiting : 0;
	return longest;
}
