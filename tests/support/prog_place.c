/* SPDX-License-Identifier: MIT */
/*
 * prog_place WHAT...: for scripts.  Status 0 if each WHAT is here (their names are in
 * place.c); else 77, and it prints why not.
 */
#include "support/place.h"

#include <stdio.h>
#include <string.h>

static int lacks(const char *name)
{
	for (int i = 0; i < NEEDS; i++)
		if (!strcmp(place_names[i], name)) {
			const char *why = place_lacks((enum need)i);

			if (why)
				puts(why);
			return why ? 77 : 0;
		}
	fprintf(stderr, "prog_place: nothing is called %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc && status == 0; i++)
		status = lacks(argv[i]);
	return status;
}
