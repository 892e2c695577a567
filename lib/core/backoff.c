/* SPDX-License-Identifier: MIT */
/* The model is in backoff.h. */
#include "core/backoff.h"

#define PAUSE_MIN 100u	/* ns; a shorter one is none */
#define PAUSES_APART 16 /* waits that are further apart don't disturb each other */

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

static uint32_t longer(uint32_t pause)
{
	pause = pause < PAUSE_MIN ? PAUSE_MIN : 2 * pause;
	return pause < BACKOFF_MAX ? pause : BACKOFF_MAX;
}

static uint32_t shorter(uint32_t pause)
{
	return pause > PAUSE_MIN ? pause / 2 : 0;
}

uint32_t backoff_begin(struct backoff *backoff, int64_t now)
{
	uint32_t pause = load(&backoff->pause), least = pause < PAUSE_MIN ? PAUSE_MIN : pause;
	int64_t since = now - load(&backoff->last);

	pause = since < (int64_t)least * PAUSES_APART ? longer(pause) : shorter(pause);
	store(&backoff->pause, pause);
	return pause;
}

void backoff_end(struct backoff *backoff, int64_t now)
{
	store(&backoff->last, now);
}
