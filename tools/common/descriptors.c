/* SPDX-License-Identifier: MIT */
/* See descriptors.h. */
#include "common/descriptors.h"

#include <sys/resource.h>

void cli_allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
