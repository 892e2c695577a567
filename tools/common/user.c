/* SPDX-License-Identifier: MIT */
/* See user.h. */
#include "common/user.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "common/message.h"
#include "common/parse.h"

const char *cli_user(uint32_t uid)
{
	static char number[16];
	const struct passwd *user = getpwuid(uid);

	if (user)
		return user->pw_name;
	snprintf(number, sizeof(number), "%" PRIu32, uid);
	return number;
}

const char *cli_group(uint32_t gid)
{
	static char number[16];
	const struct group *group = getgrgid(gid);

	if (group)
		return group->gr_name;
	snprintf(number, sizeof(number), "%" PRIu32, gid);
	return number;
}

uint32_t cli_user_arg(const char *option, const char *text)
{
	const struct passwd *user = getpwnam(text);
	uint64_t n;

	if (user)
		return user->pw_uid;
	if (cli_parse_count(text, &n) || n >= UINT32_MAX)
		cli_usage("%s: there is no user '%s'", option, text);
	return (uint32_t)n;
}

uint32_t cli_group_arg(const char *option, const char *text)
{
	const struct group *group = getgrnam(text);
	uint64_t n;

	if (group)
		return group->gr_gid;
	if (cli_parse_count(text, &n) || n >= UINT32_MAX)
		cli_usage("%s: there is no group '%s'", option, text);
	return (uint32_t)n;
}
