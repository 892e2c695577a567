/* SPDX-License-Identifier: MIT */
/* The model is in client.h. */
#include "bus/client.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/words.h"
#include "bus/chand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* How long chand may take for an answer, ns. */
#define PATIENCE INT64_C(1000000000)
/* Between two tries to ask a chand that hung up, ns. */
#define PAUSE INT64_C(10000000)

struct request {
	char text[MESSAGE_MAX];
	size_t length;
};

/* Append to the request. */
static void put(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct request *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->length, sizeof(r->text) - r->length, fmt, ap);
	va_end(ap);
	/* Everything that is put is bounded, and the sum is far below MESSAGE_MAX. */
	if (n > 0 && (size_t)n < sizeof(r->text) - r->length)
		r->length += (size_t)n;
}

static void begin(struct request *r, const char *verb, uid_t owner, const char *name)
{
	r->length = 0;
	put(r, MESSAGE_PROTOCOL " %s\nbus=%u\nname=%s\n", verb, (unsigned)owner, name);
}

bool client_keeps(uid_t owner)
{
	struct chand_address at = chand_system();
	struct stat st;

	if (chand_directory(&at, &st))
		return st.st_uid == owner;
	/* A path that was given and leads nowhere: its giver expects a chand. */
	return at.given;
}

/* Return the caller's error, and set its detail: chand can't be asked, or there was no
 * descriptor to ask it with. */
static int report_failure(const struct chand *chand, int err)
{
	if (chand_unreachable(err))
		return error_because(-ECONNREFUSED, "%s; %s", chand->problem, chand->remedy);
	return error_from(TRIED_SOCKET, err);
}

/* Return the caller's error for one that chand answered with.  The known ones are this
 * library's and those that chand's protocol adds. */
static int report_refusal(const struct chand_answer *answer)
{
	static const int known[] = {ENOENT, EACCES, EPERM, EEXIST, EINVAL, ENOSPC, EDQUOT, EFBIG,
		ENOMEM, EMFILE, ENFILE, ENOLCK, EROFS, ESRCH, EBUSY, EUSERS, EBADMSG,
		EPROTONOSUPPORT, EPROTOTYPE, EXDEV, EOPNOTSUPP, EIDRM, EIO, EINPROGRESS};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == answer->err)
			return error_because(-answer->err, "%s", answer->lines);
	return error_because(-EIO, "chand: error %d: %s", answer->err, answer->lines);
}

static int connect_in_time(struct chand *ret)
{
	const struct chand_address at = chand_system();
	int64_t deadline = clock_monotonic() + PATIENCE;
	int err;

	do
		err = chand_connect(ret, &at, PATIENCE, NULL);
	while (err == -EINTR && clock_monotonic() < deadline);
	return err;
}

/* Send the request, and receive the answer: 0 or an error.  `ret` becomes the descriptor
 * that came along, if any; *hung_up says whether chand hung up without an answer. */
static int ask(const struct request *r, int64_t patience, struct descriptor *ret, bool *hung_up)
{
	struct chand_answer answer;
	char packet[MESSAGE_MAX + 1];
	struct chand chand;
	int err = connect_in_time(&chand);

	if (err == 0) {
		err = chand_ask(&chand, r->text, r->length, patience, packet, ret, &answer);
		chand_close(&chand);
		*hung_up = err == -ENOTCONN;
	} else {
		*hung_up = false;
	}
	if (err < 0)
		err = report_failure(&chand, err);
	else if (answer.err)
		err = report_refusal(&answer);
	else if (strcmp(answer.what, PACKET_OK) != 0)
		err = error_because(-ECONNREFUSED,
			"chand answered with '%.16s'; restart it if shmchan was updated",
			answer.what);
	if (err < 0)
		descriptor_close(ret);
	return err;
}

/* If chand is killed with the request, its service manager starts it again, and to open
 * twice harms nobody: ask again, as long as an answer would have been awaited. */
static int ask_again(const struct request *r, struct descriptor *ret)
{
	const struct timespec pause = {.tv_nsec = PAUSE};
	int64_t end = clock_monotonic() + PATIENCE, left = PATIENCE;
	bool hung_up;
	int err;

	for (;;) {
		err = ask(r, left, ret, &hung_up);
		left = end - clock_monotonic() - PAUSE;
		if (!hung_up || left <= 0)
			return err;
		nanosleep(&pause, NULL);
	}
}

int client_open(struct descriptor *ret, uid_t owner, const char *name, unsigned roles)
{
	struct request r;
	int err;

	begin(&r, VERB_OPEN, owner, name);
	put(&r, "roles=%s\n", word(&words_role, roles & (CHAN_SEND | CHAN_RECV)));
	err = ask_again(&r, ret);
	if (err == 0 && ret->fd < 0)
		err = error_because(-ECONNREFUSED, "chand sent no descriptor; "
						   "restart it if shmchan was updated");
	return err;
}

static int ask_plainly(const struct request *r, int64_t patience)
{
	struct descriptor none = {.fd = -1};
	bool hung_up;
	int err = ask(r, patience, &none, &hung_up);

	descriptor_close(&none);
	return err;
}

int client_create(uid_t owner, const char *name, const struct chan_options *opt)
{
	struct request r;

	begin(&r, VERB_CREATE, owner, name);
	put(&r, "kind=%s\n", word(&words_kind, opt->kind));
	if (opt->capacity && (opt->kind == CHAN_KIND_QUEUE || opt->kind == CHAN_KIND_BROADCAST))
		put(&r, "capacity=%" PRIu64 "\n", opt->capacity);
	if (opt->max_capacity)
		put(&r, "max-capacity=%" PRIu64 "\n", opt->max_capacity);
	if (opt->max_message)
		put(&r, "max-message=%" PRIu32 "\n", opt->max_message);
	put(&r, "overflow=%s\n", word(&words_overflow, opt->overflow));
	if (opt->mode)
		put(&r, "mode=%04" PRIo32 "\n", opt->mode);
	if (opt->endpoints)
		put(&r, "endpoints=%" PRIu32 "\n", opt->endpoints);
	put(&r, "lifetime=%s\n", word(&words_lifetime, opt->lifetime));
	if (opt->linger)
		put(&r, "linger=%" PRIu64 "ns\n", opt->linger);
	if (opt->on_lag == CHAN_LAG_EVICT)
		put(&r, "on-lag=evict:%" PRIu64 "ns\n", opt->patience);
	else if (opt->on_lag)
		put(&r, "on-lag=%s\n", opt->on_lag == CHAN_LAG_BLOCK ? "block" : "lose");
	if (opt->groups)
		put(&r, "groups=%" PRIu32 "\n", opt->groups);
	if (opt->flags & CHAN_FORBID_BLOCK)
		put(&r, "forbid-block=yes\n");
	if (opt->flags & CHAN_META)
		put(&r, "meta=yes\n");
	if (opt->lanes)
		put(&r, "lanes=%" PRIu32 "\nlane-by=%s\n", opt->lanes,
			word(&words_lane_by, opt->lane_by));
	if (opt->dead_letter[0])
		put(&r, "dead-letter=%s\n", opt->dead_letter);
	if (opt->max_deliver)
		put(&r, "max-deliver=%" PRIu32 "\n", opt->max_deliver);
	if (opt->dedup_age)
		put(&r, "dedup=%" PRIu32 ",%" PRIu64 "ns\n", opt->dedup, opt->dedup_age);
	else if (opt->dedup)
		put(&r, "dedup=%" PRIu32 "\n", opt->dedup);
	if (opt->flags & CHAN_END_WITH_SENDERS)
		put(&r, "end-with-senders=yes\n");
	if (opt->flags & CHAN_NEED_RECEIVERS)
		put(&r, "need-receivers=yes\n");
	return ask_plainly(&r, PATIENCE + chand_making_time((int64_t)opt->capacity));
}

int client_remove(uid_t owner, const char *name, bool name_only)
{
	struct request r;

	begin(&r, VERB_REMOVE, owner, name);
	if (name_only)
		put(&r, "name-only=yes\n");
	return ask_plainly(&r, PATIENCE);
}
