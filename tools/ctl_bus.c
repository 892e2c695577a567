/* SPDX-License-Identifier: MIT */
/*
 * chanctl bus: what chand tells of itself and its channels.  A packet of its
 * answer is a paragraph of key=value lines, or with -J a JSON object on a line.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "ctl.h"

enum { SYSTEM = CLI_LONG, USER };

static const struct cli_option options[] = {
	CTL_OPTION_JSON,
	{SYSTEM, "system", NULL, "the system's (default)"},
	{USER, "user", NULL, "your own"},
	CLI_COMMON,
	CLI_END,
};

static bool user;

static void option(int letter, const char *name, const char *arg)
{
	(void)name;
	(void)arg;
	user = letter == USER;
}

static const struct request {
	const char *word, *verb;
	bool name; /* takes the name of a channel */
} requests[] = {
	{"status", "STATUS", false},
	{"list", "LIST", false},
	{"info", "INFO", true},
	{"monitor", "MONITOR", false},
	{"metrics", "METRICS", false},
};

static const struct request *find(const char *word)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!strcmp(requests[i].word, word))
			return &requests[i];
	cli_usage("'%s' is not status, list, info, monitor or metrics", word);
}

static json_t *object_of(char *lines)
{
	json_t *object = json_object();
	char *next;

	for (char *line = lines; *line; line = next) {
		char *equals = strchr(line, '=');

		next = strchr(line, '\n');
		if (!next)
			break;
		*next++ = '\0';
		if (!equals)
			continue;
		*equals = '\0';
		ctl_set(object, line, ctl_text(equals + 1));
	}
	return object;
}

/* A packet of an answer: print what it has. */
static int print(const char *lines, bool text)
{
	char copy[BUS_PACKET + 1];
	int status;

	if (!*lines)
		return CLI_OK;
	if (text)
		return ctl_write(lines, strlen(lines));
	snprintf(copy, sizeof(copy), "%s", lines);
	if (ctl_output.json)
		return ctl_write_json(object_of(copy));
	status = ctl_write(lines, strlen(lines));
	return status ? status : ctl_write("\n", 1);
}

static int fail(const char *name, int err, const char *reason)
{
	if (err == -ENOTCONN) {
		cli_error(name, "no chand to ask; start it with 'systemctl %sstart chand.socket'",
			user ? "--user " : "");
		return CLI_NO_CHANNEL;
	}
	cli_error(name, "%s", reason ? reason : strerror(-err));
	return cli_exit_code(err);
}

/* Is there more to come after this packet? */
static bool more(const struct request *r, const char *kind)
{
	if (!strcmp(kind, BUS_PROTOCOL " END"))
		return false;
	return strcmp(r->verb, "STATUS") != 0;
}

static int print_answer(int fd, const struct request *r, const char *name)
{
	char packet[BUS_PACKET + 1];
	const char *text;
	ssize_t n;
	int status;

	do {
		n = bus_receive(fd, packet);
		if (n == -EINTR)
			return CLI_OK; /* a signal ends the monitor */
		if (n <= 0)
			return fail(name, n ? (int)n : -ENOTCONN, "chand ended");
		n = bus_verdict(packet, &text);
		if (n < 0)
			return fail(name, (int)n, text);
		status = print(text, !strcmp(packet, BUS_PROTOCOL " TEXT"));
	} while (status == CLI_OK && more(r, packet));
	return status;
}

static int bus(int n, char **operand)
{
	const struct request *r = find(operand[0]);
	char request[BUS_PACKET];
	int fd, err, status;

	if (r->name != (n == 2))
		cli_usage("%s takes %s", operand[0], r->name ? "a channel's name" : "no name");
	if (snprintf(request, sizeof(request), BUS_PROTOCOL " %s\n%s%s%s", r->verb,
		    n == 2 ? "name=" : "", n == 2 ? operand[1] : "",
		    n == 2 ? "\n" : "") >= (int)sizeof(request))
		return cli_fail(operand[1], NULL, -EINVAL);
	cli_signals();
	fd = bus_connect(user);
	if (fd < 0)
		return fail(NULL, fd, NULL);
	err = bus_send(fd, request);
	status = err < 0 ? fail(NULL, err, NULL) : print_answer(fd, r, n == 2 ? operand[1] : NULL);
	close(fd);
	return status;
}

const struct ctl_verb ctl_verb_bus = {
	.tool =
		{
			.name = "chanctl bus",
			.usage = "[OPTIONS] status|list|info NAME|monitor|metrics",
			.summary = "Ask chand, the message bus, about itself and its channels.",
			.options = options,
		},
	.output = CTL_JSON,
	.min = 1,
	.max = 2,
	.option = option,
	.run = bus,
};
