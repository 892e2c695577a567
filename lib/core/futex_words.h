/* SPDX-License-Identifier: MIT */
/* futex_waitv(2) of Linux 5.16, for which the C library has no function. */
#ifndef CHAN_FUTEX_WORDS_H
#define CHAN_FUTEX_WORDS_H

#include <linux/futex.h>
#include <linux/time_types.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* An older C library has no name for the number, which is the same on all architectures. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* Do as the system call does, until `deadline` (CLOCK_MONOTONIC, ns). */
static inline long futex_words_wait(struct futex_waitv *words, unsigned n, int64_t deadline)
{
	struct __kernel_timespec at = {
		.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};

	return syscall(SYS_futex_waitv, words, n, 0, &at, CLOCK_MONOTONIC);
}

#endif
