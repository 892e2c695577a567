/* SPDX-License-Identifier: MIT */
#include "settings.h"

const struct settings *settings;

uid_t settings_default_owner(void)
{
	return settings->user ? settings->uid : 0;
}
