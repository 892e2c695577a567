/* SPDX-License-Identifier: MIT */
/*
 * A whole segment, spoiled before it is opened and between calls.  Opening a
 * spoiled one is refused, or gives an endpoint with which every call returns;
 * nothing that was read is outside.
 */
#include "endpoint_ops.h"

#include <errno.h>
#include <unistd.h>

enum { USERS = 3 };

static void spoil_header(struct spoiler *s, struct input *in)
{
	struct layout_header *h = &s->layout->header;
	size_t at = take_byte(in) * 4 % sizeof(*h);
	uint32_t word;
	uint64_t pages;

	switch (take_byte(in) % 4) {
	case 0: /* of a size that fits, with less or more behind it */
		pages = 1 + take_byte(in) % 16;
		h->capacity = pages * 4096;
		h->ring_offset = (uint64_t)(s->ring - (unsigned char *)s->layout);
		h->segment_size = h->ring_offset + h->capacity;
		MUST(ftruncate(s->fd, (off_t)h->segment_size) == 0);
		break;
	case 1:
		h->options ^= 1u << take_byte(in) % 11;
		break;
	case 2:
		h->lifetime = CHAN_REF;
		h->linger = take_byte(in) & 1 ? 0 : take_bytes(in, 4);
		break;
	default:
		memcpy(&word, (char *)h + at, sizeof(word));
		word = take_byte(in) & 1 ? word ^ 1u << take_byte(in) % 32
					 : (uint32_t)take_bytes(in, 4);
		memcpy((char *)h + at, &word, sizeof(word));
	}
}

static void spoil_table(struct spoiler *s, struct input *in)
{
	struct layout_endpoint *e = &s->layout->endpoint[take_byte(in) % FUZZ_ENDPOINTS];

	atomic_store(&e->pid, (int32_t)take_bytes(in, 4));
	atomic_store(&e->roles, take_byte(in));
	atomic_store(&e->command[0], take_bytes(in, 8));
	atomic_store(&e->command[1], take_bytes(in, 8));
}

static void open_one(struct user *u, struct input *in)
{
	unsigned flags = take_byte(in) & (CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE);
	int err;

	if (flags == CHAN_EXCLUSIVE)
		flags = 0;
	err = chan_open(&u->ch, fuzz_channel(), flags, NULL);
	/* A subscriber can't be exclusive, nor who works in lanes. */
	MUST(err == 0 || refused_soundly(err) || (err == -EINVAL && flags & CHAN_EXCLUSIVE));
	if (err < 0)
		u->ch = NULL;
}

/* Where the ring now is, if the header may be spoiled: as far as the file goes. */
static void spoil_somewhere(struct spoiler *s, struct input *in)
{
	switch (take_byte(in) % 8) {
	case 0:
		spoil_header(s, in);
		break;
	case 1:
		spoil_table(s, in);
		break;
	case 2:
		if (s->subscriber) {
			spoil_subscriber(&s->layout->control, spoiler_entry(s, in), in);
			break;
		}
		/* fallthrough */
	case 3:
	case 4:
		spoil_lane(s, true, in);
		break;
	default:
		spoil_lane(s, false, in);
	}
}

/* A file that shrinks under a mapping kills whoever reads it, as the documentation says:
 * so it shrinks only before anybody has it open. */
static bool nobody(const struct user *user)
{
	for (int i = 0; i < USERS; i++)
		if (user[i].ch)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct user user[USERS] = {{.ch = NULL}};
	struct spoiler *s = spoiler_ready(take_byte(&in));

	bounded();
	while (in.left) {
		uint32_t what = take_byte(&in);
		struct user *u = &user[what / 16 % USERS];

		if (what % 4 == 0 && nobody(user))
			spoil_somewhere(s, &in);
		else if (what % 8 == 0 && s->subscriber)
			spoil_subscriber(&s->layout->control, spoiler_entry(s, &in), &in);
		else if (what % 4 == 0)
			spoil_lane(s, false, &in);
		else if (what % 4 == 1 && !nobody(user))
			spoil_lane(s, true, &in);
		else if (!u->ch)
			open_one(u, &in);
		else if (what == 255)
			user_leave(u);
		else
			user_act(u, &in);
	}
	for (int i = 0; i < USERS; i++)
		user_leave(&user[i]);
	return 0;
}
