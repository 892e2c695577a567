/* SPDX-License-Identifier: MIT */
/* The server's side of requests; the model is in call.h. */
#include "channel/serve.h"

#include "channel/inbox.h"
#include "channel/lanes.h"
#include "channel/receive.h"
#include "channel/receiver.h"
#include "channel/sender.h"
#include "channel/side.h"
#include "segment/endpoint.h"

#include <stdlib.h>

/* How many inboxes an endpoint keeps open. */
#define KNOWN 64u
/* How often it looks whether a client of those has died. */
#define SWEEP INT64_C(1000000000)
/* When a client is told again whose server died, if its inbox was full or its lock not to be
 * had. */
#define TELL_AGAIN INT64_C(20000000)

/* An inbox that is open. */
struct known {
	char address[INBOX_ADDRESS_SIZE];
	chan_t *ch; /* NULL: the place is free */
	unsigned users;
	uint64_t used; /* when, by `replies.turn` */
};

struct replies {
	pthread_mutex_t lock;
	struct known known[KNOWN];
	uint64_t turn;
	int64_t swept;
};

static struct replies *replies_there(const struct chan *ch)
{
	/* Acquire: pairs with replies_of(). */
	return atomic_load_explicit(&ch->replies, memory_order_acquire);
}

static int replies_of(struct chan *ch, struct replies **ret)
{
	struct replies *rs = replies_there(ch), *mine;

	if (!rs) {
		mine = calloc(1, sizeof(*mine));
		if (!mine)
			return -ENOMEM;
		pthread_mutex_init(&mine->lock, NULL);
		if (atomic_compare_exchange_strong_explicit(
			    &ch->replies, &rs, mine, memory_order_acq_rel, memory_order_acquire)) {
			rs = mine;
		} else {
			pthread_mutex_destroy(&mine->lock);
			free(mine);
		}
	}
	*ret = rs;
	return 0;
}

static void leave_inbox(struct known *k)
{
	chan_detach(k->ch);
	k->ch = NULL;
	k->address[0] = 0;
}

void replies_free(chan_t *ch)
{
	struct replies *rs = replies_there(ch);

	if (!rs)
		return;
	for (unsigned i = 0; i < KNOWN; i++)
		if (rs->known[i].ch)
			leave_inbox(&rs->known[i]);
	pthread_mutex_destroy(&rs->lock);
	free(rs);
	atomic_store_explicit(&ch->replies, NULL, memory_order_relaxed);
}

/* Returns true if the client of an inbox is there. */
static bool client_there(const struct chan *inbox)
{
	bool any;

	return endpoint_any(&inbox->segment.own, CHAN_RECV, &any) < 0 || any;
}

/* Leave the inboxes of dead clients: who leaves last removes it. */
static void sweep(struct replies *rs)
{
	int64_t now = clock_coarse();

	if (now - rs->swept < SWEEP)
		return;
	rs->swept = now;
	for (unsigned i = 0; i < KNOWN; i++)
		if (rs->known[i].ch && !rs->known[i].users && !client_there(rs->known[i].ch))
			leave_inbox(&rs->known[i]);
}

/* Return the inbox's place, or one that is free, or the one that was not used for the longest
 * time; NULL if all are in use. */
static struct known *place_for(struct replies *rs, const char *address)
{
	struct known *best = NULL;

	for (unsigned i = 0; i < KNOWN; i++) {
		struct known *k = &rs->known[i];

		if (k->ch && strcmp(k->address, address) == 0)
			return k;
		if (!k->users && (!best || (best->ch && (!k->ch || k->used < best->used))))
			best = k;
	}
	return best;
}

/* Open the inbox that the request names, or find it open: 0 and its place, which is in use
 * until done_with(); or an error. */
static int use_inbox(struct replies *rs, const struct chan_meta *asked, struct known **ret)
{
	struct known *k;
	int err = 0;

	pthread_mutex_lock(&rs->lock);
	sweep(rs);
	k = place_for(rs, asked->reply_to);
	if (!k) {
		err = error_because(-EMFILE, "replies go to %u inboxes at once already", KNOWN);
	} else if (!k->ch || strcmp(k->address, asked->reply_to) != 0) {
		if (k->ch)
			leave_inbox(k);
		err = inbox_open(asked->reply_to, asked->uid, &k->ch);
		if (err < 0)
			k->ch = NULL;
		else
			memcpy(k->address, asked->reply_to, strlen(asked->reply_to) + 1);
	}
	if (err == 0) {
		k->users++;
		k->used = ++rs->turn;
		*ret = k;
	}
	pthread_mutex_unlock(&rs->lock);
	return err;
}

static void done_with(struct replies *rs, struct known *k, bool gone)
{
	pthread_mutex_lock(&rs->lock);
	if (--k->users == 0 && gone)
		leave_inbox(k);
	pthread_mutex_unlock(&rs->lock);
}

/* Returns true if that error means that the client is not there any more. */
static bool client_gone(int err)
{
	return err == -EPIPE || err == -EIDRM || err == -ENOENT;
}

/* Send a reply: 0; or CHAN_DROPPED, and it is counted, if the client is gone; or an error. */
static int deliver(struct chan *ch, const struct chan_meta *asked, const void *msg, size_t len,
	const struct chan_meta *meta, int64_t timeout)
{
	struct limit limit = limit_of(timeout);
	struct replies *rs;
	struct known *k;
	int err = replies_of(ch, &rs);

	if (err < 0)
		return err;
	err = use_inbox(rs, asked, &k);
	if (err == 0) {
		err = k->ch->sending->send_meta(k->ch, msg, len, meta, &limit, NULL);
		done_with(rs, k, client_gone(err));
	}
	if (!client_gone(err))
		return err;
	atomic_fetch_add_explicit(&ch->control->calls.unwanted, 1, memory_order_relaxed);
	return CHAN_DROPPED;
}

/* Read what the request asks for, while it is this endpoint's: 0, or the error of the call. */
static int read_request(struct chan *ch, const struct chan_lease *request, struct chan_meta *asked)
{
	struct limit limit = {.timeout = CHAN_WAIT, .ignores_end = true};
	struct ring_claim claim = {.pos = request->pos,
		.seq = request->seq,
		.holder = (uint32_t)ch->slot,
		.attempt = request->attempt};
	struct chan *lane;
	int err;

	asked->size = sizeof(*asked);
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!(ch->roles & CHAN_RECV))
		return -EBADF;
	err = headed_check(ch);
	if (err < 0 || !ch->kind->holds)
		return err < 0 ? err : receiving_refused(ch);
	lane = lanes_at(ch, &claim.pos, &claim.seq);
	err = lane ? receivers_enter(lane, &limit) : -ESTALE;
	if (err < 0)
		return err;
	err = lane->kind->holds(&lane->ring, &claim);
	receivers_leave(lane);
	if (err == 0)
		err = chan_lease_meta(ch, request, asked);
	if (err == 0 && !asked->reply_to[0])
		err = error_because(-EINVAL, "the message asks for no reply");
	return err;
}

int chan_reply(chan_t *ch, const struct chan_lease *request, const void *msg, size_t len,
	const struct chan_meta *meta, int64_t timeout)
{
	struct chan_meta asked, full;
	int err, sent;

	error_forget();
	if (timeout < CHAN_WAIT)
		return error_of_timeout(timeout);
	err = lanes_check_given(NULL, meta);
	if (err < 0)
		return err;
	envelope_copy(&full, meta);
	if (full.reply_to[0])
		return error_because(-EINVAL, "meta: a reply has no reply address");
	err = read_request(ch, request, &asked);
	if (err < 0)
		return err;
	full.correlation = asked.correlation;
	full.flags &= ~(uint32_t)(CHAN_META_ONCE | CHAN_META_BROKEN);
	full.flags |= CHAN_META_REPLY;
	sent = deliver(ch, &asked, msg, len, &full, timeout);
	if (sent < 0 || full.flags & CHAN_META_MORE)
		return sent;
	err = chan_ack(ch, request, 1);
	return err < 0 ? err : sent;
}

int chan_wanted(chan_t *ch, const struct chan_lease *request)
{
	struct chan_meta asked;
	struct replies *rs;
	struct known *k;
	int err;

	error_forget();
	err = read_request(ch, request, &asked);
	if (err == 0)
		err = replies_of(ch, &rs);
	if (err == 0 && asked.ttl < 0)
		return 0;
	if (err == 0)
		err = use_inbox(rs, &asked, &k);
	if (err < 0)
		return client_gone(err) ? 0 : err;
	err = client_there(k->ch) && !inbox_cancelled(k->ch, asked.correlation);
	done_with(rs, k, err == 0 && !client_there(k->ch));
	return err;
}

static int tell_again(chan_t *ch, const struct chan_lease *request, unsigned n)
{
	return chan_release_after(ch, request, n, TELL_AGAIN);
}

void reply_broken(chan_t *ch, const struct chan_lease *request)
{
	struct chan_meta asked, meta;

	asked.size = sizeof(asked);
	if (chan_lease_meta(ch, request, &asked) == 0 && asked.reply_to[0]) {
		envelope_blank(&meta);
		meta.correlation = asked.correlation;
		meta.flags = CHAN_META_REPLY | CHAN_META_BROKEN;
		if (deliver(ch, &asked, NULL, 0, &meta, 0) < 0 &&
			lease_end_surely(ch, request, tell_again) == 1)
			return;
	}
	lease_end_surely(ch, request, chan_ack);
}
