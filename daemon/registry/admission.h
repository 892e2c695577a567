/* SPDX-License-Identifier: MIT */
/* Whether a request may be carried out: the name is free, and the user's quota allows it. */
#ifndef CHAND_ADMISSION_H
#define CHAND_ADMISSION_H

#include "config/spec.h"

/* Returns 0, or a negative errno and `why`. */
int admission_check(const struct spec *spec, char *why, size_t size);

/* Count the user's requested channels, and their bytes, with those that are being made. */
void admission_usage(uid_t uid, uint64_t *channels, uint64_t *bytes);

#endif
