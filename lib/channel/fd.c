/* SPDX-License-Identifier: MIT */
/* A descriptor for event loops; the model is in pollable.h. */
#include "channel/side.h"

int chan_fd(chan_t *ch, unsigned role)
{
	error_forget();
	if (role != CHAN_SEND && role != CHAN_RECV)
		return error_because(-EINVAL, "role: is neither CHAN_SEND nor CHAN_RECV");
	if (is_orphan(ch))
		return -ENOTCONN;
	if (!(ch->roles & role))
		return error_because(-EBADF, "the endpoint was not opened to %s",
			role == CHAN_SEND ? "send" : "receive");
	if (exclusive(ch, role) && exclusive_check(ch) < 0)
		return -EPERM;
	return pollable_get(role == CHAN_SEND ? &ch->to_send : &ch->to_receive, &ch->segment);
}
