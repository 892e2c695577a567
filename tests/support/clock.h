/* SPDX-License-Identifier: MIT */
/* Time, for tests: what a call took, and how long a test is ready to wait. */
#ifndef TESTS_SUPPORT_CLOCK_H
#define TESTS_SUPPORT_CLOCK_H

#include <stdint.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define SOON (20 * SECOND) /* a bound for what happens at once */

/* CLOCK_MONOTONIC, ns. */
int64_t now(void);

/* Sleep for `ns`, between two looks at what a test waits for. */
void nap(int64_t ns);

/* Return for how long this thread would have run, and had no CPU, in ns; 0 if the kernel
 * doesn't say (proc(5), /proc/pid/schedstat).  The time that a call takes is the
 * program's, but for this. */
int64_t starved(void);

#endif
