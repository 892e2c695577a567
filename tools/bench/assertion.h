/* SPDX-License-Identifier: MIT */
/* The argument of --assert, METRIC<VALUE: parsed, and compared with a row. */
#ifndef SHMCHAN_BENCH_ASSERTION_H
#define SHMCHAN_BENCH_ASSERTION_H

#include "bench/column.h"

/* METRIC<VALUE, with <, <=, > or >=. */
struct bench_assertion {
	const char *text;
	struct bench_column column;
	char op[3];
	double value;
};

/* Parse one.  Returns 0, or -EINVAL, and then `why` says what is wrong. */
int bench_assertion_parse(struct bench_assertion *ret, const char *text, char why[BENCH_WHY]);

/* Returns true if it holds for the row; if not, `why` says what it was in place of that. */
bool bench_assertion_holds(
	const struct bench_assertion *a, const struct bench_row *row, char why[BENCH_WHY]);

#endif
