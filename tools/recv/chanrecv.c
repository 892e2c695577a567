/* SPDX-License-Identifier: MIT */
/*
 * chanrecv: messages from channels to stdout or into files.
 *
 * A thread for each channel takes messages under a lease, encodes them into its
 * buffer, writes the buffer when the channel is empty or the buffer full, and
 * acknowledges them then; so whatever ends this process, what was not written is
 * delivered to another receiver.  The main thread waits for what the others can't see:
 * signals, and a reader of stdout that went away.
 *
 * With a COMMAND the main thread takes one message at a time and runs a child for
 * it (child.h), whose exit status says what becomes of the message.
 */
#include "base/clock.h"
#include "common/bus.h"
#include "common/deadline.h"
#include "common/failure.h"
#include "common/framing.h"
#include "common/framing_option.h"
#include "common/io.h"
#include "common/message.h"
#include "common/options.h"
#include "common/output.h"
#include "common/parse.h"
#include "common/place.h"
#include "common/signals.h"
#include "recv/child.h"
#include "recv/format.h"
#include "recv/store.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256		      /* messages a take */
#define HELD_MAX 1024		      /* messages before a write */
#define FLUSH_SIZE ((size_t)64 << 10) /* bytes before a write */
#define BUFFER_SIZE (2 * FLUSH_SIZE)
#define KICK_MS 100

enum { OPT_RAW = CLI_LONG, OPT_IDLE_EXIT };

static const struct cli_option options[] = {
	{'n', "count", "N", "stop after N messages"},
	{'1', NULL, NULL, "the same as -n 1"},
	{'W', "timeout", "D", "give up after D in all"},
	{'w', "idle-timeout", "D", "give up after D without a message"},
	{OPT_IDLE_EXIT, "idle-exit", "D", "end, with status 0, after D without a message"},
	{'N', "nowait", NULL, "only what is there now"},
	{'e', "drain", NULL, "stop when what was there at the start is read"},
	{'l', "lines", NULL, "a newline after each message (the default)"},
	{'0', "null", NULL, "a NUL after each message"},
	{'d', "delimiter", "C", "the byte C after each message (\\n \\t \\0 \\xHH)"},
	{'F', "framing", "lines|null|len32|netstring|jsonl|raw",
		"how messages lie in the output; raw adds nothing"},
	{'J', NULL, NULL, "the same as --framing=jsonl"},
	{'o', "format", "FMT",
		"each message as FMT: %p payload, %x in hex,\n%q quoted for a shell, "
		"%l length, %L in 4 bytes,\n%n channel, %s sequence number, %t time of\nreceipt; "
		"\\n \\t \\0 \\xHH"},
	{'p', "peek", NULL, "show what is there without consuming it, then end"},
	{'D', "dir", "DIR", "a file in DIR for each message"},
	{OPT_RAW, "raw", NULL, "don't escape control bytes on a terminal"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const struct cli_tool tool = {
	.name = "chanrecv",
	.usage = "[OPTIONS] CHANNEL... | [OPTIONS] CHANNEL -- COMMAND [ARG...]",
	.summary =
		"Receive messages from channels, until they end, and print them, or run COMMAND\n"
		"for each, with the message on its stdin: status 0 consumes it.",
	.options = options,
	.command_follows = true,
};

/* Why a channel's thread ended, the most important reason last. */
enum outcome {
	STOPPED, /* another thread or a signal stopped it */
	ENDED,	 /* the channel ended */
	DRAINED, /* -e: it read what was there */
	IDLE,	 /* --idle-exit: no message came for so long */
	EMPTY,	 /* nothing was there, and it was not to wait */
	TIMED_OUT,
	FAILED, /* `status` says how */
};

struct receiver {
	const char *name;
	chan_t *ch;
	pthread_t thread;
	enum outcome outcome;
	int status;

	uint64_t last;	 /* -e: the last sequence number wanted */
	int64_t created; /* the channel, for names of files */

	struct chan_lease lease[HELD_MAX]; /* taken, not yet acknowledged; unless -p */
	size_t end[HELD_MAX];		   /* where each ends in the buffer */
	unsigned records;
	unsigned busy; /* how often, in a row, the lock was busy */
	char *buf;     /* encoded, not yet written */
	size_t used, size;
};

static struct {
	struct framing framing;
	const char *format;
	struct store *store; /* -D */
	char **command;	     /* and its arguments, to a NULL */
	uint64_t limit;
	int64_t deadline, idle, idle_exit;
	bool nowait, drain, peek, escape;

	struct receiver *receivers;
	int count;
	atomic_int running;
	int done; /* an eventfd, for each that ended */
	atomic_bool stopping, reader_gone;
	atomic_uint_fast64_t left; /* messages until the limit */
	atomic_uint_fast64_t received, bytes;
	_Atomic int64_t active; /* when the last message came */
	pthread_mutex_t output;
} run = {
	.framing = {.kind = FRAMING_DELIMITED, .delimiter = '\n'},
	.limit = UINT64_MAX,
	.deadline = CHAN_WAIT,
	.idle = CHAN_WAIT,
	.idle_exit = CHAN_WAIT,
	.output = PTHREAD_MUTEX_INITIALIZER,
};

static void stop_all(void)
{
	atomic_store(&run.stopping, true);
	for (int i = 0; i < run.count; i++)
		chan_interrupt(run.receivers[i].ch, 1);
}

static bool stopping(void)
{
	return atomic_load_explicit(&run.stopping, memory_order_relaxed) || cli_signalled();
}

/* Functions that return bool here: false ends the receiver, with its outcome set. */

static bool end(struct receiver *r, enum outcome outcome)
{
	r->outcome = outcome;
	return false;
}

static bool failed(struct receiver *r, int status)
{
	r->status = status;
	return end(r, FAILED);
}

/* Report that writing failed, and stop all: no thread can go on. */
static bool report_output_error(struct receiver *r, const char *what, int err)
{
	static atomic_flag reported = ATOMIC_FLAG_INIT;

	if (err == -EINTR) /* a signal, and the reader is slow */
		return end(r, STOPPED);
	if (!atomic_flag_test_and_set(&reported))
		cli_error(NULL, "%s: %s", what, strerror(-err));
	stop_all();
	return failed(r, CLI_ERROR);
}

/* Encode a message behind the buffer's end. */
static bool encode(struct receiver *r, const struct envelope *m)
{
	for (;;) {
		size_t room = r->size - r->used;
		ssize_t need = run.format ? format_encode(run.format, m, r->buf + r->used, room)
					  : framing_encode(&run.framing, m, r->buf + r->used, room);
		char *p;

		if (need >= 0 && (size_t)need <= room) {
			r->used += (size_t)need;
			return true;
		}
		p = need < 0 ? NULL : realloc(r->buf, r->used + (size_t)need);
		if (!p) {
			cli_error(r->name, "no memory for a message of %zu bytes", m->len);
			return failed(r, CLI_ERROR);
		}
		r->buf = p;
		r->size = r->used + (size_t)need;
	}
}

/* Put a message where it belongs: the buffer, or a file of its own. */
static bool emit(struct receiver *r, const struct envelope *m)
{
	int err;

	if (!encode(r, m))
		return false;
	if (!run.store)
		return true;
	err = store_put(run.store, r->name, r->created, m->seq, r->buf, r->used);
	r->used = 0;
	return !err || report_output_error(r, store_name(run.store), err);
}

/* Write the records of the buffer; sets *done to how many were written. */
static int write_buffer(struct receiver *r, size_t *done)
{
	char *escaped;
	size_t len;
	int err;

	if (!run.escape)
		return output_records(r->buf, r->end, r->records, done);
	escaped = malloc(4 * r->used + 1);
	if (!escaped)
		return -ENOMEM;
	len = cli_escape(escaped, r->buf, r->used);
	err = cli_write(STDOUT_FILENO, escaped, len, NULL);
	free(escaped);
	*done = err ? 0 : r->records;
	return err;
}

/* Write what the buffer has, then acknowledge what has been written. */
static bool flush(struct receiver *r)
{
	size_t done = 0, len = 0;
	unsigned n;
	int err = 0;

	if (run.store) {
		err = r->records ? store_sync(run.store) : 0;
		done = err ? 0 : r->records;
	} else if (r->records) {
		pthread_mutex_lock(&run.output);
		err = write_buffer(r, &done);
		pthread_mutex_unlock(&run.output);
	}
	n = run.peek ? 0 : (unsigned)done;
	for (unsigned i = 0; i < n; i++)
		len += r->lease[i].len;
	if (n) {
		int acked = chan_ack(r->ch, r->lease, n);

		if (acked < 0)
			return failed(r, cli_fail(r->name, NULL, acked));
	}
	atomic_fetch_add(&run.received, n);
	atomic_fetch_add(&run.bytes, len);
	/* What was not written goes back when the endpoint detaches. */
	r->records = 0;
	r->used = 0;
	return !err || report_output_error(r, run.store ? store_name(run.store) : "stdout", err);
}

/* Count off those of n messages taken that -n still wants: returns how many. */
static unsigned claim(unsigned n)
{
	uint_fast64_t left = atomic_load(&run.left);

	if (run.limit == UINT64_MAX)
		return n;
	while (!atomic_compare_exchange_weak(&run.left, &left, left - (left < n ? left : n)))
		;
	return left < n ? (unsigned)left : n;
}

static bool limits_idling(void)
{
	return run.idle != CHAN_WAIT || run.idle_exit != CHAN_WAIT;
}

static void note_activity(void)
{
	if (limits_idling())
		atomic_store(&run.active, cli_now());
}

/* Returns what is left of a time without messages. */
static int64_t idle_remaining(int64_t duration)
{
	int64_t at;

	if (duration == CHAN_WAIT ||
		__builtin_add_overflow(atomic_load(&run.active), duration, &at))
		return CHAN_WAIT;
	return cli_remaining(at);
}

/* Returns how long a take may wait. */
static int64_t take_patience(const struct receiver *r)
{
	int64_t idle = cli_sooner(idle_remaining(run.idle), idle_remaining(run.idle_exit));

	if (run.nowait || run.drain || r->records)
		return 0;
	return cli_sooner(cli_remaining(run.deadline), idle);
}

/* A take returned no message but `err`: decide whether to go on. */
static bool go_on_without(struct receiver *r, int err)
{
	bool held = r->records;

	if (!flush(r))
		return false;
	switch (err) {
	case -EPIPE:
		return end(r, ENDED);
	case -EINTR:
		return end(r, STOPPED);
	case -EAGAIN:
	case -ETIMEDOUT:
		r->busy = 0;
		break;
	case -EBUSY: /* nothing is known of the channel */
		if (held || ++r->busy < CLI_BUSY_TRIES)
			return true;
		return failed(r, cli_fail(r->name, NULL, err));
	default:
		return failed(r, cli_fail(r->name, NULL, err));
	}
	if (held)
		return true; /* that take did not wait; the next one will */
	if (run.drain)
		return end(r, DRAINED);
	if (run.nowait)
		return end(r, EMPTY);
	if (take_patience(r))
		return true;
	return end(r, cli_remaining(run.deadline) && idle_remaining(run.idle) ? IDLE : TIMED_OUT);
}

/* Take as many messages as there are and are wanted, and emit them. */
static bool take(struct receiver *r)
{
	struct chan_lease *lease = r->lease + r->records;
	uint_fast64_t want = atomic_load(&run.left);
	int64_t now;
	int n;

	if (want > BATCH)
		want = BATCH;
	if (want > HELD_MAX - r->records)
		want = HELD_MAX - r->records;
	if (!want || stopping())
		return end(r, STOPPED);
	n = chan_take(r->ch, lease, (unsigned)want, take_patience(r));
	if (n < 0)
		return go_on_without(r, n);
	r->busy = 0;
	now = clock_real();
	note_activity();

	for (unsigned i = 0, k = claim((unsigned)n); i < (unsigned)n; i++) {
		struct envelope m = {
			.data = lease[i].data,
			.len = lease[i].len,
			.channel = r->name,
			.seq = lease[i].seq,
			.time = now,
		};

		/* Those beyond the limit go back when the endpoint detaches. */
		if (i == k)
			return end(r, STOPPED);
		if (run.drain && m.seq > r->last)
			return end(r, DRAINED);
		if (!emit(r, &m))
			return false;
		r->end[r->records++] = r->used;
	}
	if (r->records < HELD_MAX && r->used < FLUSH_SIZE)
		return true;
	return flush(r);
}

static void *receive(void *arg)
{
	static const uint64_t one = 1;
	struct receiver *r = arg;

	while (take(r))
		if (run.deadline != CHAN_WAIT && !cli_remaining(run.deadline) && !run.nowait) {
			end(r, TIMED_OUT);
			break;
		}
	if (r->outcome != FAILED && r->records)
		flush(r);
	if (!atomic_load(&run.left))
		stop_all(); /* it was the last one wanted */
	atomic_fetch_sub(&run.running, 1);
	if (write(run.done, &one, sizeof(one)) < 0) {
		/* the counter is full; the main thread has been woken */
	}
	return NULL;
}

/* A signal that does nothing but end a write(2) that blocks. */
static void on_kick(int sig)
{
	(void)sig;
}

static const struct timespec *kick_time(void)
{
	static const struct timespec kick = {.tv_nsec = KICK_MS * 1000000L};

	return stopping() ? &kick : NULL;
}

/* Watch over the receivers until all have ended.  The signals that end this process
 * are unblocked inside ppoll() only, so none is missed before it. */
static void supervise(const sigset_t *unblocked)
{
	struct pollfd fds[] = {
		{.fd = run.done, .events = POLLIN}, {.fd = run.store ? -1 : STDOUT_FILENO}};

	while (atomic_load(&run.running)) {
		uint64_t ended;

		fds[0].revents = fds[1].revents = 0;
		ppoll(fds, 2, kick_time(), unblocked);
		if (fds[1].revents) { /* POLLERR or POLLHUP */
			fds[1].fd = -1;
			atomic_store(&run.reader_gone, true);
			stop_all();
		}
		if (fds[0].revents && read(run.done, &ended, sizeof(ended)) < 0)
			continue;
		for (int i = 0; i < run.count && stopping(); i++)
			pthread_kill(run.receivers[i].thread, SIGURG);
	}
}

static int receive_all(void)
{
	struct sigaction kick = {.sa_handler = on_kick};
	sigset_t ours, old;
	int started = 0, err = 0;

	sigaction(SIGURG, &kick, NULL);
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ours, &old);
	run.done = eventfd(0, EFD_CLOEXEC);
	if (run.done < 0)
		err = -errno;
	while (!err && started < run.count) {
		struct receiver *r = &run.receivers[started];

		atomic_fetch_add(&run.running, 1);
		err = -pthread_create(&r->thread, NULL, receive, r);
		if (err)
			atomic_fetch_sub(&run.running, 1);
		else
			started++;
	}
	if (err) {
		stop_all();
		cli_error(NULL, "can't start a thread for each channel: %s", strerror(-err));
	} else {
		supervise(&old);
	}
	while (started)
		pthread_join(run.receivers[--started].thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? CLI_ERROR : CLI_OK;
}

/* The message is not done: it goes back, to be delivered again.  That this worker could
 * not begin on it does not count. */
static bool give_back(struct receiver *r, const struct chan_lease *lease, int status, bool begun)
{
	int n = begun ? chan_release(r->ch, lease, 1) : chan_untake(r->ch, lease, 1);

	/* If that fails it goes back when the endpoint detaches. */
	return failed(r, n < 0 ? cli_fail(r->name, NULL, n) : status);
}

/* Acknowledge the message or give it back, as the status of its child says. */
static bool finish_message(struct receiver *r, const struct chan_lease *lease, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, acked;

	switch (code) {
	case CLI_OK:
	case CLI_CHILD_LAST:
		acked = chan_ack(r->ch, lease, 1);
		if (acked < 0)
			return failed(r, cli_fail(r->name, NULL, acked));
		atomic_fetch_add(&run.received, 1);
		atomic_fetch_add(&run.bytes, lease->len);
		return code == CLI_OK || end(r, STOPPED);
	case CLI_CHILD_NO_EXEC:
	case CLI_CHILD_NOT_FOUND:
		cli_error(r->name,
			"%s can't be run (status %d); message %" PRIu64 " goes back to the channel",
			*run.command, code, lease->seq);
		return give_back(r, lease, code, false);
	}
	if (code >= 0)
		cli_error(r->name,
			"%s ended with status %d; message %" PRIu64 " goes back to the channel",
			*run.command, code, lease->seq);
	else
		cli_error(r->name,
			"%s was killed by signal %d; message %" PRIu64 " goes back to the channel",
			*run.command, WTERMSIG(status), lease->seq);
	return give_back(r, lease, CLI_CHILD_FAILED, true);
}

/* Take a message and run COMMAND for it. */
static bool work_once(struct receiver *r)
{
	struct chan_lease lease;
	int status, err, n;

	if (!atomic_load(&run.left) || stopping())
		return end(r, STOPPED);
	n = chan_take(r->ch, &lease, 1, take_patience(r));
	if (n < 0)
		return go_on_without(r, n);
	r->busy = 0;
	if (run.drain && lease.seq > r->last) {
		chan_untake(r->ch, &lease, 1);
		return end(r, DRAINED);
	}
	err = child_run(&(struct child){.command = run.command,
				.channel = r->name,
				.data = lease.data,
				.len = lease.len,
				.seq = lease.seq,
				.attempt = lease.attempt},
		&status);
	if (err < 0) {
		cli_error(r->name,
			"can't start a process: %s; message %" PRIu64 " goes back to the channel",
			strerror(-err), lease.seq);
		return give_back(r, &lease, CLI_CHILD_FAILED, false);
	}
	note_activity();
	claim(1);
	if (!finish_message(r, &lease, status))
		return false;
	return cli_remaining(run.deadline) || run.nowait || end(r, TIMED_OUT);
}

static void work_all(struct receiver *r)
{
	child_init();
	while (work_once(r))
		;
}

/* -p: print the messages that are there, and leave them. */
static void peek(struct receiver *r)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct chan_cursor at = {0};
	int err = chan_stat(r->ch, &st);
	char *msg = err ? NULL : malloc((size_t)st.max_message + 1);
	ssize_t n;

	if (!msg) {
		failed(r, cli_fail(r->name, NULL, err ? err : -ENOMEM));
		return;
	}
	end(r, EMPTY);
	while (atomic_load(&run.left) && !stopping()) {
		struct envelope m = {.data = msg, .channel = r->name};

		n = chan_peek(r->ch, msg, st.max_message, &at);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			failed(r, cli_fail(r->name, NULL, (int)n));
			break;
		}
		m.len = (size_t)n;
		m.seq = at.seq;
		m.time = clock_real();
		claim(1);
		if (!emit(r, &m))
			break;
		r->end[r->records++] = r->used;
		if ((r->used >= FLUSH_SIZE || r->records == HELD_MAX) && !flush(r))
			break;
		atomic_fetch_add(&run.received, 1);
		atomic_fetch_add(&run.bytes, m.len);
	}
	if (r->outcome != FAILED)
		flush(r);
	free(msg);
}

/* Report how the run ended; returns the exit status. */
static int conclude(void)
{
	const char *name = run.count == 1 ? run.receivers[0].name : NULL;
	uint64_t got = atomic_load(&run.received);
	enum outcome worst = STOPPED;
	int status = CLI_OK;

	cli_note(name, "received %" PRIu64 " messages, %" PRIu64 " bytes", got,
		(uint64_t)atomic_load(&run.bytes));
	for (int i = 0; i < run.count; i++) {
		const struct receiver *r = &run.receivers[i];

		if (r->outcome > worst)
			worst = r->outcome;
		if (r->outcome == FAILED && !status)
			status = r->status;
	}
	if (status || got == run.limit)
		return status;
	switch (worst) {
	case TIMED_OUT:
		cli_warn(name, "timed out after %" PRIu64 " messages", got);
		return CLI_TIMEOUT;
	case EMPTY:
		if (run.peek || (got && run.limit == UINT64_MAX))
			return CLI_OK;
		cli_warn(name, "empty after %" PRIu64 " messages", got);
		return CLI_WOULD_BLOCK;
	case DRAINED:
		if (run.limit == UINT64_MAX)
			return CLI_OK;
		cli_warn(name, "drained after %" PRIu64 " of %" PRIu64 " messages", got, run.limit);
		return CLI_WOULD_BLOCK;
	case ENDED:
		if (run.limit == UINT64_MAX)
			return CLI_OK;
		cli_error(name, "closed after %" PRIu64 " of %" PRIu64 " messages", got, run.limit);
		return CLI_CLOSED;
	default:
		return CLI_OK;
	}
}

static int open_channel(struct receiver *r, const char *name)
{
	struct chan_stat st = {.size = sizeof(st)};
	int64_t deadline = cli_sooner(run.deadline, cli_deadline(run.idle));
	int err = place_open(&r->ch, name, run.peek ? 0 : CHAN_RECV, NULL, deadline, run.nowait);

	r->name = name;
	if (err)
		return err;
	err = cli_watch(r->ch);
	if (!err)
		err = chan_stat(r->ch, &st);
	if (err)
		return cli_fail(name, NULL, err);
	r->last = st.sent;
	r->created = st.created;
	r->size = BUFFER_SIZE;
	r->buf = malloc(r->size);
	return r->buf ? CLI_OK : cli_fail(name, NULL, -ENOMEM);
}

static void close_channels(void)
{
	for (int i = 0; i < run.count; i++) {
		struct receiver *r = &run.receivers[i];

		cli_unwatch(r->ch);
		chan_detach(r->ch);
		free(r->buf);
	}
	free(run.receivers);
}

/* A COMMAND works on one channel, and options about output are not for it. */
static void check_command(char **argv, bool framed, bool raw, const char *dir)
{
	run.command = cli_command();
	if (!run.command)
		return;
	if (!*run.command)
		cli_usage("there is no COMMAND behind '--'");
	if (argv[optind + 1])
		cli_usage("a COMMAND works on one channel, and '%s' is a second one",
			argv[optind + 1]);
	if (framed || raw || dir || run.peek)
		cli_usage("a COMMAND gets each message as it is: no framing, format, --dir, "
			  "--peek or --raw");
}

/* Returns true if it is an option that says how messages lie in the output. */
static bool parse_framing(int letter, const char *arg)
{
	if (letter == 'J')
		framing_parse("jsonl", &run.framing);
	else if (!cli_framing_option(
			 letter, arg, "lines, null, len32, netstring, jsonl or raw", &run.framing))
		return false;
	run.format = NULL;
	return true;
}

static void parse_format(const char *arg)
{
	const char *bad;

	if (format_check(arg, &bad))
		cli_usage(
			"--format: '%.4s' is not known; there are %%p %%x %%q %%l %%L %%n %%s %%t "
			"%%%% \\n \\t \\r \\0 \\\\ \\xHH",
			bad);
	run.format = arg;
}

/* Returns -D's argument. */
static const char *parse_options(int argc, char **argv)
{
	const char *dir = NULL;
	bool raw = false, framed = false;
	int c;

	while ((c = cli_next(&tool, argc, argv)) != -1) {
		if (parse_framing(c, optarg)) {
			framed = true;
			continue;
		}
		switch (c) {
		case 'n':
			run.limit = cli_count_arg("--count", optarg);
			break;
		case '1':
			run.limit = 1;
			break;
		case 'W':
			run.deadline = cli_duration_arg("--timeout", optarg);
			run.nowait |= !run.deadline;
			run.deadline = cli_deadline(run.deadline);
			break;
		case 'w':
			run.idle = cli_duration_arg("--idle-timeout", optarg);
			run.nowait |= !run.idle;
			break;
		case OPT_IDLE_EXIT:
			run.idle_exit = cli_duration_arg("--idle-exit", optarg);
			break;
		case 'N':
			run.nowait = true;
			break;
		case 'e':
			run.drain = true;
			break;
		case 'o':
			parse_format(optarg);
			framed = true;
			break;
		case 'p':
			run.peek = true;
			break;
		case 'D':
			dir = optarg;
			break;
		case OPT_RAW:
			raw = true;
			break;
		}
	}
	if (!argv[optind])
		cli_usage("missing CHANNEL operand");
	check_command(argv, framed, raw, dir);
	if (dir && !framed)
		framing_parse("raw", &run.framing);
	run.escape = !raw && !dir && isatty(STDOUT_FILENO);
	return dir;
}

/* The reader of stdout went away: end as a write to it would end this process. */
static int die_of_sigpipe(void)
{
	raise(SIGPIPE);
	cli_error(NULL, "stdout: %s", strerror(EPIPE)); /* SIGPIPE is ignored */
	return CLI_ERROR;
}

int main(int argc, char **argv)
{
	const char *dir = parse_options(argc, argv);
	int status = CLI_OK, err = dir ? store_open(&run.store, dir) : 0;

	if (err) {
		cli_error(NULL, "%s: %s", dir, strerror(-err));
		return err == -EACCES ? CLI_DENIED : CLI_ERROR;
	}
	if (run.command)
		cli_count_signals();
	else
		cli_signals();
	atomic_init(&run.left, run.limit);
	atomic_init(&run.active, cli_now());
	run.receivers = calloc((size_t)(argc - optind), sizeof(*run.receivers));
	if (!run.receivers)
		return cli_fail(NULL, NULL, -ENOMEM);
	for (char **name = argv + optind; *name && !status; name++) {
		*name = bus_name(*name);
		status = open_channel(&run.receivers[run.count++], *name);
	}
	if (!status && run.peek)
		for (int i = 0; i < run.count; i++)
			peek(&run.receivers[i]);
	else if (!status && run.command)
		work_all(&run.receivers[0]);
	else if (!status)
		status = receive_all();
	if (!status)
		status = conclude();
	close_channels();
	store_close(run.store);
	cli_die();
	if (run.reader_gone && atomic_load(&run.received) != run.limit)
		status = die_of_sigpipe();
	return status;
}
