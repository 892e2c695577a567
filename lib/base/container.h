/* SPDX-License-Identifier: MIT */
#ifndef CHAN_CONTAINER_H
#define CHAN_CONTAINER_H

#include <stddef.h>

/* The structure of type `type` whose member `member` is at `pointer`. */
#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
