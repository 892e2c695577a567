/* SPDX-License-Identifier: MIT */
/* The model is in screen.h. */
#include "ctl/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include "common/deadline.h"
#include "common/signals.h"

/* A window that changes its size is noticed as soon as this, ns. */
#define RESIZE INT64_C(200000000)

static struct termios terminal; /* as it was */
static char restoring[256];	/* what turns the screen back */
static bool unicode;
static SCREEN *screen;

/* ---- what is left behind ---- */

static const int fatal[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGPIPE,
	SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGSYS};

/* Only what a signal handler may do. */
static void restore(int sig)
{
	ssize_t written = write(STDOUT_FILENO, restoring, strlen(restoring));

	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	raise(sig); /* SA_RESETHAND: of which it dies */
}

static void add_capability(const char *name)
{
	char *text = tigetstr(name);
	size_t used = strlen(restoring);

	if (text && text != (char *)-1) /* an absent one, a wrong one */
		snprintf(restoring + used, sizeof(restoring) - used, "%s", text);
}

static void prepare_restoring(void)
{
	struct sigaction act = {.sa_handler = restore, .sa_flags = (int)SA_RESETHAND};

	for (const char *const *c = (const char *const[]){"sgr0", "cnorm", "rmkx", "rmcup", NULL};
		*c; c++)
		add_capability(*c);
	sigfillset(&act.sa_mask);
	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &act, NULL);
}

/* ---- the terminal ---- */

const char *screen_start(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return "stdin and stdout are no terminal";
	if (tcgetattr(STDIN_FILENO, &terminal) < 0)
		return strerror(errno);
	setlocale(LC_CTYPE, "");
	unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return "the terminal's type, TERM, is not known";
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
	}
	prepare_restoring();
	return NULL;
}

void screen_end(void)
{
	endwin();
	delscreen(screen);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

int screen_rows(void)
{
	return LINES;
}

int screen_columns(void)
{
	return COLS;
}

/* ---- a picture ---- */

static attr_t attributes(int look)
{
	switch (look) {
	case HEADING:
		return A_REVERSE;
	case CHOSEN:
		return A_BOLD | A_UNDERLINE;
	case FAINT:
		return A_DIM;
	case ALERT:
		return A_BOLD | (has_colors() ? COLOR_PAIR(1) : 0);
	}
	return A_NORMAL;
}

void screen_begin(void)
{
	erase();
}

/* Names and commands may have any bytes: what would be obeyed by a terminal is shown as
 * '?'. */
void screen_text(int row, int column, int width, int look, const char *text)
{
	char clean[512];
	size_t n = 0;

	if (row < 0 || row >= LINES || column >= COLS)
		return;
	if (width > COLS - column)
		width = COLS - column;
	for (; text[n] && n < sizeof(clean) - 1 && (int)n < width; n++)
		clean[n] = (unsigned char)text[n] < ' ' || (unsigned char)text[n] > '~' ? '?'
											: text[n];
	attrset(attributes(look));
	mvaddnstr(row, column, clean, (int)n);
	if (look == HEADING || look == CHOSEN)
		for (; (int)n < width; n++)
			addch(' ');
	attrset(A_NORMAL);
}

void screen_printf(int row, int column, int width, int look, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	screen_text(row, column, width, look, text);
}

void screen_bar(int row, int column, int eighths)
{
	static const char plain[] = " ..::||##";
	wchar_t block[2] = {eighths ? (wchar_t)(0x2580 + eighths) : L' ', 0};

	if (row < 0 || row >= LINES || column >= COLS)
		return;
	if (unicode)
		mvaddwstr(row, column, block);
	else
		mvaddch(row, column, (chtype)plain[eighths]);
}

void screen_show(void)
{
	refresh();
}

/* ---- keys ---- */

static int key_of(int c)
{
	switch (c) {
	case KEY_UP:
		return SCREEN_UP;
	case KEY_DOWN:
		return SCREEN_DOWN;
	case KEY_PPAGE:
		return SCREEN_PAGE_UP;
	case KEY_NPAGE:
		return SCREEN_PAGE_DOWN;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return SCREEN_ENTER;
	case KEY_LEFT:
	case 27:
		return SCREEN_BACK;
	case KEY_BACKSPACE:
	case 127:
	case 8:
		return SCREEN_ERASE;
	case KEY_RESIZE:
		return SCREEN_RESIZED;
	}
	return c;
}

int screen_key(int64_t deadline, bool *ended)
{
	*ended = false;
	for (;;) {
		int64_t slice = cli_sooner(deadline, cli_deadline(RESIZE));
		int c = getch(), r;

		if (c != ERR)
			return key_of(c);
		r = cli_wait_fd(STDIN_FILENO, POLLIN, slice);
		if (r == -EINTR) {
			*ended = true;
			return KEY_NONE;
		}
		if (r > 0 && (c = getch()) == ERR) { /* readable, and nothing: it hung up */
			*ended = true;
			return KEY_NONE;
		}
		if (r > 0)
			return key_of(c);
		if (!cli_remaining(deadline))
			return KEY_NONE;
	}
}
