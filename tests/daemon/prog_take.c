/* SPDX-License-Identifier: MIT */
/* prog_take CHANNEL: take a message under a lease, say "taken PID", and keep it
 * until killed. */
#include <stdio.h>
#include <unistd.h>

#include "shmchan.h"

int main(int argc, char **argv)
{
	struct chan_lease lease;
	chan_t *ch;
	int err = argc == 2 ? chan_open(&ch, argv[1], CHAN_RECV, NULL) : -22;

	if (err == 0)
		err = chan_take(ch, &lease, 1, INT64_C(20000000000));
	if (err != 1) {
		fprintf(stderr, "prog_take: %s\n", chan_strerror(err));
		return 1;
	}
	printf("taken %d\n", (int)getpid());
	fflush(stdout);
	for (;;)
		pause();
}
