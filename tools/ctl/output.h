/* SPDX-License-Identifier: MIT */
/* The output of chanctl: text and JSON, made in memory and written whole. */
#ifndef SHMCHAN_CTL_OUTPUT_H
#define SHMCHAN_CTL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ctl_output {
	bool json, pretty, no_headings, bytes;
	const char *columns; /* -o, or NULL */
};
extern struct ctl_output ctl_output;

/* Write to stdout, or report an error; return the exit status.  The second form frees
 * `text`. */
int ctl_write(const char *text, size_t len);
int ctl_write_free(char *text, size_t len);

/* Report an error of stdout; return the exit status. */
int ctl_write_failed(int err);

/* Write a JSON value as ctl_output says, and a newline; take the reference. */
int ctl_write_json(json_t *value);

/* Returns true if the reader of stdout went away. */
bool ctl_reader_gone(void);

/* Allocate memory: these end the process if there is none. */
void *ctl_alloc(size_t n, size_t size);
void *ctl_grow(void *old, size_t n, size_t size);
char *ctl_copy(const char *text);
FILE *ctl_memory(char **text, size_t *len);
void ctl_memory_end(FILE *file);

json_t *ctl_text(const char *text);
json_t *ctl_number(uint64_t value);
json_t *ctl_time(int64_t ns); /* seconds */

/* JSON object members; they take the reference. */
void ctl_set(json_t *object, const char *key, json_t *value);

/* Format as 64K or, with -b, 65536. */
void ctl_size_text(char *ret, size_t size, uint64_t bytes);
/* Format as 1.5s. */
void ctl_duration_text(char *ret, size_t size, int64_t ns);
/* Format as 2026-11-24 22:15:00. */
void ctl_time_text(char *ret, size_t size, int64_t realtime_ns);

#endif
