/* SPDX-License-Identifier: MIT */
/*
 * The guard of this chand (core/guard.h): while it holds, those that sleep in a channel that
 * is covered don't look each second whether a wake-up died; chand wakes them after each
 * death.  The kernel ends it however chand ends.
 *
 * The main thread holds it, and takes no robust mutex of a segment: what others write can't
 * keep the kernel from finding the guard.
 */
#ifndef CHAND_GUARD_H
#define CHAND_GUARD_H

struct channel;

/* Make it.  Where that can't be done, sleepers look each second, and the log says so. */
void guard_start(void);

/* Nothing is watched any more: those that sleep look each second from now on. */
void guard_stop(void);

/* From now on each death in the channel is seen, and those that slept before were woken. */
void guard_cover(struct channel *channel);

/* The channel is not watched any more: wake all. */
void guard_uncover(struct channel *channel);

#endif
