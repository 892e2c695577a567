/* SPDX-License-Identifier: MIT */
/* What chanctl doctor found: findings, in the order in which they were reported. */
#ifndef SHMCHAN_CTL_FINDING_H
#define SHMCHAN_CTL_FINDING_H

#include <stdbool.h>

enum level {
	OK,
	NOTE,	/* works, but may surprise */
	PROBLEM /* makes the exit status 1 */
};

/* Add a finding of `check`.  `remedy` says what to do; it is NULL for OK. */
void ctl_report(enum level level, const char *check, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Print all findings, and forget them; returns the exit status of the printing. */
int ctl_print_findings(void);

/* Returns true if a problem was reported. */
bool ctl_found_problem(void);

#endif
