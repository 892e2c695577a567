/* SPDX-License-Identifier: MIT */
/*
 * The terminal of chanctl top: ncurses, and nothing of what is shown.  The terminal is left as
 * it was, whatever ends the process: screen_end() does it, and so do the fatal signals that
 * cli_signals() leaves alone.
 */
#ifndef SHMCHAN_CTL_SCREEN_H
#define SHMCHAN_CTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

/* Take the terminal of stdin and stdout: NULL, or why that can't be. */
const char *screen_start(void);
void screen_end(void);

int screen_rows(void);
int screen_columns(void);

enum { PLAIN, HEADING, CHOSEN, FAINT, ALERT };

/* Begin a picture, all blank; write text at (row, column), cut at `width` columns and at the
 * edge, as one of the above; show it. */
void screen_begin(void);
void screen_text(int row, int column, int width, int look, const char *text);
void screen_printf(int row, int column, int width, int look, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void screen_show(void);

/* Write a bar of `eighths` of a full column, 0 to 8. */
void screen_bar(int row, int column, int eighths);

/* What screen_key() returns besides characters. */
enum {
	KEY_NONE = -1,
	SCREEN_UP = 0x1000,
	SCREEN_DOWN,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_ENTER,
	SCREEN_BACK,
	SCREEN_ERASE,
	SCREEN_RESIZED
};

/* Return the next key, or KEY_NONE once the time has come (cli_deadline()) or a signal of
 * cli_signals(); *ended says that it was a signal, or the end of the terminal. */
int screen_key(int64_t deadline, bool *ended);

#endif
