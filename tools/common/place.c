/* SPDX-License-Identifier: MIT */
/* See place.h.  No event says when a place becomes free, so opening is tried again and again. */
#include "common/place.h"

#include <errno.h>
#include <string.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"

#define RETRY_NS INT64_C(10000000)
#define REPORT_NS INT64_C(1000000000)

/* Say what there is no place in: a group has one user. */
static const char *place_text(const struct chan_subscription *how, int err)
{
	return how && how->group && err == -EBUSY ? "another process uses the group"
						  : chan_strerror(err);
}

static int report_no_place(
	const char *name, const struct chan_subscription *how, int err, bool nowait)
{
	const char *remedy = cli_remedy(err);

	cli_error(name, "%s%s%s%s", nowait ? "" : "timed out: ", place_text(how, err),
		remedy ? "; " : "", remedy ? remedy : "");
	return nowait ? CLI_WOULD_BLOCK : CLI_TIMEOUT;
}

/* Report that a subscription failed: its detail begins with a member of the structure, in
 * place of which the option is named. */
static int fail_subscription(const char *name, int err)
{
	static const struct {
		const char *member, *option;
	} of[] = {{"on_lag: ", "--on-lag: "}, {"patience: ", "--on-lag: "}, {"from: ", "--from: "},
		{"start: ", "--from: "}, {"group: ", "--group: "}};
	const char *detail = chan_error_detail(err), *option = "";
	bool says_all = err == -EPERM || err == -EINVAL || err == -ESTALE || err == -EUSERS;

	if (!*detail || !says_all)
		return cli_fail(name, NULL, err);
	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
		if (!strncmp(detail, of[i].member, strlen(of[i].member))) {
			option = of[i].option;
			detail += strlen(of[i].member);
			break;
		}
	cli_error(name, "%s%s", option, detail);
	return cli_exit_code(err);
}

/* Returns true if it is groups that the channel has no room for: they don't go by themselves. */
static bool lacks_group(int err, const struct chan_subscription *how)
{
	return how && how->group && err == -EUSERS && strstr(chan_error_detail(err), "group");
}

int place_open(chan_t **ret, const char *name, unsigned flags, const struct chan_options *opt,
	const struct chan_subscription *how, int64_t deadline, bool nowait)
{
	int64_t report_at = cli_deadline(REPORT_NS);

	for (;;) {
		int err = how ? chan_subscribe(ret, name, how) : chan_open(ret, name, flags, opt);

		if (!err)
			return CLI_OK;
		if ((err != -EUSERS && err != -EBUSY) || lacks_group(err, how))
			return how ? fail_subscription(name, err) : cli_fail(name, opt, err);
		if (nowait || !cli_remaining(deadline))
			return report_no_place(name, how, err, nowait);
		if (report_at != CHAN_WAIT && !cli_remaining(report_at)) {
			cli_warn(name,
				"%s; waiting for a place ('chanctl info' shows which processes "
				"have it)",
				place_text(how, err));
			report_at = CHAN_WAIT;
		}
		if (cli_wait_fd(-1, 0, cli_sooner(deadline, cli_deadline(RETRY_NS))) == -EINTR)
			return CLI_ERROR; /* the caller dies of the signal */
	}
}
