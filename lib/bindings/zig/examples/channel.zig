// SPDX-License-Identifier: MIT
//! Two processes, one channel: `channel receive NAME` prints what `channel send NAME` sends.
const std = @import("std");
const shmchan = @import("shmchan");

const Job = extern struct { id: u32, size: f64 };

pub fn main() !void {
    var args = std.process.args();
    _ = args.next();
    const what = args.next() orelse return error.Usage;
    const name = args.next() orelse return error.Usage;
    const ch = try shmchan.Channel(Job).create(name, 16);
    defer ch.deinit();
    if (std.mem.eql(u8, what, "send")) {
        for (1..4) |i| _ = try ch.send(.{ .id = @intCast(i), .size = 0.5 * @as(f64, @floatFromInt(i)) });
        try ch.close();
    } else {
        const out = std.io.getStdOut().writer();
        while (try ch.recv()) |job| try out.print("{d} {d}\n", .{ job.id, job.size });
    }
}
