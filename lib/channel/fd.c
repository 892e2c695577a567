/* SPDX-License-Identifier: MIT */
/* A descriptor for event loops; the model is in pollable.h. */
#include "channel/lanes.h"
#include "channel/side.h"

int chan_fd(chan_t *ch, unsigned role)
{
	int err;

	error_forget();
	err = side_check(ch, role);
	if (err < 0)
		return err;
	return role == CHAN_SEND ? pollable_get(&lanes_home(ch)->to_send, &ch->segment)
				 : pollable_get(&ch->to_receive, &ch->segment);
}
