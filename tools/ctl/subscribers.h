/* SPDX-License-Identifier: MIT */
/* The subscribers and groups of a broadcast, for info and group. */
#ifndef SHMCHAN_CTL_SUBSCRIBERS_H
#define SHMCHAN_CTL_SUBSCRIBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "shmchan.h"

struct subscribers {
	struct chan_subscriber *at; /* allocated, or NULL if there are none */
	unsigned n;
};

/* Read them, or with `groups` only the groups: 0, or a negative errno; free ret->at. */
int subscribers_read(const chan_t *ch, bool groups, struct subscribers *ret);

json_t *subscribers_array(const struct subscribers *list);

/* Print a table of them, each line after `indent`. */
void subscribers_table(const struct subscribers *list, const char *indent, FILE *out);

#endif
