/* SPDX-License-Identifier: MIT */
/*
 * Usage: prog_latest latest|seqlock SIZE MS PAUSE
 *
 * How often one process reads the latest value, of SIZE bytes, in MS milliseconds, while
 * another one writes: at full speed, or with a pause of PAUSE ns between two values.  Each
 * has a CPU of its own.  Prints how many million reads and writes a second there were.
 *
 * The seqlock is what people write by hand: one slot and a counter that is odd during a
 * write.  It guarantees nothing: one writer only, and a reader that comes while that one is
 * stopped or dead waits for ever.
 */
#include "base/clock.h"
#include "core/cpu.h"
#include "shmchan.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKS 64 /* calls between two looks at the clock */

static struct seqlock {
	_Alignas(128) _Atomic uint64_t count;
	_Alignas(128) _Atomic uint64_t writes; /* of either way */
	_Alignas(128) char value[];
} * shared;

static size_t size;
static char *buf;
static chan_t *ch;

static __attribute__((noinline)) void seqlock_write(void)
{
	uint64_t count = atomic_load_explicit(&shared->count, memory_order_relaxed);

	atomic_store_explicit(&shared->count, count + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(shared->value, buf, size);
	atomic_store_explicit(&shared->count, count + 2, memory_order_release);
}

static __attribute__((noinline)) void seqlock_read(void)
{
	uint64_t before, after;

	do {
		while ((before = atomic_load_explicit(&shared->count, memory_order_acquire)) & 1)
			cpu_relax();
		memcpy(buf, shared->value, size);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&shared->count, memory_order_relaxed);
	} while (before != after);
}

static __attribute__((noinline)) void latest_write(void)
{
	if (chan_send(ch, buf, size, CHAN_WAIT) < 0)
		abort();
}

static __attribute__((noinline)) void latest_read(void)
{
	struct chan_cursor at = {0};

	if (chan_peek(ch, buf, size, &at) != (ssize_t)size)
		abort();
}

static void use_cpu(int n)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(n, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static _Noreturn void write_on(void (*put)(void), int64_t pause)
{
	for (uint64_t n = 0;; n++) {
		int64_t until = pause ? clock_monotonic() + pause : 0;

		memset(buf, (int)n, 8);
		put();
		atomic_store_explicit(&shared->writes, n, memory_order_relaxed);
		while (pause && clock_monotonic() < until)
			cpu_relax();
	}
}

int main(int argc, char **argv)
{
	struct chan_options opt = {.size = sizeof(opt), .kind = CHAN_KIND_LATEST};
	char name[64];
	bool latest = argc == 5 && !strcmp(argv[1], "latest");
	int64_t begin, now, pause = argc == 5 ? atoll(argv[4]) : 0;
	uint64_t reads = 0, writes;
	pid_t pid;

	if (argc != 5)
		return 2;
	size = (size_t)atoll(argv[2]);
	buf = calloc(1, size);
	shared = mmap(NULL, sizeof(*shared) + size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(name, sizeof(name), "bench-latest-%d", (int)getpid());
	opt.max_message = (uint32_t)size;
	if (!buf || shared == MAP_FAILED || (latest && chan_create(name, &opt) < 0))
		return 1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		use_cpu(1);
		if (latest && chan_open(&ch, name, CHAN_SEND, NULL) < 0)
			return 1;
		write_on(latest ? latest_write : seqlock_write, pause);
	}
	use_cpu(0);
	if (latest && chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return 1;
	while (!atomic_load(&shared->writes))
		;
	writes = atomic_load(&shared->writes);
	begin = now = clock_monotonic();
	for (; now - begin < atoll(argv[3]) * 1000000; now = clock_monotonic())
		for (int i = 0; i < LOOKS; i++, reads++)
			if (latest)
				latest_read();
			else
				seqlock_read();
	writes = atomic_load(&shared->writes) - writes;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (latest)
		chan_remove(name);
	printf("%.2f %.2f\n", (double)reads * 1e3 / (double)(now - begin),
		(double)writes * 1e3 / (double)(now - begin));
	return 0;
}
