/* SPDX-License-Identifier: MIT */
/* The model is in control.h. */
#define _GNU_SOURCE 1
#include "control/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/names.h"
#include "base/words.h"
#include "bus.h"
#include "common/parse.h"
#include "control/message.h"
#include "metrics.h"
#include "notify.h"
#include "config/refused.h"
#include "registry/registry.h"
#include "segment/segment.h"
#include "watch/watch.h"

/* What the kernel holds of answers that a client did not read: descriptors under
 * way are few. */
#define SEND_BUFFER 16384

#define EVENTS_MAX 128 /* that a monitor has not read */
#define EVENT_MAX 512
/* So long may an answer wait for a client to read.  Who passes a connection to
 * itself, and never reads, would else be there for ever: nobody is left to hang
 * up. */
#define PATIENCE INT64_C(10000000000)
/* So long a request waits for a channel that is being made: the library gives chand a
 * second, and its user is to read why. */
#define MAKING_PATIENCE INT64_C(500000000)
#define STEPS 32 /* of one client, before others have their turn */

enum stream { STREAM_NONE, STREAM_LIST, STREAM_INFO, STREAM_TEXT };

struct connection {
	struct source source;
	struct peer peer;
	struct connection *next, **link;
	struct timer patience;

	char out[MESSAGE_MAX];
	size_t out_len; /* 0: nothing waits */
	int out_fd;	/* goes with it, or -1 */

	bool waiting; /* for a channel that it asked for to be made: the answer comes then */

	/* A request that waits for the channel `name`, which is being made; or NULL. */
	char *parked;
	size_t parked_len;
	struct timer limit;
	bool late; /* the limit has passed */

	/* What was made for it, and it has not read the answer yet, as far as is known. */
	char made[CHAN_NAME_MAX + 1];
	uint64_t made_id;

	/* The rest of a long answer. */
	enum stream stream;
	char name[CHAN_NAME_MAX + 1]; /* the last of a list, or the one told about */
	unsigned index;		      /* endpoints told */
	char *text;
	size_t text_len, text_at;

	bool monitor;
	char *event[EVENTS_MAX];
	unsigned first, events;
	uint64_t lost;
};

static struct connection *connections;
static struct source listener;

/* ---- how many there are ---- */

struct account {
	uid_t uid;
	unsigned connections;
};

static struct account *accounts;
static size_t account_count, account_room;
static unsigned total;

unsigned control_connections(void)
{
	return total;
}

static struct account *account_of(uid_t uid)
{
	for (size_t i = 0; i < account_count; i++)
		if (accounts[i].uid == uid)
			return &accounts[i];
	if (account_count == account_room) {
		size_t larger = account_room ? 2 * account_room : 16;
		struct account *grown = reallocarray(accounts, larger, sizeof(*grown));

		if (!grown)
			return NULL;
		accounts = grown;
		account_room = larger;
	}
	accounts[account_count] = (struct account){.uid = uid};
	return &accounts[account_count++];
}

/* Descriptors are needed for more than connections. */
static unsigned total_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > 4 * 4096)
		return 4096;
	return (unsigned)files.rlim_cur / 4;
}

static void drop(struct connection *c);

static bool hung_up(const struct connection *c)
{
	struct pollfd p = {.fd = c->source.fd};

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* Drop those of a user who has hung up, which is not handled yet. */
static void reap(uid_t uid)
{
	for (struct connection *c = connections, *next; c; c = next) {
		char byte;

		next = c->next;
		if (c->peer.uid != uid || !hung_up(c))
			continue;
		/* The end, and no error: all answers were read. */
		if (recv(c->source.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0)
			c->made[0] = 0;
		drop(c);
	}
}

int control_admit(uid_t uid, char *why, size_t size)
{
	const struct quota *quota = config_quota(&bus.config, uid);
	struct account *account = account_of(uid);

	if (account && account->connections >= quota->connections) {
		reap(uid);
		account = account_of(uid);
	}

	/* Root and chand itself, which asks whether it is alive, have no limit. */
	if (!account || (uid != 0 && uid != bus.uid && total >= total_max())) {
		snprintf(why, size, "there are too many connections");
		return -EDQUOT;
	}
	if (uid != 0 && uid != bus.uid && account->connections >= quota->connections) {
		snprintf(why, size, "user %u has %u connections of %" PRIu64, (unsigned)uid,
			account->connections, quota->connections);
		return -EDQUOT;
	}
	account->connections++;
	total++;
	return 0;
}

void control_leave(uid_t uid)
{
	struct account *account = account_of(uid);

	account->connections--;
	total--;
	if (!account->connections)
		*account = accounts[--account_count];
}

/* ---- packets ---- */

static void put(struct connection *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct connection *c, const char *fmt, ...)
{
	size_t room = sizeof(c->out) - c->out_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->out + c->out_len, room, fmt, ap);
	va_end(ap);
	/* Whole lines only. */
	if (n > 0 && (size_t)n < room)
		c->out_len += (size_t)n;
}

static void put_ok(struct connection *c)
{
	c->out_len = 0;
	put(c, MESSAGE_PROTOCOL " OK\n");
}

static void put_error(struct connection *c, int err, const char *reason)
{
	c->out_len = 0;
	put(c, MESSAGE_PROTOCOL " ERROR %d\nreason=%s\n", -err, reason);
}

/* 1 sent, 0 not now, negative: the client is gone. */
static int send_packet(struct connection *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {c->out, c->out_len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (c->out_fd >= 0) {
		struct cmsghdr *header;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &c->out_fd, sizeof(int));
	}
	n = sendmsg(c->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != ETOOMANYREFS)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->out_len = 0;
	if (c->out_fd >= 0)
		close(c->out_fd);
	c->out_fd = -1;
	if (n < 0)
		put_error(c, -EBUSY, "too many descriptors are under way; read the answers");
	return 1;
}

/* ---- what is told of a channel ---- */

static const char *state_word(const struct chan_stat *st)
{
	if (st->damaged)
		return "damaged";
	if (!st->closed)
		return "open";
	return st->closed == 1 && st->depth ? "draining" : "closed";
}

/* What the client may do, in the words of roles=. */
static const char *rights(const struct connection *c, const struct channel *ch)
{
	bool write;

	for (unsigned roles = CHAN_SEND | CHAN_RECV; roles; roles--)
		if (spec_allows(&ch->spec, &c->peer, roles, &write))
			return word(&words_role, roles);
	return spec_allows(&ch->spec, &c->peer, 0, &write) ? word(&words_role, 0) : "none";
}

static void put_channel(struct connection *c, const struct channel *ch)
{
	struct chan_stat st = {.size = sizeof(st)};
	char who[WHO_TEXT];

	c->out_len = 0;
	put(c, MESSAGE_PROTOCOL " CHANNEL\nname=%s\norigin=%s\nowner=%u\nmode=%04" PRIo32 "\n",
		ch->spec.name, origin_name(ch->origin), (unsigned)ch->spec.owner,
		ch->spec.options.mode);
	if (ch->spec.has_group)
		put(c, "group=%u\n", (unsigned)ch->spec.group);
	if (ch->file)
		put(c, "file=%s\n", ch->file);
	put(c, "lifetime=%s\n",
		ch->spec.daemon ? "daemon" : word(&words_lifetime, ch->spec.options.lifetime));
	put(c, "rights=%s\nactivate=%s\n", rights(c, ch), ch->spec.activate ? "yes" : "no");
	put(c, "send=%s\n", who_text(who, &ch->spec.send));
	put(c, "receive=%s\n", who_text(who, &ch->spec.receive));
	put(c, "deaths=%" PRIu64 "\nready=%s\n", ch->deaths, ch->ready ? "yes" : "no");
	if (chan_stat(ch->ch, &st) < 0)
		return;
	st.damaged |= ch->resized;
	put(c, "state=%s\ncapacity=%" PRIu64 "\nmax-message=%" PRIu32 "\noverflow=%s\n",
		state_word(&st), st.capacity, st.max_message, word(&words_overflow, st.overflow));
	put(c, "used=%" PRIu64 "\ndepth=%" PRIu64 "\nsent=%" PRIu64 "\nreceived=%" PRIu64 "\n",
		st.used, st.depth, st.sent, st.received);
	put(c,
		"redelivered=%" PRIu64 "\nrecoveries=%" PRIu64 "\nsenders=%" PRIu32
		"\nreceivers=%" PRIu32 "\nsegment=%" PRIu64 "\n",
		st.redelivered, st.recoveries, st.senders, st.receivers, st.segment);
}

static void put_endpoint(struct connection *c, const struct chan_endpoint *end)
{
	static const char *const roles[] = {"none", "sender", "receiver", "sender+receiver"};

	c->out_len = 0;
	put(c,
		MESSAGE_PROTOCOL " ENDPOINT\nid=%" PRIu32 "\npid=%" PRId32 "\nuid=%" PRIu32
				 "\nrole=%s\nattached=%" PRId64 "\ncommand=%s\n",
		end->id, end->pid, end->uid, roles[end->roles & (CHAN_SEND | CHAN_RECV)],
		end->attached, end->command);
}

static void put_end(struct connection *c)
{
	c->out_len = 0;
	put(c, MESSAGE_PROTOCOL " END\n");
	c->stream = STREAM_NONE;
	free(c->text);
	c->text = NULL;
}

/* ---- long answers ---- */

static void next_of_list(struct connection *c)
{
	struct channel *ch = registry_after(c->name);

	if (!ch) {
		put_end(c);
		return;
	}
	put_channel(c, ch);
	memcpy(c->name, ch->spec.name, sizeof(c->name));
}

static void next_of_info(struct connection *c)
{
	struct channel *ch = registry_find(c->name);

	if (ch && c->index < ch->n)
		put_endpoint(c, &ch->ends[c->index++]);
	else
		put_end(c);
}

static void next_of_text(struct connection *c)
{
	static const char head[] = MESSAGE_PROTOCOL " TEXT\n";
	size_t n = c->text_len - c->text_at;

	if (!n) {
		put_end(c);
		return;
	}
	if (n > sizeof(c->out) - (sizeof(head) - 1))
		n = sizeof(c->out) - (sizeof(head) - 1);
	memcpy(c->out, head, sizeof(head) - 1);
	memcpy(c->out + sizeof(head) - 1, c->text + c->text_at, n);
	c->out_len = sizeof(head) - 1 + n;
	c->text_at += n;
}

static void next_packet(struct connection *c)
{
	switch (c->stream) {
	case STREAM_LIST:
		next_of_list(c);
		break;
	case STREAM_INFO:
		next_of_info(c);
		break;
	case STREAM_TEXT:
		next_of_text(c);
		break;
	case STREAM_NONE:
		break;
	}
}

/* ---- requests ---- */

/* The name in the request; else the answer is an error, and NULL. */
static const char *name_in(struct connection *c, const struct message *m)
{
	const char *name = message_get(m, "name");

	if (!name)
		put_error(c, -EINVAL, "name= is missing");
	return name;
}

/* The channel that the request names, if this is the bus that it means; else the
 * answer is an error, and NULL. */
static struct channel *named(struct connection *c, const struct message *m)
{
	const char *name = name_in(c, m);
	struct channel *ch = name ? registry_find(name) : NULL;

	if (name && !ch)
		put_error(c, -ENOENT, "there is no such channel on this bus");
	return ch;
}

static void do_open(struct connection *c, const struct message *m)
{
	const char *wanted = message_get(m, "roles");
	struct channel *ch = named(c, m);
	uint32_t roles;
	bool write;
	int fd;

	if (!ch)
		return;
	if (!wanted || word_value(&words_role, wanted, &roles) < 0) {
		put_error(c, -EINVAL, "roles= is observe, send, receive or send receive");
		return;
	}
	if (!spec_allows(&ch->spec, &c->peer, roles, &write)) {
		char why[128];

		snprintf(why, sizeof(why), "user %u may not %s it", (unsigned)c->peer.uid, wanted);
		put_error(c, -EACCES, why);
		return;
	}
	/* Opened for this client alone: locks belong to what is opened. */
	fd = segment_descriptor(ch->spec.name, write);
	if (fd < 0) {
		bus_shortage(fd);
		put_error(c, fd, bus_error(fd));
		return;
	}
	put_ok(c);
	put(c, "access=%s\n", write ? "rw" : "ro");
	c->out_fd = fd;
}

static bool may_create(const struct peer *peer)
{
	return peer->uid == 0 || peer->uid == bus.uid || who_has(&bus.config.create, peer);
}

static int read_spec(
	struct spec *spec, const struct peer *peer, const struct message *m, char *why, size_t size)
{
	const char *name = message_get(m, "name");

	if (!name || !name_valid(name)) {
		snprintf(why, size, "name= is 1 to %d of A-Z a-z 0-9 . _ - without a dot in front",
			CHAN_NAME_MAX);
		return -EINVAL;
	}
	spec_init(spec, name, peer->uid);
	for (unsigned i = 0; i < m->n; i++) {
		const struct message_pair *p = &m->pair[i];
		int err;

		if (!strcmp(p->key, "name") || !strcmp(p->key, "bus"))
			continue;
		err = spec_key(spec, p->key, p->value, false, why, size);
		if (err < 0)
			return err;
	}
	if (spec->owner != peer->uid && peer->uid != 0 && peer->uid != bus.uid) {
		snprintf(why, size, "only root makes channels for others");
		return -EPERM;
	}
	return spec_check(spec, why, size);
}

static void created(void *arg, int err, const char *why)
{
	struct connection *c = arg;

	c->waiting = false;
	if (err < 0) {
		put_error(c, err, why);
	} else {
		const struct channel *ch = registry_find(c->name);

		if (ch) {
			c->made_id = ch->id;
			memcpy(c->made, c->name, sizeof(c->made));
		}
		put_ok(c);
	}
	loop_again(bus.loop, &c->source);
}

static void do_create(struct connection *c, const struct message *m)
{
	struct spec spec;
	char why[512];
	int err;

	if (!may_create(&c->peer)) {
		snprintf(why, sizeof(why), "user %u may not create channels on this bus",
			(unsigned)c->peer.uid);
		put_error(c, -EACCES, why);
		return;
	}
	err = read_spec(&spec, &c->peer, m, why, sizeof(why));
	if (err < 0) {
		put_error(c, err, why);
		return;
	}
	c->waiting = true;
	memcpy(c->name, spec.name, sizeof(c->name));
	registry_create(&spec, c->peer.uid, created, c);
}

static void do_remove(struct connection *c, const struct message *m)
{
	const char *name = name_in(c, m);
	struct channel *ch = name ? registry_find(name) : NULL;
	const char *text = message_get(m, "name-only");
	bool name_only = text && !strcmp(text, "yes");
	char why[512] = "only its owner and root remove it";
	int err = -EPERM;

	if (!name)
		return;
	if (text && !name_only && strcmp(text, "no") != 0) {
		put_error(c, -EINVAL, "name-only is yes or no");
		return;
	}
	if (!ch)
		err = registry_remove_other(name, name_only, &c->peer, why, sizeof(why));
	else if (spec_administers(&ch->spec, &c->peer))
		err = registry_remove(ch, name_only, why, sizeof(why));
	if (err < 0)
		put_error(c, err, why);
	else
		put_ok(c);
}

static void do_list(struct connection *c, const struct message *m)
{
	(void)m;
	put_ok(c);
	c->name[0] = 0;
	c->stream = STREAM_LIST;
}

static void do_info(struct connection *c, const struct message *m)
{
	struct channel *ch = named(c, m);
	bool write;

	if (!ch)
		return;
	if (!spec_allows(&ch->spec, &c->peer, 0, &write)) {
		put_error(c, -EACCES, "you may not look into it");
		return;
	}
	put_channel(c, ch);
	memcpy(c->name, ch->spec.name, sizeof(c->name));
	c->index = 0;
	c->stream = STREAM_INFO;
}

static void do_status(struct connection *c, const struct message *m)
{
	const struct quota *quota = config_quota(&bus.config, c->peer.uid);
	uint64_t channels, bytes;
	char files[2048];

	(void)m;
	registry_usage(c->peer.uid, &channels, &bytes);
	put_ok(c);
	put(c, "version=%s\npid=%d\nbus=%u\nscope=%s\nloop=%s\n", chan_version(), (int)getpid(),
		(unsigned)bus.uid, bus.user ? "user" : "system", loop_name(bus.loop));
	put(c, "channels=%zu\nprocesses=%zu\nconnections=%u\n", registry_count(),
		watch_processes(), total);
	put(c, "deaths=%" PRIu64 "\nrecoveries=%" PRIu64 "\nredelivered=%" PRIu64 "\n", bus.deaths,
		bus.recoveries, bus.redelivered);
	put(c, "watchdog=%" PRId64 "\n", 2 * notify_watchdog());
	put(c, "making=%zu\n", registry_unmade());
	put(c, "refused=%u\nrefused-files=%s\n", refused_count(),
		refused_text(files, sizeof(files)));
	put(c, "your-channels=%" PRIu64 "/%" PRIu64 "\nyour-bytes=%" PRIu64 "/%" PRIu64 "\n",
		channels, quota->channels, bytes, quota->bytes);
}

static void do_monitor(struct connection *c, const struct message *m)
{
	(void)m;
	c->monitor = true;
	put_ok(c);
}

static void do_metrics(struct connection *c, const struct message *m)
{
	(void)m;
	c->text = metrics_text(&c->text_len);
	if (!c->text) {
		put_error(c, -ENOMEM, bus_error(-ENOMEM));
		return;
	}
	c->text_at = 0;
	put_ok(c);
	c->stream = STREAM_TEXT;
}

static const struct verb {
	const char *name;
	void (*fn)(struct connection *c, const struct message *m);
	const char *keys; /* space before and after each; NULL: those of a spec */
} verbs[] = {
	{"OPEN", do_open, " bus name roles "},
	{"CREATE", do_create, NULL},
	{"REMOVE", do_remove, " bus name name-only "},
	{"LIST", do_list, " bus "},
	{"INFO", do_info, " bus name "},
	{"STATUS", do_status, " bus "},
	{"MONITOR", do_monitor, " bus "},
	{"METRICS", do_metrics, " bus "},
};

static bool keys_known(const struct verb *verb, const struct message *m)
{
	char key[64];

	for (unsigned i = 0; verb->keys && i < m->n; i++)
		if (snprintf(key, sizeof(key), " %s ", m->pair[i].key) >= (int)sizeof(key) ||
			!strstr(verb->keys, key))
			return false;
	return true;
}

/* Whose bus the client thinks this is. */
static bool right_bus(const struct message *m)
{
	const char *text = message_get(m, "bus");
	uint64_t uid;

	return !text || (cli_parse_count(text, &uid) == 0 && uid == bus.uid);
}

/* The request is kept, to be asked again when the channel is made. */
static void park(struct connection *c, const char *name, const char *text, size_t len)
{
	c->parked = malloc(len);
	if (!c->parked) {
		put_error(c, -ENOMEM, bus_error(-ENOMEM));
		return;
	}
	memcpy(c->parked, text, len);
	c->parked_len = len;
	snprintf(c->name, sizeof(c->name), "%s", name);
	loop_timer(bus.loop, &c->limit, clock_monotonic() + MAKING_PATIENCE);
}

/* Is its channel being made? */
static const char *awaited(const struct message *m)
{
	const char *name = message_get(m, "name");

	return name && strcmp(m->verb, "CREATE") != 0 && name_valid(name) &&
			       registry_awaited(name)
		       ? name
		       : NULL;
}

static void request(struct connection *c, char *text, size_t len)
{
	char copy[MESSAGE_MAX];
	const struct verb *verb = NULL;
	struct message m;
	const char *why, *name;
	int err;

	memcpy(copy, text, len);
	err = message_parse(&m, text, len, &why);

	if (err < 0) {
		put_error(c, err, why);
		return;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, m.verb))
			verb = &verbs[i];
	if (!verb)
		put_error(c, -EINVAL,
			"unknown verb; there are OPEN, CREATE, REMOVE, LIST, INFO, STATUS, "
			"MONITOR, "
			"METRICS");
	else if (!keys_known(verb, &m))
		put_error(c, -EINVAL, "a key that this verb does not know");
	else if (!right_bus(&m))
		put_error(c, -ENOENT, "this bus keeps another user's channels");
	else if (!(name = awaited(&m)))
		verb->fn(c, &m);
	else if (c->late)
		put_error(c, -EINPROGRESS, "chand is still making this channel; try again");
	else
		park(c, name, copy, len);
}

/* Ask again what was parked, if there is something to say: 1, or 0. */
static int unpark(struct connection *c)
{
	char text[MESSAGE_MAX + 1];
	size_t len = c->parked_len;

	if (!c->late && registry_awaited(c->name))
		return 0;
	memcpy(text, c->parked, len);
	free(c->parked);
	c->parked = NULL;
	loop_cancel(bus.loop, &c->limit);
	request(c, text, len);
	c->late = false;
	return 1;
}

static void limit_passed(struct timer *timer)
{
	struct connection *c = container_of(timer, struct connection, limit);

	c->late = true;
	loop_again(bus.loop, &c->source);
}

void control_news(const char *name)
{
	for (struct connection *c = connections; c; c = c->next)
		if (c->parked && !strcmp(c->name, name))
			loop_again(bus.loop, &c->source);
}

/* ---- connections ---- */

static void drop(struct connection *c)
{
	if (c->waiting)
		registry_cancel(c);
	if (c->made[0]) /* it never read that it was made */
		registry_undo(c->made, c->made_id);
	loop_remove(bus.loop, &c->source);
	loop_cancel(bus.loop, &c->patience);
	loop_cancel(bus.loop, &c->limit);
	free(c->parked);
	close(c->source.fd);
	if (c->out_fd >= 0)
		close(c->out_fd);
	for (unsigned i = 0; i < c->events; i++)
		free(c->event[(c->first + i) % EVENTS_MAX]);
	free(c->text);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	control_leave(c->peer.uid);
	peer_done(&c->peer);
	free(c);
}

static void next_event(struct connection *c)
{
	char *text = c->event[c->first];

	c->first = (c->first + 1) % EVENTS_MAX;
	c->events--;
	c->out_len = 0;
	put(c, MESSAGE_PROTOCOL " EVENT\n%s", text);
	if (c->lost)
		put(c, "lost=%" PRIu64 "\n", c->lost);
	c->lost = 0;
	free(text);
}

/* Read a request and answer it: 1, or 0 there is none, negative: he is gone. */
static int receive(struct connection *c)
{
	char text[MESSAGE_MAX + 1];
	ssize_t n = recv(c->source.fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->made[0] = 0; /* at the end without ECONNRESET, too: all answers were read */
	if (n == 0)
		return -EPIPE;
	if (n > MESSAGE_MAX)
		put_error(c, -EMSGSIZE, "a packet has at most 4096 bytes");
	else
		request(c, text, (size_t)n);
	return 1;
}

/* Do the next thing there is: 1, or 0 nothing now, negative: the client is gone.  While it
 * waits for a channel, it can only go. */
static int step(struct connection *c)
{
	if ((c->waiting || c->parked) && hung_up(c))
		return -EPIPE;
	if (c->waiting)
		return 0;
	if (c->parked)
		return unpark(c);
	if (c->out_len) {
		int r = send_packet(c);

		if (r > 0)
			loop_cancel(bus.loop, &c->patience);
		return r;
	}
	if (c->stream != STREAM_NONE) {
		next_packet(c);
		return 1;
	}
	if (c->events) {
		next_event(c);
		return 1;
	}
	return receive(c);
}

static void ready(struct source *source)
{
	struct connection *c =
		(struct connection *)((char *)source - offsetof(struct connection, source));
	int r = 1;

	for (int i = 0; i < STEPS && r > 0; i++)
		r = step(c);
	if (r < 0) {
		drop(c);
		return;
	}
	if (r > 0)
		loop_again(bus.loop, source);
	if (c->out_len && !c->patience.place)
		loop_timer(bus.loop, &c->patience, loop_now(bus.loop) + PATIENCE);
}

static void impatient(struct timer *timer)
{
	drop((struct connection *)((char *)timer - offsetof(struct connection, patience)));
}

/* Say why, and end it.  What he said is read, and he can't say more: closed with
 * something unread, he would get ECONNRESET before the reason. */
static void refuse(int fd, int err, const char *reason)
{
	struct connection c = {.source.fd = fd, .out_fd = -1};
	char unread[1];

	shutdown(fd, SHUT_RD);
	while (recv(fd, unread, sizeof(unread), MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	put_error(&c, err, reason);
	send_packet(&c);
	close(fd);
}

static int welcome(struct connection *c, int fd, const struct peer *peer)
{
	static const int send_buffer = SEND_BUFFER;
	int err;

	*c = (struct connection){.peer = *peer, .out_fd = -1};
	c->source = (struct source){.fd = fd, .events = POLLIN | POLLOUT, .ready = ready};
	c->patience.fired = impatient;
	c->limit.fired = limit_passed;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	err = loop_add(bus.loop, &c->source);
	if (err < 0)
		return err;
	c->next = connections;
	c->link = &connections;
	if (connections)
		connections->link = &c->next;
	connections = c;
	return 0;
}

static void accepted(struct source *source, int fd)
{
	struct connection *c;
	struct peer peer;
	char why[256];
	int err = peer_get(&peer, fd);

	(void)source;
	if (err < 0) {
		refuse(fd, err, bus_error(err));
		return;
	}
	if (bus.user && peer.uid != bus.uid && peer.uid != 0) {
		refuse(fd, -EACCES, "this is another user's bus");
		peer_done(&peer);
		return;
	}
	err = control_admit(peer.uid, why, sizeof(why));
	if (err < 0) {
		refuse(fd, err, why);
		peer_done(&peer);
		return;
	}
	c = malloc(sizeof(*c));
	err = c ? welcome(c, fd, &peer) : -ENOMEM;
	if (err < 0) {
		refuse(fd, err, bus_error(err));
		control_leave(peer.uid);
		peer_done(&peer);
		free(c);
	}
}

/* ---- events ---- */

void bus_event(const char *event, const char *channel, const struct spec *look, const char *fmt,
	...)
{
	char text[EVENT_MAX];
	va_list ap;
	bool write;
	int n;

	n = snprintf(text, sizeof(text), "event=%s\nchannel=%s\n", event, channel);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	for (struct connection *c = connections; c; c = c->next) {
		char *copy;

		if (!c->monitor || (look && !spec_allows(look, &c->peer, 0, &write)))
			continue;
		copy = c->events < EVENTS_MAX ? strdup(text) : NULL;
		if (copy)
			c->event[(c->first + c->events++) % EVENTS_MAX] = copy;
		else
			c->lost++;
		loop_again(bus.loop, &c->source);
	}
}

int control_start(int fd)
{
	listener = (struct source){.fd = fd, .events = POLLIN, .accepted = accepted};
	return loop_add(bus.loop, &listener);
}
