/* SPDX-License-Identifier: MIT */
#include "fake.h"

#include "support/clock.h"
#include "support/socket.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char directory[64];
static struct fake script;
static int listener, file;
static char request[MESSAGE_MAX + 1];
static pthread_t thread;

const char *fake_file(const char *base)
{
	static char path[sizeof(directory) + 32];

	snprintf(path, sizeof(path), "%s/%s", directory, base);
	return path;
}

struct chand_address fake_address(void)
{
	return chand_system();
}

void fake_setup(void)
{
	snprintf(directory, sizeof(directory), "/tmp/shmchan-test-bus.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	file = open(fake_file("passed"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(setenv(CONTROL_VARIABLE, fake_file("control"), 1), 0);
}

void fake_teardown(void)
{
	close(file);
	unlink(fake_file("passed"));
	unlink(fake_file("control"));
	ck_assert_int_eq(rmdir(directory), 0);
}

int fake_listen(int type, int backlog)
{
	int fd = bind_path(fake_file("control"), type | SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	if (backlog >= 0)
		ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static void answer(int fd, const char *text, size_t length, int passed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {.bytes = ""};
	struct iovec iov = {(void *)(uintptr_t)text, length ? length : strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (passed) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)passed * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)passed * sizeof(int));
		for (int i = 0; i < passed; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &file, sizeof(int));
	}
	sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
	char rest[16];
	ssize_t n;
	int fd;

	(void)arg;
	for (int i = 0; i < script.hang_ups; i++) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			close(listener);
			return NULL;
		}
		recv(fd, request, sizeof(request) - 1, 0);
		close(fd);
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	if (!script.early) {
		n = recv(fd, request, sizeof(request) - 1, 0);
		request[n < 0 ? 0 : n] = 0;
	}
	nap(script.after);
	for (int i = 0; i < 4 && script.packet[i].text; i++)
		answer(fd, script.packet[i].text, script.packet[i].length, script.packet[i].passed);
	while (script.silent && recv(fd, rest, sizeof(rest), 0) > 0)
		;
	close(fd);
	return NULL;
}

void fake_start(const struct fake *fake)
{
	sigset_t set, before;

	script = *fake;
	*request = 0;
	unlink(fake_file("control"));
	listener = fake_listen(SOCK_SEQPACKET, 8);
	/* Signals are for the test. */
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void fake_end(void)
{
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

void fake_stop(void)
{
	ck_assert_int_eq(shutdown(listener, SHUT_RDWR), 0); /* accept() fails */
	fake_end();
}

const char *fake_request(void)
{
	return request;
}

bool fake_passed(int fd)
{
	struct stat is, wanted;

	return fstat(fd, &is) == 0 && fstat(file, &wanted) == 0 && is.st_ino == wanted.st_ino &&
	       is.st_dev == wanted.st_dev;
}
