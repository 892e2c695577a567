/* SPDX-License-Identifier: MIT */
/* The model is in lag.h. */
#include "channel/lag.h"

#include <stdbool.h>

#define LAG 4000u /* ns; 2 to 16 us give the same to a stream */
#define CYCLES 8u /* of a trial, and as many before it */
#define REST_MIN 16u
#define REST_MAX 4096u
#define BROKEN (16 * (int64_t)LAG) /* ns: something else interrupted this cycle */

enum phase { REST, BEFORE, TRIAL };

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

void lag_init(struct lag *lag)
{
	*lag = (struct lag){0};
	atomic_init(&lag->left, REST_MIN);
	atomic_init(&lag->rest, REST_MIN);
}

void lag_interrupt(struct lag *lag)
{
	store(&lag->since, 0);
}

/* Return how long a wait of the phase stays away, ns. */
static uint32_t applied_in(const struct lag *lag, uint32_t phase)
{
	uint32_t chosen = load(&lag->chosen);

	return phase == TRIAL ? LAG - chosen : chosen;
}

static void enter(struct lag *lag, enum phase phase, uint32_t cycles)
{
	store(&lag->phase, phase);
	store(&lag->left, cycles);
	store(&lag->poor, 0);
}

/* Stay with `chosen` until the next trial: soon if this one found something better. */
static void settle(struct lag *lag, uint32_t chosen, bool better)
{
	uint32_t rest = better ? REST_MIN : 2 * load(&lag->rest);

	rest = rest < REST_MIN ? REST_MIN : rest > REST_MAX ? REST_MAX : rest;
	store(&lag->rest, rest);
	store(&lag->chosen, chosen);
	enter(lag, REST, rest);
}

static void begin(struct lag *lag)
{
	for (int i = 0; i < 2; i++) {
		store(&lag->bytes[i], 0);
		store(&lag->ns[i], 0);
	}
	enter(lag, BEFORE, CYCLES);
}

static double rate(const struct lag *lag, int i)
{
	return (double)load(&lag->bytes[i]) / (double)(load(&lag->ns[i]) + 1);
}

/* To lag has to give an eighth more, because it delays what comes; not to lag, only as
 * much. */
static void decide(struct lag *lag)
{
	uint32_t chosen = load(&lag->chosen), tried = LAG - chosen;
	bool better = rate(lag, 1) >= rate(lag, 0) * (tried ? 1.125 : 1);

	settle(lag, better ? tried : chosen, better);
}

/* A lagged wait found `bytes`.  Returns true if that was the second in a row for
 * nothing. */
static bool in_vain(struct lag *lag, uint64_t bytes)
{
	uint32_t poor = bytes < 2 * load(&lag->plain) ? load(&lag->poor) + 1 : 0;

	store(&lag->poor, poor);
	return poor >= 2;
}

uint32_t lag_next(struct lag *lag, int64_t now, uint64_t position)
{
	int64_t since = load(&lag->since), ns = now - since;
	uint64_t bytes = position - load(&lag->position);
	uint32_t phase = load(&lag->phase), left = load(&lag->left),
		 applied = applied_in(lag, phase);

	store(&lag->since, now);
	store(&lag->position, position);
	if (since == 0 || ns < 0 || ns > BROKEN)
		return applied;
	if (applied && in_vain(lag, bytes)) {
		settle(lag, 0, false);
		return 0;
	}
	if (phase != REST) {
		int i = phase == TRIAL;

		store(&lag->bytes[i], load(&lag->bytes[i]) + bytes);
		store(&lag->ns[i], load(&lag->ns[i]) + ns);
	}
	if (left > 1) {
		store(&lag->left, left - 1);
		return applied;
	}
	if (phase == REST) {
		begin(lag);
	} else if (phase == BEFORE) {
		if (!applied)
			store(&lag->plain, load(&lag->bytes[0]) / CYCLES);
		enter(lag, TRIAL, CYCLES);
	} else {
		decide(lag);
	}
	return applied_in(lag, load(&lag->phase));
}
