/* SPDX-License-Identifier: MIT */
/* chanctl doctor: whether chand can be asked, and what it says about itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/parse.h"
#include "common/user.h"
#include "ctl/chand.h"
#include "ctl/checks.h"
#include "ctl/finding.h"
#include "ctl/logind.h"

static const char *user_option(enum cli_bus which)
{
	return which == CLI_USER_BUS ? "--user " : "";
}

static const char *owner_words(enum cli_bus which)
{
	return which == CLI_USER_BUS ? "your" : "the system's";
}

/* Report it if a quota, as "3/64", is nearly used up. */
static void check_quota(const struct ctl_bus *bus, const char *key, const char *what)
{
	const char *text = ctl_bus_text(bus->status, key);
	uint64_t used, most;
	char number[32];
	enum level level;

	if (!text || !strchr(text, '/'))
		return;
	snprintf(number, sizeof(number), "%.*s", (int)strcspn(text, "/"), text);
	if (cli_parse_count(number, &used) || cli_parse_count(strchr(text, '/') + 1, &most))
		return;
	level = used >= most ? PROBLEM : used >= most - most / 10 ? NOTE : OK;
	if (level)
		ctl_report(level, "chand",
			"remove channels that are not used, or raise it in [quota] of chand.conf "
			"and reload",
			"%s of %" PRIu64 " %s that %s bus allows you are taken", number, most, what,
			owner_words(bus->which));
}

/* Report a bus that may lose its channels: only a system user's outlive every logout. */
static void check_keeper(const struct ctl_bus *bus)
{
	if (bus->owner == geteuid() || !ctl_is_person(bus->owner) || ctl_lingers(bus->owner) ||
		!ctl_logind_removes_ipc())
		return;
	ctl_report(PROBLEM, "chand", CTL_KEEP_IPC,
		"%s bus is kept by %s, whose channels logind removes at the last logout",
		owner_words(bus->which), cli_user(bus->owner));
}

static void check_status(const struct ctl_bus *bus)
{
	const json_t *is = bus->status;
	const char *version = ctl_bus_text(is, "version"), *loop = ctl_bus_text(is, "loop");
	const char *pid = ctl_bus_text(is, "pid"), *watchdog = ctl_bus_text(is, "watchdog");
	char remedy[256];

	ctl_report(OK, "chand", NULL, "%s: version %s, process %s, by %s, %" PRIu64 " channels",
		owner_words(bus->which), version ? version : "?", pid ? pid : "?",
		loop ? loop : "?", ctl_bus_number(is, "channels"));
	snprintf(remedy, sizeof(remedy), "systemctl %srestart chand: no channel is lost by it",
		user_option(bus->which));
	if (version && strcmp(version, chan_version()) != 0)
		ctl_report(NOTE, "chand", remedy,
			"%s chand is of version %s, these tools are of %s", owner_words(bus->which),
			version, chan_version());
	if (loop && strcmp(loop, "io_uring") != 0)
		ctl_report(NOTE, "chand",
			"nothing, if that will do; else see chand's log for why it has no io_uring",
			"%s chand waits by %s", owner_words(bus->which), loop);
	if (watchdog && !ctl_bus_number(is, "watchdog"))
		ctl_report(NOTE, "chand", "start it by systemd, with WatchdogSec= in its unit",
			"nothing restarts %s chand when it hangs: no watchdog is set",
			owner_words(bus->which));
	check_quota(bus, "your-channels", "channels");
	check_quota(bus, "your-bytes", "bytes");
	check_keeper(bus);
}

/* Report that chand can't be asked.  If there is no chand, this is a problem only if the user
 * asked for it, or if it should be there. */
static void check_unreachable(enum cli_bus which, int err, const char *reason)
{
	struct chand_address at;
	char remedy[256];
	bool there = !bus_address(which, &at) && !access(at.path, F_OK);

	if (err == -ENOTCONN && !there && cli_bus() != which)
		return;
	if (err == -EACCES && !reason && cli_bus() != which)
		return; /* another user's own chand */
	if (bus_unreachable(err, reason)) {
		snprintf(remedy, sizeof(remedy), "%s", bus_remedy());
		if (err == -ENOTCONN && !there && !secure_getenv(CONTROL_VARIABLE) &&
			(which == CLI_SYSTEM_BUS || getenv("XDG_RUNTIME_DIR")))
			snprintf(remedy, sizeof(remedy), "systemctl %senable --now chand.socket",
				user_option(which));
		ctl_report(PROBLEM, "chand", remedy, "can't ask %s chand: %s", owner_words(which),
			bus_problem());
	} else {
		ctl_report(NOTE, "chand", "ask the administrator", "%s chand refuses you: %s",
			owner_words(which), reason ? reason : chan_strerror(err));
	}
}

void ctl_check_chand(enum cli_bus which)
{
	struct ctl_bus bus;
	const char *reason;
	int err;

	if (cli_bus() && cli_bus() != which)
		return;
	err = ctl_bus_open(&bus, which, &reason);
	if (err < 0) {
		check_unreachable(which, err, reason);
		return;
	}
	check_status(&bus);
	ctl_bus_close(&bus);
}

/* Find the units of shmchan that systemd gave up. */
void ctl_check_units(enum cli_bus which)
{
	char command[256], line[512], unit[256], remedy[400];
	FILE *out;

	if (access("/run/systemd/system", F_OK) || (cli_bus() && cli_bus() != which))
		return;
	snprintf(command, sizeof(command),
		"exec systemctl %s--failed --plain --no-legend --no-pager --quiet "
		"list-units 'chand*' 'chan@*' 'chan-ready@*' 'chan-worker@*' 2>/dev/null",
		user_option(which));
	out = popen(command, "re");
	while (out && fgets(line, sizeof(line), out)) {
		if (sscanf(line, " %255s", unit) != 1)
			continue;
		snprintf(remedy, sizeof(remedy), "systemctl %sstatus %s", user_option(which), unit);
		ctl_report(PROBLEM, "chand", remedy, "%s has failed", unit);
	}
	if (out)
		pclose(out);
}
