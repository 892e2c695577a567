/* SPDX-License-Identifier: MIT */
/* The table of columns: what is known of a row, and what it is called. */
#ifndef SHMCHAN_BENCH_COLUMN_H
#define SHMCHAN_BENCH_COLUMN_H

#include "bench/row.h"

#define BENCH_PERCENTILES_MAX 16
#define BENCH_COLUMNS_MAX (BENCH_PERCENTILES_MAX + 32)

enum bench_unit { BENCH_NUMBER, BENCH_PER_SECOND, BENCH_RATIO, BENCH_NANOSECONDS, BENCH_BYTES };

struct bench_column {
	char title[24]; /* in the text, and for --assert */
	char name[32];	/* in CSV and JSON */
	enum bench_unit unit;
	double (*get)(const struct bench_row *row, double percentile);
	double percentile;
};

struct bench_columns {
	unsigned n;
	struct bench_column column[BENCH_COLUMNS_MAX];
};

/* Make the columns from the rate to the minimum of the latencies, those of the wanted
 * percentiles, and the rest. */
void bench_columns_make(struct bench_columns *ret, unsigned percentiles, const double percentile[]);

/* Add what came later: what a message costs senders, and the channel's memory. */
void bench_columns_add_later(struct bench_columns *ret);

/* Make those of the spread over the runs. */
void bench_columns_of_spread(struct bench_columns *ret);

/* Find a column by its title, one of the table or "pN" for any percentile N of the
 * latencies.  Returns 0, or -EINVAL if there is none. */
int bench_column_find(struct bench_column *ret, const char *title, size_t len);

/* Returns the value of a row, or NAN if it was not measured. */
double bench_column_get(const struct bench_column *column, const struct bench_row *row);

/* Write a value for people: "919ns", "0.500", "-". */
void bench_column_text(char *text, size_t size, const struct bench_column *column, double value);

#endif
