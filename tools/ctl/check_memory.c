/* SPDX-License-Identifier: MIT */
/* chanctl doctor: whether there is room for another channel, and the means to make it. */
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/names.h"
#include "ctl/checks.h"
#include "ctl/finding.h"
#include "ctl/output.h"

static uint64_t sum_segments(const struct ctl_channels *channels)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < channels->n; i++)
		sum += channels->at[i].err ? 0 : channels->at[i].stat.segment;
	return sum;
}

static const char grow[] =
	"mount -o remount,size=SIZE " NAMES_DIR "; in a container --shm-size=SIZE; "
	"or remove channels that are not used";

static const char make_shm[] =
	"mkdir -p " NAMES_DIR " && mount -t tmpfs -o mode=1777 tmpfs " NAMES_DIR;

static void check_writable(void)
{
	if (!access(NAMES_DIR, W_OK | X_OK))
		return;
	if (errno == EROFS)
		ctl_report(PROBLEM, "shm",
			"mount -o remount,rw " NAMES_DIR
			"; in the unit of a service ReadWritePaths=" NAMES_DIR,
			NAMES_DIR
			" is mounted read-only: channels can be read, but not used or made");
	else
		ctl_report(
			PROBLEM, "shm", "chmod 1777 " NAMES_DIR, NAMES_DIR ": %s", strerror(errno));
}

void ctl_check_room(const struct ctl_channels *channels)
{
	uint64_t need = (uint64_t)chan_footprint(NULL), size, left;
	char size_text[32], left_text[32], taken_text[32], need_text[32];
	struct statfs shm;
	enum level level = OK;

	if (statfs(NAMES_DIR, &shm)) {
		ctl_report(PROBLEM, "shm", make_shm, NAMES_DIR ": %s", strerror(errno));
		return;
	}
	if (shm.f_type != TMPFS_MAGIC)
		ctl_report(PROBLEM, "shm", make_shm, NAMES_DIR " is no tmpfs");
	check_writable();
	if (shm.f_files && !shm.f_ffree)
		ctl_report(PROBLEM, "shm",
			"mount -o remount,nr_inodes=1M " NAMES_DIR
			"; or remove files there that are not used",
			NAMES_DIR " has no inode left for another file");
	size = (uint64_t)shm.f_blocks * (uint64_t)shm.f_bsize;
	left = (uint64_t)shm.f_bavail * (uint64_t)shm.f_bsize;
	if (size && left < need)
		level = PROBLEM;
	else if (left < size / 10)
		level = NOTE;
	ctl_size_text(size_text, sizeof(size_text), size);
	ctl_size_text(left_text, sizeof(left_text), left);
	ctl_size_text(taken_text, sizeof(taken_text), sum_segments(channels));
	ctl_size_text(need_text, sizeof(need_text), need);
	ctl_report(level, "shm", level ? grow : NULL,
		NAMES_DIR
		" has %s, %s of it free; %zu channels take %s; one more takes %s by default",
		size_text, left_text, channels->n, taken_text, need_text);
}

void ctl_check_proc(void)
{
	if (access("/proc/self/fd", X_OK))
		ctl_report(PROBLEM, "proc", "mount -t proc proc /proc",
			"/proc/self/fd: %s; channels can't be made without", strerror(errno));
	else
		ctl_report(OK, "proc", NULL, "/proc is mounted");
}

void ctl_check_file_size(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	const char *remedy = "ulimit -f unlimited";
	struct rlimit limit;
	char text[32];

	if (getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return;
	ctl_size_text(text, sizeof(text), limit.rlim_cur);
	if (limit.rlim_max != RLIM_INFINITY && setrlimit(RLIMIT_FSIZE, &unlimited))
		remedy = "root has to raise it: LimitFSIZE= in the unit of a service, "
			 "limits.conf for a login";
	if (limit.rlim_cur < (rlim_t)chan_footprint(NULL))
		ctl_report(PROBLEM, "limits", remedy,
			"files may have %s only, less than a channel takes by default", text);
	else
		ctl_report(NOTE, "limits", remedy, "files may have %s only, and so may channels",
			text);
}
