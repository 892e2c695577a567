/* SPDX-License-Identifier: MIT */
#include "base/names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool name_valid(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n <= CHAN_NAME_MAX && !name[n] && name[0] != '.';
}

bool name_valid_anywhere(const char *name, size_t size)
{
	return memchr(name, '\0', size) && *name != '/' && name_valid(name_base(name));
}

const char *name_base(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? slash + 1 : name;
}

void name_file(char ret[NAMES_FILE_SIZE], uid_t owner, const char *name)
{
	snprintf(ret, NAMES_FILE_SIZE, NAMES_PREFIX "%u.%s", (unsigned)owner, name);
}

void name_guard(char ret[NAMES_GUARD_SIZE], uid_t owner)
{
	snprintf(ret, NAMES_GUARD_SIZE, NAMES_DIR "/" NAMES_GUARD "%u", (unsigned)owner);
}

bool name_of_file(const char *file, uid_t *owner, const char **name)
{
	const char *digit = file + strlen(NAMES_PREFIX);
	uint64_t uid = 0;

	if (strncmp(file, NAMES_PREFIX, strlen(NAMES_PREFIX)) != 0 || *digit == '.')
		return false;
	for (; *digit >= '0' && *digit <= '9' && uid < UINT32_MAX; digit++)
		uid = uid * 10 + (uint64_t)(*digit - '0');
	if (uid >= UINT32_MAX || *digit != '.' || !name_valid(digit + 1))
		return false;
	*owner = (uid_t)uid;
	*name = digit + 1;
	return true;
}
