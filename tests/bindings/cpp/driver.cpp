/* SPDX-License-Identifier: MIT */
/*
 * The driver for C++: it executes the operations that tests/bindings/README.md lists, a line
 * each, and prints the outcome of each.
 */
#include <shmchan.hpp>

#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>

using namespace std::chrono_literals;
using words = std::vector<std::string>;

[[noreturn]] static void give_up(const std::string &why)
{
	std::cerr << why << '\n';
	std::exit(2);
}

struct endpoint {
	shmchan::channel channel;
	std::optional<shmchan::loan> loan;
	std::map<std::string, shmchan::lease> leases;
};

static std::map<std::string, endpoint> endpoints;

static std::map<std::string, shmchan::set> sets;

static endpoint &endpoint_of(const std::string &name)
{
	auto found = endpoints.find(name);

	if (found == endpoints.end())
		give_up("there is no endpoint '" + name + "'");
	return found->second;
}

static endpoint &holder_of(const std::string &lease)
{
	for (auto &[name, e] : endpoints)
		if (e.leases.count(lease))
			return e;
	give_up("there is no lease '" + lease + "'");
}

/* ---- words ---- */

static shmchan::timeout timeout(const std::string &word)
{
	if (word == "wait")
		return shmchan::forever;
	return std::chrono::milliseconds(std::stoll(word));
}

static std::string message(const std::string &word)
{
	std::string all;

	if (word == "-")
		return "";
	if (word == "0..255") {
		for (int i = 0; i < 256; i++)
			all += static_cast<char>(i);
		return all;
	}
	if (word.size() > 2 && word[1] == '*')
		return std::string(std::stoul(word.substr(2)), word[0]);
	return word;
}

static std::string shown(std::string_view m)
{
	auto plain = [](char c) { return c > ' ' && c <= '~'; };

	if (m.empty())
		return "-";
	if (m == message("0..255"))
		return "0..255";
	if (m.find_first_not_of(m[0]) == m.npos && m.size() > 16 && plain(m[0]))
		return m[0] + ("*" + std::to_string(m.size()));
	if (m.size() > 16 || !std::all_of(m.begin(), m.end(), plain))
		return "?" + std::to_string(m.size());
	return std::string(m);
}

/* ---- outcomes ---- */

static std::string outcome(const shmchan::failure &e, const char *again)
{
	using shmchan::errc;
	static const std::map<int, const char *> outcomes = {
		{ETIMEDOUT, "timeout"},
		{EPIPE, "closed"},
		{EIDRM, "removed"},
		{EBUSY, "busy"},
		{EEXIST, "exists"},
		{ENOENT, "absent"},
		{EINVAL, "invalid"},
		{EBADF, "role"},
		{ESTALE, "stale"},
		{ECANCELED, "canceled"},
		{EDEADLK, "deadlock"},
		{EBADMSG, "damaged"},
		{EACCES, "denied"},
		{EPERM, "denied"},
		{ENOTCONN, "detached"},
		{EINTR, "interrupted"},
		{ECONNRESET, "reset"},
	};

	if (e == errc::again)
		return again;
	if (e == errc::too_large)
		return "toolarge " + std::to_string(e.size());
	if (e == errc::lost)
		return "lost " + std::to_string(e.size());
	auto found = outcomes.find(e.code());
	return found == outcomes.end() ? "error " + std::to_string(e.code()) : found->second;
}

static std::string done(const shmchan::status &r)
{
	return r ? "ok" : outcome(r.error(), "empty");
}

static std::string sent(const shmchan::result<shmchan::sent> &r)
{
	if (!r)
		return outcome(r.error(), "full");
	return *r == shmchan::sent::dropped ? "dropped" : "ok";
}

template <class N> static std::string counted(const shmchan::result<N> &r, const char *again)
{
	return r ? "count " + std::to_string(*r) : outcome(r.error(), again);
}

static std::string taken(const shmchan::lease &l)
{
	return "data " + shown(l.data().text()) + ' ' + std::to_string(l.attempt());
}

/* ---- operations ---- */

template <class E>
static E word_of(const std::string &word, const std::map<std::string, E> &meanings)
{
	auto found = meanings.find(word);

	if (found == meanings.end())
		give_up("what is '" + word + "'?");
	return found->second;
}

static shmchan::overflow policy(const std::string &word)
{
	using shmchan::overflow;

	return word_of<overflow>(word,
		{{"block", overflow::block}, {"fail", overflow::fail},
			{"drop-new", overflow::drop_newest}, {"drop-old", overflow::drop_oldest}});
}

static shmchan::on_lag lag(const std::string &word)
{
	using shmchan::on_lag;

	return word_of<on_lag>(
		word, {{"block", on_lag::block}, {"lose", on_lag::lose}, {"evict", on_lag::evict}});
}

static shmchan::options options(const words &w, std::size_t first)
{
	using shmchan::kind;
	shmchan::options opt;

	for (std::size_t i = first; i < w.size(); i++) {
		auto equals = w[i].find('=');
		std::string key = w[i].substr(0, equals);
		std::string value = equals == w[i].npos ? "" : w[i].substr(equals + 1);

		if (key == "capacity")
			opt.capacity(std::stoull(value));
		else if (key == "max-message")
			opt.max_message(static_cast<std::uint32_t>(std::stoul(value)));
		else if (key == "endpoints")
			opt.endpoints(static_cast<std::uint32_t>(std::stoul(value)));
		else if (key == "kind")
			opt.kind(word_of<kind>(value,
				{{"queue", kind::queue}, {"rendezvous", kind::rendezvous},
					{"latest", kind::latest}, {"broadcast", kind::broadcast}}));
		else if (key == "lanes")
			opt.lanes(static_cast<std::uint32_t>(std::stoul(value)));
		else if (key == "dedup")
			opt.dedup(static_cast<std::uint32_t>(std::stoul(value)));
		else if (key == "dead-letter")
			opt.dead_letter(value);
		else if (key == "max-deliver")
			opt.max_deliver(static_cast<std::uint32_t>(std::stoul(value)));
		else if (key == "max-capacity")
			opt.max_capacity(std::stoull(value));
		else if (key == "on-lag")
			opt.on_lag(lag(value));
		else if (key == "overflow")
			opt.overflow(policy(value));
		else if (key == "lifetime" && value == "ref")
			opt.ref();
		else if (key == "end-with-senders")
			opt.end_with_senders();
		else if (key == "need-receivers")
			opt.need_receivers();
		else if (key == "meta")
			opt.meta();
		else
			give_up("what is '" + w[i] + "'?");
	}
	return opt;
}

static std::string do_open(const words &w)
{
	using shmchan::role;
	role flags = role::observe;

	for (char letter : w.at(3))
		flags = flags |
			word_of<role>(std::string(1, letter),
				{{"s", role::send}, {"r", role::receive}, {"c", role::create},
					{"x", role::exclusive}, {"-", role::observe}});
	auto opened = shmchan::channel::open(w.at(2), flags, options(w, 4));
	if (!opened)
		return outcome(opened.error(), "empty");
	endpoints[w[1]].channel = std::move(*opened);
	return "ok";
}

static std::string do_subscribe(const words &w)
{
	std::map<std::string, std::string> how;
	shmchan::subscription s;

	for (std::size_t i = 3; i < w.size(); i++)
		how[w[i].substr(0, w[i].find('='))] = w[i].substr(w[i].find('=') + 1);
	if (how["start"] == "oldest")
		s.oldest();
	else if (how["start"] == "last")
		s.last(std::stoull(how["at"]));
	else if (how["start"] == "seq")
		s.seq(std::stoull(how["at"]));
	if (!how["on-lag"].empty())
		s.on_lag(lag(how["on-lag"]));
	s.group(how["group"]);
	auto opened = shmchan::channel::subscribe(w.at(2).c_str(), s);
	if (!opened)
		return outcome(opened.error(), "empty");
	endpoints[w[1]].channel = std::move(*opened);
	return "ok";
}

static std::string do_detach(const words &w)
{
	endpoint &e = endpoint_of(w.at(1));

	e.leases.clear();
	e.loan.reset();
	endpoints.erase(w[1]);
	return "ok";
}

static std::string do_receive(const words &w)
{
	static std::string buffer;
	auto r = endpoint_of(w.at(1)).channel.receive_to(buffer, timeout(w.at(2)));

	return r ? "data " + shown(buffer) : outcome(r.error(), "empty");
}

/* ---- headers ---- */

static std::array<std::uint8_t, 16> id_of(const std::string &text)
{
	std::array<std::uint8_t, 16> id;

	std::copy_n(text.begin(), id.size(), id.begin());
	return id;
}

static std::string do_send_meta(const words &w)
{
	shmchan::meta m;

	for (std::size_t i = 4; i < w.size(); i++) {
		std::string key = w[i].substr(0, w[i].find('='));
		std::string value = w[i].substr(w[i].find('=') + 1);

		if (key == "key")
			m.key(value);
		else if (key == "priority")
			m.priority(static_cast<std::uint8_t>(std::stoul(value)));
		else if (key == "id")
			m.id(id_of(value));
		else if (key == "keep")
			m.keep();
		else if (key == "ttl")
			m.ttl(std::chrono::milliseconds(std::stoll(value)));
		else if (key == "delay")
			m.delay(std::chrono::milliseconds(std::stoll(value)));
		else if (!m.put(key.c_str(), value.c_str()))
			give_up("a header: " + w[i]);
	}
	return sent(endpoint_of(w.at(1)).channel.send(message(w.at(2)), m, timeout(w.at(3))));
}

static std::string shown(const shmchan::meta &m)
{
	std::string said;

	if (m.key())
		said += " key=" + std::string(*m.key());
	if (m.priority())
		said += " priority=" + std::to_string(*m.priority());
	m.pairs([&said](std::string_view name, std::string_view value) {
		said.append(" ").append(name).append("=").append(value);
	});
	return said;
}

static std::string do_receive_meta(const words &w)
{
	static std::vector<char> buffer(1 << 20);
	shmchan::meta m;
	auto r = endpoint_of(w.at(1)).channel.receive(buffer, m, timeout(w.at(2)));

	return r ? "data " + shown({buffer.data(), *r}) + shown(m) : outcome(r.error(), "empty");
}

static std::string do_take_meta(const words &w)
{
	endpoint &e = endpoint_of(w.at(1));
	auto l = e.channel.take(timeout(w.at(3)));

	if (!l)
		return outcome(l.error(), "empty");
	shmchan::lease &held = e.leases[w.at(2)] = std::move(*l);
	return taken(held) + shown(held.meta().value());
}

/* ---- requests and replies ---- */

static std::map<std::string, std::uint64_t> requests;

static std::string do_request(const words &w)
{
	shmchan::meta m;

	if (w.size() > 5 && w[5].compare(0, 3, "id=") == 0)
		m.id(id_of(w[5].substr(3)));
	else if (w.size() > 5)
		m.once();
	auto r = endpoint_of(w.at(1)).channel.request(message(w.at(3)), m, timeout(w.at(4)));
	if (!r)
		return outcome(r.error(), "full");
	requests[w.at(2)] = *r;
	return "ok";
}

static std::vector<char> replied(1 << 20);

static std::string response(const shmchan::result<std::size_t> &r, const shmchan::meta &m)
{
	if (!r)
		return outcome(r.error(), "empty");
	return "data " + shown({replied.data(), r.value_or(0)}) +
	       " status=" + std::to_string(m.status()) + (m.has_more() ? " more" : "");
}

static std::string do_response(const words &w)
{
	shmchan::meta m;
	auto r = endpoint_of(w.at(1)).channel.response(
		requests.at(w.at(2)), replied, m, timeout(w.at(3)));

	return response(r, m);
}

static std::string do_call(const words &w)
{
	shmchan::meta m;
	auto r = endpoint_of(w.at(1)).channel.call(message(w.at(2)), replied, m, timeout(w.at(3)));

	return response(r, m);
}

static std::string do_cancel(const words &w)
{
	return counted(endpoint_of(w.at(1)).channel.cancel(requests.at(w.at(2))), "empty");
}

static std::string do_reply(const words &w)
{
	endpoint &e = holder_of(w.at(1));
	shmchan::meta m;

	for (std::size_t i = 4; i < w.size(); i++)
		if (w[i] == "more")
			m.more();
		else
			m.status(std::stoi(w[i].substr(w[i].find('=') + 1)));
	std::string said = sent(e.leases[w[1]].reply(message(w.at(2)), m, timeout(w.at(3))));
	if (!e.leases[w[1]])
		e.leases.erase(w[1]);
	return said;
}

static std::string do_wanted(const words &w)
{
	return counted(holder_of(w.at(1)).leases[w[1]].wanted(), "empty");
}

static std::string do_send_batch(const words &w)
{
	std::vector<std::string> texts;

	for (std::size_t i = 3; i < w.size(); i++)
		texts.push_back(message(w[i]));
	std::vector<shmchan::bytes> batch(texts.begin(), texts.end());
	return counted(
		endpoint_of(w.at(1)).channel.send(batch.data(), batch.size(), timeout(w.at(2))),
		"full");
}

static std::string do_receive_batch(const words &w)
{
	std::vector<std::array<char, 8192>> buffers(std::stoul(w.at(3)));
	std::vector<shmchan::room> batch(buffers.begin(), buffers.end());
	auto r = endpoint_of(w.at(1)).channel.receive(batch.data(), batch.size(), timeout(w.at(2)));

	if (!r)
		return outcome(r.error(), "empty");
	std::string all = "data";
	for (std::size_t i = 0; i < *r; i++)
		all += ' ' + shown(shmchan::bytes(batch[i]).text());
	return all;
}

static std::string do_all(const words &w)
{
	auto messages = endpoint_of(w.at(1)).channel.messages();
	std::string all = "all";

	for (shmchan::bytes m : messages)
		all += ' ' + shown(m.text());
	return all + ' ' + outcome(messages.error(), "empty");
}

static std::string do_take(const words &w)
{
	endpoint &e = endpoint_of(w.at(1));
	auto l = e.channel.take(timeout(w.at(3)));

	if (!l)
		return outcome(l.error(), "empty");
	return taken(e.leases[w.at(2)] = std::move(*l));
}

template <class How, class... Args> static std::string settle(const words &w, How how, Args... args)
{
	endpoint &e = holder_of(w.at(1));
	std::string said = done((e.leases[w[1]].*how)(args...));

	e.leases.erase(w[1]);
	return said;
}

static std::string do_reserve(const words &w)
{
	endpoint &e = endpoint_of(w.at(1));
	auto l = e.channel.reserve(std::stoul(w.at(2)), timeout(w.at(3)));

	if (!l)
		return outcome(l.error(), "full");
	e.loan.emplace(std::move(*l));
	return "ok";
}

static std::string do_commit(const words &w)
{
	endpoint &e = endpoint_of(w.at(1));
	std::string text = message(w.at(2));

	if (!e.loan)
		give_up("there is no reservation");
	std::memcpy(e.loan->data().data(), text.data(), text.size());
	std::string said = sent(e.loan->commit(text.size()));
	e.loan.reset();
	return said;
}

static std::string do_select(const words &w)
{
	static std::vector<char> buffer(1 << 20);
	std::vector<std::string> texts(w.size());
	std::vector<shmchan::choice> cases;
	std::vector<std::pair<std::string, std::string>> what;

	for (std::size_t i = 2; i < w.size(); i += 2) {
		endpoint &e = endpoint_of(w.at(i + 1));

		what.emplace_back(w[i], w[i] == "recv" ? "" : w.at(i + 2));
		if (w[i] == "recv") {
			cases.push_back(shmchan::choice::receive(e.channel, buffer));
			continue;
		}
		if (w[i] == "take")
			cases.push_back(shmchan::choice::take(e.channel, e.leases[w[i + 2]]));
		else
			cases.push_back(
				shmchan::choice::send(e.channel, texts[i] = message(w[i + 2])));
		i++;
	}
	auto r = shmchan::select(cases.data(), cases.size(), timeout(w.at(1)), shmchan::biased);
	std::string said;
	if (!r) {
		said = outcome(r.error(), "none");
	} else {
		auto &[op, name] = what[r->index];

		said = std::to_string(r->index) + ' ';
		if (!r->outcome)
			said += outcome(r->outcome.error(), op == "send" ? "full" : "empty");
		else if (op == "recv")
			said += "data " + shown({buffer.data(), *r->outcome});
		else if (op == "take")
			said += taken(holder_of(name).leases[name]);
		else
			said += *r->outcome == CHAN_DROPPED ? "dropped" : "ok";
	}
	for (auto &[op, name] : what) /* the leases that did not begin */
		if (op == "take" && !holder_of(name).leases[name])
			holder_of(name).leases.erase(name);
	return said;
}

static std::string do_peek(const words &w)
{
	static std::vector<char> buffer(1 << 20);
	chan_cursor at{};
	auto r = endpoint_of(w.at(1)).channel.peek(buffer, at);

	return r ? "data " + shown({buffer.data(), *r}) : outcome(r.error(), "empty");
}

static std::string do_stat(const words &w)
{
	auto st = endpoint_of(w.at(1)).channel.stat();

	if (!st)
		return outcome(st.error(), "empty");
	return "count " +
	       std::to_string(word_of<std::uint64_t>(w.at(2),
		       {{"depth", st->depth}, {"sent", st->sent}, {"received", st->received},
			       {"dropped_newest", st->dropped_newest},
			       {"dropped_oldest", st->dropped_oldest},
			       {"redelivered", st->redelivered}, {"max_message", st->max_message},
			       {"senders", st->senders}, {"receivers", st->receivers},
			       {"grown", st->grown}, {"paused", st->paused}}));
}

static std::string do_subscribers(const words &w)
{
	auto r = endpoint_of(w.at(1)).channel.subscribers();

	return r ? "count " + std::to_string(r->size()) : outcome(r.error(), "empty");
}

/* ---- sets ---- */

static shmchan::role role_of(const std::string &word)
{
	return word_of<shmchan::role>(
		word, {{"s", shmchan::role::send}, {"r", shmchan::role::receive}});
}

static std::string do_watch(const words &w)
{
	shmchan::set &s = sets[w.at(1)];

	if (!s)
		s = std::move(shmchan::set::create().value());
	return done(s.add(endpoint_of(w.at(2)).channel, role_of(w.at(3))));
}

static std::string do_unwatch(const words &w)
{
	return done(sets.at(w.at(1)).remove(endpoint_of(w.at(2)).channel, role_of(w.at(3))));
}

static std::string do_ready(const words &w)
{
	auto r = sets.at(w.at(1)).wait(timeout(w.at(2)));
	std::string said = "ready";

	if (!r)
		return outcome(r.error(), "none");
	for (auto &[name, e] : endpoints) /* in the order of the alphabet */
		for (shmchan::role role : {shmchan::role::receive, shmchan::role::send})
			for (const shmchan::set::member &m : *r)
				if (m.channel == &e.channel && m.role == role)
					said += ' ' + name +
						(role == shmchan::role::send ? ":s" : ":r");
	return said;
}

/* For the figures. */
static std::string flow(const words &w, bool receive)
{
	shmchan::channel &ch = endpoint_of(w.at(1)).channel;
	std::size_t n = std::stoul(w.at(2)), size = std::stoul(w.at(3)),
		    batch = std::stoul(w.at(4));
	std::vector<std::byte> memory(size * batch);
	std::vector<shmchan::bytes> messages(batch);
	std::vector<shmchan::room> rooms(batch);
	auto start = std::chrono::steady_clock::now();

	while (n > 0) {
		std::size_t some = std::min(n, batch);

		if (batch == 1) {
			if (receive) {
				auto r = ch.receive(memory);
				if (!r)
					return outcome(r.error(), "empty");
			} else {
				auto r = ch.send(memory);
				if (!r)
					return outcome(r.error(), "full");
			}
			n--;
			continue;
		}
		for (std::size_t i = 0; i < some; i++) {
			if (receive)
				rooms[i] = {memory.data() + i * size, size};
			else
				messages[i] = {memory.data() + i * size, size};
		}
		auto r = receive ? ch.receive(rooms.data(), some) : ch.send(messages.data(), some);
		if (!r)
			return outcome(r.error(), "empty");
		n -= *r;
	}
	std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
	return "took " + std::to_string(took.count());
}

static shmchan::channel &channel(const words &w)
{
	return endpoint_of(w.at(1)).channel;
}

static const std::map<std::string, std::function<std::string(const words &)>> operations = {
	{"create", [](auto &w) { return done(shmchan::create(w.at(1).c_str(), options(w, 2))); }},
	{"remove", [](auto &w) { return done(shmchan::remove(w.at(1).c_str())); }},
	{"unlink", [](auto &w) { return done(shmchan::unlink(w.at(1).c_str())); }},
	{"open", do_open},
	{"subscribe", do_subscribe},
	{"detach", do_detach},
	{"close", [](auto &w) { return done(channel(w).close()); }},
	{"discard", [](auto &w) { return done(channel(w).discard()); }},
	{"send", [](auto &w) { return sent(channel(w).send(message(w.at(2)), timeout(w.at(3)))); }},
	{"recv", do_receive},
	{"sendmeta", do_send_meta},
	{"recvmeta", do_receive_meta},
	{"takemeta", do_take_meta},
	{"request", do_request},
	{"response", do_response},
	{"call", do_call},
	{"cancel", do_cancel},
	{"reply", do_reply},
	{"wanted", do_wanted},
	{"sendmany", do_send_batch},
	{"recvmany", do_receive_batch},
	{"all", do_all},
	{"take", do_take},
	{"ack", [](auto &w) { return settle(w, &shmchan::lease::ack); }},
	{"release", [](auto &w) { return settle(w, &shmchan::lease::release); }},
	{"releaseafter",
		[](auto &w) {
			return settle(w, &shmchan::lease::release_after,
				std::chrono::milliseconds(std::stoll(w.at(2))));
		}},
	{"bury", [](auto &w) { return settle(w, &shmchan::lease::bury); }},
	{"kick", [](auto &w) { return counted(channel(w).kick(), "empty"); }},
	{"untake", [](auto &w) { return settle(w, &shmchan::lease::untake); }},
	{"reserve", do_reserve},
	{"commit", do_commit},
	{"abort",
		[](auto &w) {
			endpoint_of(w.at(1)).loan.reset();
			return std::string("ok");
		}},
	{"select", do_select},
	{"peek", do_peek},
	{"purge", [](auto &w) { return counted(channel(w).purge(), "empty"); }},
	{"recover", [](auto &w) { return counted(channel(w).recover(), "empty"); }},
	{"overflow", [](auto &w) { return done(channel(w).set_overflow(policy(w.at(2)))); }},
	{"pause", [](auto &w) { return done(channel(w).pause()); }},
	{"resume", [](auto &w) { return done(channel(w).pause(false)); }},
	{"subscribers", do_subscribers},
	{"removegroup", [](auto &w) { return done(channel(w).remove_group(w.at(2).c_str())); }},
	{"watch", do_watch},
	{"unwatch", do_unwatch},
	{"ready", do_ready},
	{"forget",
		[](auto &w) {
			sets.erase(w.at(1));
			return std::string("ok");
		}},
	{"stat", do_stat},
	{"flood", [](auto &w) { return flow(w, false); }},
	{"drain", [](auto &w) { return flow(w, true); }},
};

int main()
{
	std::string line;

	while (std::getline(std::cin, line)) {
		std::istringstream in(line);
		words w(std::istream_iterator<std::string>(in), {});
		auto operation = operations.find(w.at(0));

		if (operation == operations.end())
			give_up("there is no operation '" + w[0] + "'");
		std::cout << operation->second(w) << std::endl;
	}
	return 0;
}
