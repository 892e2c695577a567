/* SPDX-License-Identifier: MIT */
/* See message.h. */
#include "common/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/status.h"

static const char *name = "shmchan";
static bool named;
static int verbosity;

void cli_set_name(const char *program)
{
	name = program;
	named = true;
}

void cli_set_verbosity(int value)
{
	verbosity = value;
}

static void print_message(const char *channel, const char *fmt, va_list ap)
{
	char line[1024];
	size_t room = sizeof(line) - 1; /* for the newline */
	int n = snprintf(line, room, "%.*s: %s%s", (int)strcspn(name, " "), name,
		channel ? channel : "", channel ? ": " : "");

	if (n > 0 && (size_t)n < room) {
		int m = vsnprintf(line + n, room - (size_t)n, fmt, ap);

		if (m > 0)
			n += m;
	}
	if (n < 0)
		return;
	if ((size_t)n >= room)
		n = (int)room - 1;
	for (int i = 0; i < n; i++) /* it may quote names and input */
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	fwrite(line, 1, (size_t)n, stderr);
}

void cli_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_message(NULL, fmt, ap);
	va_end(ap);
	if (named)
		fprintf(stderr, "Try '%s --help' for more information.\n", name);
	exit(CLI_USAGE);
}

void cli_error(const char *channel, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_message(channel, fmt, ap);
	va_end(ap);
}

void cli_warn(const char *channel, const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 0)
		return;
	va_start(ap, fmt);
	print_message(channel, fmt, ap);
	va_end(ap);
}

void cli_note(const char *channel, const char *fmt, ...)
{
	va_list ap;

	if (verbosity < 1)
		return;
	va_start(ap, fmt);
	print_message(channel, fmt, ap);
	va_end(ap);
}

bool cli_verbose(void)
{
	return verbosity > 0;
}

bool cli_quiet(void)
{
	return verbosity < 0;
}
