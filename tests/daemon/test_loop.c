/* SPDX-License-Identifier: MIT */
/* The event loop, each test on both backends, and on io_uring as old kernels have it,
 * without multishot requests: _i is the enum loop_backend, or OLD. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/backend.h"
#include "loop/loop.h"
#include "support/suite.h"

#define OLD (LOOP_EPOLL + 1)

static struct loop *loop;

static void make(int backend)
{
	const char *why;
	int err;

	uring_unknown = backend == OLD ? 1u << 15 : 0;
	if (backend == OLD)
		backend = LOOP_URING;
	err = loop_new(&loop, (enum loop_backend)backend, &why);
	ck_assert_msg(err == 0, "%s", why ? why : strerror(-err));
}

static void turn(void)
{
	ck_assert_int_eq(loop_turn(loop), 0);
}

/* Turns, until *what is at least n; a timer of the test's own bounds it. */
static void until(const int *what, int n)
{
	while (*what < n)
		turn();
}

/* ---- sources ---- */

struct reader {
	struct source source;
	int calls, bytes;
	bool one_by_one, remove_itself;
	struct source *remove;
};

static void read_some(struct source *source)
{
	struct reader *r = (struct reader *)((char *)source - offsetof(struct reader, source));
	char buf[64];
	ssize_t n;

	r->calls++;
	while ((n = read(source->fd, buf, r->one_by_one ? 1 : sizeof(buf))) > 0) {
		r->bytes += (int)n;
		if (r->one_by_one) {
			loop_again(loop, source);
			break;
		}
	}
	if (r->remove)
		loop_remove(loop, r->remove);
	if (r->remove_itself)
		loop_remove(loop, source);
}

/* A reader on one end of a socket pair; returns the other. */
static int add_reader(struct reader *r)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	r->source = (struct source){.fd = sv[0], .events = POLLIN, .ready = read_some};
	ck_assert_int_eq(loop_add(loop, &r->source), 0);
	return sv[1];
}

static void put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(should_report_each_arrival)
{
	struct reader r = {.bytes = 0};
	int fd;

	make(_i);
	fd = add_reader(&r);
	for (int i = 1; i <= 100; i++) {
		put(fd, "ab");
		until(&r.bytes, 2 * i);
	}
	ck_assert_int_ge(r.calls, 100);
	close(fd); /* the end is reported, too */
	until(&r.calls, r.calls + 1);
	loop_remove(loop, &r.source);
	loop_free(loop);
}
END_TEST

START_TEST(should_come_again_for_what_is_left)
{
	struct reader r = {.one_by_one = true};
	int fd;

	make(_i);
	fd = add_reader(&r);
	put(fd, "0123456789");
	until(&r.bytes, 10);
	ck_assert_int_ge(r.calls, 10);
	close(fd);
	loop_free(loop);
}
END_TEST

START_TEST(should_report_data_from_before_it_was_added)
{
	struct reader r = {.bytes = 0};
	int sv[2];

	make(_i);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	put(sv[1], "abc");
	r.source = (struct source){.fd = sv[0], .events = POLLIN, .ready = read_some};
	ck_assert_int_eq(loop_add(loop, &r.source), 0);
	until(&r.bytes, 3);
	loop_free(loop);
}
END_TEST

static int timeouts;

static void timeout(struct timer *timer)
{
	(void)timer;
	timeouts++;
}

START_TEST(should_not_call_a_removed_source)
{
	struct reader a = {.remove_itself = true}, b = {.bytes = 0};
	struct timer timer = {.fired = timeout};
	int fa, fb;

	make(_i);
	fa = add_reader(&a);
	fb = add_reader(&b);
	a.remove = &b.source;
	/* Both ready in one turn: whichever is first, a is called once at most
	 * after this, and b not after a. */
	put(fa, "x");
	until(&a.calls, 1);
	put(fa, "x");
	put(fb, "x");
	loop_timer(loop, &timer, clock_monotonic() + 50000000);
	until(&timeouts, 1);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(b.calls, 0);
	loop_free(loop);
}
END_TEST

START_TEST(should_let_go_of_the_file_of_a_removed_source)
{
	struct reader r = {.bytes = 0};
	struct pollfd other;
	int fd;

	make(_i);
	fd = add_reader(&r);
	put(fd, "x");
	until(&r.bytes, 1); /* io_uring: the poll is under way */
	loop_remove(loop, &r.source);
	close(r.source.fd);
	other = (struct pollfd){.fd = fd, .events = POLLIN};
	ck_assert_int_eq(poll(&other, 1, 10000), 1);
	ck_assert(other.revents & POLLHUP);
	loop_free(loop);
}
END_TEST

START_TEST(should_serve_many_sources)
{
	enum { N = 1000 };
	static struct reader r[N];
	static int fd[N];
	struct rlimit files;
	int all;

	/* Two for each; the soft limit is mostly 1024. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	make(_i);
	memset(r, 0, sizeof(r));
	for (int i = 0; i < N; i++)
		fd[i] = add_reader(&r[i]);
	for (int i = 0; i < N; i++)
		put(fd[i], "x");
	do {
		turn();
		all = 0;
		for (int i = 0; i < N; i++)
			all += r[i].bytes;
	} while (all < N);
	ck_assert_int_eq(all, N);
	loop_free(loop);
}
END_TEST

/* ---- timers ---- */

static int64_t last_at;
static int fired;

static void in_order(struct timer *timer)
{
	ck_assert_int_ge(timer->at, last_at);
	ck_assert_int_ge(clock_monotonic(), timer->at);
	last_at = timer->at;
	fired++;
}

START_TEST(should_fire_timers_in_order)
{
	enum { N = 300 };
	static struct timer timer[N];
	int64_t now = clock_monotonic();
	unsigned seed = 1;

	make(_i);
	for (int i = 0; i < N; i++) {
		timer[i] = (struct timer){.fired = in_order};
		seed = seed * 1103515245 + 12345;
		loop_timer(loop, &timer[i], now + seed / 65536 % 50 * 1000000);
	}
	for (int i = 0; i < N; i += 3)
		loop_cancel(loop, &timer[i]);
	for (int i = 1; i < N; i += 3)
		loop_timer(loop, &timer[i], now + (i % 70) * 1000000);
	until(&fired, N - N / 3);
	ck_assert_int_eq(fired, N - N / 3);
	for (int i = 0; i < N; i++)
		ck_assert_uint_eq(timer[i].place, 0);
	loop_free(loop);
}
END_TEST

/* ---- connections ---- */

static int connections, connection[64];

static void accepted(struct source *source, int fd)
{
	(void)source;
	connection[connections++] = fd;
}

static int listening(struct sockaddr_un *at)
{
	socklen_t len = sizeof(at->sun_family); /* autobind */
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	return fd;
}

static void connect_to(int fd)
{
	struct sockaddr_un at;
	socklen_t len = sizeof(at);
	int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	ck_assert_int_ge(client, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&at, len), 0);
}

START_TEST(should_accept_connections)
{
	struct source source = {.events = POLLIN, .accepted = accepted};
	struct sockaddr_un at;

	make(_i);
	source.fd = listening(&at);
	ck_assert_int_eq(loop_add(loop, &source), 0);
	for (int i = 1; i <= 40; i++) {
		connect_to(source.fd);
		if (i % 7 == 0)
			until(&connections, i);
	}
	until(&connections, 40);
	for (int i = 0; i < 40; i++) {
		int flags = fcntl(connection[i], F_GETFL);

		ck_assert(flags & O_NONBLOCK);
		ck_assert(fcntl(connection[i], F_GETFD) & FD_CLOEXEC);
	}
	loop_free(loop);
}
END_TEST

START_TEST(should_wait_without_descriptors_and_go_on)
{
	struct source source = {.events = POLLIN, .accepted = accepted};
	struct timer timer = {.fired = timeout};
	struct rlimit files = {.rlim_cur = 256, .rlim_max = 256};
	static int spare[256];
	struct sockaddr_un at;
	int n = 0;

	make(_i);
	source.fd = listening(&at);
	ck_assert_int_eq(loop_add(loop, &source), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	connect_to(source.fd);
	while (n < 256 && (spare[n] = dup(source.fd)) >= 0)
		n++;
	loop_timer(loop, &timer, clock_monotonic() + 250000000);
	until(&timeouts, 1);
	ck_assert_int_eq(connections, 0);
	while (n)
		close(spare[--n]);
	until(&connections, 1);
	loop_free(loop);
}
END_TEST

/* ---- refused ---- */

/* From here on io_uring_setup(2) fails, as in a container. */
static void forbid_uring(int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(should_take_epoll_when_refused_and_say_why)
{
	const char *why;

	forbid_uring(_i ? ENOSYS : EPERM);
	ck_assert_int_eq(loop_new(&loop, LOOP_AUTO, &why), 0);
	ck_assert_str_eq(loop_name(loop), "epoll");
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_nonnull(strstr(why, _i ? "not in this kernel" : "not allowed"));
	loop_free(loop);
	ck_assert_int_lt(loop_new(&loop, LOOP_URING, &why), 0);
}
END_TEST

void add_tests(void)
{
	bool uring = place_has(NEED_IO_URING);

	/* Of the loops, those that are here. */
	for (int i = LOOP_URING; i <= OLD; i++)
		if (i == LOOP_EPOLL || uring)
			GROUP_FOR(i, i + 1,
				i == OLD	  ? "old io_uring"
				: i == LOOP_EPOLL ? "epoll"
						  : "io_uring",
				NULL, NULL, should_report_each_arrival,
				should_come_again_for_what_is_left,
				should_report_data_from_before_it_was_added,
				should_not_call_a_removed_source,
				should_let_go_of_the_file_of_a_removed_source,
				should_serve_many_sources, should_fire_timers_in_order,
				should_accept_connections,
				should_wait_without_descriptors_and_go_on);
	GROUP_FOR(0, 2, "refused", NULL, NULL, should_take_epoll_when_refused_and_say_why);
}
