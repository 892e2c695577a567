/* SPDX-License-Identifier: MIT */
/*
 * Output of chanctl: text is first made in memory, then written whole, so that a line is
 * never torn and an error of stdout is noticed in one place.  If there is no memory, the
 * process ends.
 */
#include "ctl/output.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/message.h"
#include "common/output.h"
#include "common/status.h"

struct ctl_output ctl_output;

static _Noreturn void no_memory(void)
{
	cli_error(NULL, "out of memory");
	exit(CLI_ERROR);
}

static void *check_memory(void *memory)
{
	if (!memory)
		no_memory();
	return memory;
}

void *ctl_alloc(size_t n, size_t size)
{
	return check_memory(calloc(n ? n : 1, size));
}

void *ctl_grow(void *old, size_t n, size_t size)
{
	return check_memory(reallocarray(old, n, size));
}

char *ctl_copy(const char *text)
{
	return check_memory(strdup(text));
}

FILE *ctl_memory(char **text, size_t *len)
{
	return check_memory(open_memstream(text, len));
}

void ctl_memory_end(FILE *file)
{
	bool failed = ferror(file);

	if (fclose(file) || failed)
		no_memory();
}

int ctl_write_failed(int err)
{
	cli_error(NULL, "can't write to stdout: %s", strerror(-err));
	return CLI_ERROR;
}

int ctl_write(const char *text, size_t len)
{
	size_t *end = ctl_alloc(len, sizeof(*end)), n = 0, done;
	int r;

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || i + 1 == len)
			end[n++] = i + 1;
	r = output_records(text, end, n, &done);
	free(end);
	return r ? ctl_write_failed(r) : CLI_OK;
}

int ctl_write_free(char *text, size_t len)
{
	int r = ctl_write(text, len);

	free(text);
	return r;
}

int ctl_write_json(json_t *value)
{
	size_t format = ctl_output.pretty ? JSON_INDENT(2) : JSON_COMPACT;
	char *text = check_memory(json_dumps(value, format | JSON_REAL_PRECISION(16)));
	size_t len = strlen(text);

	json_decref(value);
	text[len] = '\n'; /* in place of the NUL: the length says where it ends */
	return ctl_write_free(text, len + 1);
}

bool ctl_reader_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) == 1 && out.revents & (POLLERR | POLLNVAL);
}

json_t *ctl_text(const char *text)
{
	json_t *value = json_string(text);

	/* It may be no UTF-8: a command or a user's name may be any bytes. */
	return value ? value : check_memory(json_string("?"));
}

json_t *ctl_number(uint64_t value)
{
	return check_memory(json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

json_t *ctl_time(int64_t ns)
{
	return check_memory(json_real((double)(ns / 1000) / 1e6));
}

void ctl_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		no_memory();
}

void ctl_size_text(char *ret, size_t size, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024;
	unsigned unit = 0;
	size_t len;

	if (ctl_output.bytes || bytes < 1024) {
		snprintf(ret, size, "%llu", (unsigned long long)bytes);
		return;
	}
	for (; value >= 1023.5; value /= 1024) /* it would be shown as 1024 */
		unit++;
	snprintf(ret, size, "%.*f", value < 99.95, value);
	if (strstr(ret, ".0"))
		*strchr(ret, '.') = 0;
	len = strlen(ret);
	snprintf(ret + len, size - len, "%c", units[unit]);
}

void ctl_duration_text(char *ret, size_t size, int64_t ns)
{
	double seconds = (double)ns / 1e9;
	long long s = ns / 1000000000;

	if (ns < 1000000000)
		snprintf(ret, size, "%lldms", (long long)ns / 1000000);
	else if (s < 60)
		snprintf(ret, size, "%.1fs", seconds);
	else if (s < 3600)
		snprintf(ret, size, "%lldm%llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(ret, size, "%lldh%lldm", s / 3600, s / 60 % 60);
	else
		snprintf(ret, size, "%lldd%lldh", s / 86400, s / 3600 % 24);
}

void ctl_time_text(char *ret, size_t size, int64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	struct tm when;

	if (!localtime_r(&seconds, &when) || !strftime(ret, size, "%Y-%m-%d %H:%M:%S", &when))
		snprintf(ret, size, "-");
}
