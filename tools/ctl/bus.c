/* SPDX-License-Identifier: MIT */
/*
 * What chand tells chanctl: of itself, and of the channels it keeps.  An answer is
 * packets of `key=value` lines; here they become JSON objects of texts, in which
 * columns and findings look up what they want, so a key that an older chand does
 * not tell is not there, and no more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

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
	static char packet[BUS_PACKET + 1]; /* the reason lies in it */
	int fd = bus_connect(which), err;
	const char *scope;

	*reason = NULL;
	if (fd < 0)
		return fd;
	err = bus_ask(fd, BUS_PROTOCOL " STATUS\n", packet, reason);
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret = (struct ctl_bus){.which = which, .fd = fd, .status = ctl_bus_object(NULL, *reason)};
	*reason = NULL;
	scope = ctl_bus_text(ret->status, "scope");
	ret->scope = scope && !strcmp(scope, "user") ? "user" : "system";
	ret->owner = (uid_t)ctl_bus_number(ret->status, "bus");
	return 0;
}

void ctl_bus_close(struct ctl_bus *bus)
{
	if (bus->fd >= 0)
		close(bus->fd);
	bus->fd = -1;
	json_decref(bus->status);
	bus->status = NULL;
}

static void failed(enum cli_bus which, int err, const char *reason)
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
			failed(which, err, reason);
		else
			answering[n] = &bus[n], n++;
	}
	asked = true;
	return answering;
}

/* The kind of a packet whose first line is cut off, or NULL. */
static const char *kind_of(const char *packet)
{
	static const char head[] = BUS_PROTOCOL " ";

	return strncmp(packet, head, strlen(head)) ? NULL : packet + strlen(head);
}

/* The packet is the first, and no error. */
static int walk(struct ctl_bus *bus, char *packet, const char *lines,
	void (*fn)(const char *kind, const char *lines, void *arg), void *arg)
{
	for (;;) {
		const char *kind = kind_of(packet);
		ssize_t n;

		if (!kind)
			return -EBADMSG;
		if (!strcmp(kind, "END"))
			return 0;
		fn(kind, lines, arg);
		n = bus_receive(bus->fd, packet, cli_deadline(BUS_PATIENCE));
		if (n <= 0)
			return n ? (int)n : -ENOTCONN;
		n = bus_verdict(packet, &lines);
		if (n < 0)
			return (int)n;
	}
}

int ctl_bus_each(struct ctl_bus *bus, const char *request,
	void (*fn)(const char *kind, const char *lines, void *arg), void *arg)
{
	char packet[BUS_PACKET + 1];
	const char *lines;
	int err;

	if (bus->fd < 0)
		return -ENOTCONN;
	err = bus_ask(bus->fd, request, packet, &lines);
	if (err < 0 && lines)
		return err; /* refused, and that was all of the answer */
	if (!err)
		err = walk(bus, packet, lines, fn, arg);
	if (err < 0) {
		failed(bus->which, err, NULL);
		ctl_bus_close(bus);
	}
	return err;
}

struct telling {
	const struct ctl_bus *bus;
	struct ctl_channel *ch;
};

static void tell(const char *kind, const char *lines, void *arg)
{
	struct telling *t = arg;

	if (strcmp(kind, "CHANNEL") != 0)
		return;
	json_decref(t->ch->bus);
	t->ch->bus = ctl_bus_object(t->bus, lines);
}

void ctl_bus_tell(struct ctl_channel *ch)
{
	char request[CHAN_NAME_MAX + 64];

	for (struct ctl_bus *const *bus = ctl_buses(); *bus; bus++) {
		const char *local = bus_name_of((*bus)->owner, ch->name);

		if (!local || snprintf(request, sizeof(request), BUS_PROTOCOL " INFO\nname=%s\n",
				      local) >= (int)sizeof(request))
			continue;
		if (!ctl_bus_each(*bus, request, tell, &(struct telling){.bus = *bus, .ch = ch}))
			return;
	}
}
