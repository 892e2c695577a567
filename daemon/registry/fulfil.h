/* SPDX-License-Identifier: MIT */
/* Declarations and requests are fulfilled: what is done just before a channel is made, and
 * what follows when it is there, or could not be made. */
#ifndef CHAND_FULFIL_H
#define CHAND_FULFIL_H

#include "registry/adoption.h"

/* Begin to handle what comes out of the queue of creations (creation.h); resolved() is
 * called with each name, and settled() after it. */
void fulfil_start(const struct adoption_reports *reports);

#endif
