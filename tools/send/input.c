/* SPDX-License-Identifier: MIT */
/* See input.h. */
#include "send/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/decoder.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"

#define FIRST_SIZE ((size_t)256 << 10) /* of the buffer */

/* Functions that return bool return false to end the run, as those of sender.h. */

/* A stream that is being decoded: buf[start..end-1] is left. */
struct input {
	const char *name;
	int fd;
	bool regular; /* a file: reading does not wait */
	bool eof, unreadable;
	char *buf; /* allocated, or NULL */
	size_t size, start, end;
};

/* Report that reading failed: a file that can't be read is one message that fails. */
static bool report_read_error(struct sender *s, struct input *in, int err)
{
	if (err == -EINTR)
		return sender_stop(s, CLI_ERROR);
	if (err == -ETIMEDOUT) {
		cli_error(s->options->channel, "timed out while waiting for input");
		return sender_stop(s, CLI_TIMEOUT);
	}
	cli_error(NULL, "%s: %s", in->name, strerror(-err));
	in->unreadable = true;
	return in->fd == STDIN_FILENO ? sender_stop(s, CLI_ERROR) : sender_skip(s, CLI_ERROR);
}

/* Make room behind the bytes that have not been decoded. */
static bool make_room(struct sender *s, struct input *in)
{
	size_t size;
	char *p;

	if (in->start) {
		in->end -= in->start;
		memmove(in->buf, in->buf + in->start, in->end);
		in->start = 0;
	}
	if (in->end < in->size)
		return true;
	size = in->end ? 2 * in->end : FIRST_SIZE;
	p = realloc(in->buf, size);
	if (!p) {
		cli_error(s->options->channel, "no memory for a message of %zu bytes", size);
		return sender_stop(s, CLI_ERROR);
	}
	in->buf = p;
	in->size = size;
	return true;
}

/* Read what there is. */
static bool fill(struct sender *s, struct input *in)
{
	ssize_t n;

	if (!make_room(s, in))
		return false;
	do {
		int r = in->regular ? 1 : cli_wait_fd(in->fd, POLLIN, s->options->deadline);

		if (r < 0)
			return report_read_error(s, in, r);
		n = read(in->fd, in->buf + in->end, in->size - in->end);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return report_read_error(s, in, -errno);
	in->eof = !n;
	in->end += (size_t)n;
	return true;
}

/* Report that the decoder found an error in place of a message. */
static bool report_bad_input(
	struct sender *s, const struct input *in, const struct decoder *d, int err, size_t used)
{
	if (err == -ENOMEM)
		return sender_stop(s, cli_fail(s->options->channel, NULL, err));
	if (sender_reports_failure(s))
		cli_error(s->options->channel, "%s: %s%s%s", in->name, d->error,
			err == -EMSGSIZE ? "; " : "", err == -EMSGSIZE ? cli_remedy(err) : "");
	if (err == -EPROTO && !used) /* nothing shows where the next one starts */
		return sender_give_up(s, CLI_ERROR);
	return sender_skip(s, err == -EMSGSIZE ? CLI_TOO_LARGE : CLI_ERROR);
}

static bool send_stream(struct sender *s, const char *name, int fd, const struct framing *framing)
{
	struct chan_stat st = {.size = sizeof(st)};
	struct input in = {.name = name, .fd = fd};
	struct iovec msg[SENDER_BATCH];
	struct decoder decoder;
	struct stat file;
	int n = chan_stat(s->ch, &st);
	bool go = n ? sender_stop(s, cli_fail(s->options->channel, NULL, n)) : true;

	in.regular = !fstat(fd, &file) && S_ISREG(file.st_mode);
	decoder_init(&decoder, framing, st.max_message);
	decoder.base = s->meta;
	while (go && !in.unreadable) {
		size_t used = 0;

		n = decoder_next(&decoder, in.buf + in.start, in.end - in.start, in.eof, msg,
			SENDER_BATCH, &used);
		in.start += used;
		if (n > 0) {
			s->meta = decoder.headed ? &decoder.meta : decoder.base;
			go = sender_send(s, framing, msg, (unsigned)n);
			s->meta = decoder.base;
		} else if (n < 0)
			go = report_bad_input(s, &in, &decoder, n, used);
		else if (!used && in.eof)
			break;
		else if (!used)
			go = fill(s, &in);
	}
	decoder_free(&decoder);
	free(in.buf);
	return go;
}

/* Send a file as one message. */
static bool send_file(struct sender *s, const char *path)
{
	static const struct framing whole = {.kind = FRAMING_WHOLE};
	bool go;
	int fd;

	if (!path)
		return sender_send(s, &whole, &(struct iovec){.iov_len = 0}, 1);
	if (!strcmp(path, "-"))
		return send_stream(s, "stdin", STDIN_FILENO, &whole);
	/* O_NONBLOCK: opening a FIFO would wait for its writer, without a bound. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int status = errno == EACCES ? CLI_DENIED : CLI_ERROR;

		cli_error(NULL, "%s: %s", path, strerror(errno));
		return sender_skip(s, status);
	}
	go = send_stream(s, path, fd, &whole);
	close(fd);
	return go;
}

static bool send_operand(struct sender *s, char *message)
{
	static const struct framing line = {.kind = FRAMING_DELIMITED, .delimiter = '\n'};
	struct iovec msg = {.iov_base = message, .iov_len = strlen(message)};

	return sender_send(s, &line, &msg, 1);
}

void input_send_all(struct sender *s)
{
	const struct send_options *o = s->options;
	bool go = o->limit > 0;

	if (go && !o->file_count && !o->message_count)
		send_stream(s, "stdin", STDIN_FILENO, &o->framing);
	for (int i = 0; go && i < o->file_count; i++)
		go = send_file(s, o->files[i]);
	for (int i = 0; go && i < o->message_count; i++)
		go = send_operand(s, o->messages[i]);
}
