/* SPDX-License-Identifier: MIT */
/* The model is in spin.h. */
#include "channel/spin.h"

#include "base/clock.h"
#include "core/cpu.h"

#define SPIN_START 20000u
#define SPIN_MAX 50000u
#define SPIN_MIN 1000u
#define SPINS_A_LOOK 16 /* looks between two at the clock */

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

void spin_init(struct spin *spin)
{
	atomic_init(&spin->budget, SPIN_START);
	lag_init(&spin->lag);
}

/* Learn whether it paid, or would have paid, to spin as long as that. */
static void learn(struct spin *spin, bool paid)
{
	uint32_t budget = load(&spin->budget);

	budget = paid ? budget * 2 : budget / 2;
	store(&spin->budget, budget > SPIN_MAX ? SPIN_MAX : budget < SPIN_MIN ? SPIN_MIN : budget);
}

bool spin_until(struct spin *spin, bool (*changed)(struct chan *, uint64_t), struct chan *ch,
	uint64_t seen, bool lags)
{
	uint32_t budget = load(&spin->budget);
	int64_t start = clock_monotonic(), now = start;
	uint32_t lag = lags ? lag_next(&spin->lag, start, seen) : 0;
	bool found = false;

	while (now < start + lag) {
		cpu_relax();
		now = clock_monotonic();
	}
	do {
		for (int i = 0; i < SPINS_A_LOOK && !found; i++) {
			cpu_relax();
			found = changed(ch, seen);
		}
		now = clock_monotonic();
	} while (!found && now < start + budget);
	if (found)
		learn(spin, true);
	else
		lag_interrupt(&spin->lag);
	return found;
}

void spin_slept(struct spin *spin, int64_t ns)
{
	learn(spin, ns < SPIN_MAX);
}
