/* SPDX-License-Identifier: MIT */
/* systemd-logind, which may remove channels. */
#ifndef SHMCHAN_CTL_LOGIND_H
#define SHMCHAN_CTL_LOGIND_H

#include <stdbool.h>
#include <sys/types.h>

/* Returns true if logind removes an ordinary user's channels at the last logout. */
bool ctl_logind_removes_ipc(void);

/* Returns true if logind counts the user as an ordinary one, and not as one of the system. */
bool ctl_is_person(uid_t uid);

/* Returns true if the user's services, and with them its channels, outlive its last logout. */
bool ctl_lingers(uid_t uid);

/* What to do if a logout removes channels. */
#define CTL_KEEP_IPC                                                                               \
	"RemoveIPC=no in /etc/systemd/logind.conf and 'systemctl restart systemd-logind', "        \
	"or 'loginctl enable-linger USER', or run the programs as a system user"

#endif
