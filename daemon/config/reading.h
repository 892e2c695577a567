/* SPDX-License-Identifier: MIT */
/* What reads a file of the configuration: an ini (ini.h) that reports what is wrong with the
 * file's path and the channel's name. */
#ifndef CHAND_READING_H
#define CHAND_READING_H

/* Take note of what is wrong in a file (line 0: in the file as a whole), which is of a
 * channel, or of none (NULL). */
typedef void (*config_wrong)(const char *path, unsigned line, const char *channel, const char *why);

struct reading {
	const char *path, *channel;
	config_wrong wrong; /* or NULL */
	void *into;
};

/* Report a line to the reading's wrong(): the `wrong` of an ini whose `arg` is the reading. */
void reading_wrong(void *reading, unsigned line, const char *why);

#endif
