/* SPDX-License-Identifier: MIT */
/*
 * chanctl monitor: what happens to channels, an event a line.  Three things report events: the
 * names that appear and disappear (names.c), a chand that keeps channels (feed.c), and what is
 * different between two readings of a channel, 50 ms apart (monitored.c).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/deadline.h"
#include "common/descriptors.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"
#include "ctl/event.h"
#include "ctl/feed.h"
#include "ctl/monitored.h"
#include "ctl/names.h"
#include "ctl/output.h"
#include "ctl/verb.h"

enum { READ_EVERY = 50000000 };

static void follow(int poll_fd)
{
	struct monitored *w;

	while (!ctl_event_status()) {
		int r = cli_wait_fd(poll_fd, POLLIN, cli_deadline(READ_EVERY));

		if (r == -EINTR)
			return;
		names_read();
		feeds_read();
		for (size_t i = 0; (w = monitored_at(i)); i++)
			monitored_read(w);
		if (ctl_reader_gone())
			raise(SIGPIPE);
	}
}

static int monitor(int n, char **operand)
{
	int poll_fd = epoll_create1(EPOLL_CLOEXEC);
	int r = poll_fd < 0 ? -errno : names_start(n ? operand[0] : NULL, poll_fd);

	if (r < 0) {
		cli_error(NULL, "can't wait for events: %s", strerror(-r));
		return CLI_ERROR;
	}
	cli_allow_descriptors();
	cli_signals();
	feeds_start(poll_fd, names_read);
	r = names_list();
	if (r < 0)
		return cli_fail(NULL, NULL, r);
	cli_note(NULL, "watching, %zu channels so far", monitored_count());
	follow(poll_fd);
	return ctl_event_status();
}

static const struct cli_option options[] = {
	{'J', "json", NULL, "a line of JSON for each event"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

const struct ctl_verb ctl_verb_monitor = {
	.tool =
		{
			.name = "chanctl monitor",
			.usage = "[OPTIONS] [GLOB]",
			.summary = "Report what happens to channels, an event a line, until "
				   "interrupted.",
			.notes =
				"Events: present created removed attached detached nonempty empty\n"
				"full notfull grown shrunk grow-failed paused resumed dropped "
				"redelivered recovered closed "
				"damaged; of a "
				"bus\n"
				"also died adopted changed ready served.",
			.options = options,
		},
	.has = CTL_JSON | CTL_BUS | CTL_BUS_KNOWN,
	CTL_GLOB,
	.run = monitor,
};
