/* SPDX-License-Identifier: MIT */
/* A condition on a channel, as chanctl wait and test take it: of its name, or of its state. */
#ifndef SHMCHAN_CTL_CONDITION_H
#define SHMCHAN_CTL_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "shmchan.h"

enum subject { EXISTS, GONE, EMPTY, IDLE, FULL, CLOSED, RECEIVERS, SENDERS, DEPTH };

struct condition {
	const char *text;
	enum subject subject;
	bool negated;  /* nonempty, notfull */
	char relation; /* '>', '<' or '=' of those with a number: >=, <=, = */
	uint64_t number;
};

/* For the help of a verb that takes one. */
#define CONDITION_NOTES                                                                            \
	"COND is one of exists, gone, empty, idle, nonempty, full, notfull, closed, or\n"          \
	"one of receivers, senders, depth with >=N, <=N or =N. Quote it: > and < are the shell's."

/* A word that is none is a usage error. */
struct condition condition_parse(const char *text);

/* Returns true for EXISTS and GONE; the functions below are for the others. */
bool condition_is_about_name(const struct condition *cond);

bool condition_holds(const struct condition *cond, const struct chan_stat *stat);

/* Returns true if the condition needs another message: none comes into a closed channel. */
bool condition_needs_message(const struct condition *cond, const struct chan_stat *stat);

#endif
