/* SPDX-License-Identifier: MIT */
/* See place.h.  No event says when a place becomes free, so opening is tried again and again. */
#include "common/place.h"

#include <errno.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"

#define RETRY_NS INT64_C(10000000)
#define REPORT_NS INT64_C(1000000000)

static int report_no_place(const char *name, int err, bool nowait)
{
	const char *remedy = cli_remedy(err);

	cli_error(name, "%s%s%s%s", nowait ? "" : "timed out: ", chan_strerror(err),
		remedy ? "; " : "", remedy ? remedy : "");
	return nowait ? CLI_WOULD_BLOCK : CLI_TIMEOUT;
}

int place_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt,
	int64_t deadline, bool nowait)
{
	int64_t report_at = cli_deadline(REPORT_NS);

	for (;;) {
		int err = chan_open(ret, name, flags, opt);

		if (!err)
			return CLI_OK;
		if (err != -EUSERS && err != -EBUSY)
			return cli_fail(name, opt, err);
		if (nowait || !cli_remaining(deadline))
			return report_no_place(name, err, nowait);
		if (report_at != CHAN_WAIT && !cli_remaining(report_at)) {
			cli_warn(name,
				"%s; waiting for a place ('chanctl info' shows which processes "
				"have it)",
				chan_strerror(err));
			report_at = CHAN_WAIT;
		}
		if (cli_wait_fd(-1, 0, cli_sooner(deadline, cli_deadline(RETRY_NS))) == -EINTR)
			return CLI_ERROR; /* the caller dies of the signal */
	}
}
