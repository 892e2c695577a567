/* SPDX-License-Identifier: MIT */
/* See order.h. */
#include "recv/order.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* The messages of a channel with one key. */
struct line {
	const struct receiver *r;
	struct task_list behind; /* those that wait */
	struct task *first;
	size_t length;
	char key[];
};

static void *lines; /* a tree, tsearch(3) */
static struct task_list ready = TAILQ_HEAD_INITIALIZER(ready);
static unsigned waiting;

static int compare(const void *one, const void *other)
{
	const struct line *a = one, *b = other;

	if (a->r != b->r)
		return a->r < b->r ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->key, b->key, a->length);
}

/* Returns what the order goes by, and its length, or NULL. */
static const char *key_of(const struct exec_options *x, const struct chan_meta *m, size_t *length)
{
	const char *value;

	if (x->order == ORDER_KEY) {
		*length = m->key_length;
		return m->flags & CHAN_META_HAS_KEY ? m->key : NULL;
	}
	value = chan_meta_get(m, x->order_pair);
	*length = value ? strlen(value) : 0;
	return value;
}

/* Returns the line of that key, which is made if there is none, or NULL without memory. */
static struct line *line_of(const struct receiver *r, const char *key, size_t length)
{
	struct line *line = malloc(sizeof(*line) + length), **found;

	if (!line)
		return NULL;
	*line = (struct line){.r = r, .length = length};
	memcpy(line->key, key, length);
	TAILQ_INIT(&line->behind);
	found = tsearch(line, &lines, compare);
	if (!found || *found != line)
		free(line);
	return found ? *found : NULL;
}

static void wait_in(struct task_list *list, struct task *t)
{
	TAILQ_INSERT_TAIL(list, t, place);
	t->waits_in = list;
	waiting++;
}

static void wait_no_more(struct task *t)
{
	if (!t->waits_in)
		return;
	TAILQ_REMOVE(t->waits_in, t, place);
	t->waits_in = NULL;
	waiting--;
}

int order_enter(const struct exec_options *x, struct task *t)
{
	struct chan_meta meta;
	size_t length;
	const char *key;

	if (x->order == ORDER_NONE || !receiver_header(t->r, &t->lease, &meta))
		return 1;
	key = key_of(x, &meta, &length);
	if (!key)
		return 1;
	t->line = line_of(t->r, key, length);
	if (!t->line)
		return -ENOMEM;
	if (!t->line->first) {
		t->line->first = t;
		return 1;
	}
	wait_in(&t->line->behind, t);
	return 0;
}

void order_leave(struct task *t)
{
	struct line *line = t->line;
	struct task *next;

	if (!line)
		return;
	t->line = NULL;
	wait_no_more(t);
	if (line->first != t)
		return;
	next = TAILQ_FIRST(&line->behind);
	line->first = next;
	if (next) {
		wait_no_more(next);
		wait_in(&ready, next);
		return;
	}
	tdelete(line, &lines, compare);
	free(line);
}

void order_again(struct task *t)
{
	wait_in(&ready, t);
}

struct task *order_next(void)
{
	struct task *t = TAILQ_FIRST(&ready);

	if (t)
		wait_no_more(t);
	return t;
}

unsigned order_waiting(void)
{
	return waiting;
}
