/* SPDX-License-Identifier: MIT */
#include "bus.h"

#include "common/cli.h"
#include "shmchan.h"

struct bus bus;

const char *bus_error(int err)
{
	const char *detail = chan_error_detail(err);

	switch (err < 0 ? -err : err) {
	case BUS_NO_INOTIFY:
		return cli_inotify_error(EMFILE, false);
	case BUS_NO_WATCH:
		return cli_inotify_error(ENOSPC, true);
	case ENOENT:
	case EACCES:
	case EEXIST:
		return chan_strerror(err);
	}
	return *detail ? detail : chan_strerror(err);
}
