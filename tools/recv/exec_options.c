/* SPDX-License-Identifier: MIT */
/* See exec_options.h. */
#include "recv/exec_options.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/message.h"
#include "common/parse.h"
#include "shmchan.h"

#define S INT64_C(1000000000)

void exec_options_init(struct exec_options *ret)
{
	*ret = (struct exec_options){
		.jobs = 1,
		.batch = 1,
		.ttr = CHAN_WAIT,
		.kill_after = 5 * S,
		.max_deliver = 5,
		.meta_fd = -1,
		.output = OUTPUT_DEFAULT,
	};
	retry_parse("exp:1s..5m", &ret->backoff);
}

/* A number from `least` to `most`. */
static unsigned bounded(const char *option, const char *text, unsigned least, unsigned most)
{
	uint64_t n = cli_count_arg(option, text);

	if (n < least || n > most)
		cli_usage("%s: '%s' is not from %u to %u", option, text, least, most);
	return (unsigned)n;
}

/* The CPUs that this process may use. */
static unsigned cpus(void)
{
	cpu_set_t set;
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (!sched_getaffinity(0, sizeof(set), &set))
		return (unsigned)CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

static int64_t time_above_0(const char *option, const char *text)
{
	int64_t t = cli_duration_arg(option, text);

	if (!t)
		cli_usage("%s: it must be above 0", option);
	return t;
}

/* Returns the place of the text in a list that ends with NULL; it must be there. */
static unsigned choose(
	const char *option, const char *text, const char *const *list, const char *all)
{
	for (unsigned i = 0; list[i]; i++)
		if (!strcmp(list[i], text))
			return i;
	cli_usage("%s: '%s' is not known; there are %s", option, text, all);
}

static void parse_halt(struct exec_options *x, const char *arg)
{
	const char *count = strchr(arg, ',');
	uint64_t n;

	if (!strcmp(arg, "never")) {
		x->halt = HALT_NEVER;
		return;
	}
	if (!count || strncmp(count, ",fail=", 6) != 0 || cli_parse_count(count + 6, &n) || !n ||
		(strncmp(arg, "soon,", 5) != 0 && strncmp(arg, "now,", 4) != 0))
		cli_usage(
			"--halt: '%s' is not never, soon,fail=N or now,fail=N, with N from 1", arg);
	x->halt = *arg == 's' ? HALT_SOON : HALT_NOW;
	x->halt_at = n;
}

static void parse_backoff(struct exec_options *x, const char *arg)
{
	int err = retry_parse(arg, &x->backoff);

	if (err == -ERANGE)
		cli_usage("--backoff: '%s' has a number that is too large, or more than %d pauses",
			arg, RETRY_STEPS);
	if (err)
		cli_usage(
			"--backoff: '%s' is not exp:FROM..TO, fixed:D or a list as 1s,5s,1m", arg);
}

static void parse_dead_letter(struct exec_options *x, char *arg)
{
	x->dead_letter = NULL;
	x->dead_given = true;
	if (!*arg)
		cli_usage("--dead-letter: names no channel; it is a CHANNEL, drop or hold");
	if (!strcmp(arg, "drop")) {
		x->dead = DEAD_DROP;
	} else if (!strcmp(arg, "hold")) {
		x->dead = DEAD_HOLD;
	} else {
		x->dead = DEAD_CHANNEL;
		x->dead_letter = arg;
	}
}

static void parse_order(struct exec_options *x, const char *arg)
{
	x->order = !strcmp(arg, "none") ? ORDER_NONE : !strcmp(arg, "key") ? ORDER_KEY : ORDER_PAIR;
	if (x->order != ORDER_PAIR)
		return;
	x->order_pair = arg + strlen("key:");
	if (strncmp(arg, "key:", 4) != 0 || !*x->order_pair || strchr(x->order_pair, '='))
		cli_usage("--order: '%s' is not none, key or key:NAME", arg);
}

bool exec_options_parse(struct exec_options *x, int letter, char *arg)
{
	static const char *const outputs[] = {"group", "line", "pass", "discard", NULL};

	switch (letter) {
	case 'x':
		x->exec = true;
		break;
	case 'j':
		x->jobs = bounded("--jobs", arg, 0, EXEC_JOBS_MOST);
		if (!x->jobs)
			x->jobs = cpus();
		break;
	case 't':
		x->ttr = time_above_0("--ttr", arg);
		break;
	case OPT_PIPE:
		x->pipe = true;
		break;
	case OPT_ARG:
		x->arg = true;
		break;
	case OPT_BATCH:
		x->batch = bounded("--batch", arg, 1, EXEC_BATCH_MOST);
		break;
	case OPT_KILL_AFTER:
		x->kill_after = cli_duration_arg("--kill-after", arg);
		break;
	case OPT_MAX_DELIVER:
		x->max_deliver = bounded("--max-deliver", arg, 0, UINT16_MAX - 1);
		x->max_deliver_given = true;
		break;
	case OPT_BACKOFF:
		parse_backoff(x, arg);
		break;
	case OPT_DEAD_LETTER:
		parse_dead_letter(x, arg);
		break;
	case OPT_STRICT:
		x->strict = true;
		break;
	case OPT_HALT:
		parse_halt(x, arg);
		break;
	case OPT_OUTPUT:
		x->output = choose("--output", arg, outputs, "group, line, pass and discard");
		break;
	case OPT_META_FD:
		x->meta_fd = (int)bounded("--meta-fd", arg, 3, EXEC_FD_MOST);
		break;
	case OPT_JOBLOG:
		x->joblog = arg;
		break;
	case OPT_REPLY:
		x->reply = true;
		break;
	case OPT_ORDER:
		parse_order(x, arg);
		break;
	case OPT_HOLD:
		x->hold = true;
		break;
	default:
		return false;
	}
	x->given = true;
	return true;
}

void exec_options_finish(struct exec_options *x, char *const *channels, char *const *command)
{
	if (!*command)
		cli_usage("there is no COMMAND behind '--'");
	if (!x->framed && x->pipe)
		framing_parse("jsonl", &x->framing);
	if (x->dead_letter)
		x->dead_letter = bus_name(x->dead_letter);
	if (x->hold && channels[1])
		cli_usage("--hold takes a message of one channel, and '%s' is a second one",
			channels[1]);
	if (x->hold && (x->pipe || x->batch > 1 || x->arg || x->jobs > 1 || x->meta_fd >= 0))
		cli_usage(
			"--hold runs COMMAND once, without a message: no --jobs, --batch, --pipe, "
			"--arg or --meta-fd");
	if (x->hold && (x->ttr != CHAN_WAIT || x->joblog || x->dead_letter || x->strict ||
			       x->halt != HALT_NEVER || x->output != OUTPUT_DEFAULT))
		cli_usage("--hold runs COMMAND once, and its status is all that counts: no --ttr, "
			  "--joblog, --dead-letter, --strict, --halt or --output");
	if (x->reply && (x->hold || x->pipe || x->batch > 1))
		cli_usage("--reply is for a child for each message: no --hold, --pipe or --batch");
	if (x->order != ORDER_NONE && (x->hold || x->pipe || x->batch > 1))
		cli_usage("--order is for a child for each message: no --hold, --pipe or --batch");
	if (x->reply && x->output != OUTPUT_DEFAULT)
		cli_usage("--output is for what is printed, and --reply sends it to the client");
	if (x->reply)
		x->output = OUTPUT_REPLY;
	if (x->output == OUTPUT_DEFAULT) /* a child of --pipe may not end */
		x->output = x->pipe ? OUTPUT_LINE : OUTPUT_GROUP;
	if (x->pipe && (x->arg || x->meta_fd >= 0))
		cli_usage(
			"--pipe runs COMMAND for many messages, and has descriptor 3: no --arg or "
			"--meta-fd");
	if (x->pipe && channels[1])
		cli_usage("--pipe takes messages of one channel, and '%s' is a second one",
			channels[1]);
	if (x->arg && x->batch > 1)
		cli_usage("--arg is for one message, and --batch for several");
	if (x->framed && !x->pipe && x->batch == 1)
		cli_usage("a COMMAND gets each message as it is: --framing goes with --batch or "
			  "--pipe");
	if (x->dead_letter)
		for (char *const *c = channels; *c; c++)
			if (!strcmp(*c, x->dead_letter))
				cli_usage("--dead-letter: '%s' is the channel itself",
					x->dead_letter);
}
