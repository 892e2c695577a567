/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/protocol.h"
#include "notify.h"
#include "settings.h"

/* After a failure chand asks again in this part of an interval: a whole one would be too
 * late. */
#define SOON 8

static struct sockaddr_un address;
static socklen_t address_len = sizeof(address);
static struct timer timer;
static struct source client = {.fd = -1};
static int64_t interval;

static void again(int64_t after)
{
	loop_timer(settings->loop, &timer, clock_monotonic() + after);
}

static void hang_up(void)
{
	loop_remove(settings->loop, &client);
	close(client.fd);
	client.fd = -1;
}

static void answered(struct source *source)
{
	static const char ok[] = MESSAGE_PROTOCOL " " PACKET_OK "\n";
	char text[MESSAGE_MAX];
	ssize_t n = recv(source->fd, text, sizeof(text), MSG_DONTWAIT);
	bool well = n >= (ssize_t)strlen(ok) && !memcmp(text, ok, strlen(ok));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (well)
		notify("WATCHDOG=1");
	hang_up();
	again(well ? interval : interval / SOON);
}

static void ask(struct timer *unused)
{
	static const char status[] = MESSAGE_PROTOCOL " " VERB_STATUS "\n";

	(void)unused;
	client.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	client.events = POLLIN;
	client.ready = answered;
	if (client.fd >= 0 && connect(client.fd, (struct sockaddr *)&address, address_len) == 0 &&
		send(client.fd, status, strlen(status), MSG_NOSIGNAL) > 0 &&
		loop_add(settings->loop, &client) == 0)
		return;
	/* The backlog is full, or there are no descriptors. */
	if (client.fd >= 0)
		close(client.fd);
	client.fd = -1;
	again(interval / SOON);
}

int watchdog_start(int fd)
{
	interval = notify_watchdog();
	if (!interval)
		return 0;
	if (getsockname(fd, (struct sockaddr *)&address, &address_len) < 0)
		return -errno;
	timer.fired = ask;
	return loop_timer(settings->loop, &timer, clock_monotonic());
}
