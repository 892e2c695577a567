/* SPDX-License-Identifier: MIT */
/*
 * chanctl doctor: what in this system keeps channels from working, now or later.  A check
 * reports findings: `ok`, a `note` on what works but may surprise, or a `problem`, which
 * makes the exit status 1.  Each note and problem says what to do.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/names.h"
#include "common/bus.h"
#include "common/failure.h"
#include "common/parse.h"
#include "common/user.h"
#include "ctl/chand.h"
#include "ctl/channel.h"
#include "ctl/logind.h"
#include "ctl/output.h"
#include "ctl/verb.h"

enum level { OK, NOTE, PROBLEM };

static const char *const levels[] = {"ok", "note", "problem"};

static json_t *findings;
static bool problems;

/* `remedy` is NULL for OK. */
static void report(enum level level, const char *check, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void report(enum level level, const char *check, const char *remedy, const char *format, ...)
{
	json_t *finding = json_object();
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ctl_set(finding, "check", ctl_text(check));
	ctl_set(finding, "level", ctl_text(levels[level]));
	ctl_set(finding, "finding", ctl_text(text));
	ctl_set(finding, "remedy", remedy ? ctl_text(remedy) : json_null());
	json_array_append_new(findings, finding);
	problems |= level == PROBLEM;
}

/* Shared memory. */

static uint64_t sum_segments(const struct ctl_channels *channels)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < channels->n; i++)
		sum += channels->at[i].err ? 0 : channels->at[i].stat.segment;
	return sum;
}

static const char grow[] =
	"mount -o remount,size=SIZE " NAMES_DIR "; in a container --shm-size=SIZE; "
	"or remove channels that are not used";

static const char make_shm[] =
	"mkdir -p " NAMES_DIR " && mount -t tmpfs -o mode=1777 tmpfs " NAMES_DIR;

static void check_writable(void)
{
	if (!access(NAMES_DIR, W_OK | X_OK))
		return;
	if (errno == EROFS)
		report(PROBLEM, "shm",
			"mount -o remount,rw " NAMES_DIR
			"; in the unit of a service ReadWritePaths=" NAMES_DIR,
			NAMES_DIR
			" is mounted read-only: channels can be read, but not used or made");
	else
		report(PROBLEM, "shm", "chmod 1777 " NAMES_DIR, NAMES_DIR ": %s", strerror(errno));
}

static void check_room(const struct ctl_channels *channels)
{
	uint64_t need = (uint64_t)chan_footprint(NULL), size, left;
	char size_text[32], left_text[32], taken_text[32], need_text[32];
	struct statfs shm;
	enum level level = OK;

	if (statfs(NAMES_DIR, &shm)) {
		report(PROBLEM, "shm", make_shm, NAMES_DIR ": %s", strerror(errno));
		return;
	}
	if (shm.f_type != TMPFS_MAGIC)
		report(PROBLEM, "shm", make_shm, NAMES_DIR " is no tmpfs");
	check_writable();
	if (shm.f_files && !shm.f_ffree)
		report(PROBLEM, "shm",
			"mount -o remount,nr_inodes=1M " NAMES_DIR
			"; or remove files there that are not used",
			NAMES_DIR " has no inode left for another file");
	size = (uint64_t)shm.f_blocks * (uint64_t)shm.f_bsize;
	left = (uint64_t)shm.f_bavail * (uint64_t)shm.f_bsize;
	if (size && left < need)
		level = PROBLEM;
	else if (left < size / 10)
		level = NOTE;
	ctl_size_text(size_text, sizeof(size_text), size);
	ctl_size_text(left_text, sizeof(left_text), left);
	ctl_size_text(taken_text, sizeof(taken_text), sum_segments(channels));
	ctl_size_text(need_text, sizeof(need_text), need);
	report(level, "shm", level ? grow : NULL,
		NAMES_DIR
		" has %s, %s of it free; %zu channels take %s; one more takes %s by default",
		size_text, left_text, channels->n, taken_text, need_text);
}

static void check_proc(void)
{
	if (access("/proc/self/fd", X_OK))
		report(PROBLEM, "proc", "mount -t proc proc /proc",
			"/proc/self/fd: %s; channels can't be made without", strerror(errno));
	else
		report(OK, "proc", NULL, "/proc is mounted");
}

static void check_file_size(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	const char *remedy = "ulimit -f unlimited";
	struct rlimit limit;
	char text[32];

	if (getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return;
	ctl_size_text(text, sizeof(text), limit.rlim_cur);
	if (limit.rlim_max != RLIM_INFINITY && setrlimit(RLIMIT_FSIZE, &unlimited))
		remedy = "root has to raise it: LimitFSIZE= in the unit of a service, "
			 "limits.conf for a login";
	if (limit.rlim_cur < (rlim_t)chan_footprint(NULL))
		report(PROBLEM, "limits", remedy,
			"files may have %s only, less than a channel takes by default", text);
	else
		report(NOTE, "limits", remedy, "files may have %s only, and so may channels", text);
}

/* systemd-logind. */

static bool is_person(uid_t uid)
{
	bool dynamic = uid >= 61184 && uid <= 65519;

	return uid >= 1000 && !dynamic;
}

static bool lingers(uid_t uid)
{
	char path[128];

	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", cli_user(uid));
	return !access(path, F_OK);
}

static const char keep_ipc[] =
	"RemoveIPC=no in /etc/systemd/logind.conf and 'systemctl restart systemd-logind', "
	"or 'loginctl enable-linger USER', or run the programs as a system user";

static void check_remove_ipc(void)
{
	uid_t uid = geteuid();

	if (!ctl_logind_removes_ipc())
		report(OK, "remove-ipc", NULL, "channels outlive their owner's logout");
	else if (!is_person(uid))
		report(NOTE, "remove-ipc", keep_ipc,
			"logind removes channels of ordinary users at their last logout; "
			"those of system users, as %s, stay",
			cli_user(uid));
	else if (lingers(uid))
		report(OK, "remove-ipc", NULL, "%s lingers: channels outlive the logout",
			cli_user(uid));
	else
		report(PROBLEM, "remove-ipc", keep_ipc,
			"logind removes the channels of %s at the last logout", cli_user(uid));
}

/* The kernel. */

static void check_pid_namespace(void)
{
	enum { INITIAL = 0xEFFFFFFC }; /* PROC_PID_INIT_INO */
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns))
		report(NOTE, "pid-namespace", "mount -t proc proc /proc", "/proc/self/ns/pid: %s",
			strerror(errno));
	else if (ns.st_ino == INITIAL)
		report(OK, "pid-namespace", NULL, "the initial one");
	else
		report(NOTE, "pid-namespace",
			"containers that share channels need one --pid and one --ipc",
			"not the initial one: channels can be shared inside it only");
}

static long io_uring_disabled(void)
{
	FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	long value = -1;

	if (file && fscanf(file, "%ld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

static void check_io_uring(void)
{
	static const char remedy[] =
		"nothing, if epoll will do for chand; else sysctl kernel.io_uring_disabled=0, "
		"and a seccomp profile that allows io_uring_setup";
	struct io_uring_params params = {0};
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd >= 0) {
		close((int)fd);
		report(OK, "io-uring", NULL, "available");
	} else if (errno == ENOSYS) {
		report(NOTE, "io-uring", remedy, "not in this kernel, or hidden from this process");
	} else {
		report(NOTE, "io-uring", remedy, "refused: %s (kernel.io_uring_disabled is %ld)",
			strerror(errno), io_uring_disabled());
	}
}

/* chand. */

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
		report(level, "chand",
			"remove channels that are not used, or raise it in [quota] of chand.conf "
			"and reload",
			"%s of %" PRIu64 " %s that %s bus allows you are taken", number, most, what,
			owner_words(bus->which));
}

/* Report a bus that may lose its channels: only a system user's outlive every logout. */
static void check_keeper(const struct ctl_bus *bus)
{
	if (bus->owner == geteuid() || !is_person(bus->owner) || lingers(bus->owner) ||
		!ctl_logind_removes_ipc())
		return;
	report(PROBLEM, "chand", keep_ipc,
		"%s bus is kept by %s, whose channels logind removes at the last logout",
		owner_words(bus->which), cli_user(bus->owner));
}

static void check_status(const struct ctl_bus *bus)
{
	const json_t *is = bus->status;
	const char *version = ctl_bus_text(is, "version"), *loop = ctl_bus_text(is, "loop");
	const char *pid = ctl_bus_text(is, "pid"), *watchdog = ctl_bus_text(is, "watchdog");
	char remedy[256];

	report(OK, "chand", NULL, "%s: version %s, process %s, by %s, %" PRIu64 " channels",
		owner_words(bus->which), version ? version : "?", pid ? pid : "?",
		loop ? loop : "?", ctl_bus_number(is, "channels"));
	snprintf(remedy, sizeof(remedy), "systemctl %srestart chand: no channel is lost by it",
		user_option(bus->which));
	if (version && strcmp(version, chan_version()) != 0)
		report(NOTE, "chand", remedy, "%s chand is of version %s, these tools are of %s",
			owner_words(bus->which), version, chan_version());
	if (loop && strcmp(loop, "io_uring") != 0)
		report(NOTE, "chand",
			"nothing, if that will do; else see chand's log for why it has no io_uring",
			"%s chand waits by %s", owner_words(bus->which), loop);
	if (watchdog && !ctl_bus_number(is, "watchdog"))
		report(NOTE, "chand", "start it by systemd, with WatchdogSec= in its unit",
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
		report(PROBLEM, "chand", remedy, "can't ask %s chand: %s", owner_words(which),
			bus_problem());
	} else {
		report(NOTE, "chand", "ask the administrator", "%s chand refuses you: %s",
			owner_words(which), reason ? reason : chan_strerror(err));
	}
}

static void check_chand(enum cli_bus which)
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
static void check_units(enum cli_bus which)
{
	char command[256], line[512], unit[256], remedy[400];
	FILE *out;

	if (access("/run/systemd/system", F_OK) || (cli_bus() && cli_bus() != which))
		return;
	snprintf(command, sizeof(command),
		"exec systemctl %s--failed --plain --no-legend --no-pager --quiet "
		"list-units 'chand*' 'chan@*' 'chan-ready@*' 2>/dev/null",
		user_option(which));
	out = popen(command, "re");
	while (out && fgets(line, sizeof(line), out)) {
		if (sscanf(line, " %255s", unit) != 1)
			continue;
		snprintf(remedy, sizeof(remedy), "systemctl %sstatus %s", user_option(which), unit);
		report(PROBLEM, "chand", remedy, "%s has failed", unit);
	}
	if (out)
		pclose(out);
}

/* Segments. */

/* Returns true if its linger time is over, or can't begin: no process that may remove it has
 * opened it since. */
static bool is_left_behind(const struct chan_stat *stat)
{
	return stat->idle < 0 || (stat->idle && (uint64_t)stat->idle - 1 > stat->linger);
}

/* Returns true if there was something to report. */
static bool check_channel(const struct ctl_channel *ch)
{
	char remedy[400];

	if (ch->err == -EACCES)
		return false; /* another user's private channel */
	if (ch->err) {
		const char *what = cli_remedy(ch->err);

		report(PROBLEM, "segments", what ? what : "see the error", "%s: %s", ch->name,
			chan_strerror(ch->err));
		return true;
	}
	if (ch->stat.damaged) {
		snprintf(remedy, sizeof(remedy),
			"receive what is left, then 'chanctl remove %s'; "
			"'chanctl info' shows which processes write it",
			ch->name);
		report(PROBLEM, "segments", remedy, "%s: damage was found in it", ch->name);
		return true;
	}
	if (is_left_behind(&ch->stat)) {
		snprintf(remedy, sizeof(remedy), "chanctl remove --if-unused %s%s", ch->name,
			strchr(ch->name, '/') ? "; its owner or root may" : "");
		report(NOTE, "segments", remedy,
			"%s: it was to be removed with its last endpoint, and has none", ch->name);
		return true;
	}
	return false;
}

/* Quote the path of a file in /dev/shm for a shell. */
static const char *quote_path(char *buf, size_t size, const char *file)
{
	size_t n = (size_t)snprintf(buf, size, "'" NAMES_DIR "/");

	for (; *file && n + 6 < size; file++) {
		if (*file == '\'') {
			memcpy(buf + n, "'\\''", 4);
			n += 4;
		} else {
			buf[n++] = *file;
		}
	}
	buf[n++] = '\'';
	buf[n] = '\0';
	return buf;
}

/* Find files that look like a channel's but have no channel's name. */
static bool check_strangers(void)
{
	char name[4 * 256 + 16], remedy[sizeof(name) + 16];
	const struct dirent *entry;
	DIR *dir = opendir(NAMES_DIR);
	bool any = false;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, NAMES_PREFIX, strlen(NAMES_PREFIX)) != 0 ||
			ctl_name_of_file(name, sizeof(name), entry->d_name))
			continue;
		snprintf(remedy, sizeof(remedy), "rm -r -- %s",
			quote_path(name, sizeof(name), entry->d_name));
		report(NOTE, "segments", remedy, NAMES_DIR "/%s is no channel's name",
			entry->d_name);
		any = true;
	}
	if (dir)
		closedir(dir);
	return any;
}

static void check_segments(const struct ctl_channels *channels)
{
	bool any = check_strangers();

	for (size_t i = 0; i < channels->n; i++)
		any |= check_channel(&channels->at[i]);
	if (!any)
		report(OK, "segments", NULL, "%zu channels, none damaged or left behind",
			channels->n);
}

/* Printing. */

static int print_text(void)
{
	char *text;
	size_t len, i;
	json_t *finding;
	FILE *out = ctl_memory(&text, &len);

	json_array_foreach(findings, i, finding)
	{
		const json_t *remedy = json_object_get(finding, "remedy");

		fprintf(out, "%-8s %-14s %s\n",
			json_string_value(json_object_get(finding, "level")),
			json_string_value(json_object_get(finding, "check")),
			json_string_value(json_object_get(finding, "finding")));
		if (json_is_string(remedy))
			fprintf(out, "%-23s to do: %s\n", "", json_string_value(remedy));
	}
	ctl_memory_end(out);
	json_decref(findings);
	return ctl_write_free(text, len);
}

static int doctor(int n, char **operand)
{
	struct ctl_channels channels;
	int r = ctl_channels(&channels, NULL);

	(void)n;
	(void)operand;
	findings = json_array();
	check_room(&channels);
	check_proc();
	check_file_size();
	check_remove_ipc();
	check_pid_namespace();
	check_io_uring();
	check_chand(CLI_SYSTEM_BUS);
	check_chand(CLI_USER_BUS);
	check_units(CLI_SYSTEM_BUS);
	check_units(CLI_USER_BUS);
	if (r < 0 && r != -EOPNOTSUPP)
		report(PROBLEM, "segments", "see the error", "can't list channels: %s",
			chan_strerror(r));
	else
		check_segments(&channels);
	ctl_channels_free(&channels);
	r = ctl_output.json ? ctl_write_json(findings) : print_text();
	if (r)
		return r;
	return problems ? CLI_ERROR : CLI_OK;
}

static const struct cli_option options[] = {CTL_OPTION_JSON, CLI_BUS, CLI_COMMON, CLI_END};

const struct ctl_verb ctl_verb_doctor = {
	.tool =
		{
			.name = "chanctl doctor",
			.usage = "[OPTIONS]",
			.summary = "Find what keeps channels from working here, and say what "
				   "to do.",
			.options = options,
		},
	.has = CTL_JSON | CTL_BUS,
	.run = doctor,
};
