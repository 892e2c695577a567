/* SPDX-License-Identifier: MIT */
/* See place.h.  Nobody says when a place becomes free, so it is tried again and again. */
#include "common/place.h"

#include <errno.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"

#define AGAIN_NS INT64_C(10000000)
#define SAY_NS INT64_C(1000000000)

static int no_place(const char *name, int err, bool nowait)
{
	const char *remedy = cli_remedy(err);

	cli_error(name, "%s%s%s%s", nowait ? "" : "timed out: ", chan_strerror(err),
		remedy ? "; " : "", remedy ? remedy : "");
	return nowait ? CLI_WOULD_BLOCK : CLI_TIMEOUT;
}

int place_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt,
	int64_t deadline, bool nowait)
{
	int64_t say = cli_deadline(SAY_NS);

	for (;;) {
		int err = chan_open(ret, name, flags, opt);

		if (!err)
			return CLI_OK;
		if (err != -EUSERS && err != -EBUSY)
			return cli_fail(name, opt, err);
		if (nowait || !cli_remaining(deadline))
			return no_place(name, err, nowait);
		if (say != CHAN_WAIT && !cli_remaining(say)) {
			cli_warn(name, "%s; waiting for a place ('chanctl info' shows who has it)",
				chan_strerror(err));
			say = CHAN_WAIT;
		}
		if (cli_wait_fd(-1, 0, cli_sooner(deadline, cli_deadline(AGAIN_NS))) == -EINTR)
			return CLI_ERROR; /* the caller dies of the signal */
	}
}
