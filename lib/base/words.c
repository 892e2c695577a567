/* SPDX-License-Identifier: MIT */
#include "base/words.h"

#include "shmchan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS(name, ...)                                                                           \
	static const char *const name##s[] = {__VA_ARGS__};                                        \
	const struct words words_##name = {sizeof(name##s) / sizeof(*name##s), name##s}

WORDS(role, [0] = "observe", [CHAN_SEND] = "send", [CHAN_RECV] = "receive",
	[CHAN_SEND | CHAN_RECV] = "send receive");
WORDS(side, [0] = "none", [CHAN_SEND] = "sender", [CHAN_RECV] = "receiver",
	[CHAN_SEND | CHAN_RECV] = "sender+receiver");
WORDS(kind, [CHAN_KIND_QUEUE] = "queue", [CHAN_KIND_RENDEZVOUS] = "rendezvous",
	[CHAN_KIND_LATEST] = "latest", [CHAN_KIND_BROADCAST] = "broadcast");
WORDS(overflow, [CHAN_BLOCK] = "block", [CHAN_FAIL] = "fail", [CHAN_DROP_NEWEST] = "drop-new",
	[CHAN_DROP_OLDEST] = "drop-old");
WORDS(on_lag, [CHAN_LAG_DEFAULT] = "default", [CHAN_LAG_BLOCK] = "block", [CHAN_LAG_LOSE] = "lose",
	[CHAN_LAG_EVICT] = "evict");
WORDS(lane_by, [0] = "none", [CHAN_BY_KEY] = "key", [CHAN_BY_PRIORITY] = "priority");
WORDS(lifetime, [CHAN_PERSIST] = "persist", [CHAN_REF] = "ref");

const char *word(const struct words *of, uint32_t value)
{
	return value < of->n ? of->word[value] : "unknown";
}

int word_value(const struct words *of, const char *text, uint32_t *ret)
{
	for (unsigned i = 0; i < of->n; i++)
		if (!strcmp(of->word[i], text)) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}

const char *words_choice(const struct words *of, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < of->n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
			i == 0		 ? ""
			: i + 1 == of->n ? " or "
					 : ", ",
			of->word[i]);
	return buf;
}
