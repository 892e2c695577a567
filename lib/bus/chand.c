/* SPDX-License-Identifier: MIT */
/* The model is in chand.h. */
#include "bus/chand.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define PATH_MOST (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define ERRNO_MAX 4095

struct chand_address chand_system(void)
{
	const char *given = secure_getenv(CONTROL_VARIABLE);

	return (struct chand_address){.path = given ? given : CONTROL_SYSTEM, .given = given};
}

bool chand_directory(const struct chand_address *at, struct stat *ret)
{
	const char *slash = strrchr(at->path, '/');
	char directory[PATH_MOST + 1];
	size_t length = slash ? (size_t)(slash - at->path) : 0;

	if (!length || length >= sizeof(directory))
		return false;
	memcpy(directory, at->path, length);
	directory[length] = '\0';
	return stat(directory, ret) == 0;
}

/* ---- why it can't be asked ---- */

bool chand_unreachable(int err)
{
	return err == -ENOTCONN || err == -EACCES || err == -ETIMEDOUT || err == -EBADMSG;
}

static const char *systemctl(const struct chand *chand)
{
	return chand->at.user ? "systemctl --user" : "systemctl";
}

static void set_remedy(struct chand *chand, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void set_remedy(struct chand *chand, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(chand->remedy, sizeof(chand->remedy), fmt, ap);
	va_end(ap);
}

/* Set the problem; its remedy is to start chand, unless another is set afterwards. */
static int set_problem(struct chand *chand, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int set_problem(struct chand *chand, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(chand->problem, sizeof(chand->problem), fmt, ap);
	va_end(ap);
	if (chand->at.given)
		set_remedy(chand, "start it, or correct or unset " CONTROL_VARIABLE);
	else
		set_remedy(chand, "start it with '%s start chand.socket'", systemctl(chand));
	return err;
}

static int hung_up(struct chand *chand)
{
	set_problem(chand, -ENOTCONN, "chand at %s hung up without an answer", chand->at.path);
	set_remedy(chand, "try again");
	return -ENOTCONN;
}

int chand_no_answer(struct chand *chand, int64_t patience)
{
	set_problem(chand, -ETIMEDOUT,
		"chand at %s does not answer within %d s: it is stopped, or overrun",
		chand->at.path, (int)((patience + NS_PER_S - 1) / NS_PER_S));
	if (chand->at.given)
		set_remedy(chand, "let it go on, or restart it: that loses nothing");
	else
		set_remedy(chand, "see '%s status chand'; '%s restart chand' loses nothing",
			systemctl(chand), systemctl(chand));
	return -ETIMEDOUT;
}

/* Set the remedy for an answer that is not understood. */
static int not_understood(struct chand *chand)
{
	if (chand->at.given)
		set_remedy(chand, "restart it if shmchan was updated");
	else
		set_remedy(chand, "'%s restart chand' if shmchan was updated", systemctl(chand));
	return -EBADMSG;
}

static int not_chand(struct chand *chand)
{
	set_problem(chand, -EBADMSG, "what answers at %s is not chand, or one of another version",
		chand->at.path);
	return not_understood(chand);
}

static int was_cut(struct chand *chand)
{
	set_problem(chand, -EBADMSG,
		"the answer of chand at %s was cut: it is longer than %d bytes", chand->at.path,
		MESSAGE_MAX);
	return not_understood(chand);
}

static int not_ours(struct chand *chand)
{
	set_problem(chand, -EACCES, "this user may not connect to %s: it is somebody else's chand",
		chand->at.path);
	if (chand->at.given)
		set_remedy(chand, "correct or unset " CONTROL_VARIABLE);
	else if (chand->at.user)
		set_remedy(chand, "set XDG_RUNTIME_DIR=/run/user/%u", (unsigned)geteuid());
	else
		set_remedy(chand, "ask the administrator");
	return -EACCES;
}

static int path_too_long(struct chand *chand)
{
	const char *variable = chand->at.given ? CONTROL_VARIABLE : "XDG_RUNTIME_DIR";

	set_problem(chand, -ENOTCONN, "the path in %s is too long for a socket", variable);
	set_remedy(chand, "correct %s", variable);
	return -ENOTCONN;
}

static int no_socket(struct chand *chand)
{
	struct stat st;

	if (chand_directory(&chand->at, &st))
		return set_problem(chand, -ENOTCONN, "there is no socket %s: chand is not running",
			chand->at.path);
	return set_problem(chand, -ENOTCONN, "there is neither the socket %s nor its directory",
		chand->at.path);
}

/* connect(2) failed with the error number `err`. */
static int connect_failed(struct chand *chand, int err)
{
	switch (err) {
	case EINTR:
		return -EINTR;
	case EAGAIN:
		return chand_no_answer(chand, chand->patience);
	case EACCES:
	case EPERM:
		return not_ours(chand);
	case ENOENT:
	case ENOTDIR:
		return no_socket(chand);
	case ECONNREFUSED:
		return set_problem(chand, -ENOTCONN,
			"nobody listens at %s any more: chand has ended", chand->at.path);
	case EPROTOTYPE:
	case ENOTSOCK:
		return set_problem(
			chand, -ENOTCONN, "what lies at %s is not chand's socket", chand->at.path);
	}
	return set_problem(
		chand, -ENOTCONN, "connecting to %s fails with errno %d", chand->at.path, err);
}

/* ---- packets ---- */

/* poll(2) until the deadline, whatever signals come. */
static int wait_until(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;
	int n;

	do {
		left = deadline - clock_monotonic();
		n = poll(&p, 1, left > 0 ? (int)(left / 1000000) + 1 : 0);
	} while (n < 0 && errno == EINTR && left > 0);
	return n > 0 ? n : n == 0 || errno == EINTR ? -ETIMEDOUT : -ENOTCONN;
}

static int connect_socket(struct chand *chand)
{
	const struct timeval patience = {
		.tv_sec = chand->patience / NS_PER_S, .tv_usec = chand->patience % NS_PER_S / 1000};
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memcpy(at.sun_path, chand->at.path, strlen(chand->at.path) + 1);
	setsockopt(chand->socket.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(chand->socket.fd, (struct sockaddr *)&at, sizeof(at)) < 0
		       ? connect_failed(chand, errno)
		       : 0;
}

int chand_connect(struct chand *ret, const struct chand_address *at, int64_t patience,
	int (*wait)(int fd, short events, int64_t deadline))
{
	int err;

	*ret = (struct chand){
		.socket.fd = -1, .at = *at, .patience = patience, .wait = wait ? wait : wait_until};
	if (strlen(at->path) > PATH_MOST)
		return path_too_long(ret);
	if (access(at->path, F_OK) < 0)
		return connect_failed(ret, errno);
	err = descriptor_socket(&ret->socket, SOCK_SEQPACKET);
	if (err < 0)
		return err;
	err = connect_socket(ret);
	if (err < 0)
		chand_close(ret);
	return err;
}

void chand_close(struct chand *chand)
{
	descriptor_close(&chand->socket);
}

int chand_send(struct chand *chand, const char *request, size_t length)
{
	int64_t deadline = clock_monotonic() + chand->patience;

	if (length > MESSAGE_MAX)
		return -EMSGSIZE;
	while (send(chand->socket.fd, request, length, MSG_NOSIGNAL) < 0)
		if (errno == EPIPE) /* it hung up: it may have said why */
			return 0;
		else if (errno == EAGAIN || (errno == EINTR && clock_monotonic() >= deadline))
			return chand_no_answer(chand, chand->patience);
		else if (errno != EINTR)
			return hung_up(chand);
	return 0;
}

ssize_t chand_receive(
	struct chand *chand, char *packet, struct descriptor *passed, int64_t deadline)
{
	struct descriptor unwanted = {.fd = -1};
	ssize_t n;

	do {
		n = chand->wait(chand->socket.fd, POLLIN, deadline);
		if (n == -ETIMEDOUT || n == -EINTR)
			return n;
		n = n < 0 ? 0
			  : descriptor_receive(passed ? passed : &unwanted, chand->socket.fd,
				    packet, MESSAGE_MAX);
	} while (n == -EAGAIN || n == -EINTR);
	descriptor_close(&unwanted);
	if (n == -EMFILE || n == -ENFILE) /* there is no room for what it passes */
		return n;
	if (n <= 0)
		return hung_up(chand);
	if (n > MESSAGE_MAX) {
		if (passed)
			descriptor_close(passed);
		return was_cut(chand);
	}
	packet[n] = '\0';
	return n;
}

/* Return the error number behind PACKET_ERROR, or 0 if that is none. */
static int parse_number(const char *text)
{
	int n = 0;

	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		n = n * 10 + (*text - '0');
		if (n > ERRNO_MAX)
			return 0;
	}
	return n;
}

/* Return the value of a line KEY_REASON=..., else the first line. */
static const char *parse_reason(char *lines)
{
	static const char key[] = KEY_REASON "=";

	for (char *line = lines; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, strlen(key))) {
			lines = line + strlen(key);
			break;
		}
	}
	lines[strcspn(lines, "\n")] = '\0';
	return lines;
}

int chand_parse(struct chand *chand, char *packet, struct chand_answer *ret)
{
	static const char head[] = MESSAGE_PROTOCOL " ", error[] = PACKET_ERROR;
	struct chand_answer answer = {.what = packet + strlen(head)};
	char *newline = strchr(packet, '\n'), *number = packet + strlen(head) + strlen(error);

	if (!newline || strncmp(packet, head, strlen(head)) != 0)
		return not_chand(chand);
	*newline = '\0';
	answer.lines = newline + 1;
	if (!strncmp(answer.what, error, strlen(error)) && (*number == ' ' || !*number)) {
		answer.err = *number ? parse_number(number + 1) : 0;
		if (!answer.err)
			return not_chand(chand);
		answer.what = PACKET_ERROR;
		answer.lines = parse_reason(newline + 1);
	}
	*ret = answer;
	return 0;
}

int chand_ask(struct chand *chand, const char *request, size_t length, int64_t patience,
	char *packet, struct descriptor *passed, struct chand_answer *ret)
{
	int64_t deadline = clock_monotonic() + patience;
	int err = chand_send(chand, request, length);
	ssize_t n;

	if (err < 0)
		return err;
	n = chand_receive(chand, packet, passed, deadline);
	if (n == -ETIMEDOUT)
		return chand_no_answer(chand, patience);
	return n < 0 ? (int)n : chand_parse(chand, packet, ret);
}
