/* SPDX-License-Identifier: MIT */
/* What a child is told of its message besides the message: its environment, its arguments
 * (--arg), and an object of JSON (--meta-fd). */
#ifndef SHMCHAN_BRIEF_H
#define SHMCHAN_BRIEF_H

#include <stddef.h>
#include <stdint.h>

#include "recv/exec_options.h"
#include "shmchan.h"

enum { BRIEF_ENV_MOST = 80 };

/* More environment, a NULL at its end. */
struct brief_env {
	char *list[BRIEF_ENV_MOST];
	char text[4096];
	size_t used;
};

/* For n messages, which a child of --batch has together: the number and the attempt are those
 * of the first one, and the size is that of its stdin.  `len` is that size.  `meta` is the
 * first one's header, or NULL. */
void brief_env(struct brief_env *ret, const struct exec_options *x, const char *channel,
	const struct chan_lease *lease, size_t len, const struct chan_meta *meta);

/* For a child that has many messages: the channel only. */
void brief_env_channel(struct brief_env *ret, const struct exec_options *x, const char *channel);

/* Copy the arguments with the message in place of each "{}" behind the command's name.  Sets
 * *ret, which brief_args_free() frees.  Returns 0, or
 *   -E2BIG    the message is longer than an argument may be
 *   -EILSEQ   it has a NUL byte
 *   -ENOMEM */
int brief_args(char ***ret, char *const *command, const struct chan_lease *lease);
void brief_args_free(char **args); /* NULL is fine */

/* Append the message's object, and a newline, to what the descriptor refers to: 0 or a
 * negative errno. */
int brief_meta(int fd, const struct exec_options *x, const char *channel,
	const struct chan_lease *lease, const struct chan_meta *meta);

#endif
