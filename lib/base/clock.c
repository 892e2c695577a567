/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <sys/stat.h>

uint32_t clock_namespace(void)
{
	struct stat st;

	/* An inode of nsfs has 32 bits. */
	return stat("/proc/self/ns/time", &st) == 0 ? (uint32_t)st.st_ino : 0;
}
