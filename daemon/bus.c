/* SPDX-License-Identifier: MIT */
#include "bus.h"

#include "shmchan.h"

struct bus bus;

const char *bus_error(int err)
{
	return chan_strerror(err);
}
