/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "common/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The user who keeps the system's bus, if there is no chand to tell. */
#define KEEPER "chand"

/* ---- why chand can't be asked ---- */

static char problem[256] = "it was not asked", remedy[128] = "try again";
static enum cli_bus asked; /* the last one, and where it is */
static char asked_at[sizeof(((struct sockaddr_un *)0)->sun_path)];

const char *bus_problem(void)
{
	return problem;
}

const char *bus_remedy(void)
{
	return remedy;
}

bool bus_unreachable(int err, const char *reason)
{
	return !reason && (err == -ENOTCONN || err == -EACCES || err == -ETIMEDOUT);
}

/* Set the problem; its remedy is to start chand, unless another is set afterwards. */
static int because(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int because(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(problem, sizeof(problem), fmt, ap);
	va_end(ap);
	if (secure_getenv("SHMCHAN_CONTROL"))
		snprintf(remedy, sizeof(remedy), "start it, or correct or unset SHMCHAN_CONTROL");
	else
		snprintf(remedy, sizeof(remedy), "start it with 'systemctl %sstart chand.socket'",
			asked == CLI_USER_BUS ? "--user " : "");
	return err;
}

static int no_runtime_directory(void)
{
	because(-ENOTCONN, "XDG_RUNTIME_DIR is not set, which says where your chand is");
	snprintf(remedy, sizeof(remedy), "set XDG_RUNTIME_DIR=/run/user/%u", (unsigned)geteuid());
	return -ENOTCONN;
}

static bool directory_there(void)
{
	char dir[sizeof(asked_at)], *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", asked_at);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return true;
	*slash = '\0';
	return stat(dir, &st) == 0;
}

static int not_ours(void)
{
	because(-EACCES, "you may not connect to %s: it is somebody else's chand", asked_at);
	if (secure_getenv("SHMCHAN_CONTROL"))
		snprintf(remedy, sizeof(remedy), "correct or unset SHMCHAN_CONTROL");
	else if (asked == CLI_USER_BUS)
		snprintf(remedy, sizeof(remedy), "set XDG_RUNTIME_DIR=/run/user/%u",
			(unsigned)geteuid());
	else
		snprintf(remedy, sizeof(remedy), "ask the administrator");
	return -EACCES;
}

static int no_answer(void)
{
	because(-ETIMEDOUT, "chand at %s does not answer within %d s: it is stopped, or overrun",
		asked_at, (int)(BUS_PATIENCE / 1000000000));
	if (!secure_getenv("SHMCHAN_CONTROL"))
		snprintf(remedy, sizeof(remedy),
			"see 'systemctl %sstatus chand'; 'systemctl %srestart chand' loses nothing",
			asked == CLI_USER_BUS ? "--user " : "",
			asked == CLI_USER_BUS ? "--user " : "");
	else
		snprintf(remedy, sizeof(remedy), "let it go on, or restart it: that loses nothing");
	return -ETIMEDOUT;
}

static int hung_up(void)
{
	because(-ENOTCONN, "chand at %s hung up without an answer", asked_at);
	snprintf(remedy, sizeof(remedy), "try again");
	return -ENOTCONN;
}

static int cannot_connect(int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return not_ours();
	case EAGAIN:
		return no_answer();
	case EINTR:
		return -EINTR;
	case ECONNREFUSED:
		return because(
			-ENOTCONN, "nobody listens at %s any more: chand has ended", asked_at);
	case ENOENT:
	case ENOTDIR:
		return directory_there()
			       ? because(-ENOTCONN, "there is no socket %s: chand is not running",
					 asked_at)
			       : because(-ENOTCONN,
					 "there is neither the socket %s nor its directory",
					 asked_at);
	case EPROTOTYPE:
	case ENOTSOCK:
		return because(-ENOTCONN, "what lies at %s is not chand's socket", asked_at);
	}
	return because(-ENOTCONN, "connecting to %s: %s", asked_at, strerror(err));
}

/* ---- connection ---- */

int bus_path(enum cli_bus which, char *ret, size_t size)
{
	const char *given = secure_getenv("SHMCHAN_CONTROL"), *dir = getenv("XDG_RUNTIME_DIR");
	int n;

	/* It stands for the bus that is asked for: there is but one. */
	if (given && (which == CLI_SYSTEM_BUS || cli_bus() == CLI_USER_BUS))
		n = snprintf(ret, size, "%s", given);
	else if (given)
		return because(-ENOTCONN, "SHMCHAN_CONTROL stands for the system's chand");
	else if (which == CLI_SYSTEM_BUS)
		n = snprintf(ret, size, "/run/chand/control");
	else if (dir && *dir)
		n = snprintf(ret, size, "%s/chand/control", dir);
	else
		return no_runtime_directory();
	return n < (int)size ? 0 : because(-ENOTCONN, "the path of its socket is too long");
}

int bus_connect(enum cli_bus which)
{
	static const struct timeval patience = {.tv_sec = BUS_PATIENCE / 1000000000};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int err, fd;

	asked = which;
	err = bus_path(which, at.sun_path, sizeof(at.sun_path));
	if (err < 0)
		return err;
	memcpy(asked_at, at.sun_path, sizeof(asked_at));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	err = errno;
	close(fd);
	return cannot_connect(err);
}

int bus_send(int fd, const char *request)
{
	size_t len = strlen(request);

	if (len > BUS_PACKET)
		return -EMSGSIZE;
	while (send(fd, request, len, MSG_NOSIGNAL) < 0)
		if (errno == EPIPE) /* it hung up: it may have said why */
			return 0;
		else if (errno != EINTR)
			return errno == EAGAIN ? no_answer() : hung_up();
	return 0;
}

ssize_t bus_receive(int fd, char *buf, int64_t deadline)
{
	int err = cli_wait_fd(fd, POLLIN, deadline);
	ssize_t n;

	if (err < 0)
		return err;
	do
		n = recv(fd, buf, BUS_PACKET, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -ENOTCONN;
	buf[n] = '\0';
	return n;
}

int bus_verdict(char *packet, const char **text)
{
	static const char error[] = BUS_PROTOCOL " ERROR ", reason[] = "reason=";
	char *rest = strchr(packet, '\n'), *end;
	uint64_t err;

	if (!rest)
		return -EBADMSG;
	*rest++ = '\0';
	*text = rest;
	if (strncmp(packet, error, strlen(error)) != 0)
		return 0;
	if (cli_parse_count(packet + strlen(error), &err) || !err || err > 4095)
		return -EBADMSG;
	if (!strncmp(rest, reason, strlen(reason)))
		*text = rest + strlen(reason);
	end = strchr(rest, '\n');
	if (end)
		*end = '\0';
	return -(int)err;
}

int bus_ask_patiently(
	int fd, const char *request, char *packet, const char **text, int64_t patience)
{
	int err = bus_send(fd, request);
	ssize_t n;

	*text = NULL;
	if (err < 0)
		return err;
	n = bus_receive(fd, packet, cli_deadline(patience));
	if (n == -ETIMEDOUT)
		return no_answer();
	if (n <= 0)
		return n == -EINTR ? -EINTR : hung_up();
	return bus_verdict(packet, text);
}

int bus_ask(int fd, const char *request, char *packet, const char **text)
{
	return bus_ask_patiently(fd, request, packet, text, BUS_PATIENCE);
}

bool bus_alive(enum cli_bus which)
{
	char packet[BUS_PACKET + 1];
	const char *text;
	int fd = bus_connect(which), err = fd;

	if (fd >= 0) {
		err = bus_ask(fd, BUS_PROTOCOL " STATUS\n", packet, &text);
		close(fd);
	}
	return err == 0;
}

int bus_missing(enum cli_bus which, const char *channel)
{
	(void)which;
	cli_error(channel, "can't ask chand: %s; %s", problem, remedy);
	return CLI_NO_CHANNEL;
}

/* ---- names ---- */

static int ask_owner(uid_t *ret)
{
	char packet[BUS_PACKET + 1];
	const char *text, *line;
	uint64_t uid;
	char *digits;
	int fd = bus_connect(CLI_SYSTEM_BUS), err;

	if (fd < 0)
		return fd;
	err = bus_ask(fd, BUS_PROTOCOL " STATUS\n", packet, &text);
	close(fd);
	if (err < 0)
		return err;
	line = strstr(text, "bus=");
	digits = line ? strndup(line + 4, strcspn(line + 4, "\n")) : NULL;
	err = digits && !cli_parse_count(digits, &uid) && uid < UINT32_MAX ? 0 : -EBADMSG;
	free(digits);
	if (!err)
		*ret = (uid_t)uid;
	return err;
}

static int find_owner(uid_t *ret)
{
	const struct passwd *keeper;

	if (cli_bus() == CLI_USER_BUS)
		*ret = geteuid();
	else if (ask_owner(ret) < 0) {
		keeper = getpwnam(KEEPER);
		if (!keeper)
			return -ENOTCONN;
		*ret = keeper->pw_uid;
	}
	return 0;
}

/* Whose segments the chosen bus keeps. */
static int owner(uid_t *ret)
{
	static uid_t known;
	static int err = 1;

	if (err > 0)
		err = find_owner(&known);
	*ret = known;
	return err;
}

uid_t bus_owner(void)
{
	uid_t uid;

	if (owner(&uid) < 0)
		exit(bus_missing(cli_bus(), NULL));
	return uid;
}

char *bus_full_name(uid_t uid, const char *local)
{
	char *name;

	if (uid == geteuid())
		return strdup(local);
	return asprintf(&name, "%s/%s", cli_user(uid), local) < 0 ? NULL : name;
}

const char *bus_name_of(uid_t uid, const char *name)
{
	const char *slash = strchr(name, '/');
	char number[16];
	size_t len;

	if (!slash)
		return uid == geteuid() ? name : NULL;
	len = (size_t)(slash - name);
	snprintf(number, sizeof(number), "%u", (unsigned)uid);
	if (strlen(number) == len && !strncmp(name, number, len))
		return slash + 1;
	if (strlen(cli_user(uid)) == len && !strncmp(name, cli_user(uid), len))
		return slash + 1;
	return NULL;
}

const char *bus_local(const char *name)
{
	uid_t uid;

	if (!cli_bus())
		return name;
	return owner(&uid) < 0 ? NULL : bus_name_of(uid, name);
}

char *bus_name(char *name)
{
	const char *local;
	char *full;
	uid_t uid;

	if (!cli_bus())
		return name;
	uid = bus_owner();
	local = strchr(name, '/') ? bus_name_of(uid, name) : name;
	if (!local)
		cli_usage("'%s' names another owner than %s has, %s", name,
			cli_bus() == CLI_USER_BUS ? "--user" : "--system", cli_user(uid));
	full = bus_full_name(uid, local);
	if (!full)
		exit(cli_fail(name, NULL, -ENOMEM));
	return full;
}
