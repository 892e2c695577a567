/* SPDX-License-Identifier: MIT */
/* The options -l, -0, -d and -F, which say how messages lie in a stream. */
#ifndef SHMCHAN_FRAMING_OPTION_H
#define SHMCHAN_FRAMING_OPTION_H

#include <stdbool.h>

#include "common/framing.h"

/* Returns false if `letter` is another option; else sets *ret, and leaves its skip_empty.  A
 * bad argument is a usage error, which names `choice` as what -F takes. */
bool cli_framing_option(int letter, const char *arg, const char *choice, struct framing *ret);

#endif
