/* SPDX-License-Identifier: MIT */
/*
 * The end of a channel's name, and what its users learn of it.
 *
 * Removing reports.  LAYOUT_REMOVED ends the channel as LAYOUT_CLOSED does, by the same
 * steps (see ring_seal()); only the error differs.  The name goes first and the mark
 * follows, so a remover that is killed in between leaves what rm(1) leaves: a file
 * without a name, whose users do not know yet.
 *
 * The users of such a file notice, whoever unlinked it, and the first one to notice marks
 * it for all (name.c).  The kernel's link count decides.  It is asked for once a second
 * at most: by each call that is about to sleep, or would have to and may not; and by
 * senders that always find room, at a pause (sender_paced() in sender.c).  Receivers that
 * always find a message need not ask: the messages come from senders.
 *
 * chan_unlink() says by LAYOUT_UNLINKED, before the name goes, that this is meant.
 */
#include "channel/remove.h"

#include "base/errors.h"
#include "bus/client.h"
#include "bus/reply.h"
#include "channel/close.h"
#include "channel/create.h"

#include <sys/stat.h>
#include <unistd.h>

void segment_end(const struct segment *s)
{
	if (s->writable)
		channel_end(s, LAYOUT_REMOVED);
}

int segment_refuse_removed(const struct segment *s)
{
	const struct layout_control *c = &s->layout->control;

	if (!(atomic_load_explicit(&c->state, memory_order_acquire) & LAYOUT_REMOVED))
		return 0;
	if (!segment_named(s))
		return -ESTALE; /* the usual case: it has just been removed */
	/* The name still leads to it: it may be a copy of the file. */
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
	/* Mark it only if the name will go. */
	if (path->owner != geteuid() && geteuid() != 0) {
		err = -EPERM;
	} else {
		for (uint32_t i = 0; i < s.geometry.lanes; i++)
			atomic_fetch_or_explicit(&segment_layout(&s, i)->control.state,
				LAYOUT_UNLINKED, memory_order_seq_cst);
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
