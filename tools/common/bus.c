/* SPDX-License-Identifier: MIT */
/* See bus.h. */
#include "common/bus.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/parse.h"
#include "common/signals.h"
#include "common/user.h"

/* The user that keeps the system's bus, as long as no chand says which one does. */
#define KEEPER "chand"

/* bus_ask_once(): how long before the deadline it finds out whether chand is alive. */
#define PROBE_TIME INT64_C(1000000000)

/* bus_ask(): how long it asks a chand again that hung up, and the time between two tries. */
#define AGAIN INT64_C(1000000000)
#define PAUSE INT64_C(10000000)

/* ---- why chand can't be asked ---- */

/* Why, and what to do: from the last attempt. */
static char problem[sizeof(((struct chand *)0)->problem)] = "it was not asked";
static char remedy[sizeof(((struct chand *)0)->remedy)] = "try again";

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
	return !reason && chand_unreachable(err);
}

/* Keep the reason if chand can't be asked.  Returns `err`. */
static int keep_problem(const struct chand *chand, int err)
{
	if (chand_unreachable(err)) {
		snprintf(problem, sizeof(problem), "%s", chand->problem);
		snprintf(remedy, sizeof(remedy), "%s", chand->remedy);
	}
	return err;
}

/* ---- connection ---- */

int bus_address(enum cli_bus which, struct chand_address *ret)
{
	static char path[PATH_MAX];
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct chand_address at = chand_system();

	/* SHMCHAN_CONTROL leads to one chand, whichever bus is asked for. */
	if (at.given && which == CLI_USER_BUS && cli_bus() != CLI_USER_BUS) {
		snprintf(problem, sizeof(problem),
			CONTROL_VARIABLE " stands for the system's chand");
		snprintf(remedy, sizeof(remedy), "unset " CONTROL_VARIABLE);
		return -ENOTCONN;
	}
	at.user = which == CLI_USER_BUS;
	if (!at.given && at.user && (!dir || !*dir)) {
		snprintf(problem, sizeof(problem),
			"XDG_RUNTIME_DIR is not set, which says where your chand is");
		snprintf(remedy, sizeof(remedy), "set XDG_RUNTIME_DIR=/run/user/%u",
			(unsigned)geteuid());
		return -ENOTCONN;
	}
	if (!at.given && at.user) {
		snprintf(path, sizeof(path), "%s/chand/control", dir);
		at.path = path;
	}
	*ret = at;
	return 0;
}

int bus_connect(struct chand *ret, enum cli_bus which)
{
	struct chand_address at;
	int err = bus_address(which, &at);

	if (err < 0)
		return err;
	return keep_problem(ret, chand_connect(ret, &at, BUS_PATIENCE, cli_wait_fd));
}

/* Connect again, and ask. */
static int ask_anew(
	struct chand *chand, const char *request, char *packet, struct chand_answer *ret)
{
	const struct chand_address at = chand->at;
	int err;

	chand_close(chand);
	err = chand_connect(chand, &at, BUS_PATIENCE, cli_wait_fd);
	if (err < 0)
		return err;
	return chand_ask(chand, request, strlen(request), BUS_PATIENCE, packet, NULL, ret);
}

int bus_ask(struct chand *chand, const char *request, char *packet, struct chand_answer *ret)
{
	const struct timespec pause = {.tv_nsec = PAUSE};
	int64_t end = cli_deadline(AGAIN);
	int err;

	ret->lines = NULL;
	err = chand_ask(chand, request, strlen(request), BUS_PATIENCE, packet, NULL, ret);
	while (err == -ENOTCONN && chand->socket.fd >= 0 && cli_remaining(end)) {
		nanosleep(&pause, NULL);
		err = ask_anew(chand, request, packet, ret);
	}
	return err < 0 ? keep_problem(chand, err) : -ret->err;
}

int bus_receive(struct chand *chand, int64_t deadline, char *packet, struct chand_answer *ret)
{
	ssize_t n;
	int err;

	ret->lines = NULL;
	n = chand_receive(chand, packet, NULL, deadline);
	err = n < 0 ? (int)n : chand_parse(chand, packet, ret);
	return err < 0 ? keep_problem(chand, err) : -ret->err;
}

/* Wait for an answer until the deadline; meanwhile, ask on another connection whether chand
 * is alive. */
static int ask_beside(
	struct chand *chand, int64_t deadline, char *packet, struct chand_answer *ret, bool *alive)
{
	static const char request[] = BUS_REQUEST(VERB_STATUS);
	char status[MESSAGE_MAX + 1];
	struct chand_answer answer;
	struct chand beside;
	bool asked = !chand_connect(&beside, &chand->at, cli_remaining(deadline), cli_wait_fd);
	int err;

	if (asked)
		chand_send(&beside, request, strlen(request));
	err = bus_receive(chand, deadline, packet, ret);
	*alive = err == -ETIMEDOUT && asked &&
		 chand_receive(&beside, status, NULL, cli_now()) > 0 &&
		 !chand_parse(&beside, status, &answer) && !answer.err;
	if (asked)
		chand_close(&beside);
	return err;
}

int bus_ask_once(enum cli_bus which, const char *request, int64_t patience, char *packet,
	struct chand_answer *ret, bool *alive)
{
	int64_t deadline = cli_deadline(patience), left;
	struct chand chand;
	int err = bus_connect(&chand, which);

	*alive = false;
	ret->lines = NULL;
	if (err < 0)
		return err;
	left = cli_remaining(deadline);
	err = chand_ask(&chand, request, strlen(request),
		left > PROBE_TIME ? left - PROBE_TIME : left, packet, NULL, ret);
	if (err == -ETIMEDOUT && cli_remaining(deadline))
		err = ask_beside(&chand, deadline, packet, ret, alive);
	else if (err >= 0)
		err = -ret->err;
	if (err == -ETIMEDOUT && !ret->lines)
		chand_no_answer(&chand, patience);
	if (!ret->lines)
		keep_problem(&chand, err);
	chand_close(&chand);
	return err;
}

int bus_missing(const char *channel)
{
	cli_error(channel, "can't ask chand: %s; %s", problem, remedy);
	return CLI_NO_CHANNEL;
}

/* ---- names ---- */

static int ask_owner(uid_t *ret)
{
	char packet[MESSAGE_MAX + 1];
	struct chand_answer answer;
	struct chand chand;
	const char *line;
	uint64_t uid;
	char *digits;
	int err = bus_connect(&chand, CLI_SYSTEM_BUS);

	if (err < 0)
		return err;
	err = bus_ask(&chand, BUS_REQUEST(VERB_STATUS), packet, &answer);
	chand_close(&chand);
	if (err < 0)
		return err;
	line = strstr(answer.lines, "bus=");
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

/* Find the owner of the segments that the chosen bus keeps. */
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
		exit(bus_missing(NULL));
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
