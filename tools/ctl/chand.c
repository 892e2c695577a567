/* SPDX-License-Identifier: MIT */
/*
 * What chand says about itself, and about the channels that it keeps.  An answer is
 * packets of `key=value` lines, which become JSON objects of texts.  Columns and findings
 * look up the keys that they want, so a key that an older chand does not have is just
 * missing.
 */
#include "ctl/chand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/deadline.h"
#include "common/message.h"
#include "common/parse.h"
#include "ctl/output.h"

json_t *ctl_bus_object(const struct ctl_bus *bus, const char *lines)
{
	json_t *object = json_object();
	char *copy = ctl_copy(lines), *rest = copy, *line;

	if (bus)
		ctl_set(object, "bus", ctl_text(bus->scope));
	while ((line = strsep(&rest, "\n"))) {
		char *equals = strchr(line, '=');

		if (!equals)
			continue;
		*equals = '\0';
		ctl_set(object, line, ctl_text(equals + 1));
	}
	free(copy);
	return object;
}

const char *ctl_bus_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

uint64_t ctl_bus_number(const json_t *object, const char *key)
{
	const char *text = ctl_bus_text(object, key);
	uint64_t n;

	return text && !cli_parse_count(text, &n) ? n : 0;
}

int ctl_bus_open(struct ctl_bus *ret, enum cli_bus which, const char **reason)
{
	static char packet[MESSAGE_MAX + 1]; /* the reason lies in it */
	struct chand_answer answer;
	const char *scope;
	int err;

	*reason = NULL;
	*ret = (struct ctl_bus){.which = which};
	err = bus_connect(&ret->chand, which);
	if (err < 0)
		return err;
	err = bus_ask(&ret->chand, BUS_REQUEST(VERB_STATUS), packet, &answer);
	if (err < 0) {
		chand_close(&ret->chand);
		*reason = answer.lines;
		return err;
	}
	ret->status = ctl_bus_object(NULL, answer.lines);
	scope = ctl_bus_text(ret->status, "scope");
	ret->scope = scope && !strcmp(scope, "user") ? "user" : "system";
	ret->owner = (uid_t)ctl_bus_number(ret->status, "bus");
	ret->open = true;
	return 0;
}

void ctl_bus_close(struct ctl_bus *bus)
{
	if (bus->open)
		chand_close(&bus->chand);
	bus->open = false;
	json_decref(bus->status);
	bus->status = NULL;
}

static void report_failure(enum cli_bus which, int err, const char *reason)
{
	if (err != -ENOTCONN && err != -EACCES && err != -EINTR)
		cli_warn(NULL, "the %s's chand: %s; going on without it",
			which == CLI_USER_BUS ? "user" : "system",
			reason			     ? reason
			: bus_unreachable(err, NULL) ? bus_problem()
						     : chan_strerror(err));
}

struct ctl_bus *const *ctl_buses(void)
{
	static struct ctl_bus bus[2], *answering[3];
	static bool asked;
	unsigned n = 0;

	for (int i = 0; !asked && i < 2; i++) {
		enum cli_bus which = i ? CLI_USER_BUS : CLI_SYSTEM_BUS;
		const char *reason;
		int err;

		if (cli_bus() && cli_bus() != which)
			continue;
		err = ctl_bus_open(&bus[n], which, &reason);
		if (err < 0)
			report_failure(which, err, reason);
		else
			answering[n] = &bus[n], n++;
	}
	asked = true;
	return answering;
}

/* Call fn() for each packet from `answer`, the first, to the one before the END. */
static int each_packet(struct ctl_bus *bus, char *packet, struct chand_answer *answer,
	void (*fn)(const char *what, const char *lines, void *arg), void *arg)
{
	int err = 0;

	while (!err && strcmp(answer->what, PACKET_END) != 0) {
		fn(answer->what, answer->lines, arg);
		err = bus_receive(&bus->chand, cli_deadline(BUS_PATIENCE), packet, answer);
	}
	return err;
}

int ctl_bus_each(struct ctl_bus *bus, const char *request,
	void (*fn)(const char *what, const char *lines, void *arg), void *arg)
{
	char packet[MESSAGE_MAX + 1];
	struct chand_answer answer;
	int err;

	if (!bus->open)
		return -ENOTCONN;
	err = bus_ask(&bus->chand, request, packet, &answer);
	if (err < 0 && answer.lines)
		return err; /* chand refused: that is all of the answer */
	if (!err)
		err = each_packet(bus, packet, &answer, fn, arg);
	if (err < 0) {
		report_failure(bus->which, err, NULL);
		ctl_bus_close(bus);
	}
	return err;
}

struct info {
	const struct ctl_bus *bus;
	json_t *object;
};

static void keep_info(const char *what, const char *lines, void *arg)
{
	struct info *info = arg;

	if (strcmp(what, PACKET_CHANNEL) != 0)
		return;
	json_decref(info->object);
	info->object = ctl_bus_object(info->bus, lines);
}

json_t *ctl_bus_info(const char *name)
{
	char request[CHAN_NAME_MAX + 64];

	for (struct ctl_bus *const *bus = ctl_buses(); *bus; bus++) {
		const char *local = bus_name_of((*bus)->owner, name);
		struct info info = {.bus = *bus};

		if (!local || snprintf(request, sizeof(request), BUS_REQUEST(VERB_INFO) "name=%s\n",
				      local) >= (int)sizeof(request))
			continue;
		if (!ctl_bus_each(*bus, request, keep_info, &info))
			return info.object;
		json_decref(info.object);
	}
	return NULL;
}
