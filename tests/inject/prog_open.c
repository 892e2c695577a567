/* SPDX-License-Identifier: MIT */
/* Usage: prog_open create|open CHANNEL: do it, print the error's number (0: done); and
 * with open, send a message. */
#include "shmchan.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	chan_t *ch;
	int err;

	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "create") == 0) {
		err = chan_create(argv[2], NULL);
	} else {
		err = chan_open(&ch, argv[2], CHAN_SEND, NULL);
		if (err == 0) {
			err = chan_send(ch, "x", 1, 0);
			chan_detach(ch);
		}
	}
	printf("%d\n", -err);
	return 0;
}
