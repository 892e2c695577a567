/* SPDX-License-Identifier: MIT */
/*
 * See store.h.  A file without a name (O_TMPFILE) is written, and then linked.  Where the
 * file system has no such files, the file has a random name that starts with a dot, and is
 * renamed.
 */
#include "recv/store.h"
#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

struct store {
	int fd;
	const char *name;
};

/* A file being written; `name` is empty if it has none yet. */
struct draft {
	int fd;
	char name[32];
};

int store_open(struct store **ret, const char *dir)
{
	struct store *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->name = dir;
	s->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0) {
		int err = -errno;

		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

const char *store_name(const struct store *s)
{
	return s->name;
}

static int random_name(char name[32])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	snprintf(name, 32, ".chanrecv.%016" PRIx64, random);
	return 0;
}

static int open_draft(const struct store *s, struct draft *d)
{
	d->name[0] = '\0';
	d->fd = openat(s->fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (d->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	do {
		int err = random_name(d->name);

		if (err)
			return err;
		d->fd = openat(s->fd, d->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	} while (d->fd < 0 && errno == EEXIST);
	return d->fd < 0 ? -errno : 0;
}

/* Link the draft to this name, if no file has it. */
static int link_draft(const struct store *s, const struct draft *d, const char *name)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", d->fd);
	return linkat(AT_FDCWD, path, s->fd, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* Give the draft its name.  If a file has the name already, from an earlier delivery or from
 * another program, it is replaced: the message is kept nowhere else. */
static int publish(const struct store *s, struct draft *d, const char *name)
{
	int err;

	if (!d->name[0]) {
		err = link_draft(s, d, name);
		if (err != -EEXIST)
			return err;
		err = random_name(d->name);
		if (!err)
			err = link_draft(s, d, d->name);
		if (err) {
			d->name[0] = '\0';
			return err;
		}
	}
	return renameat(s->fd, d->name, s->fd, name) ? -errno : 0;
}

int store_put(const struct store *s, const char *channel, int64_t created, uint64_t seq,
	const void *data, size_t len)
{
	char name[NAME_MAX + 1];
	struct draft d;
	int err, n = snprintf(
			 name, sizeof(name), "%s.%" PRId64 ".%012" PRIu64, channel, created, seq);

	if (n < 0 || (size_t)n >= sizeof(name))
		return -ENAMETOOLONG;
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '+';
	err = open_draft(s, &d);
	if (err)
		return err;
	err = cli_write(d.fd, data, len, NULL);
	if (!err && fsync(d.fd))
		err = -errno;
	if (!err)
		err = publish(s, &d, name);
	if (err && d.name[0])
		unlinkat(s->fd, d.name, 0);
	if (close(d.fd) && !err)
		err = -errno;
	return err;
}

int store_sync(const struct store *s)
{
	return fsync(s->fd) ? -errno : 0;
}
