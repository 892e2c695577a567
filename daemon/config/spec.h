/* SPDX-License-Identifier: MIT */
/*
 * What a channel of the bus is to be, and which users may do what with it.  A declaration, a
 * request, and the file in which chand keeps a requested channel all use the same keys.
 *
 * Whoever sends writes the segment, and so does whoever receives: a descriptor for one
 * lets a process do the other, and ruin the channel.  What is decided here is which processes get a
 * descriptor at all, and for what a good program may use it.
 */
#ifndef CHAND_SPEC_H
#define CHAND_SPEC_H

#include <stdbool.h>
#include <stdio.h>

#include "config/peer.h"
#include "shmchan.h"

#define SPEC_WHO_MAX 32

struct who {
	bool group;
	uint32_t id;
};

struct who_list {
	struct who at[SPEC_WHO_MAX];
	unsigned n;
};

struct spec {
	char name[CHAN_NAME_MAX + 1];
	struct chan_options options;
	bool daemon;   /* lifetime=daemon: while chand runs */
	bool activate; /* a file says when it has messages and no receiver */
	uid_t owner;   /* may do everything, and it counts for this quota */
	gid_t group;
	bool has_group;
	struct who_list send, receive;
};

void spec_init(struct spec *spec, const char *name, uid_t owner);

/* Set a key.  With `names`, users and groups may be given by name, which may take long to
 * look up, and not only by number.  Returns 0, or -EINVAL and `why`. */
int spec_key(
	struct spec *spec, const char *key, const char *value, bool names, char *why, size_t size);

/* Do all the keys together describe a valid channel?  Returns 0, or -EINVAL and `why`. */
int spec_check(const struct spec *spec, char *why, size_t size);

/* Write it as lines that spec_key() reads: the same text for the same spec. */
void spec_write(const struct spec *spec, FILE *out);
bool spec_equal(const struct spec *a, const struct spec *b);

/* Returns the key in which an existing channel is not as wanted, and can't be changed; or
 * NULL. */
const char *spec_differs(const struct spec *spec, const struct chan_stat *is);

/* May the peer open it for these roles (0: to look)?  Sets *write to
 * whether an observer gets to write. */
bool spec_allows(const struct spec *spec, const struct peer *peer, unsigned roles, bool *write);
bool spec_administers(const struct spec *spec, const struct peer *peer);

/* Read `alice @ops 1000 @100`: users and groups.  Returns 0, or -EINVAL and `why`. */
int who_parse(struct who_list *ret, const char *text, bool names, char *why, size_t size);
/* Write the same text, with numbers.  Returns `text`. */
#define WHO_TEXT (SPEC_WHO_MAX * sizeof(" @4294967295") + 1)
const char *who_text(char text[WHO_TEXT], const struct who_list *list);
bool who_has(const struct who_list *list, const struct peer *peer);

#endif
