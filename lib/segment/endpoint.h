/* SPDX-License-Identifier: MIT */
/*
 * The endpoints that are attached and alive.
 *
 * The kernel's lock table is the allocator of endpoints and their death
 * certificate.  Endpoint i holds open-file-description write locks on bytes of
 * its segment's file (far behind its end): SLOT + i while it is attached, SENDER
 * + i and RECEIVER + i for what it does.  An exclusive endpoint locks its whole
 * side: that conflicts with every other endpoint of the side, both ways, in one
 * atomic call.  The kernel drops the locks when the process dies, whatever
 * killed it.  So neither reused PIDs nor namespaces nor heartbeats matter, and a
 * stopped or slow process is alive.
 *
 * A receiver that may not write has no slot, and a read lock on the one byte READERS,
 * which all of them share.
 *
 * What the endpoint table says of a slot (pid, command...) is for people.  It
 * decides nothing but in which lane a receiver looks first.
 */
#ifndef CHAN_ENDPOINT_H
#define CHAN_ENDPOINT_H

#include "base/descriptor.h"
#include "core/layout.h"
#include "shmchan.h"

#include <stdbool.h>

/* `own` is the endpoint's own file description.  The program may have closed its number:
 * then the functions that ask the kernel return -EBADFD, and ask nothing of another
 * file. */

/*
 * Attach with these roles: the slot, or
 *
 *   -EBUSY   a side is, or is wanted, exclusive
 *   -EUSERS  no slot is free
 *
 * or another error of the locks.  If the process is killed in it, the kernel takes back
 * the slot.
 */
int endpoint_attach(
	const struct descriptor *own, struct layout *layout, uint32_t endpoints, unsigned roles);

/* Detach.  After a death the kernel does what matters of this. */
void endpoint_detach(const struct descriptor *own, struct layout *layout, uint32_t slot);

/* Find out whether another endpoint has the role (CHAN_SEND or CHAN_RECV): 0 and *ret, or
 * -EBADFD. */
int endpoint_any(const struct descriptor *own, unsigned role, bool *ret);

/* Find out whether another endpoint receives in `slot`: 0 and *ret, or -EBADFD. */
int endpoint_receives(const struct descriptor *own, uint32_t slot, bool *ret);

/* Register a receiver that may not write, for as long as it is open.  If that fails, it is
 * not known, and is woken late. */
void endpoint_register_reader(const struct descriptor *own);

/* Find out whether there is such a receiver: 0 and *ret, or -EBADFD. */
int endpoint_any_reader(const struct descriptor *own, bool *ret);

/* Count the other endpoints that have the role: how many, or -EBADFD. */
int endpoint_count(const struct descriptor *own, unsigned role);

/* Count the endpoints in slots before this one that have the role, as the endpoint table says: some
 * may have been killed, or not be registered yet.  No system call. */
uint32_t endpoint_place(const struct layout *layout, uint32_t slot, unsigned role);

/* List the live endpoints, the caller's included if `slot` is its own (else -1).  Returns
 * how many there are; the first `n` are written to `ret`. */
int endpoint_list(const struct descriptor *own, const struct layout *layout, uint32_t endpoints,
	int slot, struct chan_endpoint *ret, unsigned n);

/*
 * Keep everybody from attaching, if nobody is attached.  Returns 0, or
 *
 *   -EBUSY   an endpoint is attached, or another process has closed the gate
 *   -EBADFD  the descriptor is not ours any more
 *
 * or another error of the locks.
 */
int endpoint_close_gate(const struct descriptor *own);
void endpoint_open_gate(const struct descriptor *own);

#endif
