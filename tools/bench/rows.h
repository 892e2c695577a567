/* SPDX-License-Identifier: MIT */
/* The rows that a setup asks for: which jobs, over which peers, against which floors. */
#ifndef SHMCHAN_BENCH_ROWS_H
#define SHMCHAN_BENCH_ROWS_H

#include "bench/row.h"
#include "bench/setup.h"

#define BENCH_ROWS_MAX 1024

struct bench_rows {
	unsigned n;
	struct bench_row *row[BENCH_ROWS_MAX];
};

/* Make the rows, none of which has run yet.  They refer to the setup.  Without memory the
 * process ends. */
void bench_rows_make(struct bench_rows *rows, const struct bench_setup *setup);
void bench_rows_free(struct bench_rows *rows);

#endif
