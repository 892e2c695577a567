/* SPDX-License-Identifier: MIT */
/*
 * chanctl create.  Its options are the keys of a SPEC, so that the one parser of those
 * decides.  With --parents an existing channel is fine if it has all that the options ask
 * for; the rest may be anything.
 *
 * On a bus, chand makes the channel: the request has the options as they were given, with
 * numbers in place of the names of users and groups.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/names.h"
#include "base/words.h"
#include "common/bus.h"
#include "common/dedup.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/on_lag.h"
#include "common/parse.h"
#include "common/spec.h"
#include "common/user.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/verb.h"

enum {
	MODE = CLI_LONG,
	MAX_CAPACITY,
	ENDPOINTS,
	LIFETIME,
	LINGER,
	ON_LAG,
	GROUPS,
	FORBID_BLOCK,
	META,
	LANES_OPTION,
	LANE_BY,
	DEAD_LETTER,
	DEDUP,
	MAX_DELIVER,
	END_WITH_SENDERS,
	NEED_RECEIVERS,
	/* From here on, options that only a bus has. */
	OWNER,
	GROUP,
	SENDERS,
	RECEIVERS,
	ACTIVATE,
};

static const struct cli_option options[] = {
	{'c', "capacity", "SIZE", "bytes of the ring; 0: a rendezvous (default 1M)"},
	{MAX_CAPACITY, "max-capacity", "SIZE",
		"it grows when it is full, up to this or unbounded,\n"
		"and gives the memory back (default: it does not)"},
	{'m', "max-message", "SIZE", "longest message (default: a quarter of the ring)"},
	{'k', "kind", "queue|rendezvous|broadcast|latest",
		"what becomes of a message (default queue)"},
	{'o', "overflow", "block|fail|drop-new|drop-old",
		"what a send does when the channel is full (default block)"},
	{MODE, "mode", "MODE",
		"permission bits, octal (default 0600); receivers\n"
		"need to write, too, except of kind latest, and of a\n"
		"broadcast if they lose"},
	{ENDPOINTS, "endpoints", "N", "most endpoints at once (default 256)"},
	{LIFETIME, "lifetime", "persist|ref|daemon",
		"until it is removed (default), or until its last\n"
		"endpoint leaves, or while chand runs"},
	{LINGER, "linger", "DURATION", "with ref: how long it stays after that"},
	{ON_LAG, "on-lag", "block|lose|evict:D",
		"broadcast: what becomes of a subscriber that lags\n"
		"and does not say (default block)"},
	{FORBID_BLOCK, "forbid-block", NULL,
		"broadcast: no subscriber may block senders, or for\n"
		"longer than evict:D says"},
	{GROUPS, "groups", "N", "broadcast: most groups at once (default 16)"},
	{META, "meta", NULL, "messages have a header: id, key, pairs, ..."},
	{LANES_OPTION, "lanes", "N", "so many queues in one; implies --meta"},
	{LANE_BY, "lane-by", "key|priority", "what decides on a message's lane"},
	{DEAD_LETTER, "dead-letter", "NAME", "where workers send what they give up"},
	{DEDUP, "dedup", "N[,DURATION]",
		"send no message whose id one of the last N had;\n"
		"implies --meta"},
	{MAX_DELIVER, "max-deliver", "N", "after so many deliveries workers give up"},
	{END_WITH_SENDERS, "end-with-senders", NULL, "receivers end when the last sender is gone"},
	{NEED_RECEIVERS, "need-receivers", NULL, "senders fail when the last receiver is gone"},
	{OWNER, "owner", "USER", "on a bus: the user that it belongs to (root only)"},
	{GROUP, "group", "GROUP", "on a bus: the group that --mode is about"},
	{SENDERS, "send", "WHO", "on a bus: users and @groups that may send"},
	{RECEIVERS, "receive", "WHO", "on a bus: users and @groups that may receive"},
	{ACTIVATE, "activate", NULL,
		"on a bus: let systemd know when it has messages\nand no receiver"},
	{'p', "parents", NULL, "succeed if the same channel exists"},
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static struct chan_options want = CLI_OPTIONS_INIT;
static bool existing_is_fine;

/* Options that were given although their value is 0. */
static bool overflow_given, lifetime_given, linger_given, queue_given;

/* The request to chand. */
static const char *needs_bus; /* the option that was given and needs a bus, or NULL */
static char request[MESSAGE_MAX];

static void add_to_request(const char *key, const char *value)
{
	size_t len = strlen(request), room = sizeof(request) - len;

	if (snprintf(request + len, room, "%s=%s\n", key, value) >= (int)room)
		cli_usage("--%s: the request is too long", key);
}

/* Add a list as `alice,@ops` to the request, in numbers. */
static void add_users(const char *option, const char *text)
{
	char list[512] = "", *copy = ctl_copy(text), *rest = copy, *word;

	while ((word = strsep(&rest, ", "))) {
		size_t len = strlen(list);

		if (*word == '@')
			snprintf(list + len, sizeof(list) - len, " @%u",
				cli_group_arg(option, word + 1));
		else if (*word)
			snprintf(list + len, sizeof(list) - len, " %u", cli_user_arg(option, word));
		if (strlen(list) + 16 > sizeof(list))
			cli_usage("%s: too many; make a group of them", option);
	}
	free(copy);
	add_to_request(option + strlen("--"), list);
}

static void bus_option(int letter, const char *name, const char *arg)
{
	char number[16];

	needs_bus = name;
	switch (letter) {
	case OWNER:
	case GROUP:
		snprintf(number, sizeof(number), "%u",
			letter == OWNER ? cli_user_arg(name, arg) : cli_group_arg(name, arg));
		add_to_request(name + strlen("--"), number);
		break;
	case SENDERS:
	case RECEIVERS:
		add_users(name, arg);
		break;
	case ACTIVATE:
		add_to_request("activate", "yes");
		break;
	}
}

static void option(int letter, const char *name, const char *arg)
{
	static bool rendezvous_given;
	uint32_t kind;
	char why[256];

	if (letter == 'p') {
		existing_is_fine = true;
		return;
	}
	if (letter >= OWNER) {
		bus_option(letter, name, arg);
		return;
	}
	add_to_request(name + strlen("--"), arg ? arg : "yes");
	if (letter == LIFETIME && !strcmp(arg, "daemon")) {
		needs_bus = "--lifetime=daemon";
		return;
	}
	overflow_given |= letter == 'o';
	lifetime_given |= letter == LIFETIME;
	linger_given |= letter == LINGER;
	queue_given |=
		letter == 'k' && !word_value(&words_kind, arg, &kind) && kind == CHAN_KIND_QUEUE;
	if (cli_parse_key(&want, name + strlen("--"), arg, why, sizeof(why)))
		cli_usage("--%s", why);
	rendezvous_given |= want.kind == CHAN_KIND_RENDEZVOUS;
	if (queue_given && rendezvous_given)
		cli_usage("--kind: a queue is no rendezvous; its capacity is not 0");
}

struct differences {
	char text[512];
	size_t len;
};

static void differs(struct differences *d, const char *what, const char *is, const char *wanted)
{
	int n = snprintf(d->text + d->len, sizeof(d->text) - d->len, "%s%s is %s, not %s",
		d->len ? ", " : "", what, is, wanted);

	d->len += n > 0 && (size_t)n < sizeof(d->text) - d->len ? (size_t)n : 0;
}

static void compare_size(struct differences *d, const char *what, uint64_t is, uint64_t wanted)
{
	char a[32], b[32];

	if (is == wanted)
		return;
	ctl_size_text(a, sizeof(a), is);
	ctl_size_text(b, sizeof(b), wanted);
	differs(d, what, a, b);
}

static uint64_t in_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* The capacity was rounded up when the channel was made.  So it is the same if what is wanted
 * would be rounded up to the same segment. */
static void compare_capacity(struct differences *d, const struct chan_stat *is)
{
	struct chan_options same = want;

	same.endpoints = is->endpoints;
	same.groups = is->max_groups;
	if (!want.max_message)
		same.max_message = is->max_message;
	if (is->start_capacity) { /* it grows: `segment` is what it has now */
		if (in_pages(want.capacity) != is->start_capacity)
			compare_size(d, "capacity", is->start_capacity, want.capacity);
		return;
	}
	same.max_capacity = 0;
	if (chan_footprint(&same) != (int64_t)is->segment)
		compare_size(d, "capacity", is->capacity, want.capacity);
}

static void compare_max_capacity(struct differences *d, const struct chan_stat *is)
{
	if (!is->max_capacity)
		differs(d, "max-capacity", "that it never grows", "that it grows");
	else if (want.max_capacity != CHAN_UNBOUNDED)
		compare_size(d, "max-capacity", is->max_capacity, in_pages(want.max_capacity));
}

static void compare_mode(struct differences *d, uint32_t is)
{
	char a[16], b[16];

	if (is == want.mode)
		return;
	snprintf(a, sizeof(a), "%04o", is);
	snprintf(b, sizeof(b), "%04o", want.mode);
	differs(d, "mode", a, b);
}

static void compare_flag(struct differences *d, const char *what, uint32_t flag, uint32_t is)
{
	if (want.flags & flag && !(is & flag))
		differs(d, what, "off", "on");
}

static void compare_linger(struct differences *d, uint64_t is)
{
	char a[32], b[32];

	if (is == want.linger)
		return;
	ctl_duration_text(a, sizeof(a), (int64_t)is);
	ctl_duration_text(b, sizeof(b), (int64_t)want.linger);
	differs(d, "linger", a, b);
}

static void compare_on_lag(struct differences *d, const struct chan_stat *is)
{
	char a[ON_LAG_TEXT], b[ON_LAG_TEXT];

	if (is->on_lag == want.on_lag && is->patience == want.patience)
		return;
	differs(d, "on-lag", on_lag_text(a, is->on_lag, is->patience),
		on_lag_text(b, want.on_lag, want.patience));
}

static void compare_dead_letter(struct differences *d, const char *is)
{
	if (strcmp(name_base(is), name_base(want.dead_letter)) != 0)
		differs(d, "dead-letter", *is ? is : "none", want.dead_letter);
}

static void compare_dedup(struct differences *d, const struct chan_stat *is)
{
	char a[DEDUP_TEXT], b[DEDUP_TEXT];

	if (is->dedup != want.dedup || is->dedup_age != want.dedup_age)
		differs(d, "dedup", dedup_text(a, is->dedup, is->dedup_age),
			dedup_text(b, want.dedup, want.dedup_age));
}

static void compare(struct differences *d, const struct chan_stat *is)
{
	if ((queue_given || want.capacity || want.kind) && is->kind != want.kind)
		differs(d, "kind", word(&words_kind, is->kind), word(&words_kind, want.kind));
	else if (want.capacity)
		compare_capacity(d, is);
	if (want.max_capacity)
		compare_max_capacity(d, is);
	if (want.max_message)
		compare_size(d, "max-message", is->max_message, want.max_message);
	if (overflow_given && is->overflow != want.overflow)
		differs(d, "overflow", word(&words_overflow, is->overflow),
			word(&words_overflow, want.overflow));
	if (want.mode)
		compare_mode(d, is->mode);
	if (want.endpoints)
		compare_size(d, "endpoints", is->endpoints, want.endpoints);
	if (lifetime_given && is->lifetime != want.lifetime)
		differs(d, "lifetime", word(&words_lifetime, is->lifetime),
			word(&words_lifetime, want.lifetime));
	if (linger_given)
		compare_linger(d, is->linger);
	if (want.on_lag)
		compare_on_lag(d, is);
	if (want.groups)
		compare_size(d, "groups", is->max_groups, want.groups);
	compare_flag(d, "forbid-block", CHAN_FORBID_BLOCK, is->flags);
	compare_flag(d, "meta", CHAN_META, is->flags);
	if (want.lanes)
		compare_size(d, "lanes", is->lanes, want.lanes);
	if (want.lane_by && is->lane_by != want.lane_by)
		differs(d, "lane-by", word(&words_lane_by, is->lane_by),
			word(&words_lane_by, want.lane_by));
	if (want.dead_letter[0])
		compare_dead_letter(d, is->dead_letter);
	if (want.max_deliver)
		compare_size(d, "max-deliver", is->max_deliver, want.max_deliver);
	if (want.dedup)
		compare_dedup(d, is);
	compare_flag(d, "end-with-senders", CHAN_END_WITH_SENDERS, is->flags);
	compare_flag(d, "need-receivers", CHAN_NEED_RECEIVERS, is->flags);
}

static int read_existing(const char *name, struct chan_stat *ret)
{
	struct ctl_channel ch;
	int err = ctl_open(&ch, name);

	if (!err)
		*ret = ch.stat;
	ctl_forget(&ch);
	return err;
}

/* Report whether the channel that exists is as the options ask; returns the exit status. */
static int report_existing(const char *name, const struct chan_stat *is)
{
	struct differences d = {.len = 0};

	compare(&d, is);
	if (d.len) {
		cli_error(name,
			"already exists with different options: %s; use it as it is, or remove it "
			"first",
			d.text);
		return CLI_ERROR;
	}
	cli_note(name, "already exists with these options");
	return CLI_OK;
}

static int create_on_bus(const char *name)
{
	char text[2 * MESSAGE_MAX], packet[MESSAGE_MAX + 1];
	struct chand_answer answer;
	bool alive;
	int err;

	snprintf(text, sizeof(text), BUS_REQUEST(VERB_CREATE) "name=%s\n%s", bus_local(name),
		request);
	err = bus_ask_once(cli_bus(), text, BUS_PATIENCE + chand_making_time(chan_footprint(&want)),
		packet, &answer, &alive);
	if (err == -EEXIST && existing_is_fine) {
		struct chan_stat is;

		err = read_existing(name, &is);
		return err ? cli_fail(name, NULL, err) : report_existing(name, &is);
	}
	if (alive) {
		cli_error(name, "timed out: chand is alive, but has no time or memory for it now; "
				"the channel is not made, so try again");
		return CLI_TIMEOUT;
	}
	if (bus_unreachable(err, answer.lines))
		return bus_missing(name);
	if (err < 0 && !answer.lines)
		return cli_fail(name, &want, err);
	if (err < 0) {
		cli_error(name, "%s", answer.lines);
		return cli_exit_code(err);
	}
	cli_note(name, "created");
	return CLI_OK;
}

static void check_meta(void)
{
	if (want.flags & CHAN_META && want.kind != CHAN_KIND_QUEUE &&
		want.kind != CHAN_KIND_BROADCAST)
		cli_usage("--meta, and what implies it, is for a queue and a broadcast");
}

static void check_broadcast(void)
{
	bool forbids = want.flags & CHAN_FORBID_BLOCK;

	if (want.kind != CHAN_KIND_BROADCAST) {
		if (want.on_lag || want.groups || forbids)
			cli_usage("--%s is for --kind=broadcast", want.on_lag	? "on-lag"
								  : want.groups ? "groups"
										: "forbid-block");
		return;
	}
	if (want.overflow == CHAN_DROP_OLDEST)
		cli_usage("--overflow=drop-old: a broadcast overwrites its oldest messages anyway; "
			  "--on-lag says when");
	if (forbids && want.on_lag == CHAN_LAG_BLOCK)
		cli_usage("--on-lag=block is what --forbid-block forbids");
}

static void check_lanes(void)
{
	if (!want.lanes != !want.lane_by)
		cli_usage("%s", want.lanes ? "--lanes needs --lane-by=key or priority"
					   : "--lane-by is for --lanes=N");
	if (want.lanes && want.kind != CHAN_KIND_QUEUE)
		cli_usage("--lanes: only a queue has them");
	if (want.lane_by == CHAN_BY_PRIORITY && want.lanes != 8)
		cli_usage("--lanes: by priority there are 8");
	if (want.lanes && want.max_capacity)
		cli_usage("--max-capacity: a channel with lanes does not grow");
}

static int create(int n, char **operand)
{
	const char *name = operand[n - 1];
	struct chan_stat is;
	int err;

	if (needs_bus && !cli_bus())
		cli_usage("%s is for channels of a bus: --system or --user", needs_bus);
	if (want.linger && want.lifetime != CHAN_REF)
		cli_usage("--linger is for --lifetime=ref");
	if (want.kind == CHAN_KIND_RENDEZVOUS && want.overflow == CHAN_DROP_OLDEST)
		cli_usage(
			"--overflow=drop-old: a rendezvous keeps no message that could be dropped");
	if (want.kind == CHAN_KIND_LATEST &&
		(want.overflow == CHAN_DROP_OLDEST || want.overflow == CHAN_DROP_NEWEST))
		cli_usage("--overflow: a channel of kind latest is never full");
	check_meta();
	if (want.dead_letter[0] && want.kind != CHAN_KIND_QUEUE)
		cli_usage("--dead-letter: only a queue has one");
	if (want.max_deliver && want.kind != CHAN_KIND_QUEUE)
		cli_usage("--max-deliver: only a queue has it");
	check_lanes();
	check_broadcast();
	if (cli_bus())
		return create_on_bus(name);
	do {
		err = chan_create(name, &want);
		if (!err)
			cli_note(name, "created");
		if (err != -EEXIST || !existing_is_fine)
			return err ? cli_fail(name, &want, err) : CLI_OK;
		err = read_existing(name, &is);
	} while (err == -ENOENT); /* it was removed meanwhile */
	return err ? cli_fail(name, NULL, err) : report_existing(name, &is);
}

const struct ctl_verb ctl_verb_create = {
	.tool =
		{
			.name = "chanctl create",
			.usage = "[OPTIONS] NAME",
			.summary = "Make a channel.",
			.options = options,
		},
	.has = CTL_BUS,
	CTL_ONE_CHANNEL,
	.option = option,
	.run = create,
};
