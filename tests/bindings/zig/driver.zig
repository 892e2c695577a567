// SPDX-License-Identifier: MIT
//! The driver for Zig: it executes the operations that tests/bindings/README.md lists, with the
//! binding.
const std = @import("std");
const shmchan = @import("shmchan");

const gpa = std.heap.c_allocator;
const room_size = 1 << 20;
var room: [room_size]u8 = undefined;
var out = std.io.bufferedWriter(std.io.getStdOut().writer());

const Endpoint = struct { ch: shmchan.Bytes, loan: ?shmchan.Loan = null };
const Held = struct { of: []const u8, lease: shmchan.Lease };
var endpoints = std.StringHashMap(Endpoint).init(gpa);
var leases = std.StringHashMap(Held).init(gpa);
var sets = std.StringHashMap(shmchan.Set).init(gpa);

var words: [64][]const u8 = undefined;
var count: usize = 0;

fn giveUp(comptime format: []const u8, args: anytype) noreturn {
    std.debug.print(format ++ "\n", args);
    std.process.exit(2);
}

fn say(comptime format: []const u8, args: anytype) void {
    out.writer().print(format, args) catch std.process.exit(2);
}

fn arg(i: usize) []const u8 {
    if (i >= count) giveUp("{s}: it needs {d} words", .{ words[0], i + 1 });
    return words[i];
}

fn number(text: []const u8) u64 {
    return std.fmt.parseInt(u64, text, 10) catch giveUp("'{s}' is not a number", .{text});
}

fn timeout(text: []const u8) ?u64 {
    return if (std.mem.eql(u8, text, "wait")) null else number(text) * std.time.ns_per_ms;
}

fn zero(text: []const u8) [:0]const u8 {
    return gpa.dupeZ(u8, text) catch giveUp("no memory", .{});
}

fn own(text: []const u8) []const u8 {
    return gpa.dupe(u8, text) catch giveUp("no memory", .{});
}

fn endpoint(name: []const u8) *Endpoint {
    return endpoints.getPtr(name) orelse giveUp("there is no endpoint '{s}'", .{name});
}

// ---- messages ----

/// The bytes that a word stands for.
fn message(text: []const u8) []const u8 {
    if (std.mem.eql(u8, text, "-")) return "";
    if (std.mem.eql(u8, text, "0..255")) {
        const all = gpa.alloc(u8, 256) catch giveUp("no memory", .{});
        for (all, 0..) |*b, i| b.* = @intCast(i);
        return all;
    }
    if (text.len > 2 and text[1] == '*') {
        const many = gpa.alloc(u8, number(text[2..])) catch giveUp("no memory", .{});
        @memset(many, text[0]);
        return many;
    }
    return own(text);
}

fn sayMessage(data: []const u8) void {
    var same = true;
    var plain = true;
    var counts = data.len == 256;
    for (data, 0..) |b, i| {
        same = same and b == data[0];
        plain = plain and b > ' ' and b <= '~';
        counts = counts and b == i;
    }
    if (data.len == 0) return say(" -", .{});
    if (counts) return say(" 0..255", .{});
    if (!plain or (data.len > 16 and !same)) return say(" ?{d}", .{data.len});
    if (data.len > 16) return say(" {c}*{d}", .{ data[0], data.len });
    say(" {s}", .{data});
}

// ---- outcomes ----

fn sayError(err: shmchan.Error) void {
    switch (err) {
        error.TooLong => say("toolarge {d}", .{shmchan.errorSize()}),
        error.Lost => say("lost {d}", .{shmchan.errorSize()}),
        error.Unexpected, error.Incompatible, error.NoSpace, error.OutOfMemory => say("error {d}", .{-shmchan.last_error}),
        else => say("{s}", .{switch (err) {
            error.Empty => "empty",
            error.Full => "full",
            error.Timeout => "timeout",
            error.Removed => "removed",
            error.NotFound => "absent",
            error.Exists => "exists",
            error.AccessDenied => "denied",
            error.Busy => "busy",
            error.Interrupted => "interrupted",
            error.Deadlock => "deadlock",
            error.Stale => "stale",
            error.WrongRole => "role",
            error.Canceled => "canceled",
            error.Reset => "reset",
            error.Detached => "detached",
            error.Damaged => "damaged",
            else => "invalid",
        }}),
    }
}

fn sayDone(result: shmchan.Error!void) void {
    if (result) |_| say("ok", .{}) else |err| sayError(err);
}

fn saySent(result: shmchan.Error!shmchan.Sent) void {
    if (result) |sent| say("{s}", .{switch (sent) {
        .sent => "ok",
        .dropped => "dropped",
        .closed => "closed",
    }}) else |err| sayError(err);
}

fn sayReceived(result: shmchan.Error!?[]u8) void {
    if (result) |got| {
        if (got) |data| {
            say("data", .{});
            sayMessage(data);
        } else say("closed", .{});
    } else |err| sayError(err);
}

fn sayTaken(result: shmchan.Error!?shmchan.Lease, of: []const u8, name: []const u8) void {
    if (result) |got| {
        if (got) |lease| {
            leases.put(own(name), .{ .of = own(of), .lease = lease }) catch giveUp("no memory", .{});
            say("data", .{});
            sayMessage(lease.bytes());
            say(" {d}", .{lease.attempt()});
        } else say("closed", .{});
    } else |err| sayError(err);
}

fn sayCount(result: shmchan.Error!u64) void {
    if (result) |n| say("count {d}", .{n}) else |err| sayError(err);
}

// ---- options ----

fn oneOf(text: []const u8, list: []const []const u8) u32 {
    for (list, 0..) |word, i| if (std.mem.eql(u8, text, word)) return @intCast(i);
    giveUp("what is '{s}'?", .{text});
}

fn overflow(text: []const u8) u32 {
    return oneOf(text, &.{ "block", "fail", "drop-new", "drop-old" });
}

fn onLag(text: []const u8) u32 {
    return @as(u32, shmchan.c.CHAN_LAG_BLOCK) + oneOf(text, &.{ "block", "lose", "evict" });
}

fn options(from: usize) shmchan.Options {
    var ret = shmchan.Options{};
    for (words[@min(from, count)..count]) |word| {
        if (std.mem.eql(u8, word, "end-with-senders")) {
            ret.flags |= shmchan.c.CHAN_END_WITH_SENDERS;
            continue;
        }
        if (std.mem.eql(u8, word, "need-receivers")) {
            ret.flags |= shmchan.c.CHAN_NEED_RECEIVERS;
            continue;
        }
        if (std.mem.eql(u8, word, "meta")) {
            ret.flags |= shmchan.c.CHAN_META;
            continue;
        }
        const at = std.mem.indexOfScalar(u8, word, '=') orelse giveUp("what is '{s}'?", .{word});
        const value = word[at + 1 ..];
        switch (oneOf(word[0..at], &.{ "capacity", "max-message", "endpoints", "kind", "overflow", "lifetime", "max-capacity", "on-lag", "lanes", "dead-letter", "max-deliver", "dedup" })) {
            0 => ret.capacity = number(value),
            1 => ret.max_message = @intCast(number(value)),
            2 => ret.endpoints = @intCast(number(value)),
            3 => ret.kind = oneOf(value, &.{ "queue", "rendezvous", "latest", "broadcast" }),
            4 => ret.overflow = overflow(value),
            5 => ret.lifetime = oneOf(value, &.{ "persist", "ref" }),
            6 => ret.max_capacity = number(value),
            7 => ret.on_lag = onLag(value),
            8 => {
                ret.lanes = @intCast(number(value));
                ret.lane_by = shmchan.c.CHAN_BY_KEY;
            },
            9 => ret.dead_letter = value,
            10 => ret.max_deliver = @intCast(number(value)),
            else => ret.dedup = @intCast(number(value)),
        }
    }
    return ret;
}

// ---- operations ----

fn open() void {
    var send = false;
    var recv = false;
    var create = false;
    var alone = false;
    for (arg(3)) |letter| switch (letter) {
        's' => send = true,
        'r' => recv = true,
        'c' => create = true,
        'x' => alone = true,
        '-' => {},
        else => giveUp("what is the role '{c}'?", .{letter}),
    };
    const role: shmchan.Role = if (send and recv)
        (if (alone) .exclusive else .both)
    else if (send)
        (if (alone) .exclusive_sender else .sender)
    else if (recv)
        (if (alone) .exclusive_receiver else .receiver)
    else
        .observer;
    const name = zero(arg(2));
    sayOpened(if (create) shmchan.Bytes.create(name, role, options(4)) else shmchan.Bytes.open(name, role));
}

fn subscribe() void {
    var how = shmchan.Bytes.Subscription{};
    for (words[3..count]) |word| {
        const at = std.mem.indexOfScalar(u8, word, '=') orelse giveUp("what is '{s}'?", .{word});
        const value = word[at + 1 ..];
        switch (oneOf(word[0..at], &.{ "start", "at", "on-lag", "group" })) {
            0 => how.from = oneOf(value, &.{ "next", "oldest", "last", "seq" }),
            1 => how.start = number(value),
            2 => how.on_lag = onLag(value),
            else => how.group = zero(value),
        }
    }
    sayOpened(shmchan.Bytes.subscribe(zero(arg(2)), how));
}

fn sayOpened(result: shmchan.Error!shmchan.Bytes) void {
    if (result) |ch| {
        endpoints.put(own(arg(1)), .{ .ch = ch }) catch giveUp("no memory", .{});
        say("ok", .{});
    } else |err| sayError(err);
}

fn detach() void {
    const name = arg(1);
    endpoint(name).ch.deinit();
    var it = leases.iterator();
    var gone: [64][]const u8 = undefined;
    var n: usize = 0;
    while (it.next()) |l| if (std.mem.eql(u8, l.value_ptr.of, name)) {
        gone[n] = l.key_ptr.*;
        n += 1;
    };
    for (gone[0..n]) |l| _ = leases.remove(l);
    _ = endpoints.remove(name);
    say("ok", .{});
}

fn settle(comptime how: fn (shmchan.Lease) shmchan.Error!void) void {
    const held = leases.fetchRemove(arg(1)) orelse giveUp("there is no lease '{s}'", .{arg(1)});
    sayDone(how(held.value.lease));
}

fn releaseAfter() void {
    const held = leases.fetchRemove(arg(1)) orelse giveUp("there is no lease '{s}'", .{arg(1)});
    sayDone(held.value.lease.releaseAfter(number(arg(2)) * std.time.ns_per_ms));
}

// ---- headers ----

fn sendMeta(e: *Endpoint) void {
    var m = shmchan.Meta.init();
    for (words[4..count]) |word| {
        if (std.mem.eql(u8, word, "keep")) {
            m.keep();
            continue;
        }
        const at = std.mem.indexOfScalar(u8, word, '=') orelse giveUp("what is '{s}'?", .{word});
        const name = word[0..at];
        const value = word[at + 1 ..];
        if (std.mem.eql(u8, name, "key")) {
            m.setKey(value) catch giveUp("a key: {s}", .{value});
        } else if (std.mem.eql(u8, name, "priority")) {
            m.setPriority(@intCast(number(value)));
        } else if (std.mem.eql(u8, name, "id")) {
            m.raw.flags |= shmchan.c.CHAN_META_HAS_ID;
            @memcpy(&m.raw.id, value[0..16]);
        } else if (std.mem.eql(u8, name, "ttl")) {
            m.raw.ttl = @intCast(number(value) * std.time.ns_per_ms);
        } else if (std.mem.eql(u8, name, "delay")) {
            m.raw.delay = @intCast(number(value) * std.time.ns_per_ms);
        } else m.put(zero(name), zero(value)) catch giveUp("a pair: {s}", .{word});
    }
    saySent(e.ch.sendMeta(message(arg(2)), &m, timeout(arg(3))));
}

fn sayMeta(m: *const shmchan.Meta) void {
    if (m.key()) |key| say(" key={s}", .{key});
    if (m.priority()) |n| say(" priority={d}", .{n});
    var it = m.pairs();
    while (it.next()) |pair| say(" {s}", .{pair});
}

fn recvMeta(e: *Endpoint) void {
    var m = shmchan.Meta.init();
    const result = e.ch.recvMeta(&room, &m, timeout(arg(2)));
    sayReceived(result);
    if (result) |got| {
        if (got != null) sayMeta(&m);
    } else |_| {}
}

fn takeMeta(e: *Endpoint) void {
    const result = e.ch.take(timeout(arg(3)));
    sayTaken(result, arg(1), arg(2));
    if (result) |got| {
        if (got) |lease| {
            const m = lease.meta() catch giveUp("no header", .{});
            sayMeta(&m);
        }
    } else |_| {}
}

// ---- requests and replies ----

var requests = std.StringHashMap(u64).init(gpa);

fn requestOf(name: []const u8) u64 {
    return requests.get(name) orelse giveUp("there is no request '{s}'", .{name});
}

fn request(e: *Endpoint) void {
    var m = shmchan.Meta.init();
    if (count > 5 and std.mem.startsWith(u8, arg(5), "id=")) {
        m.raw.flags |= shmchan.c.CHAN_META_HAS_ID;
        @memcpy(&m.raw.id, arg(5)[3..19]);
    } else if (count > 5) m.raw.flags |= shmchan.c.CHAN_META_ONCE;
    const result = e.ch.request(message(arg(3)), &m, timeout(arg(4)));
    if (result) |got| {
        const number_of = got orelse return say("closed", .{});
        requests.put(own(arg(2)), number_of) catch giveUp("no memory", .{});
        say("ok", .{});
    } else |err| sayError(err);
}

fn sayResponse(result: shmchan.Error!?[]u8, m: *const shmchan.Meta) void {
    sayReceived(result);
    const got = result catch return;
    if (got != null) say(" status={d}{s}", .{ m.raw.status, if (m.more()) " more" else "" });
}

fn response(e: *Endpoint) void {
    var m = shmchan.Meta.init();
    sayResponse(e.ch.response(requestOf(arg(2)), &room, &m, timeout(arg(3))), &m);
}

fn call(e: *Endpoint) void {
    var m = shmchan.Meta.init();
    sayResponse(e.ch.call(message(arg(2)), &room, &m, timeout(arg(3))), &m);
}

fn cancel(e: *Endpoint) void {
    const result = e.ch.cancel(requestOf(arg(2)));
    if (result) |gone| say("count {d}", .{@intFromBool(gone)}) else |err| sayError(err);
}

fn leaseOf(name: []const u8) shmchan.Lease {
    return (leases.get(name) orelse giveUp("there is no lease '{s}'", .{name})).lease;
}

fn reply() void {
    var m = shmchan.Meta.init();
    for (words[4..@max(count, 4)]) |word| {
        if (std.mem.eql(u8, word, "more")) {
            m.raw.flags |= shmchan.c.CHAN_META_MORE;
        } else m.raw.status = @intCast(number(word["status=".len..]));
    }
    const result = leaseOf(arg(1)).reply(message(arg(2)), &m, timeout(arg(3)));
    if (result) |_| {
        if (!m.more()) _ = leases.remove(arg(1));
    } else |_| {}
    saySent(result);
}

fn wanted() void {
    const result = leaseOf(arg(1)).wanted();
    if (result) |n| say("count {d}", .{@intFromBool(n)}) else |err| sayError(err);
}

fn sendMany(e: *Endpoint) void {
    var batch: [64][]const u8 = undefined;
    const limit = timeout(arg(2));
    for (words[3..count], 0..) |word, i| batch[i] = message(word);
    const result = e.ch.sendMany(batch[0 .. count - 3], limit);
    if (result) |n| {
        if (n) |some| say("count {d}", .{some}) else say("closed", .{});
    } else |err| sayError(err);
}

fn recvMany(e: *Endpoint) void {
    var batch: [64][]u8 = undefined;
    const n = number(arg(3));
    for (0..n) |i| batch[i] = room[i * (room_size / 64) ..][0 .. room_size / 64];
    const result = e.ch.recvMany(batch[0..n], timeout(arg(2)));
    if (result) |got| {
        if (got) |some| {
            say("data", .{});
            for (batch[0..some]) |m| sayMessage(m);
        } else say("closed", .{});
    } else |err| sayError(err);
}

fn receiveAll(e: *Endpoint) void {
    say("all", .{});
    while (e.ch.recv(&room)) |got| {
        sayMessage(got orelse return say(" closed", .{}));
    } else |err| {
        say(" ", .{});
        sayError(err);
    }
}

fn reserve(e: *Endpoint) void {
    if (e.ch.reserve(number(arg(2)), timeout(arg(3)))) |got| {
        if (got) |loan| {
            e.loan = loan;
            say("ok", .{});
        } else say("closed", .{});
    } else |err| sayError(err);
}

/// What was not reserved is tried all the same.
fn loanOf(e: *Endpoint) shmchan.Loan {
    defer e.loan = null;
    return e.loan orelse .{ .handle = e.ch.handle, .data = &room };
}

fn commit(e: *Endpoint) void {
    const loan = loanOf(e);
    const m = message(arg(2));
    if (m.len <= loan.data.len) @memcpy(loan.data[0..m.len], m);
    saySent(loan.commit(m.len));
}

fn select() void {
    var cases: [8]shmchan.Case = undefined;
    var of: [8][]const u8 = undefined;
    var names: [8][]const u8 = undefined;
    var n: usize = 0;
    var i: usize = 2;
    while (i < count) : (n += 1) {
        of[n] = arg(i + 1);
        const ch = endpoint(of[n]).ch;
        switch (oneOf(arg(i), &.{ "recv", "take", "send" })) {
            0 => cases[n] = .{ .ch = ch, .op = .{ .recv = &room } },
            1 => {
                cases[n] = .{ .ch = ch, .op = .take };
                names[n] = arg(i + 2);
            },
            else => cases[n] = .{ .ch = ch, .op = .{ .send = message(arg(i + 2)) } },
        }
        i += if (cases[n].op == .recv) 2 else 3;
    }
    const at = shmchan.select(cases[0..n], timeout(arg(1))) catch |err| {
        return if (err == error.Empty) say("none", .{}) else sayError(err);
    };
    say("{d} ", .{at});
    switch (cases[at].outcome) {
        .received => |r| sayReceived(r),
        .sent => |s| saySent(s),
        .taken => |t| sayTaken(t, of[at], names[at]),
        .none => giveUp("no outcome", .{}),
    }
}

fn stat(e: *Endpoint) void {
    const s = e.ch.stat() catch |err| return sayError(err);
    const what = arg(2);
    inline for (.{ "depth", "sent", "received", "dropped_newest", "dropped_oldest", "redelivered", "max_message", "senders", "receivers", "grown", "paused" }) |field| {
        if (std.mem.eql(u8, what, field)) return say("count {d}", .{@field(s, field)});
    }
    giveUp("what is '{s}'?", .{what});
}

// ---- sets ----

fn setOf(name: []const u8) shmchan.Set {
    return sets.get(name) orelse giveUp("there is no set '{s}'", .{name});
}

fn roleOf(text: []const u8) shmchan.Role {
    return if (oneOf(text, &.{ "s", "r" }) == 0) .sender else .receiver;
}

fn watch() void {
    if (!sets.contains(arg(1))) {
        const set = shmchan.Set.init() catch |err| giveUp("a set: {}", .{err});
        sets.put(own(arg(1)), set) catch giveUp("no memory", .{});
    }
    sayDone(setOf(arg(1)).add(endpoint(arg(2)).ch, roleOf(arg(3))));
}

fn lessThan(_: void, a: []const u8, b: []const u8) bool {
    return std.mem.order(u8, a, b) == .lt;
}

fn ready() void {
    var members: [16]shmchan.Set.Ready = undefined;
    const got = setOf(arg(1)).wait(&members, timeout(arg(2))) catch |err|
        return if (err == error.Empty) say("none", .{}) else sayError(err);
    var names: [16][]const u8 = undefined;
    for (got, 0..) |m, i| {
        var it = endpoints.iterator();
        while (it.next()) |e| if (e.value_ptr.ch.handle == m.ch.handle) {
            const role: u8 = if (m.role == .sender) 's' else 'r';
            names[i] = std.fmt.allocPrint(gpa, "{s}:{c}", .{ e.key_ptr.*, role }) catch giveUp("no memory", .{});
        };
    }
    std.mem.sort([]const u8, names[0..got.len], {}, lessThan);
    say("ready", .{});
    for (names[0..got.len]) |name| say(" {s}", .{name});
}

fn forget() void {
    const set = sets.fetchRemove(arg(1)) orelse giveUp("there is no set '{s}'", .{arg(1)});
    set.value.deinit();
    say("ok", .{});
}

fn subscribers(e: *Endpoint) void {
    var some: [16]shmchan.c.struct_chan_subscriber = undefined;
    const result = e.ch.subscribers(&some);
    if (result) |n| say("count {d}", .{n}) else |err| sayError(err);
}

fn flow(e: *Endpoint, receive: bool) shmchan.Error!void {
    var left = number(arg(2));
    const size = number(arg(3));
    const batch = number(arg(4));
    var out_batch: [64][]const u8 = undefined;
    var in_batch: [64][]u8 = undefined;
    while (left > 0) {
        if (batch == 1) {
            if (receive) _ = try e.ch.recv(&room) else _ = try e.ch.send(room[0..size]);
            left -= 1;
            continue;
        }
        const some = @min(left, batch);
        for (0..some) |i| {
            out_batch[i] = room[i * size ..][0..size];
            in_batch[i] = room[i * size ..][0..size];
        }
        left -= (if (receive) try e.ch.recvMany(in_batch[0..some], null) else try e.ch.sendMany(out_batch[0..some], null)) orelse return;
    }
}

fn timed(e: *Endpoint, receive: bool) void {
    var timer = std.time.Timer.start() catch giveUp("no clock", .{});
    flow(e, receive) catch |err| return sayError(err);
    say("took {d}", .{timer.read()});
}

fn execute() void {
    const Op = enum { create, remove, unlink, open, detach, close, discard, send, recv, sendmeta, recvmeta, takemeta, request, response, call, cancel, reply, wanted, sendmany, recvmany, all, take, ack, release, untake, releaseafter, bury, reserve, commit, subscribe, abort, select, peek, purge, kick, recover, overflow, pause, resume_, subscribers, removegroup, watch, unwatch, ready, forget, stat, flood, drain };
    const word = if (std.mem.eql(u8, words[0], "resume")) "resume_" else words[0];
    const op = std.meta.stringToEnum(Op, word) orelse giveUp("there is no operation '{s}'", .{words[0]});
    switch (op) {
        .create => return sayDone(shmchan.make(zero(arg(1)), options(2))),
        .remove => return sayDone(shmchan.remove(zero(arg(1)))),
        .unlink => return sayDone(shmchan.unlink(zero(arg(1)))),
        .open => return open(),
        .subscribe => return subscribe(),
        .detach => return detach(),
        .ack => return settle(shmchan.Lease.ack),
        .release => return settle(shmchan.Lease.release),
        .untake => return settle(shmchan.Lease.untake),
        .releaseafter => return releaseAfter(),
        .bury => return settle(shmchan.Lease.bury),
        .reply => return reply(),
        .wanted => return wanted(),
        .select => return select(),
        .watch => return watch(),
        .unwatch => return sayDone(setOf(arg(1)).remove(endpoint(arg(2)).ch, roleOf(arg(3)))),
        .ready => return ready(),
        .forget => return forget(),
        else => {},
    }
    const e = endpoint(arg(1));
    switch (op) {
        .close => sayDone(e.ch.close(.drain)),
        .discard => sayDone(e.ch.close(.discard)),
        .send => saySent(e.ch.offer(message(arg(2)), timeout(arg(3)))),
        .recv => sayReceived(e.ch.recvFor(&room, timeout(arg(2)))),
        .sendmeta => sendMeta(e),
        .recvmeta => recvMeta(e),
        .takemeta => takeMeta(e),
        .request => request(e),
        .response => response(e),
        .call => call(e),
        .cancel => cancel(e),
        .sendmany => sendMany(e),
        .recvmany => recvMany(e),
        .all => receiveAll(e),
        .take => sayTaken(e.ch.take(timeout(arg(3))), arg(1), arg(2)),
        .reserve => reserve(e),
        .commit => commit(e),
        .abort => {
            loanOf(e).abort();
            say("ok", .{});
        },
        .peek => sayReceived(e.ch.peek(&room)),
        .purge => sayCount(e.ch.purge()),
        .kick => sayCount(e.ch.kick(std.math.maxInt(u64))),
        .recover => sayCount(e.ch.recover()),
        .overflow => sayDone(e.ch.setOverflow(overflow(arg(2)))),
        .pause => sayDone(e.ch.pause(true)),
        .resume_ => sayDone(e.ch.pause(false)),
        .subscribers => subscribers(e),
        .removegroup => sayDone(e.ch.removeGroup(zero(arg(2)))),
        .stat => stat(e),
        .flood => timed(e, false),
        .drain => timed(e, true),
        else => unreachable,
    }
}

pub fn main() !void {
    var in = std.io.bufferedReader(std.io.getStdIn().reader());
    var line: [4096]u8 = undefined;
    while (try in.reader().readUntilDelimiterOrEof(&line, '\n')) |text| {
        count = 0;
        var it = std.mem.tokenizeScalar(u8, text, ' ');
        while (it.next()) |word| : (count += 1) words[count] = word;
        if (count == 0) continue;
        execute();
        say("\n", .{});
        try out.flush();
    }
}
