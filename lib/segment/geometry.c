/* SPDX-License-Identifier: MIT */
#include "segment/geometry.h"

#include "core/ids.h"
#include "core/ring.h"

#include <errno.h>
#include <unistd.h>

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t geometry_pages(uint64_t bytes)
{
	uint64_t page = page_size();

	return (bytes + page - 1) / page * page;
}

uint64_t geometry_subscribers(const struct geometry *g)
{
	uint64_t end =
		LAYOUT_TABLE_OFFSET + (uint64_t)g->endpoints * sizeof(struct layout_endpoint);

	return (end + LAYOUT_PAIR - 1) & ~(uint64_t)(LAYOUT_PAIR - 1);
}

uint64_t geometry_ids(const struct geometry *g)
{
	return geometry_subscribers(g) +
	       (uint64_t)g->subscribers * sizeof(struct layout_subscriber);
}

/* Return where all tables end. */
static uint64_t tables_end(const struct geometry *g)
{
	return geometry_ids(g) + ids_size(g->dedup);
}

struct geometry geometry_of(uint64_t capacity, uint32_t max_message, uint32_t endpoints,
	uint32_t subscribers, uint32_t dedup)
{
	struct geometry g = {
		.capacity = capacity,
		.max_message = max_message,
		.endpoints = endpoints,
		.subscribers = subscribers,
		.dedup = dedup,
		.lanes = 1,
	};

	g.ring_offset = geometry_pages(tables_end(&g));
	g.size = g.ring_offset + capacity;
	return g;
}

void geometry_grow(struct geometry *g, uint64_t max_capacity)
{
	g->max_capacity = max_capacity;
	g->size = g->ring_offset + max_capacity;
}

void geometry_split(struct geometry *g, uint32_t lanes)
{
	g->lanes = lanes;
	g->size = geometry_lane(g, lanes);
}

uint64_t geometry_lane(const struct geometry *g, uint32_t i)
{
	return i * (g->ring_offset + g->capacity);
}

uint64_t geometry_memory(const struct geometry *g)
{
	return geometry_lane(g, g->lanes);
}

uint64_t geometry_largest(const struct geometry *g)
{
	struct ladder rungs;

	if (!g->max_capacity)
		return g->capacity;
	ladder_make(&rungs, g->capacity, g->max_capacity);
	return ladder_largest(&rungs);
}

static bool good_capacity(const struct geometry *g)
{
	uint64_t page = page_size(), most = GEOMETRY_CAPACITY_MAX + page;

	return g->capacity && g->capacity <= most && g->capacity % page == 0 &&
	       (!g->max_capacity || (g->max_capacity > g->capacity && g->max_capacity <= most &&
					    g->max_capacity % page == 0));
}

int geometry_check(const struct geometry *g)
{
	return good_capacity(g) && g->ring_offset % page_size() == 0 && g->endpoints &&
			       g->endpoints <= LAYOUT_ENDPOINTS_MAX &&
			       g->subscribers <= 2 * LAYOUT_ENDPOINTS_MAX &&
			       g->dedup <= LAYOUT_IDS_MAX && g->ring_offset >= tables_end(g) &&
			       g->ring_offset <= UINT64_C(1) << 30 && g->lanes &&
			       g->lanes <= LAYOUT_LANES_MAX &&
			       g->size == (g->max_capacity ? g->ring_offset + g->max_capacity
							   : geometry_lane(g, g->lanes)) &&
			       g->max_message <= GEOMETRY_MESSAGE_MAX &&
			       ring_least_capacity(g->max_message) <= geometry_largest(g)
		       ? 0
		       : -EBADMSG;
}
