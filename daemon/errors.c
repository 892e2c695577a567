/* SPDX-License-Identifier: MIT */
#include "errors.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "common/inotify.h"
#include "log.h"
#include "shmchan.h"

#define SHORTAGE_EVERY INT64_C(60000000000)

bool report_shortage(int err)
{
	static int64_t next;
	int64_t now = clock_monotonic();
	struct rlimit files = {0};

	if (err != -EMFILE && err != -ENFILE)
		return false;
	if (now < next)
		return true;
	next = now + SHORTAGE_EVERY;
	getrlimit(RLIMIT_NOFILE, &files);
	if (err == -EMFILE)
		log_line(LOG_ERR, "descriptors", NULL, 0,
			"all %ju descriptors that chand may have are in use, one for each "
			"channel, process and connection; new connections wait: raise "
			"LimitNOFILE= ('systemctl edit chand.service'), or 'ulimit -n' where it "
			"is started",
			(uintmax_t)files.rlim_cur);
	else
		log_line(LOG_ERR, "descriptors", NULL, 0,
			"the system has no more descriptors; new connections wait: raise the "
			"sysctl fs.file-max");
	return true;
}

const char *error_text(int err)
{
	const char *detail = chan_error_detail(err);

	switch (err < 0 ? -err : err) {
	case ERROR_NO_INOTIFY:
		return cli_inotify_error(EMFILE, false);
	case ERROR_NO_WATCH:
		return cli_inotify_error(ENOSPC, true);
	case EMFILE:
		return "chand has no descriptors left; its log says what to do";
	case ENOENT:
	case EACCES:
	case EEXIST:
		return chan_strerror(err);
	}
	return *detail ? detail : chan_strerror(err);
}
