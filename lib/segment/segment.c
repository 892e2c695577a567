/* SPDX-License-Identifier: MIT */
/* The model is in segment.h. */
#include "segment/segment.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/names.h"
#include "base/words.h"
#include "core/condvar.h"
#include "segment/claim.h"

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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* While there is not enough room in /dev/shm: how often to look, ns, and after how many
 * looks that find nothing changed to give up. */
#define ROOM_LOOK_EVERY INT64_C(20000000)
#define UNCHANGED_LOOKS 3

#ifdef __GLIBC__
#define THIS_LIBC LAYOUT_LIBC_GLIBC
#else
#define THIS_LIBC LAYOUT_LIBC_OTHER
#endif

/* Make a system call, again if a signal interrupted it. */
#define retry(call)                                                                                \
	({                                                                                         \
		__typeof__(call) retry_result;                                                     \
		do                                                                                 \
			retry_result = (call);                                                     \
		while (retry_result < 0 && errno == EINTR);                                        \
		retry_result;                                                                      \
	})

/* ---- names ---- */

/* Look up the user of that name: 0, or an error.  Some entries need a large buffer. */
static int user_named(const char *name, uid_t *ret)
{
	struct passwd pw, *found = NULL;
	char small[1024], *buf = small, *grown = NULL;
	size_t size = sizeof(small);
	int err;

	while ((err = getpwnam_r(name, &pw, buf, size, &found)) == ERANGE && size < 1u << 20) {
		size *= 4;
		free(grown);
		buf = grown = malloc(size);
		if (!buf)
			return error_from(TRIED_FIND_USER, ENOMEM);
	}
	if (found)
		*ret = pw.pw_uid;
	free(grown);
	if (found)
		return 0;
	if (err == EMFILE || err == ENFILE || err == ENOMEM)
		return error_from(TRIED_FIND_USER, err);
	return error_because(-ESRCH,
		"there is no user '%.64s' that this program can find; a number always works", name);
}

/* Find the user OWNER of a name, given by number or by name: 0, or an error. */
static int owner_uid(const char *owner, size_t len, uid_t *ret)
{
	char name[256], *end;
	unsigned long n;

	if (len == 0 || len >= sizeof(name))
		return error_because(-EINVAL, "OWNER, in front of '/', is empty or too long");
	memcpy(name, owner, len);
	name[len] = 0;
	if (strspn(name, "0123456789") == len) {
		errno = 0;
		n = strtoul(name, &end, 10);
		if (errno || n >= UINT32_MAX)
			return error_because(
				-EINVAL, "OWNER, in front of '/', is no user's number");
		*ret = (uid_t)n;
		return 0;
	}
	return user_named(name, ret);
}

int segment_resolve(const char *name, struct segment_path *ret)
{
	const char *slash = name ? strchr(name, '/') : NULL;
	const char *base = slash ? slash + 1 : name;
	uid_t self = geteuid();
	int err;

	if (!name || !name_valid(base))
		return error_because(-EINVAL,
			"the name is not NAME or OWNER/NAME, with NAME 1 to %d of "
			"[A-Za-z0-9._-] and no dot in front",
			CHAN_NAME_MAX);
	ret->owner = self;
	if (slash) {
		err = owner_uid(name, (size_t)(slash - name), &ret->owner);
		if (err < 0)
			return err;
	}
	ret->foreign = ret->owner != self;
	memcpy(ret->file, NAMES_DIR "/", strlen(NAMES_DIR "/"));
	name_file(ret->file + strlen(NAMES_DIR "/"), ret->owner, base);
	return 0;
}

const char *segment_base(const struct segment_path *path)
{
	return strchr(path->file + strlen(NAMES_DIR "/" NAMES_PREFIX), '.') + 1;
}

bool segment_there(const struct segment_path *path)
{
	struct stat st;

	return lstat(path->file, &st) == 0;
}

int segment_exists(const char *name)
{
	struct segment_path path;
	struct stat st;
	int err = segment_resolve(name, &path);

	if (err < 0)
		return err;
	return lstat(path.file, &st) == 0 ? 0 : error_from(TRIED_LOOK_UP, errno);
}

int segment_unlink(const struct segment_path *path)
{
	return shm_unlink(path->file + strlen(NAMES_DIR)) == 0 ? 0
							       : error_from(TRIED_REMOVE, errno);
}

bool segment_named(const struct segment *s)
{
	struct stat st;

	return lstat(s->path.file, &st) == 0 && st.st_ino == s->own.ino && st.st_dev == s->own.dev;
}

/* Returns true if `file`, in NAMES_DIR, is a channel's, and then writes the name by which
 * this process opens it. */
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
	DIR *dir = NULL;
	int fd;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	fd = descriptor_open_plain(NAMES_DIR, O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		result = error_from(TRIED_LIST, fd);
	} else if (!(dir = fdopendir(fd))) {
		result = error_from(TRIED_LIST, errno);
		close(fd);
	}
	while (result == 0) {
		errno = 0; /* NULL is the end, or an error */
		entry = readdir(dir);
		if (!entry) {
			result = errno ? error_from(TRIED_LIST, errno) : 0;
			break;
		}
		if (channel_name(entry->d_name, name, sizeof(name)))
			result = fn(name, arg);
	}
	if (dir)
		closedir(dir);
	pthread_setcancelstate(before, &before);
	return result;
}

/* ---- mapping ---- */

/* Map a part of the file that has no memory yet: a process that locks what it maps
 * (mlockall(2)) must not take that by this. */
static bool map_sparse(unsigned char *at, size_t size, int prot, int fd, off_t offset)
{
	return mmap(at, size, PROT_NONE, MAP_SHARED | MAP_FIXED, fd, offset) != MAP_FAILED &&
	       munlock(at, size) == 0 && mprotect(at, size, prot) == 0;
}

/* Map the rungs but for the first, each twice in a row, behind the first. */
static bool map_rungs(const struct segment *s, unsigned char *ring, int prot)
{
	for (unsigned i = 1; i < s->ladder.n; i++) {
		size_t size = s->ladder.rung[i].capacity;
		unsigned char *at = ring + 2 * s->ladder.rung[i].offset;
		off_t offset = (off_t)(s->geometry.ring_offset + s->ladder.rung[i].offset);

		if (!map_sparse(at, size, prot, s->own.fd, offset) ||
			!map_sparse(at + size, size, prot, s->own.fd, offset))
			return false;
	}
	return true;
}

/* Map each lane, and its ring again behind it. */
static bool map_lanes(const struct segment *s, unsigned char *base, int prot)
{
	size_t offset = s->geometry.ring_offset, capacity = s->geometry.capacity;

	for (uint32_t i = 0; i < s->geometry.lanes; i++) {
		off_t at = (off_t)geometry_lane(&s->geometry, i);

		if (mmap(base, offset + capacity, prot, MAP_SHARED | MAP_FIXED, s->own.fd, at) ==
				MAP_FAILED ||
			mmap(base + offset + capacity, capacity, prot, MAP_SHARED | MAP_FIXED,
				s->own.fd, at + (off_t)offset) == MAP_FAILED)
			return false;
		base += offset + 2 * capacity;
	}
	return true;
}

/* Map the segment over addresses that are reserved, and each ring again behind it, or undo
 * the reservation.  A child that is forked meanwhile must see none of it: see
 * descriptor.h. */
static int map_over(struct segment *s, unsigned char *base, size_t total)
{
	int prot = s->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int err = 0;

	descriptors_lock();
	if (!map_lanes(s, base, prot) || !map_rungs(s, base + s->geometry.ring_offset, prot) ||
		madvise(base, total, MADV_DONTFORK) < 0) {
		err = -errno;
		munmap(base, total);
	}
	descriptors_unlock();
	return err;
}

/* Map the segment, whose geometry was checked: 0, or an error. */
static int map(struct segment *s)
{
	uint64_t capacity = s->geometry.capacity, most = s->geometry.max_capacity;
	size_t offset = s->geometry.ring_offset;
	size_t total = most ? offset + 2 * most : s->geometry.lanes * (offset + 2 * capacity);
	unsigned char *base =
		mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int err;

	ladder_make(&s->ladder, capacity, most ? most : capacity);
	if (base == MAP_FAILED)
		return error_from(TRIED_MAP, errno);
	err = map_over(s, base, total);
	if (err < 0)
		return error_from(TRIED_MAP, err);
	s->layout = (struct layout *)(void *)base;
	s->ring = base + offset;
	s->mapped = total;
	return 0;
}

struct segment segment_of_lane(const struct segment *s, uint32_t i)
{
	struct segment lane = *s;

	lane.own = (struct descriptor){
		.fd = s->own.fd, .orphan = s->own.orphan, .dev = s->own.dev, .ino = s->own.ino};
	lane.geometry.lanes = 1;
	lane.layout = segment_layout(s, i);
	lane.ring = (unsigned char *)lane.layout + s->geometry.ring_offset;
	return lane;
}

void segment_close(struct segment *s)
{
	descriptor_close(&s->own);
	/* If the segment has no name any more, unmapping it last frees its memory, which
	 * can take long: no lock is held. */
	if (s->layout)
		munmap(s->layout, s->mapped);
	s->layout = NULL;
}

/* ---- creating ---- */

/* Find out which PID namespace this process is in: 0, or an error. */
static int pid_namespace(uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0)
		return error_from(TRIED_PID_NAMESPACE, errno);
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

/* Return how many bytes are left in the file system of `fd`. */
static uint64_t room_left(int fd)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) < 0 || vfs.f_blocks == 0) /* it has no limit */
		return UINT64_MAX;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

/* Return -ENOSPC, and set the detail. */
static int no_room(uint64_t size, const struct statvfs *vfs)
{
	return error_of_size(-ENOSPC, size,
		"the segment needs %" PRIu64 " bytes, and /dev/shm has %" PRIu64 " left", size,
		(uint64_t)vfs->f_bavail * vfs->f_frsize);
}

/* Return -EFBIG, and set the detail. */
static int file_too_large(uint64_t size, const struct rlimit *limit)
{
	return error_of_size(-EFBIG, size,
		"the segment needs %" PRIu64 " bytes, and RLIMIT_FSIZE allows files of %" PRIu64,
		size, (uint64_t)limit->rlim_cur);
}

/* Call posix_fallocate(), with all signals blocked: 0, or a positive errno.  Beyond
 * RLIMIT_FSIZE the kernel also sends SIGXFSZ to this thread, which kills it by default:
 * that signal is taken back here, unless it was pending before.  (allocate() has looked at
 * the limit, but another thread may have changed it since.) */
static int fallocate_blocked(int fd, uint64_t size)
{
	const struct timespec now = {0};
	sigset_t pending, xfsz;
	int err;

	sigemptyset(&xfsz);
	sigaddset(&xfsz, SIGXFSZ);
	sigpending(&pending);
	do
		err = posix_fallocate(fd, 0, (off_t)size);
	while (err == EINTR);
	if (err == EFBIG && !sigismember(&pending, SIGXFSZ))
		while (sigtimedwait(&xfsz, NULL, &now) < 0 && errno == EINTR)
			;
	return err;
}

/* Take all the memory now, of a file that may grow to `largest`: 0, or an error.  Signals are
 * blocked meanwhile: an interrupted allocation starts over, and under an interval timer it would
 * never end. */
static int allocate(int fd, uint64_t size, uint64_t largest)
{
	struct statvfs vfs = {0};
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
	sigset_t before;
	int err;

	/* Ask first: whoever fills /dev/shm just to find out harms all its users. */
	if (fstatvfs(fd, &vfs) == 0 && vfs.f_blocks && vfs.f_bavail < size / vfs.f_frsize)
		return no_room(size, &vfs);
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
		limit.rlim_cur < largest)
		return file_too_large(largest, &limit);
	signals_block(&before);
	err = fallocate_blocked(fd, size);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0 && largest > size && retry(ftruncate(fd, (off_t)largest)) < 0)
		err = errno;
	if (err == ENOSPC && fstatvfs(fd, &vfs) == 0)
		return no_room(size, &vfs);
	return err ? error_from(TRIED_ALLOCATE, err) : 0;
}

/* Sleep for `ns`, or until a signal. */
static void pause_for(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	nanosleep(&t, NULL);
}

/*
 * Watch for a while, when there is not enough room, whether that changes, as it does while
 * other processes take or return memory.  Returns 0 if there is room now, or
 *
 *   -EEXIST  another process has made this channel
 *   -ENOSPC  there is still not enough
 */
static int await_room(const struct segment *s, uint64_t size, int64_t deadline)
{
	uint64_t before, now = room_left(s->own.fd);
	int unchanged = 0;

	while (unchanged < UNCHANGED_LOOKS && clock_monotonic() < deadline) {
		if (segment_there(&s->path))
			return -EEXIST;
		if (now >= size)
			return 0;
		pause_for(ROOM_LOOK_EVERY);
		before = now;
		now = room_left(s->own.fd);
		unchanged = now == before ? unchanged + 1 : 0;
	}
	return segment_there(&s->path) ? -EEXIST : -ENOSPC;
}

/*
 * Take the memory.  If several creators take it at the same time, not kept apart by a
 * claim (claim.h), all of them may find too little, though there is enough for one.  So a
 * creator that found too little gives back what it took and tries again.  It pauses first,
 * for up to four times as long as the taking lasted, and each creator for another time, so
 * that one of them comes first.
 */
static int take_memory(const struct segment *s)
{
	uint64_t size = geometry_memory(&s->geometry);
	int64_t began = clock_monotonic(), deadline = began + claim_patience(size), lasted;
	int err;

	for (;; began = clock_monotonic()) {
		err = allocate(s->own.fd, size, s->geometry.size);
		if (err != -ENOSPC)
			return err;
		lasted = clock_monotonic() - began;
		err = await_room(s, size, deadline);
		if (err < 0)
			return err;
		pause_for(lasted * ((began / 64 + getpid()) % 16) / 4);
	}
}

int segment_begin(struct segment *s)
{
	int err = descriptor_open(&s->own, NAMES_DIR, O_TMPFILE | O_RDWR, 0600);

	s->writable = true;
	return err < 0 ? error_from(TRIED_BEGIN, err) : 0;
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
	h->max_message = full->max_message;
	h->endpoints = g->endpoints;
	h->kind = full->kind;
	h->overflow = full->overflow;
	h->options = full->flags | (g->max_capacity ? LAYOUT_GROWS : 0) |
		     (g->lanes > 1 ? LAYOUT_HAS_LANES : 0) | (g->dedup ? LAYOUT_HAS_IDS : 0);
	h->lanes = full->lanes;
	h->lane_by = full->lane_by;
	memcpy(h->dead_letter, full->dead_letter, sizeof(h->dead_letter));
	h->dedup = g->dedup;
	h->max_deliver = full->max_deliver;
	h->dedup_age = (int64_t)full->dedup_age;
	h->max_capacity = g->max_capacity;
	h->lifetime = full->lifetime;
	h->linger = full->linger;
	h->type = full->type;
	h->created = clock_real();
	h->groups = full->groups;
	h->on_lag = full->on_lag;
	h->patience = (int64_t)full->patience;
	s->geometry = *g;
	err = take_memory(s);
	if (err == 0)
		err = map(s);
	if (err == 0)
		memcpy(&s->layout->header, h, sizeof(*h)); /* magic is still 0 */
	return err;
}

int segment_publish(struct segment *s, mode_t mode)
{
	char self[64];

	/* The magic is the mark of a segment, and the last thing written.  Release: what
	 * was written before it comes first.  No load is its partner, since nobody can
	 * open the segment before it has a name. */
	atomic_store_explicit(&s->layout->header.magic, LAYOUT_MAGIC, memory_order_release);
	if (fchmod(s->own.fd, mode) < 0)
		return error_from(TRIED_SET_MODE, errno);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", s->own.fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, s->path.file, AT_SYMLINK_FOLLOW) < 0)
		return error_from(TRIED_LINK, errno);
	return 0;
}

/* ---- growing ---- */

uint64_t segment_room_at_all(void)
{
	struct statvfs vfs;

	return statvfs(NAMES_DIR, &vfs) < 0 ? 0 : (uint64_t)vfs.f_blocks * vfs.f_frsize;
}

uint64_t segment_memory(const struct segment *s)
{
	struct stat st;

	return fstat(s->own.fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

/* Return -ENOSPC or -EDQUOT, with the detail: there is no memory for another rung. */
static int cannot_grow(int err, uint64_t size, uint64_t left)
{
	if (err == EDQUOT)
		return error_of_size(-EDQUOT, size,
			"growing needs %" PRIu64 " bytes, which a quota of /dev/shm does not allow",
			size);
	if (err == ENOSPC)
		return error_of_size(-ENOSPC, size,
			"growing needs %" PRIu64 " bytes, and /dev/shm has %" PRIu64 " left", size,
			left);
	return error_from(TRIED_ALLOCATE, err);
}

/* Return where a rung begins in the file. */
static off_t rung_at(const struct segment *s, unsigned rung)
{
	return (off_t)(s->geometry.ring_offset + s->ladder.rung[rung].offset);
}

static void give_piece(const struct segment *s, off_t at, uint64_t size)
{
	retry(fallocate(s->own.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)size));
}

int segment_take_rung(const struct segment *s, unsigned rung, uint64_t from, uint64_t to)
{
	off_t at = rung_at(s, rung) + (off_t)from;
	uint64_t size = to - from;
	sigset_t before;
	int err;

	if (!descriptor_ours(&s->own))
		return -EBADFD;
	if (room_left(s->own.fd) < size)
		return cannot_grow(ENOSPC, size, room_left(s->own.fd));
	/* An interrupted allocation starts over, see allocate().  The file does not get longer,
	 * so no limit sends a signal. */
	signals_block(&before);
	do
		err = fallocate(s->own.fd, FALLOC_FL_KEEP_SIZE, at, (off_t)size) < 0 ? errno : 0;
	while (err == EINTR);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		give_piece(s, at, size);
		return cannot_grow(err, size, room_left(s->own.fd));
	}
#ifdef MADV_POPULATE_WRITE
	/* Only for speed: a fault for each page costs more than the copy. */
	madvise(s->ring + 2 * s->ladder.rung[rung].offset + from, size, MADV_POPULATE_WRITE);
#endif
	return 0;
}

void segment_give_rung(const struct segment *s, unsigned rung)
{
	if (descriptor_ours(&s->own))
		give_piece(s, rung_at(s, rung), s->ladder.rung[rung].capacity);
}

bool segment_fetch(const void *segment, uint64_t offset, void *to, size_t n)
{
	const struct segment *s = segment;
	off_t at = (off_t)(s->geometry.ring_offset + offset);

	return descriptor_ours(&s->own) && retry(pread(s->own.fd, to, n, at)) == (ssize_t)n;
}

/* ---- opening ---- */

/* Read the header, check it, and keep the copy and the geometry: 0, or an error. */
static int check_header(struct segment *s, uint64_t size)
{
	struct layout_header *h = &s->header;
	uint64_t dev = 0, ino = 0;
	uint32_t header;
	ssize_t n;
	int err;

	if (size < sizeof(struct layout))
		return error_because(-EBADMSG, "the file is too short for a segment");
	n = retry(pread(s->own.fd, h, sizeof(*h), 0));
	if (n < 0)
		return error_from(TRIED_READ, errno);
	if (n != (ssize_t)sizeof(*h) ||
		atomic_load_explicit(&h->magic, memory_order_relaxed) != LAYOUT_MAGIC)
		return error_because(-EBADMSG, "the file does not begin as a segment does");
	if (h->format != LAYOUT_FORMAT)
		return -EPROTONOSUPPORT;
	/* A newer version may have more kinds and options. */
	if (h->kind >= words_kind.n ||
		h->options & ~(uint32_t)(CHAN_END_WITH_SENDERS | CHAN_NEED_RECEIVERS |
					 CHAN_FORBID_BLOCK | CHAN_META | LAYOUT_GROWS |
					 LAYOUT_HAS_LANES | LAYOUT_HAS_IDS))
		return -EPROTONOSUPPORT;
	if (h->abi != LAYOUT_ABI || h->libc != THIS_LIBC || h->condvar != CONDVAR_KIND)
		return -EPROTOTYPE;
	err = pid_namespace(&dev, &ino);
	if (err < 0)
		return err;
	if (h->pidns_dev != dev || h->pidns_ino != ino)
		return -EXDEV;
	header = h->options & CHAN_META ? LAYOUT_META_MOST : 0;
	if (header && ((h->kind != CHAN_KIND_QUEUE && h->kind != CHAN_KIND_BROADCAST) ||
			      h->endpoints > LAYOUT_ENDPOINTS_HEADED ||
			      h->max_message > GEOMETRY_MESSAGE_MAX - header))
		return -EBADMSG;
	s->geometry = (struct geometry){
		.capacity = h->capacity,
		.ring_offset = h->ring_offset,
		.size = h->segment_size,
		.max_message = h->max_message + header,
		.endpoints = h->endpoints,
		.subscribers = h->kind == CHAN_KIND_BROADCAST ? h->endpoints + h->groups : 0,
		.dedup = h->options & LAYOUT_HAS_IDS ? h->dedup : 0,
		.max_capacity = h->options & LAYOUT_GROWS ? h->max_capacity : 0,
		.lanes = h->options & LAYOUT_HAS_LANES ? h->lanes : 1,
	};
	if (h->kind == CHAN_KIND_BROADCAST &&
		(h->groups > LAYOUT_ENDPOINTS_MAX || h->on_lag < CHAN_LAG_BLOCK ||
			h->on_lag > CHAN_LAG_EVICT || h->patience < 0 ||
			(h->on_lag == CHAN_LAG_EVICT && h->patience == 0) ||
			(h->on_lag == CHAN_LAG_BLOCK && h->options & CHAN_FORBID_BLOCK)))
		return -EBADMSG;
	if (h->options & LAYOUT_GROWS &&
		(!h->max_capacity ||
			(h->kind != CHAN_KIND_QUEUE && h->kind != CHAN_KIND_BROADCAST)))
		return -EBADMSG;
	if (h->options & LAYOUT_HAS_LANES &&
		(h->lanes < 2 || h->kind != CHAN_KIND_QUEUE || h->options & LAYOUT_GROWS ||
			h->lane_by < CHAN_BY_KEY || h->lane_by > CHAN_BY_PRIORITY))
		return -EBADMSG;
	if (h->max_deliver && (h->kind != CHAN_KIND_QUEUE || h->max_deliver >= RECORD_ATTEMPTS_MAX))
		return -EBADMSG;
	if (h->dead_letter[0] && (h->kind != CHAN_KIND_QUEUE || !name_valid_anywhere(h->dead_letter,
									sizeof(h->dead_letter))))
		return -EBADMSG;
	if (h->options & LAYOUT_HAS_IDS && (!h->dedup || !header || h->dedup_age < 0))
		return -EBADMSG;
	/* max_capacity, lanes and dedup say it */
	h->options &= ~(LAYOUT_GROWS | LAYOUT_HAS_LANES | LAYOUT_HAS_IDS);
	if (h->segment_size != size || h->overflow > CHAN_DROP_OLDEST || h->lifetime > CHAN_REF ||
		h->linger > INT64_MAX)
		return -EBADMSG;
	return geometry_check(&s->geometry);
}

int segment_adopt(struct segment *s)
{
	int flags = fcntl(s->own.fd, F_GETFL), err;
	struct stat st;

	s->layout = NULL;
	s->writable = (flags & O_ACCMODE) == O_RDWR;
	s->unwritable = -EACCES;
	if (flags < 0 || fstat(s->own.fd, &st) < 0)
		err = error_from(TRIED_EXAMINE, errno);
	else if (!S_ISREG(st.st_mode))
		err = error_because(-EPERM, "the name is no segment's: its file is no plain file");
	else if (st.st_uid != s->path.owner)
		err = error_because(-EPERM,
			"the segment belongs to user %u, and its name to user %u",
			(unsigned)st.st_uid, (unsigned)s->path.owner);
	else
		err = check_header(s, (uint64_t)st.st_size);
	if (err == 0)
		err = map(s);
	if (err < 0)
		segment_close(s);
	return err;
}

static int open_flags(bool write)
{
	return (write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
}

static int open_error(int err)
{
	return err < 0 ? error_from(TRIED_OPEN, err) : err;
}

int segment_descriptor(const char *name, bool write)
{
	struct segment_path path;
	int err = segment_resolve(name, &path);

	return err < 0 ? err : open_error(descriptor_open_plain(path.file, open_flags(write)));
}

int segment_open(struct segment *s, bool write)
{
	int err = open_error(descriptor_open(&s->own, s->path.file, open_flags(write), 0));

	return err < 0 ? err : segment_adopt(s);
}
