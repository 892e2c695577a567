/* SPDX-License-Identifier: MIT */
#include "bench/stall.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/* A worker that could run, but used less than this part of the time, waits for a CPU. */
#define STARVED 0.05

static const char *const phase_words[] = {
	[BENCH_STARTING] = "attaching",
	[BENCH_COUNTING] = "opening its counter",
	[BENCH_READY] = "waiting for the start",
	[BENCH_WARM] = "waiting until the warm-up has arrived",
	[BENCH_MOVING] = "moving messages",
	[BENCH_PLANNED] = "waiting for the planned time of a message",
	[BENCH_SLEEPERS] = "waiting until all receivers sleep",
	[BENCH_SETTLING] = "waiting until the channel gives its memory back",
	[BENCH_CLOSING] = "closing its end",
	[BENCH_LEFT] = "done",
};

static const struct {
	long number;
	const char *name;
} calls[] = {
	{SYS_futex, "futex"},
	{SYS_read, "read"},
	{SYS_write, "write"},
	{SYS_sendto, "sendto"},
	{SYS_recvfrom, "recvfrom"},
	{SYS_mq_timedsend, "mq_timedsend"},
	{SYS_mq_timedreceive, "mq_timedreceive"},
	{SYS_clock_nanosleep, "clock_nanosleep"},
	{SYS_perf_event_open, "perf_event_open"},
	{SYS_sched_yield, "sched_yield"},
	{SYS_membarrier, "membarrier"},
	{SYS_close, "close"},
	{SYS_exit_group, "exit_group"},
};

static bool stopped(const struct bench_stand *s)
{
	/* In the freezer of a control group it sleeps as in any call. */
	return s->proc.state == 'T' || s->proc.state == 't' ||
	       strstr(s->proc.where, "freezer") != NULL;
}

static bool starved(const struct bench_stand *s, double quiet)
{
	return s->proc.state == 'R' && s->cpu < STARVED * quiet;
}

/* Returns a cause of the worker's silence that is none of the channel's, or NULL if none
 * is known. */
static const char *own_cause(const struct bench_stand *s, double quiet)
{
	if (stopped(s))
		return "a worker is stopped";
	if (s->proc.state == 'D')
		return "a worker is held in the kernel";
	if (starved(s, quiet))
		return "a worker gets no CPU";
	if (s->proc.state == '\0')
		return "the state of a worker is not known";
	if (s->phase == BENCH_COUNTING || s->phase == BENCH_PLANNED || s->phase == BENCH_SLEEPERS)
		return "chanbench itself waits";
	return NULL;
}

const char *bench_stall_cause(const struct bench_stand *stand, unsigned n, double quiet)
{
	for (unsigned i = 0; i < n; i++) {
		const char *cause = own_cause(&stand[i], quiet);

		if (cause)
			return cause;
	}
	for (unsigned i = 0; i < n; i++)
		if (stand[i].phase < BENCH_WARM)
			return "a worker can't attach";
	for (unsigned i = 0; i < n; i++)
		if (stand[i].phase != BENCH_CLOSING)
			return "a message or a wake-up was lost";
	return "a worker can't close its end";
}

static const char *state_words(const struct bench_stand *s)
{
	if (stopped(s) && s->proc.state == 't')
		return "stopped by a debugger";
	if (stopped(s))
		return s->proc.state == 'T' ? "stopped" : "frozen";
	switch (s->proc.state) {
	case 'R':
		return "runs or waits for a CPU";
	case 'S':
		return "sleeps";
	case 'D':
		return "is held in the kernel";
	case 'Z':
		return "ended";
	default:
		return "in a state that is not known";
	}
}

static const char *call_name(long number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].number == number)
			return calls[i].name;
	return NULL;
}

void bench_stall_line(char *text, size_t size, const struct bench_stand *s)
{
	const char *name = call_name(s->proc.call);
	char where[100] = "", call[48] = "";

	if (s->proc.where[0])
		snprintf(where, sizeof(where), " in %s", s->proc.where);
	if (name)
		snprintf(call, sizeof(call), ", system call %s", name);
	else if (s->proc.call >= 0)
		snprintf(call, sizeof(call), ", system call %ld", s->proc.call);
	snprintf(text, size,
		"worker %u (%s, process %ld) is %s, after %llu messages: state %c (%s)%s%s, "
		"%.2f s of CPU meanwhile",
		s->index, s->sender ? "sender" : "receiver", (long)s->pid, phase_words[s->phase],
		(unsigned long long)s->progress, s->proc.state ? s->proc.state : '?',
		state_words(s), where, call, s->cpu);
}
