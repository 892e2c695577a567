/* SPDX-License-Identifier: MIT */
/*
 * The words for what the interface has numbers for: each is written once, here, and
 * is the same on the command line, in chand's files and protocol, and in what is
 * printed.
 */
#ifndef CHAN_WORDS_H
#define CHAN_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words {
	unsigned n;
	const char *const *word; /* by value */
};

extern const struct words words_role;	  /* CHAN_SEND | CHAN_RECV */
extern const struct words words_side;	  /* the same, for an endpoint: "sender" */
extern const struct words words_kind;	  /* enum chan_kind */
extern const struct words words_overflow; /* enum chan_overflow */
extern const struct words words_on_lag;	  /* enum chan_on_lag */
extern const struct words words_lane_by;  /* enum chan_lane_by, 0 none */
extern const struct words words_lifetime; /* enum chan_lifetime */

/* Return the word for a value, "unknown" for one that has none. */
const char *word(const struct words *of, uint32_t value);

/* Set *ret to the value of a word: 0, or -EINVAL if it is none of them. */
int word_value(const struct words *of, const char *text, uint32_t *ret);

/* Write "a, b or c" to `buf`, and return it. */
const char *words_choice(const struct words *of, char *buf, size_t size);

#endif
