/* SPDX-License-Identifier: MIT */
/* The model is in dead.h. */
#include "channel/dead.h"

#include "base/letter.h"
#include "channel/receive.h"
#include "channel/receiver.h"
#include "channel/side.h"
#include "channel/wake.h"

#include <stdlib.h>
#include <unistd.h>

/* What took longer than that to fail, ns, is not tried again for REST times as long as it took: a
 * receiver that meets many expired messages does not wait for chand, or for a lock, with each. */
#define LONG INT64_C(10000000)
#define REST 10

struct letters {
	pthread_mutex_t lock;
	chan_t *ch;	/* NULL: it is not open */
	int64_t resume; /* when to try again: CLOCK_MONOTONIC, ns */
};

static struct letters *letters_there(const struct chan *ch)
{
	/* Acquire: pairs with letters_of(). */
	return atomic_load_explicit(&ch->letters, memory_order_acquire);
}

/* Return the endpoint's, made when it is needed first, or NULL: no memory. */
static struct letters *letters_of(struct chan *ch)
{
	struct letters *ls = letters_there(ch), *mine;

	if (ls)
		return ls;
	mine = calloc(1, sizeof(*mine));
	if (!mine)
		return NULL;
	pthread_mutex_init(&mine->lock, NULL);
	if (atomic_compare_exchange_strong_explicit(
		    &ch->letters, &ls, mine, memory_order_acq_rel, memory_order_acquire))
		return mine;
	pthread_mutex_destroy(&mine->lock);
	free(mine);
	return ls;
}

static void leave(struct letters *ls)
{
	chan_detach(ls->ch);
	ls->ch = NULL;
}

void dead_free(struct chan *ch)
{
	struct letters *ls = letters_there(ch);

	if (!ls)
		return;
	leave(ls);
	pthread_mutex_destroy(&ls->lock);
	free(ls);
	atomic_store_explicit(&ch->letters, NULL, memory_order_relaxed);
}

/* Check that letters of `ch` may go to channels of that name's owner: 0 or an error.  To open one
 * and leave it again would be too much already: a channel may end with its last sender. */
static int check_owner(const struct chan *ch, const char *name)
{
	struct segment_path to;
	int err = segment_resolve(name, &to);

	if (err == 0 && to.owner != ch->segment.path.owner && ch->segment.path.owner != geteuid())
		err = -EPERM;
	return err;
}

/* Returns true if `to` is a queue, and another one than `ch`. */
static bool fits(const struct chan *ch, const struct chan *to)
{
	const struct descriptor *a = &ch->segment.own, *b = &to->segment.own;

	return to->segment.header.kind == CHAN_KIND_QUEUE && (a->dev != b->dev || a->ino != b->ino);
}

static int open_letters(struct chan *ch, struct letters *ls)
{
	const char *name = ch->segment.header.dead_letter;
	int err = check_owner(ch, name);

	if (err == 0)
		err = chan_open(&ls->ch, name, CHAN_SEND, NULL);
	if (err < 0)
		ls->ch = NULL;
	else if (!fits(ch, ls->ch)) {
		leave(ls);
		err = -EPERM;
	} else
		chan_set_overflow(ls->ch, CHAN_FAIL); /* a policy of its own would lose them */
	return err;
}

/* Send it, with what its header says of it, if letters have one. */
static int send_letter(struct chan *ch, const struct letters *ls, const struct chan_lease *lease,
	const struct chan_meta *meta, uint32_t attempts)
{
	struct chan_meta letter;

	if (!ls->ch->headed)
		return chan_send(ls->ch, lease->data, lease->len, 0);
	letter_make(&letter, meta, segment_base(&ch->segment.path), attempts, "expired");
	return chan_send_meta(ls->ch, lease->data, lease->len, &letter, 0);
}

/* Do both; a channel that is gone may be there anew. */
static int open_and_send(struct chan *ch, struct letters *ls, const struct chan_lease *lease,
	const struct chan_meta *meta, uint32_t attempts)
{
	bool was_open;
	int err;

	do {
		was_open = ls->ch;
		err = was_open ? 0 : open_letters(ch, ls);
		if (err == 0) {
			err = send_letter(ch, ls, lease, meta, attempts);
			if (err == -EPIPE || err == -EIDRM || err == -EBADMSG)
				leave(ls);
		}
	} while (was_open && !ls->ch);
	return err;
}

/* Returns true if there is a letter now. */
static bool deliver(struct chan *ch, const struct chan_lease *lease, const struct chan_meta *meta,
	uint32_t attempts)
{
	struct letters *ls = letters_of(ch);
	bool sent = false;
	int64_t start, took;

	if (!ls)
		return false;
	pthread_mutex_lock(&ls->lock);
	start = clock_monotonic();
	if (start >= ls->resume) {
		sent = open_and_send(ch, ls, lease, meta, attempts) >= 0;
		took = clock_monotonic() - start;
		if (!sent && took > LONG)
			ls->resume = start + took + REST * took;
	}
	pthread_mutex_unlock(&ls->lock);
	return sent;
}

/* End the lease.  What was sent is removed and counted, and what was not is buried. */
static void end(struct chan *ch, const struct chan_lease *lease, bool sent)
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true, .insists = true};
	struct ring_claim claim = {.pos = lease->pos,
		.seq = lease->seq,
		.holder = (uint32_t)ch->slot,
		.attempt = lease->attempt};

	if (receivers_enter(ch, &limit) < 0)
		return; /* the channel is damaged */
	receiver_forget_taken(ch);
	if (sent) {
		ch->kind->expire(&ch->ring, &claim);
		ch->kind->free(&ch->ring);
	} else {
		ch->kind->end_aside(&ch->ring, &claim, LAYOUT_BURIED);
	}
	receivers_leave(ch);
	channel_freed(ch); /* also who waits until nothing is left to be done */
	if (ch->ordered)   /* others were kept from what is left: lanes.h */
		channel_signal(ch, &ch->control->not_empty);
}

void dead_expired(struct chan *ch, const struct chan_lease *lease, const struct chan_meta *meta,
	uint32_t attempts)
{
	end(ch, lease, deliver(ch, lease, meta, attempts));
}
