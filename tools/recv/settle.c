/* SPDX-License-Identifier: MIT */
/* See settle.h. */
#include "recv/settle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/container.h"
#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "recv/dead_letter.h"
#include "recv/order.h"

/* How long a dead message waits before it is sent again to its channel. */
#define POST_AGAIN INT64_C(100000000)

static struct {
	const struct exec_options *x;
	void (*released)(struct receiver *r);
	void (*stop)(int status, bool now);
	struct task *first, *last; /* the newest, the oldest */
	unsigned open, waiting, stuck;
	int why_stuck;
	struct reactor_timer post; /* when those that are stuck are sent again */
	uint64_t dead, failures;   /* those in a row */
	uint64_t random;
	bool hurry;
} all;

/* ---- tasks ---- */

static void on_pause_end(struct reactor_timer *timer);
static void post_again(struct reactor_timer *timer);

static void set_state(struct task *t, int state)
{
	all.open -= t->state != HELD;
	all.waiting -= t->state == PAUSING || t->state == POSTING;
	all.stuck -= t->state == POSTING;
	t->state = state;
	if (state == POSTING || state == HELD)
		order_leave(t);
	all.open += t->state != HELD;
	all.waiting += t->state == PAUSING || t->state == POSTING;
	all.stuck += t->state == POSTING;
}

void settle_start(const struct exec_options *x, void (*released)(struct receiver *r),
	void (*stop)(int status, bool now))
{
	all.x = x;
	all.released = released;
	all.stop = stop;
	all.random = (uint64_t)cli_now() | 1;
	all.post.due = post_again;
}

struct task *settle_task(struct receiver *r, const struct chan_lease *lease)
{
	struct task *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct task){.r = r,
		.lease = *lease,
		.attempt = lease->attempt,
		.next = all.first,
		.timer.due = on_pause_end};
	if (all.first)
		all.first->prev = t;
	else
		all.last = t;
	all.first = t;
	all.open++;
	r->taken++;
	if (r->in_order && r->failed == lease->seq) /* the channel does not count it */
		t->attempt += r->attempt;
	return t;
}

struct chan_lease settle_shown(const struct task *t)
{
	struct chan_lease shown = t->lease;

	shown.attempt = t->attempt;
	return shown;
}

void settle_wait(struct task *t)
{
	set_state(t, QUEUED);
}

void settle_run(struct task *t)
{
	set_state(t, RUNNING);
}

static void end_task(struct task *t)
{
	reactor_cancel(&t->timer);
	set_state(t, RUNNING);
	order_leave(t);
	all.open--;
	t->r->taken--;
	if (t->prev)
		t->prev->next = t->next;
	else
		all.first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		all.last = t->prev;
	free(t);
}

/* A call that ends a lease failed: so does the worker, and the message goes back when the
 * endpoint detaches. */
static void fail(const struct task *t, int err)
{
	all.stop(cli_fail(t->r->name, NULL, err), false);
}

/* ---- going back ---- */

static void give_back(struct task *t, bool counted)
{
	struct receiver *r = t->r;
	int n = counted ? chan_release(r->ch, &t->lease, 1) : chan_untake(r->ch, &t->lease, 1);

	if (n < 0)
		fail(t, n);
	if (counted) {
		r->failed = t->lease.seq;
		r->attempt = t->attempt;
	}
	end_task(t);
	all.released(r);
}

void settle_return(struct task *t)
{
	give_back(t, false);
}

static uint32_t next_random(void)
{
	all.random ^= all.random << 13; /* xorshift */
	all.random ^= all.random >> 7;
	all.random ^= all.random << 17;
	return (uint32_t)(all.random >> 32);
}

/* Returns true if the channel can keep the message until its pause is over, and this worker does
 * not end before that. */
static bool channel_waits(const struct receiver *r)
{
	const struct recv_options *o = r->run->options;

	return r->headed && !r->in_order && !o->drain && !o->nowait && o->idle_exit == CHAN_WAIT;
}

/* Run it again, in its place. */
static void run_again(struct task *t)
{
	t->attempt++;
	set_state(t, QUEUED);
	order_again(t);
}

/* Let the message be run again after a pause.  In a line it keeps its place, and its lease.  Else
 * it goes back: to the channel at once, if that waits, so that nobody has the lease meanwhile; or
 * when the pause is over. */
static void release_later(struct task *t, int64_t pause)
{
	struct receiver *r = t->r;

	if (t->line && !all.hurry && !pause)
		run_again(t);
	else if (!t->line && !all.hurry && pause && channel_waits(r) &&
		 chan_release_after(r->ch, &t->lease, 1, pause) == 1) {
		end_task(t);
		all.released(r);
	} else if (all.hurry || !pause || reactor_set(&t->timer, cli_deadline(pause)))
		give_back(t, true);
	else
		set_state(t, PAUSING);
}

/* ---- death ---- */

static bool acknowledge(struct task *t)
{
	int n = chan_ack(t->r->ch, &t->lease, 1);

	if (n < 0)
		fail(t, n);
	end_task(t);
	return n >= 0;
}

static void count_dead(const struct task *t)
{
	all.dead++;
	run_claim(t->r->run, 1);
}

/* Send it to the channel for dead messages; if that fails, it is stuck. */
static bool send_dead(struct task *t)
{
	struct chan_meta meta;
	struct chan_lease shown = settle_shown(t);
	int err = dead_letter_send(
		&shown, receiver_header(t->r, &t->lease, &meta), t->r->name, t->reason);

	if (err) {
		all.why_stuck = err;
		return false;
	}
	count_dead(t);
	acknowledge(t);
	return true;
}

/* Returns true if what keeps those that are stuck keeps each other one, too. */
static bool none_can_be_sent(void)
{
	return all.stuck && all.why_stuck != -EMSGSIZE;
}

/* Send it to the channel for dead messages, now or later, behind those that are stuck. */
static void post(struct task *t)
{
	bool wait = none_can_be_sent();

	set_state(t, POSTING);
	if (!wait && send_dead(t))
		return;
	if (all.hurry || (!all.post.place && reactor_set(&all.post, cli_deadline(POST_AGAIN))))
		give_back(t, true);
}

/* Send those that are stuck, the oldest first. */
static void post_again(struct reactor_timer *timer)
{
	struct task *prev;
	bool sent = true;

	for (struct task *t = all.last; t && (sent || !none_can_be_sent()); t = prev) {
		prev = t->prev;
		if (t->state == POSTING)
			sent = send_dead(t);
	}
	if (all.stuck)
		reactor_set(timer, cli_deadline(POST_AGAIN));
}

static void bury(struct task *t)
{
	switch (all.x->dead) {
	case DEAD_CHANNEL:
		post(t);
		break;
	case DEAD_DROP:
		count_dead(t);
		acknowledge(t);
		break;
	case DEAD_HOLD:
		count_dead(t);
		/* Where the channel can't keep it, the worker does, as long as it runs. */
		if (chan_bury(t->r->ch, &t->lease, 1) == 1) {
			end_task(t);
			break;
		}
		set_state(t, HELD);
		if (t->r->in_order) /* no other one can be taken */
			all.stop(CLI_OK, false);
	}
}

static void report_dead(struct task *t, const char *why)
{
	static const char *const where[] = {"held", "dropped", "sent to "};

	snprintf(t->reason, sizeof(t->reason), "%s", why);
	cli_error(t->r->name, "message %" PRIu64 " is dead at attempt %" PRIu32 ": %s; it is %s%s",
		t->lease.seq, t->attempt, why, where[all.x->dead],
		all.x->dead_letter ? all.x->dead_letter : "");
}

static void on_pause_end(struct reactor_timer *timer)
{
	struct task *t = container_of(timer, struct task, timer);

	if (t->line)
		run_again(t);
	else
		give_back(t, true);
}

/* ---- what becomes of a run ---- */

void settle_ack(struct task *t)
{
	struct run *run = t->r->run;
	uint64_t len = t->lease.len;

	all.failures = 0;
	if (acknowledge(t)) {
		run_claim(run, 1);
		run_count(run, 1, len);
	}
}

bool settle_exhausted(struct task *t)
{
	if (!all.x->max_deliver || t->attempt <= all.x->max_deliver)
		return false;
	report_dead(t, "it was delivered as often as it may be");
	bury(t);
	return true;
}

static void count_failure(void)
{
	all.failures++;
	if (all.x->halt == HALT_NEVER || all.failures != all.x->halt_at)
		return;
	cli_error(NULL, "%" PRIu64 " failures in a row: --halt", all.failures);
	all.stop(CLI_CHILD_FAILED, all.x->halt == HALT_NOW);
}

void settle_reject(struct task *t, const char *why)
{
	report_dead(t, why);
	bury(t);
	count_failure();
}

void settle_retry(struct task *t, const char *why)
{
	int64_t pause = retry_pause(&all.x->backoff, t->attempt, next_random());

	if (all.x->max_deliver && t->attempt >= all.x->max_deliver) {
		settle_reject(t, why);
		return;
	}
	cli_warn(t->r->name,
		"%s; message %" PRIu64 " is tried again in %.3g s (attempt %" PRIu32 ")", why,
		t->lease.seq, all.hurry ? 0.0 : (double)pause / 1e9, t->attempt);
	release_later(t, pause);
	count_failure();
}

void settle_stop(int status)
{
	all.stop(status, false);
}

void settle_unprinted(int err)
{
	static bool reported;

	if (!reported && err != -EINTR) /* a signal, and the reader is slow */
		cli_error(NULL, "stdout: %s", strerror(-err));
	reported = true;
	settle_stop(err == -EINTR ? CLI_OK : CLI_ERROR);
}

/* Say how a child ended. */
static void describe(char *buf, size_t size, const struct task *t, int status)
{
	const char *command = *t->r->run->options->command;

	if (WIFEXITED(status))
		snprintf(buf, size, "%.100s ended with status %d", command, WEXITSTATUS(status));
	else
		snprintf(buf, size, "%.100s was killed by signal %d", command, WTERMSIG(status));
}

/* The child says nothing about the message: give all back, and stop. */
static void stop_for(struct task **tasks, unsigned n, const char *why, int status)
{
	cli_error(tasks[0]->r->name, "%s; message %" PRIu64 " goes back to the channel", why,
		tasks[0]->lease.seq);
	settle_stop(status);
	for (unsigned i = 0; i < n; i++)
		settle_return(tasks[i]);
}

void settle_by_status(struct task **tasks, unsigned n, int status, const char *why)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	char text[160];

	if (!n)
		return;
	describe(text, sizeof(text), tasks[0], status);
	if (code == CLI_CHILD_NO_EXEC || code == CLI_CHILD_NOT_FOUND) {
		char cant[192];

		snprintf(cant, sizeof(cant), "%.100s can't be run (status %d)",
			*tasks[0]->r->run->options->command, code);
		stop_for(tasks, n, cant, code);
		return;
	}
	if (why)
		code = -1;
	switch (code) {
	case CLI_CHILD_LAST:
		settle_stop(CLI_OK);
		/* fallthrough */
	case CLI_OK:
		for (unsigned i = 0; i < n; i++)
			settle_ack(tasks[i]);
		break;
	case CLI_CHILD_REJECT:
	case CLI_CHILD_REJECT_TOO:
		for (unsigned i = 0; i < n; i++)
			settle_reject(tasks[i], text);
		break;
	default:
		if (all.x->strict && !why && code != CLI_CHILD_RETRY &&
			code != CLI_CHILD_RETRY_TOO) {
			stop_for(tasks, n, text, CLI_CHILD_FAILED);
			break;
		}
		for (unsigned i = 0; i < n; i++)
			settle_retry(tasks[i], why ? why : text);
	}
}

/* How long a client whose inbox is full may keep the worker waiting. */
#define REPLY_PATIENCE INT64_C(100000000)

/* Statuses that ask for another try, or say that the command can't be run, are no replies. */
static bool is_reply(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_CHILD_RETRY;

	return code != CLI_CHILD_RETRY && code != CLI_CHILD_RETRY_TOO &&
	       code != CLI_CHILD_NO_EXEC && code != CLI_CHILD_NOT_FOUND;
}

bool settle_by_reply(struct task *t, int status, const char *data, size_t len)
{
	struct chan_meta meta;
	int err;

	if (!is_reply(status) || !receiver_header(t->r, &t->lease, &meta) || !meta.reply_to[0])
		return false;
	if (WEXITSTATUS(status) == CLI_CHILD_LAST)
		settle_stop(CLI_OK);
	chan_meta_init(&meta);
	meta.status = WEXITSTATUS(status) == CLI_CHILD_LAST ? 0 : WEXITSTATUS(status);
	err = chan_reply(t->r->ch, &t->lease, data, len, &meta, REPLY_PATIENCE);
	if (err < 0) {
		char why[160];

		snprintf(why, sizeof(why), "the reply can't be sent: %s", chan_strerror(err));
		if (err == -ETIMEDOUT || err == -EBUSY)
			settle_retry(t, why);
		else
			settle_reject(t, why);
		return true;
	}
	if (err == CHAN_DROPPED)
		cli_note(t->r->name, "message %" PRIu64 ": its client is gone", t->lease.seq);
	all.failures = 0;
	run_claim(t->r->run, 1);
	run_count(t->r->run, 1, t->lease.len);
	end_task(t);
	return true;
}

/* ---- the end ---- */

void settle_hurry(void)
{
	struct task *next;

	all.hurry = true;
	if (all.stuck)
		post_again(&all.post);
	reactor_cancel(&all.post);
	for (struct task *t = all.first; t; t = next) {
		next = t->next;
		if (t->state == PAUSING || t->state == POSTING)
			give_back(t, true);
		else if (t->state == QUEUED) /* its last run failed, if it had one */
			give_back(t, t->attempt > t->lease.attempt);
	}
}

void settle_end(void)
{
	struct task *next;

	for (struct task *t = all.first; t; t = next) {
		next = t->next;
		give_back(t, true);
	}
}

unsigned settle_open(void)
{
	return all.open;
}

unsigned settle_waiting(void)
{
	return all.waiting;
}

unsigned settle_stuck(int *why)
{
	*why = all.why_stuck;
	return all.stuck;
}

uint64_t settle_dead(void)
{
	return all.dead;
}
