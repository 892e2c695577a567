/* SPDX-License-Identifier: MIT */
/*
 * A property of a channel is a column, the same for a table, for `info` and for JSON: a
 * column makes a JSON value of a channel, and text is made of that value.
 */
#ifndef SHMCHAN_CTL_COLUMN_H
#define SHMCHAN_CTL_COLUMN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "ctl/channel.h"

enum { CTL_COLUMN_MAX = 80 };

struct ctl_column;
struct ctl_columns {
	const struct ctl_column *at[CTL_COLUMN_MAX];
	unsigned n;
};

/* Choose the columns of ctl_output.columns, or else of `defaults`.  If that is NULL, these are
 * all, with those of chand only if `bus`. */
void ctl_columns_choose(struct ctl_columns *ret, const char *defaults, bool bus);
json_t *ctl_columns_object(const struct ctl_columns *columns, const struct ctl_channel *ch);
void ctl_columns_lines(const struct ctl_columns *columns, const struct ctl_channel *ch, FILE *out);

/* Print the names of all, as a paragraph. */
void ctl_columns_help(FILE *out);

/* Print a row for each channel.  `width`, zero at first, keeps the columns where they were in
 * the calls before. */
void ctl_columns_table(const struct ctl_columns *columns, const struct ctl_channels *channels,
	unsigned width[CTL_COLUMN_MAX], bool headings, FILE *out);

#endif
