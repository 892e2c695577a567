/* SPDX-License-Identifier: MIT */
/* The model is in window.h. */
#include "core/window.h"

#include <string.h>

void window_copy(const struct ring *r, const struct ring_end *end, uint64_t pos, void *to, size_t n)
{
	uint64_t offset = pos - end->lap, base = r->ladder->rung[end->rung].offset;
	size_t first = end->capacity - offset < n ? end->capacity - offset : n;

	if (!r->fetch(r->file, base + offset, to, first) ||
		(n > first && !r->fetch(r->file, base, (char *)to + first, n - first)))
		memcpy(to, end->data + offset, n); /* the program closed the file */
}

/* Let the window begin at `pos`, from where on `there` bytes may be read. */
static void move_to(struct ring *r, uint64_t pos, uint64_t there)
{
	struct ring_window *w = r->window;
	size_t n = there < w->size ? there : w->size;

	window_copy(r, &r->rx, pos, w->bytes, n);
	w->from = pos;
	w->end = pos + n;
}

int window_read(struct ring *r, uint64_t pos, struct ring_item *it)
{
	struct ring_window *w = r->window;
	uint64_t there;
	int err = ring_seek(r, pos, it, &pos, &there);

	if (err < 0)
		return err;
	if (!w || !window_needed(r, &r->rx))
		return ring_read_here(r, pos, there, it);
	if (pos < w->from || pos >= w->end)
		move_to(r, pos, there);
	it->record = (struct layout_record *)(void *)(w->bytes + (pos - w->from));
	err = ring_read_here(r, pos, there, it);
	if (err == 0 && it->end > w->end && pos != w->from) {
		move_to(r, pos, there);
		it->record = (struct layout_record *)(void *)w->bytes;
		err = ring_read_here(r, pos, there, it);
	}
	return err;
}

void window_copy_out(const struct ring *r, const struct ring_item *it, void *to)
{
	if (it->end <= r->window->end)
		memcpy(to, ring_payload(it->record), it->length);
	else
		window_copy(r, &r->rx, it->pos + sizeof(*it->record), to, it->length);
}
