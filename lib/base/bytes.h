/* SPDX-License-Identifier: MIT */
#ifndef CHAN_BYTES_H
#define CHAN_BYTES_H

#include "base/compiler.h"

#include <string.h>

/* Copy `n` bytes, which may be 0. */
ALWAYS_INLINE void copy_bytes(void *to, const void *from, size_t n)
{
	if (n) /* an empty message may be at NULL */
		memcpy(to, from, n);
}

#endif
