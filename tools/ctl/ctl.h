/* SPDX-License-Identifier: MIT */
/*
 * What the verbs of chanctl share.
 *
 * A verb is an entry of a table: its options, how many operands it takes, and the
 * function that does it.  chanctl.c parses, so that a verb sees operands only; it keeps
 * options of its own in its file.
 *
 * A property of a channel is a *column*, the same for a table, for `info` and for JSON: a
 * column makes a JSON value of a channel, and text is made of that value (column.c).
 */
#ifndef SHMCHAN_CTL_H
#define SHMCHAN_CTL_H

#include <jansson.h>
#include <stdio.h>

#include "base/names.h"
#include "base/words.h"
#include "common/bus.h"
#include "common/options.h"

/* Verbs. */

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
	int (*run)(int n, char **operand); /* returns the exit status */
};

extern const struct ctl_verb ctl_verb_create, ctl_verb_remove, ctl_verb_close, ctl_verb_purge;
extern const struct ctl_verb ctl_verb_list, ctl_verb_stat, ctl_verb_info;
extern const struct ctl_verb ctl_verb_wait, ctl_verb_test;
extern const struct ctl_verb ctl_verb_monitor, ctl_verb_metrics, ctl_verb_doctor;
extern const struct ctl_verb ctl_verb_peek, ctl_verb_dump, ctl_verb_completion;

/* Entries of a table for the output options. */
/* clang-format off */
#define CTL_OPTION_JSON \
	{ 'J', "json", "[pretty]", "JSON, one line unless pretty" }
#define CTL_OPTIONS_COLUMNS \
	{ 'o', "output", "COL,...", "these columns, in this order" }, \
	{ 'H', "no-headings", NULL, "values only" }, \
	{ 'b', "bytes", NULL, "sizes in bytes, not as 64K" }
/* clang-format on */

/* Output. */

struct ctl_output {
	bool json, pretty, no_headings, bytes;
	const char *columns; /* -o, or NULL */
};
extern struct ctl_output ctl_output;

/* Write to stdout, or report an error; return the exit status.  The second form frees
 * `text`. */
int ctl_write(const char *text, size_t len);
int ctl_write_free(char *text, size_t len);

/* Report an error of stdout; return the exit status. */
int ctl_write_failed(int err);

/* Write a JSON value as ctl_output says, and a newline; take the reference. */
int ctl_write_json(json_t *value);

/* Returns true if the reader of stdout went away. */
bool ctl_reader_gone(void);

/* Allocate memory: these end the process if there is none. */
void *ctl_alloc(size_t n, size_t size);
void *ctl_grow(void *old, size_t n, size_t size);
char *ctl_copy(const char *text);
FILE *ctl_memory(char **text, size_t *len);
void ctl_memory_end(FILE *file);

json_t *ctl_text(const char *text);
json_t *ctl_number(uint64_t value);
json_t *ctl_time(int64_t ns); /* seconds */

/* JSON object members; they take the reference. */
void ctl_set(json_t *object, const char *key, json_t *value);

/* Channels. */

struct ctl_channel {
	char *name;
	chan_t *ch;		   /* an observer, NULL if closed again */
	int err;		   /* why it can't be read, or 0 */
	json_t *bus;		   /* what chand says about it, or NULL */
	struct chan_stat stat;	   /* valid unless err */
	struct chan_stat before;   /* the reading before, for rates */
	int64_t time, time_before; /* of the two readings, CLOCK_MONOTONIC; 0: none */
};

struct ctl_channels {
	struct ctl_channel *at;
	size_t n;
};

/* Open as an observer and read; returns the library's error, also kept in ch->err. */
int ctl_open(struct ctl_channel *ch, const char *name);
/* Read again: 0 or a negative errno. */
int ctl_refresh(struct ctl_channel *ch);
void ctl_forget(struct ctl_channel *ch);

/* Read every channel whose name matches `glob` (NULL: all) and is on the bus that was
 * chosen, and close it again.  They are sorted by name; those that can't be read are among
 * them, those that vanished meanwhile are not. */
int ctl_channels(struct ctl_channels *ret, const char *glob);
void ctl_channels_free(struct ctl_channels *channels);
bool ctl_matches(const char *glob, const char *name);

/* Count the messages that receivers can still get: none when it is closed, discarding. */
uint64_t ctl_depth(const struct chan_stat *stat);

/* Count all messages that were dropped, in whichever way. */
static inline uint64_t ctl_dropped(const struct chan_stat *stat)
{
	return stat->dropped_newest + stat->dropped_oldest + stat->dropped_leased;
}

/* The state as one word: "open", "draining", ..., "denied", "other-format". */
const char *ctl_state(const struct ctl_channel *ch);

json_t *ctl_role(uint32_t roles); /* "sender", "receiver", "sender+receiver" */

/* Set the name of the channel of a file in NAMES_DIR, as the user would write it; returns
 * false if it has none. */
bool ctl_name_of_file(char *ret, size_t size, const char *file);

/* Returns true if logind removes an ordinary user's channels at the last logout. */
bool ctl_logind_removes_ipc(void);

/* Buses: what chand says, where there is one.  Nothing of it is needed.  If chand does not
 * answer, a warning says so; if there is none, nothing does. */

struct ctl_bus {
	enum cli_bus which;
	const char *scope; /* "system", "user" */
	uid_t owner;	   /* of its segments */
	json_t *status;	   /* what it says about itself */
	bool open;	   /* false: it stopped answering */
	struct chand chand;
};

/* Returns those that answer, or of them the chosen one; NULL follows the last. */
struct ctl_bus *const *ctl_buses(void);

/* Connect, and ask for its status: 0, or a negative errno, with *reason set if chand said
 * why. */
int ctl_bus_open(struct ctl_bus *ret, enum cli_bus which, const char **reason);
void ctl_bus_close(struct ctl_bus *bus);

/* Ask, and call fn(what, lines) for each packet of the answer but its END. */
int ctl_bus_each(struct ctl_bus *bus, const char *request,
	void (*fn)(const char *what, const char *lines, void *arg), void *arg);

/* Make an object of texts of the lines `key=value`, and with `bus` its scope. */
json_t *ctl_bus_object(const struct ctl_bus *bus, const char *lines);
const char *ctl_bus_text(const json_t *object, const char *key); /* or NULL */
uint64_t ctl_bus_number(const json_t *object, const char *key);	 /* or 0 */

/* Ask chand about a channel, and set ch->bus. */
void ctl_bus_info(struct ctl_channel *ch);

/* Columns. */

enum { CTL_COLUMN_MAX = 64 };

struct ctl_column;
struct ctl_columns {
	const struct ctl_column *at[CTL_COLUMN_MAX];
	unsigned n;
};

/* Choose those of ctl_output.columns, else of `defaults`; NULL means all, but chand's only
 * if `bus`. */
void ctl_columns_choose(struct ctl_columns *ret, const char *defaults, bool bus);
json_t *ctl_columns_object(const struct ctl_columns *columns, const struct ctl_channel *ch);
void ctl_columns_lines(const struct ctl_columns *columns, const struct ctl_channel *ch, FILE *out);

/* Print the names of all, as a paragraph. */
void ctl_columns_help(FILE *out);

/* Print rows.  `width`, zero at first, keeps the columns where they were in the calls
 * before. */
void ctl_columns_table(const struct ctl_columns *columns, const struct ctl_channels *channels,
	unsigned width[CTL_COLUMN_MAX], bool headings, FILE *out);

/* Format as 64K or, with -b, 65536. */
void ctl_size_text(char *ret, size_t size, uint64_t bytes);
/* Format as 1.5s. */
void ctl_duration_text(char *ret, size_t size, int64_t ns);
/* Format as 2026-11-24 22:15:00. */
void ctl_time_text(char *ret, size_t size, int64_t realtime_ns);

#endif
