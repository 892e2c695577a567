/* SPDX-License-Identifier: MIT */
/* The three forms of the results: text, CSV, JSON. */
#include "bench/out.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/column.h"

/* Text. */

/* Returns the width of a column, at least that of its title. */
static int text_width(const struct bench_column *c)
{
	size_t title = strlen(c->title),
	       least = c->unit == BENCH_PER_SECOND || c->unit == BENCH_BYTES ? 10 : 8;

	return (int)(title > least ? title : least);
}

static bool column_used(
	const struct bench_column *c, const struct bench_row *const *row, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!isnan(bench_column_get(c, row[i])))
			return true;
	return false;
}

static void text_host(const struct bench_host *h)
{
	printf("version: shmchan %s\nkernel:  %s\ncpu:     %s\nused:    CPUs %s\nwait:    %s\n",
		h->version, h->kernel, h->cpu, h->cpus, h->wait);
	if (h->uncounted[0])
		printf("futexes: not counted: %s\n", h->uncounted);
}

static void text_row(const struct bench_columns *c, const bool *used, const struct bench_row *row)
{
	char batch[24], text[32];

	snprintf(batch, sizeof(batch), "%u:%u", row->job.spec.send_batch, row->job.spec.recv_batch);
	printf("%-7s%-19s%8zu%5ux%-4u%6s", row->mode, row->label, row->job.spec.size,
		row->job.senders, row->job.receivers, batch);
	if (row->error < 0) {
		printf("  n/a: %s\n", row->why);
		return;
	}
	for (unsigned i = 0; i < c->n; i++) {
		if (!used[i])
			continue;
		bench_column_text(
			text, sizeof(text), &c->column[i], bench_column_get(&c->column[i], row));
		printf(" %*s", text_width(&c->column[i]), text);
	}
	putchar('\n');
}

/* Print a table of these columns, each line of it after `indent`. */
static void text_table(const struct bench_columns *c, const char *indent,
	const struct bench_row *const *row, unsigned n)
{
	bool used[BENCH_COLUMNS_MAX];

	printf("%s%-7s%-19s%8s%6s%4s%6s", indent, "mode", "what", "size", "PxC", "", "batch");
	for (unsigned i = 0; i < c->n; i++) {
		used[i] = column_used(&c->column[i], row, n);
		if (used[i])
			printf(" %*s", text_width(&c->column[i]), c->column[i].title);
	}
	putchar('\n');
	for (unsigned i = 0; i < n; i++) {
		fputs(indent, stdout);
		text_row(c, used, row[i]);
	}
}

static void out_text(const struct bench_out *out, const struct bench_row *const *row, unsigned n)
{
	struct bench_columns c;
	unsigned runs = 0;

	bench_columns_make(&c, out->percentiles, out->percentile);
	bench_columns_add_later(&c);
	putchar('\n');
	text_table(&c, "", row, n);
	for (unsigned i = 0; i < n; i++)
		runs = row[i]->runs > runs ? row[i]->runs : runs;
	if (runs < 2)
		return;
	/* Indented, so that a line of the first table is known by its beginning. */
	bench_columns_of_spread(&c);
	printf("\nover %u runs:\n", runs);
	text_table(&c, "  ", row, n);
}

/* CSV: everything in every row, so that files can be put one after another. */

static void csv_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void csv_values(const struct bench_columns *c, const struct bench_row *row)
{
	for (unsigned i = 0; i < c->n; i++) {
		double value = bench_column_get(&c->column[i], row);

		if (isnan(value))
			putchar(',');
		else
			printf(",%.9g", value);
	}
}

static void csv_names(const struct bench_columns *c)
{
	for (unsigned i = 0; i < c->n; i++)
		printf(",%s", c->column[i].name);
}

static void csv_host(const struct bench_host *h)
{
	const char *const text[] = {h->version, h->kernel, h->cpu, h->cpus, h->wait};

	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++) {
		putchar(',');
		csv_text(text[i]);
	}
}

static void csv_job(const struct bench_row *row)
{
	const struct bench_spec *spec = &row->job.spec;

	printf("%s,%s,%zu,%u,%u,%u,%u,%d,%d,%zu,%u,%" PRIu64, row->mode, row->label, spec->size,
		row->job.senders, row->job.receivers, spec->send_batch, spec->recv_batch,
		spec->exclusive, spec->in_place, spec->capacity, row->runs, row->job.messages);
}

/* Print it all.  What was added later is behind the rest, so that a column keeps its
 * number. */
static void out_csv(const struct bench_out *out, const struct bench_row *const *row, unsigned n)
{
	struct bench_columns columns, spread;

	bench_columns_make(&columns, out->percentiles, out->percentile);
	bench_columns_of_spread(&spread);
	bench_columns_add_later(&spread);
	fputs("mode,what,size,senders,receivers,send_batch,recv_batch,exclusive,in_place,"
	      "capacity,runs,messages",
		stdout);
	csv_names(&columns);
	fputs(",version,kernel,cpu,cpus,wait,error", stdout);
	csv_names(&spread);
	putchar('\n');
	for (unsigned i = 0; i < n; i++) {
		csv_job(row[i]);
		csv_values(&columns, row[i]);
		csv_host(&out->host);
		putchar(',');
		csv_text(row[i]->error < 0 ? row[i]->why : "");
		csv_values(&spread, row[i]);
		putchar('\n');
	}
}

/* JSON. */

static void json_values(json_t *o, const struct bench_columns *c, const struct bench_row *row)
{
	for (unsigned i = 0; i < c->n; i++) {
		double value = bench_column_get(&c->column[i], row);

		json_object_set_new(
			o, c->column[i].name, isnan(value) ? json_null() : json_real(value));
	}
}

static json_t *json_row(const struct bench_out *out, const struct bench_row *row)
{
	const struct bench_spec *spec = &row->job.spec;
	json_t *o = json_pack("{s:s,s:s,s:I,s:i,s:i,s:i,s:i,s:b,s:b,s:I,s:i,s:I}", "mode",
		row->mode, "what", row->label, "size", (json_int_t)spec->size, "senders",
		(int)row->job.senders, "receivers", (int)row->job.receivers, "send_batch",
		(int)spec->send_batch, "recv_batch", (int)spec->recv_batch, "exclusive",
		spec->exclusive, "in_place", spec->in_place, "capacity", (json_int_t)spec->capacity,
		"runs", (int)row->runs, "messages", (json_int_t)row->job.messages);
	struct bench_columns c;

	bench_columns_make(&c, out->percentiles, out->percentile);
	json_values(o, &c, row);
	bench_columns_of_spread(&c);
	bench_columns_add_later(&c);
	json_values(o, &c, row);
	if (row->error < 0)
		json_object_set_new(o, "error", json_string(row->why));
	return o;
}

static int out_json(const struct bench_out *out, const struct bench_row *const *row, unsigned n)
{
	const struct bench_host *h = &out->host;
	json_t *rows = json_array();
	json_t *all = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "version", h->version, "kernel",
		h->kernel, "cpu", h->cpu, "cpus", h->cpus, "wait", h->wait, "results", rows);
	int r = 0;

	if (h->uncounted[0])
		json_object_set_new(all, "futexes_not_counted", json_string(h->uncounted));
	for (unsigned i = 0; i < n; i++)
		r |= json_array_append_new(rows, json_row(out, row[i]));
	if (!all || r < 0)
		r = -ENOMEM;
	else if (json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) < 0)
		r = -EIO;
	putchar('\n');
	json_decref(all);
	return r;
}

void bench_out_begin(const struct bench_out *out)
{
	if (out->format == BENCH_TEXT)
		text_host(&out->host);
	fflush(stdout);
}

int bench_out_print(const struct bench_out *out, const struct bench_row *const *row, unsigned n)
{
	int r = 0;

	if (out->format == BENCH_TEXT)
		out_text(out, row, n);
	else if (out->format == BENCH_CSV)
		out_csv(out, row, n);
	else
		r = out_json(out, row, n);
	if (fflush(stdout) || ferror(stdout))
		return errno ? -errno : -EIO;
	return r;
}
