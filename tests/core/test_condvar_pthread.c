/* SPDX-License-Identifier: MIT */
/* test_condvar.c on the reference, pthread_cond_t, whatever the build's is: compiled
 * into this program under other names. */
#undef CHAN_CONDVAR_PTHREAD
#define CHAN_CONDVAR_PTHREAD 1
#define cond_init reference_init
#define cond_wait reference_wait
#define cond_wake reference_wake
#define cond_broadcast reference_broadcast
#define cond_nudge reference_nudge

#include "../../lib/core/condvar_pthread.c"
#include "test_condvar.c"
