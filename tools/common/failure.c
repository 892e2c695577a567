/* SPDX-License-Identifier: MIT */
/*
 * See failure.h.  Errors of the library become text, remedy and exit status here and
 * nowhere else.
 */
#include "common/failure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/names.h"
#include "common/message.h"

static bool suggest_create;

void cli_suggest_create(void)
{
	suggest_create = true;
}

/* The one table of errors. */
static const struct {
	int err;
	enum cli_status status;
	const char *remedy;
} errors[] = {
	{ENOENT, CLI_NO_CHANNEL, "create it with 'chanctl create NAME'"},
	{EACCES, CLI_DENIED, "its owner must allow reading and writing: 'chanctl create --mode'"},
	{EPERM, CLI_DENIED, "its owner or root must do this, or remove what is in the way"},
	{ESRCH, CLI_NO_CHANNEL, NULL},
	{ECONNREFUSED, CLI_NO_CHANNEL, NULL}, /* its detail says what to do */
	{EAGAIN, CLI_WOULD_BLOCK, NULL},
	{EPIPE, CLI_CLOSED, NULL},
	{ECANCELED, CLI_ERROR, NULL},
	{EIDRM, CLI_CLOSED, "start again once it has been created again"},
	{EMSGSIZE, CLI_TOO_LARGE, "create the channel with a larger --max-message"},
	{EBADMSG, CLI_CONDITION, "remove it with 'chanctl remove' and create it again"},
	{EPROTONOSUPPORT, CLI_CONDITION,
		"use the version of shmchan that made it, or remove it and create it again"},
	{EPROTOTYPE, CLI_CONDITION,
		"use programs of one libc and word size, or remove it and create it again"},
	{ESTALE, CLI_CONDITION, NULL}, /* its detail says what is gone */
	{EXDEV, CLI_CONDITION, "share the PID namespace (containers: --pid together with --ipc)"},
	{EINPROGRESS, CLI_TIMEOUT, NULL},
	{ETIMEDOUT, CLI_TIMEOUT, NULL},
	{EINVAL, CLI_USAGE, NULL},
	{EEXIST, CLI_ERROR, "use it as it is, or remove it first with 'chanctl remove'"},
	{ENOSPC, CLI_ERROR, "make room in /dev/shm or choose a smaller --capacity"},
	{EUSERS, CLI_ERROR, "create it with more endpoints, or end some ('chanctl info')"},
	{EBUSY, CLI_ERROR, "'chanctl info' shows the processes that use it"},
	{EMFILE, CLI_ERROR, "raise 'ulimit -n'"},
	{ENFILE, CLI_ERROR, "raise sysctl fs.file-max"},
	{ENOMEM, CLI_ERROR, NULL},
	{ENOLCK, CLI_ERROR, NULL},
	{EFBIG, CLI_ERROR, "raise 'ulimit -f' or choose a smaller --capacity"},
	{EDQUOT, CLI_ERROR, "remove channels that are not used, or ask the administrator for more"},
	{EROFS, CLI_ERROR, "'mount -o remount,rw /dev/shm', or see 'chanctl doctor'"},
	{EOPNOTSUPP, CLI_ERROR, "see 'chanctl doctor'"},
	{EIO, CLI_ERROR, NULL},
};

int cli_exit_code(int err)
{
	if (!err)
		return CLI_OK;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].err == -err)
			return errors[i].status;
	return CLI_ERROR;
}

const char *cli_remedy(int err)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].err == -err)
			return errors[i].remedy;
	return NULL;
}

/* Returns true for NAME and OWNER/NAME, as the library wants it. */
static bool valid_name(const char *name)
{
	const char *slash = strchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	return slash != name && name_valid(base);
}

static void fail_no_space(const char *channel, const struct chan_options *opt)
{
	struct statvfs vfs;
	int64_t need = chan_footprint(opt);

	if (need < 0 || statvfs(NAMES_DIR, &vfs))
		cli_error(channel, "%s; %s", chan_strerror(-ENOSPC), cli_remedy(-ENOSPC));
	else
		cli_error(channel,
			"no space: it needs %" PRId64 " bytes and /dev/shm has %" PRIu64
			" left; %s",
			need, (uint64_t)vfs.f_bavail * vfs.f_frsize, cli_remedy(-ENOSPC));
}

/* Returns true if chand lacks something, and not this process. */
static bool is_of_chand(const char *detail)
{
	return !strncmp(detail, "chand ", strlen("chand "));
}

/* Returns true if the general text of the error says less than its detail. */
static bool detail_says_all(int err, const char *detail)
{
	return err == -ESRCH || err == -ECONNREFUSED || err == -ENOLCK || err == -EFBIG ||
	       is_of_chand(detail);
}

/* Returns true if the detail says more, beside the general text. */
static bool detail_adds(int err)
{
	return err == -EPERM || err == -EINVAL || err == -ENOMEM || err == -EOPNOTSUPP ||
	       err == -EIO || err == -EDQUOT;
}

static void fail_plainly(const char *channel, int err, const char *detail, const char *remedy)
{
	const char *text = chan_strerror(err);
	bool add = *detail && detail_adds(err);

	if (*detail && detail_says_all(err, detail))
		text = detail;
	cli_error(channel, "%s%s%s%s%s%s%s",
		*detail && err == -ECONNREFUSED ? "can't ask chand: " : "", text, add ? " (" : "",
		add ? detail : "", add ? ")" : "", remedy ? "; " : "", remedy ? remedy : "");
}

int cli_fail(const char *channel, const struct chan_options *opt, int err)
{
	const char *remedy = cli_remedy(err);
	char detail[256];

	/* The calls below would replace it. */
	snprintf(detail, sizeof(detail), "%s", chan_error_detail(err));
	if (err == -ENOSPC && !is_of_chand(detail))
		fail_no_space(channel, opt);
	else if (err == -EINVAL && channel && !valid_name(channel))
		cli_error(channel,
			"bad channel name; it is NAME or OWNER/NAME, with NAME 1 to %d of "
			"A-Z a-z 0-9 . _ - and no dot in front",
			CHAN_NAME_MAX);
	else if (err == -EINVAL && opt && chan_footprint(opt) < 0)
		cli_error(channel, "these options do not describe a valid channel: %s",
			chan_error_detail(err));
	else if (err == -ENOENT && suggest_create)
		cli_error(channel, "%s; %s or use --create", chan_strerror(err), remedy);
	else
		fail_plainly(channel, err, detail, remedy);
	return cli_exit_code(err);
}
