/* SPDX-License-Identifier: MIT */
#include "common/on_lag.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "common/parse.h"
#include "shmchan.h"

int on_lag_parse(const char *text, uint32_t *on_lag, uint64_t *patience)
{
	static const char evict[] = "evict:";
	int64_t ns;

	*patience = 0;
	if (!strncmp(text, evict, strlen(evict))) {
		if (cli_parse_duration(text + strlen(evict), &ns) || ns <= 0)
			return -EINVAL;
		*on_lag = CHAN_LAG_EVICT;
		*patience = (uint64_t)ns;
		return 0;
	}
	if (!strcmp(text, "block"))
		*on_lag = CHAN_LAG_BLOCK;
	else if (!strcmp(text, "lose"))
		*on_lag = CHAN_LAG_LOSE;
	else
		return -EINVAL;
	return 0;
}

const char *on_lag_text(char text[ON_LAG_TEXT], uint32_t on_lag, uint64_t patience)
{
	int n = snprintf(text, ON_LAG_TEXT, "%s", word(&words_on_lag, on_lag));

	if (on_lag == CHAN_LAG_EVICT) {
		text[n++] = ':';
		cli_duration_exact(text + n, ON_LAG_TEXT - (size_t)n, patience);
	}
	return text;
}
