/* SPDX-License-Identifier: MIT */
/* The old names of tests/support, until the last test has moved there. */
#ifndef TESTS_LIB_SUPPORT_H
#define TESTS_LIB_SUPPORT_H

#include "support/await.h"
#include "support/channel.h"

#include <check.h>
#include <stdbool.h>

#define name_setup channel_setup
#define name_teardown channel_teardown

int run_suite(Suite *s);

#endif
