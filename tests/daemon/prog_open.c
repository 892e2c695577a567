/* SPDX-License-Identifier: MIT */
/* prog_open CHANNEL send|receive|both|observe: 0 if it can be opened so. */
#include <string.h>

#include "common/failure.h"
#include "shmchan.h"

int main(int argc, char **argv)
{
	static const char *const words[] = {"observe", "send", "receive", "both"};
	chan_t *ch;
	int err;

	for (unsigned roles = 0; argc == 3 && roles < 4; roles++)
		if (!strcmp(words[roles], argv[2])) {
			err = chan_open(&ch, argv[1], roles, NULL);
			if (err == 0)
				chan_detach(ch);
			return cli_exit_code(err);
		}
	return 2;
}
