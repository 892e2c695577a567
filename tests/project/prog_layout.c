/* SPDX-License-Identifier: MIT */
/* Print the rows of lib/FORMAT.md's tables as this library has them; format.sh
 * compares. */
#include "core/layout.h"

#include <stdio.h>

#define ROW(base, type, field, label)                                                              \
	printf("| %zu | %zu | `%s` |\n", (size_t)(base) + offsetof(type, field),                   \
		sizeof(((type *)0)->field), label)
#define HEADER(field) ROW(0, struct layout_header, field, #field)
#define CONTROL(field, label) ROW(512, struct layout_control, field, label)
#define ENDPOINT(field) ROW(0, struct layout_endpoint, field, #field)
#define SUBSCRIBER(field) ROW(0, struct layout_subscriber, field, #field)
#define RECORD(field) ROW(0, struct layout_record, field, #field)
#define RUNG(field) ROW(0, struct layout_rung, field, #field)
#define META(field) ROW(0, struct layout_meta, field, #field)
#define SLOT(field) ROW(0, struct layout_slot, field, #field)

int main(void)
{
	HEADER(magic);
	HEADER(format);
	HEADER(abi);
	HEADER(libc);
	HEADER(condvar);
	HEADER(pidns_dev);
	HEADER(pidns_ino);
	HEADER(segment_size);
	HEADER(ring_offset);
	HEADER(capacity);
	HEADER(max_message);
	HEADER(endpoints);
	HEADER(kind);
	HEADER(overflow);
	HEADER(options);
	HEADER(lifetime);
	HEADER(linger);
	HEADER(created);
	HEADER(type);
	HEADER(groups);
	HEADER(on_lag);
	HEADER(patience);
	HEADER(max_capacity);
	HEADER(lanes);
	HEADER(lane_by);
	CONTROL(state, "state");
	CONTROL(seal, "seal");
	CONTROL(idle_since, "idle_since");
	CONTROL(idle_clock, "idle_clock");
	CONTROL(not_empty.sequence, "not_empty.sequence");
	CONTROL(not_empty.waiting, "not_empty.waiting");
	CONTROL(watched, "watched");
	CONTROL(not_full.sequence, "not_full.sequence");
	CONTROL(not_full.waiting, "not_full.waiting");
	CONTROL(senders.lock.mutex, "senders.lock.mutex");
	CONTROL(senders.lock.recoveries, "senders.lock.recoveries");
	CONTROL(senders.dropped, "senders.dropped");
	CONTROL(senders.need, "senders.need");
	CONTROL(senders.uneven, "senders.uneven");
	CONTROL(senders.dropped_leased, "senders.dropped_leased");
	CONTROL(senders.wanted, "senders.wanted");
	CONTROL(senders.position, "senders.position");
	CONTROL(receivers.lock.mutex, "receivers.lock.mutex");
	CONTROL(receivers.lock.recoveries, "receivers.lock.recoveries");
	CONTROL(receivers.deliver, "receivers.deliver");
	CONTROL(receivers.frontier, "receivers.frontier");
	CONTROL(receivers.held, "receivers.held");
	CONTROL(receivers.held_by, "receivers.held_by");
	CONTROL(receivers.dropped, "receivers.dropped");
	CONTROL(receivers.drop_position, "receivers.drop_position");
	CONTROL(receivers.drop_count, "receivers.drop_count");
	CONTROL(receivers.redelivered, "receivers.redelivered");
	CONTROL(receivers.fenced, "receivers.fenced");
	CONTROL(receivers.position, "receivers.position");
	CONTROL(receivers.subscribers, "receivers.subscribers");
	CONTROL(receivers.evicted, "receivers.evicted");
	CONTROL(receivers.lost, "receivers.lost");
	CONTROL(receivers.expired.n, "receivers.expired.n");
	CONTROL(receivers.expired.next, "receivers.expired.next");
	CONTROL(receivers.malformed.n, "receivers.malformed.n");
	CONTROL(receivers.malformed.next, "receivers.malformed.next");
	CONTROL(receivers.due, "receivers.due");
	CONTROL(receivers.due_clock, "receivers.due_clock");
	CONTROL(receivers.delayed, "receivers.delayed");
	CONTROL(receivers.buried, "receivers.buried");
	CONTROL(receivers.mark, "receivers.mark");
	SUBSCRIBER(position);
	SUBSCRIBER(state);
	SUBSCRIBER(user);
	SUBSCRIBER(lost);
	SUBSCRIBER(mark);
	SUBSCRIBER(on_lag);
	SUBSCRIBER(blocked_clock);
	SUBSCRIBER(unused_clock);
	SUBSCRIBER(patience);
	SUBSCRIBER(blocked_since);
	SUBSCRIBER(unused_since);
	SUBSCRIBER(age);
	SUBSCRIBER(name);
	CONTROL(ladder.needed, "ladder.needed");
	CONTROL(ladder.peak, "ladder.peak");
	CONTROL(ladder.grown, "ladder.grown");
	CONTROL(ladder.grown_at, "ladder.grown_at");
	CONTROL(ladder.grown_by, "ladder.grown_by");
	CONTROL(ladder.why, "ladder.why");
	CONTROL(ladder.refused, "ladder.refused");
	CONTROL(calls.unwanted, "calls.unwanted");
	CONTROL(calls.cancellations, "calls.cancellations");
	CONTROL(calls.cancelled, "calls.cancelled");
	RUNG(start);
	RUNG(limit);
	RUNG(skipped);
	RUNG(memory);
	ENDPOINT(pid);
	ENDPOINT(roles);
	ENDPOINT(uid);
	ENDPOINT(clock);
	ENDPOINT(attached);
	ENDPOINT(waiting);
	ENDPOINT(command);
	RECORD(length);
	RECORD(state);
	RECORD(seq);
	META(length);
	META(key_length);
	META(reply_length);
	META(header_length);
	META(flags);
	META(sent);
	META(sent_mono);
	META(clock);
	META(pid);
	META(uid);
	META(status);
	META(ttl);
	META(due);
	META(id);
	META(correlation);
	META(priority);
	META(unused);
	SLOT(generation);
	SLOT(length);
	SLOT(unused);
	printf("abi = 0x%08x\n", (unsigned)LAYOUT_ABI);
	return 0;
}
