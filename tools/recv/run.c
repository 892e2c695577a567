/* SPDX-License-Identifier: MIT */
/* See run.h. */
#include "recv/run.h"

#include <errno.h>
#include <stdlib.h>

#include "common/deadline.h"
#include "common/signals.h"

int run_init(struct run *ret, const struct recv_options *options)
{
	*ret = (struct run){.options = options};
	atomic_init(&ret->wanted, options->limit);
	atomic_init(&ret->active, cli_now());
	ret->channels = calloc((size_t)options->count, sizeof(*ret->channels));
	return ret->channels ? 0 : -ENOMEM;
}

void run_free(struct run *run)
{
	for (int i = 0; i < run->count; i++)
		cli_unwatch(run->channels[i]);
	free(run->channels);
}

int run_add(struct run *run, chan_t *ch)
{
	int err = cli_watch(ch);

	if (!err)
		run->channels[run->count++] = ch;
	return err;
}

/* ---- stopping ---- */

void run_stop(struct run *run)
{
	atomic_store(&run->stopped, true);
	for (int i = 0; i < run->count; i++)
		chan_interrupt(run->channels[i], 1);
}

void run_lose_reader(struct run *run)
{
	atomic_store(&run->reader_gone, true);
	run_stop(run);
}

bool run_stopping(const struct run *run)
{
	return atomic_load_explicit(&run->stopped, memory_order_relaxed) || cli_signalled();
}

/* ---- counting ---- */

uint64_t run_wanted(const struct run *run)
{
	return atomic_load(&run->wanted);
}

unsigned run_claim(struct run *run, unsigned n)
{
	uint_fast64_t wanted = atomic_load(&run->wanted);

	if (run->options->limit == UINT64_MAX)
		return n;
	while (!atomic_compare_exchange_weak(
		&run->wanted, &wanted, wanted - (wanted < n ? wanted : n)))
		;
	return wanted < n ? (unsigned)wanted : n;
}

void run_count(struct run *run, unsigned n, uint64_t bytes)
{
	atomic_fetch_add(&run->received, n);
	atomic_fetch_add(&run->bytes, bytes);
}

uint64_t run_received(const struct run *run)
{
	return atomic_load(&run->received);
}

uint64_t run_bytes(const struct run *run)
{
	return atomic_load(&run->bytes);
}

bool run_lost_its_reader(const struct run *run)
{
	return atomic_load(&run->reader_gone) && run_received(run) != run->options->limit;
}

/* ---- time ---- */

void run_note_activity(struct run *run)
{
	if (run->options->idle != CHAN_WAIT || run->options->idle_exit != CHAN_WAIT)
		atomic_store(&run->active, cli_now());
}

/* Returns what is left of a time without messages. */
static int64_t idle_remaining(const struct run *run, int64_t duration)
{
	int64_t at;

	if (duration == CHAN_WAIT ||
		__builtin_add_overflow(atomic_load(&run->active), duration, &at))
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
	return !run->options->nowait && !cli_remaining(run->options->deadline);
}

bool run_is_idle(const struct run *run)
{
	return cli_remaining(run->options->deadline) && idle_remaining(run, run->options->idle);
}
