/* SPDX-License-Identifier: MIT */
/*
 * The end of a channel's name, and what its users learn of it.
 *
 * Removing reports.  LAYOUT_REMOVED ends the channel as LAYOUT_CLOSED does, by the same
 * steps (see ring_seal()); only the error differs.  The name goes first and the mark
 * follows, so a remover that is killed in between leaves what rm(1) leaves: a file
 * without a name, whose users have not been told.
 *
 * Such a file, whoever unlinked it, is noticed by its users, and the first one to
 * notice marks it for all.  The kernel's link count decides.  It is asked for once a
 * second at most: by each that is about to sleep, or would have to and may not; and by
 * senders that always find room at a pause (sender_paced() in send.c).  Receivers that
 * always find a message need not ask: the messages come from senders.
 *
 * chan_unlink() says by LAYOUT_UNLINKED, before the name goes, that this is meant.
 */
#define _GNU_SOURCE 1
#include "channel/channel.h"

#include "bus/client.h"

#include <sys/stat.h>
#include <unistd.h>

#define NAME_EVERY INT64_C(1000000000)

/* Is nothing left to notice? */
#define NOTHING_TO_NOTICE (LAYOUT_ENDED | LAYOUT_UNLINKED)

void channel_end(struct layout_control *c, uint32_t bits)
{
	struct ring ring = {.control = c};

	/* One store ends both sides.  seq_cst: pairs with the fence after a
	 * publication, see ring_seal(), and with those of the condition variables. */
	if (atomic_fetch_or_explicit(&c->state, bits, memory_order_seq_cst) & LAYOUT_LIGHT)
		fence_heavy();			   /* as channel_announced() */
	atomic_thread_fence(memory_order_seq_cst); /* the bit before the position */
	ring_seal(&ring);
	cond_broadcast(&c->not_empty);
	cond_broadcast(&c->not_full);
}

/* ---- a name that went without a word ---- */

static bool nameless(const struct segment *s)
{
	struct stat st;

	return descriptor_ours(&s->own) && fstat(s->own.fd, &st) == 0 && st.st_nlink == 0;
}

bool channel_notice(struct chan *ch)
{
	if (!ch->segment.writable || channel_state(ch) & NOTHING_TO_NOTICE ||
		!nameless(&ch->segment))
		return false;
	channel_end(ch->control, LAYOUT_REMOVED);
	return true;
}

bool channel_look_for_name(struct chan *ch, int64_t now)
{
	if (now - atomic_load_explicit(&ch->name_seen, memory_order_relaxed) < NAME_EVERY)
		return false;
	atomic_store_explicit(&ch->name_seen, now, memory_order_relaxed);
	return channel_notice(ch);
}

/* ---- removing ---- */

void segment_end(const struct segment *s)
{
	if (s->writable)
		channel_end(&s->layout->control, LAYOUT_REMOVED);
}

int channel_refuse_removed(const struct segment *s)
{
	const struct layout_control *c = &s->layout->control;

	if (!(atomic_load_explicit(&c->state, memory_order_acquire) & LAYOUT_REMOVED))
		return 0;
	if (!segment_named(s))
		return -ESTALE; /* the usual case: it has just been removed */
	/* A copy of the file, perhaps. */
	return segment_unlink(&s->path) == 0 ? -ENOENT : -EIDRM;
}

static nlink_t names_of(const struct segment *s)
{
	struct stat st;

	return fstat(s->own.fd, &st) == 0 ? st.st_nlink : 0;
}

static int remove_here(const struct segment_path *path)
{
	struct segment s = {.own.fd = -1, .path = *path};
	nlink_t before;
	int err;

	/* What can't be opened can be removed; its users find out by themselves. */
	if (segment_open(&s, true) < 0) {
		error_forget();
		return segment_unlink(path);
	}
	before = names_of(&s);
	err = segment_unlink(path);
	/* If the name led elsewhere by then, ours has as many as before, or somebody
	 * else removed it, too. */
	if (err == 0 && names_of(&s) < before)
		segment_end(&s);
	segment_close(&s);
	return err;
}

static int unlink_here(const struct segment_path *path)
{
	struct segment s = {.own.fd = -1, .path = *path};
	int err = segment_open(&s, true);

	if (err < 0)
		return err;
	/* No mark unless the name will go. */
	if (path->owner != geteuid() && geteuid() != 0) {
		err = -EPERM;
	} else {
		atomic_fetch_or_explicit(
			&s.layout->control.state, LAYOUT_UNLINKED, memory_order_seq_cst);
		err = segment_unlink(path);
	}
	segment_close(&s);
	return err;
}

static int by_name(const char *name, bool name_only, int (*remove)(const struct segment_path *path))
{
	struct segment_path path;
	int before, err;

	error_forget();
	err = channels_prepare();
	if (err == 0)
		err = segment_resolve(name, &path);
	if (err < 0)
		return err;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = remove(&path);
	if ((err == -EPERM || err == -EACCES) && path.foreign)
		err = prefer_reply(
			client_remove(path.owner, segment_base(&path), name_only), err, path.owner);
	pthread_setcancelstate(before, &before);
	return err;
}

int chan_remove(const char *name)
{
	return by_name(name, false, remove_here);
}

int chan_unlink(const char *name)
{
	return by_name(name, true, unlink_here);
}
