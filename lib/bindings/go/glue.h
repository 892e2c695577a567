/* SPDX-License-Identifier: MIT */
/* What has to be in C, because Go may not store pointers to its memory where C sees them, nor
 * give C a function. */
#include <shmchan.h>

#if CHAN_VERSION_MAJOR == 0 && CHAN_VERSION_MINOR < 2
#error "libshmchan is too old for this package: it needs 0.2"
#endif

/* Send n messages that lie one behind the other, with these lengths; or, if `slot` is not 0,
 * receive up to n, each to a slot of that size, and set their lengths.  Never waits. */
int shmchan_go_batch(chan_t *ch, char *data, size_t *len, unsigned n, size_t slot);

/* chan_list(), with shmchanListed() as its function. */
int shmchan_go_list(void *arg);
