/* SPDX-License-Identifier: MIT */
#include "registry/admission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "accounts.h"
#include "registry/channels.h"
#include "registry/creation.h"
#include "registry/declared.h"
#include "segment/segment.h"

void admission_usage(uid_t uid, uint64_t *channels, uint64_t *bytes)
{
	channels_usage(uid, channels, bytes);
	creation_usage(uid, channels, bytes);
}

int admission_check(const struct spec *spec, char *why, size_t size)
{
	const struct quota *quota = accounts_quota(spec->owner);
	int64_t need = chan_footprint(&spec->options);
	uint64_t channels, bytes;
	int err;

	/* A channel that could not be adopted counts, too: its file is not overwritten. */
	if (channels_find(spec->name) || segment_exists(spec->name) == 0) {
		snprintf(why, size, "there is a channel of that name");
		return -EEXIST;
	}
	err = declared_failure(spec->name, why, size);
	if (err < 0) /* the request would make another one than is declared */
		return err;
	/* Usage is what is allocated; and no channel may grow beyond all of the quota. */
	if (accounts_limited(spec->owner) && spec->options.max_capacity > quota->bytes) {
		snprintf(why, size,
			"max-capacity: user %u has a quota of %" PRIu64
			" bytes, which is less than %s%" PRIu64,
			(unsigned)spec->owner, quota->bytes,
			spec->options.max_capacity == CHAN_UNBOUNDED ? "unbounded, " : "",
			spec->options.max_capacity);
		return -EDQUOT;
	}
	admission_usage(spec->owner, &channels, &bytes);
	if (accounts_limited(spec->owner) &&
		(channels >= quota->channels || need < 0 || (uint64_t)need > quota->bytes ||
			bytes > quota->bytes - (uint64_t)need)) {
		snprintf(why, size,
			"it needs %" PRId64 " bytes; user %u has %" PRIu64 " channels of %" PRIu64
			" and %" PRIu64 " bytes of %" PRIu64,
			need, (unsigned)spec->owner, channels, quota->channels, bytes,
			quota->bytes);
		return -EDQUOT;
	}
	return 0;
}
