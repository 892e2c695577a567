/* SPDX-License-Identifier: MIT */
/*
 * Adopting channels that are there: those that were found at the start (found.h), a few at a
 * time, and those that somebody makes without chand.
 */
#ifndef CHAND_ADOPTION_H
#define CHAND_ADOPTION_H

struct adoption_reports {
	/* It is known now whether there is a channel of that name. */
	void (*resolved)(const char *name);
	/* That may have been the last one for which others wait. */
	void (*settled)(void);
};

/* Begin to adopt what was found.  Returns 0 or a negative errno. */
int adoption_start(const struct adoption_reports *reports);

/* Adopt one of those now. */
void adoption_hurry(const char *name);

/* A segment of ours with that name has appeared, or may have: adopt it, unless it is in the
 * table, or chand makes it. */
void adoption_consider(const char *name);

/* Do the same for all names. */
void adoption_consider_all(void);

#endif
