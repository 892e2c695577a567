/* SPDX-License-Identifier: MIT */
/*
 * What is declared: the files of channels.d as they were last read.  A channel whose file
 * can't be read keeps what that file said when it could last be read, which is kept in
 * state files (state.h).
 */
#ifndef CHAND_DECLARED_H
#define CHAND_DECLARED_H

#include "config/config.h"

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

/* Keep the spec for a time when its file can't be read. */
void declared_save(const struct spec *spec);

#endif
