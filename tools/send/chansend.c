/* SPDX-License-Identifier: MIT */
/*
 * chansend: messages from the command line, files or stdin into a channel.
 *
 * All that has been read is sent before the next read(2), in batches that point
 * into the input buffer; so a slow input is not delayed, and a fast one costs no
 * copy and no call for each message.
 */
#include "base/words.h"
#include "common/bus.h"
#include "common/deadline.h"
#include "common/decoder.h"
#include "common/failure.h"
#include "common/framing.h"
#include "common/framing_option.h"
#include "common/message.h"
#include "common/options.h"
#include "common/output.h"
#include "common/parse.h"
#include "common/place.h"
#include "common/signals.h"
#include "common/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_SIZE ((size_t)256 << 10) /* first size of the input buffer */
#define BATCH 512
#define NS_PER_S 1000000000
#define PROGRESS_NS (NS_PER_S / 10)
/* --rate: how far a sender that is late may catch up. */
#define BURST_NS (NS_PER_S / 100)
#define INTERVAL_MAX 1e18

enum {
	OPT_SKIP_EMPTY = CLI_LONG,
	OPT_OVERFLOW,
	OPT_EOF,
	OPT_PROGRESS,
};

static const struct cli_option options[] = {
	{'l', "lines", NULL, "stdin: a message a line (the default)"},
	{'0', "null", NULL, "stdin: a NUL ends each message"},
	{'d', "delimiter", "C", "stdin: the byte C (as , or \\t) ends each message"},
	{'F', "framing", "lines|null|len32|netstring|jsonl|raw:SIZE",
		"stdin: how messages lie in it; raw:SIZE is\npieces of SIZE bytes"},
	{OPT_SKIP_EMPTY, "skip-empty", NULL, "an empty line is no message"},
	{'s', "whole", NULL, "all of stdin is one message"},
	{'f', "file", "FILE", "all of FILE is one message; repeatable"},
	{'E', "empty", NULL, "an empty message; repeatable"},
	{'n', "count", "N", "stop after N messages"},
	{'W', "timeout", "D", "give up after D in all"},
	{'w', "send-timeout", "D", "wait at most D for room for a message"},
	{'N', "nowait", NULL, "never wait for room"},
	{OPT_OVERFLOW, "overflow", "block|fail|drop-new", "what to do when the channel is full"},
	{'R', "require-receiver", NULL, "fail with 9 if no receiver is there"},
	{'c', "create", "[SPEC]",
		"create the channel if it is missing; SPEC is\n"
		"capacity=1M,max-message=64K,... (man page)"},
	{OPT_EOF, "eof", NULL, "close the channel after the last message"},
	{'T', "tee", NULL, "copy what was sent to stdout"},
	{'K', "keep-going", NULL, "count messages that fail, go on, and end with 8"},
	{'r', "rate", "N/s", "send at most N a second (or N/m, N/h)"},
	{OPT_PROGRESS, "progress", "[FD]", "show progress on a terminal, or as lines to FD"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const struct cli_tool tool = {
	.name = "chansend",
	.usage = "[OPTIONS] CHANNEL [--] [MESSAGE...]",
	.summary = "Send each MESSAGE, or stdin in pieces, to a channel.",
	.notes = "A MESSAGE that begins with a dash is an option unless it stands behind --:\n"
		 "  chansend CHANNEL -- \"$message\"",
	.options = options,
};

/* The run: what the command line asks for, and how far it got. */
static struct {
	const char *name;
	chan_t *ch;

	unsigned flags;
	struct chan_options create;
	struct framing framing; /* of stdin */
	const char **sources;	/* files, NULL for -E, in the order given */
	int source_count;
	uint64_t limit;
	int64_t deadline, send_timeout;
	int overflow; /* or -1 */
	bool nowait, require_receiver, close, tee, keep_going;
	bool drops;	 /* a full channel drops new messages, so they are sent one by one */
	double interval; /* ns between messages, 0: no pace */
	int progress;	 /* descriptor, or -1 */
	bool bar;

	uint64_t sent, bytes, dropped, failed;
	int64_t started, due, reported;
	int status;
} run = {
	.framing = {.kind = FRAMING_DELIMITED, .delimiter = '\n'},
	.create = CLI_OPTIONS_INIT,
	.flags = CHAN_SEND,
	.limit = UINT64_MAX,
	.deadline = CHAN_WAIT,
	.send_timeout = CHAN_WAIT,
	.overflow = -1,
	.progress = -1,
};

/* A growing buffer of bytes. */
struct buffer {
	char *data;
	size_t size;
};

static bool grow(struct buffer *b, size_t size)
{
	char *p = size <= b->size ? b->data : realloc(b->data, size);

	if (!p) {
		cli_error(run.name, "no memory for a message of %zu bytes", size);
		run.status = CLI_ERROR;
		return false;
	}
	b->data = p;
	if (size > b->size)
		b->size = size;
	return true;
}

/* Functions that return bool here: false stops the run, with run.status set. */

static bool stop(int status)
{
	run.status = status;
	return false;
}

/* Count the messages that are done with, whether or not they were sent. */
static uint64_t count_handled(void)
{
	return run.sent + run.dropped + run.failed;
}

/* Progress. */

static void show_progress(bool last)
{
	int64_t now;
	double seconds;

	if (run.progress < 0)
		return;
	now = cli_now();
	if (!last && now - run.reported < PROGRESS_NS)
		return;
	run.reported = now;
	seconds = (double)(now - run.started) / NS_PER_S;
	if (run.bar)
		dprintf(run.progress, "\r%" PRIu64 " messages, %.1f MiB, %.0f/s%s", run.sent,
			(double)run.bytes / (1 << 20), seconds > 0 ? (double)run.sent / seconds : 0,
			last ? "\n" : "\033[K");
	else
		dprintf(run.progress,
			"sent=%" PRIu64 " bytes=%" PRIu64 " failed=%" PRIu64 " dropped=%" PRIu64
			" seconds=%.3f\n",
			run.sent, run.bytes, run.failed, run.dropped, seconds);
}

/* Copy to stdout, for --tee. */
static bool copy_out(const struct framing *framing, const struct iovec *msg, unsigned n)
{
	static struct buffer out;
	size_t end[BATCH], used = 0, done;
	int r = 0;

	for (unsigned i = 0; i < n && !r;) {
		struct envelope m = {.data = msg[i].iov_base, .len = msg[i].iov_len};
		ssize_t len = framing_encode(framing, &m, out.data + used, out.size - used);

		if (len < 0) {
			r = (int)len;
		} else if ((size_t)len > out.size - used) {
			if (!grow(&out, used + (size_t)len))
				return false;
		} else {
			used += (size_t)len;
			end[i++] = used;
		}
	}
	if (!r)
		r = output_records(out.data, end, n, &done);
	if (r && r != -EINTR)
		cli_error(NULL, "stdout: %s", strerror(-r));
	return !r || stop(CLI_ERROR);
}

/* Wait until --rate allows a message, and cut *n to as many as it does. */
static bool pace(unsigned *n)
{
	int64_t now = cli_now();
	double allowed;

	if (run.due < now - BURST_NS)
		run.due = now - BURST_NS;
	if (run.due > now) {
		int r = cli_wait_fd(-1, 0, cli_sooner(run.due, run.deadline));

		if (r == -ETIMEDOUT && !cli_remaining(run.deadline)) {
			cli_error(run.name, "timed out; --rate left no time for message %" PRIu64,
				count_handled() + 1);
			return stop(CLI_TIMEOUT);
		}
		if (r != -ETIMEDOUT)
			return stop(CLI_ERROR);
		now = cli_now();
	}
	allowed = 1 + (double)(now - run.due) / run.interval;
	if (allowed < *n)
		*n = (unsigned)allowed;
	return true;
}

/* How long the next send may wait. */
static int64_t send_patience(void)
{
	if (run.nowait)
		return 0;
	return cli_sooner(cli_remaining(run.deadline), run.send_timeout);
}

/* Count one message that failed; without --keep-going this stops the run. */
static bool skip_message(int status)
{
	run.failed++;
	return run.keep_going || stop(status);
}

/* Returns true if the reason of a failure is reported: with --keep-going only the first
 * time, since the end reports how many failed. */
static bool reports_failure(void)
{
	return !run.keep_going || !run.failed || cli_verbose();
}

static bool report_no_peer(void)
{
	struct chan_stat st = {.size = sizeof(st)};

	if (!chan_stat(run.ch, &st) && !st.closed) {
		cli_error(run.name, "no receiver is left; start one ('chanrecv %s')", run.name);
		return stop(CLI_CONDITION);
	}
	cli_error(run.name, "closed; it takes no more messages");
	return stop(CLI_CLOSED);
}

/* Report why the channel did not take a message of `len` bytes. */
static bool report_refusal(int err, size_t len)
{
	struct chan_stat st = {.size = sizeof(st)};
	uint64_t number = count_handled() + 1;
	bool timed_out = !run.nowait && !cli_remaining(run.deadline);

	if (err == -EAGAIN && timed_out)
		err = -ETIMEDOUT;
	switch (err) {
	case -EINTR:
		return stop(CLI_ERROR);
	case -EPIPE:
		return report_no_peer();
	case -EMSGSIZE:
		if (reports_failure() && !chan_stat(run.ch, &st))
			cli_error(run.name,
				"message %" PRIu64 " is %zu bytes, the channel allows %" PRIu32
				"; %s",
				number, len, st.max_message, cli_remedy(err));
		break;
	case -ECANCELED:
		if (reports_failure())
			cli_error(run.name, "message %" PRIu64 " was purged; no receiver had it",
				number);
		break;
	case -EAGAIN:
		if (reports_failure())
			cli_error(run.name, "full, no room for message %" PRIu64, number);
		break;
	case -ETIMEDOUT:
		if (reports_failure() || timed_out)
			cli_error(run.name,
				"full, timed out at message %" PRIu64
				"; 'chanctl info %s' shows whether a receiver is there",
				number, run.name);
		if (timed_out)
			return stop(CLI_TIMEOUT);
		break;
	default:
		return stop(cli_fail(run.name, NULL, err));
	}
	return skip_message(cli_exit_code(err));
}

/* Send some of n messages: returns how many, or an error.  Sets *dropped if the channel
 * dropped the message instead. */
static int send_some(const struct iovec *msg, unsigned n, bool *dropped)
{
	unsigned tries = 0;
	int64_t wait;
	int r;

	do {
		wait = send_patience();
		r = run.drops ? chan_send(run.ch, msg->iov_base, msg->iov_len, wait)
			      : chan_send_batch(run.ch, msg, n, wait);
	} while (r == -EBUSY && wait == 0 && ++tries < CLI_BUSY_TRIES);
	*dropped = run.drops && r == CHAN_DROPPED;
	return run.drops && r >= 0 ? 1 : r;
}

/* The first message is tried, however late it is. */
static bool check_time(void)
{
	if (run.deadline == CHAN_WAIT || !count_handled() || cli_remaining(run.deadline))
		return true;
	cli_error(run.name, "timed out after %" PRIu64 " messages", count_handled());
	return stop(CLI_TIMEOUT);
}

/* Send messages; --tee copies them in `framing`. */
static bool publish(const struct framing *framing, const struct iovec *msg, unsigned n)
{
	while (n) {
		uint64_t left = run.limit - run.sent - run.dropped;
		unsigned k = n < left ? n : (unsigned)left;
		bool dropped;
		int r;

		if (!k || cli_signalled())
			return stop(CLI_OK);
		if (!check_time() || (run.interval > 0 && !pace(&k)))
			return false;
		r = send_some(msg, k, &dropped);
		if (r < 0) {
			if (!report_refusal(r, msg->iov_len))
				return false;
			r = 1;
		} else if (dropped) {
			run.dropped++;
			run.due += (int64_t)run.interval;
		} else {
			run.sent += (unsigned)r;
			for (int i = 0; i < r; i++)
				run.bytes += msg[i].iov_len;
			run.due += (int64_t)(r * run.interval);
			if (run.tee && !copy_out(framing, msg, (unsigned)r))
				return false;
		}
		msg += r;
		n -= (unsigned)r;
		show_progress(false);
	}
	return run.sent + run.dropped < run.limit || stop(CLI_OK);
}

/* Input that is being decoded: data[start..end-1]. */
struct input {
	const char *name;
	int fd;
	bool regular; /* a file: reading does not wait */
	bool eof, unreadable;
	struct buffer buf;
	size_t start, end;
};

/* Report that reading failed: a file that can't be read is one message that fails. */
static bool report_read_error(struct input *in, int err)
{
	if (err == -EINTR)
		return stop(CLI_ERROR);
	if (err == -ETIMEDOUT) {
		cli_error(run.name, "timed out while waiting for input");
		return stop(CLI_TIMEOUT);
	}
	cli_error(NULL, "%s: %s", in->name, strerror(-err));
	in->unreadable = true;
	return in->fd == STDIN_FILENO ? stop(CLI_ERROR) : skip_message(CLI_ERROR);
}

/* Read what there is, behind the bytes that have not been decoded. */
static bool fill(struct input *in)
{
	ssize_t n;

	if (in->start) {
		in->end -= in->start;
		memmove(in->buf.data, in->buf.data + in->start, in->end);
		in->start = 0;
	}
	if (in->end == in->buf.size && !grow(&in->buf, in->end ? 2 * in->end : INPUT_SIZE))
		return false;
	do {
		int r = in->regular ? 1 : cli_wait_fd(in->fd, POLLIN, run.deadline);

		if (r < 0)
			return report_read_error(in, r);
		n = read(in->fd, in->buf.data + in->end, in->buf.size - in->end);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return report_read_error(in, -errno);
	in->eof = !n;
	in->end += (size_t)n;
	return true;
}

/* Report that the decoder found an error in place of a message. */
static bool report_bad_input(const struct input *in, const struct decoder *d, int err, size_t used)
{
	if (err == -ENOMEM)
		return stop(cli_fail(run.name, NULL, err));
	if (reports_failure())
		cli_error(run.name, "%s: %s%s%s", in->name, d->error, err == -EMSGSIZE ? "; " : "",
			err == -EMSGSIZE ? cli_remedy(err) : "");
	if (err == -EPROTO && !used) {
		run.failed++;
		return stop(CLI_ERROR); /* nothing shows where the next one starts */
	}
	return skip_message(err == -EMSGSIZE ? CLI_TOO_LARGE : CLI_ERROR);
}

static bool send_stream(const char *name, int fd, const struct framing *framing)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct input in = {.name = name, .fd = fd};
	struct iovec msg[BATCH];
	struct decoder decoder;
	struct stat file;
	int n = chan_stat(run.ch, &st);
	bool go = n ? stop(cli_fail(run.name, NULL, n)) : true;

	in.regular = !fstat(fd, &file) && S_ISREG(file.st_mode);
	decoder_init(&decoder, framing, st.max_message);
	while (go && !in.unreadable) {
		size_t used = 0;

		n = decoder_next(&decoder, in.buf.data + in.start, in.end - in.start, in.eof, msg,
			BATCH, &used);
		in.start += used;
		if (n > 0)
			go = publish(framing, msg, (unsigned)n);
		else if (n < 0)
			go = report_bad_input(&in, &decoder, n, used);
		else if (!used && in.eof)
			break;
		else if (!used)
			go = fill(&in);
	}
	decoder_free(&decoder);
	free(in.buf.data);
	return go;
}

static bool send_file(const char *path)
{
	static const struct framing whole = {.kind = FRAMING_WHOLE};
	bool go;
	int fd;

	if (!path) {
		struct iovec empty = {.iov_base = NULL, .iov_len = 0};

		return publish(&whole, &empty, 1);
	}
	if (!strcmp(path, "-"))
		return send_stream("stdin", STDIN_FILENO, &whole);
	/* O_NONBLOCK: opening a FIFO would wait for its writer, without a bound. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int status = errno == EACCES ? CLI_DENIED : CLI_ERROR;

		cli_error(NULL, "%s: %s", path, strerror(errno));
		return skip_message(status);
	}
	go = send_stream(path, fd, &whole);
	close(fd);
	return go;
}

static void send_all(char **operands, int count)
{
	static const struct framing line = {.kind = FRAMING_DELIMITED, .delimiter = '\n'};
	bool go = run.limit > 0;

	if (go && !run.source_count && !count)
		send_stream("stdin", STDIN_FILENO, &run.framing);
	for (int i = 0; go && i < run.source_count; i++)
		go = send_file(run.sources[i]);
	for (int i = 0; go && i < count; i++) {
		struct iovec msg = {.iov_base = operands[i], .iov_len = strlen(operands[i])};

		go = publish(&line, &msg, 1);
	}
}

static void parse_progress(const char *arg)
{
	uint64_t fd;

	run.progress = STDERR_FILENO;
	run.bar = !arg;
	if (!arg) {
		if (!isatty(STDERR_FILENO))
			run.progress = -1;
		return;
	}
	fd = cli_count_arg("--progress", arg);
	if (fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0)
		cli_usage("--progress: descriptor %s is not open", arg);
	run.progress = (int)fd;
}

/* With 0 the run does not wait for room; it does wait for input. */
static void parse_timeout(const char *arg)
{
	int64_t duration = cli_duration_arg("--timeout", arg);

	run.nowait |= !duration;
	run.deadline = duration ? cli_deadline(duration) : CHAN_WAIT;
}

static void parse_overflow(const char *arg)
{
	uint32_t overflow;

	if (word_value(&words_overflow, arg, &overflow) || overflow == CHAN_DROP_OLDEST)
		cli_usage("--overflow: '%s' is not block, fail or drop-new", arg);
	run.overflow = (int)overflow;
}

/* Returns true if it is an option that says how messages lie in stdin. */
static bool parse_framing(int letter, const char *arg)
{
	if (!cli_framing_option(
		    letter, arg, "lines, null, len32, netstring, jsonl or raw:SIZE", &run.framing))
		return false;
	if (run.framing.kind == FRAMING_RAW && !run.framing.size)
		cli_usage("--framing: raw needs a size, as raw:64K");
	return true;
}

static void parse_options(int argc, char **argv)
{
	int c;

	run.sources = calloc((size_t)argc, sizeof(*run.sources));
	if (!run.sources)
		exit(cli_fail(NULL, NULL, -ENOMEM));
	while ((c = cli_next(&tool, argc, argv)) != -1) {
		if (parse_framing(c, optarg))
			continue;
		switch (c) {
		case OPT_SKIP_EMPTY:
			run.framing.skip_empty = true;
			break;
		case 's':
			run.framing.kind = FRAMING_WHOLE;
			break;
		case 'f':
			run.sources[run.source_count++] = optarg;
			break;
		case 'E':
			run.sources[run.source_count++] = NULL;
			break;
		case 'n':
			run.limit = cli_count_arg("--count", optarg);
			break;
		case 'W':
			parse_timeout(optarg);
			break;
		case 'w':
			run.send_timeout = cli_duration_arg("--send-timeout", optarg);
			break;
		case 'N':
			run.nowait = true;
			break;
		case OPT_OVERFLOW:
			parse_overflow(optarg);
			break;
		case 'R':
			run.require_receiver = true;
			break;
		case 'c':
			run.flags |= CHAN_CREATE;
			if (optarg)
				cli_spec_arg("--create", &run.create, optarg);
			break;
		case OPT_EOF:
			run.close = true;
			break;
		case 'T':
			run.tee = true;
			break;
		case 'K':
			run.keep_going = true;
			break;
		case 'r':
			run.interval = NS_PER_S / cli_rate_arg("--rate", optarg);
			if (run.interval > INTERVAL_MAX)
				run.interval = INTERVAL_MAX;
			break;
		case OPT_PROGRESS:
			parse_progress(optarg);
			break;
		}
	}
	if (optind == argc)
		cli_usage("missing CHANNEL operand");
	run.name = bus_name(argv[optind++]);
	if (run.framing.kind == FRAMING_WHOLE && (run.source_count || optind < argc))
		cli_usage("--whole reads stdin, which is left alone when messages are given");
}

static int open_channel(void)
{
	struct chan_stat st = {.size = sizeof(st)};
	int64_t deadline = cli_sooner(run.deadline, cli_deadline(run.send_timeout));
	int r = place_open(&run.ch, run.name, run.flags, &run.create, deadline, run.nowait);

	if (r)
		return r;
	r = cli_watch(run.ch);
	if (!r && run.overflow >= 0)
		r = chan_set_overflow(run.ch, (unsigned)run.overflow);
	if (!r)
		r = chan_stat(run.ch, &st);
	if (r)
		return cli_fail(run.name, &run.create, r);
	run.drops = run.overflow == CHAN_DROP_NEWEST ||
		    (run.overflow < 0 && st.overflow == CHAN_DROP_NEWEST);
	if (run.require_receiver && !st.receivers) {
		cli_error(run.name, "no receiver is there; start one ('chanrecv %s')", run.name);
		return CLI_CONDITION;
	}
	return CLI_OK;
}

static void finish(void)
{
	if (run.close && !run.status && !run.failed && !cli_signalled()) {
		int r = chan_close(run.ch, CHAN_DRAIN);

		if (r)
			run.status = cli_fail(run.name, NULL, r);
		else
			cli_note(run.name, "closed");
	}
	if (run.failed && run.keep_going) {
		cli_error(run.name, "%" PRIu64 " of %" PRIu64 " messages failed", run.failed,
			count_handled());
		if (!run.status)
			run.status = CLI_PARTIAL;
	}
	show_progress(true);
	if (run.dropped)
		cli_note(run.name, "dropped %" PRIu64 " messages, as the channel was full",
			run.dropped);
	cli_note(run.name, "sent %" PRIu64 " messages, %" PRIu64 " bytes", run.sent, run.bytes);
}

int main(int argc, char **argv)
{
	run.started = cli_now();
	parse_options(argc, argv);
	cli_signals();
	run.due = run.started;
	run.status = open_channel();
	if (!run.status) {
		send_all(argv + optind, argc - optind);
		finish();
	}
	cli_unwatch(run.ch);
	chan_detach(run.ch);
	cli_die();
	free(run.sources);
	return run.status;
}
