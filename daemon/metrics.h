/* SPDX-License-Identifier: MIT */
/* The bus's counters as OpenMetrics text, over a stream socket of their own too:
 * connect, read to the end. */
#ifndef CHAND_METRICS_H
#define CHAND_METRICS_H

#include <stddef.h>

/* Allocated, or NULL. */
char *metrics_text(size_t *len);

/* Serve the listening socket, which is taken. */
int metrics_start(int fd);

#endif
