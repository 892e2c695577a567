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

#include "common/bus.h"
#include "common/failure.h"

static int failed(int err, const char *reason)
{
	fprintf(stderr, "%s\n", reason ? reason : strerror(-err));
	return cli_exit_code(err == -ENOTCONN ? -ENOENT : err);
}

static void print(const char *verb, const struct chand_answer *answer)
{
	bool text = !strcmp(answer->what, PACKET_TEXT);

	if (*answer->lines || !strcmp(verb, VERB_MONITOR))
		printf(text ? "%s" : "%s\n", answer->lines);
	fflush(stdout);
}

/* Is there more to come? */
static bool more(const char *verb, const struct chand_answer *answer)
{
	return strcmp(answer->what, PACKET_END) != 0 && strcmp(verb, VERB_STATUS) != 0 &&
	       strcmp(verb, VERB_CREATE) != 0 && strcmp(verb, VERB_REMOVE) != 0;
}

int main(int argc, char **argv)
{
	char request[MESSAGE_MAX + 1] = "", packet[MESSAGE_MAX + 1];
	struct chand_answer answer;
	struct chand chand;
	size_t len = 0;
	int err = bus_connect(&chand, CLI_SYSTEM_BUS);

	for (int i = 1; i < argc && len < sizeof(request); i++)
		len += (size_t)snprintf(request + len, sizeof(request) - len, "%s%s\n",
			i == 1 ? MESSAGE_PROTOCOL " " : "", argv[i]);
	if (argc < 2 || err < 0)
		return failed(err < 0 ? err : -EINVAL, NULL);
	err = bus_ask(&chand, request, packet, &answer);
	while (!err) {
		print(argv[1], &answer);
		if (!more(argv[1], &answer))
			break;
		err = bus_receive(&chand, CHAN_WAIT, packet, &answer);
	}
	if (err < 0)
		return failed(err, answer.lines);
	chand_close(&chand);
	return 0;
}
