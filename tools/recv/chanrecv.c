/* SPDX-License-Identifier: MIT */
/*
 * chanrecv: messages from channels to stdout or into files, or each to a child's stdin.
 * receiver.h has the model.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/descriptors.h"
#include "common/failure.h"
#include "common/message.h"
#include "common/signals.h"
#include "recv/conclude.h"
#include "recv/hold.h"
#include "recv/options.h"
#include "recv/peek.h"
#include "recv/rounds.h"
#include "recv/worker.h"

static struct recv_options options;
static struct run run;
static struct sink sink;
static struct receiver *receivers; /* options.count of them */

static int open_all(void)
{
	int err = sink_open(&sink, &options), status = CLI_OK;

	if (err) {
		cli_error(NULL, "%s: %s", options.dir, strerror(-err));
		return err == -EACCES ? CLI_DENIED : CLI_ERROR;
	}
	receivers = calloc((size_t)options.count, sizeof(*receivers));
	if (!receivers)
		return cli_fail(NULL, NULL, -ENOMEM);
	run_init(&run, &options);
	for (int i = 0; i < options.count && !status; i++)
		status = receiver_open(&receivers[i], &run, &sink, options.channels[i]);
	return status;
}

static int receive_all(void)
{
	if (options.exec.hold)
		return hold_run(receivers);
	if (options.command)
		return worker_run(&run, receivers, options.count);
	if (!options.peek)
		return rounds_receive(&run, receivers, options.count);
	for (int i = 0; i < options.count; i++)
		peek_run(&receivers[i]);
	return CLI_OK;
}

static void close_all(void)
{
	for (int i = 0; i < options.count && receivers; i++)
		receiver_close(&receivers[i]);
	free(receivers);
	sink_close(&sink);
}

/* The reader of stdout went away: end as a write to it would end this process. */
static int die_of_sigpipe(void)
{
	raise(SIGPIPE);
	cli_error(NULL, "stdout: %s", strerror(EPIPE)); /* SIGPIPE is ignored */
	return CLI_ERROR;
}

int main(int argc, char **argv)
{
	int status;

	recv_options_parse(&options, argc, argv);
	if (options.command)
		cli_count_signals(options.exec.hold ? 0 : 2);
	else
		cli_signals();
	if (options.count > 1)
		cli_allow_descriptors();
	status = open_all();
	if (!status)
		status = receive_all();
	if (!status)
		status = conclude(&run, receivers, options.count);
	close_all();
	cli_die();
	return run_lost_its_reader(&run) ? die_of_sigpipe() : status;
}
