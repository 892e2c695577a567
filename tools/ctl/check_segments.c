/* SPDX-License-Identifier: MIT */
/* chanctl doctor: channels that are damaged or left behind, and files that are no channels. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "common/failure.h"
#include "ctl/checks.h"
#include "ctl/finding.h"

/* Returns true if its linger time is over, or can't begin: no process that may remove it has
 * opened it since. */
static bool is_left_behind(const struct chan_stat *stat)
{
	return stat->idle < 0 || (stat->idle && (uint64_t)stat->idle - 1 > stat->linger);
}

/* Returns true if there was something to report. */
static bool check_channel(const struct ctl_channel *ch)
{
	char remedy[400];

	if (ch->err == -EACCES)
		return false; /* another user's private channel */
	if (ch->err) {
		const char *what = cli_remedy(ch->err);

		ctl_report(PROBLEM, "segments", what ? what : "see the error", "%s: %s", ch->name,
			chan_strerror(ch->err));
		return true;
	}
	if (ch->stat.damaged) {
		snprintf(remedy, sizeof(remedy),
			"receive what is left, then 'chanctl remove %s'; "
			"'chanctl info' shows which processes write it",
			ch->name);
		ctl_report(PROBLEM, "segments", remedy, "%s: damage was found in it", ch->name);
		return true;
	}
	if (is_left_behind(&ch->stat)) {
		snprintf(remedy, sizeof(remedy), "chanctl remove --if-unused %s%s", ch->name,
			strchr(ch->name, '/') ? "; its owner or root may" : "");
		ctl_report(NOTE, "segments", remedy,
			"%s: it was to be removed with its last endpoint, and has none", ch->name);
		return true;
	}
	return false;
}

/* Quote the path of a file in /dev/shm for a shell. */
static const char *quote_path(char *buf, size_t size, const char *file)
{
	size_t n = (size_t)snprintf(buf, size, "'" NAMES_DIR "/");

	for (; *file && n + 6 < size; file++) {
		if (*file == '\'') {
			memcpy(buf + n, "'\\''", 4);
			n += 4;
		} else {
			buf[n++] = *file;
		}
	}
	buf[n++] = '\'';
	buf[n] = '\0';
	return buf;
}

/* Find files that look like a channel's but have no channel's name. */
static bool check_strangers(void)
{
	char name[4 * 256 + 16], remedy[sizeof(name) + 16];
	const struct dirent *entry;
	DIR *dir = opendir(NAMES_DIR);
	bool any = false;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, NAMES_PREFIX, strlen(NAMES_PREFIX)) != 0 ||
			ctl_name_of_file(name, sizeof(name), entry->d_name))
			continue;
		snprintf(remedy, sizeof(remedy), "rm -r -- %s",
			quote_path(name, sizeof(name), entry->d_name));
		ctl_report(NOTE, "segments", remedy, NAMES_DIR "/%s is no channel's name",
			entry->d_name);
		any = true;
	}
	if (dir)
		closedir(dir);
	return any;
}

void ctl_check_segments(const struct ctl_channels *channels)
{
	bool any = check_strangers();

	for (size_t i = 0; i < channels->n; i++)
		any |= check_channel(&channels->at[i]);
	if (!any)
		ctl_report(OK, "segments", NULL, "%zu channels, none damaged or left behind",
			channels->n);
}
