/* SPDX-License-Identifier: MIT */
/* See receiver.h. */
#include "recv/receiver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/words.h"
#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/place.h"
#include "common/signals.h"
#include "recv/copies.h"

#define TAKE_MAX 256 /* messages at once */

/* Make room for a value of `size` bytes: the exit status. */
static int make_room(struct receiver *r, size_t size)
{
	r->room = size;
	r->value = malloc(size + 1);
	return r->value ? CLI_OK : cli_fail(r->name, NULL, -ENOMEM);
}

/* Can a worker serve a channel of this kind, with these options?  If not, it is said why. */
static bool can_work(const struct receiver *r, uint32_t kind)
{
	const struct exec_options *x = &r->run->options->exec;

	if (kind == CHAN_KIND_LATEST)
		cli_error(r->name, "a latest keeps a value, which nobody takes: no COMMAND; "
				   "'chanrecv --latest --follow' prints each new one");
	else if (!r->in_order)
		return true;
	else if (x->hold)
		cli_error(r->name, "--hold: every holder would get the messages of a broadcast");
	else if (r->copies)
		cli_error(r->name, "a COMMAND needs --on-lag=block: what a subscriber that loses "
				   "reads may be overwritten");
	else if (x->jobs > 1 || x->batch > 1)
		cli_error(r->name, "a broadcast is acknowledged in order, so a COMMAND gets one "
				   "message at a time: no --jobs or --batch; a queue has workers");
	else
		return true;
	return false;
}

/* Find that out before a group is made which outlives the refusal: the exit status. */
static int look_first(struct receiver *r, int64_t deadline)
{
	const struct recv_options *o = r->run->options;
	struct chan_stat st = {.size = sizeof(st)};
	int err = place_open(&r->ch, r->name, 0, NULL, NULL, deadline, o->nowait);

	if (err)
		return err;
	err = chan_stat(r->ch, &st);
	chan_detach(r->ch);
	r->ch = NULL;
	if (err)
		return cli_fail(r->name, NULL, err);
	r->copies = subscription_copies(&o->subscription, &st);
	r->in_order = st.kind == CHAN_KIND_BROADCAST;
	return can_work(r, st.kind) ? CLI_OK : CLI_USAGE;
}

int receiver_open(struct receiver *ret, struct run *run, struct sink *sink, const char *name)
{
	const struct recv_options *o = run->options;
	struct chan_stat st = {.size = sizeof(st)};
	int64_t deadline = cli_sooner(o->deadline, cli_deadline(o->idle));
	int err = CLI_OK;

	ret->run = run;
	ret->sink = sink;
	ret->name = name;
	if (o->command && o->subscription.how.group)
		err = look_first(ret, deadline);
	if (err)
		return err;
	err = place_open(&ret->ch, name, o->peek ? 0 : CHAN_RECV, NULL,
		subscription_asked(&o->subscription), deadline, o->nowait);
	if (err)
		return err;
	err = chan_stat(ret->ch, &st);
	if (err)
		return cli_fail(name, NULL, err);
	/* Lanes have numbers of their own: all that is found is read. */
	ret->last = st.lanes ? UINT64_MAX : st.sent;
	ret->created = st.created;
	if (o->latest && st.kind != CHAN_KIND_LATEST) {
		cli_error(name, "--latest: the channel is of kind %s, not latest",
			word(&words_kind, st.kind));
		return CLI_USAGE;
	}
	ret->copies = !o->peek && subscription_copies(&o->subscription, &st);
	ret->in_order = st.kind == CHAN_KIND_BROADCAST;
	ret->headed = st.flags & CHAN_META;
	if (o->command && !can_work(ret, st.kind))
		return CLI_USAGE;
	return st.kind == CHAN_KIND_LATEST || ret->copies ? make_room(ret, st.max_message) : CLI_OK;
}

void receiver_close(struct receiver *r)
{
	chan_detach(r->ch);
	free(r->value);
}

bool receiver_end(struct receiver *r, enum outcome outcome)
{
	r->over = true;
	r->outcome = outcome;
	return false;
}

bool receiver_fail(struct receiver *r, int status)
{
	r->status = status;
	return receiver_end(r, FAILED);
}

/* Writing failed: no receiver can go on. */
static bool fail_output(struct receiver *r, int err)
{
	if (err == -EINTR) /* a signal, and the reader is slow */
		return receiver_end(r, STOPPED);
	sink_report(r->sink, err);
	run_stop(r->run);
	return receiver_fail(r, CLI_ERROR);
}

const struct chan_meta *receiver_header(
	const struct receiver *r, const struct chan_lease *lease, struct chan_meta *ret)
{
	ret->size = sizeof(*ret);
	return r->headed && chan_lease_meta(r->ch, lease, ret) == 0 ? ret : NULL;
}

bool receiver_put(struct receiver *r, const struct envelope *m)
{
	int err = sink_put(r->sink, m, r->created);

	if (!err)
		return true;
	if (err != -ENOMEM)
		return fail_output(r, err);
	cli_error(r->name, "no memory for a message of %zu bytes", m->len);
	return receiver_fail(r, CLI_ERROR);
}

/* Acknowledge the first n messages of the batch, and count them. */
static bool acknowledge(struct receiver *r, unsigned n)
{
	uint64_t bytes = 0;
	int acked;

	if (!n)
		return true;
	for (unsigned i = 0; i < n; i++)
		bytes += r->sink->lease[i].len;
	acked = r->value ? (int)n : chan_ack(r->ch, r->sink->lease, n);
	if (acked < 0)
		return receiver_fail(r, cli_fail(r->name, NULL, acked));
	run_count(r->run, n, bytes);
	return true;
}

bool receiver_flush(struct receiver *r)
{
	size_t done;
	int err = sink_write(r->sink, &done);

	/* What was not written goes back when the endpoint detaches. */
	if (!r->run->options->peek && !acknowledge(r, (unsigned)done))
		return false;
	return !err || fail_output(r, err);
}

bool receiver_is_paused(const struct receiver *r)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_cursor at = {.pos = 0};
	ssize_t n;
	char none;

	if (chan_stat(r->ch, &st) || !st.paused)
		return false;
	n = chan_peek(r->ch, &none, 0, &at);
	return n >= 0 || n == -EMSGSIZE;
}

bool receiver_go_on_without(struct receiver *r, int err)
{
	const struct recv_options *o = r->run->options;

	switch (err) {
	case -EPIPE:
		return receiver_end(r, ENDED);
	case -EINTR:
		return receiver_end(r, STOPPED);
	case -EAGAIN:
	case -ETIMEDOUT:
		r->busy = 0;
		break;
	case -EBUSY: /* nothing is known of the channel */
		if (!(o->nowait || o->drain) || ++r->busy < CLI_BUSY_TRIES)
			return true;
		return receiver_fail(r, cli_fail(r->name, NULL, err));
	default:
		return receiver_fail(r, cli_fail(r->name, NULL, err));
	}
	if ((o->drain || o->nowait) && receiver_is_paused(r))
		return receiver_end(r, PAUSED);
	if (o->drain)
		return receiver_end(r, DRAINED);
	if (o->nowait)
		return receiver_end(r, EMPTY);
	if (run_patience(r->run))
		return true;
	return receiver_end(r, run_is_idle(r->run) ? IDLE : TIMED_OUT);
}

/* The subscriber was lapped: say how many messages are lost. */
static void note_lost(struct receiver *r)
{
	uint64_t n = chan_lost(r->ch);

	r->lost += n;
	run_note_lost(r->run, n);
	cli_warn(r->name, "lost %" PRIu64 " message%s: it was too slow", n, n == 1 ? "" : "s");
}

/* Put those of n messages taken into the batch that are wanted. */
static bool put_taken(struct receiver *r, const struct chan_lease *lease, unsigned n)
{
	unsigned wanted = run_claim(r->run, n);
	int64_t now = clock_real();
	struct chan_meta meta;

	for (unsigned i = 0; i < n; i++) {
		struct envelope m = {
			.data = lease[i].data,
			.len = lease[i].len,
			.channel = r->name,
			.seq = lease[i].seq,
			.time = now,
			.lost = r->lost,
		};

		/* Those beyond the limit go back when the endpoint detaches. */
		if (i == wanted)
			return receiver_end(r, STOPPED);
		if (r->run->options->drain && m.seq > r->last)
			return receiver_end(r, DRAINED);
		m.meta = receiver_header(r, &lease[i], &meta);
		if (m.meta && lease[i].attempt > 1)
			m.attempt = lease[i].attempt;
		if (!receiver_put(r, &m))
			return false;
		r->lost = 0;
	}
	return true;
}

/* Take as many messages as there are and are wanted: how many, or as take_more(). */
static int take(struct receiver *r, int64_t patience)
{
	unsigned held = r->sink->batch.n;
	struct chan_lease *lease = r->sink->lease + held;
	uint64_t want = run_wanted(r->run);
	int n;

	if (want > TAKE_MAX)
		want = TAKE_MAX;
	if (want > BATCH_MAX - held)
		want = BATCH_MAX - held;
	while ((n = chan_take(r->ch, lease, (unsigned)want, patience)) == -EOVERFLOW)
		note_lost(r);
	if (n < 0)
		return n;
	run_note_activity(r->run);
	return put_taken(r, lease, (unsigned)n) ? n : 0;
}

/* Receive the next value: 1, or as take_more().  It puts what is the newest by then, whose
 * number chan_peek() says, unless that was put already. */
static int take_value(struct receiver *r, int64_t patience)
{
	struct envelope m = {.data = r->value, .channel = r->name};
	ssize_t n = chan_recv(r->ch, r->value, r->room, patience);

	if (n < 0)
		return (int)n;
	run_note_activity(r->run);
	n = chan_peek(r->ch, r->value, r->room, &r->at);
	if (n < 0)
		return n == -EAGAIN ? 1 : (int)n;
	m.len = r->sink->lease[r->sink->batch.n].len = (size_t)n;
	m.seq = r->at.seq;
	m.time = clock_real();
	if (r->run->options->drain && r->last == 0)
		return receiver_end(r, DRAINED);
	r->last = 0; /* of the values there at the start, one is put */
	if (!run_claim(r->run, 1))
		return receiver_end(r, STOPPED);
	return receiver_put(r, &m);
}

/* Receive a copy of the next message of a broadcast: 1, or as take_more(). */
static int take_copy(struct receiver *r, int64_t patience)
{
	struct envelope m = {.data = r->value, .channel = r->name};
	ssize_t n;

	do {
		n = copies_look(r->ch, r->value, r->room, patience, &r->next);
		if (n < 0)
			return (int)n;
		/* What is received is nobody's any more, so it has to be wanted. */
		if (r->run->options->drain && r->next > r->last)
			return receiver_end(r, DRAINED);
		m.seq = r->next;
		n = copies_receive(r->ch, r->value, r->room, patience, &r->next);
		if (n == -EOVERFLOW)
			note_lost(r);
	} while (n == -EOVERFLOW);
	if (n < 0)
		return (int)n;
	run_note_activity(r->run);
	run_claim(r->run, 1);
	m.len = r->sink->lease[r->sink->batch.n].len = (size_t)n;
	m.time = clock_real();
	m.lost = r->lost;
	r->lost = 0;
	return receiver_put(r, &m);
}

/* Take messages into the batch: more than 0; 0 if the receiver has an outcome; or an error
 * that says why there are none. */
static int take_more(struct receiver *r, int64_t patience)
{
	int n;

	if (!run_wanted(r->run) || run_stopping(r->run))
		return receiver_end(r, STOPPED);
	n = r->copies  ? take_copy(r, patience)
	    : r->value ? take_value(r, patience)
		       : take(r, patience);
	if (n > 0)
		r->busy = 0;
	return n;
}

/* Take until there is nothing left or no room, and write that: as take_more(). */
static int take_and_write(struct receiver *r, int64_t patience)
{
	struct batch *batch = &r->sink->batch;
	int n;

	do
		n = take_more(r, batch->n ? 0 : patience);
	while (n > 0 && !batch_is_full(batch));
	if (r->outcome == FAILED) {
		batch_drop(batch); /* it goes back when the endpoint detaches */
		return 0;
	}
	return receiver_flush(r) ? n : 0;
}

bool receiver_turn(struct receiver *r, int64_t patience)
{
	int n, err = cli_watch(r->ch); /* an acknowledgement may have to wait for a lock */

	if (err)
		return receiver_fail(r, cli_fail(r->name, NULL, err));
	n = take_and_write(r, patience);
	cli_unwatch(r->ch);
	if (n == 0 || (n < 0 && !receiver_go_on_without(r, n)))
		return false;
	return !run_is_over(r->run) || receiver_end(r, TIMED_OUT);
}
