/* SPDX-License-Identifier: MIT */
/*
 * What chanctl top shows: all channels, read again and again, with their rates and a short
 * history of each.  Nothing here knows the terminal.
 */
#ifndef SHMCHAN_CTL_OVERVIEW_H
#define SHMCHAN_CTL_OVERVIEW_H

#include <stddef.h>

#include "common/endpoints.h"
#include "ctl/channel.h"

enum { OVERVIEW_HISTORY = 60 };

enum overview_order {
	BY_NAME,
	BY_DEPTH,
	BY_SENT_RATE,
	BY_RECEIVED_RATE,
	BY_DROPPED,
	OVERVIEW_ORDERS,
};

/* A channel, from one reading to the next. */
struct overview_row {
	char *name;
	const char *state;
	struct chan_stat stat; /* zero if it can't be read */
	bool readable;
	int64_t time;			 /* of the reading, CLOCK_MONOTONIC */
	double sent_rate, received_rate; /* a second */
	/* The depths at the last readings: history[(end - 1) % OVERVIEW_HISTORY] is the last. */
	uint64_t history[OVERVIEW_HISTORY];
	size_t end;
};

struct overview {
	struct overview_row *row;
	size_t n;
	enum overview_order order;
};

/* Read all channels that match `glob` (NULL: all): 0 or an error of chan_list(). */
int overview_read(struct overview *o, const char *glob);
void overview_sort(struct overview *o);
void overview_free(struct overview *o);

/* Return how deep the channel was `ago` readings ago, and false if that is not known. */
bool overview_depth(const struct overview_row *row, size_t ago, uint64_t *ret);

/* Find the endpoint that has waited longest, at the time `now` (CLOCK_MONOTONIC), and for how
 * long in ns; or return NULL. */
const struct chan_endpoint *overview_longest(
	const struct endpoints *ends, int64_t now, int64_t *waits);

#endif
