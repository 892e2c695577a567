/* SPDX-License-Identifier: MIT */
/* See dead_letter.h. */
#include "recv/dead_letter.h"

#include <errno.h>

#include "base/letter.h"
#include "common/failure.h"
#include "common/message.h"

static const char *target;
static chan_t *letters;
static bool headed;  /* its messages have a header */
static int reported; /* the last error */
static const char not_a_queue[] = "a channel for dead messages must be of kind queue";

static const char *describe_failure(int err)
{
	switch (err) {
	case -EAGAIN:
		return "the channel is full; they are sent when it has room";
	case -EMEDIUMTYPE:
		return not_a_queue;
	default:
		return chan_strerror(err);
	}
}

/* Open the channel: 0 or a negative errno.  A full one makes us wait, whatever its policy. */
static int open_letters(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	int err = chan_open(&letters, target, CHAN_SEND, NULL);

	if (!err)
		err = chan_stat(letters, &st);
	if (!err && st.kind != CHAN_KIND_QUEUE)
		err = -EMEDIUMTYPE;
	headed = !err && st.flags & CHAN_META;
	if (err)
		dead_letter_close();
	else
		chan_set_overflow(letters, CHAN_BLOCK);
	return err;
}

int dead_letter_open(const char *name, bool now)
{
	int err;

	target = name;
	err = open_letters();
	if (err == -ENOENT && !now) {
		cli_warn(name,
			"the channel for dead messages is missing; they wait until it is there");
		return CLI_OK;
	}
	if (err == -EMEDIUMTYPE) {
		cli_error(name, "--dead-letter: %s", not_a_queue);
		return CLI_USAGE;
	}
	return err ? cli_fail(name, NULL, err) : CLI_OK;
}

bool dead_letter_is(const chan_t *ch)
{
	struct chan_stat a = {.size = sizeof(a)}, b = {.size = sizeof(b)};

	/* No two channels of a user are made in the same nanosecond. */
	return letters && !chan_stat(ch, &a) && !chan_stat(letters, &b) && a.created == b.created &&
	       a.uid == b.uid;
}

void dead_letter_close(void)
{
	chan_detach(letters);
	letters = NULL;
}

/* Send it with a header.  What does not fit into that is left out, the reason last. */
static int send_headed(const struct chan_lease *lease, const struct chan_meta *meta,
	const char *from, const char *reason)
{
	struct chan_meta letter;

	letter_make(&letter, meta, from, lease->attempt, reason);
	return chan_send_meta(letters, lease->data, lease->len, &letter, 0);
}

int dead_letter_send(const struct chan_lease *lease, const struct chan_meta *meta, const char *from,
	const char *reason)
{
	int err = letters ? 0 : open_letters();

	if (!err && headed)
		err = send_headed(lease, meta, from, reason);
	else if (!err)
		err = chan_send(letters, lease->data, lease->len, 0);
	if (err != reported && err < 0)
		cli_error(target, "dead messages wait: %s", describe_failure(err));
	reported = err;
	/* It may have been removed, and created again. */
	if (err && err != -EAGAIN && err != -EBUSY && err != -EMSGSIZE)
		dead_letter_close();
	return err;
}
