/* SPDX-License-Identifier: MIT */
/*
 * Boost: Interprocess's message_queue, which sleeps on a condition variable; and
 * Lockfree's spsc_queue in shared memory, which does not wait: whoever finds it full or
 * empty tries again.  Debian: libboost-dev.
 */
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <memory>
#include <string>

#include "peer.h"

namespace ipc = boost::interprocess;

struct peer_end {
	std::string name;
	std::size_t size = 0;
	virtual ~peer_end() = default;
	virtual void send(const void *msg) = 0;
	virtual void receive(void *buf) = 0;
};

namespace
{

struct queue_end : peer_end {
	std::unique_ptr<ipc::message_queue> queue;

	void send(const void *msg) override
	{
		queue->send(msg, size, 0);
	}

	void receive(void *buf) override
	{
		ipc::message_queue::size_type len;
		unsigned priority;

		queue->receive(buf, size, len, priority);
		if (len != size)
			peer_fail("a message of %zu bytes", static_cast<std::size_t>(len));
	}

	~queue_end() override
	{
		ipc::message_queue::remove(name.c_str());
	}
};

template <std::size_t Size> struct spsc_end : peer_end {
	struct message {
		char bytes[Size];
	};
	using ring =
		boost::lockfree::spsc_queue<message, boost::lockfree::capacity<PEER_ROOM / Size>>;

	ipc::managed_shared_memory memory;
	ring *queue = nullptr;

	void send(const void *msg) override
	{
		while (!queue->push(*static_cast<const message *>(msg)))
			peer_pause();
	}

	void receive(void *buf) override
	{
		while (!queue->pop(*static_cast<message *>(buf)))
			peer_pause();
	}

	~spsc_end() override
	{
		ipc::shared_memory_object::remove(name.c_str());
	}
};

peer_end *open_queue(const peer *, const char *channel, std::size_t size, bool sending)
try {
	auto end = std::make_unique<queue_end>();

	end->name = channel;
	end->size = size;
	if (sending)
		end->queue = std::make_unique<ipc::message_queue>(ipc::open_only, channel);
	else
		end->queue = std::make_unique<ipc::message_queue>(
			ipc::create_only, channel, peer_room(size), size);
	return end.release();
} catch (const std::exception &e) {
	peer_fail("message_queue: %s", e.what());
}

template <std::size_t Size> peer_end *open_spsc_of(const char *channel, bool sending)
{
	auto end = std::make_unique<spsc_end<Size>>();

	end->name = channel;
	end->size = Size;
	if (sending) {
		end->memory = ipc::managed_shared_memory(ipc::open_only, channel);
		end->queue = end->memory.template find<typename spsc_end<Size>::ring>("q").first;
	} else {
		end->memory = ipc::managed_shared_memory(ipc::create_only, channel, 2 * PEER_ROOM);
		end->queue = end->memory.template construct<typename spsc_end<Size>::ring>("q")();
	}
	return end.release();
}

peer_end *open_spsc(const peer *, const char *channel, std::size_t size, bool sending)
try {
	switch (size) {
	case 64:
		return open_spsc_of<64>(channel, sending);
	case 1024:
		return open_spsc_of<1024>(channel, sending);
	case 65536:
		return open_spsc_of<65536>(channel, sending);
	default:
		peer_fail("made for messages of 64, 1024 and 65536 bytes");
	}
} catch (const std::exception &e) {
	peer_fail("spsc_queue: %s", e.what());
}

/* One virtual call a message: the queues' types differ by size. */
void send_one(peer_end *end, const void *msg)
{
	end->send(msg);
}

void receive_one(peer_end *end, void *buf)
{
	end->receive(buf);
}

void close_end(peer_end *end)
{
	delete end;
}

} // namespace

const struct peer peers[] = {
	{"Boost message_queue", "Interprocess, send(), receive(); room for 1 MiB", "sleeps", false,
		false, open_queue, nullptr, send_one, receive_one, close_end},
	{"Boost spsc_queue", "Lockfree, in shared memory, push(), pop(); room for 1 MiB", "polls",
		false, false, open_spsc, nullptr, send_one, receive_one, close_end},
	{nullptr, nullptr, nullptr, false, false, nullptr, nullptr, nullptr, nullptr, nullptr},
};
