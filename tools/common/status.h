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
	CLI_TIMEOUT = 124,
	CLI_CHILD_FAILED = 125, /* a child failed, or could not be started */
};

/* The exit status of a child that is given a message: 0, or one of these; with any other the
 * child failed.  The last two are the tool's own status, too. */
enum cli_child {
	CLI_CHILD_LAST = 99, /* the message is done, and the child wants no other */
	CLI_CHILD_NO_EXEC = 126,
	CLI_CHILD_NOT_FOUND = 127,
};

#endif
