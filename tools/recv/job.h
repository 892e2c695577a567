/* SPDX-License-Identifier: MIT */
/* A job: one child for one message, or for a few (--batch), whose exit status settles them. */
#ifndef SHMCHAN_JOB_H
#define SHMCHAN_JOB_H

#include "recv/settle.h"

/* Start a job for n tasks of one receiver.  It settles them when its child has ended, or at
 * once if they can't be put into arguments.  Returns 0, or a negative errno if no child could
 * be made: the tasks are as they were. */
int job_start(const struct exec_options *x, struct task **tasks, unsigned n);

#endif
