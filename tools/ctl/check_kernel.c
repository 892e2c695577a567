/* SPDX-License-Identifier: MIT */
/* chanctl doctor: what the kernel lets this process do. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/checks.h"
#include "ctl/finding.h"

void ctl_check_pid_namespace(void)
{
	enum { INITIAL = 0xEFFFFFFC }; /* PROC_PID_INIT_INO */
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns))
		ctl_report(NOTE, "pid-namespace", "mount -t proc proc /proc",
			"/proc/self/ns/pid: %s", strerror(errno));
	else if (ns.st_ino == INITIAL)
		ctl_report(OK, "pid-namespace", NULL, "the initial one");
	else
		ctl_report(NOTE, "pid-namespace",
			"containers that share channels need one --pid and one --ipc",
			"not the initial one: channels can be shared inside it only");
}

static long io_uring_disabled(void)
{
	FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	long value = -1;

	if (file && fscanf(file, "%ld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

void ctl_check_io_uring(void)
{
	static const char remedy[] =
		"nothing, if epoll will do for chand; else sysctl kernel.io_uring_disabled=0, "
		"and a seccomp profile that allows io_uring_setup";
	struct io_uring_params params = {0};
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd >= 0) {
		close((int)fd);
		ctl_report(OK, "io-uring", NULL, "available");
	} else if (errno == ENOSYS) {
		ctl_report(NOTE, "io-uring", remedy,
			"not in this kernel, or hidden from this process");
	} else {
		ctl_report(NOTE, "io-uring", remedy,
			"refused: %s (kernel.io_uring_disabled is %ld)", strerror(errno),
			io_uring_disabled());
	}
}
