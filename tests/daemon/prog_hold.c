/* SPDX-License-Identifier: MIT */
/* prog_hold SOCKET N: have N connections, or as many as there can be, say nothing, and wait
 * to be killed. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/parse.h"

int main(int argc, char **argv)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	uint64_t n;

	if (argc != 3 || cli_parse_count(argv[2], &n))
		return 2;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
	while (n--) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
			perror(argv[1]);
			return 1;
		}
	}
	for (;;)
		pause();
}
