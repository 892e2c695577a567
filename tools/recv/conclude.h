/* SPDX-License-Identifier: MIT */
/* How a run of chanrecv ended: the outcomes of its receivers become one exit status. */
#ifndef SHMCHAN_CONCLUDE_H
#define SHMCHAN_CONCLUDE_H

#include "recv/receiver.h"

/* Report how the run ended.  Returns the exit status. */
int conclude(const struct run *run, const struct receiver *receivers, int count);

#endif
