/* SPDX-License-Identifier: MIT */
/*
 * The verbs of chanctl.  A verb is an entry of a table: its options, how many operands
 * it takes, and the function that does it.  chanctl.c parses, so that a verb sees operands
 * only; it keeps options of its own in its file.
 */
#ifndef SHMCHAN_CTL_VERB_H
#define SHMCHAN_CTL_VERB_H

#include "common/options.h"

enum {
	CTL_JSON = 1u << 0,	 /* has -J */
	CTL_COLUMNS = 1u << 1,	 /* has -o, -H and -b */
	CTL_BUS = 1u << 2,	 /* has --system and --user */
	CTL_BUS_KNOWN = 1u << 3, /* and can do nothing if there is no such bus */
};

struct ctl_verb {
	struct cli_tool tool; /* its name is "chanctl VERB" */
	const char *alias;    /* another name for the verb, or NULL */
	unsigned has;	      /* CTL_JSON | ... */
	int min, max;	      /* operands */
	int names;	      /* how many of them, from the first, are channels */
	/* An option of its own, `option` as written ("--mode"). */
	void (*option)(int letter, const char *option, const char *arg);
	/* One of the two; both return the exit status.  change() is called for each operand, and
	 * what fails for one does not keep it from the others. */
	int (*run)(int n, char **operand);
	int (*change)(const char *name);
};

/* Operands that several verbs take. */
/* clang-format off */
#define CTL_ONE_CHANNEL .min = 1, .max = 1, .names = 1
#define CTL_CHANNELS .min = 1, .max = -1, .names = -1
#define CTL_CHANNEL_AND_CONDITION .min = 2, .max = 2, .names = 1
#define CTL_GLOB .max = 1
/* clang-format on */

extern const struct ctl_verb ctl_verb_create, ctl_verb_remove, ctl_verb_close, ctl_verb_purge;
extern const struct ctl_verb ctl_verb_list, ctl_verb_stat, ctl_verb_info;
extern const struct ctl_verb ctl_verb_wait, ctl_verb_test;
extern const struct ctl_verb ctl_verb_monitor, ctl_verb_metrics, ctl_verb_doctor;
extern const struct ctl_verb ctl_verb_peek, ctl_verb_dump, ctl_verb_completion, ctl_verb_top;
extern const struct ctl_verb ctl_verb_drain, ctl_verb_pause, ctl_verb_resume;
extern const struct ctl_verb ctl_verb_group;
extern const struct ctl_verb ctl_verb_dead, ctl_verb_kick, ctl_verb_bury, ctl_verb_release;

/* Entries of a table for the output options. */
/* clang-format off */
#define CTL_OPTION_JSON \
	{ 'J', "json", "[pretty]", "JSON, one line unless pretty" }
#define CTL_OPTIONS_COLUMNS \
	{ 'o', "output", "COL,...", "these columns, in this order" }, \
	{ 'H', "no-headings", NULL, "values only" }, \
	{ 'b', "bytes", NULL, "sizes in bytes, not as 64K" }
/* clang-format on */

#endif
