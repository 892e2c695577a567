/* SPDX-License-Identifier: MIT */
/* Sleeping outside of the library on a condition's word: for programs that own an io_uring. */
#include "channel/side.h"
#include "channel/wake.h"

static struct layout_cond *cond_of(const struct chan *ch, unsigned role)
{
	return role == CHAN_SEND ? &ch->control->not_full : &ch->control->not_empty;
}

/* Check the endpoint: 0 or an error of chan_futex(). */
static int check(const struct chan *ch, unsigned role)
{
	int err;

	error_forget();
	err = side_check(ch, role);
	if (err < 0)
		return err;
	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX)
		return error_because(-EOPNOTSUPP, "this library was built without futexes");
	if (ch->lanes)
		return error_because(-EOPNOTSUPP,
			"a channel with lanes has a word for each: use chan_fd() or chan_select()");
	return ch->segment.writable ? 0 : ch->segment.unwritable;
}

int chan_futex(chan_t *ch, unsigned role, struct chan_futex *ret)
{
	int err = check(ch, role);

	if (err < 0)
		return err;
	ret->word = (const uint32_t *)(uintptr_t)&cond_of(ch, role)->sequence;
	ret->value = cond_arm(cond_of(ch, role));
	ret->reserved = 0;
	channel_announced(ch, cond_of(ch, role));
	channel_receiver_came(ch, cond_of(ch, role));
	return 0;
}

int chan_futex_leave(chan_t *ch, unsigned role)
{
	int err = check(ch, role);

	if (err == 0)
		channel_pass_on(ch, cond_of(ch, role));
	return err;
}
