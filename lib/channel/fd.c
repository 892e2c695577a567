/* SPDX-License-Identifier: MIT */
/* A descriptor for event loops; the model is in pollable.h. */
#include "channel/side.h"

int chan_fd(chan_t *ch, unsigned role)
{
	int err;

	error_forget();
	err = side_check(ch, role);
	if (err < 0)
		return err;
	return pollable_get(role == CHAN_SEND ? &ch->to_send : &ch->to_receive, &ch->segment);
}
