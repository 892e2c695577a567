/* SPDX-License-Identifier: MIT */
/* The header of a message (struct chan_meta) as users write and read it. */
#ifndef SHMCHAN_HEADER_H
#define SHMCHAN_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "shmchan.h"

#define HEADER_ID_SIZE 33 /* as text, a NUL among them */

/* Set the id: 32 hexadecimal digits, also with the dashes of a UUID, or 1 to 16 bytes of text.
 * Returns 0 or -EINVAL. */
int header_set_id(struct chan_meta *m, const char *text, size_t len);

/* Write the id: as text if it can be read, else as 32 hexadecimal digits. */
void header_print_id(const struct chan_meta *m, char ret[HEADER_ID_SIZE]);

/* Set the key: 0, or -EINVAL if it is too long. */
int header_set_key(struct chan_meta *m, const char *key, size_t len);

/* Set the priority: 0 or -EINVAL. */
int header_set_priority(struct chan_meta *m, double priority);

#endif
