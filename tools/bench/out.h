/* SPDX-License-Identifier: MIT */
/*
 * How results are shown: one table of columns, from which the text, the CSV, the
 * JSON and the names that --assert knows are made.
 */
#ifndef SHMCHAN_BENCH_OUT_H
#define SHMCHAN_BENCH_OUT_H

#include "bench/row.h"

#define BENCH_PERCENTILES_MAX 16

enum bench_format { BENCH_TEXT, BENCH_CSV, BENCH_JSON };

/* The machine that it ran on, as text. */
struct bench_host {
	char version[32], kernel[200], cpu[128], cpus[128], wait[16];
	char uncounted[128]; /* why futex calls were not counted, or empty */
};

struct bench_out {
	enum bench_format format;
	unsigned percentiles;
	double percentile[BENCH_PERCENTILES_MAX];
	struct bench_host host;
};

void bench_host_read(struct bench_host *host, const struct bench_cpus *cpus, enum bench_wait wait);

/* Print what comes before the first run: in the text, the host. */
void bench_out_begin(const struct bench_out *out);

/* Print the rows to stdout, checked and flushed: 0 or negative errno. */
int bench_out_print(const struct bench_out *out, const struct bench_row *const *row, unsigned n);

/* An argument of --assert: METRIC<VALUE, with <, <=, > or >=. */
struct bench_assertion {
	const char *text;
	const struct bench_column *column;
	double percentile; /* for a metric pN */
	char op[3];
	double value;
};

/* Parse one: 0, or -EINVAL, with `why` what is wrong. */
int bench_assertion_parse(struct bench_assertion *ret, const char *text, char why[BENCH_WHY]);

/* Returns true if it holds for the row; if not, `why` says what fails. */
bool bench_assertion_holds(
	const struct bench_assertion *a, const struct bench_row *row, char why[BENCH_WHY]);

#endif
