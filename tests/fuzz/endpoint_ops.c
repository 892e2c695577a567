/* SPDX-License-Identifier: MIT */
/* See endpoint_ops.h. */
#include "endpoint_ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool refused_soundly(int err)
{
	switch (err) {
	case -EBADMSG:
	case -EPROTONOSUPPORT:
	case -EPROTOTYPE:
	case -EXDEV:
	case -EUSERS:
	case -EIDRM:
	case -EBUSY:
	case -ENOENT: /* of a short life, and over */
		return true;
	default:
		return false;
	}
}

/* Errors are as documented; and what there is to read is inside. */
static void check(int64_t r)
{
	switch (r < 0 ? r : 0) {
	case 0:
	case -EAGAIN:
	case -EBADF:
	case -EBADMSG:
	case -EBUSY:
	case -ECANCELED:
	case -EDEADLK:
	case -EIDRM:
	case -EINVAL:
	case -EMSGSIZE:
	case -EOVERFLOW: /* it was lapped */
	case -EPIPE:
	case -ESTALE:
	case -ETIMEDOUT:
		return;
	default:
		fprintf(stderr, "unexpected: %s\n", chan_strerror((int)r));
		abort();
	}
}

/* A header from the input; some are refused. */
static void take_meta(struct input *in, struct chan_meta *m)
{
	chan_meta_init(m);
	m->flags = take_byte(in) & 31;
	m->key_length = take_byte(in);
	m->id[0] = m->key_length % 8;
	m->priority = take_byte(in) & 15;
	m->ttl = take_byte(in) & 1 ? take_byte(in) : 0;
	m->delay = take_byte(in) & 1 ? (int64_t)take_byte(in) << 16 : 0;
	if (take_byte(in) & 1)
		chan_meta_put(m, "name", "value");
}

static void act_send(struct user *u, struct input *in, int64_t timeout)
{
	static const char bytes[2048];
	size_t len = take_bytes(in, 2) % sizeof(bytes);
	struct chan_meta meta;
	struct iovec iov[3];
	void *place;

	switch (take_byte(in) % 4) {
	case 3:
		if (u->ch->headed) {
			take_meta(in, &meta);
			check(chan_send_meta(u->ch, bytes, len, &meta, timeout));
			return;
		}
		/* fallthrough */
	case 2:
		break;
	case 0:
		check(chan_send(u->ch, bytes, len, timeout));
		return;
	case 1:
		for (size_t i = 0; i < 3; i++)
			iov[i] = (struct iovec){(void *)(uintptr_t)bytes, len / (i + 1)};
		check(chan_send_batch(u->ch, iov, 3, timeout));
		return;
	}
	if (chan_reserve(u->ch, &place, len, timeout) < 0)
		return;
	memset(place, 'r', len);
	if (take_byte(in) & 1)
		chan_abort(u->ch);
	else
		check(chan_commit(u->ch, len / 2));
}

/* What a header says is inside its bounds, whatever a peer wrote. */
static void check_meta(const struct chan_meta *m)
{
	MUST(m->key_length <= CHAN_KEY_MAX && m->header_length <= CHAN_HEADER_MAX);
	MUST(memchr(m->reply_to, 0, sizeof(m->reply_to)) && m->priority <= 7);
	MUST(m->ttl >= 0 && m->delay >= 0);
	chan_meta_get(m, "name");
}

static void act_receive(struct user *u, struct input *in, int64_t timeout)
{
	size_t size = take_bytes(in, 2) % 4096;
	char *buf = malloc(size ? size : 1); /* exactly: the sanitizer looks */
	struct iovec iov[2] = {{buf, size / 2}, {buf + size / 2, size - size / 2}};
	struct chan_meta meta;
	int64_t r;

	MUST(buf);
	if (take_byte(in) & 1) {
		chan_meta_init(&meta);
		r = u->ch->headed ? chan_recv_meta(u->ch, buf, size, &meta, timeout)
				  : chan_recv(u->ch, buf, size, timeout);
		MUST(r <= (int64_t)size);
		check_meta(&meta);
	} else {
		r = chan_recv_batch(u->ch, iov, 2, timeout);
		MUST(r <= 2);
	}
	check(r);
	free(buf);
}

static void act_take(struct user *u, int64_t timeout)
{
	const unsigned char *ring = u->ch->ring.data;
	int n = chan_take(u->ch, u->lease, 4, timeout);
	struct chan_meta meta;

	check(n);
	u->leases = n > 0 ? (unsigned)n : 0;
	for (unsigned i = 0; i < u->leases; i++) {
		const unsigned char *p = u->lease[i].data;

		MUST(p >= ring && u->lease[i].len <= u->ch->ring.max_message &&
			p + u->lease[i].len <= ring + 2 * u->ch->ring.capacity);
		for (size_t j = 0; j < u->lease[i].len; j++)
			__asm__ volatile("" : : "r"(p[j]));
		chan_meta_init(&meta);
		check(chan_lease_meta(u->ch, &u->lease[i], &meta));
		check_meta(&meta);
	}
}

static void act_look(struct user *u, struct input *in)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_endpoint e[4];
	struct chan_cursor at = {.pos = take_bytes(in, 1) * RING_ALIGN};
	char buf[256];
	int n;

	check(chan_stat(u->ch, &st));
	n = chan_endpoints(u->ch, e, 4);
	MUST(n >= 0 && n <= (int)FUZZ_ENDPOINTS);
	for (int i = 0; i < n && i < 4; i++)
		MUST(strnlen(e[i].command, sizeof(e[i].command)) < sizeof(e[i].command));
	check(chan_peek(u->ch, buf, sizeof(buf), &at));
	at.flags = CHAN_LEASED_TOO;
	check(chan_peek(u->ch, buf, sizeof(buf), &at));
}

static void act_aside(struct user *u, unsigned arg)
{
	int r;

	if (arg & 1) {
		check(chan_kick(u->ch, arg >> 1 & 3));
		return;
	}
	r = arg & 2 ? chan_bury_seq(u->ch, arg >> 2) : chan_release_seq(u->ch, arg >> 2);
	if (r != -ENOENT)
		check(r);
}

/* Wait in the ways of event loops: whatever the hints say, each call ends, and what it says
 * was executed was. */
static void act_wait(struct user *u, struct input *in, int64_t timeout)
{
	char buf[256], bytes[] = "value";
	unsigned flags = take_byte(in) % 4, role = take_byte(in) & 1 ? CHAN_SEND : CHAN_RECV;
	struct chan_case cases[2] = {
		{.size = sizeof(cases[0]),
			.op = CHAN_OP_RECV,
			.ch = u->ch,
			.data = buf,
			.len = sizeof(buf)},
		{.size = sizeof(cases[0]),
			.op = CHAN_OP_SEND,
			.ch = u->ch,
			.data = bytes,
			.len = sizeof(bytes)},
	};
	struct chan_ready ready[2];
	chan_set_t *set;
	int n = chan_select(&cases[role == CHAN_SEND], 1 + (role == CHAN_RECV), timeout, flags);

	MUST(n < 2);
	if (n >= 0)
		check(cases[n + (role == CHAN_SEND)].result);
	else
		check(n);
	n = chan_fd(u->ch, role);
	check(n < 0 ? n : 0);
	if (chan_set_create(&set) < 0) /* the user's instances are used up */
		return;
	if (chan_set_add(set, u->ch, role, u) == 0) {
		n = chan_set_wait(set, ready, 2, timeout);
		MUST(n <= 1 && (n < 1 || (ready[0].ch == u->ch && ready[0].data == u)));
		check(n);
	}
	chan_set_destroy(set);
}

/* Subscribe anew: as an endpoint of its own, or in a group. */
static void act_subscribe(struct user *u, struct input *in)
{
	struct chan_subscription sub = {.size = sizeof(sub),
		.flags = take_byte(in) % 4,
		.from = take_byte(in) % 5,
		.on_lag = take_byte(in) % 4,
		.group_age = take_byte(in) * BRIEF};
	uint32_t which = take_byte(in);
	char group[] = "a";
	chan_t *other;
	int err;

	sub.start = sub.from >= CHAN_FROM_LAST ? take_bytes(in, which & 1 ? 1 : 8) : 0;
	sub.patience = sub.on_lag == CHAN_LAG_EVICT ? BRIEF : 0;
	group[0] += (char)(which / 2 % 3);
	sub.group = which & 8 ? group : NULL;
	if (!sub.group)
		sub.group_age = 0;
	err = chan_subscribe(&other, fuzz_channel(), &sub);
	if (err < 0) {
		/* -EPERM: the channel forbids what it asks for */
		MUST(refused_soundly(err) || err == -EINVAL || err == -ESTALE || err == -EPERM);
		return;
	}
	user_leave(u);
	u->ch = other;
}

void user_act(struct user *u, struct input *in)
{
	uint32_t what = take_byte(in), arg = take_byte(in);
	int64_t timeout = arg & 1 ? BRIEF : 0;

	if (u->ch->ring.subscriber && arg % 8 == 7) {
		act_subscribe(u, in);
		check((int64_t)(chan_lost(u->ch) & INT64_MAX));
		return;
	}
	switch (what % 13) {
	case 0:
	case 1:
		act_send(u, in, timeout);
		break;
	case 2:
	case 3:
		act_receive(u, in, timeout);
		break;
	case 4:
		act_take(u, timeout);
		break;
	case 5:
		check(chan_ack(u->ch, u->lease, u->leases));
		break;
	case 6:
		if (arg & 4)
			check(arg & 2 ? chan_bury(u->ch, u->lease, u->leases)
				      : chan_release_after(
						u->ch, u->lease, u->leases, (int64_t)arg << 12));
		else
			check(arg & 2 ? chan_untake(u->ch, u->lease, u->leases)
				      : chan_release(u->ch, u->lease, u->leases));
		break;
	case 7:
		act_look(u, in);
		break;
	case 8:
		check(chan_recover(u->ch));
		break;
	case 9:
		if (arg & 1)
			check(chan_purge(u->ch));
		else
			act_aside(u, arg >> 1);
		break;
	case 12:
		act_wait(u, in, timeout);
		break;
	case 10:
		check(chan_set_overflow(u->ch, arg % 5));
		break;
	default:
		if (arg % 8 == 0)
			check(chan_close(u->ch, arg >> 3 & 1));
	}
}

void user_leave(struct user *u)
{
	chan_detach(u->ch);
	u->ch = NULL;
	u->leases = 0;
}

/* The channels, one for each way to make it: they are made once, and set right
 * again before each execution. */
enum {
	WAYS = 20,
	OF_RINGS = 8,
	OF_LATEST = 12,
	OF_BROADCAST = 16, /* with headers from here on */
	OF_HEADED = 18,
	HEADED_FROM = 192,
	LANES_FROM = 208,
	BROADCAST_FROM = 224,
	LATEST_FROM = 240,
};
static struct channel {
	char name[128];
	struct spoiler spoiler;
	void *image; /* of the segment when it was new */
} channels[WAYS], *current;

const char *fuzz_channel(void)
{
	return current->name;
}

static void remove_all(void)
{
	for (int i = 0; i < WAYS; i++)
		if (channels[i].image)
			chan_remove(channels[i].name);
}

static void make(struct channel *c, uint32_t how)
{
	struct spoiler *s = &c->spoiler;
	const char *prefix = getenv("FUZZ_NAME");
	struct chan_options opt = {.size = sizeof(opt),
		.capacity = FUZZ_CAPACITY,
		.max_message = 1000,
		.endpoints = FUZZ_ENDPOINTS};
	struct stat st;
	char path[256];

	if (how >= OF_HEADED) {
		opt.lanes = how & 1 ? 8 : 2;
		opt.lane_by = how & 1 ? CHAN_BY_PRIORITY : CHAN_BY_KEY;
		opt.dedup = FUZZ_IDS;
		how <<= 4;
	} else if (how >= OF_BROADCAST) {
		opt.dedup = FUZZ_IDS;
		opt.flags = CHAN_META;
		opt.kind = how & 1 ? CHAN_KIND_BROADCAST : CHAN_KIND_QUEUE;
		opt.groups = how & 1 ? FUZZ_GROUPS : 0;
		how <<= 3;
	} else if (how >= OF_LATEST) {
		opt.kind = CHAN_KIND_BROADCAST;
		opt.groups = FUZZ_GROUPS;
		how <<= 1;
		opt.on_lag = how & 4 ? CHAN_LAG_EVICT : CHAN_LAG_DEFAULT;
		opt.patience = how & 4 ? BRIEF / 2 : 0;
		opt.max_capacity = how & 2 ? 4 * FUZZ_CAPACITY : 0;
	} else if (how >= OF_RINGS) {
		opt.kind = CHAN_KIND_LATEST;
		opt.capacity = 0;
		how <<= 1;
	} else if (how & 1) {
		opt.flags |= CHAN_RENDEZVOUS;
		opt.capacity = 0;
	}
	opt.flags |= how & 2 ? CHAN_NEED_RECEIVERS : 0;
	opt.flags |= how & 4 ? CHAN_END_WITH_SENDERS : 0;
	snprintf(
		c->name, sizeof(c->name), "%s-%d-%u", prefix ? prefix : "fuzz", (int)getpid(), how);
	MUST(chan_create(c->name, &opt) == 0);
	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(), c->name);
	s->fd = open(path, O_RDWR | O_CLOEXEC);
	MUST(s->fd >= 0 && fstat(s->fd, &st) == 0);
	s->size = (size_t)st.st_size;
	s->layout = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	MUST(s->layout != MAP_FAILED);
	s->ring = (unsigned char *)s->layout + s->layout->header.ring_offset;
	s->lanes = opt.lanes ? opt.lanes : 1;
	s->subscriber = NULL;
	s->ids = NULL;
	if (opt.dedup)
		s->ids = (char *)s->layout +
			 geometry_ids(&(struct geometry){.endpoints = FUZZ_ENDPOINTS,
				 .subscribers = opt.groups ? FUZZ_ENDPOINTS + opt.groups : 0});
	if (opt.kind == CHAN_KIND_BROADCAST)
		s->subscriber =
			(struct layout_subscriber *)((char *)s->layout +
						     geometry_subscribers(&(struct geometry){
							     .endpoints = FUZZ_ENDPOINTS}));
	c->image = malloc(s->size);
	MUST(c->image);
	memcpy(c->image, s->layout, s->size);
}

static void close_channel(struct channel *c)
{
	munmap(c->spoiler.layout, c->spoiler.size);
	close(c->spoiler.fd);
	free(c->image);
	c->image = NULL;
}

struct layout_subscriber *spoiler_entry(const struct spoiler *s, struct input *in)
{
	uint32_t n = take_byte(in);

	return &s->subscriber[n & 4 ? FUZZ_ENDPOINTS + n % FUZZ_GROUPS : n % 4];
}

void spoil_lane(const struct spoiler *s, bool ring, struct input *in)
{
	uint64_t lane = s->lanes > 1 ? take_byte(in) % s->lanes : 0;
	uint64_t at = lane * (s->size / s->lanes);
	struct layout *l = (struct layout *)(void *)((char *)s->layout + at);

	if (ring && s->ids && take_byte(in) % 4 == 0)
		spoil_ids((char *)s->ids + at, ids_size(FUZZ_IDS), in);
	else if (ring)
		spoil_ring(s->ring + at, FUZZ_CAPACITY, in);
	else
		spoil_control(&l->control, in);
}

struct spoiler *spoiler_ready(uint32_t how)
{
	static bool reported;
	struct spoiler *s;
	struct stat st;

	if (!reported)
		MUST(atexit(remove_all) == 0);
	reported = true;
	how %= 256;
	how = how >= LATEST_FROM      ? OF_RINGS + how % (OF_LATEST - OF_RINGS)
	      : how >= BROADCAST_FROM ? OF_LATEST + how % (OF_BROADCAST - OF_LATEST)
	      : how >= LANES_FROM     ? OF_HEADED + how % (WAYS - OF_HEADED)
	      : how >= HEADED_FROM    ? OF_BROADCAST + how % (OF_HEADED - OF_BROADCAST)
				      : how % OF_RINGS;
	current = &channels[how];
	s = &current->spoiler;
	/* It may have been removed, as one of short life. */
	if (current->image && (fstat(s->fd, &st) < 0 || st.st_nlink == 0))
		close_channel(current);
	if (!current->image)
		make(current, how);
	MUST(ftruncate(s->fd, (off_t)s->size) == 0);
	memcpy(s->layout, current->image, s->size);
	return s;
}
