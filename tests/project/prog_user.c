/* SPDX-License-Identifier: MIT */
/*
 * A program as a user of the library writes it, against shmchan.h alone: built
 * by install.sh against what was installed, and for other machines.  Makes the
 * channel of its argument, sends 10000 numbers through a small ring to a child,
 * which checks them, and removes it.  Status 0 if all went well.
 */
#include <errno.h>
#include <shmchan.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBERS = 10000 };

/* The library's own names are free for its user. */
#ifdef USER_NAMES
int ring_inside_end(void);
int ring_inside_end(void)
{
	return 1;
}
#endif

static int fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, err < 0 ? chan_strerror(err) : "wrong");
	return 1;
}

static int receive(const char *name)
{
	chan_t *ch;
	int number, expected = 0;
	ssize_t n;
	int r = chan_open(&ch, name, CHAN_RECV, NULL);

	if (r < 0)
		return fail("open to receive", r);
	while ((n = chan_recv(ch, &number, sizeof(number), CHAN_WAIT)) >= 0)
		if (n != sizeof(number) || number != expected++)
			return fail("message", 0);
	chan_detach(ch);
	if (n != -EPIPE)
		return fail("receive", (int)n);
	return expected == NUMBERS ? 0 : fail("number of messages", 0);
}

static int send_all(const char *name)
{
	chan_t *ch;
	int r = chan_open(&ch, name, CHAN_SEND, NULL);

	if (r < 0)
		return fail("open to send", r);
	for (int i = 0; i < NUMBERS; i++)
		if ((r = chan_send(ch, &i, sizeof(i), CHAN_WAIT)) < 0)
			return fail("send", r);
	if ((r = chan_close(ch, CHAN_DRAIN)) < 0)
		return fail("close", r);
	chan_detach(ch);
	return 0;
}

int main(int argc, char **argv)
{
	struct chan_options opt = {.size = sizeof(opt), .capacity = 4096};
	int status = 1, r;
	pid_t child;

	if (argc != 2 || strcmp(chan_version(), CHAN_VERSION) != 0)
		return fail("arguments or version", 0);
	if ((r = chan_create(argv[1], &opt)) < 0)
		return fail("create", r);
	child = fork();
	if (child == 0)
		return receive(argv[1]);
	r = child < 0 ? 1 : send_all(argv[1]);
	if (child > 0)
		waitpid(child, &status, 0);
	return chan_remove(argv[1]) < 0 || r || status;
}
