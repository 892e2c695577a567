/* SPDX-License-Identifier: MIT */
/*
 * chanctl [OPTIONS] VERB [ARGS]
 *
 * Options before the verb are those of every verb's output; then the verb's own table
 * applies.  This file has the list of verbs and the parsing; each of the others is a verb, a
 * part of one, a few that belong together, or what verbs share.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "common/bus.h"
#include "common/message.h"
#include "common/signals.h"
#include "common/status.h"
#include "ctl/column.h"
#include "ctl/output.h"
#include "ctl/verb.h"

static const struct ctl_verb verb_help;
static const struct ctl_verb *const verbs[] = {
	&ctl_verb_create,
	&ctl_verb_remove,
	&ctl_verb_close,
	&ctl_verb_drain,
	&ctl_verb_pause,
	&ctl_verb_resume,
	&ctl_verb_group,
	&ctl_verb_list,
	&ctl_verb_stat,
	&ctl_verb_info,
	&ctl_verb_wait,
	&ctl_verb_test,
	&ctl_verb_purge,
	&ctl_verb_top,
	&ctl_verb_monitor,
	&ctl_verb_metrics,
	&ctl_verb_doctor,
	&ctl_verb_dead,
	&ctl_verb_kick,
	&ctl_verb_bury,
	&ctl_verb_release,
	&ctl_verb_peek,
	&ctl_verb_dump,
	&ctl_verb_completion,
	&verb_help,
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const struct cli_option options[] = {
	CTL_OPTION_JSON,
	CTL_OPTIONS_COLUMNS,
	CLI_BUS,
	CLI_COMMON,
	CLI_END,
};

static const char *verb_name(const struct ctl_verb *verb)
{
	return verb->tool.name + strlen("chanctl ");
}

/* The help's lists are made of the tables of verbs and columns. */
static const char *tables_help(void)
{
	static char *text;
	size_t len;
	FILE *out = ctl_memory(&text, &len);

	fputs("Verbs:\n", out);
	for (unsigned i = 0; i < VERBS; i++)
		fprintf(out, "  %-12s%s\n", verb_name(verbs[i]), verbs[i]->tool.summary);
	fputs("\nColumns:", out);
	ctl_columns_help(out);
	fputs("\n\n'chanctl VERB --help' shows a verb's options.", out);
	for (unsigned i = 0; i < VERBS; i++)
		if (verbs[i]->alias)
			fprintf(out, " '%s' is '%s'.", verbs[i]->alias, verb_name(verbs[i]));
	ctl_memory_end(out);
	return text;
}

/* Returns how many bytes have to be changed, added or dropped to turn `b` into `a`, or `most`
 * if that is less. */
static unsigned edit_distance(const char *a, const char *b, unsigned most)
{
	unsigned change, add, drop;

	if (!most)
		return 0;
	if (!*a && !*b)
		return 0;
	if (*a && *a == *b)
		return edit_distance(a + 1, b + 1, most);
	change = *a && *b ? 1 + edit_distance(a + 1, b + 1, most - 1) : most;
	add = *b ? 1 + edit_distance(a, b + 1, most - 1) : most;
	drop = *a ? 1 + edit_distance(a + 1, b, most - 1) : most;
	change = change < add ? change : add;
	return change < drop ? change : drop;
}

/* Find a verb that begins with the name, or is nearly the same; or NULL. */
static const char *find_similar(const char *name)
{
	const char *best = NULL;
	unsigned least = 3;

	if (strlen(name) < 2)
		return NULL;
	for (unsigned i = 0; i < VERBS; i++) {
		const char *verb = verb_name(verbs[i]);
		bool begins = !strncmp(verb, name, strlen(name));
		unsigned away = begins ? 0 : edit_distance(name, verb, least);

		if (away < least) {
			least = away;
			best = verb;
		}
	}
	return best;
}

static const struct ctl_verb *find_verb(const char *name)
{
	const char *similar;

	for (unsigned i = 0; i < VERBS; i++)
		if (!strcmp(verb_name(verbs[i]), name) ||
			(verbs[i]->alias && !strcmp(verbs[i]->alias, name)))
			return verbs[i];
	similar = find_similar(name);
	if (similar)
		cli_usage("no verb '%s'; did you mean '%s'? 'chanctl --help' lists all", name,
			similar);
	cli_usage("no verb '%s'; 'chanctl --help' lists them", name);
}

/* Returns true if the letter is an output option, which is then applied. */
static bool take_output_option(int letter, const char *arg)
{
	switch (letter) {
	case 'J':
		ctl_output.json = true;
		ctl_output.pretty = arg;
		if (arg && strcmp(arg, "pretty") != 0)
			cli_usage("--json: '%s' is not pretty", arg);
		return true;
	case 'o':
		ctl_output.columns = arg;
		return true;
	case 'H':
		ctl_output.no_headings = true;
		return true;
	case 'b':
		ctl_output.bytes = true;
		return true;
	}
	return false;
}

/* Refuse an output option before a verb that has no use for it. */
static void check_output(const struct ctl_verb *verb)
{
	if (ctl_output.json && !(verb->has & CTL_JSON))
		cli_usage("%s has no --json", verb->tool.name);
	if (cli_bus() && !(verb->has & CTL_BUS))
		cli_usage("%s knows no bus: --system and --user do not apply", verb->tool.name);
	if (verb->has & CTL_COLUMNS)
		return;
	if (ctl_output.columns)
		cli_usage("%s has no columns: --output does not apply", verb->tool.name);
	if (ctl_output.no_headings || ctl_output.bytes)
		cli_usage("%s prints no table: --%s does not apply", verb->tool.name,
			ctl_output.bytes ? "bytes" : "no-headings");
}

/* Returns true if the letter is an output option of this verb: -o of create is another one. */
static bool has_output_option(const struct ctl_verb *verb, int letter)
{
	return letter == 'J' ? verb->has & CTL_JSON : verb->has & CTL_COLUMNS;
}

/* Write the option as the table has it, for messages. */
static void option_text(char *ret, size_t size, const struct cli_option *table, int letter)
{
	for (; table->letter != letter; table++)
		if (!table->letter)
			return;
	snprintf(ret, size, "--%s", table->long_name);
}

/* Returns the status of the first failure. */
static int change_each(const struct ctl_verb *verb, int n, char **name)
{
	int first = CLI_OK;

	for (int i = 0; i < n; i++) {
		int status = verb->change(name[i]);

		if (!first)
			first = status;
	}
	return first;
}

static int run_verb(const struct ctl_verb *verb, int argc, char **argv)
{
	char option[64] = "", **operand;
	int letter, n;

	while ((letter = cli_next(&verb->tool, argc, argv)) != -1) {
		if (has_output_option(verb, letter) && take_output_option(letter, optarg))
			continue;
		option_text(option, sizeof(option), verb->tool.options, letter);
		verb->option(letter, option, optarg);
	}
	check_output(verb);
	operand = argv + optind;
	n = argc - optind;
	if (n < verb->min)
		cli_usage("operand missing: %s %s", verb->tool.name, verb->tool.usage);
	if (verb->max >= 0 && n > verb->max)
		cli_usage("operand '%s' too many: %s %s", operand[verb->max], verb->tool.name,
			verb->tool.usage);
	if (cli_bus() && verb->has & CTL_BUS_KNOWN)
		bus_owner();
	for (int i = 0; i < n && (i < verb->names || verb->names < 0); i++)
		operand[i] = bus_name(operand[i]);
	return verb->run ? verb->run(n, operand) : change_each(verb, n, operand);
}

static struct cli_tool chanctl = {
	.name = "chanctl",
	.usage = "[OPTIONS] VERB [ARGS]",
	.summary = "Make, show, wait for and remove channels.",
	.options = options,
	.verb_follows = true,
};

/* help */

static const struct cli_option help_options[] = {CLI_COMMON, CLI_END};

static int help(int n, char **operand)
{
	const struct cli_tool *tool = n ? &find_verb(operand[0])->tool : &chanctl;
	char word[] = "--help", *argv[] = {word, word, NULL};

	cli_next(tool, 2, argv); /* ends the process */
	return CLI_ERROR;
}

static const struct ctl_verb verb_help = {
	.tool =
		{
			.name = "chanctl help",
			.usage = "[OPTIONS] [VERB]",
			.summary = "Show this help, or that of a verb.",
			.options = help_options,
		},
	.max = 1,
	.run = help,
};

int main(int argc, char **argv)
{
	int letter, status;

	chanctl.notes = tables_help();
	while ((letter = cli_next(&chanctl, argc, argv)) != -1)
		take_output_option(letter, optarg);
	if (optind == argc)
		cli_usage("verb missing");
	status = run_verb(find_verb(argv[optind]), argc - optind, argv + optind);
	cli_die();
	return status;
}
