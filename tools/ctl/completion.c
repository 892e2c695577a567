/* SPDX-License-Identifier: MIT */
/*
 * chanctl completion: the completion scripts, as they lie in completions/,
 * taken into the program by the assembler.
 */
#include <string.h>

#include "common/message.h"
#include "ctl/output.h"
#include "ctl/verb.h"

#ifndef COMPLETIONS
#define COMPLETIONS "tools/completions/" /* from the top, where it is compiled */
#endif

/* clang-format off */
#define EMBED(symbol, file) \
	__asm__(".pushsection .rodata\n" \
		".globl " #symbol "\n.hidden " #symbol "\n" \
		".globl " #symbol "_end\n.hidden " #symbol "_end\n" \
		#symbol ":\n.incbin \"" COMPLETIONS file "\"\n" #symbol "_end:\n" \
		".popsection\n"); \
	extern const char symbol[], symbol##_end[] __attribute__((visibility("hidden")))
/* clang-format on */

EMBED(completion_bash, "shmchan.bash");
EMBED(completion_zsh, "shmchan.zsh");
EMBED(completion_fish, "shmchan.fish");

static const struct {
	const char *shell, *text, *end;
} scripts[] = {
	{"bash", completion_bash, completion_bash_end},
	{"zsh", completion_zsh, completion_zsh_end},
	{"fish", completion_fish, completion_fish_end},
};

static const struct cli_option options[] = {CLI_COMMON, CLI_END};

static int completion(int n, char **operand)
{
	const char *shell = operand[n - 1];

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (!strcmp(scripts[i].shell, shell))
			return ctl_write(
				scripts[i].text, (size_t)(scripts[i].end - scripts[i].text));
	cli_usage("no completion for '%s'; there are bash, zsh and fish", shell);
}

const struct ctl_verb ctl_verb_completion = {
	.tool =
		{
			.name = "chanctl completion",
			.usage = "[OPTIONS] bash|zsh|fish",
			.summary = "Print the shell's completion script for all the tools.",
			.notes = "Bash, for this session: source <(chanctl completion bash)",
			.options = options,
		},
	.min = 1,
	.max = 1,
	.run = completion,
};
