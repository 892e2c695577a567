/* SPDX-License-Identifier: MIT */
/* See faults.h. */
#include "faults.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic int listener = -1; /* the filter's notifications */
static _Atomic unsigned countdown;
static _Atomic int fault, victim = -1, always = -1;

/* System calls that can't fail, or whose failure would be the test's: a close that does not
 * close. */
static const int spared[] = {
	SYS_close,
	SYS_munmap,
	SYS_futex,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_exit_group,
	SYS_exit,
	SYS_write,
	SYS_getpid,
	SYS_gettid,
	SYS_geteuid,
	SYS_clock_gettime,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_sched_yield,
	SYS_tgkill,
#ifdef SYS_set_robust_list
	SYS_set_robust_list,
#endif
};
enum { SPARED = sizeof(spared) / sizeof(spared[0]) };

static int install_filter(void)
{
	struct sock_filter code[2 * SPARED + 2];
	struct sock_fprog program = {.filter = code};
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < SPARED; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)spared[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Decide on one system call after the other. */
static void *judge(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = atomic_load(&listener)) == -1)
		sched_yield();
	for (;;) {
		struct seccomp_notif call = {0};
		struct seccomp_notif_resp answer = {0};

		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			return NULL;
		}
		answer.id = call.id;
		if (call.data.nr == atomic_load(&always) ||
			(atomic_load(&countdown) && atomic_fetch_sub(&countdown, 1) == 1)) {
			atomic_store(&victim, call.data.nr);
			answer.error = -atomic_load(&fault);
		} else {
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		}
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno != ENOENT)
			return NULL;
	}
}

bool faults_start(void)
{
	pthread_t thread;
	int fd;

	if (pthread_create(&thread, NULL, judge, NULL))
		return false;
	fd = install_filter();
	if (fd < 0)
		return false;
	atomic_store(&listener, fd);
	return true;
}

void faults_arm(unsigned k, int error)
{
	atomic_store(&victim, -1);
	atomic_store(&fault, error);
	atomic_store(&countdown, k);
}

void faults_arm_all(int number, int error)
{
	atomic_store(&victim, -1);
	atomic_store(&fault, error);
	atomic_store(&always, number);
}

int faults_disarm(void)
{
	atomic_store(&always, -1);
	atomic_store(&countdown, 0);
	return atomic_load(&victim);
}
