/* SPDX-License-Identifier: MIT */
/*
 * The channels that an administrator declares: each in a file NAME.conf in channels.d, with
 * drop-ins NAME.conf.d/X.conf.  If several directories have a file of one name, the first
 * directory counts.  A file that is wrong is refused as a whole, and the others are read all
 * the same.
 */
#ifndef CHAND_DECLARATIONS_H
#define CHAND_DECLARATIONS_H

#include "config/reading.h"
#include "config/spec.h"

/* A declared channel. */
struct declaration {
	struct spec spec;
	char *file;
	bool bad; /* it is declared, but a file of it is wrong: only its name counts */

	/* declared.c: why the channel could not be made when that was last tried. */
	int err;
	char *why;
	int64_t tried;
};

/* By name. */
struct declarations {
	struct declaration *at;
	size_t n;
	bool incomplete; /* a directory could not be read: others may be declared, too */
};

/* Read all declarations in `dirs` (NULL-terminated); `owner` owns the channels whose file
 * names no owner.  Returns 0 or a negative errno. */
int declarations_read(
	struct declarations *ret, const char *const *dirs, uid_t owner, config_wrong wrong);
void declarations_done(struct declarations *declarations);
const struct declaration *declarations_find(const struct declarations *all, const char *name);

/* Report the files that are not used because of their names. */
void declarations_unused(const char *const *dirs, config_wrong note);

/* Read a channel's file that chand wrote.  Returns 0 or -EINVAL. */
int spec_read_saved(struct spec *spec, int fd);

#endif
