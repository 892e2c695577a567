/* SPDX-License-Identifier: MIT */
/*
 * prog_scale create|open|remove PREFIX N: do that to the channels PREFIX-1 to PREFIX-N, all
 * in this process, and print what one took, us.  `open` has all of them open at once, to send
 * and to receive, sends and receives a message in each, and prints
 *
 *   OPEN  LAST  MESSAGE  DETACH  MEMORY  DESCRIPTORS
 *
 * the mean of all, the mean of the last tenth, a message's send and receive, detaching, and
 * what one open channel takes of this process: KiB that are not the segment's, descriptors.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/parse.h"
#include "shmchan.h"

static const char *prefix;
static char name[CHAN_NAME_MAX + 1];

static const char *nth(uint64_t i)
{
	snprintf(name, sizeof(name), "%s-%llu", prefix, (unsigned long long)i + 1);
	return name;
}

static double us(int64_t since, uint64_t n)
{
	return (double)(cli_now() - since) / 1000 / (double)n;
}

/* Returns KiB of this process's own memory. */
static long own_memory(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (status && kib < 0 && fgets(line, sizeof(line), status))
		if (!strncmp(line, "RssAnon:", 8))
			kib = atol(line + 8);
	if (status)
		fclose(status);
	return kib;
}

static long descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static int create_all(uint64_t n)
{
	struct chan_options options = {
		.size = sizeof(options), .capacity = 4096, .max_message = 64, .endpoints = 4};
	int64_t start = cli_now();

	for (uint64_t i = 0; i < n; i++) {
		int err = chan_create(nth(i), &options);

		if (err < 0)
			return cli_fail(name, NULL, err);
	}
	printf("%.1f\n", us(start, n));
	return 0;
}

static int remove_all(uint64_t n)
{
	int64_t start = cli_now();

	for (uint64_t i = 0; i < n; i++)
		chan_remove(nth(i));
	printf("%.1f\n", us(start, n));
	return 0;
}

static int open_all(uint64_t n)
{
	chan_t **ch = calloc(n, sizeof(chan_t *));
	uint64_t before_last = n - (n + 9) / 10;
	long memory = own_memory(), files = descriptors();
	int64_t start = cli_now(), last = start;
	double all, late, message;
	char byte = 0;

	if (!ch)
		return 1;
	for (uint64_t i = 0; i < n; i++) {
		int err;

		if (i == before_last)
			last = cli_now();
		err = chan_open(&ch[i], nth(i), CHAN_SEND | CHAN_RECV, NULL);
		if (err < 0)
			return cli_fail(name, NULL, err);
	}
	late = us(last, n - before_last);
	all = us(start, n);
	memory = own_memory() - memory;
	files = descriptors() - files;
	start = cli_now();
	for (uint64_t i = 0; i < n; i++)
		if (chan_send(ch[i], &byte, 1, 0) < 0 || chan_recv(ch[i], &byte, 1, 0) != 1)
			return cli_fail(nth(i), NULL, -EIO);
	message = us(start, n);
	start = cli_now();
	for (uint64_t i = 0; i < n; i++)
		chan_detach(ch[i]);
	printf("%.1f\t%.1f\t%.2f\t%.1f\t%.1f\t%.1f\n", all, late, message, us(start, n),
		(double)memory / (double)n, (double)files / (double)n);
	free(ch);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n;

	if (argc != 4 || cli_parse_count(argv[3], &n) < 0 || n == 0 || n > 1000000)
		return 2;
	prefix = argv[2];
	if (!strcmp(argv[1], "create"))
		return create_all(n);
	if (!strcmp(argv[1], "open"))
		return open_all(n);
	return strcmp(argv[1], "remove") ? 2 : remove_all(n);
}
