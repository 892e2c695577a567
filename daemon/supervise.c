/* SPDX-License-Identifier: MIT */
/* The model is in supervise.h. */
#define _GNU_SOURCE 1
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus.h"
#include "channel.h"
#include "log.h"

#define SHM "/dev/shm"
#define MS INT64_C(1000000)

/* An endpoint is entered in the table a little after its segment was opened: look
 * after that time, and then after twice as much, until this. */
#define SETTLE_FIRST (MS / 2)
#define SETTLE_LAST (1000 * MS)

/* How often an activated channel that has senders, no receiver and no message is
 * looked at.  Nothing tells chand of a message: it is not in the way of any. */
#define POLL (20 * MS)

#define RETRY (10 * MS)

/* ---- processes ---- */

struct process {
	pid_t pid;
	unsigned ends;	      /* endpoints of it */
	struct source source; /* its pidfd */
};

/* Sorted by pid. */
static struct process **processes;
static size_t process_count, process_room;

size_t supervise_processes(void)
{
	return process_count;
}

static size_t process_place(pid_t pid)
{
	size_t low = 0, high = process_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (processes[middle]->pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct process *process_find(pid_t pid)
{
	size_t i = process_place(pid);

	return i < process_count && processes[i]->pid == pid ? processes[i] : NULL;
}

static void process_forget(struct process *p)
{
	size_t at = process_place(p->pid);

	memmove(processes + at, processes + at + 1,
		(process_count - at - 1) * sizeof(struct process *));
	process_count--;
	loop_remove(bus.loop, &p->source);
	if (p->source.fd >= 0)
		close(p->source.fd);
	free(p);
}

static void process_died(struct source *source);

/* One more endpoint of it.  0, or why its death can't be seen (-ESRCH: because it
 * was before); it is held all the same. */
static int process_hold(pid_t pid)
{
	struct process *p = process_find(pid);
	size_t at = process_place(pid);
	int err;

	if (p) {
		p->ends++;
		return 0;
	}
	if (process_count == process_room) {
		size_t larger = process_room ? 2 * process_room : 64;
		struct process **grown = reallocarray(processes, larger, sizeof(struct process *));

		if (!grown)
			return -ENOMEM;
		processes = grown;
		process_room = larger;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct process){.pid = pid, .ends = 1};
	p->source.events = POLLIN;
	p->source.ready = process_died;
	p->source.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	err = p->source.fd < 0 ? -errno : loop_add(bus.loop, &p->source);
	memmove(processes + at + 1, processes + at,
		(process_count - at) * sizeof(struct process *));
	processes[at] = p;
	process_count++;
	return err;
}

static void process_release(pid_t pid)
{
	struct process *p = process_find(pid);

	if (p && --p->ends == 0)
		process_forget(p);
}

/* ---- recovery ---- */

struct job {
	struct channel *channel;
	chan_t *ch;
	int result;
};

static int done_pipe[2] = {-1, -1};

static void *recover_thread(void *arg)
{
	struct job *job = arg;

	job->result = chan_recover(job->ch);
	/* A pointer is written whole. */
	while (write(done_pipe[1], &job, sizeof(job)) < 0 && errno == EINTR)
		;
	return NULL;
}

/* Not at all, or now, by a thread. */
static int start_thread(struct job *job)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, recover_thread, job);
	pthread_attr_destroy(&attr);
	return -err;
}

static void recover(struct channel *c)
{
	struct job *job;

	if (c->recovering) {
		c->recover_again = true;
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job) {
		*job = (struct job){.channel = c, .ch = c->ch};
		c->recovering = start_thread(job) == 0;
	}
	if (!c->recovering) { /* no thread to be had: when some ended */
		free(job);
		c->recover_again = true;
		loop_timer(bus.loop, &c->settle, loop_now(bus.loop) + RETRY);
	}
}

static void recovered(struct job *job)
{
	struct channel *c = job->channel;

	c->recovering = false;
	bus.recoveries++;
	if (c->gone) {
		channel_free(c);
		return;
	}
	if (job->result > 0) {
		c->redelivered += (uint64_t)job->result;
		bus.redelivered += (uint64_t)job->result;
		bus_event("redelivered", c->spec.name, "messages=%d\n", job->result);
	} else if (job->result == -EBADMSG) {
		log_line(LOG_ERR, "damaged", c->spec.name, 0,
			"the channel is damaged; what is sound has been kept");
	}
	if (c->recover_again) {
		c->recover_again = false;
		recover(c);
	}
	supervise_look(c);
}

static void jobs_done(struct source *source)
{
	struct job *job;

	while (read(source->fd, &job, sizeof(job)) == sizeof(job)) {
		recovered(job);
		free(job);
	}
}

/* ---- activation ---- */

static void ready_path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/ready/%s", bus.runtime, name);
}

static void set_ready(struct channel *c, bool ready)
{
	char path[PATH_MAX];
	int fd;

	if (ready == c->ready)
		return;
	ready_path(path, sizeof(path), c->spec.name);
	if (ready) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0) {
			log_line(LOG_ERR, "failed", c->spec.name, 0, "%s: %s", path,
				strerror(errno));
			return;
		}
		close(fd);
	} else {
		unlink(path);
	}
	c->ready = ready;
	bus_event(ready ? "ready" : "served", c->spec.name, "%s", "");
}

static void activate(struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};

	loop_cancel(bus.loop, &c->poll);
	if (!c->spec.activate || chan_stat(c->ch, &st) < 0) {
		set_ready(c, false);
		return;
	}
	set_ready(c, st.depth && !st.receivers);
	if (!c->ready && !st.receivers && (st.senders || st.depth))
		loop_timer(bus.loop, &c->poll, clock_now() + POLL);
}

/* ---- endpoints ---- */

static bool same_end(const struct chan_endpoint *a, const struct chan_endpoint *b)
{
	return a->id == b->id && a->pid == b->pid && a->attached == b->attached;
}

static bool has_end(const struct chan_endpoint *ends, unsigned n, const struct chan_endpoint *end)
{
	/* Both lists are in the order of ids. */
	for (unsigned i = 0; i < n && ends[i].id <= end->id; i++)
		if (same_end(&ends[i], end))
			return true;
	return false;
}

static const char *role_name(uint32_t roles)
{
	static const char *const names[] = {"none", "sender", "receiver", "sender+receiver"};

	return names[roles & (CHAN_SEND | CHAN_RECV)];
}

/* Who is there: allocated, or NULL and *n 0.  -ENOMEM. */
static int read_ends(const struct channel *c, struct chan_endpoint **ret, unsigned *n)
{
	struct chan_endpoint *ends = NULL, *grown;
	unsigned size = c->n;
	int r;

	do {
		size += 8;
		grown = reallocarray(ends, size, sizeof(*ends));
		r = grown ? chan_endpoints(c->ch, grown, size) : -ENOMEM;
		if (grown)
			ends = grown;
	} while (r > (int)size);
	if (r < 0) {
		free(ends);
		return r;
	}
	*ret = ends;
	*n = (unsigned)r;
	return 0;
}

struct change {
	bool died; /* somebody */
	bool left; /* somebody, in good order */
};

static void came(struct channel *c, const struct chan_endpoint *end, struct change *change)
{
	int err = end->pid > 0 ? process_hold(end->pid) : -EINVAL;

	if (err == -ESRCH)
		change->died = true;
	else if (err < 0 && err != -EINVAL)
		log_line(LOG_WARNING, "unwatched", c->spec.name, end->pid,
			"process %d can't be watched: %s", (int)end->pid, strerror(-err));
	bus_event("attached", c->spec.name, "id=%u\npid=%d\nuid=%u\nrole=%s\n", end->id, end->pid,
		end->uid, role_name(end->roles));
}

static void went(struct channel *c, const struct chan_endpoint *end, struct change *change)
{
	bool dead = !channel_detached(c->ch, end);

	if (dead) {
		change->died = true;
		c->deaths++;
		bus.deaths++;
	} else {
		change->left = true;
	}
	process_release(end->pid);
	bus_event(dead ? "died" : "detached", c->spec.name, "id=%u\npid=%d\nuid=%u\nrole=%s\n",
		end->id, end->pid, end->uid, role_name(end->roles));
}

/* Read the endpoint table and tell what is new. */
static struct change compare(struct channel *c)
{
	struct change change = {false};
	struct chan_endpoint *ends;
	unsigned n;

	if (read_ends(c, &ends, &n) < 0)
		return change;
	for (unsigned i = 0; i < n; i++)
		if (!has_end(c->ends, c->n, &ends[i]))
			came(c, &ends[i], &change);
	for (unsigned i = 0; i < c->n; i++)
		if (!has_end(ends, n, &c->ends[i]))
			went(c, &c->ends[i], &change);
	free(c->ends);
	c->ends = ends;
	c->n = n;
	return change;
}

/* A CHAN_REF channel that nobody uses: its time may be over. */
static void collect(struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};

	if (c->n || c->spec.options.lifetime != CHAN_REF)
		return;
	if (channel_collect(c->ch) > 0) {
		registry_lost(c);
		return;
	}
	if (chan_stat(c->ch, &st) == 0 && st.linger)
		loop_timer(bus.loop, &c->linger, clock_now() + (int64_t)st.linger + MS);
}

static struct change look(struct channel *c)
{
	struct change change = compare(c);

	if (change.died)
		recover(c);
	activate(c);
	return change;
}

void supervise_look(struct channel *c)
{
	look(c);
	collect(c);
}

/* Who has just opened it will be in the table soon. */
static void settle(struct channel *c)
{
	c->settle_step = SETTLE_FIRST;
	if (!c->settle.place || c->settle.at > clock_now() + SETTLE_FIRST)
		loop_timer(bus.loop, &c->settle, clock_now() + SETTLE_FIRST);
}

static void settle_fired(struct timer *timer)
{
	struct channel *c = (struct channel *)((char *)timer - offsetof(struct channel, settle));

	if (c->recover_again && !c->recovering) {
		c->recover_again = false;
		recover(c);
	}
	if (c->settle_step <= SETTLE_LAST) {
		loop_timer(bus.loop, &c->settle, clock_now() + c->settle_step);
		c->settle_step *= 2;
	}
	supervise_look(c);
}

static void poll_fired(struct timer *timer)
{
	activate((struct channel *)((char *)timer - offsetof(struct channel, poll)));
}

static void linger_fired(struct timer *timer)
{
	supervise_look((struct channel *)((char *)timer - offsetof(struct channel, linger)));
}

static void process_died(struct source *source)
{
	struct process *p = (struct process *)((char *)source - offsetof(struct process, source));
	pid_t pid = p->pid;

	/* A pidfd has nothing else to tell.  Its channels: looking at one may remove it, or the
	 * process. */
	for (struct channel *c = registry_after(""), *next; c; c = next) {
		next = registry_after(c->spec.name);
		for (unsigned i = 0; i < c->n; i++)
			if (c->ends[i].pid == pid) {
				supervise_look(c);
				break;
			}
	}
	/* Endpoints that are still there are somebody else's: a forked child's. */
	p = process_find(pid);
	if (p)
		loop_remove(bus.loop, &p->source);
}

/* ---- inotify ---- */

static struct source events = {.fd = -1};
static int shm_wd = -1;

/* By watch descriptor: they are given in ascending order. */
static struct channel **watched;
static size_t watched_count, watched_room;

static size_t watched_place(int wd)
{
	size_t low = 0, high = watched_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (watched[middle]->wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct channel *watched_find(int wd)
{
	size_t i = watched_place(wd);

	return i < watched_count && watched[i]->wd == wd ? watched[i] : NULL;
}

static void segment_path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, SHM "/shmchan.%u.%s", (unsigned)bus.uid, name);
}

int supervise_add(struct channel *c)
{
	char path[PATH_MAX];
	size_t at;

	c->settle.fired = settle_fired;
	c->poll.fired = poll_fired;
	c->linger.fired = linger_fired;
	segment_path(path, sizeof(path), c->spec.name);
	if (watched_count == watched_room) {
		size_t larger = watched_room ? 2 * watched_room : 64;
		struct channel **grown = reallocarray(watched, larger, sizeof(struct channel *));

		if (!grown)
			return -ENOMEM;
		watched = grown;
		watched_room = larger;
	}
	c->wd = inotify_add_watch(events.fd, path, IN_OPEN | IN_CLOSE_WRITE | IN_ATTRIB);
	if (c->wd < 0)
		return -errno;
	at = watched_place(c->wd);
	memmove(watched + at + 1, watched + at, (watched_count - at) * sizeof(struct channel *));
	watched[at] = c;
	watched_count++;
	/* What happened before is seen now: deaths too. */
	compare(c);
	recover(c);
	settle(c);
	activate(c);
	return 0;
}

void supervise_remove(struct channel *c)
{
	size_t at = watched_place(c->wd);

	if (watched_find(c->wd) == c) {
		memmove(watched + at, watched + at + 1,
			(watched_count - at - 1) * sizeof(struct channel *));
		watched_count--;
		inotify_rm_watch(events.fd, c->wd);
	}
	loop_cancel(bus.loop, &c->settle);
	loop_cancel(bus.loop, &c->poll);
	loop_cancel(bus.loop, &c->linger);
	set_ready(c, false);
	for (unsigned i = 0; i < c->n; i++)
		process_release(c->ends[i].pid);
	c->n = 0;
	c->gone = true;
	if (!c->recovering)
		channel_free(c);
}

/* Somebody who had it open to write is gone, killed or not. */
static void closed(struct channel *c)
{
	struct change change = look(c);

	/* All is well only if we know who it was, and that he detached. */
	if (!change.left && !change.died)
		recover(c);
	settle(c); /* his locks go a moment after the event */
	collect(c);
}

static void happened(struct channel *c, uint32_t mask)
{
	struct chan_stat st = {.size = sizeof(st)};

	if (mask & (IN_ATTRIB | IN_IGNORED | IN_UNMOUNT) && chan_stat(c->ch, &st) == 0 &&
		st.removed) {
		registry_lost(c);
		return;
	}
	if (mask & IN_OPEN)
		settle(c);
	if (mask & IN_CLOSE_WRITE)
		closed(c);
}

/* A new file in /dev/shm. */
static void made(const char *file)
{
	char prefix[64];
	int len = snprintf(prefix, sizeof(prefix), "shmchan.%u.", (unsigned)bus.uid);

	if (!strncmp(file, prefix, (size_t)len) && spec_name_valid(file + len))
		registry_appeared(file + len);
}

static void look_at_all(void)
{
	for (struct channel *c = registry_after(""), *next; c; c = next) {
		next = registry_after(c->spec.name);
		recover(c);
		supervise_look(c);
	}
}

static void read_events(struct source *source)
{
	union {
		struct inotify_event event;
		char bytes[4096];
	} buffer;
	ssize_t n;

	for (int i = 0; i < 16; i++) {
		n = read(source->fd, &buffer, sizeof(buffer));
		if (n <= 0)
			return;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (void *)(buffer.bytes + at);
			struct channel *c = e->wd == shm_wd ? NULL : watched_find(e->wd);

			at += (ssize_t)(sizeof(*e) + e->len);
			if (e->mask & IN_Q_OVERFLOW)
				look_at_all();
			else if (c)
				happened(c, e->mask);
			else if (e->wd == shm_wd && e->len)
				made(e->name);
		}
	}
	loop_again(bus.loop, source);
}

static struct source done_source = {.events = POLLIN, .ready = jobs_done};

int supervise_start(void)
{
	int err;

	events = (struct source){.events = POLLIN, .ready = read_events};
	events.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (events.fd < 0 || pipe2(done_pipe, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(done_pipe[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	shm_wd = inotify_add_watch(events.fd, SHM, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	if (shm_wd < 0)
		return -errno;
	done_source.fd = done_pipe[0];
	err = loop_add(bus.loop, &events);
	return err < 0 ? err : loop_add(bus.loop, &done_source);
}
