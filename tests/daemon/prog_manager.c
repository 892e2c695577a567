/* SPDX-License-Identifier: MIT */
/*
 * prog_manager SOCKET COMMAND [ARGUMENT...]: receive, as a service manager does, what a
 * daemon reports (sd_notify(3)), and print each report on a line, its lines separated by
 * blanks.  After one with READY=1 run the command, which prints what is there then, and
 * print "end of READY=1" when it has ended.
 */
#include "support/socket.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char **command)
{
	pid_t pid = fork();

	if (pid == 0) {
		execv(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	char text[1024];
	ssize_t n;
	int fd;

	if (argc < 3)
		return 2;
	fd = bind_path(argv[1], SOCK_DGRAM);
	if (fd < 0 || chmod(argv[1], 0666) < 0) {
		perror(argv[1]);
		return 1;
	}
	while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = 0;
		for (char *c = text; *c; c++)
			if (*c == '\n')
				*c = ' ';
		puts(text);
		fflush(stdout);
		if (strstr(text, "READY=1")) {
			run(argv + 2);
			puts("end of READY=1");
			fflush(stdout);
		}
	}
	return 1;
}
