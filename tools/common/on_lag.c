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

/* The largest unit that leaves nothing over, so that it reads as it was written. */
const char *on_lag_text(char text[ON_LAG_TEXT], uint32_t on_lag, uint64_t patience)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} unit[] = {{UINT64_C(1000000000), "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
	size_t i = 0;

	if (on_lag != CHAN_LAG_EVICT) {
		snprintf(text, ON_LAG_TEXT, "%s", word(&words_on_lag, on_lag));
		return text;
	}
	while (patience % unit[i].ns)
		i++;
	snprintf(text, ON_LAG_TEXT, "evict:%" PRIu64 "%s", patience / unit[i].ns, unit[i].name);
	return text;
}
