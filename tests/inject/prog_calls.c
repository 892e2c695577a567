/* SPDX-License-Identifier: MIT */
/* Every function of the library once or more, between two calls of getppid(2), for
 * seccomp.sh, which looks at the system calls. */
#include "shmchan.h"
#include "support/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPT(...) (&(struct chan_options){.size = sizeof(struct chan_options), __VA_ARGS__})
#define MS INT64_C(1000000)

static char name[64];

static int ignore(const char *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return 0;
}

static void wait_for_anything(chan_t *ch)
{
	char buf[16];
	struct chan_case cases[2];
	struct chan_ready ready;
	chan_set_t *set;

	for (int i = 0; i < 2; i++)
		cases[i] = (struct chan_case){.size = sizeof(cases[i]),
			.op = CHAN_OP_RECV,
			.ch = ch,
			.data = buf,
			.len = sizeof(buf)};
	chan_select(cases, 2, 20 * MS, 0);
	chan_fd(ch, CHAN_RECV);
	chan_recv(ch, buf, sizeof(buf), 0);
	if (chan_set_create(&set) == 0) {
		chan_set_add(set, ch, CHAN_RECV, NULL);
		chan_set_wait(set, &ready, 1, 20 * MS);
		chan_set_remove(set, ch, CHAN_RECV);
		chan_set_destroy(set);
	}
}

static void messages(unsigned flags, const struct chan_options *opt)
{
	char buf[64] = "";
	struct iovec iov = {buf, sizeof(buf)};
	struct chan_lease lease;
	void *place;
	chan_t *ch;

	if (chan_open(&ch, name, CHAN_SEND | CHAN_RECV | CHAN_CREATE | flags, opt))
		exit(1);
	chan_recv(ch, buf, sizeof(buf), 20 * MS);
	chan_send(ch, "x", 1, 20 * MS);
	chan_recv(ch, buf, sizeof(buf), 0);
	chan_send_batch(ch, &iov, 1, 0);
	chan_recv_batch(ch, &iov, 1, 0);
	if (chan_reserve(ch, &place, 8, 0) == 0)
		chan_commit(ch, 8);
	if (chan_take(ch, &lease, 1, 0) == 1)
		chan_release(ch, &lease, 1);
	if (chan_take(ch, &lease, 1, 0) == 1)
		chan_ack(ch, &lease, 1);
	wait_for_anything(ch);
	chan_interrupt(ch, 1);
	chan_recover(ch);
	chan_pause(ch, 1);
	chan_pause(ch, 0);
	chan_purge(ch);
	chan_close(ch, CHAN_DRAIN);
	chan_detach(ch);
	chan_remove(name);
}

static void look(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_cursor at = {0};
	struct chan_endpoint end;
	chan_t *ch;
	char buf[8];

	if (chan_create(name, NULL) || chan_open(&ch, name, 0, NULL))
		exit(1);
	chan_stat(ch, &st);
	chan_endpoints(ch, &end, 1);
	chan_peek(ch, buf, sizeof(buf), &at);
	chan_detach(ch);
	chan_collect(name);
	chan_list(ignore, NULL);
	chan_remove(name);
}

/* A socket that takes what is asked, and never answers. */
static void listen_as_chand(const char *path)
{
	int fd = bind_path(path, SOCK_SEQPACKET | SOCK_CLOEXEC);

	if (fd < 0 || listen(fd, 8))
		exit(2);
	setenv("SHMCHAN_CONTROL", path, 1);
}

int main(int argc, char **argv)
{
	chan_t *ch;

	if (argc != 2)
		return 2;
	listen_as_chand(argv[1]);
	snprintf(name, sizeof(name), "calls-%d", (int)getpid());
	getppid();
	messages(0, OPT(.capacity = 4096));
	messages(CHAN_EXCLUSIVE, OPT(.capacity = 4096, .lifetime = CHAN_REF));
	messages(0, OPT(.flags = CHAN_NEED_RECEIVERS | CHAN_END_WITH_SENDERS));
	messages(0, OPT(.flags = CHAN_RENDEZVOUS));
	look();
	chan_open(&ch, "4242/none", CHAN_SEND, NULL);
	getppid();
	return 0;
}
