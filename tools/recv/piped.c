/* SPDX-License-Identifier: MIT */
/* See piped.h. */
#include "recv/piped.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "common/batch.h"
#include "common/deadline.h"
#include "common/message.h"
#include "common/parse.h"
#include "common/status.h"
#include "recv/brief.h"
#include "recv/child.h"
#include "recv/feed.h"
#include "recv/joblog.h"

/* A message that a child has. */
struct fed {
	struct task *task;
	int64_t start, fed; /* CLOCK_REALTIME and CLOCK_MONOTONIC */
};

struct piped {
	struct child child;
	struct feed feed;
	struct reactor_fd acks;
	struct piped *next, **at; /* in the list of those that take messages; `at` NULL: not */
	const char *channel;
	char line[64];
	size_t used;
	bool too_long; /* the line is */
	bool answered; /* it was done with a message */
	struct reactor_timer silence;
	unsigned n;
	struct fed fed[]; /* the oldest first; room for x->batch */
};

static struct piped *taking;

static void leave_list(struct piped *p)
{
	if (!p->at)
		return;
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	p->at = NULL;
}

/* Let it have end of file, and feed it no more. */
static void finish(struct piped *p)
{
	leave_list(p);
	feed_end(&p->feed);
}

/* ---- what it is done with ---- */

/* Settle its message number i. */
static void settle(struct piped *p, unsigned i, int status)
{
	struct fed f = p->fed[i];

	reactor_cancel(&p->silence);
	p->answered = true;
	memmove(&p->fed[i], &p->fed[i + 1], (--p->n - i) * sizeof(struct fed));
	joblog_put(f.task, f.start, cli_now() - f.fed, status);
	settle_by_status(&f.task, 1, status, NULL);
	if (p->n)
		child_limit(&p->child); /* now for the next one */
	else
		child_unlimit(&p->child);
}

/* The child wrote a line. */
static void take_line(struct piped *p, char *line)
{
	char *space = strchr(line, ' ');
	uint64_t seq = 0, status = 0;
	unsigned i = 0;

	if (space)
		*space = '\0';
	if ((*line && cli_parse_count(line, &seq)) ||
		(space && cli_parse_count(space + 1, &status)) || status >= CLI_CHILD_NO_EXEC) {
		cli_error(p->channel,
			"what COMMAND wrote to descriptor %d is not a number of a "
			"message, and perhaps a status below 126",
			PIPED_FD);
		return;
	}
	while (*line && i < p->n && p->fed[i].task->lease.seq != seq)
		i++;
	if (i == p->n)
		cli_error(p->channel, "COMMAND has no message %s", *line ? line : "left");
	else
		settle(p, i, (int)status << 8);
}

static void take_byte(struct piped *p, char c)
{
	if (c != '\n') {
		if (p->used < sizeof(p->line) - 1)
			p->line[p->used++] = c;
		else
			p->too_long = true;
		return;
	}
	p->line[p->too_long ? 1 : p->used] = '\0';
	if (p->too_long)
		*p->line = '?';
	p->used = 0;
	p->too_long = false;
	take_line(p, p->line);
}

/* Returns true if there may be more. */
static bool read_acks(struct piped *p)
{
	char buf[512];
	ssize_t n = p->acks.fd < 0 ? 0 : read(p->acks.fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR;
	if (!n && p->acks.fd >= 0) {
		close(reactor_forget(&p->acks)); /* it has closed its end */
		finish(p);
	}
	for (ssize_t i = 0; i < n; i++)
		take_byte(p, buf[i]);
	return n == sizeof(buf);
}

static void on_acks(struct reactor_fd *source)
{
	read_acks(container_of(source, struct piped, acks));
}

/* It has had a message for a while. */
static void on_silence(struct reactor_timer *timer)
{
	const struct piped *p = container_of(timer, struct piped, silence);

	cli_warn(p->channel,
		"COMMAND has %u message%s, and has not written to descriptor %d yet which are "
		"done; message %" PRIu64 " was the first",
		p->n, p->n == 1 ? "" : "s", PIPED_FD, p->fed[0].task->lease.seq);
}

/* ---- its end and start ---- */

static void on_end(struct child *c, int status, int err)
{
	struct piped *p = container_of(c, struct piped, child);
	bool last = WIFEXITED(status) && WEXITSTATUS(status) == CLI_CHILD_LAST;

	leave_list(p);
	reactor_cancel(&p->silence);
	while (read_acks(p))
		;
	if (last)
		settle_stop(CLI_OK);
	if (err)
		settle_unprinted(err);
	while (p->n) {
		struct fed f = p->fed[--p->n];
		const char *why = c->overran ? "it ran longer than --ttr"
				  : status   ? NULL
					     : "COMMAND ended, and had not said that it is done";

		joblog_put(f.task, f.start, cli_now() - f.fed, status);
		if (err || c->told || last)
			settle_return(f.task);
		else
			settle_by_status(&f.task, 1, status, why);
	}
	if (p->acks.fd >= 0)
		close(reactor_forget(&p->acks));
	feed_close(&p->feed);
	free(p);
}

static int open_acks(struct piped *p, int *ret_out)
{
	int fd[2], err;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	p->acks = (struct reactor_fd){.ready = on_acks, .fd = fd[0]};
	err = reactor_watch(&p->acks, EPOLLIN);
	if (err) {
		close(fd[0]);
		close(fd[1]);
		return err;
	}
	*ret_out = fd[1];
	return 0;
}

static int start(const struct exec_options *x, const struct receiver *r, struct piped **ret)
{
	struct piped *p = calloc(1, sizeof(*p) + x->batch * sizeof(struct fed));
	struct brief_env env;
	int in = -1, out = -1, err;

	if (!p)
		return -ENOMEM;
	p->channel = r->name;
	p->child.ended = on_end;
	p->silence.due = on_silence;
	p->acks.fd = p->feed.fd = -1;
	brief_env_channel(&env, x, r->name);
	err = open_acks(p, &out);
	if (!err)
		err = feed_open(&p->feed, &in);
	if (!err)
		err = child_start(
			&p->child, x, r->run->options->command, env.list, in, out, PIPED_FD);
	if (out >= 0)
		close(out);
	if (in >= 0)
		close(in);
	if (err) {
		if (p->acks.fd >= 0)
			close(reactor_forget(&p->acks));
		feed_close(&p->feed);
		free(p);
		return err;
	}
	p->next = taking;
	p->at = &taking;
	if (taking)
		taking->at = &p->next;
	taking = p;
	*ret = p;
	return 0;
}

/* ---- feeding ---- */

/* Returns the child that has the fewest messages, or NULL. */
static struct piped *emptiest(void)
{
	struct piped *best = taking;

	for (struct piped *p = taking; p; p = p->next)
		if (p->n < best->n)
			best = p;
	return best;
}

unsigned piped_room(const struct exec_options *x)
{
	const struct piped *p = emptiest();

	if (child_count() < x->jobs && (!p || p->n))
		return x->batch;
	return p ? x->batch - p->n : 0;
}

static int feed_one(struct piped *p, const struct exec_options *x, struct task *t)
{
	static struct batch b; /* kept for its buffer */
	int err;

	batch_drop(&b);
	err = batch_add(&b, &x->framing,
		&(struct envelope){.data = t->lease.data,
			.len = t->lease.len,
			.channel = t->r->name,
			.seq = t->lease.seq,
			.time = clock_real(),
			.attempt = t->attempt});
	if (!err)
		err = feed_more(&p->feed, b.buf, b.used);
	if (err)
		return err;
	if (!p->n)
		child_limit(&p->child);
	if (!p->n && !p->answered)
		reactor_set(&p->silence, cli_deadline(PIPED_SILENCE));
	p->fed[p->n++] = (struct fed){.task = t, .start = clock_real(), .fed = cli_now()};
	return 0;
}

int piped_feed(const struct exec_options *x, struct task **tasks, unsigned n, unsigned *fed)
{
	struct piped *p = emptiest();
	int err = 0;

	*fed = 0;
	if (child_count() < x->jobs && (!p || p->n))
		err = start(x, tasks[0]->r, &p);
	while (!err && *fed < n) {
		err = feed_one(p, x, tasks[*fed]);
		*fed += !err;
	}
	return err;
}

void piped_finish(void)
{
	while (taking)
		finish(taking);
}
