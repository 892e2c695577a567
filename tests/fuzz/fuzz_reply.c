/* SPDX-License-Identifier: MIT */
/*
 * Requests of a hostile client, and replies of a hostile server.
 *
 * The client writes any reply address, out of pieces that an address is made of, or anything into
 * the header of a request that the server has taken.  Whatever the server then does, no channel but
 * an inbox gets a byte: there are decoys which are one but for their name, kind or options.
 *
 * The server writes any flags and any number into the inbox.  The client gets what is a reply to a
 * request that it waits for, and nothing else; and each request ends once.
 */
#include "channel/channel.h"
#include "channel/sender.h"
#include "fuzz.h"

#include <stdio.h>
#include <unistd.h>

enum { DECOYS = 7, REQUESTS = 4 };

/* As in lib/channel/inbox.c. */
#define INBOX_TYPE UINT64_C(0x786f626e692e6863)

static char name[64];
static chan_t *client, *server, *decoy[DECOYS];
static char decoy_name[DECOYS][64], inbox[CHAN_REPLY_MAX + 1];

static void remove_all(void)
{
	chan_detach(client);
	chan_detach(server);
	chan_remove(name);
	for (int i = 0; i < DECOYS; i++) {
		chan_detach(decoy[i]);
		chan_remove(decoy_name[i]);
	}
}

static void make_decoy(int i, const char *called, struct chan_options opt)
{
	opt.size = sizeof(opt);
	snprintf(decoy_name[i], sizeof(decoy_name[i]), "%s", called);
	MUST(chan_create(decoy_name[i], &opt) == 0);
	MUST(chan_open(&decoy[i], decoy_name[i], CHAN_RECV, NULL) == 0);
}

static void make_all(void)
{
	const char *prefix = getenv("FUZZ_NAME");
	struct chan_options like = {
		.flags = CHAN_META | CHAN_NEED_RECEIVERS, .lifetime = CHAN_REF, .type = INBOX_TYPE};
	struct chan_options opt = like;
	struct chan_meta meta;
	struct chan_lease lease;
	uint64_t number;
	char text[64];

	snprintf(name, sizeof(name), "%s-%d-reply", prefix ? prefix : "fuzz", (int)getpid());
	snprintf(text, sizeof(text), "%s-victim", name);
	make_decoy(0, text, like); /* it has another name */
	for (int i = 1; i < DECOYS; i++) {
		snprintf(text, sizeof(text), "inbox.%d.%d", (int)getpid(), i);
		opt = like;
		if (i == 1)
			opt.type = 0;
		else if (i == 2)
			opt.kind = CHAN_KIND_BROADCAST;
		else if (i == 3)
			opt.flags &= ~(uint32_t)CHAN_NEED_RECEIVERS;
		else if (i == 4)
			opt.flags &= ~(uint32_t)CHAN_META;
		else if (i == 5)
			opt.lifetime = CHAN_PERSIST;
		else
			snprintf(text, sizeof(text), "inbox.0%d.1", (int)getpid());
		make_decoy(i, text, opt);
	}
	MUST(atexit(remove_all) == 0);
	opt = (struct chan_options){.size = sizeof(opt), .flags = CHAN_META};
	MUST(chan_create(name, &opt) == 0);
	MUST(chan_open(&client, name, CHAN_SEND, NULL) == 0);
	MUST(chan_open(&server, name, CHAN_RECV, NULL) == 0);
	MUST(chan_request(client, "", 0, NULL, 0, &number) == 0);
	MUST(chan_take(server, &lease, 1, 0) == 1);
	chan_meta_init(&meta);
	MUST(chan_lease_meta(server, &lease, &meta) == 0);
	memcpy(inbox, meta.reply_to, sizeof(inbox));
	MUST(chan_reply(server, &lease, "", 0, NULL, 0) == 0);
	MUST(chan_response(client, number, text, sizeof(text), NULL, 0) == 0);
}

/* ---- a client that lies ---- */

static void add(char *to, const char *piece)
{
	size_t n = strlen(to), len = strlen(piece);

	if (n + len > CHAN_REPLY_MAX)
		len = CHAN_REPLY_MAX - n;
	memcpy(to + n, piece, len);
	to[n + len] = 0;
}

static void take_address(char *to, struct input *in)
{
	char own[32], pid[16], byte[2] = "";
	const char *pieces[] = {own, "0/", "/", "../", "inbox.", pid, ".", "0", "victim", inbox,
		name, "1", "2", "3", "4", "5", "-1", "4294967296/", "shmchan.", byte};

	snprintf(own, sizeof(own), "%u/", (unsigned)geteuid());
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	to[0] = 0;
	for (uint32_t n = take_byte(in) % 16; n; n--) {
		uint32_t which = take_byte(in);

		byte[0] = (char)which;
		/* A decoy as it is called, or a piece. */
		if (which < DECOYS) {
			add(to, own);
			add(to, decoy_name[which]);
		} else {
			add(to, pieces[which % (sizeof(pieces) / sizeof(*pieces))]);
		}
	}
}

static bool answered_soundly(int err)
{
	switch (err) {
	case 0:
	case CHAN_DROPPED:
	case -EINVAL:
	case -EBADMSG:
	case -EACCES:
	case -EAGAIN:
	case -EMSGSIZE:
	case -EPROTOTYPE:
	case -EXDEV:
	case -EIDRM:
	case -ESRCH:
	case -ECONNREFUSED:
	case -EPERM:
		return true;
	default:
		fprintf(stderr, "unexpected: %s\n", chan_strerror(err));
		return false;
	}
}

/* Send a request that lies, and have it answered. */
static void lie(struct input *in)
{
	struct limit limit = limit_of(0);
	struct chan_meta meta;
	struct chan_lease lease;
	unsigned char *front;
	int err;

	chan_meta_init(&meta);
	take_address(meta.reply_to, in);
	meta.correlation = take_bytes(in, 8);
	MUST(client->sending->send_meta(client, "request", 7, &meta, &limit, NULL) == 0);
	MUST(chan_take(server, &lease, 1, 0) == 1);
	front = (unsigned char *)(uintptr_t)lease.data - lease.reserved;
	for (uint32_t n = take_byte(in) % 8; n; n--) {
		uint32_t at = (uint32_t)take_bytes(in, 2);

		front[at % lease.reserved] = (unsigned char)take_byte(in);
	}
	err = chan_wanted(server, &lease);
	MUST(err == 1 || answered_soundly(err));
	chan_meta_init(&meta);
	meta.flags = take_byte(in) & 1 ? CHAN_META_MORE : 0;
	err = chan_reply(server, &lease, "reply", 5, &meta, 0);
	MUST(answered_soundly(err));
	chan_ack(server, &lease, 1);
}

static void check_decoys(void)
{
	struct chan_stat st = {.size = sizeof(st)};

	for (int i = 0; i < DECOYS; i++)
		MUST(chan_stat(decoy[i], &st) == 0 && st.sent == 0);
}

/* ---- a server that lies ---- */

/* What the client waits for. */
static struct expected {
	uint64_t number;
	unsigned replies; /* that are in its inbox, up to the last one */
	bool over, broken;
} expected[REQUESTS];

static struct expected *find_expected(uint64_t number)
{
	for (int i = 0; i < REQUESTS; i++)
		if (expected[i].number == number)
			return &expected[i];
	return NULL;
}

static void send_reply(chan_t *to, struct input *in)
{
	struct limit limit = limit_of(0);
	uint32_t how = take_byte(in);
	struct expected *e;
	struct chan_meta meta;

	chan_meta_init(&meta);
	meta.flags = take_byte(in) &
		     (CHAN_META_REPLY | CHAN_META_MORE | CHAN_META_ONCE | CHAN_META_BROKEN);
	meta.correlation =
		how & 8 ? take_bytes(in, 8) : expected[how % REQUESTS].number - (how >> 4) % 3;
	MUST(to->sending->send_meta(to, "reply", 5, &meta, &limit, NULL) == 0);
	e = find_expected(meta.correlation);
	if (!e || e->over || e->broken || !(meta.flags & CHAN_META_REPLY))
		return;
	if (meta.flags & CHAN_META_BROKEN) {
		e->broken = true;
		return;
	}
	e->replies++;
	e->over = !(meta.flags & CHAN_META_MORE);
}

/* The client gets just that. */
static void read_replies(void)
{
	struct chan_meta meta;
	struct expected *e;
	char buf[16];
	ssize_t n;

	for (;;) {
		chan_meta_init(&meta);
		n = chan_response(client, 0, buf, sizeof(buf), &meta, 0);
		if (n == -EAGAIN || n == -ENOENT)
			break;
		e = find_expected(meta.correlation);
		MUST(e);
		if (n == -ECONNRESET) {
			MUST(e->broken && !e->over && e->replies == 0);
			e->number = 0;
			continue;
		}
		MUST(n == 5 && e->replies-- > 0);
		if (!(meta.flags & CHAN_META_MORE)) {
			MUST(e->over && e->replies == 0);
			e->number = 0;
		}
	}
	for (int i = 0; i < REQUESTS; i++)
		MUST(!expected[i].number || (expected[i].replies == 0 && !expected[i].over));
}

static void answer_with_lies(struct input *in)
{
	struct chan_lease lease;
	chan_t *to;

	MUST(chan_open(&to, inbox, CHAN_SEND, NULL) == 0);
	for (int i = 0; i < REQUESTS; i++) {
		expected[i] = (struct expected){.number = 0};
		MUST(chan_request(client, "", 0, NULL, 0, &expected[i].number) == 0);
		MUST(chan_take(server, &lease, 1, 0) == 1);
		MUST(chan_ack(server, &lease, 1) == 1);
	}
	while (in->left) {
		send_reply(to, in);
		if (take_byte(in) % 4 == 0)
			read_replies();
	}
	read_replies();
	for (int i = 0; i < REQUESTS; i++)
		if (expected[i].number)
			MUST(chan_cancel(client, expected[i].number) == 0);
	chan_detach(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (size < 4)
		return 0;
	bounded();
	if (!client)
		make_all();
	if (take_byte(&in) & 1) {
		lie(&in);
		check_decoys();
	} else {
		answer_with_lies(&in);
	}
	return 0;
}
