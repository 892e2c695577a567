/* SPDX-License-Identifier: MIT */
/* The model is in watched.h. */
#include "channel/watched.h"

#include "segment/guard_file.h"
#include "segment/segment.h"

#include <errno.h>

void watched_init(struct watched *w)
{
	*w = (struct watched){.mark = 0};
	pthread_mutex_init(&w->lock, NULL);
}

void watched_destroy(struct watched *w, bool mapped)
{
	if (mapped)
		guard_file_unmap(&w->view);
	pthread_mutex_destroy(&w->lock);
}

/* Have the guard of this mark mapped: returns true if it is. */
static bool have(struct watched *w, const struct segment *s, uint64_t mark)
{
	int saved = errno, err;

	if (w->mark == mark)
		return true;
	if (w->refused == mark)
		return false;
	err = guard_file_map(&w->view, s->path.owner, s->own.ino, mark);
	if (err == 0)
		w->mark = mark;
	else if (err == -ENOENT)
		w->refused = mark;
	errno = saved;
	return err == 0;
}

bool watched_place(struct watched *w, const struct segment *s, uint64_t mark, int slot,
	struct guard_place *ret)
{
	bool is;

	if (!mark || CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX)
		return false;
	pthread_mutex_lock(&w->lock);
	is = have(w, s, mark);
	/* The endpoints of a channel have different words, and channels begin at different
	 * ones. */
	if (is)
		*ret = (struct guard_place){
			.view = w->view, .which = (unsigned)s->own.ino + (unsigned)slot};
	pthread_mutex_unlock(&w->lock);
	return is;
}

void watched_leave(struct watched *w, uint64_t guard)
{
	pthread_mutex_lock(&w->lock);
	/* Another thread may have come to the next one already. */
	if (w->mark && w->view.id == guard) {
		w->refused = w->mark;
		w->mark = 0;
	}
	pthread_mutex_unlock(&w->lock);
}
