/* SPDX-License-Identifier: MIT */
/* chanctl doctor: whether channels outlive their owner's logout. */
#include <unistd.h>

#include "common/user.h"
#include "ctl/checks.h"
#include "ctl/finding.h"
#include "ctl/logind.h"

void ctl_check_remove_ipc(void)
{
	uid_t uid = geteuid();

	if (!ctl_logind_removes_ipc())
		ctl_report(OK, "remove-ipc", NULL, "channels outlive their owner's logout");
	else if (!ctl_is_person(uid))
		ctl_report(NOTE, "remove-ipc", CTL_KEEP_IPC,
			"logind removes channels of ordinary users at their last logout; "
			"those of system users, as %s, stay",
			cli_user(uid));
	else if (ctl_lingers(uid))
		ctl_report(OK, "remove-ipc", NULL, "%s lingers: channels outlive the logout",
			cli_user(uid));
	else
		ctl_report(PROBLEM, "remove-ipc", CTL_KEEP_IPC,
			"logind removes the channels of %s at the last logout", cli_user(uid));
}
