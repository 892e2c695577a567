/* SPDX-License-Identifier: MIT */
/*
 * chanbench MODE [OPTIONS]: measure channels, and what else there is.
 *
 * The command line (setup.h) becomes a list of rows (rows.h), each a job over a peer;
 * the rows are run in turn, as often as asked, so that what disturbs the machine
 * disturbs all of them; then they are printed, written and asserted about.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/count.h"
#include "bench/exec.h"
#include "bench/out.h"
#include "bench/row.h"
#include "bench/rows.h"
#include "bench/setup.h"
#include "bench/simulate.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"
#include "common/status.h"

/* Report why a row could not run.  Returns true if the program fails of it: not if a peer
 * can't run that is not shmchan. */
static bool row_failed(const struct bench_row *row)
{
	if (row->error == 0)
		return false;
	if (row->error == -EINTR && cli_signalled())
		return true;
	if (row->job.peer != &bench_shmchan && row->job.peer != &bench_lanes &&
		row->job.peer != &bench_latest && row->job.peer != &bench_worker) {
		cli_warn(NULL, "%s", row->why);
		return false;
	}
	cli_error(
		NULL, "%s %s, %zu bytes: %s", row->mode, row->label, row->job.spec.size, row->why);
	return true;
}

static int run_rows(struct bench_rows *rows, const struct bench_setup *s)
{
	for (unsigned run = 0; run < s->runs; run++)
		for (unsigned i = 0; i < rows->n; i++) {
			struct bench_row *row = rows->row[i];
			bool able = row->error == 0;

			cli_note(NULL, "run %u of %u: %s %s %zu", run + 1, (unsigned)s->runs,
				row->mode, row->label, row->job.spec.size);
			if (able && bench_row_run(row) < 0 && row_failed(row))
				return CLI_ERROR;
		}
	return CLI_OK;
}

/* Run each row once more to count futex calls.  One counter of our own stays open
 * meanwhile, because the first and the last of the machine take longest to open and to
 * close. */
static int count_rows(struct bench_rows *rows, int event)
{
	int held = event < 0 ? event : bench_count_start(event), status = CLI_OK;

	for (unsigned i = 0; i < rows->n && status == CLI_OK; i++) {
		struct bench_row *row = rows->row[i];

		if (bench_row_count(row, event) < 0 && row_failed(row))
			status = CLI_ERROR;
		if (row->uncounted < 0)
			cli_warn(NULL, "%s %s, %zu bytes: futex calls can't be counted: %s",
				row->mode, row->label, row->job.spec.size,
				strerror(-row->uncounted));
	}
	if (held >= 0)
		bench_count_stop(held);
	return status;
}

static int check_assertions(const struct bench_setup *s, const struct bench_rows *rows)
{
	int status = CLI_OK;
	char why[BENCH_WHY];

	for (unsigned a = 0; a < s->assertions; a++)
		for (unsigned i = 0; i < rows->n; i++)
			if (!bench_assertion_holds(&s->assertion[a], rows->row[i], why)) {
				cli_error(NULL, "%s", why);
				status = CLI_ERROR;
			}
	return status;
}

static int write_hdr(const char *path, const struct hist *latency)
{
	FILE *f = fopen(path, "we");
	int r = f ? 0 : -errno;

	if (f) {
		hist_print(latency, f, 1e3);
		if (fflush(f) || ferror(f))
			r = errno ? -errno : -EIO;
		/* Nothing is better than a part that would pass for the whole. */
		if (r < 0 && ftruncate(fileno(f), 0))
			cli_error(NULL, "%s: holds a part of the latencies only", path);
		if (fclose(f) && r == 0)
			r = -errno;
	}
	if (r < 0)
		cli_error(NULL, "%s: %s", path, strerror(-r));
	return r < 0 ? CLI_ERROR : CLI_OK;
}

static int report(const struct bench_setup *s, const struct bench_rows *rows)
{
	int r = bench_out_print(&s->out, (const struct bench_row *const *)rows->row, rows->n);

	if (r < 0) {
		cli_error(NULL, "stdout: %s", strerror(-r));
		return CLI_ERROR;
	}
	if (s->hdr && write_hdr(s->hdr, &rows->row[0]->latency) != CLI_OK)
		return CLI_ERROR;
	return check_assertions(s, rows);
}

static int simulate(const struct bench_setup *s, const struct bench_rows *rows)
{
	int r = bench_simulate(stdout, rows, &s->cpus);

	cli_die();
	return r < 0 ? cli_fail(NULL, NULL, r) : CLI_OK;
}

int main(int argc, char **argv)
{
	static struct bench_setup s;
	static struct bench_rows rows;
	int status, event;

	bench_setup_read(&s, argc, argv);
	cli_signals();
	bench_host_read(&s.out.host, &s.cpus, s.wait);
	event = bench_count_event();
	if (event < 0)
		snprintf(s.out.host.uncounted, sizeof(s.out.host.uncounted),
			"sys_enter_futex: %s (root can count)", strerror(-event));
	bench_rows_make(&rows, &s);
	bench_out_begin(&s.out);
	status = run_rows(&rows, &s);
	if (status == CLI_OK)
		status = count_rows(&rows, event);
	cli_die();
	if (status == CLI_OK)
		status = report(&s, &rows);
	if (status == CLI_OK && s.simulate)
		status = simulate(&s, &rows);
	bench_rows_free(&rows);
	return status;
}
