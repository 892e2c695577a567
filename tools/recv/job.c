/* SPDX-License-Identifier: MIT */
/* See job.h. */
#include "recv/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "common/batch.h"
#include "recv/brief.h"
#include "recv/child.h"
#include "recv/input.h"
#include "recv/joblog.h"

struct job {
	struct child child;
	char *framed; /* what it reads, with --batch */
	size_t size;
	unsigned n;
	struct task *tasks[];
};

static void free_job(struct job *j)
{
	free(j->framed);
	free(j->child.capture.reply);
	free(j);
}

/* ---- the end of its child ---- */

static void on_end(struct child *c, int status, int err)
{
	struct job *j = container_of(c, struct job, child);
	const char *why = c->overran ? "it ran longer than --ttr" : NULL;

	for (unsigned i = 0; i < j->n; i++)
		joblog_put(j->tasks[i], c->start, c->took, status);
	if (err == -ENOMEM) { /* which is the child's doing, and must not end each worker */
		why = "there is no memory for its output";
		err = 0;
	}
	if (err)
		settle_unprinted(err);
	if (err || (c->told && status)) {
		/* Neither is the message's fault. */
		for (unsigned i = 0; i < j->n; i++)
			settle_return(j->tasks[i]);
	} else if (c->capture.how != OUTPUT_REPLY || why ||
		   !settle_by_reply(j->tasks[0], status, c->capture.reply, c->capture.reply_len)) {
		settle_by_status(j->tasks, j->n, status, why);
	}
	free_job(j);
}

/* ---- its start ---- */

/* Frame the messages of a batch. */
static int frame(struct job *j, const struct exec_options *x)
{
	static struct batch b; /* kept for its buffer */
	int err = 0;

	batch_drop(&b);
	for (unsigned i = 0; i < j->n && !err; i++) {
		const struct task *t = j->tasks[i];
		struct chan_meta meta;

		err = batch_add(&b, &x->framing,
			&(struct envelope){.data = t->lease.data,
				.len = t->lease.len,
				.channel = t->r->name,
				.seq = t->lease.seq,
				.time = clock_real(),
				.attempt = t->attempt,
				.meta = receiver_header(t->r, &t->lease, &meta)});
	}
	if (err)
		return err;
	j->framed = malloc(b.used + 1);
	if (!j->framed)
		return -ENOMEM;
	memcpy(j->framed, b.buf, b.used);
	j->size = b.used;
	return 0;
}

/* Returns a descriptor from which the child reads what is known of the messages. */
static int open_meta(const struct job *j, const struct exec_options *x)
{
	int fd = memfd_create("chanrecv meta", MFD_CLOEXEC), err = fd < 0 ? -errno : 0;

	for (unsigned i = 0; i < j->n && !err; i++) {
		const struct task *t = j->tasks[i];
		struct chan_lease shown = settle_shown(t);
		struct chan_meta meta;

		err = brief_meta(
			fd, x, t->r->name, &shown, receiver_header(t->r, &t->lease, &meta));
	}
	if (!err && lseek(fd, 0, SEEK_SET))
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

static int start_child(struct job *j, const struct exec_options *x, char *const *argv)
{
	const struct task *first = j->tasks[0];
	size_t len = x->batch > 1 ? j->size : first->lease.len;
	struct chan_lease shown = settle_shown(first);
	struct brief_env env;
	struct chan_meta header;
	int in, meta = -1, err;

	in = input_open(x->batch > 1 ? j->framed : first->lease.data, len);
	if (in < 0)
		return in;
	if (x->meta_fd >= 0)
		meta = open_meta(j, x);
	brief_env(&env, x, first->r->name, &shown, len,
		receiver_header(first->r, &first->lease, &header));
	err = x->meta_fd >= 0 && meta < 0
		      ? meta
		      : child_start(&j->child, x, argv, env.list, in, meta, x->meta_fd);
	close(in);
	if (meta >= 0)
		close(meta);
	if (!err)
		child_limit(&j->child);
	return err;
}

int job_start(const struct exec_options *x, struct task **tasks, unsigned n)
{
	char *const *command = tasks[0]->r->run->options->command;
	char **args = NULL;
	struct job *j = malloc(sizeof(*j) + n * sizeof(struct task *));
	int err;

	if (!j)
		return -ENOMEM;
	memset(j, 0, sizeof(*j));
	j->child.ended = on_end;
	j->n = n;
	memcpy(j->tasks, tasks, n * sizeof(struct task *));
	err = x->batch > 1 ? frame(j, x) : 0;
	if (!err && x->arg) {
		err = brief_args(&args, command, &tasks[0]->lease);
		if (err == -E2BIG || err == -EILSEQ) {
			settle_reject(tasks[0],
				err == -E2BIG ? "it is too long for an argument"
					      : "it has a NUL byte, and can't be an argument");
			free_job(j);
			return 0;
		}
	}
	if (!err)
		err = start_child(j, x, args ? args : command);
	brief_args_free(args);
	if (err)
		free_job(j);
	return err;
}
