/* SPDX-License-Identifier: MIT */
/*
 * A connection to chand: the one client of its protocol (protocol.h), for the library
 * and the programs.  Requests and answers are packets of text over its control socket.
 *
 * If chand can't be asked, the functions return
 *   -ENOTCONN    there is no chand, or it hung up
 *   -EACCES      the user may not connect
 *   -ETIMEDOUT   it does not answer in time
 *   -EBADMSG     what answers is not chand, or one of another version; its answer is longer
 *                than a packet
 * and the connection has a line that says why, and one that says what to do.  Other
 * errors:
 *   -EINTR       the wait was interrupted
 *   others       descriptor_socket()'s, descriptor_receive()'s
 *
 * No lock is held while a function waits.  A connection is used by one thread at a time.
 */
#ifndef CHAN_CHAND_H
#define CHAN_CHAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/descriptor.h"
#include "bus/protocol.h"

struct chand_address {
	const char *path; /* of the socket */
	bool given;	  /* by CONTROL_VARIABLE */
	bool user;	  /* the user's own chand, not the system's */
};

struct chand {
	struct descriptor socket;
	struct chand_address at;
	int64_t patience; /* ns, for each request */
	/* Waits until `events` (poll(2)) on `fd`: > 0, or a negative errno. */
	int (*wait)(int fd, short events, int64_t deadline);
	char problem[256], remedy[128];
};

/* Return the address of the system's chand. */
struct chand_address chand_system(void);

/* Returns true, and sets *ret, if the directory of its socket is there. */
bool chand_directory(const struct chand_address *at, struct stat *ret);

/* Connect, and send a request, within `patience` each: 0, or an error.  `wait` is poll(2)
 * if it is NULL.  The connection must stay where it is.  If it can't be made, there is
 * nothing to close. */
int chand_connect(struct chand *ret, const struct chand_address *at, int64_t patience,
	int (*wait)(int fd, short events, int64_t deadline));
int chand_send(struct chand *chand, const char *request, size_t length);
void chand_close(struct chand *chand);

/* Receive the next packet as a string: its length, never 0.  `packet` has room for
 * MESSAGE_MAX + 1 bytes.  The descriptor that comes along becomes `passed`, if that is
 * not NULL and its fd is -1. */
ssize_t chand_receive(
	struct chand *chand, char *packet, struct descriptor *passed, int64_t deadline);

/* A packet, taken apart in place. */
struct chand_answer {
	const char *what;  /* PACKET_OK, ... */
	int err;	   /* of PACKET_ERROR: the positive error number; else 0 */
	const char *lines; /* those behind the first; of PACKET_ERROR: the reason */
};

/* Take a packet apart: 0, or -EBADMSG if it is none of this protocol. */
int chand_parse(struct chand *chand, char *packet, struct chand_answer *ret);

/* Send a request, and receive and parse the first packet of the answer, within `patience`
 * ns. */
int chand_ask(struct chand *chand, const char *request, size_t length, int64_t patience,
	char *packet, struct descriptor *passed, struct chand_answer *ret);

/* Set the problem of a connection whose caller waited for `patience` ns without an answer:
 * returns -ETIMEDOUT. */
int chand_no_answer(struct chand *chand, int64_t patience);

/* Returns true if a function above returned `err` because chand can't be asked. */
bool chand_unreachable(int err);

/* Return how long chand may take to make a channel of so many bytes, ns: it clears them at
 * this rate at least.  It makes none for a client that gave up sooner. */
#define CHAND_BYTES_A_SECOND (INT64_C(128) << 20)

static inline int64_t chand_making_time(int64_t bytes)
{
	return bytes > 0 ? bytes / CHAND_BYTES_A_SECOND * INT64_C(1000000000) : 0;
}

#endif
