/* SPDX-License-Identifier: MIT */
/* chanctl group: the named places of a broadcast that outlive their users. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "common/bus.h"
#include "common/failure.h"
#include "common/message.h"
#include "ctl/channel.h"
#include "ctl/output.h"
#include "ctl/subscribers.h"
#include "ctl/verb.h"

static const struct cli_option options[] = {
	CTL_OPTION_JSON,
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static int list_groups(const struct ctl_channel *ch)
{
	struct subscribers groups;
	int err = subscribers_read(ch->ch, true, &groups);
	char *text;
	size_t len;
	FILE *out;
	int status;

	if (err < 0)
		return cli_fail(ch->name, NULL, err);
	if (ctl_output.json) {
		json_t *array = subscribers_array(&groups);

		status = ctl_write_json(array);
	} else {
		out = ctl_memory(&text, &len);
		subscribers_table(&groups, "", out);
		ctl_memory_end(out);
		status = ctl_write_free(text, len);
	}
	free(groups.at);
	return status;
}

static int remove_group(const struct ctl_channel *ch, const char *group)
{
	int err = chan_remove_group(ch->ch, group);

	if (err == -ENOENT) {
		cli_error(ch->name, "no group '%s'; 'chanctl group list' shows those there are",
			group);
		return CLI_ERROR;
	}
	if (err == -EBUSY) {
		cli_error(ch->name,
			"group '%s' is in use; end its user first ('chanctl group list')", group);
		return CLI_ERROR;
	}
	if (err < 0)
		return cli_fail(ch->name, NULL, err);
	cli_note(ch->name, "group '%s' removed", group);
	return CLI_OK;
}

static int group(int n, char **operand)
{
	bool removes = !strcmp(operand[0], "remove");
	struct ctl_channel ch;
	const char *name;
	int status, err;

	if (!removes && strcmp(operand[0], "list") != 0)
		cli_usage("'%s' is neither list nor remove", operand[0]);
	if (removes != (n == 3))
		cli_usage(removes ? "which GROUP is to be removed" : "'%s': list takes no GROUP",
			removes ? "" : operand[2]);
	name = bus_name(operand[1]);
	err = ctl_open(&ch, name);
	if (err < 0) {
		status = cli_fail(name, NULL, err);
	} else if (ch.stat.kind != CHAN_KIND_BROADCAST) {
		cli_error(name, "a channel of kind %s has no groups; a broadcast has",
			word(&words_kind, ch.stat.kind));
		status = CLI_USAGE;
	} else {
		status = removes ? remove_group(&ch, operand[2]) : list_groups(&ch);
	}
	ctl_forget(&ch);
	return status;
}

const struct ctl_verb ctl_verb_group = {
	.tool =
		{
			.name = "chanctl group",
			.usage = "[OPTIONS] list NAME | remove NAME GROUP",
			.summary = "List or remove the groups of a broadcast.",
			.options = options,
		},
	.has = CTL_JSON | CTL_BUS,
	.min = 2,
	.max = 3,
	.run = group,
};
