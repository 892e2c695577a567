/* SPDX-License-Identifier: MIT */
/* See run.h. */
#include "recv/run.h"

#include "common/deadline.h"
#include "common/signals.h"

void run_init(struct run *ret, const struct recv_options *options)
{
	*ret = (struct run){
		.options = options,
		.wanted = options->limit,
		.active = cli_now(),
	};
}

/* ---- stopping ---- */

void run_stop(struct run *run)
{
	run->stopped = true;
}

void run_lose_reader(struct run *run)
{
	run->reader_gone = true;
	run_stop(run);
}

bool run_stopping(const struct run *run)
{
	return run->stopped || cli_signalled();
}

/* ---- counting ---- */

uint64_t run_wanted(const struct run *run)
{
	return run->wanted;
}

unsigned run_claim(struct run *run, unsigned n)
{
	if (run->options->limit == UINT64_MAX)
		return n;
	if (n > run->wanted)
		n = (unsigned)run->wanted;
	run->wanted -= n;
	return n;
}

void run_count(struct run *run, unsigned n, uint64_t bytes)
{
	run->received += n;
	run->bytes += bytes;
}

void run_note_lost(struct run *run, uint64_t n)
{
	run->lost += n;
}

uint64_t run_lost(const struct run *run)
{
	return run->lost;
}

uint64_t run_received(const struct run *run)
{
	return run->received;
}

uint64_t run_bytes(const struct run *run)
{
	return run->bytes;
}

bool run_lost_its_reader(const struct run *run)
{
	return run->reader_gone && run_received(run) != run->options->limit;
}

/* ---- time ---- */

void run_note_activity(struct run *run)
{
	if (run->options->idle != CHAN_WAIT || run->options->idle_exit != CHAN_WAIT)
		run->active = cli_now();
}

/* Returns what is left of a time without messages. */
static int64_t idle_remaining(const struct run *run, int64_t duration)
{
	int64_t at;

	if (duration == CHAN_WAIT || __builtin_add_overflow(run->active, duration, &at))
		return CHAN_WAIT;
	return cli_remaining(at);
}

int64_t run_patience(const struct run *run)
{
	const struct recv_options *o = run->options;
	int64_t idle;

	if (o->nowait || o->drain)
		return 0;
	idle = cli_sooner(idle_remaining(run, o->idle), idle_remaining(run, o->idle_exit));
	return cli_sooner(cli_remaining(o->deadline), idle);
}

bool run_is_over(const struct run *run)
{
	return !cli_remaining(run->options->deadline);
}

bool run_is_idle(const struct run *run)
{
	return cli_remaining(run->options->deadline) && idle_remaining(run, run->options->idle);
}
