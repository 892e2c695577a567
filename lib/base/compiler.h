/* SPDX-License-Identifier: MIT */
#ifndef CHAN_COMPILER_H
#define CHAN_COMPILER_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* For a function that every message passes through: it is compiled into its caller.  A
 * quarter of the time of a small message was calls. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* For a function that few calls reach: it stays out of its caller's way. */
#define OUT_OF_LINE __attribute__((cold, noinline))

/* For the long way of a function that also has a short one: apart from it, the short one
 * saves no registers. */
#define LONG_WAY __attribute__((noinline))

/* Make the compiler forget what it knows of a variable, as that it equals another one. */
#define APART(variable) __asm__("" : "+r"(variable))

#endif
