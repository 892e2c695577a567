/* SPDX-License-Identifier: MIT */
/* The exit status of the programs, and of the commands that chanrecv runs. */
#ifndef SHMCHAN_STATUS_H
#define SHMCHAN_STATUS_H

/* Exit status, the same for all tools. */
enum cli_status {
	CLI_OK = 0,
	CLI_ERROR = 1,
	CLI_USAGE = 2,
	CLI_NO_CHANNEL = 3,
	CLI_DENIED = 4,
	CLI_WOULD_BLOCK = 5,
	CLI_CLOSED = 6,
	CLI_TOO_LARGE = 7,
	CLI_PARTIAL = 8,
	CLI_CONDITION = 9,
	CLI_SOME_DEAD = 123, /* messages of a bounded run failed for good */
	CLI_TIMEOUT = 124,
	CLI_CHILD_FAILED = 125, /* children fail, or can't be started */
};

/* The exit status of a child that is given a message: 0, or one of these; with any other the
 * child failed.  The last two are the tool's own status, too. */
enum cli_child {
	CLI_CHILD_REJECT = 65, /* the message is dead */
	CLI_CHILD_RETRY = 75,  /* it is to be tried again */
	CLI_CHILD_LAST = 99,   /* the message is done, and the child wants no other */
	CLI_CHILD_REJECT_TOO = 100,
	CLI_CHILD_RETRY_TOO = 111,
	CLI_CHILD_NO_EXEC = 126,
	CLI_CHILD_NOT_FOUND = 127,
};

#endif
