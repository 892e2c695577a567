/* SPDX-License-Identifier: MIT */
/* The options of chanrecv CHANNEL -- COMMAND, which say how children are run. */
#ifndef SHMCHAN_EXEC_OPTIONS_H
#define SHMCHAN_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/framing.h"
#include "common/options.h"
#include "recv/retry.h"

enum { EXEC_JOBS_MOST = 10000, EXEC_BATCH_MOST = 1024, EXEC_FD_MOST = 255 };

enum exec_output {
	OUTPUT_GROUP,
	OUTPUT_LINE,
	OUTPUT_PASS,
	OUTPUT_DISCARD,
	OUTPUT_REPLY, /* as --reply says */
	OUTPUT_DEFAULT,
};
enum exec_dead { DEAD_HOLD, DEAD_DROP, DEAD_CHANNEL };
enum exec_order { ORDER_NONE, ORDER_KEY, ORDER_PAIR };
enum exec_halt { HALT_NEVER, HALT_SOON, HALT_NOW };

struct exec_options {
	bool given; /* one of these */
	bool exec, pipe, arg, hold, strict, reply;
	unsigned jobs, batch;
	int64_t ttr, kill_after; /* CHAN_WAIT: no limit */
	uint32_t max_deliver;	 /* 0: no limit */
	bool max_deliver_given;	 /* or the channel says it */
	struct retry_plan backoff;
	enum exec_dead dead;
	bool dead_given;   /* or the channel says it */
	char *dead_letter; /* the channel, or NULL */
	enum exec_order order;
	const char *order_pair; /* its name */
	enum exec_halt halt;
	uint64_t halt_at; /* failures in a row */
	enum exec_output output;
	int meta_fd; /* or -1 */
	const char *joblog;
	bool framed; /* with -F: */
	struct framing framing;
};

enum {
	OPT_PIPE = CLI_LONG + 64,
	OPT_ARG,
	OPT_BATCH,
	OPT_KILL_AFTER,
	OPT_MAX_DELIVER,
	OPT_BACKOFF,
	OPT_DEAD_LETTER,
	OPT_STRICT,
	OPT_HALT,
	OPT_OUTPUT,
	OPT_META_FD,
	OPT_JOBLOG,
	OPT_HOLD,
	OPT_REPLY,
	OPT_ORDER,
};

/* The rows of chanrecv's table of options. */
/* clang-format off */
#define EXEC_OPTIONS \
	{'x', "exec", NULL, \
		"with '-- COMMAND', which implies it: run COMMAND\nonce for each message"}, \
	{'j', "jobs", "N", "so many children at once; 0: as many as CPUs"}, \
	{OPT_BATCH, "batch", "N", "up to N messages for each child, framed as -F says"}, \
	{OPT_PIPE, "pipe", NULL, \
		"keep COMMAND running, and feed it messages, as\n" \
		"-F says; it writes to descriptor 3 which are done"}, \
	{OPT_ARG, "arg", NULL, "put the message in place of each {} in ARGs, too"}, \
	{'t', "ttr", "D", "time to run: then TERM ends the child"}, \
	{OPT_KILL_AFTER, "kill-after", "D", "and KILL, D after that (5s)"}, \
	{OPT_MAX_DELIVER, "max-deliver", "N", \
		"a message that failed N times is dead (5);\n0: never"}, \
	{OPT_BACKOFF, "backoff", "SPEC", \
		"pauses of a message that failed: exp:1s..5m (the\n" \
		"default), fixed:D, or a list as 1s,5s,1m"}, \
	{OPT_DEAD_LETTER, "dead-letter", "CH|drop|hold", \
		"where dead messages go (hold: they stay)"}, \
	{OPT_STRICT, "strict", NULL, "an exit status that has no meaning ends chanrecv"}, \
	{OPT_HALT, "halt", "never|soon,fail=N|now,fail=N", "end after N failures in a row"}, \
	{OPT_ORDER, "order", "none|key|key:NAME", \
		"messages with the same key, or the same pair NAME\n" \
		"of their headers, one after the other"}, \
	{OPT_OUTPUT, "output", "group|line|pass|discard", \
		"what becomes of the children's stdout (group)"}, \
	{OPT_META_FD, "meta-fd", "N", \
		"what is known of the message, in JSON, on\ndescriptor N of the child"}, \
	{OPT_JOBLOG, "joblog", "FILE", "append a line for each child that ended"}, \
	{OPT_REPLY, "reply", NULL, \
		"the child's stdout and status are the reply to a\nrequest (chansend --request)"}, \
	{OPT_HOLD, "hold", NULL, "run COMMAND once, while one message is taken"}
/* clang-format on */

void exec_options_init(struct exec_options *ret);

/* Take an option of these, and return true; a wrong argument is a usage error. */
bool exec_options_parse(struct exec_options *x, int letter, char *arg);

/* Set what depends on others, and check which exclude each other, once all are parsed and there
 * is a command. */
void exec_options_finish(struct exec_options *x, char *const *channels, char *const *command);

#endif
