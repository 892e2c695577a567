/* SPDX-License-Identifier: MIT */
/*
 * prog_manager SOCKET COMMAND [ARGUMENT...]: receive, as a service manager does, what a
 * daemon reports (sd_notify(3)), and print each report on a line, its lines separated by
 * blanks.  After one with READY=1 run the command, which prints what is there then, and
 * print "end of READY=1" when it has ended.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[1024];
	ssize_t n;

	if (argc < 3)
		return 2;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		chmod(argv[1], 0666) < 0) {
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
