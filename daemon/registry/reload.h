/* SPDX-License-Identifier: MIT */
/*
 * One reload after the other: while channels are made for one, the next waits.
 */
#ifndef CHAND_RELOAD_H
#define CHAND_RELOAD_H

#include <stdbool.h>

/* busy() says whether channels are still made for the last reload; apply() does what the
 * registry has to do for one: 0 or a negative errno. */
void reload_start(bool (*busy)(void), int (*apply)(void));

/* Reload as soon as possible: call read(), apply(), and when all channels are made done()
 * with apply()'s result.  Several requests that wait are one. */
void reload_request(void (*read)(void), void (*done)(int err));

/* Call this when busy() may have become false. */
void reload_check(void);

#endif
