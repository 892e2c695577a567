/* SPDX-License-Identifier: MIT */
/* See framing_option.h. */
#include "common/framing_option.h"

#include "common/message.h"

bool cli_framing_option(int letter, const char *arg, const char *choice, struct framing *ret)
{
	struct framing framing = {.kind = FRAMING_DELIMITED, .delimiter = '\n'};

	switch (letter) {
	case 'l':
		break;
	case '0':
		framing.delimiter = '\0';
		break;
	case 'd':
		if (framing_parse_byte(arg, &framing.delimiter))
			cli_usage("--delimiter: '%s' is not one byte (as , or \\t or \\x1e)", arg);
		break;
	case 'F':
		if (framing_parse(arg, &framing))
			cli_usage("--framing: '%s' is not %s", arg, choice);
		break;
	default:
		return false;
	}
	framing.skip_empty = ret->skip_empty;
	*ret = framing;
	return true;
}
