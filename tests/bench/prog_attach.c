/* SPDX-License-Identifier: MIT */
/* Prints what opening and detaching an endpoint of channel $1 takes, in ns: the
 * median of $2 times. */
#include <stdio.h>
#include <stdlib.h>

#include "common/deadline.h"
#include "common/failure.h"
#include "common/parse.h"
#include "shmchan.h"

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	uint64_t n;
	int64_t *took;

	if (argc != 3 || cli_parse_count(argv[2], &n) < 0 || n == 0 || n > 1000000)
		return 2;
	took = calloc(n, sizeof(*took));
	if (!took)
		return 1;
	for (uint64_t i = 0; i < n; i++) {
		int64_t before = cli_now();
		chan_t *ch;
		int r = chan_open(&ch, argv[1], CHAN_RECV, NULL);

		if (r < 0)
			return cli_fail(argv[1], NULL, r);
		chan_detach(ch);
		took[i] = cli_now() - before;
	}
	qsort(took, n, sizeof(*took), by_value);
	printf("%lld\n", (long long)took[n / 2]);
	free(took);
	return 0;
}
