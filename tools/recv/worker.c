/* SPDX-License-Identifier: MIT */
/* See worker.h. */
#include "recv/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/container.h"
#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"
#include "recv/child.h"
#include "recv/dead_letter.h"
#include "recv/job.h"
#include "recv/joblog.h"
#include "recv/order.h"
#include "recv/piped.h"
#include "recv/reactor.h"
#include "recv/settle.h"
#include "recv/spawn.h"

/* Messages taken at once. */
enum { TAKE_AT_ONCE = 64 };

/* So many messages may wait for their pause, or for room in the channel for dead ones, before
 * no more are taken: a COMMAND that always fails is not to take all there are. */
enum { WAITING_MOST = 10000 };

/* How soon it looks again if a stopped process holds a channel's lock. */
#define LOOK_AGAIN INT64_C(10000000)

/* A channel. */
struct source {
	struct reactor_fd fd;
	struct receiver *r;
	bool quiet; /* it was seen empty, and its descriptor says when to look again */
};

static struct worker {
	struct run *run;
	const struct recv_options *o;
	const struct exec_options *x;
	struct receiver *receivers;
	struct source *sources;
	int count, next; /* of the channels, and the one whose turn it is */
	unsigned jobs;	 /* children at once, now */
	bool busy;	 /* a channel's lock was */
	bool stopping;	 /* no more messages are taken */
	bool kill_now;
	int status;  /* if it is not 0, the exit status */
	int signals; /* of those that end it, how many have been seen */
	struct reactor_timer kill;
	struct reactor_fd events, ends, reader;
} w;

/* ---- what ends it, and wakes it ---- */

static void on_stop(int status, bool now)
{
	if (!w.status)
		w.status = status;
	w.stopping = true;
	w.kill_now |= now;
}

static void on_released(struct receiver *r)
{
	w.sources[r - w.receivers].quiet = false;
	if (r->outcome != FAILED)
		r->over = false; /* of what was there, there is something again */
}

static void on_ready(struct reactor_fd *fd)
{
	container_of(fd, struct source, fd)->quiet = false;
}

static void on_end_signal(struct reactor_fd *fd)
{
	uint64_t n;

	if (read(fd->fd, &n, sizeof(n)) < 0)
		return;
	for (; w.signals < cli_signal_count(); w.signals++)
		if (w.signals)
			child_signal_all(w.signals == 1 ? SIGTERM : SIGKILL);
	w.stopping = true;
}

static void on_event(struct reactor_fd *fd)
{
	struct signalfd_siginfo s;

	if (read(fd->fd, &s, sizeof(s)) != sizeof(s))
		return;
	switch (s.ssi_signo) {
	case SIGCHLD:
		child_reap();
		break;
	case SIGUSR1:
		w.jobs += w.jobs < EXEC_JOBS_MOST;
		cli_note(NULL, "%u children at once", w.jobs);
		break;
	case SIGUSR2:
		w.jobs -= w.jobs > 1;
		cli_note(NULL, "%u children at once", w.jobs);
	}
}

/* The reader of stdout went away. */
static void on_reader(struct reactor_fd *fd)
{
	reactor_forget(fd);
	run_lose_reader(w.run);
	w.stopping = true;
}

static void on_kill(struct reactor_timer *timer)
{
	(void)timer;
	child_signal_all(SIGKILL);
}

/* --halt=now: the children are ended. */
static void kill_children(void)
{
	w.kill_now = false;
	child_signal_all(SIGTERM);
	if (w.x->kill_after != CHAN_WAIT)
		reactor_set(&w.kill, cli_deadline(w.x->kill_after));
}

/* ---- taking messages ---- */

/* Returns how many messages may be taken for one start of children. */
static unsigned room(void)
{
	uint64_t wanted = run_wanted(w.run), open = settle_open();
	unsigned n;

	if (settle_waiting() >= WAITING_MOST || order_waiting() >= ORDER_AHEAD * w.jobs ||
		wanted <= open)
		return 0;
	if (w.x->pipe)
		n = piped_room(w.x);
	else if (child_count() >= w.jobs)
		n = 0;
	else
		n = w.x->batch > 1 ? w.x->batch : w.jobs - child_count();
	if (w.x->batch == 1 && n > TAKE_AT_ONCE)
		n = TAKE_AT_ONCE;
	return wanted - open < n ? (unsigned)(wanted - open) : n;
}

/* No child could be started for these. */
static void give_up(struct task **tasks, unsigned n, int err)
{
	cli_error(tasks[0]->r->name,
		"can't start a process: %s; message %" PRIu64 " goes back to the channel",
		strerror(-err), tasks[0]->lease.seq);
	on_stop(CLI_CHILD_FAILED, false);
	for (unsigned i = 0; i < n; i++)
		settle_return(tasks[i]);
}

static void start_children(struct task **tasks, unsigned n)
{
	unsigned each = w.x->pipe || w.x->batch > 1 ? n : 1, done;
	int err = 0;

	if (w.x->pipe) {
		err = piped_feed(w.x, tasks, n, &done);
		if (err)
			give_up(tasks + done, n - done, err);
		return;
	}
	for (done = 0; done < n && !err; done += each) {
		err = job_start(w.x, tasks + done, each);
		if (err)
			give_up(tasks + done, n - done, err);
	}
}

/* Returns true if the task may run now; if not, it waits, or went back. */
static bool may_run(struct task *t)
{
	int n = order_enter(w.x, t);

	if (n == 0) {
		settle_wait(t);
	} else if (n < 0) {
		on_stop(cli_fail(t->r->name, NULL, n), false);
		settle_return(t);
	}
	return n > 0;
}

/* Make tasks of n leases, but for those that are not to be run. */
static void use(struct receiver *r, const struct chan_lease *lease, unsigned n)
{
	struct task *tasks[EXEC_BATCH_MOST];
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++) {
		struct task *t = NULL;

		if (w.o->drain && lease[i].seq > r->last) {
			receiver_end(r, DRAINED);
		} else {
			t = settle_task(r, &lease[i]);
			if (!t)
				on_stop(cli_fail(r->name, NULL, -ENOMEM), false);
		}
		if (!t)
			chan_untake(r->ch, &lease[i], 1);
		else if (!settle_exhausted(t) && may_run(t))
			tasks[used++] = t;
	}
	if (used)
		start_children(tasks, used);
}

/* Take what there is from one channel, up to n messages.  Returns true if there was any. */
static bool take(struct source *s, unsigned n)
{
	static struct chan_lease lease[EXEC_BATCH_MOST];
	struct receiver *r = s->r;
	int got;

	if (r->in_order && r->taken) /* what would be acknowledged with a later one */
		return false;
	got = chan_take(r->ch, lease, r->in_order ? 1 : n, 0);
	if (got > 0) {
		r->busy = 0;
		run_note_activity(w.run);
		use(r, lease, (unsigned)got);
		return true;
	}
	if (got == -EBUSY) {
		w.busy = true;
		s->quiet = true;
	} else if (got != -EINTR) {
		s->quiet = got == -EAGAIN;
	}
	receiver_go_on_without(r, got);
	return false;
}

/* Start children for those that waited for others of their key. */
static void start_waiting(void)
{
	struct task *t;

	while (!w.stopping && child_count() < w.jobs && (t = order_next())) {
		settle_run(t);
		start_children(&t, 1);
	}
}

/* Start children while there are messages for them, from each channel in its turn. */
static void start_more(void)
{
	int idle = 0;
	unsigned n;

	/* Its event may come after that of a child. */
	w.stopping |= cli_signalled() != 0;
	start_waiting();
	while (idle < w.count && !w.stopping && (n = room())) {
		struct source *s = &w.sources[w.o->biased ? idle : w.next];

		w.next = (w.next + 1) % w.count;
		idle = !s->r->over && !s->quiet && take(s, n) ? 0 : idle + 1;
	}
}

/* ---- the whole ---- */

static bool all_over(void)
{
	for (int i = 0; i < w.count; i++)
		if (!w.receivers[i].over)
			return false;
	return true;
}

/* Returns true if there is nothing to do any more. */
static bool is_done(void)
{
	bool last = w.stopping || all_over() || !run_wanted(w.run);

	if (w.x->pipe && (w.stopping || (last && !settle_open())))
		piped_finish();
	return last && !settle_open() && !child_count();
}

/* End those that wait for more, or have messages that are not settled. */
static void end_all(enum outcome outcome)
{
	for (int i = 0; i < w.count; i++) {
		struct receiver *r = &w.receivers[i];

		if (!r->over || (r->taken && r->outcome != FAILED))
			receiver_end(r, outcome);
	}
	w.stopping = true;
}

/* Returns how many messages have been taken that a child has, or will have again. */
static unsigned under_way(void)
{
	int why;

	return settle_open() - settle_stuck(&why);
}

/* All is done, but for dead messages that can't be sent to their channel.  A run that does not
 * wait ends then.  One that reads what was there waits while that channel is only full. */
static void leave_stuck(void)
{
	int why;
	unsigned n = settle_stuck(&why);

	if (!n || !all_over() || (w.o->drain && (why == -EAGAIN || why == -EBUSY)))
		return;
	cli_error(w.x->dead_letter, "%u dead message%s can't be sent to it, and %s back", n,
		n == 1 ? "" : "s", n == 1 ? "goes" : "go");
	on_stop(cli_exit_code(why), false);
}

/* A run ends for want of messages only when there is nothing to do, and by --timeout at any
 * time; what runs then may end. */
static void check_time(void)
{
	if (w.stopping)
		return;
	if (run_is_over(w.run))
		end_all(TIMED_OUT);
	else if (under_way())
		return;
	else if (w.o->nowait || w.o->drain)
		leave_stuck();
	else if (!run_patience(w.run))
		end_all(run_is_idle(w.run) ? IDLE : TIMED_OUT);
}

/* Returns until when to wait. */
static int64_t next_look(void)
{
	int64_t until = CHAN_WAIT;

	if (w.busy)
		until = cli_deadline(LOOK_AGAIN);
	if (w.stopping)
		return until;
	if (under_way() || w.o->nowait || w.o->drain)
		return cli_sooner(until, w.o->deadline);
	return cli_sooner(until, cli_deadline(run_patience(w.run)));
}

static void look_again(void)
{
	for (int i = 0; w.busy && i < w.count; i++)
		w.sources[i].quiet = false;
	w.busy = false;
}

static void run_jobs(void)
{
	bool hurried = false;
	unsigned before = 0;

	for (;;) {
		if (before)
			run_note_activity(w.run);
		start_more();
		check_time();
		if (w.kill_now)
			kill_children();
		if (w.stopping && !hurried) {
			settle_hurry();
			hurried = true;
		}
		if (is_done())
			return;
		before = under_way();
		reactor_turn(next_look());
		look_again();
	}
}

/* Watch what ends and wakes this: 0 or a negative errno. */
static int watch_events(void)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w.events = (struct reactor_fd){
		.ready = on_event, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
	if (w.events.fd < 0)
		return -errno;
	err = reactor_watch(&w.events, EPOLLIN);
	if (err)
		return err;
	w.ends = (struct reactor_fd){.ready = on_end_signal, .fd = cli_signal_fd()};
	err = reactor_watch(&w.ends, EPOLLIN);
	if (err)
		return err;
	w.kill.due = on_kill;
	w.reader = (struct reactor_fd){.ready = on_reader, .fd = STDOUT_FILENO};
	if (w.x->output == OUTPUT_GROUP || w.x->output == OUTPUT_LINE)
		reactor_watch(&w.reader, 0); /* a regular file has no reader to lose */
	return 0;
}

/* Watch the channels: the exit status. */
static int watch_channels(void)
{
	w.sources = calloc((size_t)w.count, sizeof(*w.sources));
	if (!w.sources)
		return cli_fail(NULL, NULL, -ENOMEM);
	for (int i = 0; i < w.count; i++) {
		struct source *s = &w.sources[i];
		struct receiver *r = &w.receivers[i];
		int fd = chan_fd(r->ch, CHAN_RECV);

		if (dead_letter_is(r->ch)) {
			cli_error(r->name, "--dead-letter: it is the channel itself");
			return CLI_USAGE;
		}
		if (w.x->order != ORDER_NONE && !r->headed) {
			cli_error(r->name,
				"--order: its messages have no header; chanctl create --meta "
				"makes a channel whose messages have one");
			return CLI_USAGE;
		}
		*s = (struct source){.fd = {.ready = on_ready, .fd = fd}, .r = r};
		if (fd >= 0)
			fd = reactor_watch(&s->fd, EPOLLIN | EPOLLET);
		if (fd < 0)
			return cli_fail(r->name, NULL, fd);
		cli_watch(r->ch); /* the third signal ends a wait for a lock */
	}
	return CLI_OK;
}

/* Do as the channel says, which no option did.  All channels have to say the same. */
static int go_by_dead_letter(struct exec_options *x, const char *name, const struct chan_stat *st)
{
	static char place[CHAN_PLACE_MAX + 1];
	char owners[16];

	if (name == w.receivers[0].name)
		memcpy(place, st->dead_letter, sizeof(place));
	if (strcmp(st->dead_letter, place) != 0) {
		cli_error(name,
			"its dead messages go elsewhere than those of %s; --dead-letter says where "
			"all of them go",
			w.receivers[0].name);
		return CLI_USAGE;
	}
	snprintf(owners, sizeof(owners), "%u/", (unsigned)st->uid);
	if (place[0] && st->uid != geteuid() && strncmp(place, owners, strlen(owners)) != 0) {
		cli_error(name,
			"its dead messages would go to %s, which is not its owner's; --dead-letter "
			"says where they go",
			place);
		return CLI_USAGE;
	}
	if (place[0]) {
		x->dead = DEAD_CHANNEL;
		x->dead_letter = place;
	}
	return CLI_OK;
}

static int go_by_max_deliver(struct exec_options *x, const char *name, const struct chan_stat *st)
{
	static uint32_t said;

	if (name == w.receivers[0].name)
		said = st->max_deliver;
	if (said != st->max_deliver) {
		cli_error(name,
			"its messages are delivered less often, or more, than those of %s; "
			"--max-deliver says how often all of them are",
			w.receivers[0].name);
		return CLI_USAGE;
	}
	if (said)
		x->max_deliver = said;
	return CLI_OK;
}

static int ask_channels(struct exec_options *x)
{
	int status = CLI_OK;

	for (int i = 0; i < w.count && status == CLI_OK; i++) {
		struct chan_stat st = {.size = sizeof(st)};
		int err = chan_stat(w.receivers[i].ch, &st);

		if (err)
			return cli_fail(w.receivers[i].name, NULL, err);
		if (!x->dead_given)
			status = go_by_dead_letter(x, w.receivers[i].name, &st);
		if (status == CLI_OK && !x->max_deliver_given)
			status = go_by_max_deliver(x, w.receivers[i].name, &st);
	}
	return status;
}

/* Open what the options name: the exit status. */
static int open_files(void)
{
	int err = w.x->joblog ? joblog_open(w.x->joblog) : 0;

	if (err) {
		cli_error(NULL, "%s: %s", w.x->joblog, strerror(-err));
		return err == -EACCES ? CLI_DENIED : CLI_ERROR;
	}
	return w.x->dead_letter ? dead_letter_open(w.x->dead_letter, w.x->dead_given) : CLI_OK;
}

static int start(void)
{
	int err = reactor_start(), status;

	if (!err)
		err = watch_events();
	if (err)
		return cli_fail(NULL, NULL, err);
	status = open_files();
	return status ? status : watch_channels();
}

/* Returns the exit status, if the receivers' outcomes do not say it. */
static int conclude_work(void)
{
	if (w.status || !settle_dead() || cli_signalled())
		return w.status;
	for (int i = 0; i < w.count; i++)
		if (w.receivers[i].outcome == IDLE)
			return CLI_OK;
	cli_error(NULL, "%" PRIu64 " message%s failed for good", settle_dead(),
		settle_dead() == 1 ? "" : "s");
	return CLI_SOME_DEAD;
}

int worker_run(struct run *run, struct receiver *receivers, int count)
{
	static struct exec_options x;
	int status;

	x = run->options->exec;
	w = (struct worker){.run = run,
		.o = run->options,
		.x = &x,
		.receivers = receivers,
		.count = count,
		.jobs = run->options->exec.jobs};
	spawn_init();
	status = ask_channels(&x);
	settle_start(w.x, on_released, on_stop);
	if (!status)
		status = start();
	if (!status) {
		run_jobs();
		status = conclude_work();
	}
	settle_end();
	dead_letter_close();
	spawn_finish();
	for (int i = 0; i < count && w.sources; i++) {
		reactor_forget(&w.sources[i].fd);
		cli_unwatch(receivers[i].ch);
	}
	free(w.sources);
	return status;
}
