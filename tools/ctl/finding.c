/* SPDX-License-Identifier: MIT */
/* The model is in finding.h. */
#include "ctl/finding.h"

#include <stdarg.h>

#include "ctl/output.h"

static const char *const levels[] = {"ok", "note", "problem"};

static json_t *findings;
static bool problems;

static json_t *reported(void)
{
	if (!findings)
		findings = json_array();
	return findings;
}

void ctl_report(enum level level, const char *check, const char *remedy, const char *format, ...)
{
	json_t *finding = json_object();
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ctl_set(finding, "check", ctl_text(check));
	ctl_set(finding, "level", ctl_text(levels[level]));
	ctl_set(finding, "finding", ctl_text(text));
	ctl_set(finding, "remedy", remedy ? ctl_text(remedy) : json_null());
	json_array_append_new(reported(), finding);
	problems |= level == PROBLEM;
}

static int print_text(void)
{
	char *text;
	size_t len, i;
	json_t *finding;
	FILE *out = ctl_memory(&text, &len);

	json_array_foreach(findings, i, finding)
	{
		const json_t *remedy = json_object_get(finding, "remedy");

		fprintf(out, "%-8s %-14s %s\n",
			json_string_value(json_object_get(finding, "level")),
			json_string_value(json_object_get(finding, "check")),
			json_string_value(json_object_get(finding, "finding")));
		if (json_is_string(remedy))
			fprintf(out, "%-23s to do: %s\n", "", json_string_value(remedy));
	}
	ctl_memory_end(out);
	return ctl_write_free(text, len);
}

int ctl_print_findings(void)
{
	int status = ctl_output.json ? ctl_write_json(json_incref(reported())) : print_text();

	json_decref(findings);
	findings = NULL;
	return status;
}

bool ctl_found_problem(void)
{
	return problems;
}
