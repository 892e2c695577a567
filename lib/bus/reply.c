/* SPDX-License-Identifier: MIT */
#include "bus/reply.h"

#include "base/errors.h"
#include "bus/client.h"

#include <errno.h>

int prefer_reply(int reply, int err, uid_t owner)
{
	if (reply == -ENOENT && err == -EACCES) /* there is a channel: it could not be opened */
		return error_instead(err);
	if (reply == -ECONNREFUSED && (err == -ENOENT || !client_keeps(owner)))
		return error_instead(err);
	return reply;
}
