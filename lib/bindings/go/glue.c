/* SPDX-License-Identifier: MIT */
#include "glue.h"

#include "_cgo_export.h"

#include <errno.h>
#include <stdlib.h>

int shmchan_go_send(uintptr_t ch, const void *msg, size_t len)
{
	return chan_send((chan_t *)ch, msg, len, 0);
}

ssize_t shmchan_go_recv(uintptr_t ch, void *buf, size_t size)
{
	return chan_recv((chan_t *)ch, buf, size, 0);
}

int shmchan_go_batch(chan_t *ch, char *data, size_t *len, unsigned n, size_t slot)
{
	struct iovec few[64], *v = n <= 64 ? few : malloc(n * sizeof(*v));
	size_t at = 0;
	int r;

	if (!v)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		v[i].iov_base = data + at;
		v[i].iov_len = slot ? slot : len[i];
		at += v[i].iov_len;
	}
	r = slot ? chan_recv_batch(ch, v, n, 0) : chan_send_batch(ch, v, n, 0);
	for (int i = 0; slot && i < r; i++)
		len[i] = v[i].iov_len;
	if (v != few)
		free(v);
	return r;
}

static int listed(const char *name, void *arg)
{
	return shmchanListed((char *)name, arg);
}

int shmchan_go_list(void *arg)
{
	return chan_list(listed, arg);
}
