/* SPDX-License-Identifier: MIT */
/*
 * iceoryx: an untyped publisher and subscriber, set to block and not to drop.  A message
 * is written into a chunk that is on loan, and read in the chunk that was taken.  The
 * daemon, RouDi, has to run.  Debian: libiceoryx-posh-dev, libiceoryx-hoofs-dev, iceoryx.
 */
#include <algorithm>
#include <chrono>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <memory>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>

#include "peer.h"

struct peer_end {
	std::size_t size;
	bool in_place;
	std::unique_ptr<iox::popo::UntypedPublisher> publisher;
	std::unique_ptr<iox::popo::UntypedSubscriber> subscriber;
	std::unique_ptr<iox::popo::WaitSet<1>> waitset;
};

namespace
{

/* The longest queue that there can be. */
constexpr std::size_t longest = 256;

peer_end *open_end(
	const peer *peer, const char *channel, std::size_t size, bool sending, bool waits)
{
	using iox::capro::IdString_t;
	using namespace iox::popo;
	static const auto &runtime = iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t(
		iox::cxx::TruncateToCapacity, "peers" + std::to_string(getpid())));
	auto end = std::make_unique<peer_end>();
	iox::capro::ServiceDescription service(
		"peers", "bench", IdString_t(iox::cxx::TruncateToCapacity, channel));

	static_cast<void>(runtime);
	end->size = size;
	end->in_place = peer->in_place;
	if (sending) {
		PublisherOptions options;
		options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
		end->publisher = std::make_unique<UntypedPublisher>(service, options);
		while (!end->publisher->hasSubscribers())
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
		return end.release();
	}
	SubscriberOptions options;
	options.queueCapacity = std::min(longest, peer_room(size));
	options.queueFullPolicy = QueueFullPolicy::BLOCK_PRODUCER;
	end->subscriber = std::make_unique<UntypedSubscriber>(service, options);
	if (waits) {
		end->waitset = std::make_unique<WaitSet<1>>();
		end->waitset->attachState(*end->subscriber, SubscriberState::HAS_DATA)
			.or_else([](auto) { peer_fail("attachState"); });
	}
	return end.release();
}

peer_end *open_polling(const peer *peer, const char *channel, std::size_t size, bool sending)
{
	return open_end(peer, channel, size, sending, false);
}

peer_end *open_waiting(const peer *peer, const char *channel, std::size_t size, bool sending)
{
	return open_end(peer, channel, size, sending, true);
}

void send_one(peer_end *end, const void *msg)
{
	auto loan = end->publisher->loan(static_cast<std::uint32_t>(end->size));

	if (loan.has_error())
		peer_fail("loan: error %d", static_cast<int>(loan.get_error()));
	peer_copy(end->in_place, loan.value(), msg, end->size);
	end->publisher->publish(loan.value());
}

/* Receives a message if there is one. */
bool receive_now(peer_end *end, void *buf)
{
	auto taken = end->subscriber->take();

	if (taken.has_error()) {
		if (taken.get_error() != iox::popo::ChunkReceiveResult::NO_CHUNK_AVAILABLE)
			peer_fail("take: error %d", static_cast<int>(taken.get_error()));
		return false;
	}
	peer_copy(end->in_place, buf, taken.value(), end->size);
	end->subscriber->release(taken.value());
	return true;
}

void receive_polling(peer_end *end, void *buf)
{
	while (!receive_now(end, buf))
		if (peer_subscribers > 1) /* they share a CPU, maybe at real-time priority */
			sched_yield();
		else
			peer_pause();
}

void receive_waiting(peer_end *end, void *buf)
{
	while (!receive_now(end, buf))
		end->waitset->wait();
}

/* Once the daemon has told the publisher of this subscriber. */
void join_published(peer_end *end)
{
	while (end->subscriber->getSubscriptionState() != iox::SubscribeState::SUBSCRIBED)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void close_end(peer_end *end)
{
	delete end;
}

} // namespace

#define ROOM "; queue for 256 messages (the most), 16 of 64 KiB"

#define PUBLISHED "publisher that waits for its subscribers; queues as above"

const struct peer peers[] = {
	{"iceoryx", "loan(), publish(), take(), release()" ROOM,
		"receiver polls; sender polls, then sleeps", false, false, open_polling, nullptr,
		send_one, receive_polling, close_end},
	{"iceoryx WaitSet", "the same; a WaitSet when there is nothing to take",
		"receiver sleeps; sender polls, then sleeps", false, false, open_waiting, nullptr,
		send_one, receive_waiting, close_end},
	{"iceoryx in place", "loan(), publish(), take(), release()" ROOM,
		"receiver polls; sender polls, then sleeps", true, false, open_polling, nullptr,
		send_one, receive_polling, close_end},
	{"iceoryx publisher", PUBLISHED, "receivers poll; sender polls, then sleeps", false, true,
		open_polling, join_published, send_one, receive_polling, close_end},
	{"iceoryx publisher, WaitSet", PUBLISHED, "receivers sleep; sender polls, then sleeps",
		false, true, open_waiting, join_published, send_one, receive_waiting, close_end},
	{nullptr, nullptr, nullptr, false, false, nullptr, nullptr, nullptr, nullptr, nullptr},
};
