// SPDX-License-Identifier: MIT
const std = @import("std");
const shmchan = @import("shmchan.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

const second = std.time.ns_per_s;

var count: u32 = 0;
var buffer: [64]u8 = undefined;

/// A name that no other test has; the channel is removed with `defer`.
fn fresh() [:0]const u8 {
    count += 1;
    return std.fmt.bufPrintZ(&buffer, "zig.{d}.{d}", .{ std.os.linux.getpid(), count }) catch unreachable;
}

fn gone(name: [:0]const u8) void {
    shmchan.remove(name) catch {};
}

const Point = extern struct { x: i32, y: i32 };

test "a value passes, in order" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(Point).create(name, 4);
    defer ch.deinit();
    try expect(try ch.send(.{ .x = 1, .y = 2 }));
    try expect(try ch.send(.{ .x = 3, .y = 4 }));
    try expectEqual(Point{ .x = 1, .y = 2 }, (try ch.recv()).?);
    try expectEqual(Point{ .x = 3, .y = 4 }, (try ch.tryRecv()).?);
    try expectError(error.Empty, ch.tryRecv());
    try expectError(error.Timeout, ch.recvFor(1000));
}

test "the bound is held, and is an error only where a call may not wait" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u64).create(name, 3);
    defer ch.deinit();
    var n: u64 = 0;
    while (true) : (n += 1) _ = ch.trySend(n) catch |err| {
        try expectEqual(error.Full, err);
        break;
    };
    try expect(n >= 3);
    try expectError(error.Timeout, ch.sendFor(0, 1000));
    for (0..n) |i| try expectEqual(i, (try ch.recv()).?);
}

test "closed: send gives false, recv what is left and then null" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u8).create(name, 3);
    defer ch.deinit();
    try expect(try ch.send(7));
    try ch.close();
    try expect(!try ch.send(8));
    try expect(!try ch.trySend(8));
    try expectEqual(7, (try ch.recv()).?);
    try expectEqual(null, try ch.recv());
    try expectEqual(null, try ch.tryRecv());
    try expectEqual(null, try ch.take(null));
}

test "another type is refused when the channel is opened" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u64).create(name, 3);
    defer ch.deinit();
    try expectError(error.WrongType, shmchan.Channel(u32).open(name));
    (try shmchan.Channel(u64).open(name)).deinit();
}

test "errors have names, a text and a detail" {
    try expectError(error.NotFound, shmchan.Channel(u8).open("zig.none"));
    try std.testing.expectEqualStrings(std.mem.span(shmchan.c.chan_strerror(-2)), shmchan.text());
    try expectError(error.Invalid, shmchan.Channel(u8).open("a/b/c/../"));
    try expect(shmchan.text().len > 0);
    try expectError(error.Invalid, shmchan.make("zig.bad", .{ .mode = 0o7777 }));
    try expect(std.mem.indexOf(u8, shmchan.detail(), "mode") != null);
    try expectError(error.Invalid, shmchan.make("zig.bad", .{ .dead_letter = "x" ** 256 }));
    try expect(std.mem.indexOf(u8, shmchan.detail(), "dead_letter") != null);
}

test "a lease that is given back comes again, as another attempt" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(Point).create(name, 4);
    defer ch.deinit();
    _ = try ch.send(.{ .x = 5, .y = 6 });
    const first = (try ch.take(second)).?;
    try expectEqual(1, first.lease.attempt());
    try first.release();
    try expectError(error.Stale, first.ack());
    const again = (try ch.take(0)).?;
    try expectEqual(2, again.lease.attempt());
    try expectEqual(Point{ .x = 5, .y = 6 }, again.value());
    try again.ack();
    try expectError(error.Empty, ch.take(0));
}

test "bytes: any length, too long, in place" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Bytes.create(name, .both, .{ .capacity = 4096, .max_message = 100 });
    defer ch.deinit();
    var room: [100]u8 = undefined;
    try expect(try ch.send(""));
    try expect(try ch.send("hello"));
    try expectError(error.TooLong, ch.send(&([_]u8{0} ** 101)));
    try std.testing.expectEqualStrings("", (try ch.recv(&room)).?);
    try expectError(error.TooLong, ch.recv(room[0..4]));
    try std.testing.expectEqualStrings("hello", (try ch.recv(&room)).?);
    const loan = (try ch.reserve(10, null)).?;
    @memcpy(loan.data[0..3], "abc");
    try expectError(error.Deadlock, ch.send("x"));
    try expectEqual(.sent, try loan.commit(3));
    const lease = (try ch.take(null)).?;
    try std.testing.expectEqualStrings("abc", lease.bytes());
    try lease.ack();
    (try ch.reserve(10, null)).?.abort();
    try expectError(error.Empty, ch.tryRecv(&room));
}

test "a rendezvous hands over" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u32).create(name, 0);
    defer ch.deinit();
    try expectError(error.Full, ch.trySend(1));
    const thread = try std.Thread.spawn(.{}, struct {
        fn receive(from: shmchan.Channel(u32)) void {
            std.testing.expectEqual(42, (from.recv() catch unreachable).?) catch unreachable;
        }
    }.receive, .{ch});
    try expect(try ch.send(42));
    thread.join();
}

test "interrupted in a wait" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u32).create(name, 2);
    defer ch.deinit();
    const thread = try std.Thread.spawn(.{}, struct {
        fn receive(from: shmchan.Channel(u32)) void {
            expectError(error.Interrupted, from.recv()) catch unreachable;
        }
    }.receive, .{ch});
    while ((try waiting(ch.bytes)) == 0) std.Thread.yield() catch {};
    ch.bytes.interrupt(true);
    thread.join();
}

fn waiting(ch: shmchan.Bytes) !usize {
    var ends: [8]shmchan.c.struct_chan_endpoint = undefined;
    const n = shmchan.c.chan_endpoints(ch.handle, &ends, ends.len);
    var waits: usize = 0;
    for (ends[0..@intCast(n)]) |e| waits += @intFromBool(e.waiting != 0);
    return waits;
}

test "the descriptor is readable while there is something" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u32).create(name, 2);
    defer ch.deinit();
    var fds = [_]std.posix.pollfd{.{ .fd = try ch.bytes.fd(.receiver), .events = std.posix.POLL.IN, .revents = 0 }};
    while (true) {
        try expectError(error.Empty, ch.tryRecv());
        if (try std.posix.poll(&fds, 0) == 0) break;
    }
    _ = try ch.send(1);
    try expectEqual(1, try std.posix.poll(&fds, 60_000));
    try expectEqual(1, (try ch.recv()).?);
}

test "a peer that is killed while it holds a value: it comes again" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Channel(u32).create(name, 4);
    defer ch.deinit();
    _ = try ch.send(99);
    const pid = try std.posix.fork();
    if (pid == 0) {
        const own = shmchan.Channel(u32).open(name) catch std.posix.exit(1);
        _ = own.take(null) catch std.posix.exit(1);
        while (true) std.time.sleep(second);
    }
    while ((try ch.bytes.stat()).receivers < 2) std.Thread.yield() catch {};
    while (ch.tryRecv()) |got| { // not taken yet
        _ = try ch.send(got.?);
    } else |err| try expectEqual(error.Empty, err);
    try std.posix.kill(pid, std.posix.SIG.KILL);
    _ = std.posix.waitpid(pid, 0);
    const again = (try ch.take(60 * second)).?;
    try expectEqual(99, again.value());
    try expect(again.lease.attempt() >= 2);
    try again.ack();
}

test "select takes the first case that can go on" {
    const one = fresh();
    var kept: [64]u8 = undefined;
    const name = std.fmt.bufPrintZ(&kept, "{s}", .{one}) catch unreachable;
    defer gone(name);
    const other = fresh();
    defer gone(other);
    const a = try shmchan.Bytes.create(name, .both, .{ .capacity = 4096 });
    defer a.deinit();
    const b = try shmchan.Bytes.create(other, .both, .{ .capacity = 4096 });
    defer b.deinit();
    var room: [16]u8 = undefined;
    var cases = [_]shmchan.Case{
        .{ .ch = a, .op = .{ .recv = &room } },
        .{ .ch = b, .op = .take },
        .{ .ch = a, .op = .{ .send = "x" } },
    };
    try expectError(error.Empty, shmchan.select(cases[0..2], 0));
    try expectEqual(2, try shmchan.select(&cases, null));
    try expectEqual(.sent, try cases[2].outcome.sent);
    try expectEqual(0, try shmchan.select(&cases, null));
    try std.testing.expectEqualStrings("x", (try cases[0].outcome.received).?);
    _ = try b.send("y");
    try expectEqual(1, try shmchan.select(&cases, null));
    const lease = (try cases[1].outcome.taken).?;
    try std.testing.expectEqualStrings("y", lease.bytes());
    try lease.ack();
    try a.close(.drain);
    try expectEqual(0, try shmchan.select(&cases, null));
    try expectEqual(null, try cases[0].outcome.received);
}

test "batches, peek, purge, pause" {
    const name = fresh();
    defer gone(name);
    const ch = try shmchan.Bytes.create(name, .both, .{ .capacity = 4096, .overflow = shmchan.c.CHAN_DROP_NEWEST });
    defer ch.deinit();
    var one: [8]u8 = undefined;
    var two: [8]u8 = undefined;
    var three: [8]u8 = undefined;
    var buffers = [_][]u8{ &one, &two, &three };
    try expectEqual(2, (try ch.sendMany(&.{ "a", "bc" }, null)).?);
    try std.testing.expectEqualStrings("a", (try ch.peek(&one)).?);
    try ch.pause(true);
    try expectError(error.Empty, ch.recvMany(&buffers, 0));
    try ch.pause(false);
    try expectEqual(2, (try ch.recvMany(&buffers, null)).?);
    try std.testing.expectEqualStrings("bc", buffers[1]);
    while (try ch.offer("x" ** 1000, 0) == .sent) {}
    try expect(try ch.purge() > 1);
    try expectEqual(0, try ch.recover());
}

test "a set says which of its members is ready" {
    var other_buffer: [64]u8 = undefined;
    const name_a = fresh();
    defer gone(name_a);
    const a = try shmchan.Bytes.create(name_a, .both, .{});
    defer a.deinit();
    const name_b = try std.fmt.bufPrintZ(&other_buffer, "{s}.b", .{name_a});
    defer gone(name_b);
    const b = try shmchan.Bytes.create(name_b, .both, .{});
    defer b.deinit();
    const set = try shmchan.Set.init();
    defer set.deinit();
    try set.add(a, .receiver);
    try set.add(b, .receiver);
    try expectError(error.Exists, set.add(b, .receiver));
    var room: [4]shmchan.Set.Ready = undefined;
    try expectError(error.Empty, set.wait(&room, 0));
    try expectError(error.Timeout, set.wait(&room, 1000));
    try expect(try b.send("m"));
    const ready = try set.wait(&room, null);
    try expectEqual(1, ready.len);
    try expectEqual(b.handle, ready[0].ch.handle);
    try expectEqual(shmchan.Role.receiver, ready[0].role);
    try set.remove(b, .receiver);
    try expectError(error.NotFound, set.remove(b, .receiver));
}

test "the names of all channels" {
    const name = fresh();
    defer gone(name);
    try shmchan.make(name, .{ .lifetime = shmchan.c.CHAN_REF });
    const all = try shmchan.list(std.testing.allocator);
    defer {
        for (all) |each| std.testing.allocator.free(each);
        std.testing.allocator.free(all);
    }
    var found = false;
    for (all) |each| found = found or std.mem.eql(u8, each, name);
    try expect(found);
    try expect(!try shmchan.collect(name));
    try expect(try shmchan.footprint(.{}) > 1 << 20);
}
