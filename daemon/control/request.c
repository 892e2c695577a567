/* SPDX-License-Identifier: MIT */
/* The model is in request.h. */
#include "control/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/names.h"
#include "common/parse.h"
#include "control/connection.h"
#include "control/message.h"
#include "control/verbs.h"
#include "errors.h"
#include "registry/registry.h"
#include "settings.h"

/* A parked request waits for so long: the library gives chand a second, and its user is
 * to read why. */
#define PARKED_MAX INT64_C(500000000)

static bool keys_known(const struct verb *verb, const struct message *m)
{
	char key[64];

	for (unsigned i = 0; verb->keys && i < m->n; i++)
		if (snprintf(key, sizeof(key), " %s ", m->pair[i].key) >= (int)sizeof(key) ||
			!strstr(verb->keys, key))
			return false;
	return true;
}

/* Does the client mean this bus? */
static bool right_bus(const struct message *m)
{
	const char *text = message_get(m, "bus");
	uint64_t uid;

	return !text || (cli_parse_count(text, &uid) == 0 && uid == settings->uid);
}

static void park(struct connection *c, const char *name, const char *text, size_t len)
{
	c->parked = malloc(len);
	if (!c->parked) {
		connection_error(c, -ENOMEM, error_text(-ENOMEM));
		return;
	}
	memcpy(c->parked, text, len);
	c->parked_len = len;
	snprintf(c->name, sizeof(c->name), "%s", name);
	loop_timer(settings->loop, &c->limit, clock_monotonic() + PARKED_MAX);
}

/* Returns the name of the channel, if it has to be made before the request is handled. */
static const char *unmade_channel(const struct message *m)
{
	const char *name = message_get(m, "name");

	return name && strcmp(m->verb, VERB_CREATE) != 0 && name_valid(name) &&
			       registry_expedite(name)
		       ? name
		       : NULL;
}

void request_handle(struct connection *c, char *text, size_t len)
{
	char copy[MESSAGE_MAX];
	const struct verb *verb;
	struct message m;
	const char *why, *name;
	int err;

	memcpy(copy, text, len);
	err = message_parse(&m, text, len, &why);
	if (err < 0) {
		connection_error(c, err, why);
		return;
	}
	verb = verb_find(m.verb);
	if (!verb)
		connection_error(c, -EINVAL,
			"unknown verb; there are " VERB_OPEN ", " VERB_CREATE ", " VERB_REMOVE
			", " VERB_LIST ", " VERB_INFO ", " VERB_STATUS ", " VERB_MONITOR
			", " VERB_METRICS);
	else if (!keys_known(verb, &m))
		connection_error(c, -EINVAL, "a key that this verb does not know");
	else if (!right_bus(&m))
		connection_error(c, -ENOENT, "this bus keeps another user's channels");
	else if (!(name = unmade_channel(&m)))
		verb->run(c, &m);
	else if (c->late)
		connection_error(c, -EINPROGRESS, "chand is still making this channel; try again");
	else
		park(c, name, copy, len);
}

bool request_unpark(struct connection *c)
{
	char text[MESSAGE_MAX + 1];
	size_t len = c->parked_len;

	if (!c->late && registry_expedite(c->name))
		return false;
	memcpy(text, c->parked, len);
	free(c->parked);
	c->parked = NULL;
	loop_cancel(settings->loop, &c->limit);
	request_handle(c, text, len);
	c->late = false;
	return true;
}

void request_limit_passed(struct timer *timer)
{
	struct connection *c = container_of(timer, struct connection, limit);

	c->late = true;
	loop_again(settings->loop, &c->source);
}
