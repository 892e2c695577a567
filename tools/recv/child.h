/* SPDX-License-Identifier: MIT */
/*
 * chanrecv CHANNEL -- COMMAND: one child for one message.
 *
 * The child has the message on its stdin, a process group of its own, and of this process's
 * descriptors only stdout and stderr.  When this process dies, the kernel kills the child
 * (PR_SET_PDEATHSIG), and its message goes to another receiver.
 */
#ifndef SHMCHAN_CHILD_H
#define SHMCHAN_CHILD_H

#include <stddef.h>
#include <stdint.h>

struct child {
	char *const *command; /* and its arguments, to a NULL */
	const char *channel;
	const void *data; /* the message */
	size_t len;
	uint64_t seq;
	uint32_t attempt;
};

/* Call once, before the first child. */
void child_init(void);

/*
 * Run the command to its end and set *ret to its wait status (waitpid(2)).  The
 * first signal of cli_count_signals() changes nothing; the second is passed on to
 * the child's group as SIGTERM, each later one as SIGKILL.
 *
 * Returns 0, or a negative errno if no child could be made.
 */
int child_run(const struct child *c, int *ret);

#endif
