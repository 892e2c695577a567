/* SPDX-License-Identifier: MIT */
/* The model is in guard_file.h. */
#include "segment/guard_file.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t guard_mark(uint64_t id, uint64_t ino)
{
	/* An odd factor, so that different files have different marks. */
	uint64_t mark = id ^ (ino * UINT64_C(0x9e3779b97f4a7c15));

	return mark ? mark : 1;
}

/* Map the file, at `over` if that is not NULL.  A child that is forked meanwhile must see
 * none of it: see descriptor.h. */
static void *map(int fd, void *over, int prot)
{
	void *at;
	int err;

	descriptors_lock();
	at = mmap(over, GUARD_SIZE, prot, MAP_SHARED | (over ? MAP_FIXED : 0), fd, 0);
	err = errno;
	if (at != MAP_FAILED)
		madvise(at, GUARD_SIZE, MADV_DONTFORK);
	descriptors_unlock();
	errno = err;
	return at;
}

/* ---- chand ---- */

/* Fill a file that has no name yet. */
static int fill(struct guard_file *f, int fd)
{
	struct stat st;
	uint64_t id;
	int err;

	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != (ssize_t)sizeof(id))
		return -EAGAIN;
	err = -posix_fallocate(fd, 0, GUARD_SIZE);
	if (err < 0)
		return err;
	if (fstat(fd, &st) < 0)
		return -errno;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->guard = map(fd, NULL, PROT_READ | PROT_WRITE);
	if (f->guard == MAP_FAILED)
		return -errno;
	err = guard_hold(f->guard, id);
	if (err < 0)
		munmap(f->guard, GUARD_SIZE);
	return err;
}

static int publish(const struct guard_file *f, int fd)
{
	char self[64];

	if (fchmod(fd, 0444) < 0)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (unlink(f->path) < 0 && errno != ENOENT)
		return -errno;
	return linkat(AT_FDCWD, self, AT_FDCWD, f->path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int guard_file_make(struct guard_file *ret, uid_t owner)
{
	struct descriptor file = {.fd = -1};
	struct guard_file f = {.guard = NULL};
	int err = descriptor_open(&file, NAMES_DIR, O_TMPFILE | O_RDWR, 0600);

	if (err < 0)
		return err;
	name_guard(f.path, owner);
	err = fill(&f, file.fd);
	if (err == 0) {
		err = publish(&f, file.fd);
		if (err < 0) {
			guard_release(f.guard);
			munmap(f.guard, GUARD_SIZE);
		}
	}
	descriptor_close(&file);
	if (err == 0)
		*ret = f;
	return err;
}

void guard_file_remove(struct guard_file *f)
{
	struct stat st;

	if (!f->guard)
		return;
	guard_release(f->guard);
	munmap(f->guard, GUARD_SIZE);
	f->guard = NULL;
	if (lstat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino)
		unlink(f->path);
}

/* ---- sleepers ---- */

/* Read the guard, and check whose it is.  Returns 0, -ENOENT, or an error that may pass. */
static int examine(int fd, uid_t owner, uint64_t ino, uint64_t mark, struct guard_view *ret)
{
	struct guard copy;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != owner || st.st_mode & 0022 ||
		st.st_size != (off_t)sizeof(copy))
		return -ENOENT;
	n = pread(fd, &copy, sizeof(copy), 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(copy) && guard_examine(&copy, ret) &&
			       guard_mark(copy.id, ino) == mark
		       ? 0
		       : -ENOENT;
}

int guard_file_map(struct guard_view *view, uid_t owner, uint64_t ino, uint64_t mark)
{
	struct descriptor file = {.fd = -1};
	char path[NAMES_GUARD_SIZE];
	struct guard_view is;
	int before, err;
	void *at;

	name_guard(path, owner);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = descriptor_open(&file, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (err == -EACCES || err == -ELOOP)
		err = -ENOENT;
	if (err == 0) {
		err = examine(file.fd, owner, ino, mark, &is);
		if (err == 0) {
			at = map(file.fd, (void *)(uintptr_t)view->page, PROT_READ);
			if (at == MAP_FAILED)
				err = -errno;
			else
				is.page = at;
		}
		descriptor_close(&file);
	}
	pthread_setcancelstate(before, &before);
	if (err == 0)
		*view = is;
	return err;
}

void guard_file_unmap(struct guard_view *view)
{
	if (view->page)
		munmap((void *)(uintptr_t)view->page, GUARD_SIZE);
	view->page = NULL;
}
