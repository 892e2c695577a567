/* SPDX-License-Identifier: MIT */
/* The model is in inbox.h. */
#include "channel/inbox.h"

#include "channel/collect.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* An inbox is "inbox.PID.NUMBER", the number by chance. */
#define PREFIX "inbox."
/* What its segment says that it is: "ch.inbox". */
#define TYPE UINT64_C(0x786f626e692e6863)

/* It starts small, and grows to what a burst of replies, or a large one, needs. */
#define START (UINT64_C(256) << 10)
#define MOST (UINT64_C(64) << 20)
#define LONGEST (UINT32_C(16) << 20)
#define NUMBERS "0123456789abcdef"

/* Read a number without a zero in front, up to `most`.  Returns what follows it, or NULL. */
static const char *read_number(const char *text, uint64_t most, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = 10 * n + (uint64_t)(*p - '0');
		if (n > most)
			return NULL;
	}
	*ret = n;
	return p == text || (*text == '0' && p > text + 1) ? NULL : p;
}

/* Returns true if it is the name of an inbox; then sets the process's number. */
static bool inbox_name(const char *name, pid_t *pid)
{
	const char *end;
	uint64_t n;

	if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return false;
	end = read_number(name + sizeof(PREFIX) - 1, INT32_MAX, &n);
	if (!end || n == 0 || *end != '.')
		return false;
	*pid = (pid_t)n;
	return end[1] && !end[1 + strspn(end + 1, NUMBERS)];
}

/* ---- of the client ---- */

/* Its client may have died before it had opened it.  (If the client lives after all, in another
 * PID namespace, and has not opened it yet, it makes it again.) */
static int collect_dead(const char *name, void *arg)
{
	struct segment_path path;
	pid_t pid;

	(void)arg;
	if (inbox_name(name, &pid) && kill(pid, 0) < 0 && errno == ESRCH &&
		segment_resolve(name, &path) == 0)
		collect_at(&path, true);
	return 0;
}

/* Make the options of an inbox: as large as this system allows. */
static struct chan_options options_of(const chan_t *requests)
{
	uint64_t memory = segment_room_at_all() / 2;
	struct chan_options o = {.size = sizeof(o),
		.flags = CHAN_META | CHAN_NEED_RECEIVERS,
		.capacity = START,
		.max_capacity = memory && memory < MOST ? memory : MOST,
		.lifetime = CHAN_REF,
		.type = TYPE};
	struct stat st;

	if (o.max_capacity < o.capacity)
		o.max_capacity = 0;
	o.max_message = o.max_capacity / 4 < LONGEST ? (uint32_t)(o.max_capacity / 4) : LONGEST;
	if (o.max_capacity == 0)
		o.max_message = START / 4;
	if (fstat(requests->segment.own.fd, &st) == 0)
		o.mode = (st.st_mode & 0666) | 0600;
	return o;
}

int inbox_make(const chan_t *requests, chan_t **ret, char address[INBOX_ADDRESS_SIZE])
{
	struct chan_options o = options_of(requests);
	char name[sizeof(PREFIX) + 40];
	uint64_t by_chance;
	int err;

	segment_list(collect_dead, NULL);
	do {
		if (getrandom(&by_chance, sizeof(by_chance), 0) != sizeof(by_chance))
			return -EOPNOTSUPP;
		snprintf(name, sizeof(name), PREFIX "%d.%016" PRIx64, (int)getpid(), by_chance);
	} while (segment_exists(name) == 0);
	err = chan_open(ret, name, CHAN_RECV | CHAN_CREATE, &o);
	if (err == 0)
		snprintf(address, INBOX_ADDRESS_SIZE, "%u/%s", (unsigned)(*ret)->segment.path.owner,
			name);
	return err;
}

/* ---- of those that reply ---- */

int inbox_check(const char *address, uid_t uid)
{
	uint64_t owner;
	const char *name = read_number(address, UINT32_MAX, &owner);
	pid_t pid;

	if (name && *name == '/' && owner == uid && inbox_name(name + 1, &pid))
		return 0;
	return error_because(
		-EINVAL, "the reply address %s is not an inbox of its sender", address);
}

int inbox_open(const char *address, uid_t uid, chan_t **ret)
{
	const struct layout_header *h;
	int err = inbox_check(address, uid);

	if (err == 0)
		err = chan_open(ret, address, CHAN_SEND, NULL);
	if (err < 0)
		return err;
	h = &(*ret)->segment.header;
	if (h->type == TYPE && h->kind == CHAN_KIND_QUEUE && h->lifetime == CHAN_REF &&
		h->options & CHAN_NEED_RECEIVERS && h->options & CHAN_META)
		return 0;
	chan_detach(*ret);
	return error_because(-EINVAL, "the reply address %s leads to no inbox", address);
}

/* ---- cancelled requests ---- */

void inbox_note_cancelled(const chan_t *inbox, uint64_t number)
{
	struct layout_calls *c = &inbox->control->calls;
	uint64_t n = atomic_load_explicit(&c->cancellations, memory_order_relaxed);

	atomic_store_explicit(&c->cancelled[n % LAYOUT_CANCELLED], number, memory_order_relaxed);
	atomic_store_explicit(&c->cancellations, n + 1, memory_order_relaxed);
}

bool inbox_cancelled(const chan_t *inbox, uint64_t number)
{
	const struct layout_calls *c = &inbox->control->calls;

	for (unsigned i = 0; i < LAYOUT_CANCELLED; i++)
		if (atomic_load_explicit(&c->cancelled[i], memory_order_relaxed) == number)
			return true;
	return false;
}
