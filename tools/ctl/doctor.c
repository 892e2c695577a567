/* SPDX-License-Identifier: MIT */
/*
 * chanctl doctor: what in this system keeps channels from working, now or later.  The checks
 * are in the files check_*.c, and what they found is in finding.c.
 */
#include <errno.h>

#include "common/status.h"
#include "ctl/channel.h"
#include "ctl/checks.h"
#include "ctl/finding.h"
#include "ctl/verb.h"

static int doctor(int n, char **operand)
{
	struct ctl_channels channels;
	int r = ctl_channels(&channels, NULL);

	(void)n;
	(void)operand;
	ctl_check_room(&channels);
	ctl_check_proc();
	ctl_check_file_size();
	ctl_check_remove_ipc();
	ctl_check_pid_namespace();
	ctl_check_io_uring();
	ctl_check_chand(CLI_SYSTEM_BUS);
	ctl_check_chand(CLI_USER_BUS);
	ctl_check_units(CLI_SYSTEM_BUS);
	ctl_check_units(CLI_USER_BUS);
	if (r < 0 && r != -EOPNOTSUPP)
		ctl_report(PROBLEM, "segments", "see the error", "can't list channels: %s",
			chan_strerror(r));
	else
		ctl_check_segments(&channels);
	ctl_channels_free(&channels);
	r = ctl_print_findings();
	if (r)
		return r;
	return ctl_found_problem() ? CLI_ERROR : CLI_OK;
}

static const struct cli_option options[] = {CTL_OPTION_JSON, CLI_BUS, CLI_COMMON, CLI_END};

const struct ctl_verb ctl_verb_doctor = {
	.tool =
		{
			.name = "chanctl doctor",
			.usage = "[OPTIONS]",
			.summary = "Find what keeps channels from working here, and say what "
				   "to do.",
			.options = options,
		},
	.has = CTL_JSON | CTL_BUS,
	.run = doctor,
};
