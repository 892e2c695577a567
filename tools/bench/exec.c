/* SPDX-License-Identifier: MIT */
/* See exec.h. */
#include "bench/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/signals.h"

#define MS INT64_C(1000000)
#define ASLEEP_FOR (500 * MS) /* how long one that sleeps is looked at */
#define PER_JOB (200 * MS)    /* a child takes no longer, or the run hangs */
#define NOT_FOUND 127	      /* exit status of a child that found no program */

const struct bench_peer bench_worker = {.name = "worker"};
const struct bench_peer bench_asleep = {.name = "worker-asleep"};
const struct bench_peer bench_xargs = {.name = "xargs"};
const struct bench_peer bench_parallel = {.name = "parallel"};

/* A program that runs jobs. */
struct runner {
	const struct bench_job *job;
	char *why;
	char program[4096], jobs[16], channel[64];
	pid_t pid;
	int pidfd;
	int in; /* its stdin, or -1: /dev/null */
};

static int runner_failed(struct runner *r, int err, const char *what)
{
	snprintf(r->why, BENCH_WHY, "%s: %s: %s", r->job->peer->name, what, chan_strerror(err));
	return err;
}

/* ---- what there is to do ---- */

/* Make a channel that has all messages in it. */
static int fill_channel(struct runner *r)
{
	const struct bench_job *job = r->job;
	struct chan_options opt = {
		.size = sizeof(opt),
		.capacity = job->messages * (job->spec.size + 64) + 4096,
		.max_message = (uint32_t)job->spec.size,
	};
	char *message = calloc(1, job->spec.size);
	chan_t *ch;
	int err;

	if (!message)
		return runner_failed(r, -ENOMEM, "messages");
	snprintf(r->channel, sizeof(r->channel), "chanbench.%ld.exec", (long)getpid());
	err = chan_open(&ch, r->channel, CHAN_SEND | CHAN_CREATE, &opt);
	if (!err) {
		for (uint64_t i = 0; i < job->messages && !err; i++)
			err = chan_send(ch, message, job->spec.size, 0);
		chan_detach(ch);
	}
	free(message);
	return err ? runner_failed(r, err, r->channel) : 0;
}

/* Check that all are done. */
static int check_channel(struct runner *r)
{
	struct chan_stat st = {.size = sizeof(st)};
	chan_t *ch;
	int err = chan_open(&ch, r->channel, 0, NULL);

	if (err)
		return runner_failed(r, err, r->channel);
	err = chan_stat(ch, &st);
	chan_detach(ch);
	if (err)
		return runner_failed(r, err, r->channel);
	if (st.received == r->job->messages && !st.depth && !st.redelivered)
		return 0;
	snprintf(r->why, BENCH_WHY,
		"%s: of %" PRIu64 " messages %" PRIu64 " are done, %" PRIu64 " were redelivered",
		r->job->peer->name, r->job->messages, st.received, st.redelivered);
	return -EBADMSG;
}

/* Make a file with a line for each job. */
static int fill_file(struct runner *r)
{
	const struct bench_job *job = r->job;
	int fd = memfd_create("chanbench lines", MFD_CLOEXEC), copy;
	FILE *f;

	r->in = fd;
	if (fd < 0)
		return runner_failed(r, -errno, "lines");
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	f = copy < 0 ? NULL : fdopen(copy, "w");
	if (!f)
		return runner_failed(r, -errno, "lines");
	for (uint64_t i = 1; i <= job->messages; i++)
		fprintf(f, "%0*" PRIu64 "\n", (int)job->spec.size - 1, i);
	if (fclose(f) || lseek(fd, 0, SEEK_SET) < 0)
		return runner_failed(r, -errno, "lines");
	return 0;
}

/* ---- the program ---- */

/* Find chanrecv: beside this program, or as PATH says. */
static void find_chanrecv(struct runner *r)
{
	char self[sizeof(r->program) - sizeof("/chanrecv")];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	snprintf(r->program, sizeof(r->program), "%s/chanrecv", self);
	if (!slash || access(r->program, X_OK))
		snprintf(r->program, sizeof(r->program), "chanrecv");
}

static _Noreturn void become_runner(const struct runner *r, const char *const *argv, pid_t parent)
{
	const struct bench_cpus *cpus = r->job->cpus;
	int null = open("/dev/null", O_RDWR);
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	CPU_ZERO(&set);
	for (unsigned i = 0; i < cpus->n; i++)
		CPU_SET(cpus->cpu[i], &set);
	sched_setaffinity(0, sizeof(set), &set);
	dup2(r->in >= 0 ? r->in : null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	execvp(*argv, (char *const *)(uintptr_t)argv); /* it changes none of them */
	_exit(NOT_FOUND);
}

static int start_runner(struct runner *r, const char *const *argv)
{
	pid_t parent = getpid();

	r->pid = fork();
	if (!r->pid)
		become_runner(r, argv, parent);
	if (r->pid < 0)
		return runner_failed(r, -errno, "fork");
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	return r->pidfd < 0 ? runner_failed(r, -errno, "pidfd_open") : 0;
}

/* Wait until it ends: 0, -EINTR after a signal, or -ETIMEDOUT. */
static int wait_for_end(struct runner *r, int64_t duration)
{
	struct pollfd p = {.fd = r->pidfd, .events = POLLIN};
	int64_t left, end = clock_monotonic() + duration;

	while ((left = end - clock_monotonic()) > 0) {
		if (cli_signalled())
			return -EINTR;
		if (poll(&p, 1, left < 100 * MS ? (int)(left / MS) + 1 : 100) > 0)
			return 0;
	}
	return -ETIMEDOUT;
}

/* Reap it, and kill it first if it has not ended. */
static int reap_runner(struct runner *r, struct rusage *used)
{
	int status = 0;

	if (r->pid <= 0)
		return 0;
	kill(r->pid, SIGKILL);
	while (wait4(r->pid, &status, 0, used) < 0 && errno == EINTR)
		;
	r->pid = 0;
	return status;
}

/* ---- jobs ---- */

static int64_t in_ns(struct timeval t)
{
	return t.tv_sec * INT64_C(1000000000) + t.tv_usec * INT64_C(1000);
}

static int run_all(struct runner *r, const char *const *argv, struct bench_result *ret)
{
	const struct bench_job *job = r->job;
	int64_t begin = clock_monotonic(), patience;
	struct rusage used = {0};
	int err, status;

	if (__builtin_mul_overflow(job->messages, PER_JOB, &patience) ||
		__builtin_add_overflow(patience, job->stall, &patience))
		patience = INT64_MAX / 2;
	err = start_runner(r, argv);
	if (!err)
		err = wait_for_end(r, patience);
	ret->elapsed = clock_monotonic() - begin;
	status = reap_runner(r, &used);
	if (err == -ETIMEDOUT)
		snprintf(r->why, BENCH_WHY, "%s: it does not end", job->peer->name);
	if (err)
		return err;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
		snprintf(r->why, BENCH_WHY, "%s: the program is not there", job->peer->name);
		return -ENOENT;
	}
	if (status) {
		snprintf(r->why, BENCH_WHY, "%s: it ended with status %d", job->peer->name,
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		return -ECHILD;
	}
	ret->messages = job->messages;
	ret->cpu = in_ns(used.ru_utime) + in_ns(used.ru_stime);
	ret->voluntary = (uint64_t)used.ru_nvcsw;
	ret->involuntary = (uint64_t)used.ru_nivcsw;
	return 0;
}

static int run_worker(struct runner *r, struct bench_result *ret)
{
	const char *const argv[] = {
		r->program, "-q", "-e", "-j", r->jobs, r->channel, "--", "/bin/true", NULL};
	int err = fill_channel(r);

	if (!err)
		err = run_all(r, argv, ret);
	return err ? err : check_channel(r);
}

static int run_other(struct runner *r, struct bench_result *ret)
{
	const char *const xargs[] = {"xargs", "-n", "1", "-P", r->jobs, "/bin/true", NULL};
	const char *const parallel[] = {
		"parallel", "--will-cite", "-j", r->jobs, "/bin/true", NULL};
	int err = fill_file(r);

	return err ? err : run_all(r, r->job->peer == &bench_xargs ? xargs : parallel, ret);
}

/* ---- children that sleep ---- */

/* Returns how many children it has, or a negative errno. */
static int64_t count_children(pid_t pid)
{
	char path[64];
	int64_t n = 0;
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while ((c = getc(f)) != EOF)
		n += c == ' ';
	fclose(f);
	return n;
}

/* Returns the CPU time that it has used, in ns. */
static int64_t cpu_time(pid_t pid)
{
	char path[64];
	int64_t ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%" SCNd64, &ns) != 1)
		ns = -1;
	if (f)
		fclose(f);
	return ns;
}

/* Wait until all children are there, and it sleeps. */
static int wait_for_children(struct runner *r)
{
	int64_t end = clock_monotonic() + r->job->stall + (int64_t)r->job->messages * PER_JOB;
	int64_t before = -1, now;
	int err;

	do {
		err = wait_for_end(r, 20 * MS);
		if (err == -EINTR)
			return err;
		now = cpu_time(r->pid);
		if (!err || now < 0 || clock_monotonic() > end) {
			snprintf(r->why, BENCH_WHY, "%s: it has not got %" PRIu64 " children",
				r->job->peer->name, r->job->messages);
			return -ECHILD;
		}
		if (count_children(r->pid) == (int64_t)r->job->messages && now == before)
			return 0;
		before = now;
	} while (true);
}

static int run_asleep(struct runner *r, struct bench_result *ret)
{
	const char *const argv[] = {
		r->program, "-q", "-j", r->jobs, r->channel, "--", "sleep", "3600", NULL};
	int64_t begin, cpu;
	int err = fill_channel(r);

	snprintf(r->jobs, sizeof(r->jobs), "%" PRIu64, r->job->messages);
	if (!err)
		err = start_runner(r, argv);
	if (!err)
		err = wait_for_children(r);
	if (err)
		return err;
	begin = clock_monotonic();
	cpu = cpu_time(r->pid);
	err = wait_for_end(r, ASLEEP_FOR);
	ret->elapsed = clock_monotonic() - begin;
	ret->cpu = cpu_time(r->pid) - cpu;
	if (err == -ETIMEDOUT)
		return 0;
	snprintf(r->why, BENCH_WHY, "%s: it ended", r->job->peer->name);
	return err ? err : -ECHILD;
}

int bench_exec_run(const struct bench_job *job, struct bench_result *ret, char why[BENCH_WHY])
{
	struct runner r = {.job = job, .why = why, .pidfd = -1, .in = -1};
	struct rusage unused;
	int err;

	why[0] = '\0';
	*ret = (struct bench_result){0};
	snprintf(r.jobs, sizeof(r.jobs), "%u", job->receivers);
	find_chanrecv(&r);
	err = job->peer == &bench_worker   ? run_worker(&r, ret)
	      : job->peer == &bench_asleep ? run_asleep(&r, ret)
					   : run_other(&r, ret);
	reap_runner(&r, &unused); /* its children die with it */
	if (*r.channel)
		chan_remove(r.channel);
	if (r.pidfd >= 0)
		close(r.pidfd);
	if (r.in >= 0)
		close(r.in);
	return err;
}
