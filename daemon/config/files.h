/* SPDX-License-Identifier: MIT */
/* The files X.conf in a folder that each of several directories may have. */
#ifndef CHAND_FILES_H
#define CHAND_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/reading.h"

/* The paths of DIR/`sub`/X.conf, sorted by X; if several DIR have an X, that of the first
 * one. */
struct files {
	struct file {
		char *name; /* X.conf */
		char *path;
	} * at;
	size_t n;
};

/* Find them in `dirs`, which end with NULL.  *incomplete is set if a directory can't be
 * read.  Returns 0 or -ENOMEM. */
int files_find(struct files *ret, const char *const *dirs, const char *sub, bool *incomplete,
	config_wrong wrong);
void files_done(struct files *files);

/* Report the files of that folder that files_find() passes over because of their names. */
void files_unused(const char *const *dirs, const char *sub, config_wrong note);

#endif
