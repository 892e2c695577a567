/* SPDX-License-Identifier: MIT */
#include "support/await.h"

#include <check.h>

void await(bool (*ready)(void *arg), void *arg)
{
	int64_t end = now() + SOON;

	while (!ready(arg)) {
		ck_assert_msg(now() < end, "did not happen");
		nap(MS / 5);
	}
}

static bool sleeps(void *arg)
{
	return asleep(*(pid_t *)arg);
}

void await_asleep(pid_t tid)
{
	await(sleeps, &tid);
}

struct dead {
	pid_t pid;
	const chan_t *ch;
};

static bool is_gone(void *arg)
{
	struct dead *d = arg;
	struct chan_endpoint e[16];
	int n = chan_endpoints(d->ch, e, 16);

	ck_assert(n >= 0 && n <= 16);
	for (int i = 0; i < n; i++)
		if (e[i].pid == d->pid)
			return false;
	return true;
}

int wait_gone(pid_t pid, const chan_t *ch)
{
	int status = wait_child(pid);

	await(is_gone, &(struct dead){pid, ch});
	return status;
}
