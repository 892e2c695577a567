/* SPDX-License-Identifier: MIT */
/* Handles: how one begins, as an endpoint's or as that of one of its lanes, and its end. */
#ifndef CHAN_ATTACH_H
#define CHAN_ATTACH_H

#include "channel/handle.h"

/* Make a handle of no segment yet: NULL if there is no memory. */
struct chan *handle_new(const struct segment_path *path, unsigned roles);

/* Fill in what follows from the segment, or from a lane's view of it, which is mapped: 0 or
 * -EBADMSG. */
int handle_begin(struct chan *ch);

/* It has its place in the endpoint table: give back a dead receiver's leases, since those of the
 * endpoint that had this place before would look like ours from now on.  Returns 0, or an error
 * of receivers_visit(). */
int handle_succeed(struct chan *ch);

/* Give up a hold of a handle of which nothing is open: the last one frees it. */
void handle_release(struct chan *ch);

#endif
