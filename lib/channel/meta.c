/* SPDX-License-Identifier: MIT */
/* The header of a message, as callers fill it in. */
#include "base/errors.h"
#include "shmchan.h"

#include <errno.h>
#include <string.h>

void chan_meta_init(struct chan_meta *m)
{
	memset(m, 0, sizeof(*m));
	m->size = sizeof(*m);
}

/* Find the pair of that name: where it begins, or NULL. */
static const char *find_pair(const struct chan_meta *m, const char *name, size_t n)
{
	const char *end = m->header + m->header_length;

	for (const char *p = m->header; p < end; p += strnlen(p, (size_t)(end - p)) + 1)
		if ((size_t)(end - p) > n && !memcmp(p, name, n) && p[n] == '=')
			return p;
	return NULL;
}

int chan_meta_put(struct chan_meta *m, const char *name, const char *value)
{
	size_t n = strlen(name), size = n + strlen(value) + 2, old = 0;
	char added[CHAN_HEADER_MAX], *at;
	const char *pair;

	error_forget();
	if (n == 0 || strchr(name, '='))
		return error_because(-EINVAL, "name: is empty or has a '='");
	if (m->header_length > CHAN_HEADER_MAX)
		return error_because(-EINVAL, "meta: header_length is above %d", CHAN_HEADER_MAX);
	pair = find_pair(m, name, n);
	at = m->header + (pair ? (size_t)(pair - m->header) : m->header_length);
	if (pair)
		old = strnlen(at, (size_t)(m->header + m->header_length - at)) + 1;
	size -= old; /* by so much it grows, modulo 2^64 */
	if (m->header_length + size > CHAN_HEADER_MAX)
		return error_of_size(-EMSGSIZE, m->header_length + size,
			"all pairs would have %zu bytes, and %d at most", m->header_length + size,
			CHAN_HEADER_MAX);
	size += old;
	memcpy(added, name, n); /* `value` may be the one that is replaced */
	added[n] = '=';
	memcpy(added + n + 1, value, size - n - 1);
	m->header_length -= (uint32_t)old;
	memmove(at, at + old, (size_t)(m->header + m->header_length - at));
	memcpy(m->header + m->header_length, added, size);
	m->header_length += (uint32_t)size;
	return 0;
}

const char *chan_meta_get(const struct chan_meta *m, const char *name)
{
	size_t n = strlen(name);
	const char *pair = NULL;

	if (n && !strchr(name, '=') && m->header_length <= CHAN_HEADER_MAX)
		pair = find_pair(m, name, n);

	return pair ? pair + n + 1 : NULL;
}
