/* SPDX-License-Identifier: MIT */
/* The model is in watch.h. */
#define _GNU_SOURCE 1
#include "watch/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/names.h"
#include "bus.h"
#include "channel/channel.h"
#include "common/endpoints.h"
#include "log.h"
#include "table.h"

#define MS INT64_C(1000000)

/* An endpoint is entered in the table a little after its segment was opened: look
 * after that time, and then after twice as much, until this. */
#define SETTLE_FIRST (MS / 2)
#define SETTLE_LAST (1000 * MS)

/* After an activated channel had something that was no message for anybody, or a
 * message that somebody took at once. */
#define PAUSE (20 * MS)

/* Threads that wait for first messages; of more activated channels it is looked at
 * that often whether there is one. */
#define AWAITING_MAX 256
#define AWAITING_LOOK (200 * MS)

/* The times at which an unused channel is looked at: some have no linger, or a
 * hundred years. */
#define LINGER_LEAST (1000 * MS)
#define LINGER_MOST (86400 * 1000 * MS)

/* ---- processes ---- */

struct process {
	pid_t pid;
	unsigned ends;	      /* endpoints of it */
	struct source source; /* its pidfd */
};

static int by_pid(const void *item, const void *key)
{
	pid_t a = ((const struct process *)item)->pid, b = *(const pid_t *)key;

	return (a > b) - (a < b);
}

static struct table processes = {.order = by_pid};

size_t watch_processes(void)
{
	return processes.n;
}

static void process_forget(struct process *p)
{
	table_remove(&processes, &p->pid);
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
	struct process *p = table_find(&processes, &pid);

	if (p) {
		p->ends++;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p || table_add(&processes, &pid, p) < 0) {
		free(p);
		return -ENOMEM;
	}
	*p = (struct process){.pid = pid, .ends = 1};
	p->source.events = POLLIN;
	p->source.ready = process_died;
	p->source.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return p->source.fd < 0 ? -errno : loop_add(bus.loop, &p->source);
}

static void process_release(pid_t pid)
{
	struct process *p = table_find(&processes, &pid);

	if (p && --p->ends == 0)
		process_forget(p);
}

/* ---- recovery ---- */

/* Free one that is gone, if no work uses it any more. */
static void let_go(struct channel *c)
{
	if (c->gone && !c->recovering && !c->awaiting)
		channel_free(c);
}

static void run_recovery(struct work *work)
{
	struct channel *c = (struct channel *)((char *)work - offsetof(struct channel, recovery));

	c->recovered = chan_recover(c->ch);
}

static void recovered(struct work *work);

static void recover(struct channel *c)
{
	if (c->recovering) {
		c->recover_again = true;
		return;
	}
	c->recovering = true;
	c->recovery = (struct work){.run = run_recovery, .done = recovered};
	work_start(&c->recovery);
}

static void recovered(struct work *work)
{
	struct channel *c = (struct channel *)((char *)work - offsetof(struct channel, recovery));

	c->recovering = false;
	bus.recoveries++;
	if (c->gone) {
		let_go(c);
		return;
	}
	if (c->recovered > 0) {
		c->redelivered += (uint64_t)c->recovered;
		bus.redelivered += (uint64_t)c->recovered;
		bus_event("redelivered", c->spec.name, NULL, "messages=%d\n", c->recovered);
	} else if (c->recovered == -EBADMSG) {
		log_line(LOG_ERR, "damaged", c->spec.name, 0,
			"the channel is damaged; what is sound has been kept");
	}
	if (c->recover_again) {
		c->recover_again = false;
		recover(c);
	}
	watch_look(c);
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
	bus_event(ready ? "ready" : "served", c->spec.name, NULL, "%s", "");
}

/* What a chand that was killed left: activate() makes again what is still true. */
static void forget_ready(void)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	ready_path(path, sizeof(path), "");
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (name_valid(entry->d_name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

/* There is no receiver while this is wanted, but one that came a moment ago may sleep
 * already: channel_await_message() passes on a wake-up that was for it. */
static void run_await(struct work *work)
{
	struct channel *c = (struct channel *)((char *)work - offsetof(struct channel, await));

	channel_await_message(c->door);
}

static unsigned awaiting;

static void activate(struct channel *c);

static void awaited(struct work *work)
{
	struct channel *c = (struct channel *)((char *)work - offsetof(struct channel, await));

	c->awaiting = false;
	awaiting--;
	if (c->gone) {
		let_go(c);
		return;
	}
	chan_interrupt(c->door, 0);
	loop_timer(bus.loop, &c->pause, clock_now() + PAUSE); /* not at once again */
	activate(c);
}

static void await(struct channel *c)
{
	int err = 0;

	if (c->awaiting || c->pause.place)
		return;
	if (awaiting == AWAITING_MAX) {
		loop_timer(bus.loop, &c->pause, clock_now() + AWAITING_LOOK);
		return;
	}
	/* An endpoint of its own: to interrupt it interrupts nothing else. */
	if (!c->door)
		err = chan_open(&c->door, c->spec.name, 0, NULL);
	if (err < 0 || !c->door->segment.writable) {
		loop_timer(bus.loop, &c->pause, clock_now() + SETTLE_LAST);
		return;
	}
	c->awaiting = true;
	awaiting++;
	c->await = (struct work){.run = run_await, .done = awaited};
	work_start(&c->await);
}

static void activate(struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};
	bool wanted = c->spec.activate && chan_stat(c->ch, &st) == 0 && !st.receivers;

	set_ready(c, wanted && st.depth);
	if (wanted && !c->ready && (st.senders || st.depth))
		await(c);
	else if (c->awaiting)
		chan_interrupt(c->door, 1);
}

/* ---- endpoints ---- */

static const char *role_name(uint32_t roles)
{
	static const char *const names[] = {"none", "sender", "receiver", "sender+receiver"};

	return names[roles & (CHAN_SEND | CHAN_RECV)];
}

struct change {
	bool died;     /* somebody */
	unsigned left; /* in good order */
};

struct comparison {
	struct channel *channel;
	struct change change;
};

static void tell(const char *event, const struct channel *c, const struct chan_endpoint *end)
{
	bus_event(event, c->spec.name, &c->spec,
		"id=%u\npid=%d\nuid=%u\nrole=%s\ncommand=%s\n", end->id, end->pid, end->uid,
		role_name(end->roles), end->command);
}

static void came(const struct chan_endpoint *end, void *arg)
{
	struct comparison *to = arg;
	struct channel *c = to->channel;
	int err = end->pid > 0 ? process_hold(end->pid) : -EINVAL;

	if (err == -ESRCH)
		to->change.died = true;
	else if (err < 0 && err != -EINVAL && !bus_shortage(err))
		log_line(LOG_WARNING, "unwatched", c->spec.name, end->pid,
			"process %d can't be watched: %s", (int)end->pid, strerror(-err));
	tell("attached", c, end);
}

static void went(const struct chan_endpoint *end, void *arg)
{
	struct comparison *to = arg;
	struct channel *c = to->channel;
	bool dead = !channel_detached(c->ch, end);

	if (dead) {
		to->change.died = true;
		c->deaths++;
		bus.deaths++;
	} else {
		to->change.left++;
	}
	process_release(end->pid);
	tell(dead ? "died" : "detached", c, end);
}

/* Read the endpoint table and tell what is new. */
static struct change compare(struct channel *c)
{
	const struct endpoints before = {c->ends, c->n};
	struct comparison to = {.channel = c};
	struct endpoints now;

	if (endpoints_read(c->ch, c->n, &now) < 0)
		return to.change;
	endpoints_compare(&before, &now, came, went, &to);
	free(c->ends);
	c->ends = now.at;
	c->n = now.n;
	return to.change;
}

/* A CHAN_REF channel that nobody uses: its time may be over; else look again when it
 * will be, and not in less than `least`. */
static void collect(struct channel *c, int64_t least)
{
	struct chan_stat st = {.size = sizeof(st)};
	int64_t after;

	if (c->n || c->spec.options.lifetime != CHAN_REF)
		return;
	if (channel_collect(c->ch) > 0) {
		registry_lost(c);
		return;
	}
	if (chan_stat(c->ch, &st) < 0 || !st.linger)
		return;
	after = st.linger < (uint64_t)LINGER_MOST ? (int64_t)st.linger + MS : LINGER_MOST;
	loop_timer(bus.loop, &c->linger, clock_now() + (after > least ? after : least));
}

static struct change look(struct channel *c)
{
	struct change change = compare(c);

	if (change.died)
		recover(c);
	activate(c);
	return change;
}

void watch_look(struct channel *c)
{
	look(c);
	collect(c, 0);
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

	if (c->settle_step <= SETTLE_LAST) {
		loop_timer(bus.loop, &c->settle, clock_now() + c->settle_step);
		c->settle_step *= 2;
	}
	watch_look(c);
}

static void pause_fired(struct timer *timer)
{
	activate((struct channel *)((char *)timer - offsetof(struct channel, pause)));
}

static void linger_fired(struct timer *timer)
{
	struct channel *c = (struct channel *)((char *)timer - offsetof(struct channel, linger));

	look(c);
	collect(c, LINGER_LEAST);
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
				watch_look(c);
				break;
			}
	}
	/* Endpoints that are still there are somebody else's: a forked child's. */
	p = table_find(&processes, &pid);
	if (p)
		loop_remove(bus.loop, &p->source);
}

/* ---- inotify ---- */

static struct source events = {.fd = -1};
static int shm_wd = -1;

static int by_wd(const void *item, const void *key)
{
	int a = ((const struct channel *)item)->wd, b = *(const int *)key;

	return (a > b) - (a < b);
}

static struct table watched = {.order = by_wd};

static void segment_path(char *ret, size_t size, const char *name)
{
	char file[NAMES_FILE_SIZE];

	name_file(file, bus.uid, name);
	snprintf(ret, size, NAMES_DIR "/%s", file);
}

int watch_add(struct channel *c)
{
	char path[PATH_MAX];
	int err;

	c->settle.fired = settle_fired;
	c->pause.fired = pause_fired;
	c->linger.fired = linger_fired;
	segment_path(path, sizeof(path), c->spec.name);
	c->wd = inotify_add_watch(events.fd, path,
		IN_OPEN | IN_CLOSE_WRITE | IN_ATTRIB | IN_MODIFY);
	if (c->wd < 0)
		return errno == ENOSPC ? -BUS_NO_WATCH : -errno;
	if (table_find(&watched, &c->wd)) { /* another name of a file that we have */
		c->wd = -1;
		return -EEXIST;
	}
	err = table_add(&watched, &c->wd, c);
	if (err < 0) {
		inotify_rm_watch(events.fd, c->wd);
		return err;
	}
	/* What happened before is seen now: deaths too. */
	compare(c);
	recover(c);
	settle(c);
	activate(c);
	return 0;
}

void watch_remove(struct channel *c)
{
	/* The kernel may have taken the watch back, and even given its number away. */
	if (table_find(&watched, &c->wd) == c) {
		table_remove(&watched, &c->wd);
		inotify_rm_watch(events.fd, c->wd);
	}
	loop_cancel(bus.loop, &c->settle);
	loop_cancel(bus.loop, &c->pause);
	loop_cancel(bus.loop, &c->linger);
	set_ready(c, false);
	for (unsigned i = 0; i < c->n; i++)
		process_release(c->ends[i].pid);
	c->n = 0;
	c->gone = true;
	if (c->awaiting)
		chan_interrupt(c->door, 1);
	let_go(c);
}

/* Those who had it open to write are gone, killed or not. */
static void closed(struct channel *c, unsigned closes)
{
	struct change change = look(c);

	/* All is well only if we know who they were, and that they detached. */
	if (change.left < closes && !change.died)
		recover(c);
	settle(c); /* their locks go a moment after the event */
	collect(c, 0);
}

static bool is_removed(const struct channel *c)
{
	struct chan_stat st = {.size = sizeof(st)};

	return chan_stat(c->ch, &st) == 0 && st.removed;
}

/* Whoever removed it: its users learn of it now, and need not find out. */
static void lose(struct channel *c)
{
	if (!c->resized)
		channel_notice(c->ch);
	registry_lost(c);
}

/* Messages pass through mappings, which is no modification that inotify tells. */
static void modified(struct channel *c)
{
	struct stat st;

	if (c->resized || fstat(c->ch->segment.own.fd, &st) < 0 ||
		(uint64_t)st.st_size == c->ch->segment.geometry.size)
		return;
	c->resized = true;
	log_line(LOG_ERR, "damaged", c->spec.name, 0,
		"somebody who may write the channel changed the size of its segment; "
		"nobody can open it any more: remove it");
}

static void happened(struct channel *c)
{
	uint32_t news = c->news;
	unsigned closes = c->closes;

	c->news = 0;
	c->closes = 0;
	if (news & (IN_ATTRIB | IN_IGNORED | IN_UNMOUNT) && is_removed(c)) {
		lose(c);
		return;
	}
	if (news & IN_MODIFY)
		modified(c);
	if (news & IN_OPEN)
		settle(c);
	if (news & IN_CLOSE_WRITE)
		closed(c, closes);
}

/* However often a channel is opened and closed, it is looked at once for all that was
 * read: nobody can keep the loop busy.  Looking may take channels out of the table. */
static void look_at_news(void)
{
	for (size_t i = 0; i < watched.n;) {
		struct channel *c = watched.at[i];

		if (c->news)
			happened(c);
		if (i < watched.n && watched.at[i] == c)
			i++;
	}
}

/* A new file in /dev/shm. */
static void made(const char *file)
{
	const char *name;
	uid_t owner;

	if (name_of_file(file, &owner, &name) && owner == bus.uid)
		registry_appeared(name);
}

/* Events were lost. */
static void look_at_all(void)
{
	for (struct channel *c = registry_after(""), *next; c; c = next) {
		next = registry_after(c->spec.name);
		if (is_removed(c)) {
			lose(c);
			continue;
		}
		modified(c);
		recover(c);
		watch_look(c);
	}
	registry_appeared_any();
}

static void note(struct channel *c, uint32_t mask)
{
	c->news |= mask;
	c->closes += !!(mask & IN_CLOSE_WRITE);
}

static void read_events(struct source *source)
{
	union {
		struct inotify_event event;
		char bytes[4096];
	} buffer;
	ssize_t n = 1;

	for (int i = 0; i < 16 && n > 0; i++) {
		n = read(source->fd, &buffer, sizeof(buffer));
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (void *)(buffer.bytes + at);
			struct channel *c = e->wd == shm_wd ? NULL : table_find(&watched, &e->wd);

			at += (ssize_t)(sizeof(*e) + e->len);
			if (e->mask & IN_Q_OVERFLOW)
				look_at_all();
			else if (c)
				note(c, e->mask);
			else if (e->wd == shm_wd && e->len)
				made(e->name);
		}
	}
	look_at_news();
	if (n > 0)
		loop_again(bus.loop, source);
}

int watch_start(void)
{
	forget_ready();
	events = (struct source){.events = POLLIN, .ready = read_events};
	events.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (events.fd < 0)
		return errno == EMFILE ? -BUS_NO_INOTIFY : -errno;
	shm_wd = inotify_add_watch(events.fd, NAMES_DIR, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	if (shm_wd < 0)
		return errno == ENOSPC ? -BUS_NO_WATCH : -errno;
	return loop_add(bus.loop, &events);
}
