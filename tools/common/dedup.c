/* SPDX-License-Identifier: MIT */
#include "common/dedup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"

#define MOST (UINT64_C(1) << 24)

int dedup_parse(const char *text, uint32_t *n, uint64_t *age)
{
	size_t len = strcspn(text, ",:");
	char number[24];
	uint64_t count;
	int64_t ns = 0;

	if (len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	number[len] = '\0';
	if (cli_parse_count(number, &count) || count < 1 || count > MOST)
		return -EINVAL;
	if (text[len] && (cli_parse_duration(text + len + 1, &ns) || ns <= 0))
		return -EINVAL;
	*n = (uint32_t)count;
	*age = (uint64_t)ns;
	return 0;
}

const char *dedup_text(char text[DEDUP_TEXT], uint32_t n, uint64_t age)
{
	int len = snprintf(text, DEDUP_TEXT, "%" PRIu32 "%s", n, age ? "," : "");

	if (age)
		cli_duration_exact(text + len, DEDUP_TEXT - (size_t)len, age);
	return text;
}
