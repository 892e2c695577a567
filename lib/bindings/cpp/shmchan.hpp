/* SPDX-License-Identifier: MIT */
/*
 * shmchan for C++17: a header over shmchan.h, with nothing to compile or link but libshmchan.
 *
 *     auto tx = shmchan::channel::open("jobs", shmchan::role::send | shmchan::role::create);
 *     if (!tx)
 *             std::cerr << tx.error().message() << '\n';
 *     tx->send("sweep", 10s);
 *
 * What the calls mean, and what is promised when a process is killed, is in shmchan.h and
 * shmchan(7); the names here are the same, without chan_.  No function throws by itself, and
 * all of it compiles with -fno-exceptions: what may fail returns a `result`, which is true if
 * there is a value.  An endpoint, a lease and a loan are objects that are moved and not
 * copied, and whose end is that of the thing: the channel is left, the message goes back, the
 * reservation is dropped.
 *
 * Threads, as in shmchan.h: any number may use one channel at once, but not while it is moved
 * or ends.  A lease or a loan belongs to one thread at a time, a loan to the one that made it.
 */
#ifndef SHMCHAN_HPP
#define SHMCHAN_HPP

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

/* The C library has functions that are named as their structures are. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include <shmchan.h>
#pragma GCC diagnostic pop

#if CHAN_VERSION_MAJOR == 0 && CHAN_VERSION_MINOR < 2
#error "shmchan.hpp needs shmchan 0.2 or newer: the shmchan.h that was found is older"
#endif

namespace shmchan
{

/* ---- errors ---- */

/* The errors that a program asks for by name; the others have their errno value. */
enum class errc : int {
	again = EAGAIN, /* full or empty, and the timeout was 0 */
	timeout = ETIMEDOUT,
	closed = EPIPE,
	removed = EIDRM,
	too_large = EMSGSIZE,
	busy = EBUSY,
	exists = EEXIST,
	absent = ENOENT,
	invalid = EINVAL,
	wrong_role = EBADF,
	stale = ESTALE,
	canceled = ECANCELED,
	interrupted = EINTR,
	damaged = EBADMSG,
	reset = ECONNRESET, /* a request's server died */
	lost = EOVERFLOW,   /* a subscriber lost messages; size() is how many */
	denied = EACCES,
};

/* The category of the library's errors, whose texts are those of chan_strerror(). */
inline const std::error_category &category() noexcept
{
	struct texts : std::error_category {
		const char *name() const noexcept override
		{
			return "shmchan";
		}
		std::string message(int err) const override
		{
			return chan_strerror(err);
		}
		std::error_condition default_error_condition(int err) const noexcept override
		{
			return {err, std::generic_category()};
		}
	};
	static const texts instance;
	return instance;
}

/* What a call failed with. */
class failure
{
	int err;
	std::uint64_t about;

      public:
	/* Of a result of the C library, in the thread that has just had it. */
	explicit failure(int result) noexcept : err(-result), about(chan_error_size(result))
	{
	}
	/* Its errno value. */
	int code() const noexcept
	{
		return err;
	}
	/* The size in bytes that it is about, or how many messages are lost, or 0:
	 * chan_error_size(). */
	std::uint64_t size() const noexcept
	{
		return about;
	}
	const char *text() const noexcept
	{
		return chan_strerror(err);
	}
	/* What else is known, until this thread's next call: chan_error_detail(). */
	const char *detail() const noexcept
	{
		return chan_error_detail(err);
	}
	/* The text with the detail; until this thread's next call. */
	std::string message() const
	{
		return *detail() ? std::string(text()) + ": " + detail() : std::string(text());
	}
	operator std::error_code() const noexcept
	{
		return {err, category()};
	}
	friend bool operator==(const failure &e, errc c) noexcept
	{
		return e.err == static_cast<int>(c);
	}
	friend bool operator!=(const failure &e, errc c) noexcept
	{
		return !(e == c);
	}
};

/* A value, or the error in place of it.  value() of an error throws std::system_error, or
 * ends the program where there are no exceptions; the other accessors do not check. */
template <class T> class [[nodiscard]] result
{
	union {
		T good;
		failure bad;
	};
	bool ok;

      public:
	result(T value) noexcept : good(std::move(value)), ok(true)
	{
	}
	result(failure e) noexcept : bad(e), ok(false)
	{
	}
	result(result &&other) noexcept : ok(other.ok)
	{
		if (ok)
			new (&good) T(std::move(other.good));
		else
			new (&bad) failure(other.bad);
	}
	result &operator=(result &&other) noexcept
	{
		if (this != &other) {
			this->~result();
			new (this) result(std::move(other));
		}
		return *this;
	}
	~result()
	{
		if (ok)
			good.~T();
	}
	explicit operator bool() const noexcept
	{
		return ok;
	}
	bool has_value() const noexcept
	{
		return ok;
	}
	T &operator*() noexcept
	{
		return good;
	}
	const T &operator*() const noexcept
	{
		return good;
	}
	T *operator->() noexcept
	{
		return &good;
	}
	const T *operator->() const noexcept
	{
		return &good;
	}
	const failure &error() const noexcept
	{
		return bad;
	}
	T &value()
	{
		if (!ok)
			fail(bad);
		return good;
	}
	T value_or(T other) const
	{
		return ok ? good : std::move(other);
	}

      private:
	[[noreturn]] static void fail(const failure &e)
	{
#ifdef __cpp_exceptions
		throw std::system_error(e, e.detail());
#else
		(void)e;
		std::abort();
#endif
	}
};

/* The same without a value. */
struct nothing {
};
using status = result<nothing>;

namespace detail
{
/* What a result of the C library is here: a value that is 0 or more, or an error. */
template <class T> result<T> value_of(std::int64_t r) noexcept
{
	if (r < 0)
		return failure(static_cast<int>(r));
	return static_cast<T>(r);
}

inline status status_of(int r) noexcept
{
	if (r < 0)
		return failure(r);
	return nothing();
}
} // namespace detail

/* ---- timeouts ---- */

/* How long a call may wait: a duration, which is rounded up, or a deadline; one that has
 * passed does not wait. */
class timeout
{
	std::int64_t ns;

	constexpr explicit timeout(std::int64_t n) noexcept : ns(n)
	{
	}

      public:
	template <class Rep, class Period>
	constexpr timeout(std::chrono::duration<Rep, Period> d) noexcept : ns(0)
	{
		using nanoseconds = std::chrono::duration<double, std::nano>;

		if (d <= d.zero())
			return;
		if (nanoseconds(d).count() >= 9e18)
			ns = INT64_MAX;
		else
			ns = std::chrono::ceil<std::chrono::duration<std::int64_t, std::nano>>(d)
				     .count();
	}
	template <class Clock, class Duration>
	timeout(std::chrono::time_point<Clock, Duration> deadline) noexcept
	    : timeout(deadline - Clock::now())
	{
	}
	static constexpr timeout forever() noexcept
	{
		return timeout(CHAN_WAIT);
	}
	constexpr std::int64_t count() const noexcept
	{
		return ns;
	}
};

inline constexpr timeout forever = timeout::forever();
inline constexpr timeout no_wait = std::chrono::nanoseconds(0);

/* ---- bytes ---- */

/* A view of bytes to send or that were received: std::span<const std::byte>, as C++20 has
 * it.  It is made of anything contiguous whose elements are plain (a string, a vector, an
 * array); a string literal is without its NUL. */
class bytes
{
	iovec v;

	template <class C>
	using if_contiguous = std::enable_if_t<std::is_trivially_copyable_v<
		std::remove_reference_t<decltype(*std::data(std::declval<const C &>()))>>>;

      public:
	constexpr bytes() noexcept : v{nullptr, 0}
	{
	}
	bytes(const void *data, std::size_t size) noexcept : v{const_cast<void *>(data), size}
	{
	}
	bytes(const char *text) noexcept : bytes(text, std::strlen(text))
	{
	}
	template <class C, class = if_contiguous<C>>
	bytes(const C &c) noexcept : bytes(std::data(c), std::size(c) * sizeof(*std::data(c)))
	{
	}
	/* The bytes of an object. */
	template <class T> static bytes of(const T &object) noexcept
	{
		static_assert(std::is_trivially_copyable_v<T>, "its bytes are not the object");
		return {&object, sizeof(object)};
	}
	const std::byte *data() const noexcept
	{
		return static_cast<const std::byte *>(v.iov_base);
	}
	std::size_t size() const noexcept
	{
		return v.iov_len;
	}
	bool empty() const noexcept
	{
		return v.iov_len == 0;
	}
	const std::byte *begin() const noexcept
	{
		return data();
	}
	const std::byte *end() const noexcept
	{
		return data() + size();
	}
	const std::byte &operator[](std::size_t i) const noexcept
	{
		return data()[i];
	}
	std::string_view text() const noexcept
	{
		return {static_cast<const char *>(v.iov_base), v.iov_len};
	}
	/* The object whose bytes these are, if they are as many. */
	template <class T> std::optional<T> as() const noexcept
	{
		static_assert(std::is_trivially_copyable_v<T>, "bytes are not the object");
		T object;

		if (size() != sizeof(object))
			return {};
		std::memcpy(&object, data(), sizeof(object));
		return object;
	}
};

/* The same, of bytes that may be written: room for a message. */
class room
{
	iovec v;

      public:
	constexpr room() noexcept : v{nullptr, 0}
	{
	}
	constexpr room(void *data, std::size_t size) noexcept : v{data, size}
	{
	}
	template <class C,
		class = std::enable_if_t<std::is_trivially_copyable_v<
			std::remove_reference_t<decltype(*std::data(std::declval<C &>()))>>>>
	room(C &c) noexcept : room(std::data(c), std::size(c) * sizeof(*std::data(c)))
	{
	}
	template <class T> static room of(T &object) noexcept
	{
		static_assert(std::is_trivially_copyable_v<T>, "its bytes are not the object");
		return {&object, sizeof(object)};
	}
	std::byte *data() const noexcept
	{
		return static_cast<std::byte *>(v.iov_base);
	}
	std::size_t size() const noexcept
	{
		return v.iov_len;
	}
	std::byte *begin() const noexcept
	{
		return data();
	}
	std::byte *end() const noexcept
	{
		return data() + size();
	}
	std::byte &operator[](std::size_t i) const noexcept
	{
		return data()[i];
	}
	operator bytes() const noexcept
	{
		return {v.iov_base, v.iov_len};
	}
};

/* An array of either is an array of iovec for the C library. */
static_assert(sizeof(bytes) == sizeof(iovec) && sizeof(room) == sizeof(iovec) &&
	      std::is_standard_layout_v<bytes> && std::is_standard_layout_v<room>);

/* ---- what a channel is made with ---- */

enum class role : unsigned {
	observe = 0,
	send = CHAN_SEND,
	receive = CHAN_RECV,
	create = CHAN_CREATE,
	exclusive = CHAN_EXCLUSIVE,
};

constexpr role operator|(role a, role b) noexcept
{
	return static_cast<role>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

enum class kind : std::uint32_t {
	queue = CHAN_KIND_QUEUE,
	rendezvous = CHAN_KIND_RENDEZVOUS,
	latest = CHAN_KIND_LATEST,
	broadcast = CHAN_KIND_BROADCAST,
};

/* What becomes of a subscriber of a broadcast that lags too far behind. */
enum class on_lag : std::uint32_t {
	as_the_channel = CHAN_LAG_DEFAULT,
	block = CHAN_LAG_BLOCK,
	lose = CHAN_LAG_LOSE,
	evict = CHAN_LAG_EVICT,
};

enum class overflow : std::uint32_t {
	block = CHAN_BLOCK,
	fail = CHAN_FAIL,
	drop_newest = CHAN_DROP_NEWEST,
	drop_oldest = CHAN_DROP_OLDEST,
};

/* The options of a channel: options().capacity(65536).end_with_senders(). */
class options
{
	chan_options opt{};

	options &flag(std::uint32_t f, bool on) noexcept
	{
		opt.flags = on ? opt.flags | f : opt.flags & ~f;
		return *this;
	}

      public:
	options() noexcept
	{
		opt.size = sizeof(opt);
	}
	options &capacity(std::uint64_t bytes) noexcept
	{
		opt.capacity = bytes;
		return *this;
	}
	options &max_message(std::uint32_t bytes) noexcept
	{
		opt.max_message = bytes;
		return *this;
	}
	options &overflow(shmchan::overflow policy) noexcept
	{
		opt.overflow = static_cast<std::uint32_t>(policy);
		return *this;
	}
	options &mode(std::uint32_t bits) noexcept
	{
		opt.mode = bits;
		return *this;
	}
	options &endpoints(std::uint32_t most) noexcept
	{
		opt.endpoints = most;
		return *this;
	}
	options &kind(shmchan::kind k) noexcept
	{
		opt.kind = static_cast<std::uint32_t>(k);
		return *this;
	}
	/* The name goes with the last endpoint, or so much later. */
	options &ref(std::chrono::nanoseconds linger = {}) noexcept
	{
		opt.lifetime = CHAN_REF;
		opt.linger = static_cast<std::uint64_t>(linger.count());
		return *this;
	}
	options &end_with_senders(bool on = true) noexcept
	{
		return flag(CHAN_END_WITH_SENDERS, on);
	}
	options &need_receivers(bool on = true) noexcept
	{
		return flag(CHAN_NEED_RECEIVERS, on);
	}
	/* Each message has a header: class meta. */
	options &meta(bool on = true) noexcept
	{
		return flag(CHAN_META, on);
	}
	options &type(std::uint64_t number) noexcept
	{
		opt.type = number;
		return *this;
	}
	/* A queue that grows up to so many bytes; CHAN_UNBOUNDED: half of /dev/shm. */
	options &max_capacity(std::uint64_t bytes) noexcept
	{
		opt.max_capacity = bytes;
		return *this;
	}
	/* So many queues in one, by CHAN_BY_KEY or CHAN_BY_PRIORITY; this implies meta(). */
	options &lanes(std::uint32_t n, std::uint32_t by = CHAN_BY_KEY) noexcept
	{
		opt.lanes = n;
		opt.lane_by = by;
		return *this;
	}
	/* A message whose id one of the last n messages had is not sent again, which is a success;
	 * this needs meta(). */
	options &dedup(std::uint32_t n, std::chrono::nanoseconds age = {}) noexcept
	{
		opt.dedup = n;
		opt.dedup_age = static_cast<std::uint64_t>(age.count());
		return *this;
	}
	/* The channel for messages that nobody can use.  A name that is too long has no NUL, so the
	 * library refuses it. */
	options &dead_letter(std::string_view name) noexcept
	{
		std::memset(opt.dead_letter, 0, sizeof(opt.dead_letter));
		if (!name.empty())
			std::memcpy(opt.dead_letter, name.data(),
				std::min(name.size(), sizeof(opt.dead_letter)));
		return *this;
	}
	/* After so many deliveries workers give a message up. */
	options &max_deliver(std::uint32_t n) noexcept
	{
		opt.max_deliver = n;
		return *this;
	}
	/* Of a broadcast: its subscribers that don't say; the patience is for evict. */
	options &on_lag(shmchan::on_lag policy, std::chrono::nanoseconds patience = {}) noexcept
	{
		opt.on_lag = static_cast<std::uint32_t>(policy);
		opt.patience = static_cast<std::uint64_t>(patience.count());
		return *this;
	}
	/* Of a broadcast: no subscriber may hold the ring for ever. */
	options &forbid_block(bool on = true) noexcept
	{
		return flag(CHAN_FORBID_BLOCK, on);
	}
	options &groups(std::uint32_t most) noexcept
	{
		opt.groups = most;
		return *this;
	}
	const chan_options *native() const noexcept
	{
		return &opt;
	}
};

/* How to subscribe to a broadcast: subscription().oldest().on_lag(shmchan::on_lag::lose).
 * Without more it begins with the next message. */
class subscription
{
	friend class channel;
	chan_subscription how{};
	std::string group_name;

	subscription &from(std::uint32_t where, std::uint64_t start) noexcept
	{
		how.from = where;
		how.start = start;
		return *this;
	}

      public:
	subscription() noexcept
	{
		how.size = sizeof(how);
	}
	subscription &oldest() noexcept
	{
		return from(CHAN_FROM_OLDEST, 0);
	}
	/* With the last n messages. */
	subscription &last(std::uint64_t n) noexcept
	{
		return from(CHAN_FROM_LAST, n);
	}
	/* With the message of that number. */
	subscription &seq(std::uint64_t number) noexcept
	{
		return from(CHAN_FROM_SEQ, number);
	}
	/* With what was sent from then on. */
	subscription &since(std::chrono::system_clock::time_point t) noexcept
	{
		auto ns =
			std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch());
		return from(CHAN_FROM_TIME, static_cast<std::uint64_t>(ns.count()));
	}
	/* If that is not kept any more, with the oldest. */
	subscription &or_oldest() noexcept
	{
		how.flags |= CHAN_OR_OLDEST;
		return *this;
	}
	subscription &on_lag(
		shmchan::on_lag policy, std::chrono::nanoseconds patience = {}) noexcept
	{
		how.on_lag = static_cast<std::uint32_t>(policy);
		how.patience = static_cast<std::uint64_t>(patience.count());
		return *this;
	}
	/* The group whose place it is, which may be unused for so long before it expires; 0:
	 * for ever. */
	subscription &group(std::string name, std::chrono::nanoseconds age = {})
	{
		group_name = std::move(name);
		how.group_age = static_cast<std::uint64_t>(age.count());
		return *this;
	}
	/* If the group has expired, make it anew. */
	subscription &renew_group() noexcept
	{
		how.flags |= CHAN_RENEW_GROUP;
		return *this;
	}
};

/* ---- headers ---- */

/* The header of a message: meta().key("k").put("color", "red"). */
class meta
{
	friend class channel;
	friend class lease;
	chan_meta raw;

      public:
	meta() noexcept
	{
		chan_meta_init(&raw);
	}
	/* The first CHAN_KEY_MAX bytes are the key. */
	meta &key(std::string_view k) noexcept
	{
		raw.flags |= CHAN_META_HAS_KEY;
		raw.key_length =
			static_cast<std::uint32_t>(std::min<std::size_t>(k.size(), CHAN_KEY_MAX));
		std::memcpy(raw.key, k.data(), raw.key_length);
		return *this;
	}
	/* 0 to 7 */
	meta &priority(std::uint8_t p) noexcept
	{
		raw.flags |= CHAN_META_HAS_PRIORITY;
		raw.priority = p;
		return *this;
	}
	/* From which a channel that remembers ids sees duplicates. */
	meta &id(const std::array<std::uint8_t, 16> &i) noexcept
	{
		raw.flags |= CHAN_META_HAS_ID;
		std::memcpy(raw.id, i.data(), i.size());
		return *this;
	}
	/* Carry a key or a priority that decides nothing in this channel, as a copy does. */
	meta &keep() noexcept
	{
		raw.flags |= CHAN_META_KEEP;
		return *this;
	}
	/* Nobody gets it later than so long after it was sent. */
	meta &ttl(std::chrono::nanoseconds t) noexcept
	{
		raw.ttl = t.count();
		return *this;
	}
	/* Nobody gets it before that. */
	meta &delay(std::chrono::nanoseconds t) noexcept
	{
		raw.delay = t.count();
		return *this;
	}
	/* Of a request: it must not be delivered twice. */
	meta &once() noexcept
	{
		raw.flags |= CHAN_META_ONCE;
		return *this;
	}
	/* Of a reply: */
	meta &status(std::int32_t s) noexcept
	{
		raw.status = s;
		return *this;
	}
	/* Others follow. */
	meta &more() noexcept
	{
		raw.flags |= CHAN_META_MORE;
		return *this;
	}
	std::int32_t status() const noexcept
	{
		return raw.status;
	}
	bool has_more() const noexcept
	{
		return raw.flags & CHAN_META_MORE;
	}
	/* Set a pair, in place of one of that name. */
	shmchan::status put(const char *name, const char *value) noexcept
	{
		return detail::status_of(chan_meta_put(&raw, name, value));
	}
	std::optional<std::string_view> key() const noexcept
	{
		if (!(raw.flags & CHAN_META_HAS_KEY))
			return {};
		return std::string_view(raw.key, raw.key_length);
	}
	std::optional<unsigned> priority() const noexcept
	{
		if (!(raw.flags & CHAN_META_HAS_PRIORITY))
			return {};
		return raw.priority;
	}
	/* The value of a pair, or nullptr. */
	const char *get(const char *name) const noexcept
	{
		return chan_meta_get(&raw, name);
	}
	/* Call f(name, value) for each pair. */
	template <class F> void pairs(F f) const
	{
		const char *at = raw.header, *end = at + raw.header_length;

		while (at < end) {
			std::string_view pair = at;
			auto equals = pair.find('=');

			f(pair.substr(0, equals), pair.substr(equals + 1));
			at += pair.size() + 1;
		}
	}
	/* All of it, and what is received with it: who sent it when. */
	chan_meta &native() noexcept
	{
		return raw;
	}
	const chan_meta &native() const noexcept
	{
		return raw;
	}
};

/* ---- leases and loans ---- */

/* What became of a message that was sent. */
enum class sent {
	committed,
	dropped, /* by the overflow policy */
};

/* A message taken under a lease.  If it ends without ack(), the message is delivered again
 * (if channel::interrupt() is on, maybe not before the endpoint is left).  It must not outlive its
 * endpoint. */
class lease
{
	friend class channel;
	friend class choice;
	chan_t *of = nullptr; /* nullptr: it has ended */
	chan_lease raw{};

	template <class How> status settle(How how) noexcept
	{
		if (!of)
			return failure(-ESTALE);
		int r = how(of, &raw, 1);
		if (r == -EINTR || r == -EBADFD)
			return failure(r); /* it is as it was */
		of = nullptr;
		if (r < 0)
			return failure(r);
		return nothing();
	}

      public:
	lease() noexcept = default;
	lease(lease &&other) noexcept : of(std::exchange(other.of, nullptr)), raw(other.raw)
	{
	}
	lease &operator=(lease &&other) noexcept
	{
		if (this != &other) {
			end();
			of = std::exchange(other.of, nullptr);
			raw = other.raw;
		}
		return *this;
	}
	~lease()
	{
		end();
	}
	/* True while it lasts. */
	explicit operator bool() const noexcept
	{
		return of;
	}
	/* The message, where it is.  The peers can write there: copy what you check. */
	bytes data() const noexcept
	{
		return {raw.data, raw.len};
	}
	std::uint64_t seq() const noexcept
	{
		return raw.seq;
	}
	/* 1 on the first delivery. */
	std::uint32_t attempt() const noexcept
	{
		return raw.attempt;
	}
	/* Its header, in a channel with headers. */
	result<shmchan::meta> meta() const noexcept
	{
		shmchan::meta m;
		int r = of ? chan_lease_meta(of, &raw, &m.raw) : -ESTALE;

		if (r < 0)
			return failure(r);
		return m;
	}
	/* Reply to a request; the last reply, which does not say more(), ends the lease. */
	result<sent> reply(bytes message, const shmchan::meta &m = shmchan::meta(),
		timeout t = forever) noexcept
	{
		int r = of ? chan_reply(of, &raw, message.data(), message.size(), &m.raw, t.count())
			   : -ESTALE;

		if (r < 0)
			return failure(r);
		if (!m.has_more())
			of = nullptr;
		return r == CHAN_DROPPED ? sent::dropped : sent::committed;
	}
	/* Is a request still worth a reply? */
	result<bool> wanted() const noexcept
	{
		return detail::value_of<bool>(of ? chan_wanted(of, &raw) : -ESTALE);
	}
	/* The message is done with. */
	status ack() noexcept
	{
		return settle(chan_ack);
	}
	/* It is set aside, and nobody gets it until somebody kicks it. */
	status bury() noexcept
	{
		return settle(chan_bury);
	}
	/* It goes back, and nobody gets it before so long; in a channel with headers. */
	status release_after(std::chrono::nanoseconds delay) noexcept
	{
		return settle([delay](chan_t *ch, const chan_lease *l, unsigned n) {
			return chan_release_after(ch, l, n, delay.count());
		});
	}
	/* The message goes back, to be delivered again; without untake(), that counts. */
	status release() noexcept
	{
		return settle(chan_release);
	}
	status untake() noexcept
	{
		return settle(chan_untake);
	}

      private:
	void end() noexcept
	{
		if (of)
			chan_release(of, &raw, 1);
		of = nullptr;
	}
};

/* A place in the ring for a message.  If it ends without commit(), nothing is sent.  It
 * belongs to the thread that reserved it, and must not outlive its endpoint. */
class loan
{
	friend class channel;
	chan_t *of;
	room place;

	loan(chan_t *ch, void *data, std::size_t size) noexcept : of(ch), place(data, size)
	{
	}

      public:
	loan(loan &&other) noexcept : of(std::exchange(other.of, nullptr)), place(other.place)
	{
	}
	loan &operator=(loan &&) = delete;
	~loan()
	{
		abort();
	}
	room data() const noexcept
	{
		return place;
	}
	/* Send the first `size` bytes of it. */
	result<sent> commit(std::size_t size) noexcept
	{
		int r = of ? chan_commit(of, size) : -EINVAL;

		if (r == -EINVAL || r == -EPERM)
			return failure(r); /* it is as it was */
		of = nullptr;
		if (r < 0)
			return failure(r);
		return r == CHAN_DROPPED ? sent::dropped : sent::committed;
	}
	void abort() noexcept
	{
		if (of)
			chan_abort(of);
		of = nullptr;
	}
};

/* ---- an endpoint ---- */

/* A channel's state, an endpoint as it registered itself, and a subscriber of a broadcast or
 * a group. */
using state = struct ::chan_stat;
using endpoint = struct ::chan_endpoint;
using subscriber = struct ::chan_subscriber;

class channel
{
	chan_t *ch = nullptr;

	explicit channel(chan_t *c) noexcept : ch(c)
	{
	}

      public:
	/* One that is none, to be assigned to. */
	channel() noexcept = default;
	channel(channel &&other) noexcept : ch(std::exchange(other.ch, nullptr))
	{
	}
	channel &operator=(channel &&other) noexcept
	{
		if (this != &other)
			chan_detach(std::exchange(ch, std::exchange(other.ch, nullptr)));
		return *this;
	}
	~channel()
	{
		chan_detach(ch);
	}

	/* Open an endpoint; the options are used if role::create makes the channel. */
	static result<channel> open(
		const char *name, role flags, const options &opt = options()) noexcept
	{
		chan_t *ch;
		int r = chan_open(&ch, name, static_cast<unsigned>(flags),
			(static_cast<unsigned>(flags) & CHAN_CREATE) ? opt.native() : nullptr);

		if (r < 0)
			return failure(r);
		return channel(ch);
	}
	static result<channel> open(
		const std::string &name, role flags, const options &opt = options()) noexcept
	{
		return open(name.c_str(), flags, opt);
	}
	/* Open an endpoint of a broadcast to receive.  A call that finds that messages are lost
	 * fails with errc::lost, once, and the next one goes on. */
	static result<channel> subscribe(
		const char *name, const subscription &s = subscription()) noexcept
	{
		chan_subscription how = s.how;
		chan_t *ch;

		how.group = s.group_name.empty() ? nullptr : s.group_name.c_str();
		int r = chan_subscribe(&ch, name, &how);
		if (r < 0)
			return failure(r);
		return channel(ch);
	}
	explicit operator bool() const noexcept
	{
		return ch;
	}
	/* The handle of the C library, for what is not here. */
	chan_t *native() const noexcept
	{
		return ch;
	}
	void detach() noexcept
	{
		chan_detach(std::exchange(ch, nullptr));
	}

	/* End the channel for everybody: receivers get what is left. */
	status close() noexcept
	{
		return detail::status_of(chan_close(ch, CHAN_DRAIN));
	}
	/* The same, and receivers get nothing more. */
	status discard() noexcept
	{
		return detail::status_of(chan_close(ch, CHAN_DISCARD));
	}

	result<sent> send(bytes message, timeout t = forever) noexcept
	{
		int r = chan_send(ch, message.data(), message.size(), t.count());

		if (r < 0)
			return failure(r);
		return r == CHAN_DROPPED ? sent::dropped : sent::committed;
	}
	/* Send with a header, in a channel with headers. */
	result<sent> send(bytes message, const shmchan::meta &m, timeout t = forever) noexcept
	{
		int r = chan_send_meta(ch, message.data(), message.size(), &m.raw, t.count());

		if (r < 0)
			return failure(r);
		return r == CHAN_DROPPED ? sent::dropped : sent::committed;
	}
	/* Receive, and set the header. */
	result<std::size_t> receive(room buffer, shmchan::meta &m, timeout t = forever) noexcept
	{
		return detail::value_of<std::size_t>(
			chan_recv_meta(ch, buffer.data(), buffer.size(), &m.raw, t.count()));
	}
	/* Send a request, and return its number. */
	result<std::uint64_t> request(bytes message, const shmchan::meta &m = shmchan::meta(),
		timeout t = forever) noexcept
	{
		std::uint64_t number;
		int r = chan_request(
			ch, message.data(), message.size(), &m.raw, t.count(), &number);

		if (r < 0)
			return failure(r);
		if (r > 0) /* dropped, or sent before, as its id says: no reply comes */
			return failure(-ECANCELED);
		return number;
	}
	/* Receive a reply to the request of that number, or to any if it is 0; `m`, which becomes
	 * its header, says if there are more. */
	result<std::size_t> response(
		std::uint64_t number, room buffer, shmchan::meta &m, timeout t = forever) noexcept
	{
		return detail::value_of<std::size_t>(
			chan_response(ch, number, buffer.data(), buffer.size(), &m.raw, t.count()));
	}
	/* Send a request with the header and receive its reply, whose header `m` then is. */
	result<std::size_t> call(
		bytes message, room buffer, shmchan::meta &m, timeout t = forever) noexcept
	{
		return detail::value_of<std::size_t>(chan_call(ch, message.data(), message.size(),
			buffer.data(), buffer.size(), &m.raw, t.count()));
	}
	/* Forget a request: true if nobody gets it. */
	result<bool> cancel(std::uint64_t number) noexcept
	{
		return detail::value_of<bool>(chan_cancel(ch, number));
	}
	/* Send a prefix of n messages, with one store, and return how many. */
	result<std::size_t> send(const bytes *messages, std::size_t n, timeout t = forever) noexcept
	{
		return detail::value_of<std::size_t>(chan_send_batch(
			ch, reinterpret_cast<const iovec *>(messages), number(n), t.count()));
	}
	/* Receive into a buffer, and return the message's length.  If it is too long, it stays,
	 * and the error's size() is its length. */
	result<std::size_t> receive(room buffer, timeout t = forever) noexcept
	{
		return detail::value_of<std::size_t>(
			chan_recv(ch, buffer.data(), buffer.size(), t.count()));
	}
	/* Receive 1 to n messages, and return how many; each room becomes its message. */
	result<std::size_t> receive(room *buffers, std::size_t n, timeout t = forever) noexcept
	{
		return detail::value_of<std::size_t>(chan_recv_batch(
			ch, reinterpret_cast<iovec *>(buffers), number(n), t.count()));
	}
	/* Receive into a container, a std::string or a std::vector<std::byte> for example, which
	 * is made as long as the message. */
	template <class Container> status receive_to(Container &buffer, timeout t = forever)
	{
		static_assert(sizeof(*std::data(buffer)) == 1, "a container of bytes");
		auto start = std::chrono::steady_clock::now();

		/* What is added is filled with zeros, so not much at once. */
		buffer.resize(std::min<std::size_t>(buffer.capacity(), 4096));
		for (;;) {
			auto r = receive(room(buffer), left(t, start));
			if (!r && r.error() == errc::too_large) {
				buffer.resize(static_cast<std::size_t>(r.error().size()));
				continue;
			}
			buffer.resize(r ? *r : 0);
			if (r)
				return nothing();
			return r.error();
		}
	}

	/* Take a message under a lease. */
	result<lease> take(timeout t = forever) noexcept
	{
		lease l;
		int r = chan_take(ch, &l.raw, 1, t.count());

		if (r < 0)
			return failure(r);
		l.of = ch;
		return l;
	}
	/* Reserve a place of `size` bytes.  Other senders wait until it is sent or dropped. */
	result<loan> reserve(std::size_t size, timeout t = forever) noexcept
	{
		void *data;
		int r = chan_reserve(ch, &data, size, t.count());

		if (r < 0)
			return failure(r);
		return loan(ch, data, size);
	}

	/* Copy the message at or after the cursor, and move that behind it. */
	result<std::size_t> peek(room buffer, chan_cursor &at) noexcept
	{
		return detail::value_of<std::size_t>(
			chan_peek(ch, buffer.data(), buffer.size(), &at));
	}
	/* Make buried messages ready again, the oldest ones, so many at most: how many. */
	result<std::int64_t> kick(std::uint64_t most = UINT64_MAX) noexcept
	{
		return detail::value_of<std::int64_t>(chan_kick(ch, most));
	}
	result<std::int64_t> purge() noexcept
	{
		return detail::value_of<std::int64_t>(chan_purge(ch));
	}
	result<int> recover() noexcept
	{
		return detail::value_of<int>(chan_recover(ch));
	}
	status set_overflow(overflow policy) noexcept
	{
		return detail::status_of(chan_set_overflow(ch, static_cast<unsigned>(policy)));
	}
	/* Remove a group of a broadcast, which nobody uses. */
	status remove_group(const char *group) noexcept
	{
		return detail::status_of(chan_remove_group(ch, group));
	}
	status pause(bool on = true) noexcept
	{
		return detail::status_of(chan_pause(ch, on));
	}
	void interrupt(bool on = true) noexcept
	{
		chan_interrupt(ch, on);
	}
	/* A descriptor for event loops, readable while the next call of that role, which must
	 * not wait, may go on.  It belongs to the endpoint. */
	result<int> fd(role r) noexcept
	{
		return detail::value_of<int>(chan_fd(ch, static_cast<unsigned>(r)));
	}
	result<state> stat() const noexcept
	{
		state st{};

		st.size = sizeof(st);
		int r = ::chan_stat(ch, &st);
		if (r < 0)
			return failure(r);
		return st;
	}
	result<std::vector<endpoint>> endpoints() const
	{
		return listed<endpoint>(chan_endpoints);
	}
	/* The live subscribers and the groups of a broadcast. */
	result<std::vector<subscriber>> subscribers() const
	{
		return listed<subscriber>(chan_subscribers);
	}

	/* What is received until the channel ends: for (shmchan::bytes job : rx.messages()).
	 * The view is good until the next step; afterwards error() of the range says how it
	 * ended, errc::closed as a rule. */
	class sequence;
	sequence messages();

      private:
	template <class T>
	result<std::vector<T>> listed(int (*get)(const chan_t *, T *, unsigned)) const
	{
		std::vector<T> list(16);

		for (;;) {
			int r = get(ch, list.data(), static_cast<unsigned>(list.size()));
			if (r < 0)
				return failure(r);
			bool all = static_cast<std::size_t>(r) <= list.size();
			list.resize(static_cast<std::size_t>(r));
			if (all)
				return list;
		}
	}
	static unsigned number(std::size_t n) noexcept
	{
		return n > UINT32_MAX ? UINT32_MAX : static_cast<unsigned>(n);
	}
	static timeout left(timeout t, std::chrono::steady_clock::time_point start) noexcept
	{
		if (t.count() <= 0 || t.count() == INT64_MAX)
			return t;
		return std::chrono::nanoseconds(t.count()) -
		       (std::chrono::steady_clock::now() - start);
	}
};

class channel::sequence
{
	channel &rx;
	std::vector<std::byte> buffer;
	status last = nothing();

	void step()
	{
		last = rx.receive_to(buffer);
	}

      public:
	explicit sequence(channel &c) : rx(c)
	{
	}

	class iterator
	{
		sequence *of;

	      public:
		using iterator_category = std::input_iterator_tag;
		using value_type = bytes;
		using difference_type = std::ptrdiff_t;
		using pointer = const bytes *;
		using reference = bytes;

		explicit iterator(sequence *s) noexcept : of(s)
		{
		}
		bytes operator*() const noexcept
		{
			return of->buffer;
		}
		iterator &operator++()
		{
			of->step();
			if (!of->last)
				of = nullptr;
			return *this;
		}
		bool operator!=(const iterator &other) const noexcept
		{
			return of != other.of;
		}
		bool operator==(const iterator &other) const noexcept
		{
			return of == other.of;
		}
	};
	iterator begin()
	{
		return ++iterator(this);
	}
	iterator end() noexcept
	{
		return iterator(nullptr);
	}
	/* How it ended. */
	const failure &error() const noexcept
	{
		return last.error();
	}
};

inline channel::sequence channel::messages()
{
	return sequence(*this);
}

/* ---- waiting for several ---- */

/* A case of select(): choice::receive(rx, buffer), choice::take(rx, lease),
 * choice::send(tx, message).  What it names has to be there until select() returns. */
class choice
{
	friend result<struct chosen> select(choice *, std::size_t, timeout, unsigned);
	chan_case raw{};
	lease *to = nullptr;

	choice(channel &ch, std::uint32_t op, void *data, std::size_t len) noexcept
	{
		raw.size = sizeof(raw);
		raw.op = op;
		raw.ch = ch.native();
		raw.data = data;
		raw.len = len;
	}

      public:
	static choice receive(channel &ch, room buffer) noexcept
	{
		return {ch, CHAN_OP_RECV, buffer.data(), buffer.size()};
	}
	static choice send(channel &ch, bytes message) noexcept
	{
		return {ch, CHAN_OP_SEND, const_cast<std::byte *>(message.data()), message.size()};
	}
	static choice take(channel &ch, lease &to) noexcept
	{
		to = lease();
		choice c(ch, CHAN_OP_TAKE, &to.raw, 1);
		c.to = &to;
		return c;
	}
	/* After select(): the lease has begun. */
	void begin_lease() noexcept
	{
		if (to && raw.result == 1)
			to->of = raw.ch;
	}
};

/* The case that was executed, and what its call returned: a length, a number of leases, or 0
 * or CHAN_DROPPED of a send. */
struct chosen {
	std::size_t index;
	result<std::size_t> outcome;
};

enum : unsigned {
	biased = CHAN_BIASED,
	only_ready = CHAN_ONLY_READY,
};

/* Wait until one of the cases can go on, and execute it. */
inline result<chosen> select(choice *cases, std::size_t n, timeout t = forever, unsigned flags = 0)
{
	std::array<chan_case, 16> few{};
	std::vector<chan_case> many;
	chan_case *raw = few.data();

	if (n > few.size()) {
		many.resize(n);
		raw = many.data();
	}
	for (std::size_t i = 0; i < n; i++)
		raw[i] = cases[i].raw;
	int r = chan_select(raw, static_cast<unsigned>(n), t.count(), flags);
	if (r < 0)
		return failure(r);
	choice &c = cases[r];
	c.raw.result = raw[r].result;
	c.begin_lease();
	auto index = static_cast<std::size_t>(r);
	if (c.raw.result < 0)
		return chosen{index, failure(static_cast<int>(c.raw.result))};
	return chosen{index, static_cast<std::size_t>(c.raw.result)};
}

inline result<chosen> select(
	std::initializer_list<choice> cases, timeout t = forever, unsigned flags = 0)
{
	std::vector<choice> list(cases);

	return select(list.data(), list.size(), t, flags);
}

/* Many endpoints to wait for; what a wait costs follows what became ready, and not how many
 * there are.  One thread at a time may use it.  An endpoint has to stay while it is in a set. */
class set
{
	chan_set_t *raw = nullptr;

	explicit set(chan_set_t *s) noexcept : raw(s)
	{
	}

      public:
	/* A member that is ready: its next call of that role may go on, without waiting. */
	struct member {
		shmchan::channel *channel;
		shmchan::role role;
	};

	/* One that is none, to be assigned to. */
	set() noexcept = default;
	set(set &&other) noexcept : raw(std::exchange(other.raw, nullptr))
	{
	}
	set &operator=(set &&other) noexcept
	{
		if (this != &other)
			chan_set_destroy(std::exchange(raw, std::exchange(other.raw, nullptr)));
		return *this;
	}
	~set()
	{
		chan_set_destroy(raw);
	}
	static result<set> create() noexcept
	{
		chan_set_t *s;
		int r = chan_set_create(&s);

		if (r < 0)
			return failure(r);
		return set(s);
	}
	explicit operator bool() const noexcept
	{
		return raw;
	}
	/* Add an endpoint, which must not be moved while it is in the set, for a role; for
	 * both, add it twice. */
	status add(channel &ch, role r) noexcept
	{
		return detail::status_of(
			chan_set_add(raw, ch.native(), static_cast<unsigned>(r), &ch));
	}
	status remove(channel &ch, role r) noexcept
	{
		return detail::status_of(
			chan_set_remove(raw, ch.native(), static_cast<unsigned>(r)));
	}
	/* Wait until a member is ready, and return those that are, up to `most`.  A member stays
	 * ready until its calls find nothing. */
	result<std::vector<member>> wait(timeout t = forever, std::size_t most = 64) const
	{
		std::vector<chan_ready> ready(most);
		std::vector<member> members;
		int r = chan_set_wait(raw, ready.data(), static_cast<unsigned>(most), t.count());

		if (r < 0)
			return failure(r);
		ready.resize(static_cast<std::size_t>(r));
		for (const chan_ready &m : ready)
			members.push_back(
				{static_cast<channel *>(m.data), static_cast<role>(m.role)});
		return members;
	}
	/* A descriptor for event loops, readable while wait() may return members.  It belongs to
	 * the set. */
	result<int> fd() noexcept
	{
		return detail::value_of<int>(chan_set_fd(raw));
	}
};

/* ---- channels by name ---- */

inline status create(const char *name, const options &opt = options()) noexcept
{
	return detail::status_of(chan_create(name, opt.native()));
}

inline status remove(const char *name) noexcept
{
	return detail::status_of(chan_remove(name));
}

inline status unlink(const char *name) noexcept
{
	return detail::status_of(chan_unlink(name));
}

/* True if it was removed. */
inline result<bool> collect(const char *name) noexcept
{
	return detail::value_of<bool>(chan_collect(name));
}

inline result<std::int64_t> footprint(const options &opt = options()) noexcept
{
	return detail::value_of<std::int64_t>(chan_footprint(opt.native()));
}

/* The names of all channels. */
inline result<std::vector<std::string>> list()
{
	std::vector<std::string> names;
	int r = chan_list(
		[](const char *name, void *arg) {
			static_cast<std::vector<std::string> *>(arg)->push_back(name);
			return 0;
		},
		&names);

	if (r < 0)
		return failure(r);
	return names;
}

/* The version of the library at run time. */
inline const char *version() noexcept
{
	return chan_version();
}

} // namespace shmchan

template <> struct std::is_error_code_enum<shmchan::errc> : std::true_type {
};

namespace shmchan
{
inline std::error_code make_error_code(errc e) noexcept
{
	return {static_cast<int>(e), category()};
}
} // namespace shmchan

#endif
