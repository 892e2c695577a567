/* SPDX-License-Identifier: MIT */
/* chan_futex(): a program that owns an io_uring sleeps there on a channel's word. */
#include "channel/channel.h"
#include "core/condvar.h"
#include "support/await.h"
#include "support/channel.h"
#include "support/place.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/syscall.h>

/* Of linux/io_uring.h and linux/futex.h since Linux 6.7. */
#define OP_FUTEX_WAIT 51
#define SIZE_U32 2
#define MATCH_ANY 0xffffffffu

static chan_t *rx, *tx;
static struct io_uring ring;
static bool can; /* the kernel has it */

static void setup(void)
{
	struct io_uring_probe *probe;

	channel_setup();
	rx = open_as(CHAN_RECV | CHAN_CREATE, OPTIONS(.capacity = 4096));
	tx = open_as(CHAN_SEND, NULL);
	ck_assert_int_eq(io_uring_queue_init(8, &ring, 0), 0);
	probe = io_uring_get_probe_ring(&ring);
	can = probe && io_uring_opcode_supported(probe, OP_FUTEX_WAIT);
	io_uring_free_probe(probe);
}

static void teardown(void)
{
	io_uring_queue_exit(&ring);
	chan_detach(rx);
	chan_detach(tx);
	channel_teardown();
}

/* Sleep in the ring while the word has its value, a second at most: what the kernel says. */
static int sleep_in_ring(const struct chan_futex *f)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct __kernel_timespec second = {.tv_sec = 1};
	struct io_uring_cqe *cqe;
	int result;

	ck_assert_ptr_nonnull(sqe);
	io_uring_prep_rw(OP_FUTEX_WAIT, sqe, SIZE_U32, (const void *)f->word, 0, f->value);
	sqe->flags = IOSQE_IO_LINK;
	sqe->user_data = 0;
	sqe->addr3 = MATCH_ANY;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_link_timeout(sqe, &second, 0);
	sqe->user_data = 1;
	ck_assert_int_eq(io_uring_submit_and_wait(&ring, 2), 2);
	for (int i = result = 0; i < 2; i++) {
		ck_assert_int_eq(io_uring_wait_cqe(&ring, &cqe), 0);
		if (cqe->user_data != 1)
			result = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	return result;
}

static int missed; /* sleeps that nobody ended */

/* Receive one message, as a program with a ring does. */
static int receive(void)
{
	struct chan_futex f;
	bool slept = false;
	char m[8];
	int got;

	for (;;) {
		ck_assert_int_eq(chan_futex(rx, CHAN_RECV, &f), 0);
		got = (int)chan_recv(rx, m, sizeof(m), 0);
		if (got != -EAGAIN)
			break;
		slept = true;
		missed += sleep_in_ring(&f) == -ECANCELED;
	}
	if (slept)
		ck_assert_int_eq(chan_futex_leave(rx, CHAN_RECV), 0);
	return got;
}

#define ROUNDS 2000

static char answers[64]; /* a channel's name */

static int send_one_by_one(void *arg)
{
	chan_t *to, *back;
	char m[8];

	(void)arg;
	if (chan_open(&to, name, CHAN_SEND, NULL) < 0 ||
		chan_open(&back, answers, CHAN_RECV, NULL) < 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++)
		if (chan_send(to, "1234", 4, 30 * SECOND) < 0 ||
			chan_recv(back, m, sizeof(m), 30 * SECOND) != 1)
			return 2;
	return 0;
}

START_TEST(should_be_woken_in_the_ring)
{
	chan_t *back;
	pid_t pid;

	if (!can) {
		not_tried("this kernel has no IORING_OP_FUTEX_WAIT (Linux 6.7)");
		return;
	}
	strcpy(answers, channel_other("answers"));
	ck_assert_int_eq(chan_open(&back, answers, CHAN_SEND | CHAN_CREATE, NULL), 0);
	pid = in_child(send_one_by_one, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		ck_assert_int_eq(receive(), 4);
		ck_assert_int_eq(chan_send(back, "1", 1, 0), 0);
	}
	ck_assert_int_eq(wait_child(pid), 0);
	ck_assert_int_eq(missed, 0);
	chan_detach(back);
	chan_remove(answers);
}
END_TEST

static int receive_plainly(void *arg)
{
	chan_t *ch;
	char m[8];

	(void)arg;
	if (chan_open(&ch, name, CHAN_RECV, NULL) < 0)
		return 1;
	return chan_recv(ch, m, sizeof(m), 500 * MS) != 4; /* less than a slice */
}

START_TEST(should_pass_the_wake_up_on_when_it_leaves)
{
	pid_t pid = in_child(receive_plainly, NULL);

	ck_assert(wait_asleep(pid, SYS_futex));
	/* What a signaller does whose wake-up went to the ring. */
	rx->control->not_empty.waiting = 0;
	send_text(tx, "1234");
	ck_assert_int_eq(chan_futex_leave(rx, CHAN_RECV), 0);
	ck_assert_int_eq(wait_child(pid), 0);
}
END_TEST

START_TEST(should_refuse_bad_use)
{
	struct chan_futex f;

	ck_assert_int_eq(chan_futex(rx, CHAN_SEND, &f), -EBADF);
	ck_assert_int_eq(chan_futex(rx, 0, &f), -EINVAL);
	ck_assert_int_eq(chan_futex_leave(tx, CHAN_RECV), -EBADF);
	ck_assert_int_eq(chan_futex(tx, CHAN_SEND, &f), 0);
	ck_assert_uint_eq(*f.word, f.value);
}
END_TEST

void add_tests(void)
{
	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX)
		not_tried("the reference has no futexes");
	else if (place_has(NEED_IO_URING))
		GROUP("futex", setup, teardown, should_be_woken_in_the_ring,
			should_pass_the_wake_up_on_when_it_leaves, should_refuse_bad_use);
}
