/* SPDX-License-Identifier: MIT */
/*
 * prog_listen PATH NAME PROGRAM [ARGUMENT...]: listen on PATH, as systemd does for a
 * socket unit whose FileDescriptorName= is NAME, and become PROGRAM, with the socket, when
 * somebody connects.  PROGRAM - binds only, and never listens.
 */
#include "support/socket.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct pollfd some = {.events = POLLIN};
	char pid[16];
	int fd;

	if (argc < 4)
		return 2;
	fd = bind_path(argv[1], SOCK_SEQPACKET);
	if (fd < 0 || chmod(argv[1], 0666) < 0) {
		perror(argv[1]);
		return 1;
	}
	if (!strcmp(argv[3], "-"))
		for (;;)
			pause();
	some.fd = fd;
	if (listen(fd, 64) < 0 || poll(&some, 1, -1) != 1 || (fd != 3 && dup2(fd, 3) < 0))
		return 1;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", argv[2], 1);
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
