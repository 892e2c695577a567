/* SPDX-License-Identifier: MIT */
/* See child.h. */
#include "recv/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/container.h"
#include "common/deadline.h"
#include "recv/spawn.h"

enum { BUCKETS = 1024 };

/* By process number. */
static struct child *running[BUCKETS];
static unsigned count;

static struct child **bucket(pid_t pid)
{
	return &running[(unsigned)pid % BUCKETS];
}

static struct child *remove_child(pid_t pid)
{
	for (struct child **at = bucket(pid); *at; at = &(*at)->next)
		if ((*at)->pid == pid) {
			struct child *c = *at;

			*at = c->next;
			count--;
			return c;
		}
	return NULL;
}

/* ---- the time limit ---- */

static void on_limit(struct reactor_timer *timer)
{
	struct child *c = container_of(timer, struct child, limit);

	spawn_signal(c->pid, c->overran ? SIGKILL : SIGTERM);
	if (c->overran || c->x->kill_after == CHAN_WAIT)
		return;
	c->overran = true;
	if (reactor_set(&c->limit, cli_deadline(c->x->kill_after)))
		spawn_signal(c->pid, SIGKILL);
}

void child_limit(struct child *c)
{
	if (c->x->ttr != CHAN_WAIT && !c->overran)
		reactor_set(&c->limit, cli_deadline(c->x->ttr));
}

void child_unlimit(struct child *c)
{
	if (!c->overran)
		reactor_cancel(&c->limit);
}

/* ---- start and end ---- */

int child_start(struct child *c, const struct exec_options *x, char *const *argv, char *const *env,
	int in, int extra, int extra_as)
{
	int out, err = capture_open(&c->capture, x->output, &out);

	if (err)
		return err;
	c->x = x;
	c->limit = (struct reactor_timer){.due = on_limit};
	c->told = c->overran = false;
	c->start = clock_real();
	c->started = cli_now();
	c->pid = spawn_start(&(struct spawn){.argv = argv,
		.env = env,
		.in = in,
		.out = out,
		.extra = extra,
		.extra_as = extra_as,
		.own_group = true});
	capture_given(&c->capture, out);
	if (c->pid < 0) {
		capture_close(&c->capture);
		return c->pid;
	}
	c->next = *bucket(c->pid);
	*bucket(c->pid) = c;
	count++;
	return 0;
}

unsigned child_count(void)
{
	return count;
}

void child_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = remove_child(pid);

		if (!c)
			continue; /* it was another's before this process executed chanrecv */
		c->took = cli_now() - c->started;
		reactor_cancel(&c->limit);
		c->ended(c, status, capture_finish(&c->capture));
	}
}

void child_signal_all(int sig)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct child *c = running[i]; c; c = c->next) {
			c->told = true;
			spawn_signal(c->pid, sig);
		}
}
