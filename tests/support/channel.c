/* SPDX-License-Identifier: MIT */
#include "support/channel.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char name[64];
char segment_path[128];
static pid_t run; /* the test program, whose children the tests are */

void channel_run_begins(void)
{
	run = getpid();
}

void channel_setup(void)
{
	static unsigned n;

	snprintf(name, sizeof(name), "test.%d.%d.%u", (int)run, (int)getpid(), n++);
	snprintf(segment_path, sizeof(segment_path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(),
		name);
}

void channel_teardown(void)
{
	chan_remove(name);
}

const char *channel_other(const char *what)
{
	static char other[4][64];
	static unsigned next;
	char *ret = other[next++ % 4];

	snprintf(ret, sizeof(other[0]), "test.%d.%d.%s", (int)run, (int)getpid(), what);
	return ret;
}

unsigned channel_run_ends(bool complain)
{
	char start[64], path[300];
	struct dirent *e;
	unsigned left = 0;
	DIR *dir = opendir("/dev/shm");

	snprintf(start, sizeof(start), "shmchan.%u.test.%d.", (unsigned)geteuid(), (int)run);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, start, strlen(start)))
			continue;
		snprintf(path, sizeof(path), "/dev/shm/%s", e->d_name);
		unlink(path);
		if (complain)
			printf("left in /dev/shm: %s\n", e->d_name);
		left += complain;
	}
	if (dir)
		closedir(dir);
	return left;
}

chan_t *open_as(unsigned flags, const struct chan_options *opt)
{
	chan_t *ch = NULL;

	ck_assert_int_eq(chan_open(&ch, name, flags | (opt ? CHAN_CREATE : 0), opt), 0);
	ck_assert_ptr_nonnull(ch);
	return ch;
}

struct chan_stat stat_of(const chan_t *ch)
{
	struct chan_stat st = {.size = sizeof(st)};

	ck_assert_int_eq(chan_stat(ch, &st), 0);
	return st;
}

void send_text(chan_t *ch, const char *text)
{
	ck_assert_int_eq(chan_send(ch, text, strlen(text), 0), 0);
}

void expect_text(chan_t *ch, const char *text)
{
	char buf[64];

	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), (int)strlen(text));
	ck_assert_mem_eq(buf, text, strlen(text));
}
