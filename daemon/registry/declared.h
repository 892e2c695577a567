/* SPDX-License-Identifier: MIT */
/*
 * What is declared: the files of channels.d as they were last read.  A channel whose file
 * can't be read keeps what that file said when it could last be read, which is kept in
 * state files (state.h).
 */
#ifndef CHAND_DECLARED_H
#define CHAND_DECLARED_H

#include <stddef.h>

#include "config/declarations.h"

/* Read the files.  Returns 0, or a negative errno, and then nothing has changed. */
int declared_read(void);
void declared_done(void);

/* Returns all of them, until the next declared_read(). */
const struct declarations *declared_all(void);

/* Returns the declaration of that name, or NULL. */
const struct declaration *declared_find(const char *name);

/* Set *ret to what the channel is to be.  Returns false if its file is wrong, and always
 * was. */
bool declared_spec(const struct declaration *declaration, struct spec *ret);

/* Remember that the channel could not be made, and why; or, with err 0, that it was made.
 * Returns false if the same error is known already. */
bool declared_tried(const char *name, int err, const char *why);

/* Returns the error that kept a declared channel from being made, and `why`; or 0. */
int declared_failure(const char *name, char *why, size_t size);

/* Returns whether it could not be made a while ago, so that it may be tried again. */
bool declared_may_retry(const struct declaration *declaration);

/* Keep the spec for a time when its file can't be read. */
void declared_save(const struct spec *spec);

#endif
