/* SPDX-License-Identifier: MIT */
/*
 * prog_kill CHAND DIR LOOP PREFIX POINTS: kill chand at its system calls.
 *
 * A step is a thing that chand does: start, make a channel, see a process die...  It
 * is traced (ptrace) while it does it, once to count its stops at the entry and the
 * exit of each system call of each of its threads, and then once for each of POINTS
 * stops spread over them (0: all), at which it is killed.  Messages pass through a
 * channel all the time.  After each kill: they go on without chand; chand starts
 * again; it has the channels and endpoints that are there, and no others, and no file
 * is left over; and the step can be done again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/parse.h"
#include "shmchan.h"
#include "support/clock.h"
#include "support/process.h"

#define PATIENCE INT64_C(30000000000)
#define QUIET INT64_C(3000000) /* no system call for so long: the step is over */

static const char *chand_path, *dir, *loop_name, *prefix;
static pid_t chand;
static atomic_bool killed; /* or ended */
static const char *now_step = "prepare";
static unsigned now_point, failures;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAILED: %s, point %u: ", now_step, now_point);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	failures++;
}

static _Noreturn void give_up(const char *what)
{
	printf("%s, point %u: %s: %s\n", now_step, now_point, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static char *path_of(const char *sub, const char *name, const char *end)
{
	static _Thread_local char path[512];

	snprintf(path, sizeof(path), "%s/%s%s%s", dir, sub, name, end);
	return path;
}

static const char *name_of(const char *what)
{
	static _Thread_local char name[4][128];
	static _Thread_local unsigned next;
	char *ret = name[next++ % 4];

	snprintf(ret, sizeof(name[0]), "%s-%s", prefix, what);
	return ret;
}

/* ---- requests ---- */

static int dial(void)
{
	const struct timeval limit = {.tv_sec = 20};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/run/control", dir);
	if (fd < 0)
		give_up("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Ask; the answer's packets, to END, one after the other.  False if there was none, or
 * it is an error. */
static bool ask(char *ret, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool ask(char *ret, size_t size, const char *fmt, ...)
{
	char text[1024];
	int fd = dial(), n = snprintf(text, sizeof(text), "chand/1 ");
	size_t got = 0;
	bool more;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	*ret = 0;
	if (fd < 0)
		return false;
	send(fd, text, strlen(text), MSG_NOSIGNAL);
	more = !strncmp(fmt, "LIST", 4) || !strncmp(fmt, "INFO", 4);
	do {
		ssize_t r = got + 1 < size ? recv(fd, ret + got, size - got - 1, 0) : 0;

		if (r <= 0) {
			close(fd);
			return false;
		}
		got += (size_t)r;
		ret[got] = 0;
	} while (more && strncmp(ret, "chand/1 ERROR", 13) != 0 && !strstr(ret, "chand/1 END\n"));
	close(fd);
	return strncmp(ret, "chand/1 ERROR", 13) != 0;
}

static char answer[65536]; /* of the one that asks at a time */

static bool serves(void)
{
	return ask(answer, sizeof(answer), "STATUS\n") && strstr(answer, "\nmaking=0\n");
}

static bool has(const char *name, const char *line)
{
	return ask(answer, sizeof(answer), "INFO\nname=%s\n", name) && strstr(answer, line);
}

/* Until it holds; not, if chand is killed meanwhile. */
#define until(condition)                                                                           \
	for (int64_t since_ = cli_now(); !atomic_load(&killed) && !(condition); nap(MS))           \
		if (cli_now() - since_ > PATIENCE) {                                               \
			fail("never: %s", #condition);                                             \
			break;                                                                     \
		}

/* ---- messages all the time ---- */

static atomic_bool enough;
static _Atomic uint64_t received;

static void *send_all(void *arg)
{
	chan_t *ch;
	int err = chan_open(&ch, arg, CHAN_SEND, NULL);

	for (uint64_t i = 0; err == 0 && !atomic_load(&enough); i++) {
		err = chan_send(ch, &i, sizeof(i), CHAN_WAIT);
		nap(MS / 10);
	}
	if (err < 0)
		fail("sender: %s", chan_strerror(err));
	chan_detach(ch);
	return NULL;
}

static void *receive_all(void *arg)
{
	uint64_t n = 0, is;
	chan_t *ch;
	int err = chan_open(&ch, arg, CHAN_RECV, NULL);

	for (; err == 0; n++) {
		ssize_t len = chan_recv(ch, &is, sizeof(is), PATIENCE);

		if (len == -EPIPE)
			break;
		if (len != sizeof(is) || is != n) {
			fail("message %llu: %zd, %llu", (unsigned long long)n, len,
				(unsigned long long)is);
			n = is;
		}
		atomic_store(&received, n + 1);
	}
	chan_detach(ch);
	return NULL;
}

static void messages_pass(void)
{
	uint64_t before = atomic_load(&received);

	atomic_store(&killed, false);
	until(atomic_load(&received) > before + 1);
}

/* ---- chand, traced or not ---- */

/* If traced, it waits until it is. */
static void launch(bool traced)
{
	char config[512], run[512], loop[64];
	int go[2];
	char x;

	snprintf(config, sizeof(config), "--config-dir=%s/etc", dir);
	snprintf(run, sizeof(run), "--runtime-dir=%s/run", dir);
	snprintf(loop, sizeof(loop), "--loop=%s", loop_name);
	if (pipe2(go, O_CLOEXEC) < 0)
		give_up("pipe");
	chand = fork();
	if (chand < 0)
		give_up("fork");
	if (chand == 0) {
		int log = open(path_of("log", "", ""), O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(log, 2);
		if (read(go[0], &x, 1) == 1)
			execl(chand_path, "chand", config, run, loop, (char *)NULL);
		_exit(127);
	}
	atomic_store(&killed, false);
	if (traced && ptrace(PTRACE_SEIZE, chand, 0,
			      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) < 0)
		give_up("ptrace");
	if (traced)
		ptrace(PTRACE_INTERRUPT, chand, 0, 0);
	if (write(go[1], "x", 1) != 1)
		give_up("pipe");
	close(go[0]);
	close(go[1]);
}

static void seize_all(void)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)chand);
	tasks = opendir(path);
	if (!tasks)
		give_up(path);
	while ((entry = readdir(tasks))) {
		uint64_t id;

		if (cli_parse_count(entry->d_name, &id))
			continue;
		/* A thread may have ended meanwhile. */
		if (ptrace(PTRACE_SEIZE, (pid_t)id, 0,
			    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0)
			ptrace(PTRACE_INTERRUPT, (pid_t)id, 0, 0);
	}
	closedir(tasks);
}

static void kill_chand(void)
{
	int status;
	pid_t pid;

	kill(chand, SIGKILL);
	/* Whoever traces its threads waits for them, too; a victim does no harm. */
	do
		pid = waitpid(-1, &status, __WALL);
	while (pid >= 0 && (pid != chand || WIFSTOPPED(status)));
	atomic_store(&killed, true);
}

static atomic_bool acted;

static void *act(void *arg)
{
	((void (*)(void))arg)();
	atomic_store(&acted, true);
	return NULL;
}

/* Let it run to its stop number `point`, or if that is 0 or never comes, to the end of
 * the step; kill it.  Returns how many stops there were. */
static unsigned trace(unsigned point)
{
	int64_t quiet_since = cli_now();
	unsigned stops = 0;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);

		if (pid == 0) {
			if (atomic_load(&acted) && cli_now() - quiet_since > QUIET)
				break;
			nap(MS / 50);
			continue;
		}
		if (pid < 0)
			break;
		quiet_since = cli_now();
		if (!WIFSTOPPED(status)) {
			if (pid != chand) /* a thread, or a victim */
				continue;
			atomic_store(&killed, true);
			return stops;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && ++stops == point)
			break;
		ptrace(PTRACE_SYSCALL, pid, 0,
			WSTOPSIG(status) == (SIGTRAP | 0x80) || status >> 16 ? 0
									     : WSTOPSIG(status));
	}
	kill_chand();
	return stops;
}

/* ---- steps ---- */

static void nothing(void)
{
}

static void await_service(void)
{
	until(serves());
}

static void create_x(void)
{
	ask(answer, sizeof(answer), "CREATE\nname=%s\ncapacity=64K\n", name_of("x"));
}

static void remove_x(void)
{
	ask(answer, sizeof(answer), "REMOVE\nname=%s\n", name_of("x"));
}

/* It is there, whole and as it was asked for, or not at all; and it can be made. */
static void check_x(void)
{
	if (!ask(answer, sizeof(answer), "INFO\nname=%s\n", name_of("x"))) {
		create_x();
		if (strncmp(answer, "chand/1 OK", 10) != 0)
			fail("can't be made: %s", answer);
	}
	if (!has(name_of("x"), "origin=requested\n"))
		fail("not as it was asked for: %s", answer);
	remove_x();
	if (strncmp(answer, "chand/1 OK", 10) != 0)
		fail("can't be removed: %s", answer);
}

static void open_t(void)
{
	ask(answer, sizeof(answer), "OPEN\nname=%s\nroles=send\n", name_of("t"));
}

/* Somebody comes, and goes in good order. */
static void come_and_go(void)
{
	chan_t *ch;
	int err = chan_open(&ch, name_of("d"), CHAN_RECV, NULL);

	if (err < 0) {
		fail("open: %s", chan_strerror(err));
		return;
	}
	until(has(name_of("d"), "role=receiver\n"));
	chan_detach(ch);
	until(!has(name_of("d"), "role=receiver\n"));
}

static pid_t victim;

/* Take the only message of d, say so, and hang. */
static int take_and_hang(void *say)
{
	struct chan_lease lease;
	chan_t *ch;

	if (chan_open(&ch, name_of("d"), CHAN_RECV, NULL) == 0 &&
		chan_take(ch, &lease, 1, PATIENCE) == 1 && write(*(int *)say, "x", 1) == 1)
		for (;;)
			pause();
	return 1;
}

/* A process has taken the only message of d. */
static void make_victim(void)
{
	int say[2], err;
	chan_t *ch;
	char x;

	if (pipe2(say, O_CLOEXEC) < 0)
		give_up("pipe");
	err = chan_open(&ch, name_of("d"), CHAN_SEND, NULL);
	if (err == 0)
		err = chan_send(ch, "m", 1, PATIENCE);
	if (err < 0)
		fail("send to the victim: %s", chan_strerror(err));
	chan_detach(ch);
	victim = in_child(take_and_hang, &say[1]);
	close(say[1]);
	if (read(say[0], &x, 1) != 1)
		fail("no victim");
	close(say[0]);
	until(has(name_of("d"), "role=receiver\n"));
}

static void kill_victim(void)
{
	kill(victim, SIGKILL);
	until(has(name_of("d"), "redelivered=") && !strstr(answer, "role=receiver\n"));
}

static void check_victim(void)
{
	chan_t *ch;
	char x;
	int err = chan_open(&ch, name_of("d"), CHAN_RECV, NULL);

	waitpid(victim, NULL, 0);
	if (err == 0 && chan_recv(ch, &x, 1, PATIENCE) != 1)
		fail("what the dead one had is lost");
	if (err == 0 && chan_recv(ch, &x, 1, 0) != -EAGAIN)
		fail("what the dead one had comes twice");
	chan_detach(ch);
}

static chan_t *activator;

static bool is_ready(void)
{
	return access(path_of("run/ready/", name_of("a"), ""), F_OK) == 0;
}

static void make_activator(void)
{
	int err = chan_open(&activator, name_of("a"), CHAN_SEND, NULL);

	if (err < 0)
		fail("activator: %s", chan_strerror(err));
	until(has(name_of("a"), "role=sender\n"));
}

static void activate(void)
{
	chan_send(activator, "m", 1, PATIENCE);
	until(is_ready());
}

static void check_activate(void)
{
	chan_t *ch;
	char x;
	int err;

	until(is_ready());
	err = chan_open(&ch, name_of("a"), CHAN_RECV, NULL);
	if (err == 0 && chan_recv(ch, &x, 1, PATIENCE) != 1)
		fail("the message that activates is lost");
	until(!is_ready());
	chan_detach(ch);
	chan_detach(activator);
}

static unsigned declared_mode = 0600;

static void declare(void)
{
	FILE *file = fopen(path_of("etc/channels.d/", name_of("c"), ".conf"), "w");

	if (!file)
		give_up("declaration");
	declared_mode ^= 0044;
	fprintf(file, "[channel]\ncapacity = 64K\nmode = %04o\n", declared_mode);
	fclose(file);
}

static bool as_declared(void)
{
	char line[32];

	snprintf(line, sizeof(line), "mode=%04o\n", declared_mode);
	return has(name_of("c"), line);
}

static void reload(void)
{
	kill(chand, SIGHUP);
	until(as_declared());
}

static void check_declared(void)
{
	if (!as_declared())
		fail("not as declared: %s", answer);
}

static void terminate(void)
{
	kill(chand, SIGTERM);
	until(false);
}

static const struct step {
	const char *name;
	void (*prepare)(void), (*act)(void), (*check)(void);
} steps[] = {
	{"start", nothing, await_service, check_declared},
	{"create", nothing, create_x, check_x},
	{"open", nothing, open_t, nothing},
	{"come and go", nothing, come_and_go, nothing},
	{"death", make_victim, kill_victim, check_victim},
	{"activate", make_activator, activate, check_activate},
	{"reload", declare, reload, check_declared},
	{"remove", create_x, remove_x, check_x},
	{"stop", nothing, terminate, nothing},
};

/* ---- what always holds ---- */

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

/* How many files of ours there are in a directory; each has to be a channel's. */
static unsigned files_in(const char *path, const char *before, const char *after)
{
	char begin[192];
	struct dirent *entry;
	unsigned n = 0;
	DIR *d = opendir(path);

	if (!d)
		give_up(path);
	snprintf(begin, sizeof(begin), "%s%s-", before, prefix);
	while ((entry = readdir(d))) {
		const char *name = entry->d_name;

		if (name[0] == '.' || (*before && strncmp(name, begin, strlen(begin)) != 0))
			continue;
		n++;
		if (strlen(name) != strlen(begin) + 1 + strlen(after) ||
			strcmp(name + strlen(begin) + 1, after) != 0)
			fail("left over: %s/%s", path, name);
	}
	closedir(d);
	return n;
}

static void check_all(void)
{
	char before[64], name[140];
	unsigned files, segments, listed;

	until(has(name_of("t"), "role=sender\n") && strstr(answer, "role=receiver\n"));
	if (!has(name_of("t"), "origin=requested\n"))
		fail("t is another channel now: %s", answer);
	ask(answer, sizeof(answer), "LIST\n");
	snprintf(name, sizeof(name), "name=%s-", prefix);
	listed = count_of(answer, name);
	files = count_of(answer, "origin=requested\n");
	snprintf(before, sizeof(before), "shmchan.%u.", (unsigned)geteuid());
	segments = files_in("/dev/shm", before, "");
	if (segments != listed)
		fail("%u segments, %u channels", segments, listed);
	if (files_in(path_of("run/channels", "", ""), "", ".conf") != files)
		fail("not as many files as channels that were asked for: %u", files);
	/* Of the one that is declared. */
	if (files_in(path_of("run/declared", "", ""), "", ".conf") != 1)
		fail("not one file of a declared channel");
}

static unsigned run(const struct step *step, unsigned point)
{
	bool starting = !strcmp(step->name, "start");
	pthread_t actor;
	unsigned stops;

	now_step = step->name;
	now_point = point;
	atomic_store(&acted, false);
	step->prepare();
	if (starting) {
		kill_chand();
		declare();
		launch(true);
	} else {
		seize_all();
	}
	if (pthread_create(&actor, NULL, act, (void *)(uintptr_t)step->act))
		give_up("thread");
	stops = trace(point);
	pthread_join(actor, NULL);
	messages_pass();
	launch(false);
	until(serves());
	step->check();
	check_all();
	return stops;
}

static void make_channels(void)
{
	if (!ask(answer, sizeof(answer), "CREATE\nname=%s\ncapacity=64K\n", name_of("t")) ||
		!ask(answer, sizeof(answer), "CREATE\nname=%s\ncapacity=64K\n", name_of("d")) ||
		!ask(answer, sizeof(answer), "CREATE\nname=%s\ncapacity=64K\nactivate=yes\n",
			name_of("a")))
		give_up(answer);
}

static void close_all(pthread_t *thread)
{
	chan_t *ch;

	atomic_store(&enough, true);
	pthread_join(thread[0], NULL);
	if (chan_open(&ch, name_of("t"), 0, NULL) == 0)
		chan_close(ch, CHAN_DRAIN);
	pthread_join(thread[1], NULL);
	kill_chand();
}

int main(int argc, char **argv)
{
	unsigned all = 0, points;
	char traffic[64];
	pthread_t thread[2];
	uint64_t wanted;

	if (argc != 6 || cli_parse_count(argv[5], &wanted))
		return 2;
	chand_path = argv[1];
	dir = argv[2];
	loop_name = argv[3];
	prefix = argv[4];
	declare();
	launch(false);
	until(serves());
	make_channels();
	snprintf(traffic, sizeof(traffic), "%s", name_of("t"));
	pthread_create(&thread[0], NULL, send_all, traffic);
	pthread_create(&thread[1], NULL, receive_all, traffic);
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		unsigned before = failures, stops = run(&steps[s], 0);

		points = !wanted || wanted > stops ? stops : (unsigned)wanted;
		for (unsigned i = 0; i < points && failures < 20; i++)
			run(&steps[s], 1 + (unsigned)((uint64_t)i * stops / points));
		printf("%-9s %-12s %5u stops %5u killed %3u failures\n", loop_name, steps[s].name,
			stops, points, failures - before);
		fflush(stdout);
		all += points;
	}
	close_all(thread);
	printf("%s: killed %u times, %u failures, %llu messages\n", loop_name, all, failures,
		(unsigned long long)atomic_load(&received));
	return failures != 0;
}
