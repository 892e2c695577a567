/* SPDX-License-Identifier: MIT */
/*
 * What chanctl doctor looks at.  Each check reports what it found; where there is something
 * to do, it says what.
 */
#ifndef SHMCHAN_CTL_CHECKS_H
#define SHMCHAN_CTL_CHECKS_H

#include "common/options.h"
#include "ctl/channel.h"

/* Shared memory, and what else a segment takes. */
void ctl_check_room(const struct ctl_channels *channels);
void ctl_check_proc(void);
void ctl_check_file_size(void);

/* What systemd-logind does at a logout. */
void ctl_check_remove_ipc(void);

/* The kernel. */
void ctl_check_pid_namespace(void);
void ctl_check_io_uring(void);

/* A bus's chand, and the units by which systemd runs it.  Nothing is reported of a bus that
 * was not chosen. */
void ctl_check_chand(enum cli_bus which);
void ctl_check_units(enum cli_bus which);

/* The channels that are there. */
void ctl_check_segments(const struct ctl_channels *channels);

#endif
