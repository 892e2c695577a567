/* SPDX-License-Identifier: MIT */
/*
 * prog_giveup SOCKET HOW NAME CAPACITY [COMMAND]: ask chand for a channel, and give up:
 *
 *   ask      at once
 *   unread   when the answer is there, which is not read; the shell runs COMMAND before
 *   read     when it has been read
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[4096];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), n;

	if (argc < 5)
		return 2;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
	n = snprintf(
		text, sizeof(text), "chand/1 CREATE\nname=%s\ncapacity=%s\n", argv[3], argv[4]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		send(fd, text, (size_t)n, MSG_NOSIGNAL) != n) {
		perror(argv[1]);
		return 1;
	}
	if (!strcmp(argv[2], "ask"))
		return 0;
	if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000) != 1)
		return 1;
	if (argc > 5 && system(argv[5]) != 0)
		return 1;
	return !strcmp(argv[2], "read") && recv(fd, text, sizeof(text), 0) <= 0;
}
