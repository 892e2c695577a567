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

struct letters {
	pthread_mutex_t lock;
	chan_t *ch; /* NULL: it is not open */
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

/* Returns true if letters of `ch` may go to `to`, a queue that is another one. */
static bool fits(const struct chan *ch, const struct chan *to)
{
	const struct descriptor *a = &ch->segment.own, *b = &to->segment.own;
	uid_t owner = ch->segment.path.owner;

	return to->segment.header.kind == CHAN_KIND_QUEUE &&
	       (owner == to->segment.path.owner || owner == geteuid()) &&
	       (a->dev != b->dev || a->ino != b->ino);
}

static int open_letters(struct chan *ch, struct letters *ls)
{
	int err = chan_open(&ls->ch, ch->segment.header.dead_letter, CHAN_SEND, NULL);

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
static int deliver(struct chan *ch, const struct chan_lease *lease, const struct chan_meta *meta,
	uint32_t attempts)
{
	struct letters *ls = letters_of(ch);
	bool was_open;
	int err;

	if (!ls)
		return -ENOMEM;
	pthread_mutex_lock(&ls->lock);
	do {
		was_open = ls->ch;
		err = was_open ? 0 : open_letters(ch, ls);
		if (err == 0) {
			err = send_letter(ch, ls, lease, meta, attempts);
			if (err == -EPIPE || err == -EIDRM || err == -EBADMSG)
				leave(ls);
		}
	} while (was_open && !ls->ch);
	pthread_mutex_unlock(&ls->lock);
	return err < 0 ? err : 0;
}

/* End the lease of what was sent: it is removed, and counted. */
static void end(struct chan *ch, const struct chan_lease *lease)
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true};
	struct ring_claim claim = {.pos = lease->pos,
		.seq = lease->seq,
		.holder = (uint32_t)ch->slot,
		.attempt = lease->attempt};

	if (receivers_enter(ch, &limit) < 0)
		return; /* as if it had been killed */
	receiver_forget_taken(ch);
	ch->kind->expire(&ch->ring, &claim);
	ch->kind->free(&ch->ring);
	receivers_leave(ch);
	channel_freed(ch);
	if (ch->ordered) /* others were kept from what is left: lanes.h */
		channel_signal(ch, &ch->control->not_empty);
}

void dead_expired(struct chan *ch, const struct chan_lease *lease, const struct chan_meta *meta,
	uint32_t attempts)
{
	if (deliver(ch, lease, meta, attempts) == 0)
		end(ch, lease);
	else
		chan_bury(ch, lease, 1);
}
