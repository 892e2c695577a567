/* SPDX-License-Identifier: MIT */
/*
 * The file of a guard: whose it is, what of it is believed, and that it is replaced and
 * removed.  It is that of this user's chand: where one runs, this is not tried.
 */
#include "segment/guard_file.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INO = 4711 };

static struct guard_file file;
static struct guard_view view;
static uid_t owner;

static void setup(void)
{
	owner = geteuid();
	view = (struct guard_view){.page = NULL};
	ck_assert_int_eq(guard_file_make(&file, owner), 0);
}

static void teardown(void)
{
	guard_file_unmap(&view);
	guard_file_remove(&file);
	ck_assert_int_lt(access(file.path, F_OK), 0);
}

static int map_it(void)
{
	return guard_file_map(&view, owner, INO, guard_mark(file.guard->id, INO));
}

START_TEST(should_be_mapped_by_those_that_have_its_mark)
{
	ck_assert_int_eq(map_it(), 0);
	ck_assert_uint_eq(view.id, file.guard->id);
	ck_assert_ptr_nonnull(view.page);
}
END_TEST

START_TEST(should_be_read_only)
{
	struct stat st;

	ck_assert_int_eq(stat(file.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0444);
	ck_assert_uint_eq(st.st_uid, owner);
}
END_TEST

START_TEST(should_not_be_that_of_another_segment)
{
	ck_assert_int_eq(
		guard_file_map(&view, owner, INO + 1, guard_mark(file.guard->id, INO)), -ENOENT);
	ck_assert_int_eq(
		guard_file_map(&view, owner, INO, guard_mark(file.guard->id + 1, INO)), -ENOENT);
	ck_assert_ptr_null(view.page);
}
END_TEST

START_TEST(should_have_a_mark_for_each_segment)
{
	ck_assert_uint_ne(guard_mark(1, 1), guard_mark(1, 2));
	ck_assert_uint_ne(guard_mark(1, 1), guard_mark(2, 1));
	/* It is never the one of a channel that is not watched. */
	ck_assert_uint_ne(guard_mark(INO * UINT64_C(0x9e3779b97f4a7c15), INO), 0);
}
END_TEST

/* Anybody may take the name first; then it belongs to somebody else, or is no plain file. */
START_TEST(should_not_be_believed_if_others_may_have_written_it)
{
	char path[NAMES_GUARD_SIZE];

	name_guard(path, owner);
	ck_assert_int_eq(chmod(path, 0464), 0);
	ck_assert_int_eq(map_it(), -ENOENT);
	ck_assert_int_eq(chmod(path, 0446), 0);
	ck_assert_int_eq(map_it(), -ENOENT);
	ck_assert_int_eq(chmod(path, 0444), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_int_eq(map_it(), -ENOENT);
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	ck_assert_int_eq(map_it(), 0);
}
END_TEST

START_TEST(should_not_be_believed_behind_a_link_or_with_another_size)
{
	char path[NAMES_GUARD_SIZE], other[NAMES_GUARD_SIZE + 2];
	int fd;

	name_guard(path, owner);
	snprintf(other, sizeof(other), "%s.x", path);
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(map_it(), -ENOENT);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(map_it(), -ENOENT);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0444), 0);
	ck_assert_int_eq(map_it(), -ENOENT);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rename(other, path), 0);
	ck_assert_int_eq(map_it(), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, GUARD_SIZE + 1), 0);
	close(fd);
	ck_assert_int_eq(map_it(), -ENOENT);
}
END_TEST

static int make_and_die(void *arg)
{
	(void)arg;
	return guard_file_make(&file, owner) == 0 ? 0 : 1;
}

START_TEST(should_replace_that_of_a_dead_chand)
{
	const unsigned char *before;
	struct guard_view dead;

	ck_assert_int_eq(map_it(), 0);
	before = view.page;
	guard_file_remove(&file);
	ck_assert_int_eq(wait_child(in_child(make_and_die, NULL)), 0);
	ck_assert(access(file.path, F_OK) == 0);
	ck_assert(!guard_examine((const struct guard *)(const void *)before, &dead));
	ck_assert_int_eq(guard_file_make(&file, owner), 0);
	ck_assert_int_eq(map_it(), 0);
	ck_assert_ptr_eq(view.page, before); /* where the one before was */
	ck_assert_uint_eq(view.id, file.guard->id);
}
END_TEST

START_TEST(should_leave_another_file_of_its_name)
{
	struct guard_file second;

	ck_assert_int_eq(guard_file_make(&second, owner), 0);
	guard_file_remove(&file);
	ck_assert_int_eq(access(second.path, F_OK), 0);
	file = second;
	ck_assert_int_eq(map_it(), 0);
}
END_TEST

/* A sleeper does not touch what it mapped. */
START_TEST(should_harm_no_sleeper_that_is_cut_off)
{
	struct layout_cond cond;
	struct guard_place place = {.which = 5};
	struct cond_word word;
	char path[NAMES_GUARD_SIZE];
	int fd;

	name_guard(path, owner);
	ck_assert_int_eq(cond_init(&cond), 0);
	ck_assert_int_eq(map_it(), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	place.view = view;
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	word = cond_word(&cond, cond_arm(&cond));
	ck_assert_int_eq(guard_sleep(&place, 1, &word, 1, INT64_MAX), 0);
	ck_assert(place.gone);
	ck_assert_int_eq(ftruncate(fd, GUARD_SIZE), 0);
	close(fd);
}
END_TEST

void add_tests(void)
{
	char path[NAMES_GUARD_SIZE];
	struct guard_file made;

	if (CONDVAR_KIND != LAYOUT_CONDVAR_FUTEX || THREAD_SANITIZER || place_is_wrapped()) {
		not_tried("the guard is for futexes, and what runs here does not know its call");
		return;
	}
	name_guard(path, geteuid());
	if (access(path, F_OK) == 0) {
		not_tried("this user has a chand, whose guard it is");
		return;
	}
	if (guard_file_make(&made, geteuid()) < 0) {
		not_tried("no futex_waitv(2)");
		return;
	}
	guard_file_remove(&made);
	GROUP("guard file", setup, teardown, should_be_mapped_by_those_that_have_its_mark,
		should_be_read_only, should_not_be_that_of_another_segment,
		should_have_a_mark_for_each_segment,
		should_not_be_believed_if_others_may_have_written_it,
		should_not_be_believed_behind_a_link_or_with_another_size,
		should_replace_that_of_a_dead_chand, should_leave_another_file_of_its_name,
		should_harm_no_sleeper_that_is_cut_off);
}
