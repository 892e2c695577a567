/* SPDX-License-Identifier: MIT */
/*
 * What C++ adds to the table of cases: that what ends with an object ends with it, moves,
 * timeouts, views and results.  The argument is a name that nobody uses.  Without exceptions,
 * too.
 */
#include <shmchan.hpp>

#include <algorithm>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using shmchan::errc;
using shmchan::role;

static int checks, failures;

#define CHECK(what)                                                                                \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(what)) {                                                                     \
			failures++;                                                                \
			std::printf("FAIL (line %d): %s\n", __LINE__, #what);                      \
		}                                                                                  \
	} while (0)

static_assert(!std::is_copy_constructible_v<shmchan::channel>);
static_assert(!std::is_copy_constructible_v<shmchan::lease>);
static_assert(!std::is_copy_constructible_v<shmchan::loan>);
static_assert(std::is_nothrow_move_constructible_v<shmchan::channel>);
static_assert(std::is_nothrow_move_assignable_v<shmchan::lease>);
static_assert(!std::is_constructible_v<shmchan::bytes, std::vector<std::string>>);

static void timeouts()
{
	using shmchan::timeout;

	CHECK(timeout(5ms).count() == 5000000);
	CHECK(timeout(0s).count() == 0);
	CHECK(timeout(-1s).count() == 0);
	CHECK(timeout(std::chrono::duration<double, std::nano>(0.25)).count() == 1);
	CHECK(timeout(std::chrono::hours::max()).count() == INT64_MAX);
	CHECK(timeout(std::chrono::nanoseconds::max()).count() == INT64_MAX);
	CHECK(shmchan::forever.count() == CHAN_WAIT);
	CHECK(timeout(std::chrono::steady_clock::now() - 1s).count() == 0);
	CHECK(timeout(std::chrono::steady_clock::now() + 1h).count() > 0);
}

static void errors(const char *name)
{
	auto none = shmchan::channel::open(name, role::send);

	CHECK(!none && none.error() == errc::absent && none.error() != errc::closed);
	CHECK(none.error().text() == std::string(chan_strerror(ENOENT)));
	std::error_code code = none.error();
	CHECK(code == errc::absent && code == std::errc::no_such_file_or_directory);
	CHECK(code.message() == chan_strerror(ENOENT));
	auto invalid = shmchan::create(name, shmchan::options().capacity(4096).max_message(65536));
	CHECK(!invalid && invalid.error() == errc::invalid);
	CHECK(invalid.error().message().find("max_message: ") != std::string::npos);
	invalid = shmchan::create(name, shmchan::options().dead_letter(std::string(256, 'x')));
	CHECK(!invalid && invalid.error().message().find("dead_letter: ") != std::string::npos);
	CHECK(shmchan::footprint().value_or(0) > 1 << 20);
#ifdef __cpp_exceptions
	try {
		none.value();
		CHECK(false); /* an error has no value */
	} catch (const std::system_error &e) {
		CHECK(e.code() == errc::absent);
	}
#endif
}

static void messages(shmchan::channel &tx, shmchan::channel &rx)
{
	struct point {
		int x, y;
	} p = {1, 2};
	std::vector<int> numbers = {1, 2, 3};
	std::string text = "text";
	std::vector<std::byte> got;

	CHECK(tx.send("literal") && tx.send(text) && tx.send(std::string_view("view")));
	CHECK(tx.send(numbers) && tx.send(shmchan::bytes::of(p)) && tx.send({}));
	for (const char *s : {"literal", "text", "view"})
		CHECK(rx.receive_to(text, 1min) && text == s);
	CHECK(rx.receive_to(got) && got.size() == 3 * sizeof(int));
	auto l = rx.take();
	CHECK(l && l->data().as<point>() && l->data().as<point>()->y == 2);
	CHECK(l && !l->data().as<char>() && l->ack());
	CHECK(rx.receive_to(got) && got.empty());
	CHECK(tx.send(std::string(100000, 'x')) && rx.receive_to(text) && text.size() == 100000);
	CHECK(rx.receive_to(text, 10ms).error() == errc::timeout && text.empty());
}

static void leases(shmchan::channel &tx, shmchan::channel &rx)
{
	CHECK(tx.send("one"));
	{
		auto l = rx.take();
		CHECK(l && l->attempt() == 1);
	} /* it ends without ack() */
	shmchan::lease kept;
	CHECK(!kept && kept.ack().error() == errc::stale);
	{
		auto l = rx.take();
		CHECK(l && l->attempt() == 2 && l->data().text() == "one");
		kept = std::move(*l);
		CHECK(!*l);
	} /* what was moved away does not end it */
	CHECK(kept && rx.stat()->depth == 1 && kept.ack() && !kept);
	CHECK(rx.stat()->depth == 0);
	CHECK(tx.send("two") && tx.send("three"));
	kept = std::move(*rx.take());
	kept = std::move(*rx.take()); /* "two" goes back */
	CHECK(kept.data().text() == "three" && kept.ack());
	kept = std::move(*rx.take());
	CHECK(kept.data().text() == "two" && kept.attempt() == 2 && kept.ack());
#ifdef __cpp_exceptions
	CHECK(tx.send("four"));
	try {
		auto l = rx.take();
		throw l->attempt();
	} catch (std::uint32_t) {
	}
	kept = std::move(*rx.take());
	CHECK(kept.attempt() == 2 && kept.ack());
#endif
}

static void loans(shmchan::channel &tx, shmchan::channel &rx)
{
	{
		auto l = tx.reserve(100);
		CHECK(l && l->data().size() == 100);
	} /* it ends without commit() */
	CHECK(tx.stat()->depth == 0 && tx.send("after"));
	CHECK(rx.take()->ack());
	auto l = tx.reserve(100);
	CHECK(l && !l->commit(101)); /* too long: it goes on */
	std::memcpy(l->data().data(), "hello", 5);
	shmchan::loan moved = std::move(*l);
	CHECK(!l->commit(5));
	CHECK(*moved.commit(5) == shmchan::sent::committed && !moved.commit(5));
	auto got = rx.take();
	CHECK(got->data().text() == "hello" && got->ack());
}

static void ends(shmchan::channel &tx, const char *name)
{
	auto opened = shmchan::channel::open(name, role::receive);
	shmchan::channel rx = std::move(*opened);

	CHECK(!*opened && rx && tx.stat()->receivers == 2);
	rx = shmchan::channel();
	CHECK(tx.stat()->receivers == 1);
	rx = std::move(*shmchan::channel::open(name, role::receive));
	std::thread waits([&rx] { CHECK(rx.take(1min).error() == errc::interrupted); });
	auto nobody_waits = [&tx] {
		auto all = tx.endpoints();
		return std::none_of(all->begin(), all->end(),
			[](const shmchan::endpoint &e) { return e.waiting != 0; });
	};
	while (nobody_waits())
		std::this_thread::yield();
	rx.interrupt();
	waits.join();
	rx.interrupt(false);
	CHECK(tx.pause() && tx.send("x") && rx.take(shmchan::no_wait).error() == errc::again);
	CHECK(tx.pause(false) && rx.take()->ack());
	CHECK(*rx.fd(role::receive) >= 3);
	CHECK(tx.send("last") && tx.close());
	int n = 0;
	auto all = rx.messages();
	for (shmchan::bytes m : all)
		n += m.text() == "last";
	CHECK(n == 1 && all.error() == errc::closed);
}

static void sets(shmchan::channel &tx, shmchan::channel &rx)
{
	auto made = shmchan::set::create();
	shmchan::set set, other;

	CHECK(!set && made && *made);
	set = std::move(*made);
	CHECK(set && !*made);
	CHECK(set.add(rx, role::receive) && set.add(tx, role::send));
	CHECK(set.add(rx, role::send).error() == errc::wrong_role);
	auto ready = set.wait();
	CHECK(ready && ready->size() == 1 && ready->front().channel == &tx &&
		ready->front().role == role::send);
	CHECK(set.remove(tx, role::send) && set.remove(tx, role::send).error() == errc::absent);
	CHECK(set.wait(shmchan::no_wait).error() == errc::again);
	CHECK(set.wait(1ms).error() == errc::timeout);
	CHECK(*set.fd() >= 3);
	CHECK(tx.send("m"));
	ready = set.wait(1min);
	CHECK(ready && ready->size() == 1 && ready->front().channel == &rx);
	CHECK(rx.take(shmchan::no_wait)->ack());
	CHECK(rx.subscribers() && rx.subscribers()->empty());
}

int main(int, char **argv)
{
	const char *name = argv[1];

	timeouts();
	errors(name);
	auto tx = shmchan::channel::open(name, role::send | role::create);
	auto rx = shmchan::channel::open(std::string(name), role::receive);
	if (!tx || !rx)
		return 2;
	auto names = shmchan::list();
	CHECK(names && std::count(names->begin(), names->end(), name) == 1);
	messages(*tx, *rx);
	leases(*tx, *rx);
	loans(*tx, *rx);
	sets(*tx, *rx);
	ends(*tx, name);
	CHECK(shmchan::remove(name) && shmchan::remove(name).error() == errc::absent);
	std::printf("%d checks, %d failed, library %s\n", checks, failures, shmchan::version());
	return failures > 0;
}
