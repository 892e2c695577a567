/* SPDX-License-Identifier: MIT */
/* What becomes of a subscriber that lags, as users write it: block, lose or evict:D. */
#ifndef SHMCHAN_ON_LAG_H
#define SHMCHAN_ON_LAG_H

#include <stddef.h>
#include <stdint.h>

#define ON_LAG_WANTED "block, lose or evict:DURATION"

/* Read `text`: 0, *on_lag (enum chan_on_lag) and *patience, ns; or -EINVAL. */
int on_lag_parse(const char *text, uint32_t *on_lag, uint64_t *patience);

/* Write the same text: returns `text`. */
#define ON_LAG_TEXT 48
const char *on_lag_text(char text[ON_LAG_TEXT], uint32_t on_lag, uint64_t patience);

#endif
