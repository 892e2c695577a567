/* SPDX-License-Identifier: MIT */
/*
 * Inboxes: the channels in which replies come.
 *
 * An endpoint that asks makes one, a queue with headers of the client's own, which lives as
 * long as its users.  Its address, UID/NAME, goes with each request.  Who replies opens it
 * only if it is what it claims to be, so a client can't make a server write elsewhere than
 * into some client's inbox.
 */
#ifndef CHAN_INBOX_H
#define CHAN_INBOX_H

#include "shmchan.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INBOX_ADDRESS_SIZE (sizeof("4294967295/") + CHAN_NAME_MAX)

/* Make an inbox that those may write to who may use `requests`, open it to receive, and set
 * *ret and its address.  Inboxes of dead processes of this user are removed on the way.
 * Returns 0, or an error of chan_open(). */
int inbox_make(const chan_t *requests, chan_t **ret, char address[INBOX_ADDRESS_SIZE]);

/* Check that it is the address of an inbox of that user: 0, or -EINVAL and the detail. */
int inbox_check(const char *address, uid_t uid);

/* Open the inbox of that address, which should be the user's `uid`, to send.  Returns 0, or
 * an error of chan_open(), or
 *
 *   -EINVAL  it is no address of an inbox of that user, or what it leads to is none */
int inbox_open(const char *address, uid_t uid, chan_t **ret);

/* Note, in an inbox of this process, that a request is not wanted any more; and find out whether
 * its client did so.  Only the last ones are known. */
void inbox_note_cancelled(const chan_t *inbox, uint64_t number);
bool inbox_cancelled(const chan_t *inbox, uint64_t number);

#endif
