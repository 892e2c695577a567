/* SPDX-License-Identifier: MIT */
#include "cutoff.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static uintptr_t page;

/* Put a page of zeros in place of the one that is missing.  mmap(2) is not on POSIX's list
 * of what a handler may call; on Linux it is a system call and no more.  Any other SIGBUS,
 * or a page that can't be replaced, kills chand as usual. */
static void replace(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	void *at = (void *)((uintptr_t)info->si_addr & ~(page - 1));

	(void)context;
	if (info->si_code != BUS_ADRERR ||
		mmap(at, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			0) == MAP_FAILED)
		signal(sig, SIG_DFL); /* the instruction runs again, and gets it */
	errno = saved;
}

int cutoff_survive(void)
{
	struct sigaction action = {.sa_sigaction = replace, .sa_flags = SA_SIGINFO | SA_RESTART};

	page = (uintptr_t)sysconf(_SC_PAGESIZE);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}
