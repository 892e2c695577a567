/* SPDX-License-Identifier: MIT */
#include "control/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "accounts.h"
#include "base/names.h"
#include "base/words.h"
#include "channel.h"
#include "config/refused.h"
#include "control/answer.h"
#include "control/connection.h"
#include "control/message.h"
#include "errors.h"
#include "metrics.h"
#include "notify.h"
#include "registry/admission.h"
#include "registry/channels.h"
#include "registry/declared.h"
#include "registry/registry.h"
#include "registry/removal.h"
#include "segment/segment.h"
#include "settings.h"
#include "watch/watch.h"

/* Returns the name in the request; else the answer is an error, and this NULL. */
static const char *name_in(struct connection *c, const struct message *m)
{
	const char *name = message_get(m, "name");

	if (!name)
		connection_error(c, -EINVAL, "name= is missing");
	return name;
}

/* Returns the channel that the request names; else the answer is an error, and this NULL. */
static struct channel *channel_in(struct connection *c, const struct message *m)
{
	const char *name = name_in(c, m);
	struct channel *ch = name ? channels_find(name) : NULL;
	char why[512];
	int err;

	if (name && !ch) {
		err = declared_failure(name, why, sizeof(why));
		if (err == 0)
			connection_error(c, -ENOENT, "there is no such channel on this bus");
		else
			connection_error(c, err, why);
	}
	return ch;
}

static void run_open(struct connection *c, const struct message *m)
{
	const char *wanted = message_get(m, "roles");
	struct channel *ch = channel_in(c, m);
	uint32_t roles;
	bool write;
	int fd;

	if (!ch)
		return;
	if (!wanted || word_value(&words_role, wanted, &roles) < 0) {
		connection_error(c, -EINVAL, "roles= is observe, send, receive or send receive");
		return;
	}
	if (!spec_allows(&ch->spec, &c->peer, roles, &write)) {
		char why[128];

		snprintf(why, sizeof(why), "user %u may not %s it", (unsigned)c->peer.uid, wanted);
		connection_error(c, -EACCES, why);
		return;
	}
	/* It is opened for this client alone: locks belong to what was opened. */
	fd = segment_descriptor(ch->spec.name, write);
	if (fd < 0) {
		report_shortage(fd);
		connection_error(c, fd, error_text(fd));
		return;
	}
	connection_ok(c);
	connection_add(c, "access=%s\n", write ? "rw" : "ro");
	c->out_fd = fd;
}

/* ---- CREATE, REMOVE ---- */

static bool may_create(const struct peer *peer)
{
	return !accounts_limited(peer->uid) || who_has(&settings->config.create, peer);
}

static int read_spec(
	struct spec *spec, const struct peer *peer, const struct message *m, char *why, size_t size)
{
	const char *name = message_get(m, "name");

	if (!name || !name_valid(name)) {
		snprintf(why, size, "name= is 1 to %d of A-Z a-z 0-9 . _ - without a dot in front",
			CHAN_NAME_MAX);
		return -EINVAL;
	}
	spec_init(spec, name, peer->uid);
	for (unsigned i = 0; i < m->n; i++) {
		const struct message_pair *p = &m->pair[i];
		int err;

		if (!strcmp(p->key, "name") || !strcmp(p->key, "bus"))
			continue;
		err = spec_key(spec, p->key, p->value, false, why, size);
		if (err < 0)
			return err;
	}
	if (spec->owner != peer->uid && accounts_limited(peer->uid)) {
		snprintf(why, size, "only root makes channels for others");
		return -EPERM;
	}
	return spec_check(spec, why, size);
}

static void created(void *arg, int err, const char *why)
{
	struct connection *c = arg;

	c->creates = false;
	if (err < 0) {
		connection_error(c, err, why);
	} else {
		const struct channel *ch = channels_find(c->name);

		if (ch) {
			c->made_id = ch->id;
			memcpy(c->made, c->name, sizeof(c->made));
		}
		connection_ok(c);
	}
	loop_again(settings->loop, &c->source);
}

static void run_create(struct connection *c, const struct message *m)
{
	struct spec spec;
	char why[512];
	int err;

	if (!may_create(&c->peer)) {
		snprintf(why, sizeof(why), "user %u may not create channels on this bus",
			(unsigned)c->peer.uid);
		connection_error(c, -EACCES, why);
		return;
	}
	err = read_spec(&spec, &c->peer, m, why, sizeof(why));
	if (err < 0) {
		connection_error(c, err, why);
		return;
	}
	c->creates = true;
	memcpy(c->name, spec.name, sizeof(c->name));
	registry_create(&spec, c->peer.uid, created, c);
}

static void run_remove(struct connection *c, const struct message *m)
{
	const char *name = name_in(c, m);
	struct channel *ch = name ? channels_find(name) : NULL;
	const char *text = message_get(m, "name-only");
	bool name_only = text && !strcmp(text, "yes");
	char why[512] = "only its owner and root remove it";
	int err = -EPERM;

	if (!name)
		return;
	if (text && !name_only && strcmp(text, "no") != 0) {
		connection_error(c, -EINVAL, "name-only is yes or no");
		return;
	}
	if (!ch)
		err = removal_run_unadopted(name, name_only, &c->peer, why, sizeof(why));
	else if (spec_administers(&ch->spec, &c->peer))
		err = removal_run(ch, name_only, why, sizeof(why));
	if (err < 0)
		connection_error(c, err, why);
	else
		connection_ok(c);
}

/* ---- questions ---- */

static void run_list(struct connection *c, const struct message *m)
{
	(void)m;
	connection_ok(c);
	answer_list(c);
}

static void run_info(struct connection *c, const struct message *m)
{
	struct channel *ch = channel_in(c, m);
	bool write;

	if (!ch)
		return;
	if (!spec_allows(&ch->spec, &c->peer, 0, &write)) {
		connection_error(c, -EACCES, "you may not look into it");
		return;
	}
	answer_channel(c, ch);
	answer_endpoints(c, ch);
}

static void run_status(struct connection *c, const struct message *m)
{
	const struct quota *quota = accounts_quota(c->peer.uid);
	struct watch_totals totals = watch_totals();
	uint64_t channels, bytes;
	char files[2048];

	(void)m;
	admission_usage(c->peer.uid, &channels, &bytes);
	connection_ok(c);
	connection_add(c, "version=%s\npid=%d\nbus=%u\nscope=%s\nloop=%s\n", chan_version(),
		(int)getpid(), (unsigned)settings->uid, settings->user ? "user" : "system",
		loop_name(settings->loop));
	connection_add(c, "channels=%zu\nprocesses=%zu\nconnections=%u\n", channels_count(),
		totals.processes, accounts_connections());
	connection_add(c, "deaths=%" PRIu64 "\nrecoveries=%" PRIu64 "\nredelivered=%" PRIu64 "\n",
		totals.deaths, totals.recoveries, totals.redelivered);
	connection_add(c, "watchdog=%" PRId64 "\n", 2 * notify_watchdog());
	connection_add(c, "making=%zu\n", registry_unmade());
	connection_add(c, "refused=%u\nrefused-files=%s\n", refused_count(),
		refused_text(files, sizeof(files)));
	connection_add(c,
		"your-channels=%" PRIu64 "/%" PRIu64 "\nyour-bytes=%" PRIu64 "/%" PRIu64 "\n",
		channels, quota->channels, bytes, quota->bytes);
}

static void run_monitor(struct connection *c, const struct message *m)
{
	(void)m;
	c->monitor = true;
	connection_ok(c);
}

static void run_metrics(struct connection *c, const struct message *m)
{
	size_t len;
	char *text = metrics_text(&len);

	(void)m;
	if (!text) {
		connection_error(c, -ENOMEM, error_text(-ENOMEM));
		return;
	}
	connection_ok(c);
	answer_text(c, text, len);
}

static const struct verb verbs[] = {
	{VERB_OPEN, run_open, " bus name roles "},
	{VERB_CREATE, run_create, NULL},
	{VERB_REMOVE, run_remove, " bus name name-only "},
	{VERB_LIST, run_list, " bus "},
	{VERB_INFO, run_info, " bus name "},
	{VERB_STATUS, run_status, " bus "},
	{VERB_MONITOR, run_monitor, " bus "},
	{VERB_METRICS, run_metrics, " bus "},
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}
