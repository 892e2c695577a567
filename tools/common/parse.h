/* SPDX-License-Identifier: MIT */
/*
 * Numbers as users write them.  A parser takes the whole text or nothing, checks every
 * sum for overflow, and knows no locale.
 */
#ifndef SHMCHAN_PARSE_H
#define SHMCHAN_PARSE_H

#include <stddef.h>
#include <stdint.h>

/* Each returns 0, or sets nothing and returns
 *   -EINVAL   the text is no such number
 *   -ERANGE   the number is too large */

int cli_parse_duration(const char *text, int64_t *ret); /* ns, or CHAN_WAIT */
int cli_parse_size(const char *text, uint64_t *ret);
int cli_parse_count(const char *text, uint64_t *ret); /* decimal digits */
int cli_parse_mode(const char *text, uint32_t *ret);  /* octal, up to 0777 */
int cli_parse_rate(const char *text, double *ret);    /* N/s, N/m, N/h or N: > 0 a second */

/* The same for the argument of an option, which is named as the user wrote it, as in
 * "--timeout": if it is wrong, this is a usage error. */
int64_t cli_duration_arg(const char *option, const char *text);
uint64_t cli_size_arg(const char *option, const char *text);
uint64_t cli_count_arg(const char *option, const char *text);
double cli_rate_arg(const char *option, const char *text);

/* Write a duration as it was written: in the largest unit that leaves nothing over. */
void cli_duration_exact(char *text, size_t size, uint64_t ns);

#define CLI_A_SIZE "a size (as 4096, 64K, 1M, 2G)"

#endif
