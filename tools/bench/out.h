/* SPDX-License-Identifier: MIT */
/* How results are shown: as text, CSV or JSON, all made of the same columns (column.h). */
#ifndef SHMCHAN_BENCH_OUT_H
#define SHMCHAN_BENCH_OUT_H

#include "bench/column.h"
#include "bench/host.h"
#include "bench/row.h"

enum bench_format { BENCH_TEXT, BENCH_CSV, BENCH_JSON };

struct bench_out {
	enum bench_format format;
	unsigned percentiles;
	double percentile[BENCH_PERCENTILES_MAX];
	struct bench_host host;
};

/* Print what comes before the first run: in the text, the host. */
void bench_out_begin(const struct bench_out *out);

/* Print the rows to stdout, checked and flushed: 0 or negative errno. */
int bench_out_print(const struct bench_out *out, const struct bench_row *const *row, unsigned n);

#endif
