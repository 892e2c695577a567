/* SPDX-License-Identifier: MIT */
/*
 * Usage: stepkill --quick|--full [NAME[/FLOW]...]
 *
 * Every scenario (or those whose names begin with a NAME, in that flow), a job for each kill
 * point, several at once, and the judgement of all together: a channel that was
 * changed in `states` steps goes through at most so many states from the first
 * kill point to the last, one after the other, and never back.
 *
 * --quick kills at each change that others can see where the victim is alone, at some of the
 * instructions of the short operations, and with others at some of the changes; --full at
 * every instruction of the short ones in every flow, and else at each change.
 *
 * Status: 0, 1 something is wrong with what is tested, 2 with the test, 77 not on
 * this machine.
 */
#include "stepkill.h"
#include "support/collect.h"
#include "support/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "stepkill." /* of a channel's name; the runner's process number follows */
#define JOBS 48		   /* most of them sleep */
#define COUNT UINT_MAX
#define SEEN 64		    /* states of a run, more than any has */
#define ENOUGH 5	    /* failures of a run: it ends */
#define HANGS (10 * SECOND) /* without progress, all asleep */

/* One scenario in one flow. */
struct run {
	const struct scenario *s;
	enum flow flow;
	bool every;
	unsigned points; /* kill points that there are */
	unsigned next;	 /* to be started */
	unsigned running;
	struct course course;
	struct outcome {
		unsigned changes;  /* passed */
		const char *state; /* of the channel then */
	} * outcome;		   /* of each point */
	char (*seen)[SNAPSHOT];
	unsigned n_seen;
	unsigned deaths, survivors, failures, states;
	int64_t worst;
};

static const char *const flow_names[FLOWS] = {"alone", "asleep", "late", "early", "chained"};

bool full;
static bool control; /* a negative control runs this */
static struct run *runs;
static unsigned n_runs;

static noreturn void broken(const char *what)
{
	fprintf(stderr, "stepkill: %s: %s\n", what, strerror(errno));
	exit(2);
}

/*
 * For all that is kept.  Not malloc(): each fork would copy its page tables, which
 * was a third of all the time, and a victim's malloc(), from its copy of the heap,
 * would take another course as that grew.
 */
static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		broken("mmap");
	return p;
}

/* ---- the jobs under way ---- */

static struct job {
	pid_t pid;
	struct run *run;
	unsigned point;
	unsigned progress;
	struct watch watch; /* since it made that much */
	bool overdue;
	bool stepped; /* by no course */
} jobs[JOBS];
static struct result *results; /* [JOBS] */
static struct board *boards;   /* [JOBS] */
static pid_t own;

static void set_channel(unsigned i)
{
	snprintf(channel, sizeof(channel), PREFIX "%d.%u", (int)own, i);
}

static void start(unsigned i, struct run *r, unsigned point, bool stepped)
{
	struct job *j = &jobs[i];

	memset(&results[i], 0, sizeof(results[i]));
	fflush(stdout);
	*j = (struct job){.run = r, .point = point, .stepped = stepped};
	j->pid = fork();
	if (j->pid < 0)
		broken("fork");
	if (j->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		result = &results[i];
		board = &boards[i];
		set_channel(i);
		job_run(r->s, point == COUNT && r->flow == CHAINED ? ALONE : r->flow, r->every,
			point, !stepped && r->course.points ? &r->course : NULL);
	}
	r->running++;
}

static void complain(struct run *r, unsigned point, const char *why)
{
	if (r->failures++ < ENOUGH)
		printf("FAIL %s, %s, kill point %d of %u: %s\n", r->s->name, flow_names[r->flow],
			(int)point, r->points, why);
}

/* A copy of a state's text, one for all alike. */
static const char *kept(struct run *r, const char *state)
{
	for (unsigned i = 0; i < r->n_seen; i++)
		if (!strcmp(r->seen[i], state))
			return r->seen[i];
	if (r->n_seen == SEEN)
		return NULL; /* judge() complains of far fewer */
	return strcpy(r->seen[r->n_seen++], state);
}

static void ended(unsigned i)
{
	struct job *j = &jobs[i];
	struct result *got = &results[i];
	struct run *r = j->run;
	char why[512];

	if (j->overdue) {
		snprintf(why, sizeof(why), "hangs: %s", got->doing ? got->doing : "?");
		complain(r, j->point, why);
	} else if (got->failed) {
		snprintf(why, sizeof(why), "%s (%s)", got->why, got->doing ? got->doing : "?");
		complain(r, j->point, why);
	} else if (j->point == COUNT) {
		r->points = got->points;
		r->course = got->course;
		r->outcome = shared((r->points + 1) * sizeof(*r->outcome));
		r->seen = shared(SEEN * sizeof(*r->seen));
	} else if (j->point <= r->points) {
		r->outcome[j->point] = (struct outcome){got->changes, kept(r, got->snapshot)};
	}
	r->deaths += got->deaths;
	r->survivors += got->survivors;
	if (got->worst > r->worst)
		r->worst = got->worst;
	j->pid = 0;
}

static bool reap(unsigned i)
{
	struct result *got = &results[i];
	int status;

	if (waitpid(jobs[i].pid, &status, WNOHANG) != jobs[i].pid)
		return false;
	if (status && !got->failed && (!got->astray || jobs[i].stepped)) {
		snprintf(got->why, sizeof(got->why), "ended with status %#x", (unsigned)status);
		got->failed = true;
	}
	token_return(got->token);
	jobs[i].run->running--;
	set_channel(i);
	chan_unlink(channel); /* if it failed; that wakes nobody, so that nothing hangs here */
	if (got->astray && !jobs[i].stepped) {
		start(i, jobs[i].run, jobs[i].point, true);
		return false;
	}
	ended(i);
	return true;
}

/* Returns true if any process of a job runs; asked only when the job seems to stand still. */
static bool runnable(unsigned i)
{
	pid_t victim = atomic_load(&results[i].victim);

	if (jobs[i].watch.spent < SECOND)
		return false;
	for (unsigned c = 0; c < 4; c++)
		if (boards[i].contender[c].role && trace_runnable(boards[i].contender[c].pid))
			return true;
	return trace_runnable(jobs[i].pid) || (victim && trace_runnable(victim));
}

static void kill_if_it_hangs(unsigned i)
{
	struct job *j = &jobs[i];
	unsigned progress = results[i].progress;

	if (progress != j->progress || !results[i].doing) {
		j->progress = progress;
		j->watch = (struct watch){0, 0};
	} else if (overdue(&j->watch, HANGS, runnable(i))) {
		/* By another way it may be asleep, where nobody wakes it. */
		if (results[i].skipping && !j->stepped)
			results[i].astray = true;
		else
			j->overdue = true;
		kill(j->pid, SIGKILL);
	}
}

static volatile sig_atomic_t told_to_stop;

static void stop(int sig)
{
	told_to_stop = sig;
}

/* Leave nothing behind when the time is over. */
static noreturn void give_up(void)
{
	for (unsigned i = 0; i < JOBS; i++) {
		if (!jobs[i].pid)
			continue;
		kill(jobs[i].pid, SIGKILL);
		waitpid(jobs[i].pid, NULL, 0);
		set_channel(i);
		chan_unlink(channel);
	}
	fprintf(stderr, "stepkill: stopped by signal %d\n", (int)told_to_stop);
	exit(2);
}

/* The number under way. */
static unsigned look_after(void)
{
	unsigned n = 0;

	if (told_to_stop)
		give_up();

	for (unsigned i = 0; i < JOBS; i++)
		if (jobs[i].pid && !reap(i)) {
			kill_if_it_hangs(i);
			n++;
		}
	return n;
}

static void start_when_free(struct run *r, unsigned point)
{
	for (;; nap(MS / 5)) {
		if (look_after() == JOBS)
			continue;
		for (unsigned i = 0; i < JOBS; i++)
			if (!jobs[i].pid) {
				start(i, r, point, false);
				return;
			}
	}
}

static void finish(void)
{
	while (look_after())
		nap(MS / 5);
}

/*
 * The quick form leaves out kill points: of the instructions all but about sixty; of the
 * changes none where the victim is alone, every other one where others are there, and two of
 * three before a chain of recoveries.  A negative control has them all.
 */
static unsigned stride(const struct run *r)
{
	if (full || control)
		return 1;
	if (r->every)
		return r->points / 60 + 1;
	return r->flow == ALONE ? 1 : r->flow == CHAINED ? 3 : 2;
}

/* ---- judgement ---- */

/* By the changes that were passed: the number of instructions differs from run to
 * run where the clock is read. */
static int by_changes(const void *a, const void *b)
{
	const struct outcome *x = a, *y = b;

	return x->changes < y->changes ? -1 : x->changes > y->changes;
}

static void list_states(const struct run *r, const char *const *seen, const char *state)
{
	for (unsigned j = 0; j < r->states; j++)
		printf("     %s\n", seen[j]);
	printf("  -> %s\n", state);
}

/* From one state to the next, never back. */
static void judge(struct run *r)
{
	const char *seen[SEEN];

	if ((r->flow != ALONE && r->flow != CHAINED) || !r->outcome)
		return;
	qsort(r->outcome, r->points + 1, sizeof(*r->outcome), by_changes);
	for (unsigned i = 0; i <= r->points; i++) {
		const char *state = r->outcome[i].state;

		if (!state || (r->states && !strcmp(state, seen[r->states - 1])))
			continue;
		for (unsigned j = 0; j < r->states; j++)
			if (!strcmp(state, seen[j])) {
				complain(r, i, "back to a state of before:");
				list_states(r, seen, state);
				return;
			}
		if (r->states == r->s->states) {
			complain(r, i, "a state that is neither before nor after:");
			list_states(r, seen, state);
			return;
		}
		seen[r->states++] = state;
	}
	/* A state that lasts for one change only may be left out with its kill point. */
	if (r->states != r->s->states && stride(r) == 1 && !r->failures)
		complain(r, r->points, "the operation changed less than it should");
}

/* ---- the table ---- */

static unsigned print_table(void)
{
	unsigned failures = 0, deaths = 0, survivors = 0;
	int64_t worst = 0;

	printf("\n%-30s %-8s %-12s %7s %8s %9s %7s  %s\n", "operation", "others", "kill points",
		"number", "deaths", "survivors", "states", "worst recovery");
	for (unsigned i = 0; i < n_runs; i++) {
		const struct run *r = &runs[i];
		char states[16] = "-";

		if (r->states)
			snprintf(states, sizeof(states), "%u", r->states);
		printf("%-30s %-8s %-12s %7u %8u %9u %7s  %7.1f ms%s\n", r->s->name,
			flow_names[r->flow], r->every ? "instructions" : "changes", r->points,
			r->deaths, r->survivors, states, (double)r->worst / (double)MS,
			r->failures ? "  FAILED" : "");
		failures += r->failures;
		deaths += r->deaths;
		survivors += r->survivors;
		if (r->worst > worst)
			worst = r->worst;
	}
	printf("%u runs, %u deaths, %u survivors checked, worst recovery %.1f ms, %u failures\n",
		n_runs, deaths, survivors, (double)worst / (double)MS, failures);
	return failures;
}

/* ---- what to run ---- */

static bool wanted(const struct scenario *s, enum flow flow, char **names, int n)
{
	for (int i = 0; i < n; i++) {
		size_t length = strcspn(names[i], "/");

		if (!strncmp(s->name, names[i], length) &&
			(!names[i][length] || !strcmp(flow_names[flow], names[i] + length + 1)))
			return true;
	}
	return n == 0;
}

/* Returns true if the scenario is one for this flow. */
static bool applies(const struct scenario *s, enum flow flow)
{
	return s->flows & IN(flow) &&
	       (flow != ASLEEP || s->rouse || s->opt.kind == CHAN_KIND_BROADCAST ||
		       (!s->with && (s->fill == 0 || full_before(s))));
}

static void add(const struct scenario *s, enum flow flow, bool every)
{
	runs[n_runs++] = (struct run){.s = s, .flow = flow, .every = every};
}

static void choose(char **names, int n)
{
	runs = shared((size_t)n_scenarios * FLOWS * 2 * sizeof(*runs));
	for (enum flow flow = 0; flow < FLOWS; flow++)
		for (unsigned i = 0; i < n_scenarios; i++) {
			const struct scenario *s = &scenarios[i];
			bool every = s->every && (flow == ALONE || (full && flow != CHAINED));

			if (!applies(s, flow) || !wanted(s, flow, names, n))
				continue;
			/* Every change even where instructions are left out. */
			if (!every || !full)
				add(s, flow, false);
			if (every)
				add(s, flow, true);
		}
	if (n_runs == 0) {
		fprintf(stderr, "stepkill: no such scenario\n");
		exit(2);
	}
}

static void kill_at_each_point(struct run *r)
{
	if (!r->outcome) /* it could not even be run to the end */
		return;
	/* Other flows begin elsewhere, so that they leave out other ones. */
	for (unsigned i = r->flow % stride(r); i <= r->points && r->failures < ENOUGH;
		i += stride(r))
		start_when_free(r, i);
}

static void run_all(void)
{
	for (unsigned i = 0; i < n_runs; i++)
		start_when_free(&runs[i], COUNT);
	finish();
	for (unsigned i = 0; i < n_runs; i++)
		kill_at_each_point(&runs[i]);
	finish();
	for (unsigned i = 0; i < n_runs; i++)
		judge(&runs[i]);
}

static void make_tokens(void)
{
	cpu_set_t cpus;

	if (pipe2(tokens, O_CLOEXEC) < 0 || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		broken("tokens");
	for (int i = 0; i < 255; i++)
		if (CPU_ISSET(i, &cpus))
			token_return(i + 1);
}

/* Variants of the build that would fail for known reasons, or take hours. */
static void leave_if_pointless(void)
{
	const char *why = NULL;

#if !defined(__x86_64__) || !defined(__GLIBC__)
	why = "needs x86-64 and glibc";
#endif
	if (ADDRESS_SANITIZER || THREAD_SANITIZER)
		why = "not through a sanitizer's code";
	if (CONDVAR_KIND == LAYOUT_CONDVAR_PTHREAD)
		why = "pthread_cond_t does not survive this: see controls.sh";
	if (!why)
		why = place_lacks(NEED_PTRACE);
	if (!why)
		return;
	printf("%s\n", why);
	exit(77);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || (strcmp(argv[1], "--quick") && strcmp(argv[1], "--full"))) {
		fprintf(stderr, "usage: stepkill --quick|--full [NAME[/FLOW]...]\n");
		return 2;
	}
	control = getenv("STEPKILL_CONTROL");
	if (!control)
		leave_if_pointless();
	full = !strcmp(argv[1], "--full");
	own = getpid();
	collect_channels(PREFIX);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	choose(argv + 2, argc - 2);
	make_tokens();
	results = shared(JOBS * sizeof(*results));
	boards = shared(JOBS * sizeof(*boards));
	run_all();
	collect_channels("inbox."); /* of victims */
	return print_table() ? 1 : 0;
}
