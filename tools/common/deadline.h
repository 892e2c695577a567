/* SPDX-License-Identifier: MIT */
/* Deadlines are of CLOCK_MONOTONIC, ns; CHAN_WAIT is never. */
#ifndef SHMCHAN_DEADLINE_H
#define SHMCHAN_DEADLINE_H

#include <stdint.h>

#include "shmchan.h"

int64_t cli_now(void);
int64_t cli_deadline(int64_t duration);
int64_t cli_remaining(int64_t deadline);  /* 0 when it passed */
int64_t cli_sooner(int64_t a, int64_t b); /* of two deadlines or durations */

#endif
