/* SPDX-License-Identifier: MIT */
/* The model is in spec.h.  cli_parse_key() reads sizes and words, as everywhere. */
#include "config/spec.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/names.h"
#include "base/words.h"
#include "common/dedup.h"
#include "common/on_lag.h"
#include "common/parse.h"
#include "common/spec.h"

void spec_init(struct spec *spec, const char *name, uid_t owner)
{
	*spec = (struct spec){.options = CLI_OPTIONS_INIT, .owner = owner};
	snprintf(spec->name, sizeof(spec->name), "%s", name);
	spec->options.mode = 0600;
}

/* ---- users and groups ---- */

static int number(const char *text, uint32_t *ret)
{
	uint64_t n;

	if (cli_parse_count(text, &n) || n >= UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int user_id(const char *text, bool names, uint32_t *ret)
{
	const struct passwd *pw;

	if (number(text, ret) == 0)
		return 0;
	pw = names ? getpwnam(text) : NULL;
	if (!pw)
		return -ENOENT;
	*ret = pw->pw_uid;
	return 0;
}

static int group_id(const char *text, bool names, uint32_t *ret)
{
	const struct group *gr;

	if (number(text, ret) == 0)
		return 0;
	gr = names ? getgrnam(text) : NULL;
	if (!gr)
		return -ENOENT;
	*ret = gr->gr_gid;
	return 0;
}

static int unknown(const char *what, const char *text, bool names, char *why, size_t size)
{
	if (names)
		snprintf(why, size, "there is no %s '%.64s'", what, text);
	else
		snprintf(why, size, "'%.64s' is not the number of a %s", text, what);
	return -EINVAL;
}

int who_parse(struct who_list *ret, const char *text, bool names, char *why, size_t size)
{
	struct who_list list = {.n = 0};
	char word[256];

	for (;;) {
		struct who *w = &list.at[list.n];
		size_t len;

		text += strspn(text, " \t,");
		if (!*text)
			break;
		len = strcspn(text, " \t,");
		if (list.n == SPEC_WHO_MAX || len >= sizeof(word)) {
			snprintf(why, size, "more than %d users and groups; make a group of them",
				SPEC_WHO_MAX);
			return -EINVAL;
		}
		memcpy(word, text, len);
		word[len] = 0;
		text += len;
		w->group = word[0] == '@';
		if (w->group ? group_id(word + 1, names, &w->id) : user_id(word, names, &w->id))
			return unknown(
				w->group ? "group" : "user", word + w->group, names, why, size);
		list.n++;
	}
	*ret = list;
	return 0;
}

bool who_has(const struct who_list *list, const struct peer *peer)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->at[i].group ? peer_in_group(peer, list->at[i].id)
				      : peer->uid == list->at[i].id)
			return true;
	return false;
}

static bool who_equal(const struct who_list *a, const struct who_list *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (a->at[i].group != b->at[i].group || a->at[i].id != b->at[i].id)
			return false;
	return true;
}

/* ---- keys ---- */

static int yes_or_no(const char *key, const char *value, bool *ret, char *why, size_t size)
{
	if (!strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "1"))
		*ret = true;
	else if (!strcmp(value, "no") || !strcmp(value, "false") || !strcmp(value, "0"))
		*ret = false;
	else {
		snprintf(why, size, "%s: '%.64s' is not yes or no", key, value);
		return -EINVAL;
	}
	return 0;
}

/* Take end-with-senders=yes and the like: elsewhere that is a bare word. */
static int flag_key(struct spec *spec, const char *key, const char *value, char *why, size_t size)
{
	struct chan_options bare = CLI_OPTIONS_INIT;
	bool on;
	int err = yes_or_no(key, value, &on, why, size);

	if (err == 0)
		err = cli_parse_key(&bare, key, NULL, why, size);
	if (err == 0 && on)
		spec->options.flags |= bare.flags;
	else if (err == 0)
		spec->options.flags &= ~bare.flags;
	return err;
}

static int lifetime_key(struct spec *spec, const char *value, char *why, size_t size)
{
	spec->daemon = !strcmp(value, "daemon");
	if (spec->daemon)
		value = word(&words_lifetime, CHAN_PERSIST);
	if (cli_parse_key(&spec->options, "lifetime", value, why, size)) {
		snprintf(why, size, "lifetime: '%.64s' is not persist, ref or daemon", value);
		return -EINVAL;
	}
	return 0;
}

static int mode_key(struct spec *spec, const char *value, char *why, size_t size)
{
	uint32_t mode;

	if (cli_parse_mode(value, &mode) || mode & ~0666u) {
		snprintf(why, size, "mode: '%.64s' is not a mode (octal, bits of 0666)", value);
		return -EINVAL;
	}
	spec->options.mode = mode | 0600; /* chand's own */
	return 0;
}

int spec_key(
	struct spec *spec, const char *key, const char *value, bool names, char *why, size_t size)
{
	uint32_t id;

	if (!strcmp(key, "send"))
		return who_parse(&spec->send, value, names, why, size);
	if (!strcmp(key, "receive"))
		return who_parse(&spec->receive, value, names, why, size);
	if (!strcmp(key, "activate"))
		return yes_or_no(key, value, &spec->activate, why, size);
	if (!strcmp(key, "lifetime"))
		return lifetime_key(spec, value, why, size);
	if (!strcmp(key, "mode"))
		return mode_key(spec, value, why, size);
	if (!strcmp(key, "end-with-senders") || !strcmp(key, "need-receivers") ||
		!strcmp(key, "forbid-block") || !strcmp(key, "meta"))
		return flag_key(spec, key, value, why, size);
	if (!strcmp(key, "owner")) {
		if (user_id(value, names, &id))
			return unknown("user", value, names, why, size);
		spec->owner = id;
		return 0;
	}
	if (!strcmp(key, "group")) {
		if (group_id(value, names, &id))
			return unknown("group", value, names, why, size);
		spec->group = id;
		spec->has_group = true;
		return 0;
	}
	return cli_parse_key(&spec->options, key, value, why, size);
}

int spec_check(const struct spec *spec, char *why, size_t size)
{
	const char *wrong = NULL;

	if (!name_valid(spec->name))
		wrong = "the name is not 1 to 200 of A-Z a-z 0-9 . _ - without a dot in front";
	else if (spec->options.linger && spec->options.lifetime != CHAN_REF)
		wrong = "linger is for lifetime=ref";
	else if (spec->options.mode >> 3 & 06 & ~spec->options.mode && !spec->has_group)
		wrong = "mode gives rights to a group, and there is no group=";
	else if (spec->activate && spec->options.kind == CHAN_KIND_LATEST)
		wrong = "activate is not for kind=latest, which keeps its value";
	else if (spec->activate && spec->options.kind == CHAN_KIND_BROADCAST)
		wrong = "activate is not for kind=broadcast, which keeps what was received";
	else if (spec->options.kind != CHAN_KIND_BROADCAST &&
		 (spec->options.on_lag || spec->options.groups ||
			 spec->options.flags & CHAN_FORBID_BLOCK))
		wrong = "on-lag, groups and forbid-block are for kind=broadcast";
	else if (spec->options.flags & CHAN_META && spec->options.kind != CHAN_KIND_QUEUE &&
		 spec->options.kind != CHAN_KIND_BROADCAST)
		wrong = "meta is for a queue and a broadcast";
	else if (spec->options.on_lag == CHAN_LAG_BLOCK && spec->options.flags & CHAN_FORBID_BLOCK)
		wrong = "on-lag=block is what forbid-block forbids";
	else if (!spec->options.lanes != !spec->options.lane_by)
		wrong = "lanes and lane-by go together";
	else if (spec->options.lanes &&
		 (spec->options.kind != CHAN_KIND_QUEUE || spec->options.max_capacity))
		wrong = "lanes are for kind=queue without max-capacity";
	else if (spec->options.lane_by == CHAN_BY_PRIORITY && spec->options.lanes != 8)
		wrong = "by priority there are 8 lanes";
	else if (spec->options.dead_letter[0] && spec->options.kind != CHAN_KIND_QUEUE)
		wrong = "dead-letter is for kind=queue";
	else if (spec->options.max_deliver && spec->options.kind != CHAN_KIND_QUEUE)
		wrong = "max-deliver is for kind=queue";
	else if (spec->options.dedup && spec->options.kind != CHAN_KIND_QUEUE &&
		 spec->options.kind != CHAN_KIND_BROADCAST)
		wrong = "dedup is for a queue and a broadcast";
	else if (chan_footprint(&spec->options) < 0)
		wrong = "no channel can be made so; a message of max-message bytes and its header "
			"must fit the capacity, a rendezvous and a broadcast have no "
			"overflow=drop-old, "
			"and latest no drop; max-capacity is for a queue, not below the "
			"capacity and not above /dev/shm";
	if (wrong)
		snprintf(why, size, "%s", wrong);
	return wrong ? -EINVAL : 0;
}

const char *who_text(char text[WHO_TEXT], const struct who_list *list)
{
	int n = 0;

	text[0] = 0;
	for (unsigned i = 0; i < list->n; i++)
		n += snprintf(text + n, WHO_TEXT - (size_t)n, "%s%s%" PRIu32, i ? " " : "",
			list->at[i].group ? "@" : "", list->at[i].id);
	return text;
}

void spec_write(const struct spec *spec, FILE *out)
{
	const struct chan_options *o = &spec->options;
	char who[WHO_TEXT], on_lag[ON_LAG_TEXT], dedup[DEDUP_TEXT];

	fprintf(out, "kind=%s\n", word(&words_kind, o->kind));
	if (o->capacity)
		fprintf(out, "capacity=%" PRIu64 "\n", o->capacity);
	if (o->max_capacity == CHAN_UNBOUNDED)
		fprintf(out, "max-capacity=unbounded\n");
	else if (o->max_capacity)
		fprintf(out, "max-capacity=%" PRIu64 "\n", o->max_capacity);
	if (o->max_message)
		fprintf(out, "max-message=%" PRIu32 "\n", o->max_message);
	fprintf(out, "overflow=%s\n", word(&words_overflow, o->overflow));
	if (o->endpoints)
		fprintf(out, "endpoints=%" PRIu32 "\n", o->endpoints);
	fprintf(out, "lifetime=%s\n", spec->daemon ? "daemon" : word(&words_lifetime, o->lifetime));
	if (o->linger)
		fprintf(out, "linger=%" PRIu64 "ns\n", o->linger);
	if (o->on_lag)
		fprintf(out, "on-lag=%s\n", on_lag_text(on_lag, o->on_lag, o->patience));
	if (o->groups)
		fprintf(out, "groups=%" PRIu32 "\n", o->groups);
	if (o->flags & CHAN_META)
		fputs("meta=yes\n", out);
	if (o->lanes)
		fprintf(out, "lanes=%" PRIu32 "\nlane-by=%s\n", o->lanes,
			word(&words_lane_by, o->lane_by));
	if (o->dead_letter[0])
		fprintf(out, "dead-letter=%s\n", o->dead_letter);
	if (o->max_deliver)
		fprintf(out, "max-deliver=%" PRIu32 "\n", o->max_deliver);
	if (o->dedup)
		fprintf(out, "dedup=%s\n", dedup_text(dedup, o->dedup, o->dedup_age));
	if (o->flags & CHAN_FORBID_BLOCK)
		fputs("forbid-block=yes\n", out);
	fprintf(out, "end-with-senders=%s\n", o->flags & CHAN_END_WITH_SENDERS ? "yes" : "no");
	fprintf(out, "need-receivers=%s\n", o->flags & CHAN_NEED_RECEIVERS ? "yes" : "no");
	fprintf(out, "mode=%04" PRIo32 "\nowner=%u\n", o->mode, (unsigned)spec->owner);
	if (spec->has_group)
		fprintf(out, "group=%u\n", (unsigned)spec->group);
	fprintf(out, "send=%s\n", who_text(who, &spec->send));
	fprintf(out, "receive=%s\n", who_text(who, &spec->receive));
	fprintf(out, "activate=%s\n", spec->activate ? "yes" : "no");
}

bool spec_equal(const struct spec *a, const struct spec *b)
{
	const struct chan_options *x = &a->options, *y = &b->options;

	return !strcmp(a->name, b->name) && x->kind == y->kind && x->flags == y->flags &&
	       x->capacity == y->capacity && x->max_capacity == y->max_capacity &&
	       x->max_message == y->max_message && x->overflow == y->overflow &&
	       x->mode == y->mode && x->endpoints == y->endpoints && x->lifetime == y->lifetime &&
	       x->linger == y->linger && x->on_lag == y->on_lag && x->patience == y->patience &&
	       x->groups == y->groups && x->lanes == y->lanes && x->lane_by == y->lane_by &&
	       !strcmp(x->dead_letter, y->dead_letter) && x->dedup == y->dedup &&
	       x->max_deliver == y->max_deliver && x->dedup_age == y->dedup_age &&
	       a->daemon == b->daemon && a->activate == b->activate && a->owner == b->owner &&
	       a->has_group == b->has_group && a->group == b->group &&
	       who_equal(&a->send, &b->send) && who_equal(&a->receive, &b->receive);
}

/* As spec_differs(), of a channel that may grow: `segment` is what it has now. */
static const char *grown_differs(const struct chan_options *o, const struct chan_stat *is)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (o->capacity && (o->capacity + page - 1) / page * page != is->start_capacity)
		return "capacity";
	if (o->max_capacity != CHAN_UNBOUNDED &&
		(o->max_capacity + page - 1) / page * page != is->max_capacity)
		return "max-capacity";
	return NULL;
}

const char *spec_differs(const struct spec *spec, const struct chan_stat *is)
{
	const struct chan_options *o = &spec->options;
	struct chan_options same = *o;

	if (is->kind != o->kind)
		return "kind";
	if ((is->flags ^ o->flags) & (CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS))
		return "end-with-senders or need-receivers";
	if ((is->flags ^ o->flags) & CHAN_FORBID_BLOCK)
		return "forbid-block";
	if ((is->flags ^ o->flags) & CHAN_META)
		return "meta";
	if (is->lanes != o->lanes || is->lane_by != o->lane_by)
		return "lanes or lane-by";
	if (strcmp(name_base(is->dead_letter), name_base(o->dead_letter)) != 0)
		return "dead-letter";
	if (is->max_deliver != o->max_deliver)
		return "max-deliver";
	if (is->dedup != o->dedup || is->dedup_age != o->dedup_age)
		return "dedup";
	if (o->on_lag && (is->on_lag != o->on_lag || is->patience != o->patience))
		return "on-lag";
	if (o->groups && is->max_groups != o->groups)
		return "groups";
	if (o->max_message && is->max_message != o->max_message)
		return "max-message";
	if (is->overflow != o->overflow)
		return "overflow";
	if (o->endpoints && is->endpoints != o->endpoints)
		return "endpoints";
	if (is->lifetime != o->lifetime)
		return "lifetime";
	if (is->linger != o->linger)
		return "linger";
	if (!o->max_capacity != !is->max_capacity)
		return "max-capacity";
	/* Capacities are rounded up: would it have been rounded to this segment? */
	same.endpoints = is->endpoints;
	same.groups = is->max_groups;
	if (is->start_capacity)
		return grown_differs(o, is);
	if (chan_footprint(&same) != (int64_t)is->segment)
		return "capacity";
	return NULL;
}

/* ---- rights ---- */

bool spec_administers(const struct spec *spec, const struct peer *peer)
{
	return peer->uid == 0 || peer->uid == geteuid() || peer->uid == spec->owner;
}

/* Returns the bits of `mode` that count for the peer, as 04 and 02. */
static uint32_t mode_bits(const struct spec *spec, const struct peer *peer)
{
	uint32_t bits = spec->options.mode & 06;

	if (spec->has_group && peer_in_group(peer, spec->group))
		bits |= spec->options.mode >> 3 & 06;
	return bits;
}

/* Returns true if no receiver stores anything in the segment. */
static bool receivers_only_read(const struct chan_options *o)
{
	if (o->kind == CHAN_KIND_LATEST)
		return true;
	return o->kind == CHAN_KIND_BROADCAST && o->flags & CHAN_FORBID_BLOCK &&
	       o->on_lag != CHAN_LAG_EVICT;
}

bool spec_allows(const struct spec *spec, const struct peer *peer, unsigned roles, bool *write)
{
	uint32_t bits = mode_bits(spec, peer);
	bool all = spec_administers(spec, peer) || bits == 06;
	bool send = all || who_has(&spec->send, peer);
	bool reader = receivers_only_read(&spec->options);
	bool receive = all || who_has(&spec->receive, peer) || (reader && bits & 04);

	*write = send || (receive && !reader);
	if (roles & CHAN_SEND && !send)
		return false;
	if (roles & CHAN_RECV && !receive)
		return false;
	return roles || send || receive || bits & 04;
}
