/* SPDX-License-Identifier: MIT */
/* The model is in control.h. */
#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accounts.h"
#include "base/container.h"
#include "config/spec.h"
#include "control/answer.h"
#include "control/connection.h"
#include "control/request.h"
#include "errors.h"
#include "events.h"
#include "registry/registry.h"
#include "settings.h"

/* An answer waits for so long that the client reads it.  A client that passes a
 * connection to itself and never reads would otherwise be there for ever: nobody is left
 * to hang up. */
#define PATIENCE INT64_C(10000000000)
#define STEPS 32 /* of one client, before others have their turn */

static struct connection *connections;
static struct source listener;

static void drop(struct connection *c)
{
	if (c->creates)
		registry_cancel(c);
	if (c->made[0]) /* the client never read that it was made */
		registry_undo(c->made, c->made_id);
	loop_remove(settings->loop, &c->source);
	loop_cancel(settings->loop, &c->patience);
	loop_cancel(settings->loop, &c->limit);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	accounts_leave(c->peer.uid);
	connection_done(c);
	free(c);
}

/* Drop the connections of this user whose client has hung up, before their turn comes. */
static void drop_hung_up(uid_t uid)
{
	for (struct connection *c = connections, *next; c; c = next) {
		char byte;

		next = c->next;
		if (c->peer.uid != uid || !connection_hung_up(c))
			continue;
		/* The end, and not an error: the client has read all answers. */
		if (recv(c->source.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0)
			c->made[0] = 0;
		drop(c);
	}
}

/* ---- turns ---- */

/* Read a request and answer it.  Returns 1, 0 if there is none, negative if the client is
 * gone. */
static int receive(struct connection *c)
{
	char text[MESSAGE_MAX + 1];
	ssize_t n = recv(c->source.fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	/* All answers were read; at the end, too, unless it comes as ECONNRESET. */
	c->made[0] = 0;
	if (n == 0)
		return -EPIPE;
	if (n <= MESSAGE_MAX) {
		request_handle(c, text, (size_t)n);
		return 1;
	}
	snprintf(text, sizeof(text), "a packet has at most %d bytes", MESSAGE_MAX);
	connection_error(c, -EMSGSIZE, text);
	return 1;
}

/* Do the next thing there is.  Returns 1 on progress, 0 if idle, negative if the client is
 * gone.  While the client waits for a channel, it can only go. */
static int step(struct connection *c)
{
	if ((c->creates || c->parked) && connection_hung_up(c))
		return -EPIPE;
	if (c->creates)
		return 0;
	if (c->parked)
		return request_unpark(c);
	if (c->out_len) {
		int r = connection_send(c);

		if (r > 0)
			loop_cancel(settings->loop, &c->patience);
		return r;
	}
	if (c->stream != STREAM_NONE) {
		answer_next(c);
		return 1;
	}
	if (c->events) {
		connection_next_event(c);
		return 1;
	}
	return receive(c);
}

static void ready(struct source *source)
{
	struct connection *c = container_of(source, struct connection, source);
	int r = 1;

	for (int i = 0; i < STEPS && r > 0; i++)
		r = step(c);
	if (r < 0) {
		drop(c);
		return;
	}
	if (r > 0)
		loop_again(settings->loop, source);
	if (c->out_len && !c->patience.place)
		loop_timer(settings->loop, &c->patience, loop_now(settings->loop) + PATIENCE);
}

static void patience_ended(struct timer *timer)
{
	drop(container_of(timer, struct connection, patience));
}

void control_resolved(const char *name)
{
	for (struct connection *c = connections; c; c = c->next)
		if (c->parked && !strcmp(c->name, name))
			loop_again(settings->loop, &c->source);
}

static void pass_on(const char *lines, const struct spec *look)
{
	bool write;

	for (struct connection *c = connections; c; c = c->next) {
		if (!c->monitor || (look && !spec_allows(look, &c->peer, 0, &write)))
			continue;
		connection_keep_event(c, lines);
		loop_again(settings->loop, &c->source);
	}
}

/* ---- connecting ---- */

/* Say why, and end it.  What the client sent is read, and it can't send more: closed with
 * something unread, it would get ECONNRESET before the reason. */
static void refuse(int fd, int err, const char *reason)
{
	struct connection c = {.source.fd = fd, .out_fd = -1};
	char unread[1];

	shutdown(fd, SHUT_RD);
	while (recv(fd, unread, sizeof(unread), MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	connection_error(&c, err, reason);
	connection_send(&c);
	close(fd);
}

static int serve(struct connection *c, int fd, const struct peer *peer)
{
	int err;

	connection_init(c, fd, peer);
	c->source.ready = ready;
	c->patience.fired = patience_ended;
	c->limit.fired = request_limit_passed;
	err = loop_add(settings->loop, &c->source);
	if (err < 0)
		return err;
	c->next = connections;
	c->link = &connections;
	if (connections)
		connections->link = &c->next;
	connections = c;
	return 0;
}

static void accepted(struct source *source, int fd)
{
	struct connection *c;
	struct peer peer;
	char why[256];
	int err = peer_get(&peer, fd);

	(void)source;
	if (err < 0) {
		refuse(fd, err, error_text(err));
		return;
	}
	if (settings->user && accounts_limited(peer.uid)) {
		refuse(fd, -EACCES, "this is another user's bus");
		peer_done(&peer);
		return;
	}
	err = accounts_admit(peer.uid, why, sizeof(why));
	if (err < 0) {
		refuse(fd, err, why);
		peer_done(&peer);
		return;
	}
	c = malloc(sizeof(*c));
	err = c ? serve(c, fd, &peer) : -ENOMEM;
	if (err < 0) {
		refuse(fd, err, error_text(err));
		accounts_leave(peer.uid);
		peer_done(&peer);
		free(c);
	}
}

int control_start(int fd)
{
	accounts_start(drop_hung_up);
	events_subscribe(pass_on);
	listener = (struct source){.fd = fd, .events = POLLIN, .accepted = accepted};
	return loop_add(settings->loop, &listener);
}
