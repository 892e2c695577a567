/* SPDX-License-Identifier: MIT */
/*
 * prog_ask VERB [KEY=VALUE...]: send chand a request and print what it answers, a
 * paragraph of lines for each packet; the text of METRICS as it is.  What a test
 * checks so is the protocol, not what chanctl makes of it.  That a MONITOR was
 * admitted shows as an empty line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"

static int failed(int err, const char *reason)
{
	fprintf(stderr, "%s\n", reason ? reason : strerror(-err));
	return cli_exit_code(err == -ENOTCONN ? -ENOENT : err);
}

static void print(const char *verb, const char *packet, const char *lines)
{
	bool text = !strcmp(packet, BUS_PROTOCOL " TEXT");

	if (*lines || !strcmp(verb, "MONITOR"))
		printf(text ? "%s" : "%s\n", lines);
	fflush(stdout);
}

/* Is there more to come? */
static bool more(const char *verb, const char *packet)
{
	return strcmp(packet, BUS_PROTOCOL " END") != 0 && strcmp(verb, "STATUS") != 0 &&
	       strcmp(verb, "CREATE") != 0 && strcmp(verb, "REMOVE") != 0;
}

int main(int argc, char **argv)
{
	char request[BUS_PACKET + 1] = "", packet[BUS_PACKET + 1];
	const char *lines = NULL;
	int fd = bus_connect(CLI_SYSTEM_BUS), err;
	size_t len = 0;

	for (int i = 1; i < argc && len < sizeof(request); i++)
		len += (size_t)snprintf(request + len, sizeof(request) - len, "%s%s\n",
			i == 1 ? BUS_PROTOCOL " " : "", argv[i]);
	if (argc < 2 || fd < 0)
		return failed(fd < 0 ? fd : -EINVAL, NULL);
	err = bus_ask(fd, request, packet, &lines);
	if (err < 0)
		return failed(err, lines);
	print(argv[1], packet, lines);
	while (more(argv[1], packet)) {
		ssize_t n = bus_receive(fd, packet, CHAN_WAIT);

		if (n <= 0)
			return failed(n ? (int)n : -ENOTCONN, NULL);
		err = bus_verdict(packet, &lines);
		if (err < 0)
			return failed(err, lines);
		print(argv[1], packet, lines);
	}
	close(fd);
	return 0;
}
