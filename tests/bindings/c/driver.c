/* SPDX-License-Identifier: MIT */
/*
 * The driver for C: it executes the operations that tests/bindings/README.md lists, a line
 * each, and prints the outcome of each.  It knows the public interface only.
 */
#include <errno.h>
#include <shmchan.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 32
#define ROOM (1 << 20)
#define MS INT64_C(1000000)

/* Endpoints, leases and sets, by the names that the lines give them. */
enum { ENDPOINTS = 16, LEASES = 64, SETS = 4, READY = 16, REQUESTS = 16 };

static struct endpoint {
	char name[32];
	chan_t *ch;
	void *place; /* reserved */
} endpoints[ENDPOINTS];

static struct held {
	char name[32];
	struct endpoint *of;
	struct chan_lease lease;
} leases[LEASES];

static struct request {
	char name[32];
	uint64_t number;
} requests[REQUESTS]; /* those of each name, or of the oldest */

static struct set {
	char name[32];
	chan_set_t *set;
} sets[SETS];

/* The operation. */
static char *word[WORDS_MAX];
static unsigned words;

/* Room for a message. */
static char buf[ROOM];

static void __attribute__((format(printf, 1, 2), noreturn)) give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* ---- words ---- */

static const char *arg(unsigned i)
{
	if (i >= words)
		give_up("%s: it needs %u words", word[0], i + 1);
	return word[i];
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end)
		give_up("'%s' is not a number", text);
	return n;
}

static int64_t timeout(const char *text)
{
	return strcmp(text, "wait") ? (int64_t)number(text) * MS : CHAN_WAIT;
}

static struct endpoint *endpoint(const char *name)
{
	for (int i = 0; i < ENDPOINTS; i++)
		if (endpoints[i].ch && !strcmp(endpoints[i].name, name))
			return &endpoints[i];
	give_up("there is no endpoint '%s'", name);
}

static struct held *held(const char *name)
{
	for (int i = 0; i < LEASES; i++)
		if (leases[i].of && !strcmp(leases[i].name, name))
			return &leases[i];
	give_up("there is no lease '%s'", name);
}

/* ---- messages ---- */

/* Writes the bytes that a word stands for, and returns how many. */
static size_t message(const char *text, char *to)
{
	const char *star = strchr(text, '*');
	size_t len = strlen(text);

	if (!strcmp(text, "-"))
		return 0;
	if (!strcmp(text, "0..255")) {
		for (unsigned i = 0; i < 256; i++)
			to[i] = (char)i;
		return 256;
	}
	if (star == text + 1 && star[1]) {
		len = number(star + 1);
		if (len > ROOM)
			give_up("'%s' is too long", text);
		memset(to, *text, len);
	} else {
		memcpy(to, text, len);
	}
	return len;
}

/* The other way round. */
static void print_message(const char *data, size_t len)
{
	char all[256];
	size_t same = 0, plain = 0;

	for (size_t i = 0; i < len; i++) {
		same += data[i] == data[0];
		plain += data[i] > ' ' && data[i] <= '~';
	}
	if (len == 0)
		fputs(" -", stdout);
	else if (len == message("0..255", all) && !memcmp(data, all, len))
		fputs(" 0..255", stdout);
	else if (plain < len || (len > 16 && same < len))
		printf(" ?%zu", len);
	else if (len > 16)
		printf(" %c*%zu", *data, len);
	else
		printf(" %.*s", (int)len, data);
}

/* ---- outcomes ---- */

static const struct {
	int err;
	const char *word;
} outcomes[] = {
	{ETIMEDOUT, "timeout"},
	{EPIPE, "closed"},
	{EIDRM, "removed"},
	{EBUSY, "busy"},
	{EEXIST, "exists"},
	{ENOENT, "absent"},
	{EINVAL, "invalid"},
	{EBADF, "role"},
	{ESTALE, "stale"},
	{ECANCELED, "canceled"},
	{EDEADLK, "deadlock"},
	{EBADMSG, "damaged"},
	{EACCES, "denied"},
	{EPERM, "denied"},
	{ENOTCONN, "detached"},
	{EINTR, "interrupted"},
	{ECONNRESET, "reset"},
};

/* The word for a result that is an error; `again` is the word for -EAGAIN. */
static void print_error(ssize_t r, const char *again)
{
	if (r == -EAGAIN) {
		fputs(again, stdout);
		return;
	}
	if (r == -EMSGSIZE || r == -EOVERFLOW) {
		printf("%s %llu", r == -EMSGSIZE ? "toolarge" : "lost",
			(unsigned long long)chan_error_size((int)r));
		return;
	}
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		if (outcomes[i].err == -r) {
			fputs(outcomes[i].word, stdout);
			return;
		}
	printf("error %zd", -r);
}

static void print_sent(int r)
{
	if (r < 0)
		print_error(r, "full");
	else
		fputs(r == CHAN_DROPPED ? "dropped" : "ok", stdout);
}

static void print_done(int r)
{
	if (r < 0)
		print_error(r, "empty");
	else
		fputs("ok", stdout);
}

static void print_count(int64_t n)
{
	if (n < 0)
		print_error(n, "empty");
	else
		printf("count %lld", (long long)n);
}

static void print_received(ssize_t r, const char *data)
{
	if (r < 0) {
		print_error(r, "empty");
	} else {
		fputs("data", stdout);
		print_message(data, (size_t)r);
	}
}

/* ---- options ---- */

static unsigned one_of(const char *text, const char *const *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(text, list[i]))
			return i;
	give_up("what is '%s'?", text);
}

static unsigned overflow(const char *text)
{
	static const char *const list[] = {"block", "fail", "drop-new", "drop-old"};

	return one_of(text, list, 4);
}

static unsigned on_lag(const char *text)
{
	static const char *const list[] = {"default", "block", "lose", "evict"};

	return one_of(text, list, 4);
}

/* The options that the words from the i-th on name. */
static const struct chan_options *options(unsigned i)
{
	static const char *const kinds[] = {"queue", "rendezvous", "latest", "broadcast"};
	static const char *const lifetimes[] = {"persist", "ref"};
	static struct chan_options opt;

	memset(&opt, 0, sizeof(opt));
	opt.size = sizeof(opt);
	for (; i < words; i++) {
		char *value = strchr(word[i], '=');

		if (!strcmp(word[i], "end-with-senders")) {
			opt.flags |= CHAN_END_WITH_SENDERS;
			continue;
		}
		if (!strcmp(word[i], "need-receivers")) {
			opt.flags |= CHAN_NEED_RECEIVERS;
			continue;
		}
		if (!strcmp(word[i], "meta")) {
			opt.flags |= CHAN_META;
			continue;
		}
		if (!value)
			give_up("what is '%s'?", word[i]);
		*value++ = '\0';
		if (!strcmp(word[i], "capacity"))
			opt.capacity = number(value);
		else if (!strcmp(word[i], "max-message"))
			opt.max_message = (uint32_t)number(value);
		else if (!strcmp(word[i], "endpoints"))
			opt.endpoints = (uint32_t)number(value);
		else if (!strcmp(word[i], "lanes"))
			opt.lanes = (uint32_t)number(value);
		else if (!strcmp(word[i], "dedup"))
			opt.dedup = (uint32_t)number(value);
		else if (!strcmp(word[i], "dead-letter"))
			snprintf(opt.dead_letter, sizeof(opt.dead_letter), "%s", value);
		else if (!strcmp(word[i], "max-deliver"))
			opt.max_deliver = (uint32_t)number(value);
		else if (!strcmp(word[i], "max-capacity"))
			opt.max_capacity = number(value);
		else if (!strcmp(word[i], "on-lag"))
			opt.on_lag = on_lag(value);
		else if (!strcmp(word[i], "kind"))
			opt.kind = one_of(value, kinds, 4);
		else if (!strcmp(word[i], "overflow"))
			opt.overflow = overflow(value);
		else if (!strcmp(word[i], "lifetime"))
			opt.lifetime = one_of(value, lifetimes, 2);
		else
			give_up("what is '%s'?", word[i]);
	}
	opt.lane_by = opt.lanes ? CHAN_BY_KEY : 0;
	return &opt;
}

/* ---- operations ---- */

/* Functions that execute an operation; `e` is the endpoint that its second word names, or
 * NULL if that is none. */

static void do_create(struct endpoint *e)
{
	(void)e;
	print_done(chan_create(arg(1), options(2)));
}

static void do_remove(struct endpoint *e)
{
	(void)e;
	print_done(chan_remove(arg(1)));
}

static void do_unlink(struct endpoint *e)
{
	(void)e;
	print_done(chan_unlink(arg(1)));
}

static struct endpoint *free_endpoint(void)
{
	for (struct endpoint *e = endpoints; e < endpoints + ENDPOINTS; e++)
		if (!e->ch)
			return e;
	give_up("too many endpoints");
}

static void print_opened(int r, struct endpoint *e)
{
	if (r < 0)
		e->ch = NULL;
	else
		snprintf(e->name, sizeof(e->name), "%s", arg(1));
	print_done(r);
}

static void do_open(struct endpoint *e)
{
	static const char letters[] = "srcx-";
	static const unsigned meaning[] = {CHAN_SEND, CHAN_RECV, CHAN_CREATE, CHAN_EXCLUSIVE, 0};
	unsigned flags = 0;

	for (const char *c = arg(3); *c; c++) {
		const char *letter = strchr(letters, *c);

		if (!letter)
			give_up("what is the role '%c'?", *c);
		flags |= meaning[letter - letters];
	}
	e = free_endpoint();
	print_opened(chan_open(&e->ch, arg(2), flags, flags & CHAN_CREATE ? options(4) : NULL), e);
}

static void do_subscribe(struct endpoint *e)
{
	static const char *const from[] = {"next", "oldest", "last", "seq"};
	struct chan_subscription how = {.size = sizeof(how)};

	for (unsigned i = 3; i < words; i++) {
		char *value = strchr(word[i], '=');

		if (!value)
			give_up("what is '%s'?", word[i]);
		*value++ = '\0';
		if (!strcmp(word[i], "start"))
			how.from = one_of(value, from, 4);
		else if (!strcmp(word[i], "at"))
			how.start = number(value);
		else if (!strcmp(word[i], "on-lag"))
			how.on_lag = on_lag(value);
		else if (!strcmp(word[i], "group"))
			how.group = value;
		else
			give_up("what is '%s'?", word[i]);
	}
	e = free_endpoint();
	print_opened(chan_subscribe(&e->ch, arg(2), &how), e);
}

static void do_detach(struct endpoint *e)
{
	for (struct held *l = leases; l < leases + LEASES; l++)
		if (l->of == e)
			l->of = NULL;
	chan_detach(e->ch);
	*e = (struct endpoint){0};
	fputs("ok", stdout);
}

static void do_close(struct endpoint *e)
{
	print_done(chan_close(e->ch, CHAN_DRAIN));
}

static void do_discard(struct endpoint *e)
{
	print_done(chan_close(e->ch, CHAN_DISCARD));
}

static void do_send(struct endpoint *e)
{
	print_sent(chan_send(e->ch, buf, message(arg(2), buf), timeout(arg(3))));
}

static void do_recv(struct endpoint *e)
{
	print_received(chan_recv(e->ch, buf, ROOM, timeout(arg(2))), buf);
}

/* ---- headers ---- */

/* The header that the words from the i-th on describe. */
static const struct chan_meta *meta(unsigned i)
{
	static struct chan_meta m;

	chan_meta_init(&m);
	for (; i < words; i++) {
		char *value = strchr(word[i], '=');

		if (!value && !strcmp(word[i], "keep")) {
			m.flags |= CHAN_META_KEEP;
			continue;
		}
		if (!value)
			give_up("what is '%s'?", word[i]);
		*value++ = '\0';
		if (!strcmp(word[i], "key")) {
			m.flags |= CHAN_META_HAS_KEY;
			m.key_length = (uint32_t)strlen(value);
			memcpy(m.key, value, m.key_length);
		} else if (!strcmp(word[i], "priority")) {
			m.flags |= CHAN_META_HAS_PRIORITY;
			m.priority = (uint8_t)number(value);
		} else if (!strcmp(word[i], "id")) {
			m.flags |= CHAN_META_HAS_ID;
			memcpy(m.id, value, sizeof(m.id));
		} else if (!strcmp(word[i], "ttl")) {
			m.ttl = timeout(value);
		} else if (!strcmp(word[i], "delay")) {
			m.delay = timeout(value);
		} else {
			chan_meta_put(&m, word[i], value);
		}
	}
	return &m;
}

static void print_meta(const struct chan_meta *m)
{
	if (m->flags & CHAN_META_HAS_KEY)
		printf(" key=%s", m->key);
	if (m->flags & CHAN_META_HAS_PRIORITY)
		printf(" priority=%u", m->priority);
	for (const char *pair = m->header; pair < m->header + m->header_length;
		pair += strlen(pair) + 1)
		printf(" %s", pair);
}

static void do_send_meta(struct endpoint *e)
{
	int64_t limit = timeout(arg(3));

	print_sent(chan_send_meta(e->ch, buf, message(arg(2), buf), meta(4), limit));
}

static void do_recv_meta(struct endpoint *e)
{
	struct chan_meta m = {.size = sizeof(m)};
	ssize_t r = chan_recv_meta(e->ch, buf, ROOM, &m, timeout(arg(2)));

	print_received(r, buf);
	if (r >= 0)
		print_meta(&m);
}

static void do_sendmany(struct endpoint *e)
{
	struct iovec batch[WORDS_MAX];
	int64_t limit = timeout(arg(2));
	char *at = buf;
	unsigned n = 0;

	for (; n + 3 < words; n++) {
		batch[n].iov_base = at;
		batch[n].iov_len = message(word[3 + n], at);
		at += batch[n].iov_len;
	}
	int r = chan_send_batch(e->ch, batch, n, limit);
	if (r < 0)
		print_sent(r);
	else
		print_count(r);
}

static void do_recvmany(struct endpoint *e)
{
	struct iovec batch[WORDS_MAX];
	unsigned n = (unsigned)number(arg(3));

	if (n > WORDS_MAX)
		give_up("too many messages");
	for (unsigned i = 0; i < n; i++)
		batch[i] = (struct iovec){buf + i * (ROOM / WORDS_MAX), ROOM / WORDS_MAX};
	int r = chan_recv_batch(e->ch, batch, n, timeout(arg(2)));
	if (r < 0) {
		print_done(r);
		return;
	}
	fputs("data", stdout);
	for (int i = 0; i < r; i++)
		print_message(batch[i].iov_base, batch[i].iov_len);
}

static void do_all(struct endpoint *e)
{
	ssize_t r;

	fputs("all", stdout);
	while ((r = chan_recv(e->ch, buf, ROOM, CHAN_WAIT)) >= 0)
		print_message(buf, (size_t)r);
	fputc(' ', stdout);
	print_error(r, "empty");
}

static struct held *free_lease(const char *name)
{
	for (struct held *l = leases; l < leases + LEASES; l++)
		if (!l->of) {
			snprintf(l->name, sizeof(l->name), "%s", name);
			return l;
		}
	give_up("too many leases");
}

static void print_taken(int r, struct held *l, struct endpoint *e)
{
	if (r < 0) {
		print_error(r, "empty");
		return;
	}
	l->of = e;
	fputs("data", stdout);
	print_message(l->lease.data, l->lease.len);
	printf(" %u", l->lease.attempt);
}

static void do_take(struct endpoint *e)
{
	struct held *l = free_lease(arg(2));

	print_taken(chan_take(e->ch, &l->lease, 1, timeout(arg(3))), l, e);
}

static void do_take_meta(struct endpoint *e)
{
	struct chan_meta m = {.size = sizeof(m)};
	struct held *l = free_lease(arg(2));
	int r = chan_take(e->ch, &l->lease, 1, timeout(arg(3)));

	if (r == 1)
		r = chan_lease_meta(e->ch, &l->lease, &m) < 0 ? -EINVAL : 1;
	print_taken(r, l, e);
	if (r == 1)
		print_meta(&m);
}

static void settle(int (*how)(chan_t *, const struct chan_lease *, unsigned))
{
	struct held *l = held(arg(1));
	int r = how(l->of->ch, &l->lease, 1);

	l->of = NULL;
	print_done(r);
}

static void do_ack(struct endpoint *e)
{
	(void)e;
	settle(chan_ack);
}

static void do_release(struct endpoint *e)
{
	(void)e;
	settle(chan_release);
}

static void do_release_after(struct endpoint *e)
{
	struct held *l = held(arg(1));
	int r = chan_release_after(l->of->ch, &l->lease, 1, timeout(arg(2)));

	(void)e;
	l->of = NULL;
	print_done(r);
}

static void do_bury(struct endpoint *e)
{
	(void)e;
	settle(chan_bury);
}

static void do_kick(struct endpoint *e)
{
	print_count(chan_kick(e->ch, UINT64_MAX));
}

static void do_untake(struct endpoint *e)
{
	(void)e;
	settle(chan_untake);
}

static void do_reserve(struct endpoint *e)
{
	print_sent(chan_reserve(e->ch, &e->place, number(arg(2)), timeout(arg(3))));
}

static void do_commit(struct endpoint *e)
{
	size_t len = message(arg(2), e->place ? e->place : buf);

	e->place = NULL;
	print_sent(chan_commit(e->ch, len));
}

static void do_abort(struct endpoint *e)
{
	e->place = NULL;
	chan_abort(e->ch);
	fputs("ok", stdout);
}

static void do_select(struct endpoint *e)
{
	enum { CASES = 8 };
	struct chan_case cases[CASES];
	struct endpoint *of[CASES];
	struct held *taken = NULL;
	char *at = buf, *room = buf + ROOM / 2;
	unsigned n = 0;

	for (unsigned i = 2; i < words; n++) {
		const char *op = arg(i++);
		struct chan_case *c = &cases[n];

		if (n == CASES)
			give_up("too many cases");
		of[n] = e = endpoint(arg(i++));
		*c = (struct chan_case){.size = sizeof(*c), .ch = e->ch};
		if (!strcmp(op, "recv")) {
			c->op = CHAN_OP_RECV;
			c->data = room;
			c->len = ROOM / 2;
		} else if (!strcmp(op, "take")) {
			taken = free_lease(arg(i++));
			c->op = CHAN_OP_TAKE;
			c->data = &taken->lease;
			c->len = 1;
		} else if (!strcmp(op, "send")) {
			c->op = CHAN_OP_SEND;
			c->data = at;
			c->len = message(arg(i++), at);
			at += c->len;
		} else {
			give_up("what is '%s'?", op);
		}
	}
	int r = chan_select(cases, n, timeout(arg(1)), CHAN_BIASED);
	if (r < 0) {
		print_error(r, "none");
		return;
	}
	printf("%d ", r);
	if (cases[r].op == CHAN_OP_SEND)
		print_sent((int)cases[r].result);
	else if (cases[r].op == CHAN_OP_RECV)
		print_received(cases[r].result, room);
	else
		print_taken((int)cases[r].result, taken, of[r]);
}

static void do_peek(struct endpoint *e)
{
	struct chan_cursor at = {0};

	print_received(chan_peek(e->ch, buf, ROOM, &at), buf);
}

static void do_purge(struct endpoint *e)
{
	print_count(chan_purge(e->ch));
}

static void do_recover(struct endpoint *e)
{
	print_count(chan_recover(e->ch));
}

static void do_overflow(struct endpoint *e)
{
	print_done(chan_set_overflow(e->ch, overflow(arg(2))));
}

static void do_pause(struct endpoint *e)
{
	print_done(chan_pause(e->ch, 1));
}

static void do_resume(struct endpoint *e)
{
	print_done(chan_pause(e->ch, 0));
}

static void do_subscribers(struct endpoint *e)
{
	print_count(chan_subscribers(e->ch, NULL, 0));
}

static void do_remove_group(struct endpoint *e)
{
	print_done(chan_remove_group(e->ch, arg(2)));
}

static void do_stat(struct endpoint *e)
{
	static const char *const fields[] = {"depth", "sent", "received", "dropped_newest",
		"dropped_oldest", "redelivered", "max_message", "senders", "receivers", "capacity",
		"grown", "paused"};
	struct chan_stat st = {.size = sizeof(st)};
	int r = chan_stat(e->ch, &st);
	const uint64_t values[] = {st.depth, st.sent, st.received, st.dropped_newest,
		st.dropped_oldest, st.redelivered, st.max_message, st.senders, st.receivers,
		st.capacity, st.grown, st.paused};

	print_count(r < 0 ? r : (int64_t)values[one_of(arg(2), fields, 12)]);
}

/* ---- requests and replies ---- */

static void do_request(struct endpoint *e)
{
	static unsigned next;
	struct request *q = &requests[next++ % REQUESTS];
	struct chan_meta m;
	int64_t limit = timeout(arg(4));
	int r;

	chan_meta_init(&m);
	if (words > 5 && !strncmp(word[5], "id=", 3)) {
		m.flags |= CHAN_META_HAS_ID;
		memcpy(m.id, word[5] + 3, sizeof(m.id));
	} else if (words > 5) {
		m.flags |= CHAN_META_ONCE;
	}
	for (int i = 0; i < REQUESTS; i++)
		if (!strcmp(requests[i].name, arg(2)))
			q = &requests[i];
	snprintf(q->name, sizeof(q->name), "%s", arg(2));
	r = chan_request(e->ch, buf, message(arg(3), buf), &m, limit, &q->number);
	print_sent(r > 0 ? -ECANCELED : r);
}

static uint64_t request_of(const char *name)
{
	for (int i = 0; i < REQUESTS; i++)
		if (!strcmp(requests[i].name, name))
			return requests[i].number;
	give_up("there is no request '%s'", name);
}

static void print_response(ssize_t r, const struct chan_meta *m)
{
	print_received(r, buf);
	if (r >= 0)
		printf(" status=%d%s", m->status, m->flags & CHAN_META_MORE ? " more" : "");
}

static void do_response(struct endpoint *e)
{
	struct chan_meta m = {.size = sizeof(m)};

	print_response(
		chan_response(e->ch, request_of(arg(2)), buf, ROOM, &m, timeout(arg(3))), &m);
}

static void do_call(struct endpoint *e)
{
	struct chan_meta m;
	size_t len = message(arg(2), buf);
	ssize_t r;

	chan_meta_init(&m);
	r = chan_call(e->ch, buf, len, buf + len, ROOM - len, &m, timeout(arg(3)));
	if (r > 0)
		memmove(buf, buf + len, (size_t)r);
	print_response(r, &m);
}

static void do_cancel(struct endpoint *e)
{
	print_count(chan_cancel(e->ch, request_of(arg(2))));
}

static void do_reply(struct endpoint *e)
{
	struct held *l = held(arg(1));
	struct chan_meta m;
	int r;

	(void)e;
	chan_meta_init(&m);
	for (unsigned i = 4; i < words; i++)
		if (!strcmp(word[i], "more"))
			m.flags |= CHAN_META_MORE;
		else
			m.status = (int32_t)number(strchr(word[i], '=') + 1);
	r = chan_reply(l->of->ch, &l->lease, buf, message(arg(2), buf), &m, timeout(arg(3)));
	if (r >= 0 && !(m.flags & CHAN_META_MORE))
		l->of = NULL;
	print_sent(r);
}

static void do_wanted(struct endpoint *e)
{
	struct held *l = held(arg(1));

	(void)e;
	print_count(chan_wanted(l->of->ch, &l->lease));
}

/* ---- sets ---- */

static struct set *set_of(const char *name)
{
	for (struct set *s = sets; s < sets + SETS; s++)
		if (s->set && !strcmp(s->name, name))
			return s;
	return NULL;
}

static struct set *set_named(const char *name)
{
	struct set *s = set_of(name);

	if (!s)
		give_up("there is no set '%s'", name);
	return s;
}

static unsigned role_of(const char *text)
{
	static const char *const roles[] = {"s", "r"};
	static const unsigned meaning[] = {CHAN_SEND, CHAN_RECV};

	return meaning[one_of(text, roles, 2)];
}

static void do_watch(struct endpoint *e)
{
	struct set *s = set_of(arg(1));

	e = endpoint(arg(2));
	for (int i = 0; !s && i < SETS; i++)
		if (!sets[i].set) {
			s = &sets[i];
			snprintf(s->name, sizeof(s->name), "%s", arg(1));
			int r = chan_set_create(&s->set);
			if (r < 0)
				give_up("a set: %s", chan_strerror(r));
		}
	if (!s)
		give_up("too many sets");
	print_done(chan_set_add(s->set, e->ch, role_of(arg(3)), e));
}

static void do_unwatch(struct endpoint *e)
{
	e = endpoint(arg(2));
	print_done(chan_set_remove(set_named(arg(1))->set, e->ch, role_of(arg(3))));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void do_ready(struct endpoint *e)
{
	struct chan_ready ready[READY];
	char names[READY][40];
	int n = chan_set_wait(set_named(arg(1))->set, ready, READY, timeout(arg(2)));

	if (n < 0) {
		print_error(n, "none");
		return;
	}
	for (int i = 0; i < n; i++) {
		e = ready[i].data;
		snprintf(names[i], sizeof(names[i]), "%s:%c", e->name,
			ready[i].role == CHAN_SEND ? 's' : 'r');
	}
	qsort(names, (size_t)n, sizeof(*names), by_name);
	fputs("ready", stdout);
	for (int i = 0; i < n; i++)
		printf(" %s", names[i]);
}

static void do_forget(struct endpoint *e)
{
	(void)e;
	chan_set_destroy(set_named(arg(1))->set);
	set_named(arg(1))->set = NULL;
	fputs("ok", stdout);
}

/* For the figures: n messages of `size` bytes, `batch` a call. */
static void flow(struct endpoint *e, int receive)
{
	int64_t n = (int64_t)number(arg(2)), r = 0;
	size_t size = number(arg(3)), batch = number(arg(4));
	struct iovec *v = calloc(batch, sizeof(*v));
	struct timespec start, end;

	if (!v || batch * size > ROOM)
		give_up("the batch is too large");
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (n > 0 && r >= 0) {
		if (batch == 1) {
			r = receive ? chan_recv(e->ch, buf, ROOM, CHAN_WAIT)
				    : chan_send(e->ch, buf, size, CHAN_WAIT);
			n--;
			continue;
		}
		for (size_t i = 0; i < batch; i++)
			v[i] = (struct iovec){buf + i * size, size};
		unsigned some = n < (int64_t)batch ? (unsigned)n : (unsigned)batch;
		r = receive ? chan_recv_batch(e->ch, v, some, CHAN_WAIT)
			    : chan_send_batch(e->ch, v, some, CHAN_WAIT);
		n -= r;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	free(v);
	if (r < 0)
		print_error(r, "empty");
	else
		printf("took %lld",
			(end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
}

static void do_flood(struct endpoint *e)
{
	flow(e, 0);
}

static void do_drain(struct endpoint *e)
{
	flow(e, 1);
}

static const struct {
	const char *name;
	void (*execute)(struct endpoint *e);
	int on_endpoint;
} operations[] = {
	{"create", do_create, 0},
	{"remove", do_remove, 0},
	{"unlink", do_unlink, 0},
	{"open", do_open, 0},
	{"subscribe", do_subscribe, 0},
	{"detach", do_detach, 1},
	{"close", do_close, 1},
	{"discard", do_discard, 1},
	{"send", do_send, 1},
	{"recv", do_recv, 1},
	{"sendmeta", do_send_meta, 1},
	{"recvmeta", do_recv_meta, 1},
	{"takemeta", do_take_meta, 1},
	{"request", do_request, 1},
	{"response", do_response, 1},
	{"call", do_call, 1},
	{"cancel", do_cancel, 1},
	{"reply", do_reply, 0},
	{"wanted", do_wanted, 0},
	{"sendmany", do_sendmany, 1},
	{"recvmany", do_recvmany, 1},
	{"all", do_all, 1},
	{"take", do_take, 1},
	{"ack", do_ack, 0},
	{"release", do_release, 0},
	{"untake", do_untake, 0},
	{"releaseafter", do_release_after, 0},
	{"bury", do_bury, 0},
	{"reserve", do_reserve, 1},
	{"commit", do_commit, 1},
	{"abort", do_abort, 1},
	{"select", do_select, 0},
	{"peek", do_peek, 1},
	{"purge", do_purge, 1},
	{"kick", do_kick, 1},
	{"recover", do_recover, 1},
	{"overflow", do_overflow, 1},
	{"pause", do_pause, 1},
	{"resume", do_resume, 1},
	{"subscribers", do_subscribers, 1},
	{"removegroup", do_remove_group, 1},
	{"stat", do_stat, 1},
	{"watch", do_watch, 0},
	{"unwatch", do_unwatch, 0},
	{"ready", do_ready, 0},
	{"forget", do_forget, 0},
	{"flood", do_flood, 1},
	{"drain", do_drain, 1},
};

static void execute(void)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(operations[i].name, word[0])) {
			operations[i].execute(operations[i].on_endpoint ? endpoint(arg(1)) : NULL);
			return;
		}
	give_up("there is no operation '%s'", word[0]);
}

int main(void)
{
	static char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		words = 0;
		for (char *w = strtok(line, " \n"); w && words < WORDS_MAX; w = strtok(NULL, " \n"))
			word[words++] = w;
		if (words == 0)
			continue;
		execute();
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
