/* SPDX-License-Identifier: MIT */
/*
 * prog_connect SOCKET WANTED TRIES: of TRIES connections to chand, held at the same
 * time, exactly WANTED are served, and the others read why they are not.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/parse.h"

/* 1 served, 0 refused with a reason, -1 neither. */
static int try(const char *path)
{
	static const char status[] = "chand/1 STATUS\n";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	char answer[4097];
	ssize_t n;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	(void)!send(fd, status, strlen(status), MSG_NOSIGNAL);
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n <= 0)
		return -1;
	answer[n] = 0;
	if (!strncmp(answer, "chand/1 OK\n", 11))
		return 1;
	return strstr(answer, "connections of") ? 0 : -1;
}

int main(int argc, char **argv)
{
	uint64_t wanted, tries, served = 0;

	if (argc != 4 || cli_parse_count(argv[2], &wanted) || cli_parse_count(argv[3], &tries))
		return 2;
	for (uint64_t i = 0; i < tries; i++) {
		int r = try(argv[1]);

		if (r < 0) {
			printf("connection %u: neither an answer nor a reason\n", (unsigned)i);
			return 1;
		}
		served += (uint64_t)r;
	}
	if (served != wanted)
		printf("%u served, not %u\n", (unsigned)served, (unsigned)wanted);
	return served != wanted;
}
