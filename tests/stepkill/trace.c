/* SPDX-License-Identifier: MIT */
/*
 * One instruction after the other, by ptrace(2).
 *
 * The victim is a fork of the tracer, so its code lies at the same addresses: the
 * tracer sees that a system call comes by looking at its own memory.  A change of
 * the segment is found by comparing the tracer's mapping of it, a few pages, with
 * what it was one instruction ago; a change of the list of robust mutexes, whose
 * head lies in the victim's own memory, by reading that.
 *
 * A system call that sleeps is not waited for: asleep is a kill point, and then
 * somebody is asked (on_sleep) to wake it.
 *
 * The kernel's code that reads the clock (vDSO) runs at full speed: it changes
 * nothing, and it starts again whenever the clock ticked in between, which it would
 * do for ever where a step takes as long as a tick.
 */
#include "stepkill.h"

#include "core/ladder.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define VDSO_SIZE 8192
#define BREAKPOINT 0xcc /* int3 */

/* ---- the segment, as the job sees it ---- */

static unsigned char *segment, *shadow;
static size_t segment_bytes;
static size_t always;	    /* bytes from its start that always have their memory */
static struct ladder rungs; /* of a ring that may grow, else none */

static const char *segment_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(), channel);
	return path;
}

uint64_t trace_memory(void)
{
	struct stat st;

	if (stat(segment_path(), &st) < 0)
		fail("stat of the segment");
	return (uint64_t)st.st_blocks * 512;
}

/* Return how much memory the rung has, as `from`, the segment or a copy, has it.  To read more
 * would give it memory. */
static size_t memory_of(const unsigned char *from, unsigned rung)
{
	const struct layout *l = (const void *)from;

	return ladder_memory(&rungs, &l->control.ladder, rung);
}

static size_t place_of(unsigned rung)
{
	return always - rungs.rung[0].capacity + rungs.rung[rung].offset;
}

static void copy_segment(unsigned char *to, const unsigned char *from)
{
	memcpy(to, from, always);
	for (unsigned i = 1; i < rungs.n; i++)
		memcpy(to + place_of(i), from + place_of(i), memory_of(from, i));
}

static void note_rungs(void)
{
	const struct layout_header *h = &((const struct layout *)(void *)segment)->header;

	always = segment_bytes;
	rungs.n = 0;
	if (!(h->options & LAYOUT_GROWS))
		return;
	ladder_make(&rungs, h->capacity, h->max_capacity);
	always = h->ring_offset + h->capacity;
}

static void map_segment(void)
{
	struct stat st;
	int fd;

	fd = open(segment_path(), O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0)
		fail("fstat of the segment");
	segment_bytes = (size_t)st.st_size;
	segment = mmap(NULL, segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	shadow = mmap(
		NULL, segment_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (segment == MAP_FAILED || shadow == MAP_FAILED)
		fail("no memory");
	close(fd);
	note_rungs();
	copy_segment(shadow, segment);
}

struct layout *trace_segment(void)
{
	if (!segment)
		map_segment();
	return (struct layout *)(void *)segment;
}

void trace_forget_segment(void)
{
	if (!segment)
		return;
	munmap(segment, segment_bytes);
	munmap(shadow, segment_bytes);
	segment = shadow = NULL;
}

void image_save(struct image *i)
{
	trace_segment();
	if (!i->bytes)
		i->bytes = malloc(segment_bytes);
	if (!i->bytes)
		fail("no memory");
	i->size = segment_bytes;
	copy_segment(i->bytes, segment);
}

void image_restore(const struct image *i)
{
	trace_segment();
	if (!segment || segment_bytes != i->size)
		fail("not the segment that it was");
	copy_segment(segment, i->bytes);
	for (unsigned rung = 1; rung < rungs.n; rung++) {
		size_t has = memory_of(i->bytes, rung);

		if (has < rungs.rung[rung].capacity &&
			madvise(segment + place_of(rung) + has, rungs.rung[rung].capacity - has,
				MADV_REMOVE))
			fail("can't take the memory from a rung");
	}
}

void image_free(struct image *i)
{
	free(i->bytes);
	i->bytes = NULL;
}

/* Did the segment change since the last look? */
static bool segment_changed(void)
{
	bool changed;

	if (!segment)
		return false;
	changed = memcmp(segment, shadow, always) != 0;
	for (unsigned i = 1; i < rungs.n && !changed; i++)
		changed = memcmp(segment + place_of(i), shadow + place_of(i),
				  memory_of(segment, i)) != 0;
	if (changed)
		copy_segment(shadow, segment);
	return changed;
}

/* ---- the victim ---- */

static struct robust {
	uint64_t list, offset, pending; /* struct robust_list_head */
} robust;
static uint64_t robust_at;

static void await_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid)
		fail("the victim is gone");
	if (!WIFSTOPPED(status))
		fail("the victim ended by itself: status %#x", (unsigned)status);
	if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP)
		fail("the victim had signal %d", WSTOPSIG(status));
}

static bool robust_changed(pid_t pid)
{
	struct robust is = {0, 0, 0};
	struct iovec here = {&is, sizeof(is)}, there = {(void *)(uintptr_t)robust_at, sizeof(is)};

	if (!robust_at || process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(is) ||
		memcmp(&is, &robust, sizeof(is)) == 0)
		return false;
	robust = is;
	return true;
}

/* The beginning of /proc/PID/FILE; "" if there is none. */
static void read_proc(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
}

bool trace_asleep(pid_t pid)
{
	char text[32];

	read_proc(pid, "syscall", text, sizeof(text));
	return strtol(text, NULL, 10) == SYS_futex || strtol(text, NULL, 10) == SYS_futex_waitv;
}

bool trace_runnable(pid_t pid)
{
	char text[512];
	const char *end;

	read_proc(pid, "stat", text, sizeof(text));
	end = strrchr(text, ')'); /* of its name */
	return end && end[1] && end[2] == 'R';
}

/* What the instruction does at which the victim stands. */
enum instruction { PLAIN, SYSTEM_CALL, MAY_SLEEP, CLOCK };

#if defined(__x86_64__) && defined(__GLIBC__)

/* The kernel's code that reads the clock, two or three pages. */
static bool in_vdso(const unsigned char *at)
{
	const unsigned char *vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);

	return vdso && at >= vdso && at < vdso + VDSO_SIZE;
}

#define RIP ((void *)offsetof(struct user_regs_struct, rip))

static uint64_t position(pid_t pid)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, pid, RIP, NULL);
}

/* It took another way than the course: the clock may decide, or another process. */
static noreturn void lost(void)
{
	result->astray = true;
	_exit(1);
}

/* Run at full speed to an instruction at which it does not yet stand. */
static void run_to(pid_t pid, uint64_t at)
{
	void *there = (void *)(uintptr_t)at;
	long was = ptrace(PTRACE_PEEKTEXT, pid, there, NULL);

	if (ptrace(PTRACE_POKETEXT, pid, there, (void *)((was & ~0xffL) | BREAKPOINT)) ||
		ptrace(PTRACE_CONT, pid, NULL, NULL))
		fail("PTRACE_CONT");
	await_stop(pid);
	if (position(pid) != at + 1)
		lost();
	if (ptrace(PTRACE_POKETEXT, pid, there, (void *)was) ||
		ptrace(PTRACE_POKEUSER, pid, RIP, there))
		fail("PTRACE_POKETEXT");
}

/* From the first instruction of a function to behind its call. */
static void run_function(pid_t pid)
{
	long sp = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rsp), NULL);

	run_to(pid, (uint64_t)ptrace(PTRACE_PEEKDATA, pid, (void *)sp, NULL));
}

/* Here the victim stops. */
static void breakpoint(void)
{
	__asm__ volatile("int3" : : : "memory");
}

static enum instruction ahead(pid_t pid)
{
	const unsigned char *at = (const unsigned char *)(uintptr_t)position(pid);
	struct user_regs_struct regs;

	if (in_vdso(at))
		return CLOCK;
	if (at[0] != 0x0f || at[1] != 0x05)
		return PLAIN;
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fail("PTRACE_GETREGS");
	if (regs.rax == SYS_futex_waitv)
		return MAY_SLEEP;
	if (regs.rax != SYS_futex)
		return SYSTEM_CALL;
	switch (regs.rsi & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return MAY_SLEEP;
	default:
		return SYSTEM_CALL;
	}
}

static int owner(const struct layout_lock *lock)
{
	return lock->mutex.__data.__lock & FUTEX_TID_MASK;
}

#else /* stepkill.c does not come here */

static void breakpoint(void)
{
	raise(SIGTRAP);
}

static uint64_t position(pid_t pid)
{
	fail("can't step process %d on this machine", (int)pid);
}

static void run_to(pid_t pid, uint64_t at)
{
	(void)at;
	fail("can't step process %d on this machine", (int)pid);
}

static void run_function(pid_t pid)
{
	fail("can't step process %d on this machine", (int)pid);
}

static enum instruction ahead(pid_t pid)
{
	fail("can't step process %d on this machine", (int)pid);
}

static int owner(const struct layout_lock *lock)
{
	fail("can't look into a lock (%p) of this libc", (const void *)lock);
}

#endif

void trace_start(struct trace *t, const struct scenario *s)
{
	size_t size;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		sigset_t children;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigemptyset(&children);
		sigaddset(&children, SIGCHLD);
		sigprocmask(SIG_BLOCK, &children, NULL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		scenario_ready(s);
		breakpoint();
		atomic_store(&board->result, s->operation());
		atomic_store(&board->done, 1);
		raise(SIGSTOP);
		_exit(0);
	}
	t->pid = pid;
	atomic_store(&result->victim, pid);
	t->points = 0;
	t->complete = false;
	atomic_store(&board->done, 0);
	await_stop(pid);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL))
		fail("PTRACE_SETOPTIONS");
	if (syscall(SYS_get_robust_list, pid, &robust_at, &size))
		robust_at = 0;
}

/* Which side's lock does it hold? */
static unsigned holds(pid_t pid)
{
	struct layout *l = trace_segment();

	if (!l)
		return 0;
	if (owner(&l->control.senders.lock) == pid)
		return CHAN_SEND;
	if (owner(&l->control.receivers.lock) == pid)
		return CHAN_RECV;
	return 0;
}

static void step(pid_t pid)
{
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
		fail("PTRACE_SINGLESTEP");
}

static void fall_asleep(struct trace *t)
{
	void (*fn)(void) = t->on_sleep;

	t->on_sleep = NULL;
	if (fn)
		fn();
}

/* Step over a system call that may sleep.  Returns true if the target is to die asleep. */
static bool step_and_sleep(struct trace *t)
{
	int status;

	step(t->pid);
	for (;;) {
		/* Look first: a process that stopped behind the call looks the same. */
		bool asleep = trace_asleep(t->pid);
		pid_t got = waitpid(t->pid, &status, __WALL | WNOHANG);

		if (got == t->pid)
			return false;
		if (got < 0)
			fail("the victim is gone");
		if (asleep)
			break;
		nap(MS / 50);
	}
	if (t->points++ == t->target)
		return true;
	fall_asleep(t);
	await_stop(t->pid);
	return false;
}

static void note_lock(struct trace *t);

/* Others may come to the lock that it holds. */
static void hold_lock(struct trace *t, unsigned side)
{
	void (*fn)(unsigned) = t->on_lock;

	t->on_lock = NULL;
	fn(side);
}

static void hooks(struct trace *t, bool changed)
{
	unsigned side = t->on_lock ? holds(t->pid) : 0;

	if (side) {
		note_lock(t);
		hold_lock(t, side);
	}
	if (changed && t->on_change && t->on_change())
		t->on_change = NULL;
	/* What the others did is no store of the victim's. */
	segment_changed();
}

static void go_on(pid_t pid, enum __ptrace_request until)
{
	if (ptrace(until, pid, NULL, NULL))
		fail("can't let the victim go on");
	await_stop(pid);
}

/* Through a system call in which it slept, and was woken. */
static void pass_sleep(struct trace *t)
{

	go_on(t->pid, PTRACE_SYSCALL);
	if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL))
		fail("PTRACE_SYSCALL");
	while (!trace_asleep(t->pid) && trace_runnable(t->pid))
		nap(MS / 50);
	fall_asleep(t);
	await_stop(t->pid);
}

/* Run at full speed to an instruction, for the nth time. */
static void run_to_nth(pid_t pid, uint64_t at, unsigned nth)
{
	unsigned n = position(pid) == at;

	while (n < nth) {
		if (position(pid) == at)
			go_on(pid, PTRACE_SINGLESTEP);
		if (position(pid) != at)
			run_to(pid, at);
		n++;
	}
}

static void pass(struct trace *t, const struct station *s)
{
	unsigned side;

	switch (s->kind) {
	case CALL:
		go_on(t->pid, PTRACE_SYSCALL); /* into it */
		go_on(t->pid, PTRACE_SYSCALL); /* out of it */
		break;
	case SLEPT:
		pass_sleep(t);
		break;
	case CLOCK_READ:
		if (position(t->pid) == s->at) /* behind the look before */
			go_on(t->pid, PTRACE_SINGLESTEP);
		run_to(t->pid, s->at);
		break;
	case LOCK_HELD:
		run_to_nth(t->pid, s->at, s->nth);
		side = holds(t->pid);
		if (!side)
			lost();
		hold_lock(t, side);
		break;
	}
}

/* Run to the last known place up to the target, without a step. */
static void skip(struct trace *t)
{
	const struct course *c = t->skip;
	unsigned i;

	if (!c || !c->points)
		return;
	i = t->target < c->points ? t->target : c->points - 1;
	while (i > 0 && !c->place[i].nth)
		i--;
	if (i == 0)
		return;
	result->skipping = true;
	for (unsigned j = 0; j < c->place[i].stations; j++)
		pass(t, &c->station[j]);
	run_to_nth(t->pid, c->place[i].at, c->place[i].nth);
	result->skipping = false;
	t->points = i;
	t->changes = c->place[i].changes;
}

/* ---- noting the course ---- */

#define STRETCH 8192

/* The instructions since the last station; n is STRETCH if there are too many. */
static struct {
	unsigned n;
	uint64_t at[STRETCH];
} stretch;

/* If it has none to spare, or `s` can't be said, no place behind it can. */
static void note_station(struct trace *t, struct station s)
{
	struct course *c = &t->course;

	if (c->stations == STATIONS || (s.kind == LOCK_HELD && !s.nth)) {
		c->stations = STATIONS;
		stretch.n = STRETCH;
		return;
	}
	c->station[c->stations++] = s;
	stretch.n = 0;
}

/* The one where it stands, behind a system call or a look at the clock. */
static struct station station_behind(pid_t pid, enum instruction was, bool slept)
{
	return (struct station){.kind = slept	       ? SLEPT
					: was == CLOCK ? CLOCK_READ
						       : CALL,
		.nth = 1,
		.at = position(pid)};
}

static void note_instruction(uint64_t at)
{
	if (stretch.n < STRETCH)
		stretch.at[stretch.n++] = at;
}

/* Return how often it came there since the last station; 0 if that can't be said. */
static unsigned visits(uint64_t at)
{
	unsigned n = 0;

	for (unsigned i = 0; stretch.n < STRETCH && i < stretch.n; i++)
		n += stretch.at[i] == at;
	return n;
}

/* Where it stands now. */
static void note_lock(struct trace *t)
{
	uint64_t at;

	if (t->skip)
		return;
	at = position(t->pid);
	note_instruction(at);
	note_station(t, (struct station){LOCK_HELD, visits(at), at});
}

static void note_place(struct trace *t, uint64_t at)
{
	if (t->points >= PLACES)
		return;
	t->course.points = t->points + 1;
	t->course.place[t->points] = (struct place){
		.at = at, .nth = visits(at), .stations = t->course.stations, .changes = t->changes};
}

static void note(struct trace *t, bool point)
{
	uint64_t at;

	if (t->skip)
		return; /* it is known */
	at = position(t->pid);
	note_instruction(at);
	if (point)
		note_place(t, at);
}

void trace_run(struct trace *t)
{
	enum instruction is;
	bool stored, slept = false, point = true;
	unsigned before;

	skip(t);
	robust_changed(t->pid);
	trace_segment();
	segment_changed();
	stretch.n = 0;
	for (is = ahead(t->pid);;) {
		note(t, point);
		if (point && t->points++ == t->target)
			return;
		point = is == SYSTEM_CALL || is == MAY_SLEEP; /* after one */
		slept = false;
		if (is == MAY_SLEEP) {
			before = t->points;
			if (step_and_sleep(t))
				return;
			slept = t->points != before;
		} else if (is == CLOCK) {
			run_function(t->pid);
		} else {
			step(t->pid);
			await_stop(t->pid);
		}
		if (atomic_load(&board->done)) {
			t->complete = true;
			return;
		}
		if (point)
			trace_segment();
		stored = segment_changed();
		stored |= robust_changed(t->pid);
		t->changes += point || stored;
		if (is != PLAIN && !t->skip)
			note_station(t, station_behind(t->pid, is, slept));
		is = ahead(t->pid);
		point |= stored || t->every || is == SYSTEM_CALL || is == MAY_SLEEP;
		hooks(t, stored);
	}
}

void trace_kill(struct trace *t)
{
	int status;

	kill(t->pid, SIGKILL);
	while (waitpid(t->pid, &status, __WALL) == t->pid && !WIFEXITED(status) &&
		!WIFSIGNALED(status))
		;
	t->pid = 0;
	atomic_store(&result->victim, 0);
}
