/* SPDX-License-Identifier: MIT */
/* Every public call, every documented error, in one process. */
#include "core/layout.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define SMALL OPTIONS(.capacity = 4096, .max_message = 1000)

static void send_soon(chan_t *ch, const char *text)
{
	ck_assert_int_eq(chan_send(ch, text, strlen(text), SOON), 0);
}

static void recv_text(chan_t *ch, const char *text)
{
	char buf[1024];
	ssize_t n = chan_recv(ch, buf, sizeof(buf), SOON);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_mem_eq(buf, text, strlen(text));
}

static int fill_up(chan_t *ch)
{
	static char big[1000];
	int n = 0, err;

	while ((err = chan_send(ch, big, sizeof(big), 0)) == 0)
		n++;
	ck_assert_int_eq(err, -EAGAIN);
	return n;
}

/* ---- names and creation ---- */

START_TEST(should_refuse_bad_names)
{
	static const char *bad[] = {"", ".", ".a", "a/b/c", "/a", "a/", "a b", "a\n", "ä", "a*",
		"root/../x", "99999999999/x", "4294967295/x"};
	char longest[CHAN_NAME_MAX + 2];
	chan_t *ch;
	int n;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_int_eq(chan_create(bad[i], NULL), -EINVAL);
		ck_assert_int_eq(chan_open(&ch, bad[i], CHAN_RECV, NULL), -EINVAL);
		ck_assert_int_eq(chan_remove(bad[i]), -EINVAL);
		ck_assert_int_eq(chan_collect(bad[i]), -EINVAL);
	}
	ck_assert_int_eq(chan_create(NULL, NULL), -EINVAL);
	ck_assert_int_eq(chan_open(&ch, NULL, CHAN_RECV, NULL), -EINVAL);
	n = snprintf(longest, sizeof(longest), "%s.", name); /* nobody else's */
	memset(longest + n, 'x', sizeof(longest) - 1 - (size_t)n);
	longest[CHAN_NAME_MAX + 1] = 0;
	ck_assert_int_eq(chan_create(longest, NULL), -EINVAL);
	longest[CHAN_NAME_MAX] = 0;
	ck_assert_int_eq(chan_create(longest, SMALL), 0);
	ck_assert_int_eq(chan_remove(longest), 0);
	ck_assert_int_eq(chan_open(&ch, "no-such-user-here/x", CHAN_RECV, NULL), -ESRCH);
}
END_TEST

START_TEST(should_refuse_bad_options)
{
	const struct chan_options *bad[] = {
		&(struct chan_options){.size = 4},
		&(struct chan_options){.size = 5000},
		OPTIONS(.flags = 1u << 31),
		OPTIONS(.overflow = 4),
		OPTIONS(.lifetime = 2),
		OPTIONS(.kind = CHAN_KIND_BROADCAST + 1),
		OPTIONS(.mode = 01600),
		OPTIONS(.mode = 0700),
		OPTIONS(.endpoints = 4097),
		OPTIONS(.linger = 1),
		OPTIONS(.lifetime = CHAN_REF, .linger = UINT64_MAX),
		OPTIONS(.capacity = 4096, .max_message = 4096),
		OPTIONS(.capacity = UINT64_MAX),
		OPTIONS(.max_message = UINT32_MAX),
		OPTIONS(.flags = CHAN_RENDEZVOUS, .capacity = 4096),
		OPTIONS(.kind = CHAN_KIND_RENDEZVOUS, .capacity = 4096),
		OPTIONS(.kind = CHAN_KIND_RENDEZVOUS, .overflow = CHAN_DROP_OLDEST),
		OPTIONS(.flags = CHAN_RENDEZVOUS, .overflow = CHAN_DROP_OLDEST),
	};
	struct {
		struct chan_options known;
		uint64_t more;
	} newer = {.known = {.size = sizeof(newer)}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_msg(chan_create(name, bad[i]) == -EINVAL, "options %u", i);
		ck_assert_msg(chan_footprint(bad[i]) == -EINVAL, "options %u", i);
	}
	ck_assert_int_eq(chan_create(name, &newer.known), 0); /* what we don't know is zero */
	chan_remove(name);
	newer.more = 1;
	ck_assert_int_eq(chan_create(name, &newer.known), -EINVAL);
}
END_TEST

START_TEST(should_make_what_was_asked_for)
{
	mode_t before = umask(0777);
	struct chan_stat st;
	chan_t *ch;

	ck_assert_int_eq(
		chan_create(name, OPTIONS(.capacity = 10000, .max_message = 77, .mode = 0640,
					  .endpoints = 9, .overflow = CHAN_FAIL, .type = 7)),
		0);
	umask(before);
	ck_assert_int_eq(chan_create(name, NULL), -EEXIST);
	ch = open_as(0, NULL);
	st = stat_of(ch);
	ck_assert_uint_eq(st.capacity, 12288 - 16);
	ck_assert_uint_eq(st.max_message, 77);
	ck_assert_uint_eq(st.mode, 0640);
	ck_assert_uint_eq(st.endpoints, 9);
	ck_assert_uint_eq(st.overflow, CHAN_FAIL);
	ck_assert_uint_eq(st.type, 7);
	ck_assert_uint_eq(st.uid, geteuid());
	ck_assert_uint_eq(st.senders + st.receivers, 0);
	ck_assert_int_eq(
		chan_footprint(OPTIONS(.capacity = 10000, .endpoints = 9)), (int64_t)st.segment);
	ck_assert(!st.removed && !st.closed && !st.damaged && !st.full);
	ck_assert_int_eq(chan_remove(name), 0);
	ck_assert_int_eq(chan_remove(name), -ENOENT);
	ck_assert(stat_of(ch).removed);
	chan_detach(ch);
	chan_detach(NULL);
}
END_TEST

START_TEST(should_fit_the_ring_to_the_message)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.max_message = 3 << 20));
	char *big = calloc(1, 3 << 20);

	ck_assert_int_eq(chan_send(ch, big, 3 << 20, 0), 0);
	ck_assert_int_eq(chan_send(ch, big, 3 << 20, 0), 0);
	ck_assert_int_eq(chan_recv(ch, big, 3 << 20, 0), 3 << 20);
	free(big);
	chan_detach(ch);
}
END_TEST

START_TEST(should_open_with_the_right_flags_only)
{
	chan_t *ch = NULL;

	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -ENOENT);
	ck_assert_int_eq(chan_open(&ch, name, 1u << 20, NULL), -EINVAL);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_EXCLUSIVE, NULL), -EINVAL);
	ck_assert_ptr_null(ch); /* outputs only on success */
	ch = open_as(CHAN_SEND, SMALL);
	ck_assert_int_eq(chan_recv(ch, name, 1, 0), -EBADF);
	ck_assert_int_eq(chan_take(ch, NULL, 1, 0), -EBADF);
	ck_assert_int_eq(chan_ack(ch, NULL, 1), -EBADF);
	chan_detach(ch);
	ch = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), -EBADF);
	ck_assert_int_eq(chan_reserve(ch, NULL, 1, 0), -EBADF);
	chan_detach(ch);
	ch = open_as(0, NULL);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), -EBADF);
	ck_assert_int_eq(chan_recv(ch, name, 1, 0), -EBADF);
	ck_assert_int_eq(chan_endpoints(ch, NULL, 0), 0);
	chan_detach(ch);
}
END_TEST

START_TEST(should_run_out_of_endpoints_with_a_name_for_it)
{
	chan_t *a = open_as(CHAN_SEND, OPTIONS(.capacity = 4096, .endpoints = 2));
	chan_t *b = open_as(CHAN_RECV, NULL), *c, *observer;

	ck_assert_int_eq(chan_open(&c, name, CHAN_RECV, NULL), -EUSERS);
	observer = open_as(0, NULL);
	chan_detach(a);
	c = open_as(CHAN_RECV, NULL);
	chan_detach(observer);
	chan_detach(b);
	chan_detach(c);
}
END_TEST

/* ---- opening what is not a channel ---- */

static void write_at(off_t offset, const void *data, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/shmchan.%u.%s", (unsigned)geteuid(), name);
	fd = shm_open(path, O_RDWR, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, data, len, offset), (ssize_t)len);
	close(fd);
}

START_TEST(should_refuse_another_version_abi_or_namespace)
{
	struct {
		size_t offset;
		int err;
	} field[] = {
		{offsetof(struct layout_header, magic), -EBADMSG},
		{offsetof(struct layout_header, format), -EPROTONOSUPPORT},
		{offsetof(struct layout_header, abi), -EPROTOTYPE},
		{offsetof(struct layout_header, libc), -EPROTOTYPE},
		{offsetof(struct layout_header, condvar), -EPROTOTYPE},
		{offsetof(struct layout_header, pidns_ino), -EXDEV},
		{offsetof(struct layout_header, segment_size), -EBADMSG},
		{offsetof(struct layout_header, ring_offset), -EBADMSG},
		{offsetof(struct layout_header, capacity), -EBADMSG},
		{offsetof(struct layout_header, max_message), -EBADMSG},
		{offsetof(struct layout_header, endpoints), -EBADMSG},
		{offsetof(struct layout_header, kind), -EPROTONOSUPPORT},
		{offsetof(struct layout_header, overflow), -EBADMSG},
	};
	uint32_t wrong = 0x7ffffff7;
	chan_t *ch;

	for (unsigned i = 0; i < sizeof(field) / sizeof(*field); i++) {
		ck_assert_int_eq(chan_create(name, SMALL), 0);
		write_at((off_t)field[i].offset, &wrong, sizeof(wrong));
		ck_assert_msg(chan_open(&ch, name, CHAN_RECV, NULL) == field[i].err, "field %u", i);
		ck_assert_int_eq(chan_remove(name), 0);
	}
}
END_TEST

START_TEST(should_refuse_squatters)
{
	char path[128];
	chan_t *ch;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/shmchan.%u.%s", (unsigned)geteuid(), name);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -EPERM);
	ck_assert_int_eq(chan_create(name, NULL), -EEXIST);
	ck_assert_int_eq(unlink(path), 0);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -EBADMSG); /* empty */
	if (geteuid() == 0) {
		ck_assert_int_eq(fchown(fd, 1, 1), 0);
		ck_assert_int_eq(chan_open(&ch, name, CHAN_RECV, NULL), -EPERM);
	}
	close(fd);
}
END_TEST

/* ---- sending and receiving ---- */

START_TEST(should_keep_bytes_boundaries_and_order)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	char out[1000], in[1000];

	for (size_t len = 0; len <= 1000; len++) {
		for (size_t i = 0; i < len; i++)
			out[i] = (char)(len + i);
		ck_assert_int_eq(chan_send(ch, len ? out : NULL, len, 0), 0);
		ck_assert_int_eq(chan_recv(ch, in, sizeof(in), 0), (ssize_t)len);
		ck_assert_int_eq(memcmp(in, out, len), 0);
	}
	send_soon(ch, "one");
	send_soon(ch, "");
	send_soon(ch, "three");
	recv_text(ch, "one");
	recv_text(ch, "");
	recv_text(ch, "three");
	chan_detach(ch);
}
END_TEST

START_TEST(should_leave_a_message_that_is_too_large)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	char buf[1001] = "";
	struct iovec v = {buf, 4};

	ck_assert_int_eq(chan_send(ch, buf, 1001, 0), -EMSGSIZE);
	ck_assert_int_eq(chan_reserve(ch, NULL, 1001, 0), -EMSGSIZE);
	ck_assert_uint_eq(stat_of(ch).depth, 0);
	send_soon(ch, "12345");
	ck_assert_int_eq(chan_recv(ch, buf, 4, 0), -EMSGSIZE);
	ck_assert_int_eq(chan_recv_batch(ch, &v, 1, 0), -EMSGSIZE);
	ck_assert_uint_eq(v.iov_len, 4);
	recv_text(ch, "12345");
	chan_detach(ch);
}
END_TEST

START_TEST(should_honour_timeouts)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	char buf[1000];
	int64_t start = now();

	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 0), -EAGAIN);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 50 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now() - start, 50 * MS);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), -2), -EINVAL);
	ck_assert_int_eq(chan_send(ch, buf, 1, INT64_MIN), -EINVAL);
	ck_assert_int_gt(fill_up(ch), 2);
	start = now();
	ck_assert_int_eq(chan_send(ch, buf, 1000, 50 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now() - start, 50 * MS);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), INT64_MAX), 1000);
	ck_assert_int_eq(chan_send(ch, buf, 1000, INT64_MAX), 0);
	chan_detach(ch);
}
END_TEST

START_TEST(should_send_and_receive_batches)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	char text[8][8], in[8][8], big[1001];
	struct iovec out[8], to[8];

	for (int i = 0; i < 8; i++) {
		snprintf(text[i], sizeof(text[i]), "m%d", i);
		out[i] = (struct iovec){text[i], 2};
		to[i] = (struct iovec){in[i], sizeof(in[i])};
	}
	ck_assert_int_eq(chan_send_batch(ch, out, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_recv_batch(ch, to, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_recv_batch(ch, to, 8, 0), -EAGAIN);
	ck_assert_int_eq(chan_send_batch(ch, out, 8, 0), 8);
	ck_assert_int_eq(chan_recv_batch(ch, to, 3, 0), 3);
	ck_assert_uint_eq(to[2].iov_len, 2);
	ck_assert_mem_eq(in[2], "m2", 2);
	to[0].iov_len = to[2].iov_len = sizeof(in[0]);
	to[1].iov_len = 1; /* too small for the second: ends the batch */
	ck_assert_int_eq(chan_recv_batch(ch, to, 8, 0), 1);
	to[1].iov_len = to[0].iov_len = sizeof(in[0]);
	ck_assert_int_eq(chan_recv_batch(ch, to, 8, 0), 4);
	ck_assert_mem_eq(in[3], "m7", 2);

	/* a prefix: up to the one that is too long */
	out[2] = (struct iovec){big, sizeof(big)};
	ck_assert_int_eq(chan_send_batch(ch, out, 8, 0), 2);
	ck_assert_int_eq(chan_send_batch(ch, out + 2, 6, 0), -EMSGSIZE);
	/* a prefix: as many as fit */
	for (int i = 0; i < 8; i++)
		out[i] = (struct iovec){big, 1000};
	ck_assert_int_eq(chan_send_batch(ch, out, 8, 0), 3);
	ck_assert_int_eq(chan_send_batch(ch, out, 8, 0), -EAGAIN);
	chan_detach(ch);
}
END_TEST

/* A batch that is being received: the pages of its last buffer can't be written until the
 * handler has tried to send. */
static struct {
	chan_t *ch;
	unsigned char *page;
	_Atomic int err;
} halfway;

static void on_last_buffer(int sig)
{
	static char small[100];

	(void)sig;
	halfway.err = chan_send(halfway.ch, small, sizeof(small), 0);
	if (mprotect(halfway.page, 4096, PROT_READ | PROT_WRITE) < 0)
		abort();
}

START_TEST(should_free_parts_of_a_large_batch_while_it_goes_on)
{
	chan_t *s = open_as(CHAN_SEND, SMALL), *r = open_as(CHAN_RECV, NULL);
	struct sigaction action = {.sa_handler = on_last_buffer}, old;
	struct iovec to[16];
	int n = fill_up(s);

	ck_assert_int_ge(n, 3);
	while (chan_send(s, "", 1, 0) == 0)
		;
	halfway.ch = s;
	halfway.page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(halfway.page, MAP_FAILED);
	halfway.err = 1;
	for (int i = 0; i < n; i++)
		to[i] = (struct iovec){i < n - 1 ? malloc(1000) : (void *)halfway.page, 1000};
	ck_assert_int_eq(sigaction(SIGSEGV, &action, &old), 0);
	ck_assert_int_eq(chan_recv_batch(r, to, (unsigned)n, 0), n);
	ck_assert_int_eq(sigaction(SIGSEGV, &old, NULL), 0);
	ck_assert_int_eq(halfway.err, 0);
	for (int i = 0; i < n - 1; i++)
		free(to[i].iov_base);
	munmap(halfway.page, 4096);
	chan_detach(s);
	chan_detach(r);
}
END_TEST

START_TEST(should_send_in_place)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	void *to = NULL, *second;

	ck_assert_int_eq(chan_commit(ch, 0), -EINVAL);
	ck_assert_int_eq(chan_reserve(ch, &to, 100, 0), 0);
	ck_assert_uint_eq((uintptr_t)to % 16, 0);
	memcpy(to, "hello", 5);
	ck_assert_int_eq(chan_reserve(ch, &second, 1, 0), -EDEADLK);
	ck_assert_int_eq(chan_send(ch, "x", 1, 0), -EDEADLK);
	ck_assert_int_eq(chan_commit(ch, 101), -EINVAL);
	ck_assert_int_eq(chan_commit(ch, 5), 0);
	recv_text(ch, "hello");
	ck_assert_int_eq(chan_reserve(ch, &to, 100, 0), 0);
	chan_abort(ch);
	chan_abort(ch);
	ck_assert_uint_eq(stat_of(ch).depth, 0);
	send_soon(ch, "after");
	recv_text(ch, "after");
	/* closed in between */
	ck_assert_int_eq(chan_reserve(ch, &to, 100, 0), 0);
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_commit(ch, 5), -EPIPE);
	ck_assert_int_eq(chan_commit(ch, 5), -EINVAL); /* it is over */
	ck_assert_int_eq(chan_recv(ch, name, 1, 0), -EPIPE);
	chan_detach(ch); /* also with one open */
}
END_TEST

static void *commit_elsewhere(void *arg)
{
	return (void *)(intptr_t)chan_commit(arg, 1);
}

START_TEST(should_commit_in_the_same_thread_only)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	pthread_t thread;
	void *to, *result;

	ck_assert_int_eq(chan_reserve(ch, &to, 1, 0), 0);
	pthread_create(&thread, NULL, commit_elsewhere, ch);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, -EPERM);
	chan_detach(ch);
	ch = open_as(CHAN_SEND, NULL);
	send_soon(ch, "the lock is free again");
	chan_detach(ch);
}
END_TEST

/* ---- overflow ---- */

START_TEST(should_fail_when_full)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV,
		OPTIONS(.capacity = 4096, .max_message = 1000, .overflow = CHAN_FAIL));
	char buf[1000];

	fill_up(ch);
	ck_assert_int_eq(chan_send(ch, buf, 1000, CHAN_WAIT), -EAGAIN);
	ck_assert_int_eq(chan_set_overflow(ch, 4), -EINVAL);
	ck_assert_int_eq(chan_set_overflow(ch, CHAN_BLOCK), 0);
	ck_assert_int_eq(chan_send(ch, buf, 1000, MS), -ETIMEDOUT);
	chan_detach(ch);
}
END_TEST

START_TEST(should_drop_the_newest_and_count)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, OPTIONS(.capacity = 4096, .max_message = 1000));
	struct iovec v[2] = {{name, 1000}, {name, 1000}};
	char buf[1000];
	void *to;
	int n = fill_up(ch);

	ck_assert_int_eq(chan_set_overflow(ch, CHAN_DROP_NEWEST), 0);
	ck_assert_int_eq(chan_send(ch, buf, 1000, CHAN_WAIT), CHAN_DROPPED);
	v[0].iov_base = v[1].iov_base = buf;
	ck_assert_int_eq(chan_send_batch(ch, v, 2, CHAN_WAIT), 1);
	ck_assert_int_eq(chan_reserve(ch, &to, 1000, CHAN_WAIT), -EAGAIN);
	ck_assert_uint_eq(stat_of(ch).dropped_newest, 2);
	ck_assert_uint_eq(stat_of(ch).depth, (uint64_t)n);
	chan_detach(ch);
}
END_TEST

START_TEST(should_drop_the_oldest_and_count)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV,
		OPTIONS(.capacity = 4096, .max_message = 1000, .overflow = CHAN_DROP_OLDEST));
	struct chan_lease held;
	char buf[1000], in[1000];
	unsigned sent = 0;
	uint64_t dropped;

	memset(buf, 0, sizeof(buf));
	for (; sent < 10; sent++) {
		memcpy(buf, &sent, sizeof(sent));
		ck_assert_int_eq(chan_send(ch, buf, 1000, 0), 0);
	}
	dropped = stat_of(ch).dropped_oldest;
	ck_assert_uint_gt(dropped, 5);
	ck_assert_uint_eq(dropped + stat_of(ch).depth, sent);
	ck_assert_int_eq(chan_recv(ch, in, sizeof(in), 0), 1000);
	ck_assert_mem_eq(in, &(unsigned){(unsigned)dropped}, sizeof(unsigned));
	/* a leased front can't be dropped: then it is the new one */
	ck_assert_int_eq(chan_take(ch, &held, 1, 0), 1);
	while (chan_send(ch, buf, 1000, 0) == 0)
		;
	ck_assert_uint_eq(stat_of(ch).dropped_leased, 1);
	ck_assert_uint_eq(stat_of(ch).dropped_newest, 0);
	ck_assert_int_eq(chan_ack(ch, &held, 1), 1);
	chan_detach(ch);
}
END_TEST

/* ---- closing ---- */

START_TEST(should_drain_and_end)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	chan_t *late;
	char buf[10];

	send_soon(ch, "left");
	ck_assert_int_eq(chan_close(ch, 2), -EINVAL);
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_send(ch, "x", 1, CHAN_WAIT), -EPIPE);
	ck_assert_int_eq(chan_reserve(ch, NULL, 1, CHAN_WAIT), -EPIPE);
	ck_assert_uint_eq(stat_of(ch).closed, 1);
	late = open_as(CHAN_RECV, NULL);
	recv_text(late, "left");
	ck_assert_int_eq(chan_recv(late, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	ck_assert_int_eq(chan_take(late, NULL, 1, CHAN_WAIT), -EPIPE);
	chan_detach(late);
	chan_detach(ch);
}
END_TEST

START_TEST(should_discard_and_end)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	char buf[10];

	send_soon(ch, "left");
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	ck_assert_int_eq(chan_close(ch, CHAN_DISCARD), 0);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	ck_assert_uint_eq(stat_of(ch).closed, 2);
	chan_detach(ch);
}
END_TEST

START_TEST(should_end_with_the_last_sender_and_go_on_with_the_next)
{
	chan_t *rx = open_as(CHAN_RECV, OPTIONS(.capacity = 4096, .flags = CHAN_END_WITH_SENDERS));
	chan_t *a, *b;
	char buf[100];

	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), MS), -ETIMEDOUT); /* none yet */
	a = open_as(CHAN_SEND, NULL);
	b = open_as(CHAN_SEND, NULL);
	send_soon(a, "one");
	chan_detach(a);
	recv_text(rx, "one");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), MS), -ETIMEDOUT);
	send_soon(b, "two");
	chan_detach(b);
	recv_text(rx, "two");
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), CHAN_WAIT), -EPIPE);
	a = open_as(CHAN_SEND, NULL);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), MS), -ETIMEDOUT);
	send_soon(a, "three");
	recv_text(rx, "three");
	chan_detach(a);
	chan_detach(rx);
}
END_TEST

START_TEST(should_refuse_to_send_when_no_receiver_is_left)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096, .flags = CHAN_NEED_RECEIVERS));
	chan_t *rx;

	send_soon(tx, "nobody yet");
	rx = open_as(CHAN_RECV, NULL);
	send_soon(tx, "one");
	chan_detach(rx);
	/* a busy sender looks once in a while */
	while (chan_send(tx, "", 0, 0) == 0)
		;
	ck_assert_int_eq(chan_send(tx, "x", 1, CHAN_WAIT), -EPIPE);
	rx = open_as(CHAN_RECV, NULL);
	ck_assert_int_ne(chan_send(tx, "x", 1, 0), -EPIPE);
	chan_detach(rx);
	chan_detach(tx);
}
END_TEST

/* ---- leases ---- */

START_TEST(should_take_and_acknowledge)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	chan_t *other = open_as(CHAN_RECV, NULL);
	struct chan_lease l[4], bad;

	for (int i = 0; i < 3; i++)
		send_soon(ch, "abc");
	ck_assert_int_eq(chan_take(ch, l, 0, 0), -EINVAL);
	ck_assert_int_eq(chan_take(ch, l, 4, 0), 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(l[i].len, 3);
		ck_assert_uint_eq(l[i].seq, i + 1);
		ck_assert_uint_eq(l[i].attempt, 1);
		ck_assert_uint_eq((uintptr_t)l[i].data % 16, 0);
		ck_assert_mem_eq(l[i].data, "abc", 3);
	}
	ck_assert_uint_eq(stat_of(ch).depth, 3);
	ck_assert_int_eq(chan_ack(other, l, 1), -ESTALE); /* not its own */
	ck_assert_int_eq(chan_ack(ch, l, 0), 0);
	ck_assert_int_eq(chan_ack(ch, l, 2), 2);
	bad = l[2];
	bad.attempt++;
	ck_assert_int_eq(chan_ack(ch, (struct chan_lease[]){l[2], bad}, 2), 1);
	ck_assert_int_eq(chan_ack(ch, l, 3), -ESTALE);
	ck_assert_uint_eq(stat_of(ch).depth, 0);
	ck_assert_uint_eq(stat_of(ch).used, 0);
	chan_detach(other);
	chan_detach(ch);
}
END_TEST

START_TEST(should_redeliver_what_is_released_or_left_behind)
{
	chan_t *tx = open_as(CHAN_SEND, SMALL);
	chan_t *a = open_as(CHAN_RECV, NULL), *b = open_as(CHAN_RECV, NULL);
	struct chan_lease l[3], again;

	send_soon(tx, "1");
	send_soon(tx, "2");
	send_soon(tx, "3");
	ck_assert_int_eq(chan_take(a, l, 2, 0), 2);
	ck_assert_int_eq(chan_release(a, l, 1), 1);
	ck_assert_int_eq(chan_take(b, &again, 1, 0), 1);
	ck_assert_uint_eq(again.seq, 1);
	ck_assert_uint_eq(again.attempt, 2);
	chan_detach(a); /* gives 2 back */
	ck_assert_int_eq(chan_ack(b, &again, 1), 1);
	ck_assert_int_eq(chan_take(b, l, 3, 0), 2);
	ck_assert_uint_eq(l[0].seq, 2);
	ck_assert_uint_eq(l[0].attempt, 2);
	ck_assert_uint_eq(l[1].seq, 3);
	ck_assert_uint_eq(l[1].attempt, 1);
	ck_assert_uint_eq(stat_of(tx).redelivered, 2);
	ck_assert_int_eq(chan_ack(b, l, 2), 2);
	ck_assert_uint_eq(stat_of(tx).received, 3);
	chan_detach(b);
	chan_detach(tx);
}
END_TEST

START_TEST(should_not_free_space_under_a_lease)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	struct chan_lease l;
	char buf[1000];

	send_soon(ch, "kept");
	ck_assert_int_eq(chan_take(ch, &l, 1, 0), 1);
	for (int i = 0; i < 20; i++) {
		int err = chan_send(ch, buf, 1000, 0);

		ck_assert_mem_eq(l.data, "kept", 4);
		if (err == -EAGAIN)
			while (chan_recv(ch, buf, sizeof(buf), 0) >= 0)
				;
	}
	ck_assert_int_eq(chan_send(ch, buf, 1000, 0), -EAGAIN);
	ck_assert_int_eq(chan_ack(ch, &l, 1), 1);
	ck_assert_int_eq(chan_send(ch, buf, 1000, 0), 0);
	chan_detach(ch);
}
END_TEST

/* ---- exclusive ---- */

static void *send_elsewhere(void *arg)
{
	return (void *)(intptr_t)chan_send(arg, "x", 1, 0);
}

START_TEST(should_be_exclusive)
{
	chan_t *tx = open_as(CHAN_SEND | CHAN_EXCLUSIVE, SMALL), *other, *rx;
	pthread_t thread;
	void *result;
	int err;

	ck_assert_int_eq(chan_open(&other, name, CHAN_SEND, NULL), -EBUSY);
	ck_assert_int_eq(chan_open(&other, name, CHAN_SEND | CHAN_EXCLUSIVE, NULL), -EBUSY);
	rx = open_as(CHAN_RECV, NULL);
	ck_assert_int_eq(chan_open(&other, name, CHAN_RECV | CHAN_EXCLUSIVE, NULL), -EBUSY);
	send_soon(tx, "one");
	recv_text(rx, "one");
	pthread_create(&thread, NULL, send_elsewhere, tx);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, -EPERM);
	ck_assert_uint_eq(stat_of(rx).senders, 1);
	ck_assert_uint_eq(stat_of(tx).receivers, 1);
	chan_detach(rx);
	rx = open_as(CHAN_RECV | CHAN_EXCLUSIVE, NULL);
	send_soon(tx, "two");
	recv_text(rx, "two");
	ck_assert_int_eq(chan_recover(open_as(0, NULL)), -EBUSY);
	chan_detach(tx);
	tx = open_as(CHAN_SEND, NULL);
	send_soon(tx, "three");
	recv_text(rx, "three");
	/* a drop-oldest sender can't take the receivers' lock */
	ck_assert_int_eq(chan_set_overflow(tx, CHAN_DROP_OLDEST), 0);
	while (chan_send(tx, name, 64, 0) == 0)
		;
	ck_assert_int_eq(chan_send(tx, name, 64, 0), -EBUSY);
	err = chan_send(tx, name, 64, 10 * MS);
	ck_assert_int_eq(err, -EBUSY);
	chan_detach(rx);
	chan_detach(tx);
	tx = open_as(CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE, NULL);
	chan_detach(tx);
}
END_TEST

/* ---- rendezvous ---- */

#define RENDEZVOUS OPTIONS(.flags = CHAN_RENDEZVOUS, .max_message = 100)

static void *receive_one(void *arg)
{
	static char buf[100];

	return (void *)(intptr_t)chan_recv(arg, buf, sizeof(buf), SOON);
}

static bool has_waiter(void *arg)
{
	struct chan_endpoint e[4];
	int n = chan_endpoints(arg, e, 4);

	for (int i = 0; i < n && i < 4; i++)
		if (e[i].waiting)
			return true;
	return false;
}

START_TEST(should_meet)
{
	chan_t *tx = open_as(CHAN_SEND, RENDEZVOUS), *rx = open_as(CHAN_RECV, NULL);
	struct iovec v[2] = {{name, 1}, {name, 2}};
	pthread_t thread;
	void *result;
	char buf[100];
	int err;

	ck_assert_uint_eq(stat_of(tx).capacity, 0);
	ck_assert_int_eq(chan_send(tx, "x", 1, 0), -EAGAIN); /* nobody there */
	ck_assert_int_eq(chan_send(tx, "x", 1, 20 * MS), -ETIMEDOUT);
	ck_assert_int_eq(chan_send_batch(tx, v, 2, 1), -ETIMEDOUT);
	ck_assert_int_eq(chan_recv(rx, buf, sizeof(buf), 0), -EAGAIN); /* withdrawn */
	for (int i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, receive_one, rx);
		/* Without waiting: a receiver that gets no CPU for a while has not met. */
		do {
			await(has_waiter, tx);
			err = chan_send(tx, "abc", 3, i ? SOON : 0);
		} while (i == 0 && err == -EAGAIN);
		ck_assert_int_eq(err, 0);
		pthread_join(thread, &result);
		ck_assert_int_eq((int)(intptr_t)result, 3);
	}
	pthread_create(&thread, NULL, receive_one, rx);
	do
		err = chan_send_batch(tx, v, 2, 200 * MS);
	while (err == -ETIMEDOUT); /* it is not there yet */
	ck_assert_int_eq(err, 1);  /* one receive only */
	pthread_join(thread, &result);
	ck_assert_int_eq(chan_set_overflow(tx, CHAN_DROP_OLDEST), -EINVAL);
	chan_detach(tx);
	chan_detach(rx);
}
END_TEST

struct sending {
	chan_t *ch;
	int result;
	_Atomic pid_t tid;
};

static void *send_waiting(void *arg)
{
	struct sending *s = arg;

	s->tid = gettid();
	s->result = chan_send(s->ch, "abc", 3, SOON);
	return NULL;
}

static bool sender_sleeps(void *arg)
{
	struct sending *s = arg;

	return s->tid && asleep(s->tid);
}

/* Close a channel in which a sender waits: its call ends. */
static void check_close_ends_sending(chan_t *ch)
{
	struct sending s = {.ch = ch};
	pthread_t thread;

	pthread_create(&thread, NULL, send_waiting, &s);
	await(sender_sleeps, &s);
	ck_assert_int_eq(chan_close(ch, CHAN_DRAIN), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(s.result, -EPIPE);
}

START_TEST(should_end_a_rendezvous_when_closed)
{
	chan_t *ch = open_as(CHAN_SEND, RENDEZVOUS);

	check_close_ends_sending(ch);
	chan_detach(ch);
}
END_TEST

START_TEST(should_end_a_rendezvous_when_leased)
{
	struct sending s = {.ch = open_as(CHAN_SEND, RENDEZVOUS)};
	chan_t *rx = open_as(CHAN_RECV, NULL);
	struct chan_lease l;
	pthread_t thread;

	pthread_create(&thread, NULL, send_waiting, &s);
	ck_assert_int_eq(chan_take(rx, &l, 1, SOON), 1);
	pthread_join(thread, NULL); /* before it is acknowledged */
	ck_assert_int_eq(s.result, 0);
	ck_assert_int_eq(chan_release(rx, &l, 1), 1);
	recv_text(rx, "abc");
	chan_detach(rx);
	chan_detach(s.ch);
}
END_TEST

/* ---- looking ---- */

START_TEST(should_peek_without_consuming)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL), *observer = open_as(0, NULL);
	struct chan_cursor at = {0};
	char buf[10];

	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), -EAGAIN);
	send_soon(ch, "a");
	send_soon(ch, "bb");
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 1);
	ck_assert_uint_eq(at.seq, 1);
	ck_assert_int_eq(chan_peek(observer, buf, 1, &at), -EMSGSIZE);
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 2);
	ck_assert_mem_eq(buf, "bb", 2);
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), -EAGAIN);
	recv_text(ch, "a");
	send_soon(ch, "ccc");
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 3);
	at = (struct chan_cursor){0};
	ck_assert_int_eq(chan_peek(observer, buf, sizeof(buf), &at), 2); /* the oldest left */
	chan_detach(observer);
	chan_detach(ch);
}
END_TEST

START_TEST(should_purge_and_say_how_many)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	int n = fill_up(ch);

	ck_assert_int_eq(chan_purge(ch), n);
	ck_assert_int_eq(chan_purge(ch), 0);
	ck_assert_uint_eq(stat_of(ch).dropped_oldest, (uint64_t)n);
	ck_assert_int_eq(fill_up(ch), n);
	chan_detach(ch);
}
END_TEST

START_TEST(should_count_what_happened)
{
	chan_t *ch = open_as(CHAN_SEND | CHAN_RECV, SMALL);
	struct chan_stat st;
	struct chan_endpoint e[2];
	char me[16];

	for (int i = 0; i < 5; i++)
		send_soon(ch, "12345");
	recv_text(ch, "12345");
	st = stat_of(ch);
	ck_assert_uint_eq(st.sent, 5);
	ck_assert_uint_eq(st.received, 1);
	ck_assert_uint_eq(st.depth, 4);
	ck_assert_uint_eq(st.used, 4 * 32);
	ck_assert_uint_eq(st.bytes, 5 * 32);
	ck_assert_uint_eq(st.senders, 1);
	ck_assert_uint_eq(st.receivers, 1);
	ck_assert(!st.full);
	fill_up(ch);
	ck_assert(stat_of(ch).full);
	ck_assert_int_eq(chan_endpoints(ch, e, 2), 1);
	ck_assert_int_eq(e[0].pid, getpid());
	ck_assert_uint_eq(e[0].uid, geteuid());
	ck_assert_uint_eq(e[0].roles, CHAN_SEND | CHAN_RECV);
	ck_assert_int_eq(e[0].waiting, 0);
	ck_assert_int_gt(e[0].attached, 0);
	prctl(PR_GET_NAME, me);
	ck_assert_str_eq(e[0].command, me); /* valgrind gives another */
	st.size = 4;
	ck_assert_int_eq(chan_stat(ch, &st), -EINVAL);
	st.size = sizeof(st) + 1;
	ck_assert_int_eq(chan_stat(ch, &st), -EINVAL);
	chan_detach(ch);
}
END_TEST

static int seen(const char *found, void *arg)
{
	if (!strcmp(found, name))
		++*(int *)arg;
	return 0;
}

static int stop(const char *found, void *arg)
{
	(void)found;
	++*(int *)arg;
	return 42;
}

START_TEST(should_list_channels)
{
	int n = 0;

	ck_assert_int_eq(chan_list(seen, &n), 0);
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(chan_create(name, SMALL), 0);
	ck_assert_int_eq(chan_list(seen, &n), 0);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(chan_list(stop, &n), 42);
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(should_say_what_an_error_means)
{
	static const int documented[] = {EACCES, EAGAIN, EBADF, EBADFD, EBADMSG, EBUSY, ECANCELED,
		EDEADLK, EDQUOT, EEXIST, EINTR, EINVAL, EMFILE, EMSGSIZE, ENFILE, ENOENT, ENOMEM,
		ENOSPC, ENOTCONN, EOPNOTSUPP, EPERM, EPIPE, EPROTONOSUPPORT, EPROTOTYPE, ESTALE,
		ETIMEDOUT, EUSERS, EXDEV};
	const char *unknown = chan_strerror(-9999);

	ck_assert_str_eq(chan_strerror(0), "success");
	for (unsigned i = 0; i < sizeof(documented) / sizeof(*documented); i++) {
		ck_assert_str_eq(chan_strerror(documented[i]), chan_strerror(-documented[i]));
		ck_assert_str_ne(chan_strerror(documented[i]), unknown);
	}
	ck_assert_str_eq(chan_version(), CHAN_VERSION);
}
END_TEST

/* ---- waiting, interrupted ---- */

struct receiving {
	chan_t *ch;
	int result;
	_Atomic pid_t tid;
};

static void *receive_waiting(void *arg)
{
	struct receiving *r = arg;
	char buf[10];

	r->tid = gettid();
	r->result = (int)chan_recv(r->ch, buf, sizeof(buf), CHAN_WAIT);
	return NULL;
}

static bool receiver_sleeps(void *arg)
{
	struct receiving *r = arg;

	return r->tid && asleep(r->tid);
}

START_TEST(should_interrupt_waits)
{
	struct receiving r = {.ch = open_as(CHAN_SEND | CHAN_RECV, SMALL)};
	pthread_t thread;
	char buf[10];

	pthread_create(&thread, NULL, receive_waiting, &r);
	await(receiver_sleeps, &r);
	chan_interrupt(r.ch, 1);
	pthread_join(thread, NULL);
	ck_assert_int_eq(r.result, -EINTR);
	ck_assert_int_eq(chan_recv(r.ch, buf, sizeof(buf), CHAN_WAIT), -EINTR);
	send_soon(r.ch, "x"); /* what need not wait goes on */
	recv_text(r.ch, "x");
	chan_interrupt(r.ch, 0);
	ck_assert_int_eq(chan_recv(r.ch, buf, sizeof(buf), MS), -ETIMEDOUT);
	chan_detach(r.ch);
}
END_TEST

static void nothing(int sig)
{
	(void)sig;
}

START_TEST(should_not_mind_signals)
{
	chan_t *ch = open_as(CHAN_RECV, SMALL);
	struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
	struct sigaction act = {.sa_handler = nothing}, before;
	int64_t start = now();
	char buf[10];

	sigaction(SIGALRM, &act, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	ck_assert_int_eq(chan_recv(ch, buf, sizeof(buf), 100 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now() - start, 100 * MS);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	chan_detach(ch);
}
END_TEST

START_TEST(should_wake_blocked_receivers_when_closed)
{
	struct receiving r[3] = {{0}};
	pthread_t thread[3];

	r[0].ch = open_as(CHAN_RECV, SMALL);
	for (int i = 0; i < 3; i++) {
		r[i].ch = r[0].ch;
		pthread_create(&thread[i], NULL, receive_waiting, &r[i]);
	}
	for (int i = 0; i < 3; i++)
		await(receiver_sleeps, &r[i]);
	ck_assert_int_eq(chan_close(r[0].ch, CHAN_DRAIN), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		ck_assert_int_eq(r[i].result, -EPIPE);
	}
	chan_detach(r[0].ch);
}
END_TEST

START_TEST(should_wake_a_blocked_sender_when_closed)
{
	chan_t *ch = open_as(CHAN_SEND, SMALL);

	fill_up(ch);
	while (chan_send(ch, "", 0, 0) == 0)
		;
	check_close_ends_sending(ch);
	chan_detach(ch);
}
END_TEST

/* A sleeper looks by itself after a second: it has to be woken before that. */
START_TEST(should_wake_a_receiver_when_the_last_sender_leaves)
{
	chan_t *tx = open_as(CHAN_SEND, OPTIONS(.capacity = 4096, .flags = CHAN_END_WITH_SENDERS));
	struct receiving r = {.ch = open_as(CHAN_RECV, NULL)};
	int64_t start, waited;
	pthread_t thread;

	pthread_create(&thread, NULL, receive_waiting, &r);
	await(receiver_sleeps, &r);
	start = now();
	waited = starved();
	chan_detach(tx);
	pthread_join(thread, NULL);
	ck_assert_int_lt(now() - start - (starved() - waited), 900 * MS);
	ck_assert_int_eq(r.result, -EPIPE);
	chan_detach(r.ch);
}
END_TEST

START_TEST(should_wake_a_sender_when_the_last_receiver_leaves)
{
	chan_t *rx = open_as(CHAN_RECV, OPTIONS(.capacity = 4096, .flags = CHAN_NEED_RECEIVERS));
	struct sending s = {.ch = open_as(CHAN_SEND, NULL)};
	int64_t start, waited;
	pthread_t thread;

	while (chan_send(s.ch, "abc", 3, 0) == 0)
		;
	pthread_create(&thread, NULL, send_waiting, &s);
	await(sender_sleeps, &s);
	start = now();
	waited = starved();
	chan_detach(rx);
	pthread_join(thread, NULL);
	ck_assert_int_lt(now() - start - (starved() - waited), 900 * MS);
	ck_assert_int_eq(s.result, -EPIPE);
	chan_detach(s.ch);
}
END_TEST

/* ---- lifetime ---- */

START_TEST(should_remove_a_ref_channel_with_its_last_endpoint)
{
	chan_t *a, *b, *observer;

	ck_assert_int_eq(chan_create(name, OPTIONS(.capacity = 4096, .lifetime = CHAN_REF)), 0);
	observer = open_as(0, NULL); /* unused so far: stays */
	chan_detach(observer);
	ck_assert_int_eq(chan_collect(name), 0);
	a = open_as(CHAN_SEND, NULL);
	b = open_as(CHAN_RECV, NULL);
	chan_detach(a);
	ck_assert_int_eq(chan_collect(name), 0);
	observer = open_as(0, NULL);
	chan_detach(b);
	ck_assert(stat_of(observer).removed);
	chan_detach(observer);
	ck_assert_int_eq(chan_open(&a, name, CHAN_SEND, NULL), -ENOENT);
}
END_TEST

START_TEST(should_linger)
{
	chan_t *a = open_as(
		CHAN_SEND, OPTIONS(.capacity = 4096, .lifetime = CHAN_REF, .linger = 100 * SECOND));

	chan_detach(a);
	ck_assert_int_eq(chan_collect(name), 0);
	a = open_as(CHAN_SEND, NULL);
	chan_detach(a);
	ck_assert_int_eq(chan_remove(name), 0);
	a = open_as(CHAN_SEND, OPTIONS(.capacity = 4096, .lifetime = CHAN_REF, .linger = 1));
	chan_detach(a);
	ck_assert_int_eq(chan_collect(name), 1);
	ck_assert_int_eq(chan_collect(name), -ENOENT);
}
END_TEST

#define ADD(title, ...) GROUP(title, channel_setup, channel_teardown, __VA_ARGS__)

void add_tests(void)
{
	ADD("creation", should_refuse_bad_names, should_refuse_bad_options,
		should_make_what_was_asked_for, should_fit_the_ring_to_the_message,
		should_open_with_the_right_flags_only,
		should_run_out_of_endpoints_with_a_name_for_it,
		should_refuse_another_version_abi_or_namespace, should_refuse_squatters);
	ADD("messages", should_keep_bytes_boundaries_and_order,
		should_leave_a_message_that_is_too_large, should_honour_timeouts,
		should_send_and_receive_batches, should_send_in_place,
		should_commit_in_the_same_thread_only);
	if (place_is_wrapped())
		not_tried(
			"valgrind counts a write to a page that is not to be written as an error");
	else
		ADD("large batches", should_free_parts_of_a_large_batch_while_it_goes_on);
	ADD("overflow", should_fail_when_full, should_drop_the_newest_and_count,
		should_drop_the_oldest_and_count);
	ADD("closing", should_drain_and_end, should_discard_and_end,
		should_end_with_the_last_sender_and_go_on_with_the_next,
		should_refuse_to_send_when_no_receiver_is_left);
	ADD("leases", should_take_and_acknowledge, should_redeliver_what_is_released_or_left_behind,
		should_not_free_space_under_a_lease);
	ADD("exclusive", should_be_exclusive);
	ADD("rendezvous", should_meet, should_end_a_rendezvous_when_closed,
		should_end_a_rendezvous_when_leased);
	ADD("looking", should_peek_without_consuming, should_purge_and_say_how_many,
		should_count_what_happened, should_list_channels, should_say_what_an_error_means);
	ADD("waiting", should_interrupt_waits, should_not_mind_signals,
		should_wake_blocked_receivers_when_closed, should_wake_a_blocked_sender_when_closed,
		should_wake_a_receiver_when_the_last_sender_leaves,
		should_wake_a_sender_when_the_last_receiver_leaves);
	ADD("lifetime", should_remove_a_ref_channel_with_its_last_endpoint, should_linger);
}
