/* SPDX-License-Identifier: MIT */
/*
 * chand [--user]: the message bus.
 *
 * It keeps channels, never their messages: no send or receive passes through it, and
 * killing it loses nothing.  Parts, from above; each includes only what is below it, and
 * reports upward through callbacks:
 *
 *   runtime             the directory, the lock and the sockets
 *   watchdog            reports to systemd that chand answers
 *   control/, metrics   the sockets
 *   registry/           which channels there are, and what each is to be
 *   watch/              which processes have a channel open, and which died
 *   activation          whether a channel has messages and no receiver
 *   channel             one channel
 *   events, accounts    the event sink; what each user has
 *   settings, errors    what chand was started with; what an error means
 *   config/             files of the configuration, and which users may do what
 *   loop/               waiting, with io_uring or epoll; work in threads
 *   log, notify, table, cutoff
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/message.h"
#include "common/options.h"
#include "common/status.h"
#include "config/declarations.h"
#include "config/refused.h"
#include "control/control.h"
#include "cutoff.h"
#include "errors.h"
#include "log.h"
#include "loop/work.h"
#include "metrics.h"
#include "notify.h"
#include "registry/channels.h"
#include "registry/registry.h"
#include "registry/state.h"
#include "runtime.h"
#include "settings.h"
#include "watch/watch.h"
#include "watchdog.h"

enum { USER = CLI_LONG, CONFIG_DIR, RUNTIME_DIR, LOOP, CHECK };

static const struct cli_option options[] = {
	{USER, "user", NULL, "a bus of your own, not the system's"},
	{CONFIG_DIR, "config-dir", "DIR",
		"where chand.conf and channels.d are (default\n/etc/chand; with --user "
		"~/.config/chand)"},
	{RUNTIME_DIR, "runtime-dir", "DIR",
		"where its socket and state are (default\n" RUNTIME_SYSTEM "; with --user "
		"$XDG_RUNTIME_DIR/chand)"},
	{LOOP, "loop", "auto|io_uring|epoll",
		"how it waits (default auto: io_uring if the kernel\nlets it)"},
	{CHECK, "check", NULL,
		"read the configuration, say all that is wrong in it,\nand end: 0, or 2 if "
		"anything is"},
	CLI_COMMON,
	CLI_END,
};

static const struct cli_tool tool = {
	.name = "chand",
	.usage = "[OPTIONS]",
	.summary = "Keep channels: make those that are declared or asked for, watch over their "
		   "users.",
	.options = options,
};

/* While channels are made at the start, chand reports that to the service manager. */
#define REPORT_EVERY INT64_C(5000000000)

static struct settings own;
static const char *config_dirs[4];
static char runtime[PATH_MAX];
static enum loop_backend backend = LOOP_AUTO;
static bool backend_given, stopping, checking, config_given, wrong_found;

/* ---- command line ---- */

static enum loop_backend backend_arg(const char *text)
{
	if (!strcmp(text, "auto"))
		return LOOP_AUTO;
	if (!strcmp(text, "io_uring"))
		return LOOP_URING;
	if (strcmp(text, "epoll") != 0)
		cli_usage("--loop: '%s' is not auto, io_uring or epoll", text);
	return LOOP_EPOLL;
}

static void set_runtime(const char *dir, const char *sub)
{
	if (snprintf(runtime, sizeof(runtime), "%s%s", dir, sub) >= PATH_MAX - NAME_MAX - 64)
		cli_usage("%s: the name of the directory is too long", dir);
}

static void user_defaults(void)
{
	static char config[PATH_MAX];
	const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (dir && *dir == '/')
		snprintf(config, sizeof(config), "%s/chand", dir);
	else if (home)
		snprintf(config, sizeof(config), "%s/.config/chand", home);
	config_dirs[0] = config;
	if (!*runtime && !checking) {
		dir = getenv("XDG_RUNTIME_DIR");
		if (!dir || *dir != '/')
			cli_usage("--user needs XDG_RUNTIME_DIR, or --runtime-dir");
		set_runtime(dir, "/chand");
	}
}

static void parse(int argc, char **argv)
{
	const char *config = NULL;
	int letter;

	while ((letter = cli_next(&tool, argc, argv)) != -1)
		switch (letter) {
		case USER:
			own.user = true;
			break;
		case CONFIG_DIR:
			config = optarg;
			break;
		case RUNTIME_DIR:
			set_runtime(optarg, "");
			break;
		case LOOP:
			backend = backend_arg(optarg);
			backend_given = true;
			break;
		case CHECK:
			checking = true;
			break;
		}
	if (optind < argc)
		cli_usage("operand '%s': chand takes none", argv[optind]);
	if (own.user) {
		user_defaults();
	} else {
		config_dirs[0] = "/etc/chand";
		config_dirs[1] = "/usr/local/lib/chand";
		config_dirs[2] = "/usr/lib/chand";
		if (!*runtime)
			set_runtime(RUNTIME_SYSTEM, "");
	}
	if (config) {
		config_dirs[0] = config;
		config_dirs[1] = NULL;
		config_given = true;
	}
	own.config_dirs = config_dirs;
	own.runtime = runtime;
	own.uid = geteuid();
}

/* ---- sockets ---- */

static int serve(void)
{
	int control = runtime_listen("control", SOCK_SEQPACKET, own.user ? 0600 : 0666);
	int metrics = runtime_listen("metrics", SOCK_STREAM, 0600);
	int err;

	if (control < 0 || metrics < 0)
		return -EIO;
	err = control_start(control);
	if (err == 0)
		err = metrics_start(metrics);
	return err < 0 ? err : watchdog_start(control);
}

/* ---- configuration ---- */

/* A chand.conf that is wrong keeps nobody from their channels: what it said before counts,
 * and if that is not known, root alone may ask for channels. */
static void configure(void)
{
	refused_begin();
	if (config_read(&own.config, config_dirs, refused_add) == 0) {
		state_config_write(&own.config);
	} else if (state_config_read(&own.config) == 0) {
		log_line(LOG_WARNING, "config", NULL, 0,
			"until chand.conf is right, what it said before it was changed counts");
	} else {
		config_init(&own.config);
		log_line(LOG_WARNING, "config", NULL, 0,
			"until chand.conf is right, only root may ask for channels, and the "
			"quotas are the defaults");
	}
}

static void print_wrong(const char *path, unsigned line, const char *channel, const char *why)
{
	(void)channel;
	if (line)
		cli_error(NULL, "%s: line %u: %s", path, line, why);
	else
		cli_error(NULL, "%s: %s", path, why);
	wrong_found = true;
}

static void print_note(const char *path, unsigned line, const char *channel, const char *why)
{
	(void)line;
	(void)channel;
	cli_warn(NULL, "%s: %s", path, why);
}

/* Do what --check asks for.  Returns the exit status. */
static int check(void)
{
	struct declarations all;
	int err;

	if (config_given && access(config_dirs[0], R_OK | X_OK) < 0)
		print_wrong(config_dirs[0], 0, NULL, strerror(errno));
	config_read(&own.config, config_dirs, print_wrong);
	err = declarations_read(&all, config_dirs, settings_default_owner(), print_wrong);
	if (err < 0) {
		cli_error(NULL, "%s", strerror(-err));
		return CLI_ERROR;
	}
	declarations_unused(config_dirs, print_note);
	cli_note(NULL, "%zu channels are declared", all.n);
	declarations_done(&all);
	return wrong_found ? CLI_USAGE : CLI_OK;
}

/* ---- signals ---- */

static void notify_ready(void)
{
	char files[256];

	refused_text(files, sizeof(files));
	notify("READY=1\nSTATUS=waits with %s%s%s", loop_name(own.loop),
		*files ? "; refused, because they are wrong: " : "", files);
}

static void reloaded(int err)
{
	char files[512];

	if (err < 0)
		log_line(LOG_ERR, "reloaded", NULL, 0,
			"the configuration could not all be read again: %s; %zu channels",
			error_text(err), channels_count());
	else if (refused_count())
		log_line(LOG_ERR, "reloaded", NULL, 0,
			"the configuration was read again, but for wrong files, which change "
			"nothing: %s; "
			"%zu channels",
			refused_text(files, sizeof(files)), channels_count());
	else
		log_line(LOG_INFO, "reloaded", NULL, 0,
			"the configuration was read again; %zu channels", channels_count());
	notify_ready();
}

/* A chand.conf that is wrong keeps nothing else from being read. */
static void read_again(void)
{
	refused_begin();
	if (config_read(&own.config, config_dirs, refused_add) == 0)
		state_config_write(&own.config);
}

static void reload(void)
{
	notify("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic() / 1000);
	registry_reload(read_again, reloaded);
}

static void signalled(struct source *source)
{
	struct signalfd_siginfo info;

	while (read(source->fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGHUP)
			reload();
		else
			stopping = true;
}

static int catch_signals(void)
{
	static struct source source = {.events = POLLIN, .ready = signalled};
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	err = cutoff_survive();
	if (err < 0)
		return err;
	source.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return source.fd < 0 ? -errno : loop_add(own.loop, &source);
}

/* ---- life ---- */

static void note_refused(int err)
{
	report_shortage(err);
}

static int make_loop(void)
{
	const char *why;
	int err = loop_new(&own.loop, backend_given ? backend : own.config.backend, &why);

	if (err < 0)
		log_line(LOG_ERR, "failed", NULL, 0, "chand has no event loop: %s",
			why ? why : strerror(-err));
	else if (why)
		log_line(LOG_NOTICE, "loop", NULL, 0, "chand waits with epoll: %s", why);
	if (err == 0)
		loop_on_refused(own.loop, note_refused);
	return err;
}

/* Many channels and processes need many descriptors. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void report_filling(struct timer *timer)
{
	notify("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=serves; %zu channels are still to be adopted "
	       "or made",
		registry_unmade());
	loop_timer(own.loop, timer, clock_monotonic() + REPORT_EVERY);
}

/* Serve while channels are adopted and made.  Then all that is declared is there: only
 * now the service is ready, for those that are ordered after it. */
static int fill(void)
{
	static struct timer timer = {.fired = report_filling};
	int err = 0;

	if (!registry_busy())
		return 0;
	log_line(LOG_INFO, "serves", NULL, 0,
		"chand serves; %zu channels are still to be adopted or made", registry_unmade());
	report_filling(&timer);
	while (err == 0 && registry_busy() && !stopping)
		err = loop_turn(own.loop);
	loop_cancel(own.loop, &timer);
	return err;
}

static int start(void)
{
	int err;

	umask(022);
	err = runtime_take();
	if (err == 0) {
		configure();
		err = make_loop();
	}
	if (err < 0)
		return err;
	err = catch_signals();
	if (err == 0)
		err = work_init(own.loop);
	if (err == 0)
		err = registry_start(control_resolved);
	if (err == 0)
		err = serve();
	if (err == 0)
		err = fill();
	if (err < 0)
		log_line(LOG_ERR, "failed", NULL, 0, "chand can't start: %s", error_text(err));
	return err;
}

int main(int argc, char **argv)
{
	int err;

	settings = &own;
	parse(argc, argv);
	if (checking)
		return check();
	log_open(cli_quiet() ? LOG_WARNING : cli_verbose() ? LOG_DEBUG : LOG_INFO);
	raise_limits();
	err = start();
	if (err < 0) {
		runtime_leave();
		watch_stop();
		return err == -EINVAL			 ? CLI_USAGE
		       : err == -EACCES || err == -EPERM ? CLI_DENIED
							 : CLI_ERROR;
	}
	log_line(LOG_INFO, "started", NULL, 0,
		"chand keeps %zu channels of user %u and waits with %s", channels_count(),
		(unsigned)own.uid, loop_name(own.loop));
	notify_ready();
	while (!stopping && err == 0)
		err = loop_turn(own.loop);
	notify("STOPPING=1");
	runtime_leave();
	if (err < 0)
		log_line(LOG_ERR, "failed", NULL, 0, "the event loop failed: %s", strerror(-err));
	registry_stop();
	log_line(LOG_INFO, "stopped", NULL, 0, "chand ends; channels that persist stay");
	return err < 0 ? CLI_ERROR : CLI_OK;
}
