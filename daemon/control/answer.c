/* SPDX-License-Identifier: MIT */
/* The model is in answer.h. */
#include "control/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "activation.h"
#include "base/words.h"
#include "channel.h"
#include "control/connection.h"
#include "registry/channels.h"
#include "watch/watch.h"

/* ---- packets ---- */

static const char *state_word(const struct chan_stat *st)
{
	if (st->damaged)
		return "damaged";
	if (!st->closed)
		return "open";
	return st->closed == 1 && st->depth ? "draining" : "closed";
}

/* Returns what the client may do, in the words of roles=. */
static const char *rights(const struct connection *c, const struct channel *ch)
{
	bool write;

	for (unsigned roles = CHAN_SEND | CHAN_RECV; roles; roles--)
		if (spec_allows(&ch->spec, &c->peer, roles, &write))
			return word(&words_role, roles);
	return spec_allows(&ch->spec, &c->peer, 0, &write) ? word(&words_role, 0) : "none";
}

void answer_channel(struct connection *c, const struct channel *ch)
{
	const struct spec *spec = &ch->spec;
	struct chan_stat st = {.size = sizeof(st)};
	char who[WHO_TEXT];

	connection_begin(c, PACKET_CHANNEL);
	connection_add(c, "name=%s\norigin=%s\nowner=%u\nmode=%04" PRIo32 "\n", spec->name,
		origin_name(ch->origin), (unsigned)spec->owner, spec->options.mode);
	if (spec->has_group)
		connection_add(c, "group=%u\n", (unsigned)spec->group);
	if (ch->file)
		connection_add(c, "file=%s\n", ch->file);
	connection_add(c, "lifetime=%s\n",
		spec->daemon ? "daemon" : word(&words_lifetime, spec->options.lifetime));
	connection_add(c, "rights=%s\nactivate=%s\n", rights(c, ch), spec->activate ? "yes" : "no");
	connection_add(c, "send=%s\n", who_text(who, &spec->send));
	connection_add(c, "receive=%s\n", who_text(who, &spec->receive));
	connection_add(c, "deaths=%" PRIu64 "\nready=%s\n", watch_deaths(ch),
		activation_ready(ch) ? "yes" : "no");
	if (chan_stat(ch->observer, &st) < 0)
		return;
	st.damaged |= watch_resized(ch);
	connection_add(c, "state=%s\ncapacity=%" PRIu64 "\nmax-message=%" PRIu32 "\noverflow=%s\n",
		state_word(&st), st.capacity, st.max_message, word(&words_overflow, st.overflow));
	if (st.max_capacity)
		connection_add(c,
			"max-capacity=%" PRIu64 "\npeak-capacity=%" PRIu64 "\ngrown=%" PRIu64 "\n",
			st.max_capacity, st.peak_capacity, st.grown);
	connection_add(c,
		"used=%" PRIu64 "\ndepth=%" PRIu64 "\nsent=%" PRIu64 "\nreceived=%" PRIu64 "\n",
		st.used, st.depth, st.sent, st.received);
	connection_add(c,
		"redelivered=%" PRIu64 "\nrecoveries=%" PRIu64 "\nsenders=%" PRIu32
		"\nreceivers=%" PRIu32 "\nsegment=%" PRIu64 "\n",
		st.redelivered, st.recoveries, st.senders, st.receivers, st.segment);
}

static void answer_endpoint(struct connection *c, const struct chan_endpoint *end)
{
	connection_begin(c, PACKET_ENDPOINT);
	connection_add(c,
		"id=%" PRIu32 "\npid=%" PRId32 "\nuid=%" PRIu32 "\nrole=%s\nattached=%" PRId64
		"\ncommand=%s\n",
		end->id, end->pid, end->uid,
		word(&words_side, end->roles & (CHAN_SEND | CHAN_RECV)), end->attached,
		end->command);
}

static void answer_end(struct connection *c)
{
	connection_begin(c, PACKET_END);
	c->stream = STREAM_NONE;
	free(c->text);
	c->text = NULL;
}

/* ---- long answers ---- */

void answer_list(struct connection *c)
{
	c->name[0] = 0;
	c->stream = STREAM_LIST;
}

void answer_endpoints(struct connection *c, const struct channel *ch)
{
	memcpy(c->name, ch->spec.name, sizeof(c->name));
	c->index = 0;
	c->stream = STREAM_INFO;
}

void answer_text(struct connection *c, char *text, size_t len)
{
	c->text = text;
	c->text_len = len;
	c->text_at = 0;
	c->stream = STREAM_TEXT;
}

static void next_of_list(struct connection *c)
{
	struct channel *ch = channels_after(c->name);

	if (!ch) {
		answer_end(c);
		return;
	}
	answer_channel(c, ch);
	memcpy(c->name, ch->spec.name, sizeof(c->name));
}

static void next_of_endpoints(struct connection *c)
{
	const struct channel *ch = channels_find(c->name);
	const struct endpoints *ends = ch ? watch_endpoints(ch) : NULL;

	if (ends && c->index < ends->n)
		answer_endpoint(c, &ends->at[c->index++]);
	else
		answer_end(c);
}

static void next_of_text(struct connection *c)
{
	size_t n = c->text_len - c->text_at, room;

	if (!n) {
		answer_end(c);
		return;
	}
	connection_begin(c, PACKET_TEXT);
	room = sizeof(c->out) - c->out_len;
	if (n > room)
		n = room;
	memcpy(c->out + c->out_len, c->text + c->text_at, n);
	c->out_len += n;
	c->text_at += n;
}

void answer_next(struct connection *c)
{
	switch (c->stream) {
	case STREAM_LIST:
		next_of_list(c);
		break;
	case STREAM_INFO:
		next_of_endpoints(c);
		break;
	case STREAM_TEXT:
		next_of_text(c);
		break;
	case STREAM_NONE:
		break;
	}
}
