/* SPDX-License-Identifier: MIT */
#include "support/process.h"

#include "support/clock.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void broken(const char *what)
{
	fprintf(stderr, "the test is broken: %s: %s\n", what, strerror(errno));
	abort();
}

pid_t in_child(int (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		broken("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that */
		_exit(1);
	_exit(fn(arg));
}

int wait_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			broken("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool wait_stopped(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WUNTRACED) != pid)
		if (errno != EINTR)
			broken("waitpid");
	return WIFSTOPPED(status);
}

void kill_child(pid_t pid)
{
	if (kill(pid, SIGKILL) < 0)
		broken("kill");
	wait_child(pid);
}

long sleeping_in(pid_t tid)
{
	char path[64], line[256] = "";
	long nr = -1;
	FILE *f;

	/* It says "running", or the number and the arguments. */
	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!fgets(line, sizeof(line), f) || sscanf(line, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr;
}

bool asleep(pid_t tid)
{
	return sleeping_in(tid) == SYS_futex;
}

bool wait_asleep(pid_t pid, long nr)
{
	int64_t end = now() + 3 * SOON;

	while (sleeping_in(pid) != nr) {
		if (now() > end)
			return false;
		nap(MS / 20);
	}
	return true;
}

int count_names(const char *dir, const char *start)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		broken(dir);
	while ((e = readdir(d)))
		n += strncmp(e->d_name, start, strlen(start)) == 0;
	closedir(d);
	return n;
}

int count_descriptors(void)
{
	return count_names("/proc/self/fd", "");
}

int count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	if (!f)
		broken("/proc/self/maps");
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "/dev/shm") != NULL;
	fclose(f);
	return n;
}
