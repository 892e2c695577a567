/* SPDX-License-Identifier: MIT */
/*
 * The stdout of a child, chanrecv --output:
 *   group    a file in memory, printed as one piece when the child has ended
 *   line     a pipe, of which each line is printed as one piece when it is whole
 *   pass     this process's own stdout
 *   discard  /dev/null
 *   reply    (--reply) a file in memory, which is the caller's when the child has ended
 * What a child's own children write after the child has ended is printed only with `pass`.
 */
#ifndef SHMCHAN_CAPTURE_H
#define SHMCHAN_CAPTURE_H

#include "recv/exec_options.h"
#include "recv/reactor.h"

struct capture {
	struct reactor_fd in; /* private */
	enum exec_output how;
	int fd; /* the file or our end of the pipe, or -1 */
	char *line;
	size_t used, room;
	char *reply; /* what the child has written, once it ended; the owner frees it */
	size_t reply_len;
	int err; /* of printing it */
};

/* Sets *ret_out to what the child writes to, or -1 if that is our stdout; the caller closes it
 * with capture_given().  Returns 0 or a negative errno. */
int capture_open(struct capture *ret, enum exec_output how, int *ret_out);
void capture_given(const struct capture *c, int out);

/* The child has ended: print what is left.  Returns 0, or the negative errno of the first
 * write that failed, during its run, too. */
int capture_finish(struct capture *c);

/* Free it without printing; fine after capture_finish(). */
void capture_close(struct capture *c);

#endif
