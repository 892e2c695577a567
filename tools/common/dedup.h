/* SPDX-License-Identifier: MIT */
/* For how long ids are remembered, as users write it: N messages, or N,DURATION; in a list, where
 * a comma parts the items, N:DURATION. */
#ifndef SHMCHAN_DEDUP_H
#define SHMCHAN_DEDUP_H

#include <stddef.h>
#include <stdint.h>

#define DEDUP_WANTED "a number from 1 to 16777216, or one and a duration, as 1000,1h"

/* Read `text`: 0, *n and *age, ns or 0; or -EINVAL. */
int dedup_parse(const char *text, uint32_t *n, uint64_t *age);

/* Write the same text: returns `text`. */
#define DEDUP_TEXT 48
const char *dedup_text(char text[DEDUP_TEXT], uint32_t n, uint64_t age);

#endif
