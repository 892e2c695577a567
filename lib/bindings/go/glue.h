/* SPDX-License-Identifier: MIT */
/* What has to be in C, because Go may not store pointers to its memory where C sees them, nor
 * give C a function. */
#ifndef SHMCHAN_GLUE_H
#define SHMCHAN_GLUE_H

#include <shmchan.h>

#if CHAN_VERSION_MAJOR == 0 && CHAN_VERSION_MINOR < 2
#error "libshmchan is too old for this package: it needs 0.2"
#endif

/* What is known of an error besides its number. */
struct shmchan_go_why {
	uint64_t size;
	char text[512];
};

/* The result of a call.  `why` is NULL, or has to be freed: the library keeps it for the
 * thread, and when the call has returned Go may be on another. */
struct shmchan_go_result {
	int64_t value;
	struct shmchan_go_why *why;
};

/* An endpoint for the calls below, which never wait.  It may be detached at any time: that
 * waits for those that are inside, and later ones are -ENOTCONN. */
struct shmchan_go_endpoint {
	uintptr_t ch;
};

void shmchan_go_detach(struct shmchan_go_endpoint *ep);

/* What a message points to is char, since Go looks through what a void * points to in each
 * call. */
struct shmchan_go_result shmchan_go_send(
	const struct shmchan_go_endpoint *ep, const char *msg, size_t len);
struct shmchan_go_result shmchan_go_recv(
	const struct shmchan_go_endpoint *ep, char *buf, size_t size);

/* Send n messages that lie one behind the other, with these lengths. */
struct shmchan_go_result shmchan_go_send_batch(
	const struct shmchan_go_endpoint *ep, const char *data, const size_t *len, unsigned n);

/* Receive up to n messages, each to a slot of that size, and set their lengths. */
struct shmchan_go_result shmchan_go_recv_batch(
	const struct shmchan_go_endpoint *ep, char *data, size_t slot, size_t *len, unsigned n);

/* chan_list(), with shmchanListed() as its function. */
int shmchan_go_list(void *arg);

#endif
