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
#define _GNU_SOURCE 1
#include "stepkill.h"

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

static void map_segment(void)
{
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(), channel);
	fd = open(path, O_RDWR | O_CLOEXEC);
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
	memcpy(shadow, segment, segment_bytes);
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
	memcpy(i->bytes, segment, segment_bytes);
}

void image_restore(const struct image *i)
{
	trace_segment();
	if (!segment || segment_bytes != i->size)
		fail("not the segment that it was");
	memcpy(segment, i->bytes, i->size);
}

void image_free(struct image *i)
{
	free(i->bytes);
	i->bytes = NULL;
}

/* Did the segment change since the last look? */
static bool segment_changed(void)
{
	if (!segment || memcmp(segment, shadow, segment_bytes) == 0)
		return false;
	memcpy(shadow, segment, segment_bytes);
	return true;
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
		raise(SIGSTOP);
		atomic_store(&board->begun, 1);
		atomic_store(&board->result, s->operation());
		atomic_store(&board->done, 1);
		raise(SIGSTOP);
		_exit(0);
	}
	t->pid = pid;
	atomic_store(&result->victim, pid);
	t->points = 0;
	t->complete = false;
	atomic_store(&board->begun, 0);
	atomic_store(&board->done, 0);
	await_stop(pid);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL))
		fail("PTRACE_SETOPTIONS");
	if (syscall(SYS_get_robust_list, pid, &robust_at, &size))
		robust_at = 0;
}

bool trace_asleep(pid_t pid)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return !strncmp(text, "202 ", 4);
}

bool trace_runnable(pid_t pid)
{
	char path[64], text[512] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	end = strrchr(text, ')'); /* of its name */
	return end && end[1] && end[2] == 'R';
}

/* What does the instruction at which the victim stands do? */
enum instruction { PLAIN, SYSTEM_CALL, MAY_SLEEP, CLOCK };

#if defined(__x86_64__) && defined(__GLIBC__)

/* The kernel's code that reads the clock, two or three pages. */
static bool in_vdso(const unsigned char *at)
{
	const unsigned char *vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);

	return vdso && at >= vdso && at < vdso + VDSO_SIZE;
}

/* From the first instruction of a function to behind its call, at full speed. */
static void run_function(pid_t pid)
{
	struct user_regs_struct regs;
	long there, was;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fail("PTRACE_GETREGS");
	there = ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)regs.rsp, NULL);
	was = ptrace(PTRACE_PEEKTEXT, pid, (void *)there, NULL);
	if (ptrace(PTRACE_POKETEXT, pid, (void *)there, (void *)((was & ~0xffL) | BREAKPOINT)) ||
		ptrace(PTRACE_CONT, pid, NULL, NULL))
		fail("PTRACE_CONT");
	await_stop(pid);
	if (ptrace(PTRACE_POKETEXT, pid, (void *)there, (void *)was) ||
		ptrace(PTRACE_POKEUSER, pid, (void *)offsetof(struct user_regs_struct, rip),
			(void *)there))
		fail("PTRACE_POKETEXT");
}

static enum instruction ahead(pid_t pid)
{
	const unsigned char *at;
	struct user_regs_struct regs;
	long rip =
		ptrace(PTRACE_PEEKUSER, pid, (void *)offsetof(struct user_regs_struct, rip), NULL);

	at = (const unsigned char *)(uintptr_t)rip;
	if (in_vdso(at))
		return CLOCK;
	if (at[0] != 0x0f || at[1] != 0x05)
		return PLAIN;
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fail("PTRACE_GETREGS");
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

/* Step over a system call that may sleep; true if the target is to die asleep. */
static bool step_and_sleep(struct trace *t)
{
	struct timespec pause = {.tv_nsec = 20000};
	int status;

	step(t->pid);
	for (;;) {
		pid_t got = waitpid(t->pid, &status, __WALL | WNOHANG);

		if (got == t->pid)
			return false;
		if (got < 0)
			fail("the victim is gone");
		if (trace_asleep(t->pid))
			break;
		nanosleep(&pause, NULL);
	}
	if (t->points++ == t->target)
		return true;
	if (t->on_sleep) {
		void (*fn)(void) = t->on_sleep;

		t->on_sleep = NULL;
		fn();
	}
	await_stop(t->pid);
	return false;
}

static void hooks(struct trace *t, bool changed)
{
	unsigned side = t->on_lock ? holds(t->pid) : 0;

	if (side) {
		void (*fn)(unsigned) = t->on_lock;

		t->on_lock = NULL;
		fn(side);
	}
	if (changed && t->on_change && t->on_change())
		t->on_change = NULL;
	/* What the others did is no store of the victim's. */
	segment_changed();
}

/* To behind the last system call before the target, without a step. */
static void skip(struct trace *t)
{
	unsigned n = t->skip ? t->skip->n : 0;

	while (n > 0 && t->skip->at[n - 1].points > t->target)
		n--;
	for (unsigned i = 0; i < 2 * n; i++) { /* into it, out of it */
		if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL))
			fail("PTRACE_SYSCALL");
		await_stop(t->pid);
	}
	if (n > 0) {
		t->points = t->skip->at[n - 1].points;
		t->changes = t->skip->at[n - 1].changes;
	}
}

static void note_call(struct trace *t)
{
	struct calls *c = &t->calls;

	if (c->n == CALLS)
		return;
	c->at[c->n].points = t->points;
	c->at[c->n++].changes = t->changes;
}

void trace_run(struct trace *t)
{
	enum instruction is;
	bool stored, point = true;

	while (!atomic_load(&board->begun)) {
		step(t->pid);
		await_stop(t->pid);
	}
	skip(t);
	robust_changed(t->pid);
	trace_segment();
	segment_changed();
	for (is = ahead(t->pid);;) {
		if (point && t->points++ == t->target)
			return;
		point = is == SYSTEM_CALL || is == MAY_SLEEP; /* after one */
		if (is == MAY_SLEEP) {
			if (step_and_sleep(t))
				return;
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
		if (point)
			note_call(t);
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
