/* SPDX-License-Identifier: MIT */
#include "registry/channels.h"

#include <string.h>

#include "channel.h"
#include "table.h"

static int by_name(const void *item, const void *key)
{
	return strcmp(((const struct channel *)item)->spec.name, key);
}

static struct table table = {.order = by_name};

struct channel *channels_find(const char *name)
{
	return table_find(&table, name);
}

struct channel *channels_after(const char *name)
{
	size_t i = table_place(&table, name);

	if (i < table.n && by_name(table.at[i], name) == 0)
		i++;
	return i < table.n ? table.at[i] : NULL;
}

size_t channels_count(void)
{
	return table.n;
}

void channels_each(void (*fn)(struct channel *channel, void *arg), void *arg)
{
	for (size_t i = 0; i < table.n; i++)
		fn(table.at[i], arg);
}

void channels_usage(uid_t owner, uint64_t *channels, uint64_t *bytes)
{
	*channels = *bytes = 0;
	for (size_t i = 0; i < table.n; i++) {
		const struct channel *c = table.at[i];

		if (c->origin == ORIGIN_REQUESTED && c->spec.owner == owner) {
			++*channels;
			*bytes += channel_memory(c);
		}
	}
}

int channels_add(struct channel *channel)
{
	return table_add(&table, channel->spec.name, channel);
}

void channels_remove(struct channel *channel)
{
	table_remove(&table, channel->spec.name);
}

void channels_done(void)
{
	table_done(&table);
}
