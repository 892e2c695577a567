/* SPDX-License-Identifier: MIT */
/* What the errors of the library become: an exit status, and what to do. */
#include "common/failure.h"
#include "support/suite.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

START_TEST(should_give_each_error_its_exit_status)
{
	static const struct {
		int err, status;
	} table[] = {
		{0, 0},
		{-ENOENT, 3},
		{-EACCES, 4},
		{-EPERM, 4},
		{-EAGAIN, 5},
		{-EPIPE, 6},
		{-EMSGSIZE, 7},
		{-EBADMSG, 9},
		{-EPROTONOSUPPORT, 9},
		{-EPROTOTYPE, 9},
		{-EXDEV, 9},
		{-ETIMEDOUT, 124},
		{-EINVAL, 2},
		{-ENOSPC, 1},
		{-EUSERS, 1},
		{-EBUSY, 1},
		{-EIO, 1},
		{-ENOMEM, 1},
	};

	for (size_t i = 0; i < COUNT(table); i++)
		ck_assert_int_eq(cli_exit_code(table[i].err), table[i].status);
}
END_TEST

START_TEST(should_say_what_to_do_where_something_can_be_done)
{
	ck_assert_ptr_nonnull(strstr(cli_remedy(-ENOENT), "chanctl create"));
	ck_assert_ptr_null(cli_remedy(-EIO));
}
END_TEST

void add_tests(void)
{
	GROUP("failure", NULL, NULL, should_give_each_error_its_exit_status,
		should_say_what_to_do_where_something_can_be_done);
}
