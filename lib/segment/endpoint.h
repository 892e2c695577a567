/* SPDX-License-Identifier: MIT */
/*
 * Who is attached, and alive.
 *
 * The kernel's lock table is the allocator of endpoints and their death
 * certificate.  Endpoint i holds open-file-description write locks on bytes of
 * its segment's file (far behind its end): SLOT + i while it is attached, SENDER
 * + i and RECEIVER + i for what it does.  An exclusive endpoint locks its whole
 * side: that conflicts with every other endpoint of the side, both ways, in one
 * atomic call.  The kernel drops the locks when the process dies, whatever
 * killed it; it knows nothing of PID reuse, namespaces, threads or heartbeats.
 * A stopped or slow process is alive.
 *
 * What the endpoint table says of a slot (pid, command...) is for people.  It
 * decides nothing.
 */
#ifndef CHAN_ENDPOINT_H
#define CHAN_ENDPOINT_H

#include "core/layout.h"
#include "shmchan.h"

#include <stdbool.h>

/* Attach: the slot, or -EBUSY (a side is, or is wanted, exclusive), -EUSERS (no
 * slot), another errno.  `fd` is the endpoint's own file description. */
int endpoint_attach(int fd, struct layout *layout, uint32_t endpoints, unsigned roles);

/* Leave.  After a death the kernel does what matters of this. */
void endpoint_detach(int fd, struct layout *layout, uint32_t slot);

/* Does another endpoint than fd's have the role (CHAN_SEND or CHAN_RECV)? */
bool endpoint_any(int fd, unsigned role);

/* Does another endpoint than fd's receive in `slot`? */
bool endpoint_receives(int fd, uint32_t slot);

/* How many others have the role? */
uint32_t endpoint_count(int fd, unsigned role);

/* The live ones, this one included if `own` is its slot (else -1). */
int endpoint_list(int fd, const struct layout *layout, uint32_t endpoints, int own,
	struct chan_endpoint *ret, unsigned n);

/* Keep everybody from attaching, if nobody is: 0, or -EBUSY. */
int endpoint_close_gate(int fd);
void endpoint_open_gate(int fd);

#endif
