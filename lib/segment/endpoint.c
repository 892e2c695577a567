/* SPDX-License-Identifier: MIT */
/* The model is in endpoint.h. */
#define _FILE_OFFSET_BITS 64
#include "segment/endpoint.h"

#include "base/clock.h"
#include "base/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define load(p) atomic_load_explicit((p), memory_order_relaxed)
#define store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

/* Lock or unlock bytes: 0, -EAGAIN if another file description has one of them, or an
 * error. */
static int lock_bytes(int fd, short type, int64_t start, int64_t len)
{
	struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	int result;

	do
		result = fcntl(fd, F_OFD_SETLK, &range);
	while (result < 0 && errno == EINTR);
	if (result == 0)
		return 0;
	return errno == EACCES || errno == EAGAIN ? -EAGAIN : error_from(TRIED_LOCK, errno);
}

/* Look for a lock of another file description in the range: 0 and *ret, or -EBADFD.  If
 * there is none, ret->l_type is F_UNLCK.  If the kernel can't say, the whole range counts
 * as one lock: no endpoint is taken for dead because of that. */
static int find_lock(int fd, int64_t start, int64_t len, struct flock *ret)
{
	struct flock range = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	struct flock found = range;

	if (fcntl(fd, F_OFD_GETLK, &found) < 0) {
		if (errno == EBADF && fcntl(fd, F_GETFD) < 0)
			return -EBADFD;
		found = range;
	}
	*ret = found;
	return 0;
}

/* Find out whether another file description has a lock in the range: 0 and *ret, or
 * -EBADFD. */
static int locked(int fd, int64_t start, int64_t len, bool *ret)
{
	struct flock found;
	int err = find_lock(fd, start, len, &found);

	if (err == 0)
		*ret = found.l_type != F_UNLCK;
	return err;
}

/* Return where the bytes of a side begin. */
static int64_t side_bytes(unsigned role)
{
	return role == CHAN_SEND ? LAYOUT_LOCK_SENDER : LAYOUT_LOCK_RECEIVER;
}

/* Lock the byte, or an exclusive endpoint's range, of a side, if `roles` has it. */
static int lock_role(int fd, uint32_t slot, unsigned roles, unsigned role)
{
	int err;

	if (!(roles & role))
		return 0;
	err = roles & CHAN_EXCLUSIVE
		      ? lock_bytes(fd, F_WRLCK, side_bytes(role), LAYOUT_ENDPOINTS_MAX)
		      : lock_bytes(fd, F_WRLCK, side_bytes(role) + slot, 1);
	/* The slot is ours, so only an exclusive endpoint's range can be in the way. */
	return err == -EAGAIN ? -EBUSY : err;
}

/* Lock the byte of a free slot: the slot, -EUSERS, or an error. */
static int take_slot(int fd, struct layout *layout, uint32_t endpoints)
{
	int err;

	/* Try the slots in which nothing is registered first: most likely they are free. */
	for (int traces = 0; traces < 2; traces++)
		for (uint32_t i = 0; i < endpoints; i++) {
			if ((load(&layout->endpoint[i].pid) != 0) != traces)
				continue;
			err = lock_bytes(fd, F_WRLCK, LAYOUT_LOCK_SLOT + i, 1);
			if (err != -EAGAIN)
				return err < 0 ? err : (int)i;
		}
	return -EUSERS;
}

/* Write down, for people, which endpoint has the slot. */
static void register_slot(struct layout_endpoint *e, unsigned roles)
{
	char command[16] = "";
	uint64_t words[2];

	prctl(PR_GET_NAME, command);
	memcpy(words, command, sizeof(words));
	store(&e->roles, roles);
	store(&e->uid, (uint32_t)geteuid());
	store(&e->attached, clock_real());
	store(&e->clock, clock_namespace());
	store(&e->waiting, 0);
	store(&e->command[0], words[0]);
	store(&e->command[1], words[1]);
	atomic_store_explicit(
		&e->pid, (int32_t)getpid(), memory_order_release); /* see endpoint_list() */
}

int endpoint_attach(
	const struct descriptor *own, struct layout *layout, uint32_t endpoints, unsigned roles)
{
	int fd = own->fd, slot = take_slot(fd, layout, endpoints), err;

	if (slot < 0)
		return slot;
	err = lock_role(fd, (uint32_t)slot, roles, CHAN_SEND);
	if (err == 0)
		err = lock_role(fd, (uint32_t)slot, roles, CHAN_RECV);
	if (err < 0) {
		lock_bytes(fd, F_UNLCK, LAYOUT_LOCK_SLOT, 3 * (int64_t)LAYOUT_ENDPOINTS_MAX);
		return err;
	}
	register_slot(&layout->endpoint[slot], roles);
	return slot;
}

void endpoint_detach(const struct descriptor *own, struct layout *layout, uint32_t slot)
{
	store(&layout->endpoint[slot].pid, 0);
	/* To close the descriptor would not release them: the mapping keeps the file
	 * description alive.  (If the program closed it, the locks go with the mapping.) */
	if (descriptor_ours(own))
		lock_bytes(own->fd, F_UNLCK, LAYOUT_LOCK_SLOT, 3 * (int64_t)LAYOUT_ENDPOINTS_MAX);
}

int endpoint_any(const struct descriptor *own, unsigned role, bool *ret)
{
	if (!descriptor_ours(own))
		return -EBADFD;
	return locked(own->fd, side_bytes(role), LAYOUT_ENDPOINTS_MAX, ret);
}

int endpoint_receives(const struct descriptor *own, uint32_t slot, bool *ret)
{
	if (!descriptor_ours(own))
		return -EBADFD;
	return locked(own->fd, LAYOUT_LOCK_RECEIVER + slot, 1, ret);
}

void endpoint_register_reader(const struct descriptor *own)
{
	if (lock_bytes(own->fd, F_RDLCK, LAYOUT_LOCK_READERS, 1) < 0)
		error_forget();
}

int endpoint_any_reader(const struct descriptor *own, bool *ret)
{
	if (!descriptor_ours(own))
		return -EBADFD;
	return locked(own->fd, LAYOUT_LOCK_READERS, 1, ret);
}

/* Count the locks in the range: how many, or -EBADFD.  The kernel reports some lock of it,
 * not the first: look on both sides of that.  Locks of different owners are never merged,
 * so each is one endpoint, an exclusive one's whole range too. */
static int count_locks(int fd, int64_t start, int64_t end)
{
	struct flock found;
	int n = 0, before, err;

	while (start < end) {
		err = find_lock(fd, start, end - start, &found);
		if (err < 0)
			return err;
		if (found.l_type == F_UNLCK)
			break;
		before = count_locks(fd, start, found.l_start);
		if (before < 0)
			return before;
		n += before + 1;
		start = found.l_len ? found.l_start + found.l_len : end;
	}
	return n;
}

uint32_t endpoint_place(const struct layout *layout, uint32_t slot, unsigned role)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < slot; i++)
		before += load(&layout->endpoint[i].pid) && load(&layout->endpoint[i].roles) & role;
	return before;
}

int endpoint_count(const struct descriptor *own, unsigned role)
{
	if (!descriptor_ours(own))
		return -EBADFD;
	return count_locks(own->fd, side_bytes(role), side_bytes(role) + LAYOUT_ENDPOINTS_MAX);
}

/* Return since when an endpoint waits, by the caller's clock.  One of another time
 * namespace is shown as waiting since now. */
static int64_t waiting_since(const struct layout_endpoint *e, uint32_t clock)
{
	int64_t since = load(&e->waiting), now = clock_monotonic();

	return since && (load(&e->clock) != clock || since > now) ? now : since;
}

int endpoint_list(const struct descriptor *own, const struct layout *layout, uint32_t endpoints,
	int slot, struct chan_endpoint *ret, unsigned n)
{
	uint32_t clock = clock_namespace();
	unsigned found = 0;
	bool alive;
	int err;

	if (!descriptor_ours(own))
		return -EBADFD;
	for (uint32_t i = 0; i < endpoints; i++) {
		const struct layout_endpoint *e = &layout->endpoint[i];
		/* Acquire: pairs with register_slot(). */
		int32_t pid = atomic_load_explicit(&e->pid, memory_order_acquire);
		struct chan_endpoint *to = &ret[found];
		uint64_t words[2];

		if (pid == 0)
			continue;
		alive = (int)i == slot;
		err = alive ? 0 : locked(own->fd, LAYOUT_LOCK_SLOT + i, 1, &alive);
		if (err < 0)
			return err;
		if (!alive || found++ >= n)
			continue;
		words[0] = load(&e->command[0]);
		words[1] = load(&e->command[1]);
		*to = (struct chan_endpoint){
			.id = i,
			.roles = load(&e->roles) & (CHAN_SEND | CHAN_RECV | CHAN_EXCLUSIVE),
			.pid = pid,
			.uid = load(&e->uid),
			.attached = load(&e->attached),
			.waiting = waiting_since(e, clock),
		};
		memcpy(to->command, words, sizeof(words));
		to->command[sizeof(to->command) - 1] = 0;
		for (char *c = to->command; *c; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
	}
	return (int)found;
}

int endpoint_close_gate(const struct descriptor *own)
{
	int err = -EBADFD;

	if (descriptor_ours(own))
		err = lock_bytes(own->fd, F_WRLCK, LAYOUT_LOCK_SLOT, LAYOUT_ENDPOINTS_MAX);
	return err == -EAGAIN ? -EBUSY : err;
}

void endpoint_open_gate(const struct descriptor *own)
{
	lock_bytes(own->fd, F_UNLCK, LAYOUT_LOCK_SLOT, LAYOUT_ENDPOINTS_MAX);
}
