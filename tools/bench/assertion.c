/* SPDX-License-Identifier: MIT */
#include "bench/assertion.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/parse.h"

/* Parse a value in the column's unit: a duration, or a number with K, M or G. */
static int parse_value(const struct bench_column *c, const char *text, double *ret)
{
	static const char factors[] = "KMG";
	char *end;
	const char *factor;
	int64_t ns;

	if (c->unit == BENCH_NANOSECONDS) {
		int r = cli_parse_duration(text, &ns);

		if (r == 0 && ns >= 0)
			*ret = (double)ns;
		return r == 0 && ns < 0 ? -EINVAL : r;
	}
	*ret = strtod(text, &end);
	if (!strchr("0123456789.", *text) || end == text || !isfinite(*ret))
		return -EINVAL;
	if (!*end)
		return 0;
	factor = strchr(factors, *end);
	if (!factor || end[1])
		return -EINVAL;
	*ret *= pow(1000, (double)(factor - factors + 1));
	return 0;
}

int bench_assertion_parse(struct bench_assertion *ret, const char *text, char why[BENCH_WHY])
{
	size_t len = strcspn(text, "<>"), op = strspn(text + len, "<>=");
	struct bench_assertion a = {.text = text};

	if (bench_column_find(&a.column, text, len) < 0) {
		snprintf(why, BENCH_WHY,
			"'%.*s' is no column; use p99, max, msgs/s, futexes or another heading",
			(int)(len < 40 ? len : 40), text);
		return -EINVAL;
	}
	if (op == 0 || op > 2 || (op == 2 && text[len + 1] != '=')) {
		snprintf(why, BENCH_WHY, "'%.60s' has none of <, <=, > and >=", text);
		return -EINVAL;
	}
	memcpy(a.op, text + len, op);
	if (parse_value(&a.column, text + len + op, &a.value) < 0) {
		snprintf(why, BENCH_WHY, "'%.40s' is not a %s", text + len + op,
			a.column.unit == BENCH_NANOSECONDS ? "duration (5us, 1ms)"
							   : "number (100, 1.5M)");
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

bool bench_assertion_holds(
	const struct bench_assertion *a, const struct bench_row *row, char why[BENCH_WHY])
{
	double value = bench_column_get(&a->column, row);
	bool less = a->op[0] == '<', equal = a->op[1] == '=';
	char text[32];

	if ((less && value < a->value) || (!less && value > a->value) ||
		(equal && value <= a->value && value >= a->value))
		return true;
	bench_column_text(text, sizeof(text), &a->column, value);
	snprintf(why, BENCH_WHY, "%s %zu bytes: asserted %s, but %s", row->mode, row->job.spec.size,
		a->text, isnan(value) ? "it was not measured" : text);
	return false;
}
