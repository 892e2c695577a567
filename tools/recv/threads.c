/* SPDX-License-Identifier: MIT */
/* See threads.h. */
#include "recv/threads.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/message.h"
#include "common/status.h"

#define KICK_MS 100

struct crew {
	struct run *run;
	struct member *member;
	int count;
	atomic_int running;
	int ended; /* an eventfd, for each that ended */
};

struct member {
	struct crew *crew;
	struct receiver *receiver;
	pthread_t thread;
};

static void *receive(void *arg)
{
	static const uint64_t one = 1;
	const struct member *m = arg;
	struct crew *crew = m->crew;

	receiver_run(m->receiver);
	if (!run_wanted(crew->run))
		run_stop(crew->run); /* it was the last one wanted */
	atomic_fetch_sub(&crew->running, 1);
	if (write(crew->ended, &one, sizeof(one)) < 0) {
		/* the counter is full; the main thread has been woken */
	}
	return NULL;
}

/* A signal that does nothing but end a write(2) that blocks. */
static void on_kick(int sig)
{
	(void)sig;
}

static const struct timespec *kick_time(const struct run *run)
{
	static const struct timespec kick = {.tv_nsec = KICK_MS * 1000000L};

	return run_stopping(run) ? &kick : NULL;
}

/* Watch over the receivers until all have ended.  The signals that end this process
 * are unblocked inside ppoll() only, so none is missed before it. */
static void supervise(struct crew *crew, const sigset_t *unblocked)
{
	struct run *run = crew->run;
	struct pollfd fds[] = {{.fd = crew->ended, .events = POLLIN},
		{.fd = run->options->dir ? -1 : STDOUT_FILENO}};

	while (atomic_load(&crew->running)) {
		uint64_t ended;

		fds[0].revents = fds[1].revents = 0;
		ppoll(fds, 2, kick_time(run), unblocked);
		if (fds[1].revents) { /* POLLERR or POLLHUP */
			fds[1].fd = -1;
			run_lose_reader(run);
		}
		if (fds[0].revents && read(crew->ended, &ended, sizeof(ended)) < 0)
			continue;
		for (int i = 0; i < crew->count && run_stopping(run); i++)
			pthread_kill(crew->member[i].thread, SIGURG);
	}
}

static void block_signals(sigset_t *ret_unblocked)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ours, ret_unblocked);
}

/* Start a thread for each receiver: 0, or a negative errno with crew->count of them. */
static int start(struct crew *crew, struct receiver *receivers, int count)
{
	crew->member = calloc((size_t)count, sizeof(*crew->member));
	if (!crew->member)
		return -ENOMEM;
	crew->ended = eventfd(0, EFD_CLOEXEC);
	if (crew->ended < 0)
		return -errno;
	while (crew->count < count) {
		struct member *m = &crew->member[crew->count];
		int err;

		*m = (struct member){.crew = crew, .receiver = &receivers[crew->count]};
		atomic_fetch_add(&crew->running, 1);
		err = pthread_create(&m->thread, NULL, receive, m);
		if (err) {
			atomic_fetch_sub(&crew->running, 1);
			return -err;
		}
		crew->count++;
	}
	return 0;
}

int threads_receive(struct run *run, struct receiver *receivers, int count)
{
	struct crew crew = {.run = run, .ended = -1};
	struct sigaction kick = {.sa_handler = on_kick};
	sigset_t old;
	int err;

	sigaction(SIGURG, &kick, NULL);
	block_signals(&old);
	err = start(&crew, receivers, count);
	if (err) {
		run_stop(run);
		cli_error(NULL, "can't start a thread for each channel: %s", strerror(-err));
	} else {
		supervise(&crew, &old);
	}
	for (int i = 0; i < crew.count; i++)
		pthread_join(crew.member[i].thread, NULL);
	if (crew.ended >= 0)
		close(crew.ended);
	free(crew.member);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? CLI_ERROR : CLI_OK;
}
