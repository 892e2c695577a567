/* SPDX-License-Identifier: MIT */
/*
 * The stdin of a child that has all of it from the start: a pipe if it takes that much, else a
 * file in memory.  So no child finds an end of file in the middle of its message, as it would
 * if this process was killed while it still wrote.
 */
#ifndef SHMCHAN_INPUT_H
#define SHMCHAN_INPUT_H

#include <stddef.h>

/* Returns the descriptor to read from, or a negative errno. */
int input_open(const void *data, size_t len);

#endif
