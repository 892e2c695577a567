/* SPDX-License-Identifier: MIT */
/*
 * Names of channels, and the files that they are: channel NAME of user UID is
 * /dev/shm/shmchan.UID.NAME.
 */
#ifndef CHAN_NAMES_H
#define CHAN_NAMES_H

#include "shmchan.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where shm_open() keeps its objects on Linux, with every libc. */
#define NAMES_DIR "/dev/shm"
#define NAMES_PREFIX "shmchan."
/* Room for a channel's file name, without the directory, and its end. */
#define NAMES_FILE_SIZE (sizeof(NAMES_PREFIX "4294967295.") + CHAN_NAME_MAX)

/* Returns true if it is a channel's name, without an owner: 1 to CHAN_NAME_MAX of
 * A-Z a-z 0-9 . _ - and no dot in front. */
bool name_valid(const char *name);

/* Returns true if it is such a name, or one with OWNER/ in front, and ends before `size` bytes. */
bool name_valid_anywhere(const char *name, size_t size);

/* Returns NAME of what is NAME or OWNER/NAME. */
const char *name_base(const char *name);

/* Write the name of the file of `owner`'s channel `name`, which is valid. */
void name_file(char ret[NAMES_FILE_SIZE], uid_t owner, const char *name);

/* The path of the guard of the chand that keeps a user's channels (guard_file.h), and room
 * for it. */
#define NAMES_GUARD "shmchan-guard."
#define NAMES_GUARD_SIZE (sizeof(NAMES_DIR "/" NAMES_GUARD "4294967295"))
void name_guard(char ret[NAMES_GUARD_SIZE], uid_t owner);

/* Returns true if `file` is a channel's, and then sets its owner and its name, a part of
 * `file`. */
bool name_of_file(const char *file, uid_t *owner, const char **name);

#endif
