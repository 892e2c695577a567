/* SPDX-License-Identifier: MIT */
/*
 * The files an administrator writes: chand.conf, and a file for each declared
 * channel, NAME.conf in channels.d, with drop-ins NAME.conf.d/X.conf.  Of files of
 * one name, that of the first directory counts.  A file that is wrong is refused
 * as a whole, by line, and the rest goes on.
 */
#ifndef CHAND_CONFIG_H
#define CHAND_CONFIG_H

#include "loop.h"
#include "spec.h"

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
	bool bad; /* it is declared, but its file is wrong */
};

struct declarations {
	struct declaration *at;
	size_t n;
};

/* Read from `dirs` (NULL-terminated, first wins); what is wrong is logged.  -EINVAL
 * if chand.conf is wrong: then nothing is changed. */
int config_read(struct config *config, const char *const *dirs);
void config_done(struct config *config);
const struct quota *config_quota(const struct config *config, uid_t uid);

/* `owner`: whose a channel is if its file does not tell. */
int declarations_read(struct declarations *ret, const char *const *dirs, uid_t owner);
void declarations_done(struct declarations *declarations);

/* One key of a channel's file: for ini_read() with a struct spec. */
int config_spec_key(void *spec, const char *section, const char *key, const char *value, char *why,
	size_t size);

#endif
