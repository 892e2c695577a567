/* SPDX-License-Identifier: MIT */
/*
 * Decoders of every framing: they stay inside, end, say the same however the
 * stream is cut into pieces, and give back what was encoded.
 */
#include "fuzz.h"

#include "common/decoder.h"
#include "common/framing.h"
#include "recv/format.h"

#include <errno.h>
#include <stdio.h>

/* What came of a stream: a sum over messages and errors. */
struct outcome {
	uint64_t sum, events;
};

static void note(struct outcome *o, uint64_t x)
{
	o->sum = (o->sum ^ x) * UINT64_C(0x100000001b3);
	o->events++;
}

static void note_message(struct outcome *o, const struct iovec *msg)
{
	const unsigned char *p = msg->iov_base;

	for (size_t i = 0; i < msg->iov_len; i++)
		o->sum = (o->sum ^ p[i]) * UINT64_C(0x100000001b3);
	note(o, msg->iov_len);
}

/* Decode a copy of exactly the bytes that the decoder may see at each step. */
static int step(
	struct decoder *d, const char *data, size_t len, bool eof, size_t *used, struct outcome *o)
{
	struct iovec msg[3];
	char *exact = malloc(len ? len : 1);
	int n;

	MUST(exact);
	memcpy(exact, data, len);
	n = decoder_next(d, exact, len, eof, msg, 3, used);
	MUST(n <= 3 && *used <= len);
	for (int i = 0; i < n; i++) {
		MUST(msg[i].iov_len <= d->max);
		note_message(o, &msg[i]);
	}
	if (n < 0) {
		MUST(n == -EPROTO || n == -EMSGSIZE);
		MUST(memchr(d->error, 0, sizeof(d->error)) && d->error[0]);
		note(o, (uint64_t)(int64_t)n);
	}
	free(exact);
	return n;
}

static struct outcome decode(
	const struct framing *f, uint64_t max, const char *data, size_t size, size_t piece)
{
	struct outcome o = {UINT64_C(0xcbf29ce484222325), 0};
	struct decoder d;
	size_t start = 0, end = 0, used;
	int n;

	decoder_init(&d, f, max);
	for (size_t steps = 0;; steps++) {
		MUST(steps < 4 * size + 16); /* or it does not end */
		n = step(&d, data + start, end - start, end == size, &used, &o);
		start += used;
		if (n == -EPROTO && f->kind != FRAMING_JSONL)
			break; /* the error stays */
		if (n != 0 || used)
			continue;
		if (end == size)
			break;
		end = size - end < piece ? size : end + piece;
	}
	decoder_free(&d);
	return o;
}

/* Any bytes, encoded, are what is decoded. */
static void round_trip(const struct framing *f, const char *data, size_t size)
{
	struct envelope m = {
		.data = data, .len = size, .channel = "ch", .seq = 7, .time = 1700000000};
	struct outcome expected = {UINT64_C(0xcbf29ce484222325), 0}, got;
	struct iovec whole = {(void *)(uintptr_t)data, size};
	ssize_t need = framing_encode(f, &m, NULL, 0);
	char *out;

	MUST(need >= 0);
	out = malloc(need ? (size_t)need : 1);
	MUST(out && framing_encode(f, &m, out, (size_t)need) == need);
	note_message(&expected, &whole);
	got = decode(f, size, out, (size_t)need, 7);
	MUST(got.sum == expected.sum && got.events == 1);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = {bytes, size};
	uint32_t how = take_byte(&in);
	struct framing f = {
		.kind = how % 6, .delimiter = how & 64 ? 0 : '\n', .skip_empty = how & 128};
	uint64_t max = take_byte(&in);
	size_t piece = 1 + take_byte(&in);
	const char *data = (const char *)in.data;
	struct outcome whole, pieces;

	bounded();
	f.size = f.kind == FRAMING_RAW ? 1 + max / 2 : 0;
	whole = decode(&f, max, data, in.left, in.left ? in.left : 1);
	pieces = decode(&f, max, data, in.left, piece);
	MUST(whole.sum == pieces.sum && whole.events == pieces.events);
	if (f.kind == FRAMING_LEN32 || f.kind == FRAMING_NETSTRING || f.kind == FRAMING_JSONL)
		round_trip(&f, data, in.left);
	return 0;
}
