/* SPDX-License-Identifier: MIT */
/* The tracepoint is found in tracefs.  Where that is not mounted, we mount one for
 * ourselves alone, which is nowhere in the tree and ends with its descriptor. */
#include "bench/count.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/parse.h"

#define EVENT_ID "events/syscalls/sys_enter_futex/id"

static int count_mount(void)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC), mount = -1;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		mount = -errno;
	close(fs);
	return mount;
}

static int count_open(void)
{
	int fd = open("/sys/kernel/tracing/" EVENT_ID, O_RDONLY | O_CLOEXEC), mount;

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	mount = count_mount();
	if (mount < 0)
		return mount;
	fd = openat(mount, EVENT_ID, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(mount);
	return fd;
}

int bench_count_event(void)
{
	int fd = count_open();
	char text[32];
	uint64_t id;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[text[n - 1] == '\n' ? n - 1 : n] = '\0';
	if (cli_parse_count(text, &id) < 0 || id > INT32_MAX)
		return -EIO;
	fd = bench_count_start((int)id);
	if (fd < 0)
		return fd;
	bench_count_stop(fd);
	return (int)id;
}

int bench_count_start(int event)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)event,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

void bench_count_stop(int fd)
{
	close(fd);
}

uint64_t bench_count_read(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}
