/* SPDX-License-Identifier: MIT */
/* See conclude.h. */
#include "recv/conclude.h"

#include <inttypes.h>

#include "common/message.h"
#include "common/status.h"

#define GO_ON " ('chanctl resume' lets it go on)"

int conclude(const struct run *run, const struct receiver *receivers, int count)
{
	const char *name = count == 1 ? receivers[0].name : NULL;
	uint64_t got = run_received(run), limit = run->options->limit;
	enum outcome worst = STOPPED;
	int status = CLI_OK;
	bool paused = false;

	cli_note(name, "received %" PRIu64 " messages, %" PRIu64 " bytes", got, run_bytes(run));
	if (run_lost(run))
		cli_note(name, "lost %" PRIu64 " messages", run_lost(run));
	for (int i = 0; i < count; i++) {
		const struct receiver *r = &receivers[i];

		if (r->outcome > worst)
			worst = r->outcome;
		if (r->outcome == FAILED && !status)
			status = r->status;
	}
	if (status || got == limit)
		return status;
	switch (worst) {
	case TIMED_OUT:
		for (int i = 0; i < count && !paused; i++)
			paused = receiver_is_paused(&receivers[i]);
		cli_warn(name, "timed out after %" PRIu64 " messages%s", got,
			paused ? "; it is paused" GO_ON : "");
		return CLI_TIMEOUT;
	case PAUSED:
		cli_warn(
			name, "paused after %" PRIu64 " messages, and some are left%s", got, GO_ON);
		return CLI_WOULD_BLOCK;
	case EMPTY:
		if (run->options->peek || (got && limit == UINT64_MAX))
			return CLI_OK;
		cli_warn(name, "empty after %" PRIu64 " messages", got);
		return CLI_WOULD_BLOCK;
	case DRAINED:
		if (limit == UINT64_MAX)
			return CLI_OK;
		cli_warn(name, "drained after %" PRIu64 " of %" PRIu64 " messages", got, limit);
		return CLI_WOULD_BLOCK;
	case ENDED:
		if (limit == UINT64_MAX)
			return CLI_OK;
		cli_error(name, "closed after %" PRIu64 " of %" PRIu64 " messages", got, limit);
		return CLI_CLOSED;
	default:
		return CLI_OK;
	}
}
