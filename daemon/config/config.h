/* SPDX-License-Identifier: MIT */
/*
 * The files an administrator writes: chand.conf, and a file for each declared
 * channel, NAME.conf in channels.d, with drop-ins NAME.conf.d/X.conf.  Of files of
 * one name, that of the first directory counts.  A file that is wrong is refused
 * as a whole, and the rest goes on: each line that is wrong is given to the reader's
 * config_wrong, to be logged or printed.
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
	struct quota quota;	/* of every user that has none of his own */
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

/* What is wrong in a file (line 0: the file as a whole) of a channel, or of none
 * (NULL). */
typedef void (*config_wrong)(const char *path, unsigned line, const char *channel, const char *why);

/* Read from `dirs` (NULL-terminated, first wins): 0, or -EINVAL if chand.conf is wrong,
 * and then nothing is changed. */
int config_read(struct config *config, const char *const *dirs, config_wrong wrong);
void config_done(struct config *config);
const struct quota *config_quota(const struct config *config, uid_t uid);

/* For a chand.conf that can't be read and never was: root alone may ask for channels. */
void config_init(struct config *config);

/* As a file that has the same meaning, with numbers of users and groups; and such a file,
 * which chand wrote: 0, -ENOENT there is none, or -EINVAL. */
void config_write(const struct config *config, FILE *out);
int config_read_saved(struct config *config, int fd);

/* `owner`: whose a channel is if its file does not say. */
int declarations_read(
	struct declarations *ret, const char *const *dirs, uid_t owner, config_wrong wrong);
void declarations_done(struct declarations *declarations);
const struct declaration *declarations_find(const struct declarations *all, const char *name);

/* Read a channel's file that chand wrote: 0, or -EINVAL. */
int spec_read_saved(struct spec *spec, int fd);

/* Look for files that count for nothing, because of their names, and say so. */
void config_unused(const char *const *dirs, config_wrong note);

#endif
