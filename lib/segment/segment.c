/* SPDX-License-Identifier: MIT */
/* The model is in segment.h. */
#define _GNU_SOURCE 1
#include "segment/segment.h"

#include "base/clock.h"
#include "base/names.h"
#include "core/condvar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_SIZE (sizeof(NAMES_DIR "/") + NAMES_FILE_SIZE)

#ifdef __GLIBC__
#define THIS_LIBC LAYOUT_LIBC_GLIBC
#else
#define THIS_LIBC LAYOUT_LIBC_OTHER
#endif

/* ---- names ---- */

static int owner_uid(const char *owner, size_t len, uid_t *ret)
{
	char name[256], buf[4096], *end;
	struct passwd pw, *found;
	unsigned long n;

	if (len == 0 || len >= sizeof(name))
		return -EINVAL;
	memcpy(name, owner, len);
	name[len] = 0;
	if (strspn(name, "0123456789") == len) {
		errno = 0;
		n = strtoul(name, &end, 10);
		if (errno || n >= UINT32_MAX)
			return -EINVAL;
		*ret = (uid_t)n;
		return 0;
	}
	if (getpwnam_r(name, &pw, buf, sizeof(buf), &found) || !found)
		return -ENOENT;
	*ret = pw.pw_uid;
	return 0;
}

struct path {
	uid_t owner;
	char file[PATH_SIZE]; /* NAMES_DIR "/" and the file */
};

/* What shm_open() and shm_unlink() call it. */
static const char *object(const struct path *p)
{
	return p->file + strlen(NAMES_DIR);
}

static int resolve(const char *name, struct path *ret)
{
	const char *slash = name ? strchr(name, '/') : NULL;
	const char *base = slash ? slash + 1 : name;
	int err;

	if (!name || !name_valid(base))
		return -EINVAL;
	ret->owner = geteuid();
	if (slash) {
		err = owner_uid(name, (size_t)(slash - name), &ret->owner);
		if (err < 0)
			return err;
	}
	memcpy(ret->file, NAMES_DIR "/", strlen(NAMES_DIR "/"));
	name_file(ret->file + strlen(NAMES_DIR "/"), ret->owner, base);
	return 0;
}

bool segment_foreign(const char *name, uid_t *owner, const char **base)
{
	const char *slash = name ? strchr(name, '/') : NULL;
	struct path path;

	if (!slash || resolve(name, &path) < 0 || path.owner == geteuid())
		return false;
	*owner = path.owner;
	*base = slash + 1;
	return true;
}

int segment_exists(const char *name)
{
	struct path path;
	struct stat st;
	int err = resolve(name, &path);

	if (err < 0)
		return err;
	return lstat(path.file, &st) == 0 ? 0 : -errno;
}

int segment_remove(const char *name)
{
	struct path path;
	int err = resolve(name, &path);

	if (err < 0)
		return err;
	return shm_unlink(object(&path)) == 0 ? 0 : -errno;
}

bool segment_named(const struct segment *s, const char *name)
{
	struct path path;
	struct stat there, here;

	return resolve(name, &path) == 0 && lstat(path.file, &there) == 0 &&
	       fstat(s->fd, &here) == 0 && there.st_ino == here.st_ino &&
	       there.st_dev == here.st_dev;
}

/* The channel's name for a file in NAMES_DIR, or false if it is none. */
static bool channel_name(const char *file, char *ret, size_t size)
{
	struct passwd pw, *found;
	const char *name;
	char buf[4096];
	uid_t uid;

	if (!name_of_file(file, &uid, &name))
		return false;
	if (uid == geteuid())
		return snprintf(ret, size, "%s", name) < (int)size;
	if (getpwuid_r(uid, &pw, buf, sizeof(buf), &found) == 0 && found &&
		strspn(pw.pw_name, "0123456789") != strlen(pw.pw_name))
		return snprintf(ret, size, "%s/%s", pw.pw_name, name) < (int)size;
	return snprintf(ret, size, "%u/%s", (unsigned)uid, name) < (int)size;
}

int segment_list(int (*fn)(const char *name, void *arg), void *arg)
{
	char name[256 + CHAN_NAME_MAX + 2];
	struct dirent *entry;
	int result = 0, before;
	DIR *dir;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	dir = opendir(NAMES_DIR);
	if (!dir)
		result = errno == ENOENT ? -EOPNOTSUPP : -errno;
	while (result == 0 && (entry = readdir(dir)))
		if (channel_name(entry->d_name, name, sizeof(name)))
			result = fn(name, arg);
	if (dir)
		closedir(dir);
	pthread_setcancelstate(before, &before);
	return result;
}

/* ---- mapping ---- */

static int map(struct segment *s)
{
	int prot = s->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	size_t offset = s->geometry.ring_offset, capacity = s->geometry.capacity;
	size_t total = offset + 2 * capacity;
	/* Reserve the addresses, then lay the segment and the ring again over
	 * them. */
	unsigned char *base =
		mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return -errno;
	if (mmap(base, offset + capacity, prot, MAP_SHARED | MAP_FIXED, s->fd, 0) == MAP_FAILED ||
		mmap(base + offset + capacity, capacity, prot, MAP_SHARED | MAP_FIXED, s->fd,
			(off_t)offset) == MAP_FAILED ||
		madvise(base, total, MADV_DONTFORK) < 0) {
		int err = -errno;

		munmap(base, total);
		return err;
	}
	s->layout = (struct layout *)(void *)base;
	s->ring = base + offset;
	s->mapped = total;
	return 0;
}

void segment_close(struct segment *s)
{
	if (s->layout)
		munmap(s->layout, s->mapped);
	if (s->fd >= 0)
		close(s->fd);
	s->layout = NULL;
	s->fd = -1;
}

/* ---- making ---- */

static int pid_namespace(uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0)
		return -EOPNOTSUPP;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

/* All the memory now.  Signals wait: an interrupted allocation starts over, and
 * under an interval timer would never end. */
static int allocate(int fd, uint64_t size)
{
	struct statvfs vfs;
	sigset_t all, before;
	int err;

	/* Ask first: to fill /dev/shm just to find out hurts everybody. */
	if (fstatvfs(fd, &vfs) == 0 && vfs.f_blocks && vfs.f_bavail < size / vfs.f_frsize)
		return -ENOSPC;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	do
		err = posix_fallocate(fd, 0, (off_t)size);
	while (err == EINTR);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int segment_begin(struct segment *ret)
{
	int fd = open(NAMES_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == ENOENT || errno == EISDIR ? -EOPNOTSUPP : -errno;
	*ret = (struct segment){.fd = fd, .writable = true};
	return 0;
}

int segment_fill(struct segment *s, const struct chan_options *full, const struct geometry *g)
{
	struct layout_header *h = &s->header;
	int err = pid_namespace(&h->pidns_dev, &h->pidns_ino);

	if (err < 0)
		return err;
	h->format = LAYOUT_FORMAT;
	h->abi = LAYOUT_ABI;
	h->libc = THIS_LIBC;
	h->condvar = CONDVAR_KIND;
	h->segment_size = g->size;
	h->ring_offset = g->ring_offset;
	h->capacity = g->capacity;
	h->max_message = g->max_message;
	h->endpoints = g->endpoints;
	h->kind = full->kind;
	h->overflow = full->overflow;
	h->options = full->flags;
	h->lifetime = full->lifetime;
	h->linger = full->linger;
	h->created = clock_real();
	s->geometry = *g;
	err = allocate(s->fd, g->size);
	if (err == 0)
		err = map(s);
	if (err == 0)
		memcpy(&s->layout->header, h, sizeof(*h)); /* magic is still 0 */
	return err;
}

int segment_publish(struct segment *s, const char *name, mode_t mode)
{
	char self[64];
	struct path path;
	int err = resolve(name, &path);

	if (err < 0)
		return err;
	if (path.owner != geteuid())
		return -EPERM;
	/* Release: all that was written before it.  No opener can be there yet;
	 * it is the mark of a segment, and the last thing written. */
	atomic_store_explicit(&s->layout->header.magic, LAYOUT_MAGIC, memory_order_release);
	if (fchmod(s->fd, mode) < 0)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", s->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path.file, AT_SYMLINK_FOLLOW) < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	return 0;
}

/* ---- opening ---- */

static int check_header(struct segment *s, uint64_t size)
{
	struct layout_header *h = &s->header;
	uint64_t dev, ino;
	int err;

	if (size < sizeof(struct layout) || pread(s->fd, h, sizeof(*h), 0) != (ssize_t)sizeof(*h) ||
		atomic_load_explicit(&h->magic, memory_order_relaxed) != LAYOUT_MAGIC)
		return -EBADMSG;
	if (h->format != LAYOUT_FORMAT)
		return -EPROTONOSUPPORT;
	/* Kinds and options of a newer version. */
	if (h->kind > CHAN_KIND_RENDEZVOUS ||
		h->options & ~(uint32_t)(CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS))
		return -EPROTONOSUPPORT;
	if (h->abi != LAYOUT_ABI || h->libc != THIS_LIBC || h->condvar != CONDVAR_KIND)
		return -EPROTOTYPE;
	err = pid_namespace(&dev, &ino);
	if (err < 0)
		return err;
	if (h->pidns_dev != dev || h->pidns_ino != ino)
		return -EXDEV;
	s->geometry = (struct geometry){
		.capacity = h->capacity,
		.ring_offset = h->ring_offset,
		.size = h->segment_size,
		.max_message = h->max_message,
		.endpoints = h->endpoints,
	};
	if (h->segment_size != size || h->overflow > CHAN_DROP_OLDEST || h->lifetime > CHAN_REF ||
		h->linger > INT64_MAX ||
		(h->kind == CHAN_KIND_RENDEZVOUS && h->overflow == CHAN_DROP_OLDEST))
		return -EBADMSG;
	return options_check(&s->geometry);
}

int segment_adopt(struct segment *ret, int fd, uid_t owner)
{
	struct segment s = {.fd = fd};
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	int err;

	s.writable = (flags & O_ACCMODE) == O_RDWR;
	if (flags < 0 || fstat(s.fd, &st) < 0)
		err = -errno;
	else if (st.st_uid != owner || !S_ISREG(st.st_mode))
		err = -EPERM;
	else
		err = check_header(&s, (uint64_t)st.st_size);
	if (err == 0)
		err = map(&s);
	if (err < 0) {
		segment_close(&s);
		return err;
	}
	*ret = s;
	return 0;
}

static int open_object(const struct path *path, bool write)
{
	int fd = shm_open(object(path), (write ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0);

	if (fd < 0)
		/* Something else has the name.  glibc says EINVAL for a directory. */
		return errno == ELOOP || errno == EISDIR || errno == EINVAL || errno == ENXIO
			       ? -EPERM
			       : -errno;
	return fd;
}

int segment_descriptor(const char *name, bool write)
{
	struct path path;
	int err = resolve(name, &path);

	return err < 0 ? err : open_object(&path, write);
}

int segment_open(struct segment *ret, const char *name, bool write)
{
	struct path path;
	int err = resolve(name, &path), fd;

	if (err < 0)
		return err;
	fd = open_object(&path, write);
	return fd < 0 ? fd : segment_adopt(ret, fd, path.owner);
}
