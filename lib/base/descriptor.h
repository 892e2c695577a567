/* SPDX-License-Identifier: MIT */
/*
 * The library's own descriptors.  Each is made by a function of this file and
 * closed by descriptor_close(), so that these rules hold for all of them:
 *
 * Number.  None is below 3: a program that was started with a closed standard
 * descriptor still writes to 1 and 2, and its output would go to a segment.  The
 * low numbers that are free are occupied while a descriptor is made, so that it
 * does not have one of them for an instant; the occupant (O_PATH) can be neither
 * read nor written.
 *
 * fork().  A child must not have its parent's endpoints: its copies of the
 * descriptors would keep them alive after the parent's death, and its copies of
 * the handles would use locks that it does not own.  Mappings are not inherited
 * (MADV_DONTFORK).  All descriptors are in lists; in a child they are closed
 * and their owners marked.  A child that is made without atfork handlers
 * (clone(2), vfork(2), _Fork(3)) has the close-on-exec flag only.
 *
 * The lock.  A descriptor enters its list in the same stretch in which it is made,
 * under a mutex of this process that fork() takes, too.  Nothing that can wait for
 * another process is called inside.  Signals are blocked there, because a handler
 * may fork(): it would wait for the thread that it interrupted.
 *
 * Closed by the program.  Some programs close all descriptors that they don't
 * know, and files that they open then get these numbers.  So a descriptor is
 * recognized by the device and inode of what was opened; the library asks and
 * closes nothing else.
 */
#ifndef CHAN_DESCRIPTOR_H
#define CHAN_DESCRIPTOR_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct descriptor {
	int fd;		       /* -1: none */
	_Atomic bool *orphan;  /* or NULL; becomes true in a child of fork() */
	_Atomic bool replaced; /* another descriptor of the library has its number */
	uint64_t dev, ino;     /* of what was opened */
	struct descriptor *next, **link;
};

/* Install the fork handlers, once: 0, or pthread_atfork()'s error.  They also call `fn` in
 * a child.  Call this before the first of the functions below. */
int descriptors_prepare(void (*fn)(void));

/* Keep this process from fork(), and block signals and cancellation, until
 * descriptors_unlock().  What is called in between must not wait for another process. */
void descriptors_lock(void);
void descriptors_unlock(void);

/* Block the signals whose handlers may run at any time, but not those that a thread causes
 * itself (SIGSEGV and kin): their handlers may be needed to go on. */
void signals_block(sigset_t *before);

/*
 * Open a file, or make a socket of AF_UNIX, or an inotify(7) instance or an eventfd(2) that
 * never wait, as a close-on-exec descriptor.  d->orphan is the caller's; the rest of `d` is
 * set.  Returns 0, or
 *
 *   -ENOMEM  fstat(2) had no memory
 *   -EMFILE  the number was a standard descriptor's, and there is no other one
 *   -EIO     it failed otherwise once it was open
 *
 * or the error of open(2), socket(2), inotify_init1(2) or eventfd(2), but never -EINTR.
 */
int descriptor_open(struct descriptor *d, const char *path, int flags, mode_t mode);
int descriptor_socket(struct descriptor *d, int type);
int descriptor_inotify(struct descriptor *d);
int descriptor_eventfd(struct descriptor *d);

/* Receive a packet without waiting: its length, or an error of recvmsg(2) or of
 * descriptor_open().  If a packet is longer than `size`, it is cut, and its length says
 * so.  If d->fd is -1, the descriptor that comes along, if any, becomes `d`; all others are
 * closed. */
ssize_t descriptor_receive(struct descriptor *d, int socket, void *buf, size_t size);

/* Open a file as descriptor_open() does, for a descriptor that the caller closes or gives
 * away: its number, or an error. */
int descriptor_open_plain(const char *path, int flags);

/* Returns true if it is still what was opened. */
bool descriptor_ours(const struct descriptor *d);

/* Close it, if there is one and it is ours, and take it off its list. */
void descriptor_close(struct descriptor *d);

#endif
