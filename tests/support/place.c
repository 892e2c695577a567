/* SPDX-License-Identifier: MIT */
#include "support/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const place_names[NEEDS] = {
	[NEED_ROOT] = "root",
	[NEED_USERS] = "users",
	[NEED_PTY] = "pty",
	[NEED_PTRACE] = "ptrace",
	[NEED_SYSCALLS] = "syscalls",
	[NEED_IO_URING] = "io_uring",
	[NEED_MOUNTS] = "mounts",
	[NEED_PID_NAMESPACE] = "pid-namespace",
	[NEED_SECCOMP] = "seccomp",
};

static const char *const needs[NEEDS] = {
	[NEED_ROOT] = "needs root",
	[NEED_USERS] = "needs to become another user",
	[NEED_PTY] = "needs a pseudo-terminal",
	[NEED_PTRACE] = "needs to trace a process",
	[NEED_SYSCALLS] = "needs to read /proc/PID/syscall",
	[NEED_IO_URING] = "needs io_uring",
	[NEED_MOUNTS] = "needs a mount namespace",
	[NEED_PID_NAMESPACE] = "needs a PID namespace",
	[NEED_SECCOMP] = "needs seccomp's user notification",
};

/* ---- the probes: 0, or an error number; each is run in a child ---- */

static int probe_root(void)
{
	return geteuid() == 0 ? 0 : EPERM;
}

static int probe_users(void)
{
	return setgid(65534) == 0 && setuid(65534) == 0 ? 0 : errno;
}

static int probe_pty(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return errno;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	return slave >= 0 ? 0 : errno;
}

/* As stepkill does: a child that asks for it, and is stepped. */
static int probe_ptrace(void)
{
	pid_t pid = fork();
	int status, err = 0;

	if (pid < 0)
		return errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(errno);
		raise(SIGSTOP);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return errno;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
		err = errno;
	else if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		err = ENOTSUP;
	kill(pid, SIGKILL);
	return err;
}

static int probe_syscalls(void)
{
	char path[64], text[8];
	pid_t pid = fork();
	int fd, err = 0;

	if (pid < 0)
		return errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
		err = errno ? errno : ENOTSUP;
	kill(pid, SIGKILL);
	return err;
}

static int probe_io_uring(void)
{
	struct io_uring_params params = {.flags = 0};

	return syscall(SYS_io_uring_setup, 2, &params) >= 0 ? 0 : errno;
}

static int probe_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", "/dev/shm", "tmpfs", 0, "size=64k") < 0)
		return errno;
	return 0;
}

int place_leave_pid_namespace(void)
{
	char map[64];
	int fd, n = snprintf(map, sizeof(map), "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());

	if (unshare(CLONE_NEWPID) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		return -1;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, map, (size_t)n) == n && close(fd) == 0 ? 0 : -1;
}

static int probe_pid_namespace(void)
{
	int status;
	pid_t pid;

	if (place_leave_pid_namespace() < 0)
		return errno;
	pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, &status, 0) == pid ? 0 : errno;
}

static int probe_seccomp(void)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {.len = 1, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			&program) < 0)
		return errno;
	return 0;
}

static int (*const probes[NEEDS])(void) = {
	[NEED_ROOT] = probe_root,
	[NEED_USERS] = probe_users,
	[NEED_PTY] = probe_pty,
	[NEED_PTRACE] = probe_ptrace,
	[NEED_SYSCALLS] = probe_syscalls,
	[NEED_IO_URING] = probe_io_uring,
	[NEED_MOUNTS] = probe_mounts,
	[NEED_PID_NAMESPACE] = probe_pid_namespace,
	[NEED_SECCOMP] = probe_seccomp,
};

const char *place_lacks(enum need what)
{
	static char why[NEEDS][128];
	static bool asked[NEEDS];
	int status, err;
	pid_t pid;

	if (!asked[what]) {
		asked[what] = true;
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			errno = 0;
			_exit(probes[what]());
		}
		err = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)
			      ? WEXITSTATUS(status)
			      : ENOTSUP;
		if (err)
			snprintf(why[what], sizeof(why[what]), "%s (%s)", needs[what],
				strerror(err));
	}
	return *why[what] ? why[what] : NULL;
}

bool place_is_wrapped(void)
{
	const char *wrap = getenv("WRAP");

	return wrap && *wrap;
}
