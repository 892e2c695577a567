/* SPDX-License-Identifier: MIT */
/* See header.h. */
#include "common/header.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int digit_of(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c && at ? (int)(at - digits) : -1;
}

/* Read 32 digits, with dashes anywhere between: -1 if it is something else. */
static int read_digits(const char *text, size_t len, uint8_t id[16])
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		int d = digit_of(text[i]);

		if (text[i] == '-')
			continue;
		if (d < 0 || n == 32)
			return -1;
		id[n / 2] = (uint8_t)(n % 2 ? id[n / 2] | d : d << 4);
		n++;
	}
	return n == 32 ? 0 : -1;
}

int header_set_id(struct chan_meta *m, const char *text, size_t len)
{
	uint8_t id[16] = {0};

	if (len == 0)
		return -EINVAL;
	if (len <= sizeof(id))
		memcpy(id, text, len);
	else if (read_digits(text, len, id))
		return -EINVAL;
	memcpy(m->id, id, sizeof(id));
	m->flags |= CHAN_META_HAS_ID;
	return 0;
}

void header_print_id(const struct chan_meta *m, char ret[HEADER_ID_SIZE])
{
	size_t n = strnlen((const char *)m->id, sizeof(m->id)), readable = 0, zeros = n;

	while (readable < n && m->id[readable] > ' ' && m->id[readable] < 0x7f)
		readable++;
	while (zeros < sizeof(m->id) && !m->id[zeros])
		zeros++;
	if (n && readable == n && zeros == sizeof(m->id)) {
		memcpy(ret, m->id, n);
		ret[n] = 0;
		return;
	}
	for (size_t i = 0; i < sizeof(m->id); i++)
		snprintf(ret + 2 * i, 3, "%02x", m->id[i]);
}

int header_set_key(struct chan_meta *m, const char *key, size_t len)
{
	if (len > CHAN_KEY_MAX)
		return -EINVAL;
	memcpy(m->key, key, len);
	m->key[len] = 0;
	m->key_length = (uint32_t)len;
	m->flags |= CHAN_META_HAS_KEY;
	return 0;
}

int header_set_priority(struct chan_meta *m, double priority)
{
	if (!(priority >= 0 && priority <= 7) || priority != (int)priority)
		return -EINVAL;
	m->priority = (uint8_t)priority;
	m->flags |= CHAN_META_HAS_PRIORITY;
	return 0;
}
