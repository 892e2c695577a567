/* SPDX-License-Identifier: MIT */
/*
 * The channels of the bus.
 *
 * What is there at the start is adopted a few at a time (found.h), and what is declared is
 * made (creation.h).  A channel is in the table (channels.h) when it is adopted or made;
 * whoever asks for it before waits for it, and it comes next.
 *
 * What outlives chand is in files: the segments, and for each requested channel a file
 * with its spec, RUNTIME/channels/NAME.conf (state.h), written before the segment is
 * made.  So a chand that is killed at any instruction leaves either a file without a
 * segment, which the next one deletes, or a channel, which the next one adopts.
 */
#ifndef CHAND_REGISTRY_H
#define CHAND_REGISTRY_H

#include "channel.h"

/* Begin to watch, to adopt what is there and to make what is declared: registry_busy()
 * until that is done.  From then on, resolved() is called when the result of
 * registry_expedite() may have changed for a name; it may not change the registry. */
int registry_start(void (*resolved)(const char *name));
bool registry_busy(void);

/* Returns how many channels are still to be adopted, or to be made as declared. */
size_t registry_unmade(void);

/* Adopt the channel of that name now, if it was there at the start.  Returns whether a
 * channel of that name is still to be made; one that is declared is then made next, and
 * one that could not be made a while ago is tried again. */
bool registry_expedite(const char *name);

/* Call read(), which may read chand.conf, and the declarations again; and done() when all
 * is as they say, or with a negative errno: what could be read is as it says.  What is
 * unchanged is not touched. */
void registry_reload(void (*read)(void), void (*done)(int err));

/* The end: remove what lives only while chand runs. */
void registry_stop(void);

/* Make a channel that user `by` asks for.  When it is there, or has failed, maybe before
 * this returns, answer(arg, 0) is called, or answer() with a negative errno and `why`. */
void registry_create(const struct spec *spec, uid_t by,
	void (*answer)(void *arg, int err, const char *why), void *arg);

/* The client behind this `arg` has given up: answer() is not called any more, and what is
 * made is removed again. */
void registry_cancel(void *arg);

/* The same after it was made, if nobody has used it, and it still is the one with this id. */
void registry_undo(const char *name, uint64_t id);

#endif
