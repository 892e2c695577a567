/* SPDX-License-Identifier: MIT */
/* The model is in client.h. */
#define _GNU_SOURCE 1
#include "bus/client.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/words.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL "/run/chand/control"
#define PROTOCOL "chand/1 "
#define PACKET 4096

struct request {
	char text[PACKET];
	size_t length;
};

static void put(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct request *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->length, sizeof(r->text) - r->length, fmt, ap);
	va_end(ap);
	/* Everything that is put is bounded, and the sum is far below PACKET. */
	if (n > 0 && (size_t)n < sizeof(r->text) - r->length)
		r->length += (size_t)n;
}

static void begin(struct request *r, const char *verb, uid_t owner, const char *name)
{
	r->length = 0;
	put(r, PROTOCOL "%s\nbus=%u\nname=%s\n", verb, (unsigned)owner, name);
}

static const char *control_path(void)
{
	const char *path = secure_getenv("SHMCHAN_CONTROL");

	return path ? path : CONTROL;
}

/* The directory of the socket, which chand's user owns: false if there is none. */
static bool runtime_directory(struct stat *ret)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *path = control_path(), *slash = strrchr(path, '/');

	if (!slash || slash == path || (size_t)(slash - path) >= sizeof(dir))
		return false;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	return stat(dir, ret) == 0;
}

bool client_keeps(uid_t owner)
{
	struct stat st;

	if (runtime_directory(&st))
		return st.st_uid == owner;
	/* A path that was given and leads nowhere: its giver expects a chand. */
	return secure_getenv("SHMCHAN_CONTROL") != NULL;
}

static int hung_up(void)
{
	return error_because(-ECONNREFUSED, "chand at %.108s hung up without an answer; try again",
		control_path());
}

static int no_reply(void)
{
	return error_because(-ECONNREFUSED,
		"chand at %.108s does not answer within a second: it is stopped or overrun; "
		"'systemctl status chand' says more",
		control_path());
}

static int io_error(void)
{
	return errno == EAGAIN ? no_reply() : hung_up();
}

static int nonsense(void)
{
	return error_because(-ECONNREFUSED,
		"what answers at %.108s is not chand, or one of another version; "
		"'systemctl restart chand' if shmchan was updated",
		control_path());
}

/* Who can help. */
static const char *start(void)
{
	return secure_getenv("SHMCHAN_CONTROL") ? "start it, or correct or unset SHMCHAN_CONTROL"
						: "'systemctl start chand.socket' starts it";
}

/* Why chand can't be asked, and what to do: a true line for each reason. */
static int cannot_connect(int err)
{
	const char *path = control_path();
	struct stat st;

	switch (err) {
	case ENOENT:
	case ENOTDIR:
		if (!runtime_directory(&st))
			return error_because(-ECONNREFUSED,
				"there is neither the socket %.108s nor its directory; %s", path,
				start());
		return error_because(-ECONNREFUSED,
			"there is no socket %.108s: chand is not running; %s", path, start());
	case ECONNREFUSED:
		return error_because(-ECONNREFUSED,
			"nobody listens at %.108s any more: chand has ended; %s", path, start());
	case EACCES:
	case EPERM:
		return error_because(-ECONNREFUSED,
			"this user may not connect to %.108s: it is somebody else's chand; %s",
			path,
			secure_getenv("SHMCHAN_CONTROL") ? "correct or unset SHMCHAN_CONTROL"
							 : "ask the administrator");
	case EAGAIN:
		return no_reply();
	case EPROTOTYPE:
	case ENOTSOCK:
		return error_because(-ECONNREFUSED,
			"what lies at %.108s is not chand's socket; %s", path, start());
	case ENAMETOOLONG:
		return error_because(-ECONNREFUSED,
			"the path in SHMCHAN_CONTROL is too long for a socket; correct it");
	default:
		return error_because(
			-ECONNREFUSED, "connecting to %.108s fails with errno %d", path, err);
	}
}

static int connect_control(struct descriptor *ret, int64_t deadline)
{
	const struct timeval second = {.tv_sec = 1};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *path = control_path();
	int err;

	if (strlen(path) >= sizeof(at.sun_path))
		return cannot_connect(ENAMETOOLONG);
	if (access(path, F_OK) < 0)
		return cannot_connect(errno);
	memcpy(at.sun_path, path, strlen(path) + 1);
	err = descriptor_socket(ret, SOCK_SEQPACKET);
	if (err < 0)
		return error_from(TRIED_SOCKET, err);
	setsockopt(ret->fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	do
		err = connect(ret->fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? errno : 0;
	while (err == EINTR && clock_monotonic() < deadline);
	if (err) {
		descriptor_close(ret);
		return cannot_connect(err == EINTR ? EAGAIN : err);
	}
	return 0;
}

/* An error that chand told, with its reason.  It has it from this library, or says
 * what its own protocol adds. */
static int refusal(int err, const char *text, size_t length)
{
	static const int known[] = {ENOENT, EACCES, EPERM, EEXIST, EINVAL, ENOSPC, EDQUOT, EFBIG,
		ENOMEM, EMFILE, ENFILE, ENOLCK, EROFS, ESRCH, EBUSY, EUSERS, EBADMSG,
		EPROTONOSUPPORT, EPROTOTYPE, EXDEV, EOPNOTSUPP, EIDRM, EIO, EINPROGRESS};
	static const char reason[] = "reason=";
	const char *line = memmem(text, length, reason, strlen(reason));
	size_t n = 0;

	if (line) {
		line += strlen(reason);
		while (line + n < text + length && line[n] != '\n')
			n++;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == err)
			return error_because(-err, "%.*s", (int)n, line ? line : "");
	return error_because(-EIO, "chand: error %d: %.*s", err, (int)n, line ? line : "");
}

/* The first line of an answer: 0, or the error that it tells. */
static int verdict(const char *text, size_t length)
{
	static const char ok[] = PROTOCOL "OK\n", error[] = PROTOCOL "ERROR ";
	int err = 0;

	if (length >= strlen(ok) && !memcmp(text, ok, strlen(ok)))
		return 0;
	if (length < strlen(error) || memcmp(text, error, strlen(error)) != 0)
		return nonsense();
	for (size_t i = strlen(error); i < length && text[i] >= '0' && text[i] <= '9'; i++) {
		err = err * 10 + (text[i] - '0');
		if (err > 4095)
			return nonsense();
	}
	return err ? refusal(err, text, length) : nonsense();
}

/* Wait until there is something to receive: 0 or an error. */
static int await_answer(int sock, int64_t deadline)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	int64_t left;
	int n;

	do {
		left = deadline - clock_monotonic();
		n = poll(&p, 1, left > 0 ? (int)(left / 1000000) + 1 : 0);
	} while (n < 0 && errno == EINTR && left > 0);
	return n > 0 ? 0 : n == 0 || errno == EINTR ? no_reply() : hung_up();
}

/* No lock is held while chand thinks, or does not answer. */
static ssize_t receive(struct descriptor *ret, int sock, void *buf, size_t size, int64_t deadline)
{
	ssize_t n;

	do {
		n = await_answer(sock, deadline);
		if (n < 0)
			return n;
		n = descriptor_receive(ret, sock, buf, size);
	} while (n == -EAGAIN || n == -EINTR);
	if (n == -EMFILE || n == -ENFILE) /* so it has no room for the channel's */
		return error_from(TRIED_SOCKET, (int)n);
	return n > 0 ? n : hung_up();
}

/* Send, and get the answer: 0 or an error; `ret` becomes the descriptor that came
 * along, if any. */
static int ask(const struct request *r, struct descriptor *ret)
{
	struct descriptor control = {.fd = -1};
	int64_t deadline = clock_monotonic() + 1000000000;
	char answer[PACKET];
	ssize_t n;
	int err = connect_control(&control, deadline);

	if (err < 0)
		return err;
	do
		n = send(control.fd, r->text, r->length, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR && clock_monotonic() < deadline);
	if (n < 0 && errno != EPIPE)
		err = io_error();
	else /* if it hung up, it may have said why */
		n = receive(ret, control.fd, answer, sizeof(answer), deadline);
	if (err == 0)
		err = n < 0 ? (int)n : verdict(answer, (size_t)n);
	if (err < 0)
		descriptor_close(ret);
	descriptor_close(&control);
	return err;
}

int client_open(struct descriptor *ret, uid_t owner, const char *name, unsigned roles)
{
	struct request r;
	int err;

	begin(&r, "OPEN", owner, name);
	put(&r, "roles=%s\n", word(&words_role, roles & (CHAN_SEND | CHAN_RECV)));
	err = ask(&r, ret);
	return err == 0 && ret->fd < 0 ? nonsense() : err;
}

static int ask_plainly(const struct request *r)
{
	struct descriptor none = {.fd = -1};
	int err = ask(r, &none);

	descriptor_close(&none);
	return err;
}

int client_create(uid_t owner, const char *name, const struct chan_options *opt)
{
	struct request r;

	begin(&r, "CREATE", owner, name);
	put(&r, "kind=%s\n", word(&words_kind, opt->kind));
	if (opt->capacity)
		put(&r, "capacity=%" PRIu64 "\n", opt->capacity);
	if (opt->max_message)
		put(&r, "max-message=%" PRIu32 "\n", opt->max_message);
	put(&r, "overflow=%s\n", word(&words_overflow, opt->overflow));
	if (opt->mode)
		put(&r, "mode=%04" PRIo32 "\n", opt->mode);
	if (opt->endpoints)
		put(&r, "endpoints=%" PRIu32 "\n", opt->endpoints);
	put(&r, "lifetime=%s\n", word(&words_lifetime, opt->lifetime));
	if (opt->linger)
		put(&r, "linger=%" PRIu64 "ns\n", opt->linger);
	if (opt->flags & CHAN_END_WITH_SENDERS)
		put(&r, "end-with-senders=yes\n");
	if (opt->flags & CHAN_NEED_RECEIVERS)
		put(&r, "need-receivers=yes\n");
	return ask_plainly(&r);
}

int client_remove(uid_t owner, const char *name, bool name_only)
{
	struct request r;

	begin(&r, "REMOVE", owner, name);
	if (name_only)
		put(&r, "name-only=yes\n");
	return ask_plainly(&r);
}
