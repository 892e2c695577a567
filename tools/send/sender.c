/* SPDX-License-Identifier: MIT */
/* See sender.h. */
#include "send/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/place.h"
#include "common/signals.h"
#include "send/request.h"

bool sender_stop(struct sender *s, int status)
{
	s->status = status;
	return false;
}

bool sender_give_up(struct sender *s, int status)
{
	s->tally.failed++;
	return sender_stop(s, status);
}

bool sender_skip(struct sender *s, int status)
{
	if (!s->options->keep_going)
		return sender_give_up(s, status);
	s->tally.failed++;
	return true;
}

bool sender_reports_failure(const struct sender *s)
{
	return !s->options->keep_going || !s->tally.failed || cli_verbose();
}

/* ---- the channel ---- */

/* Return what is wrong if the channel does not go by a key or a priority in `meta`, or NULL. */
static const char *decides_nothing(const struct chan_meta *meta, const struct chan_stat *st)
{
	if (meta->flags & CHAN_META_KEEP)
		return NULL;
	if (meta->flags & CHAN_META_HAS_KEY && st->lane_by != CHAN_BY_KEY)
		return "a key decides nothing here; leave it out, or make the channel with "
		       "'chanctl create --lanes=8 --lane-by=key'";
	if (meta->flags & CHAN_META_HAS_PRIORITY && st->lane_by != CHAN_BY_PRIORITY)
		return "a priority decides nothing here; leave it out, or make the channel with "
		       "'chanctl create --lanes=8 --lane-by=priority'";
	return NULL;
}

static int open_channel(struct sender *s)
{
	const struct send_options *o = s->options;
	struct chan_stat st = {.size = sizeof(st)};
	int64_t deadline = cli_sooner(o->deadline, cli_deadline(o->send_timeout));
	const char *why;
	int r = place_open(&s->ch, o->channel, o->flags, &o->create, NULL, deadline, o->nowait);

	if (r)
		return r;
	r = cli_watch(s->ch);
	if (!r && o->overflow >= 0)
		r = chan_set_overflow(s->ch, (unsigned)o->overflow);
	if (!r)
		r = chan_stat(s->ch, &st);
	if (r)
		return cli_fail(o->channel, &o->create, r);
	if (o->headed && !(st.flags & CHAN_META)) {
		cli_error(o->channel, "its messages have no header; make the channel with 'chanctl "
				      "create --meta'");
		return CLI_USAGE;
	}
	why = decides_nothing(&o->meta, &st);
	if (why) {
		cli_error(o->channel, "%s", why);
		return CLI_USAGE;
	}
	s->drops = o->overflow == CHAN_DROP_NEWEST ||
		   (o->overflow < 0 && st.overflow == CHAN_DROP_NEWEST);
	if (o->require_receiver && !st.receivers) {
		cli_error(
			o->channel, "no receiver is there; start one ('chanrecv %s')", o->channel);
		return CLI_CONDITION;
	}
	return CLI_OK;
}

bool sender_open(struct sender *ret, const struct send_options *options)
{
	*ret = (struct sender){.options = options};
	pace_init(&ret->pace, options->interval);
	progress_init(&ret->progress, options->progress, options->progress_bar);
	if (options->headed)
		ret->meta = &options->meta;
	ret->status = open_channel(ret);
	return !ret->status;
}

int sender_close(struct sender *s)
{
	cli_unwatch(s->ch);
	chan_detach(s->ch);
	batch_free(&s->copy);
	return s->status;
}

/* ---- why a message was not sent ---- */

static bool report_no_peer(struct sender *s)
{
	const char *name = s->options->channel;
	struct chan_stat st = {.size = sizeof(st)};

	if (!chan_stat(s->ch, &st) && !st.closed) {
		cli_error(name, "no receiver is left; start one ('chanrecv %s')", name);
		return sender_stop(s, CLI_CONDITION);
	}
	cli_error(name, "closed; it takes no more messages");
	return sender_stop(s, CLI_CLOSED);
}

/* Report why the channel did not take a message of `len` bytes. */
static bool report_refusal(struct sender *s, int err, size_t len)
{
	const struct send_options *o = s->options;
	struct chan_stat st = {.size = sizeof(st)};
	uint64_t number = tally_handled(&s->tally) + 1;
	bool timed_out = !o->nowait && !cli_remaining(o->deadline);
	bool reports = sender_reports_failure(s);
	const char *why;

	if (err == -EAGAIN && timed_out)
		err = -ETIMEDOUT;
	switch (err) {
	case -EINTR:
		return sender_stop(s, CLI_ERROR);
	case -ETIME:
		cli_error(o->channel, "no reply to message %" PRIu64 " in time", number);
		return sender_stop(s, CLI_TIMEOUT);
	case -ECONNRESET:
		cli_error(o->channel,
			"the server of message %" PRIu64
			" died; whether it was carried out is not known",
			number);
		return sender_stop(s, CLI_CONDITION);
	case -EALREADY:
		cli_error(o->channel,
			"message %" PRIu64 " was sent before, as its id says; no reply comes",
			number);
		return sender_stop(s, CLI_CONDITION);
	case -EPIPE:
		return report_no_peer(s);
	case -EMSGSIZE:
		if (reports && !chan_stat(s->ch, &st))
			cli_error(o->channel,
				"message %" PRIu64 " is %zu bytes, the channel allows %" PRIu32
				"; %s",
				number, len, st.max_message, cli_remedy(err));
		break;
	case -ECANCELED:
		if (reports)
			cli_error(o->channel, "message %" PRIu64 " was purged; no receiver had it",
				number);
		break;
	case -EAGAIN:
		if (reports)
			cli_error(o->channel, "full, no room for message %" PRIu64, number);
		break;
	case -ETIMEDOUT:
		if (reports || timed_out)
			cli_error(o->channel,
				"full, timed out at message %" PRIu64
				"; 'chanctl info %s' shows whether a receiver is there",
				number, o->channel);
		if (timed_out)
			return sender_stop(s, CLI_TIMEOUT);
		break;
	case -EINVAL:
		why = s->meta && !chan_stat(s->ch, &st) ? decides_nothing(s->meta, &st) : NULL;
		if (!why)
			return sender_stop(s, cli_fail(o->channel, NULL, err));
		cli_error(o->channel, "message %" PRIu64 ": %s", number, why);
		return sender_stop(s, CLI_USAGE);
	default:
		return sender_stop(s, cli_fail(o->channel, NULL, err));
	}
	return sender_skip(s, cli_exit_code(err));
}

/* Report that the run's time is over.  The first message is tried, however late it is. */
static bool check_time(struct sender *s)
{
	uint64_t handled = tally_handled(&s->tally);

	if (s->options->deadline == CHAN_WAIT || !handled || cli_remaining(s->options->deadline))
		return true;
	cli_error(s->options->channel, "timed out after %" PRIu64 " messages", handled);
	return sender_stop(s, CLI_TIMEOUT);
}

/* Wait until --rate allows a message, and cut *n to as many as it allows. */
static bool keep_pace(struct sender *s, unsigned *n)
{
	int err = pace_wait(&s->pace, s->options->deadline, n);

	if (err == -ETIMEDOUT) {
		cli_error(s->options->channel,
			"timed out; --rate left no time for message %" PRIu64,
			tally_handled(&s->tally) + 1);
		return sender_stop(s, CLI_TIMEOUT);
	}
	return !err || sender_stop(s, CLI_ERROR);
}

/* ---- sending ---- */

/* Returns how long the next send may wait. */
static int64_t send_patience(const struct sender *s)
{
	if (s->options->nowait)
		return 0;
	return cli_sooner(cli_remaining(s->options->deadline), s->options->send_timeout);
}

/* Send one message as a request, and print what is replied: 1, or an error. */
static int ask(struct sender *s, const struct iovec *msg)
{
	int r = request_send(
		s->ch, msg, s->meta, send_patience(s), s->options->reply_timeout, &s->reply_status);

	return r ? r : 1;
}

/* Send some of n messages: returns how many, or an error.  Sets *unsent to CHAN_DROPPED or
 * CHAN_DUPLICATE if the channel did not take the message, else to 0. */
static int send_some(struct sender *s, const struct iovec *msg, unsigned n, int *unsent)
{
	unsigned tries = 0;
	int64_t wait;
	int r;

	*unsent = 0;
	if (s->options->request)
		return ask(s, msg);
	do {
		wait = send_patience(s);
		if (s->meta)
			r = chan_send_meta(s->ch, msg->iov_base, msg->iov_len, s->meta, wait);
		else
			r = s->drops ? chan_send(s->ch, msg->iov_base, msg->iov_len, wait)
				     : chan_send_batch(s->ch, msg, n, wait);
	} while (r == -EBUSY && wait == 0 && ++tries < CLI_BUSY_TRIES);
	if ((!s->drops && !s->meta) || r < 0)
		return r;
	*unsent = r;
	return 1;
}

/* Copy to stdout, for --tee. */
static bool copy_out(
	struct sender *s, const struct framing *framing, const struct iovec *msg, unsigned n)
{
	size_t done;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++)
		err = batch_add(&s->copy, framing,
			&(struct envelope){.data = msg[i].iov_base, .len = msg[i].iov_len});
	if (!err)
		err = batch_write(&s->copy, false, &done);
	if (err && err != -EINTR)
		cli_error(NULL, "stdout: %s", strerror(-err));
	return !err || sender_stop(s, CLI_ERROR);
}

/* Count n messages that the channel took, and copy them for --tee. */
static bool count_sent(
	struct sender *s, const struct framing *framing, const struct iovec *msg, unsigned n)
{
	s->tally.sent += n;
	for (unsigned i = 0; i < n; i++)
		s->tally.bytes += msg[i].iov_len;
	return !s->options->tee || copy_out(s, framing, msg, n);
}

/* Returns how many messages --count still wants. */
static uint64_t count_wanted(const struct sender *s)
{
	return s->options->limit - s->tally.sent - s->tally.dropped - s->tally.duplicates;
}

bool sender_send(
	struct sender *s, const struct framing *framing, const struct iovec *msg, unsigned n)
{
	while (n) {
		uint64_t wanted = count_wanted(s);
		unsigned k = n < wanted ? n : (unsigned)wanted;
		int unsent;
		int r;

		if (!k || cli_signalled())
			return sender_stop(s, CLI_OK);
		if (!check_time(s) || !keep_pace(s, &k))
			return false;
		r = send_some(s, msg, k, &unsent);
		if (r < 0) {
			if (!report_refusal(s, r, msg->iov_len))
				return false;
			r = 1;
		} else {
			pace_count(&s->pace, r);
			if (unsent == CHAN_DROPPED)
				s->tally.dropped++;
			else if (unsent == CHAN_DUPLICATE)
				s->tally.duplicates++;
			else if (!count_sent(s, framing, msg, (unsigned)r))
				return false;
		}
		msg += r;
		n -= (unsigned)r;
		progress_show(&s->progress, &s->tally, false);
	}
	return count_wanted(s) || sender_stop(s, CLI_OK);
}

/* ---- the end ---- */

/* --eof.  A channel that was removed can still be closed, but its receivers have ended. */
static void close_channel(struct sender *s)
{
	const char *name = s->options->channel;
	struct chan_stat st = {.size = sizeof(st)};
	int err = chan_stat(s->ch, &st);

	if (!err && st.removed == 1)
		err = -EIDRM;
	if (!err)
		err = chan_close(s->ch, CHAN_DRAIN);
	if (err)
		s->status = cli_fail(name, NULL, err);
	else
		cli_note(name, "closed");
}

void sender_finish(struct sender *s)
{
	const struct send_options *o = s->options;
	const struct tally *t = &s->tally;

	if (!s->status)
		s->status = s->reply_status;
	if (o->close && !s->status && !t->failed && !cli_signalled())
		close_channel(s);
	if (t->failed && o->keep_going) {
		cli_error(o->channel, "%" PRIu64 " of %" PRIu64 " messages failed", t->failed,
			tally_handled(t));
		if (!s->status)
			s->status = CLI_PARTIAL;
	}
	progress_show(&s->progress, t, true);
	if (t->dropped)
		cli_note(o->channel, "dropped %" PRIu64 " messages, as the channel was full",
			t->dropped);
	if (t->duplicates)
		cli_note(o->channel, "%" PRIu64 " messages were sent before, as their ids say",
			t->duplicates);
	cli_note(o->channel, "sent %" PRIu64 " messages, %" PRIu64 " bytes", t->sent, t->bytes);
}
