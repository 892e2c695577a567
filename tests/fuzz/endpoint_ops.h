/* SPDX-License-Identifier: MIT */
/* One endpoint, and what an input makes it do; shared by fuzz_segment.c and
 * fuzz_live.c. */
#ifndef TESTS_FUZZ_ENDPOINT_OPS_H
#define TESTS_FUZZ_ENDPOINT_OPS_H

#include "channel/channel.h"
#include "fuzz.h"

/* The longest wait of a call. */
#define BRIEF INT64_C(20000)

struct user {
	chan_t *ch;
	struct chan_lease lease[4];
	unsigned leases;
};

/* Returns true if opening a spoiled segment may fail like that. */
bool refused_soundly(int err);

/* Make one call; it must return, in time, a sound result or an error. */
void user_act(struct user *u, struct input *in);

/* Detach. */
void user_leave(struct user *u);

/* The channel that is ready; a name of its own for each process, the prefix from
 * $FUZZ_NAME. */
const char *fuzz_channel(void);

/* The segment of a channel, mapped apart from the library: what a spoiler holds. */
struct spoiler {
	struct layout *layout;
	unsigned char *ring;
	struct layout_subscriber *subscriber; /* of a broadcast, else NULL */
	void *ids;			      /* of one with headers, else NULL */
	uint32_t lanes;			      /* 1: it has none but itself */
	size_t size;
	int fd;
};

#define FUZZ_CAPACITY 4096u
#define FUZZ_ENDPOINTS 64u
#define FUZZ_IDS 4u
#define FUZZ_GROUPS 2u /* of a broadcast: fewer than are asked for */

/* An entry of its subscribers' table: one that may be in use. */
struct layout_subscriber *spoiler_entry(const struct spoiler *s, struct input *in);

/* Spoil something of a lane. */
void spoil_lane(const struct spoiler *s, bool ring, struct input *in);

/* As new, of one of several kinds; nobody has it open. */
struct spoiler *spoiler_ready(uint32_t how);

#endif
