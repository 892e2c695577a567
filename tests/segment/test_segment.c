/* SPDX-License-Identifier: MIT */
/* Segments by themselves: they appear complete or not at all, are mapped twice in a
 * row, are opened only when they are what they say, and leave nothing. */
#include "kind/options.h"
#include "segment/segment.h"

#include "support/channel.h"
#include "support/process.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct segment s;
static struct chan_options full;
static struct geometry g;
static int fds, maps;

/* For segment_begin() or segment_open(). */
static struct segment *at_name(struct segment *ret)
{
	*ret = (struct segment){.own.fd = -1};
	ck_assert_int_eq(segment_resolve(name, &ret->path), 0);
	return ret;
}

static int remove_name(void)
{
	return segment_unlink(&s.path);
}

static void forget(void)
{
}

static void setup(void)
{
	channel_setup();
	ck_assert_int_eq(descriptors_prepare(forget), 0);
	ck_assert_int_eq(options_resolve(OPTIONS(.capacity = 8192, .endpoints = 5), &full, &g), 0);
	fds = count_descriptors();
	maps = count_mappings();
	ck_assert_int_eq(segment_begin(at_name(&s)), 0);
	ck_assert_int_eq(segment_fill(&s, &full, &g), 0);
}

static void teardown(void)
{
	segment_close(&s);
	ck_assert_int_eq(count_descriptors(), fds);
	ck_assert_int_eq(count_mappings(), maps);
	remove_name();
	ck_assert_int_eq(segment_exists(name), -ENOENT);
}

static void publish(void)
{
	ck_assert_int_eq(segment_publish(&s, 0640), 0);
}

START_TEST(should_have_no_name_before_it_is_published)
{
	struct segment other;

	ck_assert_int_eq(segment_exists(name), -ENOENT);
	ck_assert_int_eq(segment_open(at_name(&other), true), -ENOENT);
	ck_assert_int_eq(s.layout->header.magic, 0);
	ck_assert(!segment_named(&s));
	publish();
	ck_assert_int_eq(segment_exists(name), 0);
	ck_assert_int_eq(s.layout->header.magic, LAYOUT_MAGIC);
	ck_assert(segment_named(&s));
}
END_TEST

START_TEST(should_give_a_name_once_with_the_mode_and_all_its_memory)
{
	struct segment second;
	struct stat st;
	mode_t before = umask(0777);

	publish();
	umask(before);
	ck_assert_int_eq(stat(segment_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(st.st_size, (off_t)g.size);
	ck_assert_int_ge(st.st_blocks * 512, (off_t)g.size);
	ck_assert_int_eq(segment_begin(at_name(&second)), 0);
	ck_assert_int_eq(segment_fill(&second, &full, &g), 0);
	ck_assert_int_eq(segment_publish(&second, 0600), -EEXIST);
	ck_assert(segment_named(&s));
	segment_close(&second);
}
END_TEST

START_TEST(should_map_the_ring_twice_in_a_row)
{
	struct segment other;

	publish();
	ck_assert_int_eq(segment_open(at_name(&other), true), 0);
	ck_assert_ptr_eq(other.ring, (unsigned char *)other.layout + g.ring_offset);
	for (size_t i = 0; i < g.capacity; i += 511) {
		s.ring[i] = (unsigned char)(i / 511 + 1);
		ck_assert_uint_eq(s.ring[g.capacity + i], s.ring[i]);
		ck_assert_uint_eq(other.ring[i], s.ring[i]);
	}
	other.ring[2 * g.capacity - 1] = 77;
	ck_assert_uint_eq(s.ring[g.capacity - 1], 77);
	segment_close(&other);
}
END_TEST

START_TEST(should_read_back_what_it_was_made_with)
{
	struct segment other;

	publish();
	ck_assert_int_eq(segment_open(at_name(&other), true), 0);
	ck_assert(other.writable);
	ck_assert_uint_eq(other.header.format, LAYOUT_FORMAT);
	ck_assert_uint_eq(other.header.abi, LAYOUT_ABI);
	ck_assert_uint_eq(other.header.overflow, full.overflow);
	ck_assert_uint_eq(other.header.lifetime, full.lifetime);
	ck_assert_uint_eq(other.geometry.capacity, g.capacity);
	ck_assert_uint_eq(other.geometry.ring_offset, g.ring_offset);
	ck_assert_uint_eq(other.geometry.size, g.size);
	ck_assert_uint_eq(other.geometry.max_message, g.max_message);
	ck_assert_uint_eq(other.geometry.endpoints, g.endpoints);
	/* The header is a copy: what is written to the segment later is not believed. */
	s.layout->header.capacity = UINT64_MAX;
	ck_assert_uint_eq(other.header.capacity, g.capacity);
	segment_close(&other);
}
END_TEST

/* Returns true if this byte may be written: the kernel says so without a signal. */
static bool writable(void *byte)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, byte, 1);

	ck_assert(n == 1 || (n < 0 && errno == EFAULT));
	close(fd);
	return n == 1;
}

START_TEST(should_not_be_writable_when_opened_to_read)
{
	struct segment other;

	publish();
	ck_assert_int_eq(segment_open(at_name(&other), false), 0);
	ck_assert(!other.writable);
	ck_assert(!writable(other.ring));
	ck_assert(!writable(other.ring + g.capacity));
	ck_assert(!writable(&other.layout->control));
	ck_assert(writable(s.ring));
	s.ring[1] = 77;
	ck_assert_uint_eq(other.ring[1], 77);
	segment_close(&other);
}
END_TEST

static int is_mapped(void *arg)
{
	return writable(arg);
}

/* MADV_DONTFORK: the parent's mapping would keep its locks alive in a child. */
START_TEST(should_not_be_mapped_in_a_child)
{
	publish();
	ck_assert_int_eq(wait_child(in_child(is_mapped, s.ring)), 0);
	ck_assert_int_eq(wait_child(in_child(is_mapped, s.ring + g.capacity)), 0);
	ck_assert(writable(s.ring)); /* here it is */
}
END_TEST

/* What is at its place must be a whole segment of the right owner. */
START_TEST(should_refuse_a_file_that_is_no_sound_segment)
{
	struct segment other;
	int fd;

	publish();
	ck_assert_int_eq(descriptor_open(&at_name(&other)->own, "/dev/null", O_RDWR, 0), 0);
	ck_assert_int_eq(segment_adopt(&other), -EPERM);
	ck_assert_int_eq(descriptor_open(&at_name(&other)->own, segment_path, O_RDWR, 0), 0);
	fd = other.own.fd;
	other.path.owner++;
	ck_assert_int_eq(segment_adopt(&other), -EPERM);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* it took it */
	ck_assert_int_eq(truncate(segment_path, (off_t)g.size + 4096), 0);
	ck_assert_int_eq(segment_open(at_name(&other), true), -EBADMSG);
	ck_assert_int_eq(truncate(segment_path, 100), 0);
	ck_assert_int_eq(segment_open(at_name(&other), true), -EBADMSG);
	ck_assert_int_eq(truncate(segment_path, 0), 0);
	ck_assert_int_eq(segment_open(at_name(&other), true), -EBADMSG);
	unlink(segment_path);
	ck_assert_int_eq(mkdir(segment_path, 0700), 0);
	ck_assert_int_eq(segment_open(at_name(&other), true), -EPERM);
	ck_assert_int_eq(rmdir(segment_path), 0);
	ck_assert_int_eq(symlink("/dev/null", segment_path), 0);
	ck_assert_int_eq(segment_open(at_name(&other), true), -EPERM);
	ck_assert_int_eq(unlink(segment_path), 0);
	ck_assert_int_eq(mkfifo(segment_path, 0600), 0);
	ck_assert_int_eq(segment_open(at_name(&other), true), -EPERM);
}
END_TEST

START_TEST(should_know_whether_the_name_still_leads_to_it)
{
	struct segment second;

	publish();
	ck_assert_int_eq(remove_name(), 0);
	ck_assert(!segment_named(&s));
	ck_assert_int_eq(remove_name(), -ENOENT);
	ck_assert_int_eq(segment_begin(at_name(&second)), 0);
	ck_assert_int_eq(segment_fill(&second, &full, &g), 0);
	ck_assert_int_eq(segment_publish(&second, 0600), 0);
	ck_assert(!segment_named(&s));
	ck_assert(segment_named(&second));
	segment_close(&second);
}
END_TEST

static int found;

static int find(const char *channel, void *arg)
{
	found += !strcmp(channel, arg);
	return found ? 4711 : 0;
}

START_TEST(should_be_listed_by_its_name_until_it_is_removed)
{
	char squatter[300];

	ck_assert_int_eq(segment_list(find, name), 0);
	publish();
	ck_assert_int_eq(segment_list(find, name), 4711); /* what fn says ends it */
	ck_assert_int_eq(found, 1);
	ck_assert_int_eq(remove_name(), 0);
	found = 0;
	ck_assert_int_eq(segment_list(find, name), 0);
	/* A file whose name is none of a channel. */
	snprintf(squatter, sizeof(squatter), "%s with blanks", segment_path);
	ck_assert_int_eq(close(open(squatter, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	ck_assert_int_eq(segment_list(find, name), 0);
	ck_assert_int_eq(found, 0);
	unlink(squatter);
}
END_TEST

START_TEST(should_know_whose_a_name_is)
{
	char mine[100], theirs[100];
	struct segment_path path;

	snprintf(mine, sizeof(mine), "%u/%s", (unsigned)geteuid(), name);
	snprintf(theirs, sizeof(theirs), "%u/%s", (unsigned)geteuid() + 7, name);
	ck_assert_int_eq(segment_resolve(name, &path), 0);
	ck_assert(!path.foreign && path.owner == geteuid());
	ck_assert_int_eq(segment_resolve(mine, &path), 0);
	ck_assert(!path.foreign && path.owner == geteuid());
	ck_assert_str_eq(path.file, segment_path);
	ck_assert_int_eq(segment_resolve(NULL, &path), -EINVAL);
	ck_assert_int_eq(segment_resolve("7/no/name", &path), -EINVAL);
	ck_assert_int_eq(segment_resolve("a bad name", &path), -EINVAL);
	ck_assert_int_eq(segment_resolve(theirs, &path), 0);
	ck_assert(path.foreign);
	ck_assert_uint_eq(path.owner, geteuid() + 7);
	ck_assert_str_eq(segment_base(&path), name);
	publish();
	ck_assert_int_eq(segment_exists(mine), 0);
	ck_assert_int_eq(segment_exists(theirs), -ENOENT);
}
END_TEST

void add_tests(void)
{
	GROUP("segment", setup, teardown, should_have_no_name_before_it_is_published,
		should_give_a_name_once_with_the_mode_and_all_its_memory,
		should_map_the_ring_twice_in_a_row, should_read_back_what_it_was_made_with,
		should_not_be_writable_when_opened_to_read, should_not_be_mapped_in_a_child,
		should_refuse_a_file_that_is_no_sound_segment,
		should_know_whether_the_name_still_leads_to_it,
		should_be_listed_by_its_name_until_it_is_removed, should_know_whose_a_name_is);
}
