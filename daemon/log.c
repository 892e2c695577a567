/* SPDX-License-Identifier: MIT */
/* The journal's native protocol is FIELD=value lines in a datagram; none of chand's values
 * has a newline. */
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct sockaddr_un journal = {
	.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
static int sock = -1;
static int threshold = LOG_INFO;

/* Does stderr lead to the journal? */
static bool to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char here[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(stream, here);
}

void log_open(int least)
{
	threshold = least;
	if (sock < 0 && to_journal())
		sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void harmless(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* Returns -1 if the journal does not take the line. */
static int send_fields(
	int priority, const char *event, const char *channel, pid_t pid, const char *message)
{
	char text[2048], number[32] = "";
	int n;

	if (pid)
		snprintf(number, sizeof(number), "CHAND_PID=%d\n", (int)pid);
	n = snprintf(text, sizeof(text),
		"MESSAGE=%s%s%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=chand\nCHAND_EVENT=%s\n%s%s%s%s",
		channel ? channel : "", channel ? ": " : "", message, priority, event,
		channel ? "CHAND_CHANNEL=" : "", channel ? channel : "", channel ? "\n" : "",
		number);
	if (sock < 0 || n < 0 || (size_t)n >= sizeof(text))
		return -1;
	return sendto(sock, text, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&journal,
		       sizeof(journal)) < 0
		       ? -1
		       : 0;
}

void log_line(int priority, const char *event, const char *channel, pid_t pid, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	if (priority > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	harmless(message);
	if (send_fields(priority, event, channel, pid, message) < 0)
		fprintf(stderr, "chand: %s%s%s\n", channel ? channel : "", channel ? ": " : "",
			message);
}
