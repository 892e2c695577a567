/* SPDX-License-Identifier: MIT */
/* chansend: messages from the command line, files or stdin into a channel. */
#include <stdlib.h>

#include "common/signals.h"
#include "send/input.h"
#include "send/options.h"
#include "send/sender.h"

int main(int argc, char **argv)
{
	struct send_options options;
	struct sender sender;
	int status;

	send_options_parse(&options, argc, argv);
	cli_signals();
	if (sender_open(&sender, &options)) {
		input_send_all(&sender);
		sender_finish(&sender);
	}
	status = sender_close(&sender);
	cli_die();
	free(options.files);
	return status;
}
