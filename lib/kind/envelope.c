/* SPDX-License-Identifier: MIT */
/* The model is in envelope.h. */
#include "kind/envelope.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#define GIVEN_FLAGS                                                                                \
	(uint32_t)(CHAN_META_HAS_ID | CHAN_META_HAS_KEY | CHAN_META_HAS_PRIORITY |                 \
		   CHAN_META_REPLY | CHAN_META_MORE | CHAN_META_ONCE | CHAN_META_BROKEN |          \
		   CHAN_META_KEEP)
/* Those that a record has. */
#define KEPT_FLAGS (GIVEN_FLAGS & ~(uint32_t)CHAN_META_KEEP)
#define PRIORITY_MOST 7u
/* How often the wall clock is looked at, ns. */
#define WALL_EVERY INT64_C(1000000)

static_assert(CHAN_KEY_MAX == LAYOUT_KEY_MAX && CHAN_REPLY_MAX == LAYOUT_REPLY_MAX &&
		      CHAN_HEADER_MAX == LAYOUT_HEADER_MAX,
	"the bounds are the format's");

static uint32_t rounded(uint32_t length)
{
	return (length + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
}

/* Returns true if these bytes are pairs: name=value, each with a NUL behind it. */
static bool are_pairs(const char *p, uint32_t n)
{
	const char *end = p + n, *nul, *equals;

	for (; p != end; p = nul + 1) {
		nul = memchr(p, 0, (size_t)(end - p));
		equals = nul ? memchr(p, '=', (size_t)(nul - p)) : NULL;
		if (!equals || equals == p)
			return false;
	}
	return true;
}

int envelope_check_given(const struct chan_meta *m)
{
	if (!m)
		return 0;
	if (m->size != sizeof(*m))
		return error_because(-EINVAL,
			"meta: size is %" PRIu32
			", not sizeof(struct chan_meta), which is %zu here",
			m->size, sizeof(*m));
	if (m->flags & ~GIVEN_FLAGS)
		return error_because(
			-EINVAL, "meta: flags 0x%" PRIx32 " are no flags", m->flags & ~GIVEN_FLAGS);
	if (m->key_length > CHAN_KEY_MAX)
		return error_because(-EINVAL, "meta: the key has %" PRIu32 " bytes, and %d at most",
			m->key_length, CHAN_KEY_MAX);
	if (m->header_length > CHAN_HEADER_MAX)
		return error_because(-EINVAL,
			"meta: the pairs have %" PRIu32 " bytes, and %d at most", m->header_length,
			CHAN_HEADER_MAX);
	if (!are_pairs(m->header, m->header_length))
		return error_because(-EINVAL,
			"meta: a pair is not name=value with a NUL behind it; chan_meta_put() "
			"writes them");
	if (m->priority > PRIORITY_MOST)
		return error_because(-EINVAL, "meta: priority %u is above %u",
			(unsigned)m->priority, PRIORITY_MOST);
	if (m->ttl < 0 || m->delay < 0)
		return error_because(-EINVAL, "meta: %s is negative", m->ttl < 0 ? "ttl" : "delay");
	if (!memchr(m->reply_to, 0, sizeof(m->reply_to)))
		return error_because(-EINVAL, "meta: reply_to has no NUL");
	return 0;
}

int envelope_check_wanted(const struct chan_meta *ret)
{
	if (ret->size == sizeof(*ret))
		return 0;
	return error_because(-EINVAL,
		"ret: size is %" PRIu32 ", not sizeof(struct chan_meta), which is %zu here",
		ret->size, sizeof(*ret));
}

static uint32_t key_length(const struct chan_meta *m)
{
	return m->flags & CHAN_META_HAS_KEY ? m->key_length : 0;
}

uint32_t envelope_size(const struct chan_meta *m)
{
	uint32_t n = sizeof(struct layout_meta);

	if (m)
		n += key_length(m) + (uint32_t)strlen(m->reply_to) + m->header_length;
	return rounded(n);
}

/* Return CLOCK_REALTIME when the monotonic clock says `now`. */
static int64_t real_time(struct envelope_sender *who, int64_t now)
{
	if (now - who->looked >= WALL_EVERY || !who->looked) {
		who->looked = now;
		who->ahead = clock_real() - now;
	}
	return now + who->ahead;
}

void envelope_write(void *to, const struct chan_meta *m, struct envelope_sender *who)
{
	int64_t now = clock_monotonic();
	struct layout_meta fixed = {
		.length = envelope_size(m),
		.sent = real_time(who, now),
		.sent_mono = now,
		.clock = who->clock,
		.pid = who->pid,
		.uid = who->uid,
	};
	char *at = (char *)to + sizeof(fixed);
	int64_t due;

	if (!m) {
		memcpy(to, &fixed, sizeof(fixed));
		return;
	}
	fixed.key_length = (uint16_t)key_length(m);
	fixed.reply_length = (uint16_t)strlen(m->reply_to);
	fixed.header_length = m->header_length;
	fixed.flags = m->flags & KEPT_FLAGS;
	fixed.status = m->status;
	fixed.ttl = m->ttl;
	fixed.correlation = m->correlation;
	if (m->delay) {
		if (__builtin_add_overflow(fixed.sent_mono, m->delay, &due))
			due = INT64_MAX;
		atomic_init(&fixed.due, due);
	}
	if (m->flags & CHAN_META_HAS_ID)
		memcpy(fixed.id, m->id, sizeof(fixed.id));
	if (m->flags & CHAN_META_HAS_PRIORITY)
		fixed.priority = m->priority;
	memcpy(to, &fixed, sizeof(fixed));
	copy_bytes(at, m->key, fixed.key_length);
	at += fixed.key_length;
	copy_bytes(at, m->reply_to, fixed.reply_length);
	at += fixed.reply_length;
	copy_bytes(at, m->header, fixed.header_length);
}

/* Check what has a fixed size against the record's bytes. */
static bool fits(const struct layout_meta *f, uint64_t n, uint64_t most)
{
	return f->key_length <= LAYOUT_KEY_MAX && f->reply_length <= LAYOUT_REPLY_MAX &&
	       f->header_length <= LAYOUT_HEADER_MAX && f->priority <= PRIORITY_MOST &&
	       f->ttl >= 0 && atomic_load_explicit(&f->due, memory_order_relaxed) >= 0 &&
	       f->length == rounded((uint32_t)sizeof(*f) + f->key_length + f->reply_length +
				    f->header_length) &&
	       f->length <= n && n - f->length <= most;
}

int envelope_read(const void *from, uint64_t n, uint64_t most, struct layout_meta *ret)
{
	const char *rest = (const char *)from + sizeof(*ret);

	if (n < sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, from, sizeof(*ret));
	if (!fits(ret, n, most))
		return -EBADMSG;
	if (ret->reply_length && memchr(rest + ret->key_length, 0, ret->reply_length))
		return -EBADMSG;
	return are_pairs(rest + ret->key_length + ret->reply_length, ret->header_length) ? 0
											 : -EBADMSG;
}

/* Return what the monotonic clock `f->clock` says now, as well as that is known: another time
 * namespace's is reckoned from the wall clock. */
static int64_t now_by(const struct layout_meta *f, uint32_t clock)
{
	int64_t now;

	if (f->clock == clock)
		return clock_monotonic();
	if (__builtin_sub_overflow(clock_real(), f->sent, &now) ||
		__builtin_add_overflow(now, f->sent_mono, &now))
		return f->sent_mono;
	return now;
}

/* Return how much is left from `now` to `end`, 0 if that is over. */
static int64_t left_until(int64_t end, int64_t now)
{
	int64_t left;

	if (__builtin_sub_overflow(end, now, &left))
		left = end > now ? INT64_MAX : 0;
	return left > 0 ? left : 0;
}

/* Return when nobody gets it any more, by its clock. */
static int64_t end_of(const struct layout_meta *f)
{
	int64_t end;

	return f->ttl == 0 || __builtin_add_overflow(f->sent_mono, f->ttl, &end) ? INT64_MAX : end;
}

int64_t envelope_due(const struct layout_meta *f, uint32_t clock, int64_t delay)
{
	int64_t due;

	return __builtin_add_overflow(now_by(f, clock), delay, &due) ? INT64_MAX : due;
}

int64_t envelope_wait(const struct layout_meta *f, uint32_t clock)
{
	int64_t due = atomic_load_explicit(&f->due, memory_order_relaxed), now;

	if (f->ttl == 0 && due == 0)
		return 0;
	now = now_by(f, clock);
	return end_of(f) <= now ? -1 : left_until(due, now);
}

int envelope_show(
	const void *from, const struct layout_meta *f, uint32_t clock, struct chan_meta *ret)
{
	int64_t due = atomic_load_explicit(&f->due, memory_order_relaxed);
	int64_t now = f->ttl || due ? now_by(f, clock) : 0;
	const char *at = (const char *)from + sizeof(*f);

	ret->flags = f->flags & KEPT_FLAGS;
	ret->sent = f->sent;
	ret->ttl = f->ttl ? left_until(end_of(f), now) : 0;
	ret->delay = due ? left_until(due, now) : 0;
	ret->correlation = f->correlation;
	ret->pid = f->pid;
	ret->uid = f->uid;
	ret->status = f->status;
	ret->key_length = f->key_length;
	ret->header_length = f->header_length;
	memcpy(ret->id, f->id, sizeof(ret->id));
	ret->priority = f->priority;
	memset(ret->reserved, 0, sizeof(ret->reserved));
	copy_bytes(ret->key, at, f->key_length);
	ret->key[f->key_length] = 0;
	at += f->key_length;
	copy_bytes(ret->reply_to, at, f->reply_length);
	ret->reply_to[f->reply_length] = 0;
	at += f->reply_length;
	copy_bytes(ret->header, at, f->header_length);
	/* The copy: a peer may have written meanwhile. */
	return are_pairs(ret->header, f->header_length) ? 0 : -EBADMSG;
}
