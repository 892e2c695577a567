/* SPDX-License-Identifier: MIT */
/* Channels that a test program left because it was killed by SIGKILL: the next run collects
 * them. */
#ifndef TESTS_SUPPORT_COLLECT_H
#define TESTS_SUPPORT_COLLECT_H

/* Remove this user's channels whose name is `prefix` and the number of a process that is gone,
 * whatever follows.  Those of another PID namespace, where numbers mean others, stay. */
void collect_channels(const char *prefix);

#endif
