/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "common/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The user who keeps the system's bus, if there is no chand to tell. */
#define KEEPER "chand"

/* ---- connection ---- */

int bus_path(enum cli_bus which, char *ret, size_t size)
{
	const char *given = secure_getenv("SHMCHAN_CONTROL"), *dir = getenv("XDG_RUNTIME_DIR");
	int n;

	/* It stands for the bus that is asked for: there is but one. */
	if (given && (which == CLI_SYSTEM_BUS || cli_bus() == CLI_USER_BUS))
		n = snprintf(ret, size, "%s", given);
	else if (given)
		return -ENOTCONN;
	else if (which == CLI_SYSTEM_BUS)
		n = snprintf(ret, size, "/run/chand/control");
	else if (dir && *dir)
		n = snprintf(ret, size, "%s/chand/control", dir);
	else
		return -ENOTCONN;
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

int bus_connect(enum cli_bus which)
{
	static const struct timeval patience = {.tv_sec = BUS_PATIENCE / 1000000000};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int err = bus_path(which, at.sun_path, sizeof(at.sun_path)), fd;

	if (err < 0)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	err = errno;
	close(fd);
	if (err == EACCES || err == EPERM)
		return -EACCES;
	return err == EAGAIN ? -ETIMEDOUT : err == EINTR ? -EINTR : -ENOTCONN;
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
			return errno == EAGAIN ? -ETIMEDOUT : -ENOTCONN;
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

int bus_ask(int fd, const char *request, char *packet, const char **text)
{
	int err = bus_send(fd, request);
	ssize_t n;

	*text = NULL;
	if (err < 0)
		return err;
	n = bus_receive(fd, packet, cli_deadline(BUS_PATIENCE));
	if (n <= 0)
		return n ? (int)n : -ENOTCONN;
	return bus_verdict(packet, text);
}

int bus_missing(enum cli_bus which, const char *channel)
{
	cli_error(channel, "no chand to ask; start it with 'systemctl %sstart chand.socket'",
		which == CLI_USER_BUS ? "--user " : "");
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
