/* SPDX-License-Identifier: MIT */
/* The requests, a function for each verb (PROTOCOL.md). */
#ifndef CHAND_VERBS_H
#define CHAND_VERBS_H

struct connection;
struct message;

struct verb {
	const char *name;
	/* Carry the request out, and make the answer, or begin it. */
	void (*run)(struct connection *c, const struct message *m);
	const char *keys; /* space before and after each; NULL: those of a spec */
};

/* Returns the verb, or NULL. */
const struct verb *verb_find(const char *name);

#endif
