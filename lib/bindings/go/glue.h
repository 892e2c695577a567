/* SPDX-License-Identifier: MIT */
/* What has to be in C, because Go may not store pointers to its memory where C sees them, nor
 * give C a function. */
#include <shmchan.h>

#if CHAN_VERSION_MAJOR == 0 && CHAN_VERSION_MINOR < 2
#error "libshmchan is too old for this package: it needs 0.2"
#endif

/* chan_send() and chan_recv() that never wait.  The endpoint is a number, since a pointer to a
 * type that Go does not know costs it an allocation. */
int shmchan_go_send(uintptr_t ch, const void *msg, size_t len);
ssize_t shmchan_go_recv(uintptr_t ch, void *buf, size_t size);

/* Send n messages that lie one behind the other, with these lengths; or, if `slot` is not 0,
 * receive up to n, each to a slot of that size, and set their lengths.  Never waits. */
int shmchan_go_batch(chan_t *ch, char *data, size_t *len, unsigned n, size_t slot);

/* chan_list(), with shmchanListed() as its function. */
int shmchan_go_list(void *arg);
