/* SPDX-License-Identifier: MIT */
/* Usage: replay_TARGET FILE...: run a target once for each, without a fuzzer. */
#include "fuzz.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	static uint8_t data[1 << 20];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rbe");
		size_t n;

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		n = fread(data, 1, sizeof(data), f);
		fclose(f);
		fprintf(stderr, "%s\n", argv[i]); /* so that one knows which it was */
		LLVMFuzzerTestOneInput(data, n);
	}
	return 0;
}
