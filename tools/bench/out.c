/* SPDX-License-Identifier: MIT */
/* Columns, and their three forms: text, CSV, JSON. */
#include "bench/out.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/parse.h"
#include "shmchan.h"

enum unit { NUMBER, RATE, RATIO, NANOSECONDS };

struct bench_column {
	const char *title; /* in the text, and for --assert */
	const char *name;  /* in CSV and JSON */
	enum unit unit;
	double (*get)(const struct bench_row *row, double percentile);
	double percentile;
};

static double get_rate(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_RATE);
}

static double get_megabytes(const struct bench_row *row, double p)
{
	return get_rate(row, p) * (double)row->job.spec.size / 1e6;
}

static double get_percentile(const struct bench_row *row, double p)
{
	return bench_row_percentile(row, p);
}

static double get_mean(const struct bench_row *row, double p)
{
	return isnan(bench_row_percentile(row, p)) ? NAN : hist_mean(&row->latency);
}

static double get_cpu(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_CPU);
}

static double get_voluntary(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_VOLUNTARY);
}

static double get_involuntary(const struct bench_row *row, double p)
{
	(void)p;
	return bench_row_median(row, BENCH_INVOLUNTARY);
}

static double get_futexes(const struct bench_row *row, double p)
{
	(void)p;
	return row->runs > 0 ? row->futexes : NAN;
}

/* The endpoints of either side that had least and most. */
static double get_least(const struct bench_row *row, double p)
{
	(void)p;
	return row->job.senders + row->job.receivers <= 2
		       ? NAN
		       : fmin(bench_row_median(row, BENCH_SENDER_LEAST),
				 bench_row_median(row, BENCH_RECEIVER_LEAST));
}

static double get_most(const struct bench_row *row, double p)
{
	(void)p;
	return row->job.senders + row->job.receivers <= 2
		       ? NAN
		       : fmax(bench_row_median(row, BENCH_SENDER_MOST),
				 bench_row_median(row, BENCH_RECEIVER_MOST));
}

/* How many times as fast as this row shmchan is. */
static double get_faster(const struct bench_row *row, double p)
{
	if (!row->shmchan)
		return NAN;
	if (row->job.kind == BENCH_STREAM)
		return get_rate(row->shmchan, p) / get_rate(row, p);
	return bench_row_percentile(row, 50) / bench_row_percentile(row->shmchan, 50);
}

/* The part of the floor's rate, or the multiple of the floor's latency. */
static double get_floor(const struct bench_row *row, double p)
{
	if (!row->floor)
		return NAN;
	if (row->job.kind == BENCH_STREAM)
		return get_rate(row, p) / get_rate(row->floor, p);
	return bench_row_percentile(row, 50) / bench_row_percentile(row->floor, 50);
}

static double get_floor_p99(const struct bench_row *row, double p)
{
	(void)p;
	if (!row->floor || row->job.kind == BENCH_STREAM)
		return NAN;
	return bench_row_percentile(row, 99) / bench_row_percentile(row->floor, 99);
}

static const struct bench_column before[] = {
	{"msgs/s", "msgs_per_s", RATE, get_rate, 0},
	{"MB/s", "mb_per_s", RATE, get_megabytes, 0},
	{"min", "min_ns", NANOSECONDS, get_percentile, 0},
};

static const struct bench_column after[] = {
	{"max", "max_ns", NANOSECONDS, get_percentile, 100},
	{"mean", "mean_ns", NANOSECONDS, get_mean, 0},
	{"cpu%", "cpu_percent", NUMBER, get_cpu, 0},
	{"switches", "switches_per_msg", RATIO, get_voluntary, 0},
	{"preempted", "preemptions_per_msg", RATIO, get_involuntary, 0},
	{"futexes", "futexes_per_msg", RATIO, get_futexes, 0},
	{"least", "least_share", RATIO, get_least, 0},
	{"most", "most_share", RATIO, get_most, 0},
	{"faster", "shmchan_times_faster", RATIO, get_faster, 0},
	{"/floor", "of_floor", RATIO, get_floor, 0},
	{"/floor.p99", "of_floor_p99", RATIO, get_floor_p99, 0},
};

static const struct bench_column any_percentile = {NULL, NULL, NANOSECONDS, get_percentile, 0};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define COLUMNS_MAX (COUNT(before) + BENCH_PERCENTILES_MAX + COUNT(after))
#define NAME_MAX_SIZE 32

/* The columns of this output, and the names of the percentiles among them. */
struct columns {
	unsigned n;
	struct bench_column column[COLUMNS_MAX];
	char title[BENCH_PERCENTILES_MAX][NAME_MAX_SIZE];
	char name[BENCH_PERCENTILES_MAX][NAME_MAX_SIZE];
};

static void columns_make(struct columns *c, const struct bench_out *out)
{
	c->n = 0;
	for (unsigned i = 0; i < COUNT(before); i++)
		c->column[c->n++] = before[i];
	for (unsigned i = 0; i < out->percentiles; i++) {
		snprintf(c->title[i], sizeof(c->title[i]), "p%.12g", out->percentile[i]);
		snprintf(c->name[i], sizeof(c->name[i]), "p%.12g_ns", out->percentile[i]);
		c->column[c->n++] = (struct bench_column){
			c->title[i], c->name[i], NANOSECONDS, get_percentile, out->percentile[i]};
	}
	for (unsigned i = 0; i < COUNT(after); i++)
		c->column[c->n++] = after[i];
}

static double column_get(const struct bench_column *c, const struct bench_row *row)
{
	return row->runs > 0 && row->error == 0 ? c->get(row, c->percentile) : NAN;
}

/* Text. */

static void text_duration(char *text, size_t size, double ns)
{
	if (ns < 10e3)
		snprintf(text, size, "%.0fns", ns);
	else if (ns < 10e6)
		snprintf(text, size, "%.1fus", ns / 1e3);
	else if (ns < 10e9)
		snprintf(text, size, "%.1fms", ns / 1e6);
	else
		snprintf(text, size, "%.1fs", ns / 1e9);
}

static void text_value(char *text, size_t size, const struct bench_column *c, double value)
{
	if (isnan(value))
		snprintf(text, size, "-");
	else if (c->unit == NANOSECONDS)
		text_duration(text, size, value);
	else if (c->unit == RATIO && value < 10)
		snprintf(text, size, "%.3f", value);
	else if (c->unit == RATIO)
		snprintf(text, size, "%.1f", value);
	else
		snprintf(text, size, "%.0f", value);
}

static int text_width(const struct bench_column *c)
{
	return c->unit == RATE ? 10 : c->title[0] == '/' || strlen(c->title) > 8 ? 10 : 8;
}

static bool column_used(
	const struct bench_column *c, const struct bench_row *const *row, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!isnan(column_get(c, row[i])))
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

static void text_row(const struct columns *c, const bool *used, const struct bench_row *row)
{
	char batch[24], text[32];

	snprintf(batch, sizeof(batch), "%u:%u", row->job.spec.send_batch, row->job.spec.recv_batch);
	printf("%-5s%-19s%8zu%5ux%-4u%6s", row->mode, row->label, row->job.spec.size,
		row->job.senders, row->job.receivers, batch);
	if (row->error < 0) {
		printf("  n/a: %s\n", row->why);
		return;
	}
	for (unsigned i = 0; i < c->n; i++) {
		if (!used[i])
			continue;
		text_value(text, sizeof(text), &c->column[i], column_get(&c->column[i], row));
		printf(" %*s", text_width(&c->column[i]), text);
	}
	putchar('\n');
}

static void out_text(const struct columns *c, const struct bench_row *const *row, unsigned n)
{
	bool used[COLUMNS_MAX];

	printf("\n%-5s%-19s%8s%6s%4s%6s", "mode", "what", "size", "PxC", "", "batch");
	for (unsigned i = 0; i < c->n; i++) {
		used[i] = column_used(&c->column[i], row, n);
		if (used[i])
			printf(" %*s", text_width(&c->column[i]), c->column[i].title);
	}
	putchar('\n');
	for (unsigned i = 0; i < n; i++)
		text_row(c, used, row[i]);
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

static void csv_row(
	const struct bench_out *out, const struct columns *c, const struct bench_row *row)
{
	const struct bench_spec *spec = &row->job.spec;

	printf("%s,%s,%zu,%u,%u,%u,%u,%d,%d,%zu,%u,%" PRIu64, row->mode, row->label, spec->size,
		row->job.senders, row->job.receivers, spec->send_batch, spec->recv_batch,
		spec->exclusive, spec->in_place, spec->capacity, row->runs, row->job.messages);
	for (unsigned i = 0; i < c->n; i++) {
		double value = column_get(&c->column[i], row);

		if (isnan(value))
			putchar(',');
		else
			printf(",%.9g", value);
	}
	putchar(',');
	csv_text(out->host.version);
	putchar(',');
	csv_text(out->host.kernel);
	putchar(',');
	csv_text(out->host.cpu);
	putchar(',');
	csv_text(out->host.cpus);
	putchar(',');
	csv_text(out->host.wait);
	putchar(',');
	csv_text(row->error < 0 ? row->why : "");
	putchar('\n');
}

static void out_csv(const struct bench_out *out, const struct columns *c,
	const struct bench_row *const *row, unsigned n)
{
	printf("mode,what,size,senders,receivers,send_batch,recv_batch,exclusive,in_place,"
	       "capacity,runs,messages");
	for (unsigned i = 0; i < c->n; i++)
		printf(",%s", c->column[i].name);
	puts(",version,kernel,cpu,cpus,wait,error");
	for (unsigned i = 0; i < n; i++)
		csv_row(out, c, row[i]);
}

/* JSON. */

static json_t *json_row(const struct columns *c, const struct bench_row *row)
{
	const struct bench_spec *spec = &row->job.spec;
	json_t *o = json_pack("{s:s,s:s,s:I,s:i,s:i,s:i,s:i,s:b,s:b,s:I,s:i,s:I}", "mode",
		row->mode, "what", row->label, "size", (json_int_t)spec->size, "senders",
		(int)row->job.senders, "receivers", (int)row->job.receivers, "send_batch",
		(int)spec->send_batch, "recv_batch", (int)spec->recv_batch, "exclusive",
		spec->exclusive, "in_place", spec->in_place, "capacity", (json_int_t)spec->capacity,
		"runs", (int)row->runs, "messages", (json_int_t)row->job.messages);

	for (unsigned i = 0; i < c->n; i++) {
		double value = column_get(&c->column[i], row);

		json_object_set_new(
			o, c->column[i].name, isnan(value) ? json_null() : json_real(value));
	}
	if (row->error < 0)
		json_object_set_new(o, "error", json_string(row->why));
	return o;
}

static int out_json(const struct bench_out *out, const struct columns *c,
	const struct bench_row *const *row, unsigned n)
{
	const struct bench_host *h = &out->host;
	json_t *rows = json_array();
	json_t *all = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "version", h->version, "kernel",
		h->kernel, "cpu", h->cpu, "cpus", h->cpus, "wait", h->wait, "results", rows);
	int r = 0;

	if (h->uncounted[0])
		json_object_set_new(all, "futexes_not_counted", json_string(h->uncounted));
	for (unsigned i = 0; i < n; i++)
		r |= json_array_append_new(rows, json_row(c, row[i]));
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
	struct columns c;
	int r = 0;

	columns_make(&c, out);
	if (out->format == BENCH_TEXT)
		out_text(&c, row, n);
	else if (out->format == BENCH_CSV)
		out_csv(out, &c, row, n);
	else
		r = out_json(out, &c, row, n);
	if (fflush(stdout) || ferror(stdout))
		return errno ? -errno : -EIO;
	return r;
}

/* Assertions. */

static const struct bench_column *column_find(const char *title, size_t len)
{
	for (unsigned i = 0; i < COUNT(before); i++)
		if (strlen(before[i].title) == len && !strncmp(before[i].title, title, len))
			return &before[i];
	for (unsigned i = 0; i < COUNT(after); i++)
		if (strlen(after[i].title) == len && !strncmp(after[i].title, title, len))
			return &after[i];
	return NULL;
}

/* A decimal number and, unless `end` wants the rest, nothing else. */
static int parse_number(const char *text, double *ret, const char **end)
{
	char *stop;

	if (!strchr("0123456789.", *text) || !*text)
		return -EINVAL;
	*ret = strtod(text, &stop);
	if (stop == text || !isfinite(*ret) || (!end && *stop))
		return -EINVAL;
	if (end)
		*end = stop;
	return 0;
}

/* A value in the column's unit: a duration, or a number with K, M or G. */
static int parse_value(const struct bench_column *c, const char *text, double *ret)
{
	static const char factors[] = "KMG";
	const char *end, *factor;
	int64_t ns;

	if (c->unit == NANOSECONDS) {
		int r = cli_parse_duration(text, &ns);

		if (r == 0 && ns >= 0)
			*ret = (double)ns;
		return r == 0 && ns < 0 ? -EINVAL : r;
	}
	if (parse_number(text, ret, &end) < 0)
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
	struct bench_assertion a = {.text = text, .column = column_find(text, len)};
	char number[16];

	if (!a.column && text[0] == 'p' && len > 1 && len < sizeof(number)) {
		memcpy(number, text + 1, len - 1);
		number[len - 1] = '\0';
		if (parse_number(number, &a.percentile, NULL) == 0 && a.percentile <= 100)
			a.column = &any_percentile;
	} else if (a.column) {
		a.percentile = a.column->percentile;
	}
	if (!a.column) {
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
	if (parse_value(a.column, text + len + op, &a.value) < 0) {
		snprintf(why, BENCH_WHY, "'%.40s' is not a %s", text + len + op,
			a.column->unit == NANOSECONDS ? "duration (5us, 1ms)"
						      : "number (100, 1.5M)");
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

bool bench_assertion_holds(
	const struct bench_assertion *a, const struct bench_row *row, char why[BENCH_WHY])
{
	double value = row->error == 0 && row->runs > 0 ? a->column->get(row, a->percentile) : NAN;
	bool less = a->op[0] == '<', equal = a->op[1] == '=';
	char text[32];

	if ((less && value < a->value) || (!less && value > a->value) ||
		(equal && value <= a->value && value >= a->value))
		return true;
	text_value(text, sizeof(text), a->column, value);
	snprintf(why, BENCH_WHY, "%s %zu bytes: asserted %s, but %s", row->mode, row->job.spec.size,
		a->text, isnan(value) ? "it was not measured" : text);
	return false;
}

/* The machine. */

static void host_cpu(char *model, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		colon += 1 + strspn(colon + 1, " ");
		snprintf(model, size, "%.100s, %ld online", colon, sysconf(_SC_NPROCESSORS_ONLN));
		break;
	}
	if (f)
		fclose(f);
}

static void host_cpus(char *list, size_t size, const struct bench_cpus *cpus)
{
	size_t at = 0;

	for (unsigned i = 0; i < cpus->n && at + 16 < size; i++) {
		unsigned first = cpus->cpu[i], last = first;

		while (i + 1 < cpus->n && cpus->cpu[i + 1] == last + 1) {
			last++;
			i++;
		}
		at += (size_t)snprintf(list + at, size - at, at > 0 ? ",%u" : "%u", first);
		if (last > first)
			at += (size_t)snprintf(
				list + at, size - at, last == first + 1 ? ",%u" : "-%u", last);
	}
}

void bench_host_read(struct bench_host *host, const struct bench_cpus *cpus, enum bench_wait wait)
{
	static const char *const words[] = {"adaptive", "block", "spin"};
	struct utsname u;

	memset(host, 0, sizeof(*host));
	snprintf(host->version, sizeof(host->version), "%.30s", chan_version());
	if (uname(&u) == 0) {
		snprintf(host->kernel, sizeof(host->kernel), "%s %s %s", u.sysname, u.release,
			u.machine);
		snprintf(host->cpu, sizeof(host->cpu), "%s, %ld online", u.machine,
			sysconf(_SC_NPROCESSORS_ONLN));
	}
	host_cpu(host->cpu, sizeof(host->cpu));
	host_cpus(host->cpus, sizeof(host->cpus), cpus);
	snprintf(host->wait, sizeof(host->wait), "%s", words[wait]);
}
