/* SPDX-License-Identifier: MIT */
#include "bench/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Returns the length of what was read into `text`, which is ended with a NUL. */
static size_t proc_text(char *text, size_t size, pid_t pid, const char *file)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Returns what follows the command, which is in brackets and may contain any, or NULL. */
static const char *behind_command(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] == ' ' && end[2] ? end + 2 : NULL;
}

char bench_proc_state(int stat)
{
	char text[128];
	ssize_t n = pread(stat, text, sizeof(text) - 1, 0);
	const char *rest;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	rest = behind_command(text);
	return rest ? *rest : '\0';
}

static void proc_stat(struct bench_proc *ret, pid_t pid)
{
	unsigned long user, system;
	char text[512];
	const char *rest;

	if (proc_text(text, sizeof(text), pid, "stat") == 0)
		return;
	rest = behind_command(text);
	if (!rest)
		return;
	ret->state = *rest;
	if (sscanf(rest, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) ==
		2)
		ret->cpu = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

void bench_proc_read(struct bench_proc *ret, pid_t pid)
{
	char text[128];

	*ret = (struct bench_proc){.call = -1};
	proc_stat(ret, pid);
	/* It is "0" if the process runs, or if we may not know. */
	if (proc_text(text, sizeof(text), pid, "wchan") > 0 && strcmp(text, "0") != 0)
		snprintf(ret->where, sizeof(ret->where), "%.60s", text);
	/* It is "running", or the number of the call and its arguments; -1: in none. */
	if (proc_text(text, sizeof(text), pid, "syscall") == 0 ||
		sscanf(text, "%ld", &ret->call) != 1)
		ret->call = -1;
}
