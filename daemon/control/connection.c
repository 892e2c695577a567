/* SPDX-License-Identifier: MIT */
/* The model is in connection.h. */
#include "control/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How much the kernel holds of answers that a client has not read: descriptors that it
 * has not taken yet are then few. */
#define SEND_BUFFER 16384

void connection_init(struct connection *c, int fd, const struct peer *peer)
{
	static const int send_buffer = SEND_BUFFER;

	*c = (struct connection){.peer = *peer, .out_fd = -1};
	c->source = (struct source){.fd = fd, .events = POLLIN | POLLOUT};
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
}

void connection_done(struct connection *c)
{
	free(c->parked);
	close(c->source.fd);
	if (c->out_fd >= 0)
		close(c->out_fd);
	for (unsigned i = 0; i < c->events; i++)
		free(c->event[(c->first + i) % CONNECTION_EVENTS]);
	free(c->text);
	peer_done(&c->peer);
}

bool connection_hung_up(const struct connection *c)
{
	struct pollfd p = {.fd = c->source.fd};

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* ---- packets ---- */

void connection_add(struct connection *c, const char *fmt, ...)
{
	size_t room = sizeof(c->out) - c->out_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->out + c->out_len, room, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < room)
		c->out_len += (size_t)n;
}

void connection_begin(struct connection *c, const char *kind)
{
	c->out_len = 0;
	connection_add(c, MESSAGE_PROTOCOL " %s\n", kind);
}

void connection_ok(struct connection *c)
{
	connection_begin(c, PACKET_OK);
}

void connection_error(struct connection *c, int err, const char *reason)
{
	c->out_len = 0;
	connection_add(
		c, MESSAGE_PROTOCOL " " PACKET_ERROR " %d\n" KEY_REASON "=%s\n", -err, reason);
}

int connection_send(struct connection *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {c->out, c->out_len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (c->out_fd >= 0) {
		struct cmsghdr *header;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &c->out_fd, sizeof(int));
	}
	n = sendmsg(c->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != ETOOMANYREFS)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->out_len = 0;
	if (c->out_fd >= 0)
		close(c->out_fd);
	c->out_fd = -1;
	if (n < 0)
		connection_error(c, -EBUSY, "too many descriptors are under way; read the answers");
	return 1;
}

/* ---- events ---- */

void connection_keep_event(struct connection *c, const char *lines)
{
	char *copy = c->events < CONNECTION_EVENTS ? strdup(lines) : NULL;

	if (copy)
		c->event[(c->first + c->events++) % CONNECTION_EVENTS] = copy;
	else
		c->lost++;
}

void connection_next_event(struct connection *c)
{
	char *lines = c->event[c->first];

	c->first = (c->first + 1) % CONNECTION_EVENTS;
	c->events--;
	connection_begin(c, PACKET_EVENT);
	connection_add(c, "%s", lines);
	if (c->lost)
		connection_add(c, "lost=%" PRIu64 "\n", c->lost);
	c->lost = 0;
	free(lines);
}
