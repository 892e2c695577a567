/* SPDX-License-Identifier: MIT */
/*
 * A chand that does as a test says: a thread with a socket in a directory of its own, to
 * which SHMCHAN_CONTROL leads.  It serves one connection, after those that it hangs up on.
 */
#ifndef TESTS_BUS_FAKE_H
#define TESTS_BUS_FAKE_H

#include "bus/chand.h"

struct fake {
	/* What it answers, up to one that is NULL. */
	struct {
		const char *text;
		size_t length; /* 0: of the string */
		int passed;    /* how many descriptors come along, each of fake_passed() */
	} packet[4];
	int64_t after; /* ns that it lets pass before it answers */
	int hang_ups;  /* before that: it reads a request and closes */
	bool early;    /* it answers and hangs up, and reads no request */
	bool silent;   /* it keeps the connection until the client hangs up */
};

/* Set-up: make the directory.  Clean-up: remove it. */
void fake_setup(void);
void fake_teardown(void);

/* Return a path in that directory. */
const char *fake_file(const char *base);

/* Return the address of its socket. */
struct chand_address fake_address(void);

/* Make a socket of that type and listen on it; `backlog` < 0: don't listen. */
int fake_listen(int type, int backlog);

/* Start it. */
void fake_start(const struct fake *fake);

/* Wait for its end: it has served its connection. */
void fake_end(void);

/* End it while it waits for a connection. */
void fake_stop(void);

/* Return the request that it read, "" if there was none.  It has ended. */
const char *fake_request(void);

/* Returns true if `fd` is a descriptor of the file that it passes. */
bool fake_passed(int fd);

#endif
