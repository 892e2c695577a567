/* SPDX-License-Identifier: MIT */
/*
 * prog_hog CHANNEL send|receive: hold that side's lock for two milliseconds, again and
 * again, as a busy peer does that loses its CPU inside.  Prints a line when it begins;
 * runs until it is killed.
 */
#include "channel/side.h"
#include "support/clock.h"

#include <stdio.h>
#include <string.h>

#define HELD INT64_C(2000000)
#define FREE INT64_C(100000)

int main(int argc, char **argv)
{
	bool sends = argc == 3 && !strcmp(argv[2], "send");
	chan_t *ch;
	int err;

	if (argc != 3)
		return 2;
	err = chan_open(&ch, argv[1], 0, NULL);
	for (bool first = true; err == 0; first = false) {
		struct limit limit = limit_of(CHAN_WAIT);

		err = sends ? senders_enter(ch, &limit) : receivers_enter(ch, &limit);
		if (err < 0)
			break;
		if (first) {
			puts("begins");
			fflush(stdout);
		}
		nap(HELD);
		if (sends)
			senders_leave(ch);
		else
			receivers_leave(ch);
		nap(FREE);
	}
	fprintf(stderr, "prog_hog: %s\n", chan_strerror(err));
	return 1;
}
