/* SPDX-License-Identifier: MIT */
/*
 * What chand says about itself and its channels, where there is one.  chanctl goes on
 * without it: if chand does not answer, a warning says so; if there is none, none is given.
 */
#ifndef SHMCHAN_CTL_CHAND_H
#define SHMCHAN_CTL_CHAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bus/chand.h"
#include "common/options.h"

struct ctl_bus {
	enum cli_bus which;
	const char *scope; /* "system", "user" */
	uid_t owner;	   /* of its segments */
	json_t *status;	   /* what it says about itself */
	bool open;	   /* false: it stopped answering */
	struct chand chand;
};

/* Returns the buses whose chand answers, or of them the chosen one; NULL follows the last. */
struct ctl_bus *const *ctl_buses(void);

/* Connect, and ask chand for its status: 0, or a negative errno, with *reason set if chand
 * said why. */
int ctl_bus_open(struct ctl_bus *ret, enum cli_bus which, const char **reason);
void ctl_bus_close(struct ctl_bus *bus);

/* Ask, and call fn(what, lines) for each packet of the answer except its END.  Returns 0, or
 * a negative errno, which is reported unless chand refused. */
int ctl_bus_each(struct ctl_bus *bus, const char *request,
	void (*fn)(const char *what, const char *lines, void *arg), void *arg);

/* Make an object of the lines `key=value`, with texts as its values, and the scope of `bus`
 * if it is not NULL. */
json_t *ctl_bus_object(const struct ctl_bus *bus, const char *lines);
const char *ctl_bus_text(const json_t *object, const char *key); /* or NULL */
uint64_t ctl_bus_number(const json_t *object, const char *key);	 /* or 0 */

/* Ask chand about a channel: an object, or NULL if no chand keeps it. */
json_t *ctl_bus_info(const char *name);

#endif
