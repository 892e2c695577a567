/* SPDX-License-Identifier: MIT */
/* The connection to chand: packets of every kind, descriptors, time limits, and what the
 * connection says where chand can't be asked. */
#include "fake.h"

#include "base/clock.h"
#include "support/clock.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST MESSAGE_PROTOCOL " " VERB_STATUS "\n"
#define OK MESSAGE_PROTOCOL " " PACKET_OK "\n"

static char packet[MESSAGE_MAX + 1];
static struct chand_answer got;

static void connect_to(struct chand *chand)
{
	struct chand_address at = fake_address();

	ck_assert_int_eq(chand_connect(chand, &at, SOON, NULL), 0);
}

/* Ask the fake chand that does so: what chand_ask() returns.  `chand` is closed, but what
 * it says stays. */
static int ask(struct chand *chand, const struct fake *fake, struct descriptor *passed)
{
	int err;

	fake_start(fake);
	connect_to(chand);
	err = chand_ask(chand, REQUEST, strlen(REQUEST), SOON, packet, passed, &got);
	chand_close(chand);
	fake_end();
	return err;
}

static void setup(void)
{
	ck_assert_int_eq(descriptors_prepare(fake_teardown), 0); /* nobody forks */
	fake_setup();
}

/* ---- packets ---- */

START_TEST(should_bring_a_request_there_and_an_answer_back)
{
	struct fake fake = {.packet[0].text = OK "a=1\nb=2\n"};
	struct chand chand;

	ck_assert_int_eq(ask(&chand, &fake, NULL), 0);
	ck_assert_str_eq(fake_request(), REQUEST);
	ck_assert_str_eq(got.what, PACKET_OK);
	ck_assert_int_eq(got.err, 0);
	ck_assert_str_eq(got.lines, "a=1\nb=2\n");
	ck_assert_int_eq(chand.socket.fd, -1);
}
END_TEST

START_TEST(should_receive_each_packet_of_a_longer_answer)
{
	struct fake fake = {.packet = {{MESSAGE_PROTOCOL " " PACKET_CHANNEL "\nname=x\n", 0, 0},
				    {MESSAGE_PROTOCOL " " PACKET_END "\n", 0, 0}}};
	struct chand chand;

	fake_start(&fake);
	connect_to(&chand);
	ck_assert_int_eq(chand_ask(&chand, REQUEST, strlen(REQUEST), SOON, packet, NULL, &got), 0);
	ck_assert_str_eq(got.what, PACKET_CHANNEL);
	ck_assert_int_gt(chand_receive(&chand, packet, NULL, clock_monotonic() + SOON), 0);
	ck_assert_int_eq(chand_parse(&chand, packet, &got), 0);
	ck_assert_str_eq(got.what, PACKET_END);
	ck_assert_str_eq(got.lines, "");
	ck_assert_int_eq(chand_receive(&chand, packet, NULL, clock_monotonic() + SOON), -ENOTCONN);
	chand_close(&chand);
	fake_end();
}
END_TEST

START_TEST(should_receive_a_packet_of_the_largest_size)
{
	static char large[MESSAGE_MAX + 1];
	struct fake fake = {.packet[0] = {large, MESSAGE_MAX, 0}};
	struct chand chand;

	memset(large, 'x', MESSAGE_MAX);
	memcpy(large, OK, strlen(OK));
	memset(packet, '!', sizeof(packet));
	ck_assert_int_eq(ask(&chand, &fake, NULL), 0);
	ck_assert_str_eq(got.lines, large + strlen(OK));
}
END_TEST

START_TEST(should_not_take_an_answer_that_was_cut)
{
	static char large[MESSAGE_MAX + 1];
	struct fake fake = {.packet[0] = {large, sizeof(large), 1}};
	struct descriptor passed = {.fd = -1};
	int before = count_descriptors();
	struct chand chand;

	memset(large, 'x', sizeof(large));
	memcpy(large, OK, strlen(OK));
	ck_assert_int_eq(ask(&chand, &fake, &passed), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(chand.problem, "was cut: it is longer than 4096 bytes"));
	ck_assert_ptr_nonnull(strstr(chand.remedy, "restart it"));
	ck_assert_int_eq(passed.fd, -1);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(should_refuse_to_send_more_than_a_packet)
{
	struct fake fake = {.early = true};
	struct chand chand;

	fake_start(&fake);
	connect_to(&chand);
	ck_assert_int_eq(chand_send(&chand, packet, MESSAGE_MAX + 1), -EMSGSIZE);
	chand_close(&chand);
	fake_end();
}
END_TEST

static const char *const junk[] = {
	"x",
	"\n",
	MESSAGE_PROTOCOL,
	MESSAGE_PROTOCOL " " PACKET_OK, /* cut off */
	MESSAGE_PROTOCOL PACKET_OK "\n",
	"chand/2 " PACKET_OK "\n",
	"Chand/1 " PACKET_OK "\n",
	"HTTP/1.1 400 Bad Request\r\n\r\n",
	MESSAGE_PROTOCOL " " PACKET_ERROR "\n",
	MESSAGE_PROTOCOL " " PACKET_ERROR " \n",
	MESSAGE_PROTOCOL " " PACKET_ERROR " 0\n",
	MESSAGE_PROTOCOL " " PACKET_ERROR " -2\n",
	MESSAGE_PROTOCOL " " PACKET_ERROR " 2x\n",
	MESSAGE_PROTOCOL " " PACKET_ERROR " 4096\n",
	MESSAGE_PROTOCOL " " PACKET_ERROR " 4294967298\n",
};
#define JUNK (sizeof(junk) / sizeof(*junk))

START_TEST(should_not_take_junk_for_an_answer)
{
	struct fake fake = {.packet[0].text = junk[_i]};
	struct chand chand;

	ck_assert_msg(ask(&chand, &fake, NULL) == -EBADMSG, "taken for an answer: %s", junk[_i]);
	ck_assert_ptr_nonnull(strstr(chand.problem, "is not chand, or one of another version"));
	ck_assert_ptr_nonnull(strstr(chand.remedy, "restart it"));
}
END_TEST

static const struct {
	const char *text;
	int err;
	const char *reason;
} refusals[] = {
	{" 2\nreason=no such channel\n", ENOENT, "no such channel"},
	{" 13\nlimit=4\nreason=not yours\nmore=1\n", EACCES, "not yours"},
	{" 28\nsomething else\nmore\n", ENOSPC, "something else"}, {" 4095\n", 4095, ""},
	{" 1\nunreason=1\n", EPERM, "unreason=1"},
	{" 5\nreason=", EIO, ""}, /* a packet may end without a newline */
};
#define REFUSALS (sizeof(refusals) / sizeof(*refusals))

START_TEST(should_find_the_number_and_the_reason_of_an_error)
{
	char text[128];
	struct fake fake = {.packet[0].text = text};
	struct chand chand;

	snprintf(text, sizeof(text), MESSAGE_PROTOCOL " " PACKET_ERROR "%s", refusals[_i].text);
	ck_assert_int_eq(ask(&chand, &fake, NULL), 0);
	ck_assert_str_eq(got.what, PACKET_ERROR);
	ck_assert_int_eq(got.err, refusals[_i].err);
	ck_assert_str_eq(got.lines, refusals[_i].reason);
}
END_TEST

/* ---- hanging up ---- */

START_TEST(should_notice_that_it_hangs_up_without_an_answer)
{
	struct fake fake = {.after = 0};
	struct chand chand;

	ck_assert_int_eq(ask(&chand, &fake, NULL), -ENOTCONN);
	ck_assert_ptr_nonnull(strstr(chand.problem, "hung up"));
	ck_assert_str_eq(chand.remedy, "try again");
}
END_TEST

START_TEST(should_hear_why_it_hung_up_before_the_request)
{
	struct fake fake = {.early = true,
		.packet[0].text = MESSAGE_PROTOCOL " " PACKET_ERROR " 24\nreason=too many\n"};
	struct chand chand;

	fake_start(&fake);
	connect_to(&chand);
	fake_end();
	ck_assert_int_eq(chand_ask(&chand, REQUEST, strlen(REQUEST), SOON, packet, NULL, &got), 0);
	ck_assert_int_eq(got.err, EMFILE);
	ck_assert_str_eq(got.lines, "too many");
	chand_close(&chand);
}
END_TEST

START_TEST(should_take_an_empty_packet_for_a_hang_up)
{
	struct fake fake = {.packet[0].text = "", .silent = true};
	struct chand chand;

	ck_assert_int_eq(ask(&chand, &fake, NULL), -ENOTCONN);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(should_keep_one_descriptor_and_close_the_others)
{
	struct fake fake = {.packet[0] = {OK, 0, _i}};
	struct descriptor passed = {.fd = -1};
	struct chand chand;
	int before = count_descriptors();

	ck_assert_int_eq(ask(&chand, &fake, &passed), 0);
	ck_assert_int_eq(count_descriptors(), before + 1);
	ck_assert(fake_passed(passed.fd));
	ck_assert_int_eq(fcntl(passed.fd, F_GETFD), FD_CLOEXEC);
	descriptor_close(&passed);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(should_close_a_descriptor_that_nobody_wants)
{
	struct fake fake = {.packet[0] = {OK, 0, 1}};
	struct chand chand;
	int before = count_descriptors();

	ck_assert_int_eq(ask(&chand, &fake, NULL), 0);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(should_keep_the_first_packets_descriptor)
{
	struct fake fake = {.packet = {{OK, 0, 1}, {OK, 0, 1}}};
	struct descriptor passed = {.fd = -1};
	int before = count_descriptors(), fd;
	struct chand chand;

	fake_start(&fake);
	connect_to(&chand);
	ck_assert_int_eq(
		chand_ask(&chand, REQUEST, strlen(REQUEST), SOON, packet, &passed, &got), 0);
	fd = passed.fd;
	ck_assert_int_gt(chand_receive(&chand, packet, &passed, clock_monotonic() + SOON), 0);
	ck_assert_int_eq(passed.fd, fd);
	chand_close(&chand);
	fake_end();
	ck_assert_int_eq(count_descriptors(), before + 1);
	descriptor_close(&passed);
}
END_TEST

START_TEST(should_have_no_descriptor_if_none_comes)
{
	struct fake fake = {.packet[0].text = OK};
	struct descriptor passed = {.fd = -1};
	struct chand chand;

	ck_assert_int_eq(ask(&chand, &fake, &passed), 0);
	ck_assert_int_eq(passed.fd, -1);
}
END_TEST

/* ---- time ---- */

#define SHORT (50 * MS)

START_TEST(should_not_wait_longer_than_its_patience)
{
	struct fake fake = {.silent = true};
	int64_t start;
	struct chand chand;

	fake_start(&fake);
	connect_to(&chand);
	start = now();
	ck_assert_int_eq(
		chand_ask(&chand, REQUEST, strlen(REQUEST), SHORT, packet, NULL, &got), -ETIMEDOUT);
	ck_assert_int_ge(now() - start, SHORT);
	ck_assert_int_lt(now() - start, SOON);
	ck_assert_ptr_nonnull(strstr(chand.problem, "does not answer within 1 s"));
	ck_assert_ptr_nonnull(strstr(chand.remedy, "restart it"));
	chand_close(&chand);
	fake_end();
}
END_TEST

static void ignore(int sig)
{
	(void)sig;
}

START_TEST(should_wait_through_signals)
{
	struct itimerval often = {.it_interval.tv_usec = 2000, .it_value.tv_usec = 2000};
	struct fake fake = {.packet[0].text = OK, .after = SHORT};
	struct sigaction sa = {.sa_handler = ignore};
	struct chand chand;
	int err;

	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	fake_start(&fake);
	connect_to(&chand);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	err = chand_ask(&chand, REQUEST, strlen(REQUEST), SOON, packet, NULL, &got);
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 0}, NULL);
	ck_assert_int_eq(err, 0);
	chand_close(&chand);
	fake_end();
}
END_TEST

/* The number of connections that fit into a backlog is the kernel's business. */
START_TEST(should_not_wait_longer_to_be_accepted)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct chand_address at = fake_address();
	int fd = fake_listen(SOCK_SEQPACKET, 0), n = 0, client[16];
	struct chand chand;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", at.path);
	do {
		ck_assert_int_lt(n, 16);
		client[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	} while (connect(client[n++], (struct sockaddr *)&to, sizeof(to)) == 0);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(chand_connect(&chand, &at, SHORT, NULL), -ETIMEDOUT);
	ck_assert_int_eq(chand.socket.fd, -1);
	while (n)
		close(client[--n]);
	close(fd);
}
END_TEST

/* A chand that reads nothing. */
START_TEST(should_not_wait_longer_to_send)
{
	struct chand_address at = fake_address();
	int fd = fake_listen(SOCK_SEQPACKET, 8), err = 0;
	struct chand chand;

	ck_assert_int_eq(chand_connect(&chand, &at, SHORT, NULL), 0);
	for (int i = 0; err == 0 && i < 100000; i++)
		err = chand_send(&chand, packet, MESSAGE_MAX);
	ck_assert_int_eq(err, -ETIMEDOUT);
	chand_close(&chand);
	close(fd);
}
END_TEST

static int give_up(int fd, short events, int64_t deadline)
{
	(void)fd;
	(void)events;
	(void)deadline;
	return -EINTR;
}

START_TEST(should_return_when_the_callers_wait_is_interrupted)
{
	struct fake fake = {.silent = true};
	struct chand_address at = fake_address();
	struct chand chand;

	fake_start(&fake);
	ck_assert_int_eq(chand_connect(&chand, &at, SOON, give_up), 0);
	ck_assert_int_eq(
		chand_ask(&chand, REQUEST, strlen(REQUEST), SOON, packet, NULL, &got), -EINTR);
	chand_close(&chand);
	fake_end();
}
END_TEST

/* ---- no chand ---- */

static void expect_none(const char *path, int err, const char *problem, const char *remedy)
{
	struct chand_address at = {.path = path, .given = true};
	int before = count_descriptors();
	struct chand chand;

	ck_assert_int_eq(chand_connect(&chand, &at, SOON, NULL), err);
	ck_assert(chand_unreachable(err));
	ck_assert_msg(strstr(chand.problem, problem) != NULL, "it says: %s", chand.problem);
	ck_assert_msg(strstr(chand.remedy, remedy) != NULL, "its remedy: %s", chand.remedy);
	ck_assert_int_eq(chand.socket.fd, -1);
	ck_assert_int_eq(count_descriptors(), before);
}

START_TEST(should_say_why_there_is_no_chand)
{
	static char longer[200];
	int fd;

	expect_none("/nowhere/control", -ENOTCONN, "neither the socket /nowhere/control nor",
		CONTROL_VARIABLE);
	expect_none(fake_file("control"), -ENOTCONN, "there is no socket", "start it");
	memset(longer, 'x', sizeof(longer) - 1);
	expect_none(longer, -ENOTCONN, "too long", "correct " CONTROL_VARIABLE);
	fd = fake_listen(SOCK_STREAM, 8);
	expect_none(fake_file("control"), -ENOTCONN, "is not chand's socket", "start it");
	close(fd);
	unlink(fake_file("control"));
	fd = fake_listen(SOCK_SEQPACKET, -1);
	close(fd);
	expect_none(fake_file("control"), -ENOTCONN, "nobody listens", "start it");
}
END_TEST

START_TEST(should_say_that_it_is_another_users)
{
	int fd = fake_listen(SOCK_SEQPACKET, 8);

	ck_assert_int_eq(chmod(fake_file("control"), 0), 0);
	ck_assert_int_eq(chmod(fake_file("."), 0755), 0);
	ck_assert_int_eq(seteuid(65534), 0);
	expect_none(fake_file("control"), -EACCES, "may not connect", "correct or unset");
	ck_assert_int_eq(seteuid(0), 0);
	close(fd);
}
END_TEST

START_TEST(should_know_which_errors_mean_that_chand_cannot_be_asked)
{
	static const int can[] = {0, -EINTR, -ENOENT, -EMFILE, -EMSGSIZE, -ECONNREFUSED};

	for (size_t i = 0; i < sizeof(can) / sizeof(*can); i++)
		ck_assert(!chand_unreachable(can[i]));
}
END_TEST

START_TEST(should_find_the_socket_and_its_directory)
{
	struct chand_address at = chand_system();
	struct stat st, wanted;

	ck_assert_str_eq(at.path, fake_file("control"));
	ck_assert(at.given);
	ck_assert(chand_directory(&at, &st));
	ck_assert_int_eq(stat(fake_file("."), &wanted), 0);
	ck_assert_uint_eq(st.st_ino, wanted.st_ino);
	at.path = "/nowhere/control";
	ck_assert(!chand_directory(&at, &st));
	at.path = "control"; /* it has none */
	ck_assert(!chand_directory(&at, &st));
	unsetenv(CONTROL_VARIABLE);
	at = chand_system();
	ck_assert_str_eq(at.path, CONTROL_SYSTEM);
	ck_assert(!at.given);
}
END_TEST

void add_tests(void)
{
	GROUP("packets", setup, fake_teardown, should_bring_a_request_there_and_an_answer_back,
		should_receive_each_packet_of_a_longer_answer,
		should_receive_a_packet_of_the_largest_size, should_not_take_an_answer_that_was_cut,
		should_refuse_to_send_more_than_a_packet,
		should_notice_that_it_hangs_up_without_an_answer,
		should_hear_why_it_hung_up_before_the_request,
		should_take_an_empty_packet_for_a_hang_up);
	GROUP_FOR(0, JUNK, "junk", setup, fake_teardown, should_not_take_junk_for_an_answer);
	GROUP_FOR(0, REFUSALS, "errors", setup, fake_teardown,
		should_find_the_number_and_the_reason_of_an_error);
	/* The library's control message has room for two; the kernel closes more. */
	GROUP_FOR(1, 5, "descriptors", setup, fake_teardown,
		should_keep_one_descriptor_and_close_the_others);
	GROUP("other descriptors", setup, fake_teardown,
		should_close_a_descriptor_that_nobody_wants,
		should_keep_the_first_packets_descriptor, should_have_no_descriptor_if_none_comes);
	GROUP("time", setup, fake_teardown, should_not_wait_longer_than_its_patience,
		should_wait_through_signals, should_not_wait_longer_to_be_accepted,
		should_not_wait_longer_to_send, should_return_when_the_callers_wait_is_interrupted);
	GROUP("no chand", setup, fake_teardown, should_say_why_there_is_no_chand,
		should_know_which_errors_mean_that_chand_cannot_be_asked,
		should_find_the_socket_and_its_directory);
	if (place_has(NEED_ROOT) && place_has(NEED_USERS))
		GROUP("another user's", setup, fake_teardown, should_say_that_it_is_another_users);
}
