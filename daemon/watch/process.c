/* SPDX-License-Identifier: MIT */
/* The model is in process.h. */
#include "watch/process.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/container.h"
#include "settings.h"
#include "table.h"

struct process {
	pid_t pid;
	unsigned endpoints;
	struct source source; /* its pidfd */
};

static int by_pid(const void *item, const void *key)
{
	pid_t a = ((const struct process *)item)->pid, b = *(const pid_t *)key;

	return (a > b) - (a < b);
}

static struct table processes = {.order = by_pid};
static void (*report_death)(pid_t pid);

void process_start(void (*died)(pid_t pid))
{
	report_death = died;
}

size_t process_count(void)
{
	return processes.n;
}

/* A pidfd has nothing else to say. */
static void has_died(struct source *source)
{
	struct process *p = container_of(source, struct process, source);
	pid_t pid = p->pid;

	report_death(pid); /* which may release it */
	p = table_find(&processes, &pid);
	if (p)
		loop_remove(settings->loop, &p->source);
}

int process_hold(pid_t pid)
{
	struct process *p = table_find(&processes, &pid);

	if (p) {
		p->endpoints++;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p || table_add(&processes, &pid, p) < 0) {
		free(p);
		return -ENOMEM;
	}
	*p = (struct process){.pid = pid, .endpoints = 1};
	p->source.events = POLLIN;
	p->source.ready = has_died;
	p->source.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return p->source.fd < 0 ? -errno : loop_add(settings->loop, &p->source);
}

static void forget(struct process *p)
{
	table_remove(&processes, &p->pid);
	loop_remove(settings->loop, &p->source);
	if (p->source.fd >= 0)
		close(p->source.fd);
	free(p);
}

void process_release(pid_t pid)
{
	struct process *p = table_find(&processes, &pid);

	if (p && --p->endpoints == 0)
		forget(p);
}
