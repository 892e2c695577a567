/* SPDX-License-Identifier: MIT */
/* systemd-logind, which may remove channels. */
#ifndef SHMCHAN_CTL_LOGIND_H
#define SHMCHAN_CTL_LOGIND_H

#include <stdbool.h>

/* Returns true if logind removes an ordinary user's channels at the last logout. */
bool ctl_logind_removes_ipc(void);

#endif
