/* SPDX-License-Identifier: MIT */
/*
 * The files that an administrator writes: chand.conf, and a file for each declared
 * channel, NAME.conf in channels.d, with drop-ins NAME.conf.d/X.conf.  If several
 * directories have a file of one name, the first directory counts.  A file that is wrong is
 * refused as a whole, and the others are read all the same: each wrong line is reported to
 * the caller's config_wrong, which logs or prints it.
 */
#ifndef CHAND_CONFIG_H
#define CHAND_CONFIG_H

#include "config/spec.h"
#include "loop/loop.h"

struct quota {
	uint64_t channels, bytes, connections;
};

struct user_quota {
	uid_t uid;
	struct quota quota;
};

struct config {
	enum loop_backend backend;
	struct who_list create; /* who may ask for channels */
	struct quota quota;	/* of every user that has no own one */
	struct user_quota *users;
	size_t n;
};

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

/* Take note of what is wrong in a file (line 0: in the file as a whole), which is of a
 * channel, or of none (NULL). */
typedef void (*config_wrong)(const char *path, unsigned line, const char *channel, const char *why);

/* Read chand.conf from `dirs` (NULL-terminated, the first one that has it).  Returns 0, or
 *   -EINVAL   chand.conf is wrong; nothing has changed */
int config_read(struct config *config, const char *const *dirs, config_wrong wrong);
void config_done(struct config *config);
const struct quota *config_quota(const struct config *config, uid_t uid);

/* Set what counts if chand.conf can't be read and never could: root alone may ask for
 * channels. */
void config_init(struct config *config);

/* Write a file that has the same meaning, with numbers of users and groups. */
void config_write(const struct config *config, FILE *out);

/* Read a file that config_write() wrote.  Returns 0 or -EINVAL. */
int config_read_saved(struct config *config, int fd);

/* Read all declarations; `owner` owns the channels whose file does not say who does.
 * Returns 0 or a negative errno. */
int declarations_read(
	struct declarations *ret, const char *const *dirs, uid_t owner, config_wrong wrong);
void declarations_done(struct declarations *declarations);
const struct declaration *declarations_find(const struct declarations *all, const char *name);

/* Read a channel's file that chand wrote.  Returns 0 or -EINVAL. */
int spec_read_saved(struct spec *spec, int fd);

/* Report the files that are not used because of their names. */
void config_unused(const char *const *dirs, config_wrong note);

#endif
