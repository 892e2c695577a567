/* SPDX-License-Identifier: MIT */
/* The bus's counters as OpenMetrics text, also over a stream socket of their own: a client
 * connects and reads to the end. */
#ifndef CHAND_METRICS_H
#define CHAND_METRICS_H

#include <stddef.h>

/* Returns the text, which is allocated, or NULL. */
char *metrics_text(size_t *len);

/* Serve the listening socket, which is taken. */
int metrics_start(int fd);

#endif
