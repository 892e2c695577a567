// SPDX-License-Identifier: MIT
//! Channels between processes, in shared memory.
//!
//! `Channel(T)` passes values of a plain type, as a channel between threads does, but between
//! processes; `Bytes` passes messages of any length.  Both are thin over libshmchan, whose
//! manual (shmchan.7, shmchan.3) says what each call guarantees, also when a process is killed
//! in the middle of it.
//!
//! A channel that was closed is no error: `send` gives false, and `recv` null.  Everything else
//! that can go wrong is an `Error`; `detail` says more about the last one of this thread.
//!
//! Handles may be used by several threads at once.  Times are nanoseconds; null waits as long
//! as it takes.
const std = @import("std");

/// The C interface, for what is not wrapped.
pub const c = @cImport({
    @cInclude("shmchan.h");
});

pub const Error = error{
    /// There is nothing to receive, and the call may not wait.
    Empty,
    /// There is no room, and the call may not wait.
    Full,
    /// The time is over.
    Timeout,
    /// The channel was removed.
    Removed,
    /// There is no channel of that name.
    NotFound,
    /// There is one already.
    Exists,
    /// This user may not do that.
    AccessDenied,
    /// The message is longer than the channel takes, or than the buffer.
    TooLong,
    /// The channel's messages are not of this type: they have another size.
    WrongType,
    /// A stopped process holds the lock, and the call may not wait.
    Busy,
    /// `interrupt` was called.
    Interrupted,
    /// This thread would wait for itself.
    Deadlock,
    /// What is acknowledged or given back is not held (any more).
    Stale,
    /// The endpoint is not for that: it was opened for something else.
    WrongRole,
    /// A rendezvous: the message was purged before a receiver had it.
    Canceled,
    /// The server of a request died, and the request was to be tried once only.
    Reset,
    /// A subscriber was too late: `errorSize()` messages are lost, and it goes on with the oldest
    /// that is kept.
    Lost,
    /// The endpoint is another process's: a child of fork() has to open its own.
    Detached,
    /// A process wrote into the channel what does not belong there.
    Damaged,
    /// The channel is of another version, C library or PID namespace.
    Incompatible,
    /// An argument is wrong.
    Invalid,
    NoSpace,
    OutOfMemory,
    /// `detail` and `text` say what it is.
    Unexpected,
};

/// The number of the last error of this thread, for `text` and `detail`.
pub threadlocal var last_error: c_int = 0;

/// What the last error of this thread means.
pub fn text() [:0]const u8 {
    return std.mem.span(c.chan_strerror(last_error));
}

/// What else is known of the last error of this thread, until its next call; may be empty.
pub fn detail() [:0]const u8 {
    return std.mem.span(c.chan_error_detail(last_error));
}

/// The size that the last error of this thread was about, as `error.TooLong`: of the message
/// that is there, or that the channel takes at most.
pub fn errorSize() u64 {
    return c.chan_error_size(last_error);
}

/// The version of the library at run time.
pub fn version() [:0]const u8 {
    return std.mem.span(c.chan_version());
}

fn errorOf(result: anytype, full: Error) Error {
    const E = std.os.linux.E;
    last_error = @intCast(result);
    return switch (@as(E, @enumFromInt(-last_error))) {
        .AGAIN => full,
        .TIMEDOUT => error.Timeout,
        .IDRM => error.Removed,
        .NOENT => error.NotFound,
        .EXIST => error.Exists,
        .ACCES, .PERM => error.AccessDenied,
        .MSGSIZE => error.TooLong,
        .BUSY => error.Busy,
        .INTR => error.Interrupted,
        .DEADLK => error.Deadlock,
        .STALE => error.Stale,
        .OVERFLOW => error.Lost,
        .BADMSG => error.Damaged,
        .PROTONOSUPPORT, .PROTOTYPE, .XDEV => error.Incompatible,
        .BADF => error.WrongRole,
        .CANCELED => error.Canceled,
        .CONNRESET => error.Reset,
        .NOTCONN => error.Detached,
        .INVAL, .NAMETOOLONG => error.Invalid,
        .NOSPC, .DQUOT => error.NoSpace,
        .NOMEM => error.OutOfMemory,
        else => error.Unexpected,
    };
}

fn closed(result: anytype) bool {
    return result == -@as(c_int, @intFromEnum(std.os.linux.E.PIPE));
}

fn check(result: anytype, full: Error) Error!void {
    if (result < 0) return errorOf(result, full);
}

fn timeoutOf(ns: ?u64) i64 {
    const t = ns orelse return -1;
    return std.math.cast(i64, t) orelse std.math.maxInt(i64);
}

/// What an endpoint does.
pub const Role = enum(c_uint) {
    sender = c.CHAN_SEND,
    receiver = c.CHAN_RECV,
    both = c.CHAN_SEND | c.CHAN_RECV,
    /// It looks, and is not counted.
    observer = 0,
    /// The only endpoint of its side, or of both, and so faster; for one thread.
    exclusive_sender = c.CHAN_SEND | c.CHAN_EXCLUSIVE,
    exclusive_receiver = c.CHAN_RECV | c.CHAN_EXCLUSIVE,
    exclusive = c.CHAN_SEND | c.CHAN_RECV | c.CHAN_EXCLUSIVE,
};

/// What became of a message that was sent.
pub const Sent = enum {
    sent,
    /// The channel's overflow policy dropped this one.
    dropped,
    /// The channel was closed.
    closed,
};

pub const How = enum(c_uint) {
    /// Receivers still get what is in the channel.
    drain = c.CHAN_DRAIN,
    /// They end at once.
    discard = c.CHAN_DISCARD,
};

/// How to make a channel; see struct chan_options in shmchan.h.
pub const Options = struct {
    capacity: u64 = 0,
    max_message: u32 = 0,
    kind: u32 = c.CHAN_KIND_QUEUE,
    overflow: u32 = c.CHAN_BLOCK,
    flags: u32 = 0,
    mode: u32 = 0,
    endpoints: u32 = 0,
    lifetime: u32 = c.CHAN_PERSIST,
    linger: u64 = 0,
    /// Above `capacity`: the channel grows up to this when it is full.
    max_capacity: u64 = 0,
    /// Of a broadcast: what becomes of subscribers that are too slow, as c.CHAN_LAG_LOSE.
    on_lag: u32 = c.CHAN_LAG_DEFAULT,
    patience: u64 = 0,
    /// So many queues in one, by c.CHAN_BY_KEY or c.CHAN_BY_PRIORITY.
    lanes: u32 = 0,
    lane_by: u32 = 0,
    /// An id that one of so many messages had is not sent again.
    dedup: u32 = 0,
    dedup_age: u64 = 0,
    /// The channel for messages that nobody can use; one that is too long is refused.
    dead_letter: []const u8 = "",
    /// After so many deliveries workers give a message up.
    max_deliver: u32 = 0,

    fn toC(o: Options) c.struct_chan_options {
        var ret = std.mem.zeroes(c.struct_chan_options);
        ret.size = @sizeOf(c.struct_chan_options);
        ret.capacity = o.capacity;
        ret.max_message = o.max_message;
        ret.kind = o.kind;
        ret.overflow = o.overflow;
        ret.flags = o.flags;
        ret.mode = o.mode;
        ret.endpoints = o.endpoints;
        ret.lifetime = o.lifetime;
        ret.linger = o.linger;
        ret.max_capacity = o.max_capacity;
        ret.on_lag = o.on_lag;
        ret.patience = o.patience;
        ret.lanes = o.lanes;
        ret.lane_by = o.lane_by;
        ret.dedup = o.dedup;
        ret.dedup_age = o.dedup_age;
        ret.max_deliver = o.max_deliver;
        const n = @min(o.dead_letter.len, ret.dead_letter.len);
        for (o.dead_letter[0..n], 0..) |b, i| ret.dead_letter[i] = @bitCast(b);
        return ret;
    }
};

/// Make a channel, without opening it.
pub fn make(name: [:0]const u8, options: Options) Error!void {
    const o = options.toC();
    try check(c.chan_create(name, &o), error.Full);
}

/// Remove a channel's name: who has it open gets to the end of it.
pub fn remove(name: [:0]const u8) Error!void {
    try check(c.chan_remove(name), error.Full);
}

/// Remove a channel's name only: who has it open goes on with it.
pub fn unlink(name: [:0]const u8) Error!void {
    try check(c.chan_unlink(name), error.Full);
}

/// Remove a channel of lifetime c.CHAN_REF if nobody uses it any more, and say if it was removed.
pub fn collect(name: [:0]const u8) Error!bool {
    const r = c.chan_collect(name);
    try check(r, error.Full);
    return r == 1;
}

/// The bytes of shared memory that a channel with these options takes.
pub fn footprint(options: Options) Error!u64 {
    const o = options.toC();
    const n = c.chan_footprint(&o);
    try check(n, error.Full);
    return @intCast(n);
}

/// The names of all channels, which the caller frees, each of them and the slice.
pub fn list(allocator: std.mem.Allocator) (Error || std.mem.Allocator.Error)![][:0]u8 {
    const Names = struct {
        all: std.ArrayList([:0]u8),

        fn add(name: [*c]const u8, arg: ?*anyopaque) callconv(.C) c_int {
            const names: *@This() = @ptrCast(@alignCast(arg.?));
            const own = names.all.allocator.dupeZ(u8, std.mem.span(name)) catch return 1;
            names.all.append(own) catch {
                names.all.allocator.free(own);
                return 1;
            };
            return 0;
        }
    };
    var names = Names{ .all = std.ArrayList([:0]u8).init(allocator) };
    errdefer {
        for (names.all.items) |name| allocator.free(name);
        names.all.deinit();
    }
    const r = c.chan_list(Names.add, &names);
    try check(r, error.Full);
    if (r != 0) return error.OutOfMemory;
    return names.all.toOwnedSlice();
}

/// The header of a message, in a channel that was made with the flag c.CHAN_META.  `raw` is all of
/// it, and what is received with it: see struct chan_meta in shmchan.h.
pub const Meta = struct {
    raw: c.struct_chan_meta,

    /// An empty one.
    pub fn init() Meta {
        var m: Meta = undefined;
        c.chan_meta_init(&m.raw);
        return m;
    }

    pub fn setKey(m: *Meta, text_of_key: []const u8) Error!void {
        if (text_of_key.len > c.CHAN_KEY_MAX) return error.Invalid;
        m.raw.flags |= c.CHAN_META_HAS_KEY;
        m.raw.key_length = @intCast(text_of_key.len);
        for (text_of_key, 0..) |b, i| m.raw.key[i] = @bitCast(b);
    }

    pub fn key(m: *const Meta) ?[]const u8 {
        if (m.raw.flags & c.CHAN_META_HAS_KEY == 0) return null;
        return std.mem.sliceAsBytes(m.raw.key[0..@min(m.raw.key_length, c.CHAN_KEY_MAX)]);
    }

    /// 0 to 7.
    pub fn setPriority(m: *Meta, n: u8) void {
        m.raw.flags |= c.CHAN_META_HAS_PRIORITY;
        m.raw.priority = n;
    }

    pub fn priority(m: *const Meta) ?u8 {
        return if (m.raw.flags & c.CHAN_META_HAS_PRIORITY == 0) null else m.raw.priority;
    }

    /// Carry a key or a priority that decides nothing in this channel, as a copy does.
    pub fn keep(m: *Meta) void {
        m.raw.flags |= c.CHAN_META_KEEP;
    }

    /// Do more replies follow this one?
    pub fn more(m: *const Meta) bool {
        return m.raw.flags & c.CHAN_META_MORE != 0;
    }

    /// Set the pair of that name, in place of one that is there.
    pub fn put(m: *Meta, name: [:0]const u8, value: [:0]const u8) Error!void {
        try check(c.chan_meta_put(&m.raw, name, value), error.Full);
    }

    /// The value of the pair of that name.
    pub fn get(m: *const Meta, name: [:0]const u8) ?[:0]const u8 {
        return std.mem.span(@as(?[*:0]const u8, c.chan_meta_get(&m.raw, name)) orelse return null);
    }

    /// Its pairs, each `name=value`.
    pub fn pairs(m: *const Meta) std.mem.TokenIterator(u8, .scalar) {
        const all = std.mem.sliceAsBytes(m.raw.header[0..@min(m.raw.header_length, c.CHAN_HEADER_MAX)]);
        return std.mem.tokenizeScalar(u8, all, 0);
    }
};

/// What `select` waits for, and its outcome.
pub const Case = struct {
    ch: Bytes,
    op: union(enum) {
        /// Receive into this buffer.
        recv: []u8,
        /// Send this message.
        send: []const u8,
        /// Take a message under a lease.
        take,
    },
    outcome: union(enum) {
        none,
        /// null at the end of a closed channel, and so below
        received: Error!?[]u8,
        sent: Error!Sent,
        taken: Error!?Lease,
    } = .none,
};

/// Execute the first of the cases that can go on, and return its number; its outcome is set.
/// `error.Empty` if none can and the call may not wait.
pub fn select(cases: []Case, ns: ?u64) Error!usize {
    var all: [64]c.struct_chan_case = undefined;
    var leases: [64]c.struct_chan_lease = undefined;
    if (cases.len > all.len) return error.Invalid;
    for (cases, 0..) |*case, i| {
        all[i] = std.mem.zeroes(c.struct_chan_case);
        all[i].size = @sizeOf(c.struct_chan_case);
        all[i].ch = case.ch.handle;
        switch (case.op) {
            .recv => |buffer| {
                all[i].op = c.CHAN_OP_RECV;
                all[i].data = buffer.ptr;
                all[i].len = buffer.len;
            },
            .send => |message| {
                all[i].op = c.CHAN_OP_SEND;
                all[i].data = @constCast(message.ptr);
                all[i].len = message.len;
            },
            .take => {
                all[i].op = c.CHAN_OP_TAKE;
                all[i].data = &leases[i];
                all[i].len = 1;
            },
        }
    }
    const r = c.chan_select(&all, @intCast(cases.len), timeoutOf(ns), c.CHAN_BIASED);
    try check(r, error.Empty);
    const at: usize = @intCast(r);
    const result = all[at].result;
    const case = &cases[at];
    case.outcome = switch (case.op) {
        .recv => |buffer| .{ .received = received(result, buffer) },
        .send => .{ .sent = sentAs(result) },
        .take => .{ .taken = taken(case.ch.handle, leases[at], result) },
    };
    return at;
}

/// Many endpoints to wait for.  What a wait costs follows what became ready, and not how many
/// there are.  One thread at a time may use it.
pub const Set = struct {
    handle: *c.chan_set_t,

    /// A member that is ready: its next call of that role may go on, without waiting.
    pub const Ready = struct { ch: Bytes, role: Role };

    pub fn init() Error!Set {
        var handle: ?*c.chan_set_t = null;
        try check(c.chan_set_create(&handle), error.Full);
        return .{ .handle = handle.? };
    }

    /// Its endpoints go on.
    pub fn deinit(set: Set) void {
        c.chan_set_destroy(set.handle);
    }

    /// Add an endpoint, as .sender or .receiver; for both, add it twice.
    pub fn add(set: Set, ch: Bytes, role: Role) Error!void {
        try check(c.chan_set_add(set.handle, ch.handle, @intFromEnum(role), null), error.Full);
    }

    pub fn remove(set: Set, ch: Bytes, role: Role) Error!void {
        try check(c.chan_set_remove(set.handle, ch.handle, @intFromEnum(role)), error.Full);
    }

    /// Wait until a member is ready, and return those that are, in `room`, which has room for 64
    /// at most.  A member stays ready until its calls find nothing.  `error.Empty` if none is
    /// and the call may not wait.
    pub fn wait(set: Set, room: []Ready, ns: ?u64) Error![]Ready {
        var raw: [64]c.struct_chan_ready = undefined;
        const most = @min(room.len, raw.len);
        const r = c.chan_set_wait(set.handle, &raw, @intCast(most), timeoutOf(ns));
        try check(r, error.Empty);
        const n: usize = @intCast(r);
        for (raw[0..n], room[0..n]) |m, *to|
            to.* = .{ .ch = .{ .handle = m.ch.? }, .role = @enumFromInt(m.role) };
        return room[0..n];
    }

    /// A descriptor for event loops that is readable while `wait` may return members.  It belongs
    /// to the set.
    pub fn fd(set: Set) Error!std.posix.fd_t {
        const n = c.chan_set_fd(set.handle);
        try check(n, error.Full);
        return n;
    }
};

/// An endpoint of a channel of messages, each some bytes.
pub const Bytes = struct {
    handle: *c.chan_t,

    /// Open a channel that is there.
    pub fn open(name: [:0]const u8, role: Role) Error!Bytes {
        var handle: ?*c.chan_t = null;
        try check(c.chan_open(&handle, name, @intFromEnum(role), null), error.Full);
        return .{ .handle = handle.? };
    }

    /// Open a channel, and make it first if it is missing.
    pub fn create(name: [:0]const u8, role: Role, options: Options) Error!Bytes {
        const o = options.toC();
        var handle: ?*c.chan_t = null;
        try check(c.chan_open(&handle, name, @intFromEnum(role) | c.CHAN_CREATE, &o), error.Full);
        return .{ .handle = handle.? };
    }

    /// How to subscribe to a broadcast; see struct chan_subscription in shmchan.h.
    pub const Subscription = struct {
        from: u32 = c.CHAN_FROM_NEXT,
        start: u64 = 0,
        on_lag: u32 = c.CHAN_LAG_DEFAULT,
        patience: u64 = 0,
        /// The place of this group, which outlives the process.
        group: ?[:0]const u8 = null,
        group_age: u64 = 0,
        flags: u32 = 0,
    };

    /// Subscribe to a broadcast.
    pub fn subscribe(name: [:0]const u8, how: Subscription) Error!Bytes {
        const full = c.struct_chan_subscription{
            .size = @sizeOf(c.struct_chan_subscription),
            .flags = how.flags,
            .from = how.from,
            .on_lag = how.on_lag,
            .start = how.start,
            .patience = how.patience,
            .group = if (how.group) |g| g.ptr else null,
            .group_age = how.group_age,
        };
        var handle: ?*c.chan_t = null;
        try check(c.chan_subscribe(&handle, name, &full), error.Full);
        return .{ .handle = handle.? };
    }

    /// How many messages this subscriber has lost in all, as far as it was told.
    pub fn lost(ch: Bytes) u64 {
        return c.chan_lost(ch.handle);
    }

    /// Detach.  The channel and what is in it stay.
    pub fn deinit(ch: Bytes) void {
        c.chan_detach(ch.handle);
    }

    /// Send: false if the channel was closed.  Waits for room.
    pub fn send(ch: Bytes, message: []const u8) Error!bool {
        return ch.sendFor(message, null);
    }

    /// Send, or `error.Full` at once.
    pub fn trySend(ch: Bytes, message: []const u8) Error!bool {
        return ch.sendFor(message, 0);
    }

    /// Send, or `error.Timeout` after so many nanoseconds.
    pub fn sendFor(ch: Bytes, message: []const u8, ns: ?u64) Error!bool {
        return try ch.offer(message, ns) != .closed;
    }

    /// Send, and say what became of it.
    pub fn offer(ch: Bytes, message: []const u8, ns: ?u64) Error!Sent {
        return sentAs(c.chan_send(ch.handle, message.ptr, message.len, timeoutOf(ns)));
    }

    /// Send with a header, and say what became of it.
    pub fn sendMeta(ch: Bytes, message: []const u8, meta: *const Meta, ns: ?u64) Error!Sent {
        return sentAs(c.chan_send_meta(ch.handle, message.ptr, message.len, &meta.raw, timeoutOf(ns)));
    }

    /// Receive into `buffer`, and set the header.
    pub fn recvMeta(ch: Bytes, buffer: []u8, meta: *Meta, ns: ?u64) Error!?[]u8 {
        meta.raw.size = @sizeOf(c.struct_chan_meta);
        return received(c.chan_recv_meta(ch.handle, buffer.ptr, buffer.len, &meta.raw, timeoutOf(ns)), buffer);
    }

    /// Send a request, a message that asks for replies: its number for `response`, or null if the
    /// channel was closed.
    pub fn request(ch: Bytes, message: []const u8, meta: *const Meta, ns: ?u64) Error!?u64 {
        var number: u64 = 0;
        const result = c.chan_request(ch.handle, message.ptr, message.len, &meta.raw, timeoutOf(ns), &number);
        // Sent before, as its id says: no reply comes.
        if (result == c.CHAN_DUPLICATE) return error.Canceled;
        return switch (try sentAs(result)) {
            .sent => number,
            .dropped => error.Canceled,
            .closed => null,
        };
    }

    /// Receive a reply to the request of that number, or to any of this endpoint's if it is 0, and
    /// set its header, which says if more follow.
    pub fn response(ch: Bytes, number: u64, buffer: []u8, meta: *Meta, ns: ?u64) Error!?[]u8 {
        meta.raw.size = @sizeOf(c.struct_chan_meta);
        return received(c.chan_response(ch.handle, number, buffer.ptr, buffer.len, &meta.raw, timeoutOf(ns)), buffer);
    }

    /// Send a request with the header and receive its reply, whose header `meta` then is.
    pub fn call(ch: Bytes, message: []const u8, buffer: []u8, meta: *Meta, ns: ?u64) Error!?[]u8 {
        return received(c.chan_call(ch.handle, message.ptr, message.len, buffer.ptr, buffer.len, &meta.raw, timeoutOf(ns)), buffer);
    }

    /// Forget a request: true if nobody gets it.
    pub fn cancel(ch: Bytes, number: u64) Error!bool {
        const n = c.chan_cancel(ch.handle, number);
        try check(n, error.Full);
        return n == 1;
    }

    /// Send up to 64 messages in one call: how many, or null if the channel was closed.
    pub fn sendMany(ch: Bytes, messages: []const []const u8, ns: ?u64) Error!?usize {
        var batch: [64]c.struct_iovec = undefined;
        const some = messages[0..@min(messages.len, batch.len)];
        for (some, 0..) |m, i| batch[i] = .{ .iov_base = @constCast(m.ptr), .iov_len = m.len };
        const n = c.chan_send_batch(ch.handle, &batch, @intCast(some.len), timeoutOf(ns));
        if (closed(n)) return null;
        try check(n, error.Full);
        return @intCast(n);
    }

    /// Receive up to 64 messages in one call, each into its buffer, which becomes as long as the
    /// message: how many, or null at the end.
    pub fn recvMany(ch: Bytes, buffers: [][]u8, ns: ?u64) Error!?usize {
        var batch: [64]c.struct_iovec = undefined;
        const some = buffers[0..@min(buffers.len, batch.len)];
        for (some, 0..) |b, i| batch[i] = .{ .iov_base = b.ptr, .iov_len = b.len };
        const n = c.chan_recv_batch(ch.handle, &batch, @intCast(some.len), timeoutOf(ns));
        if (closed(n)) return null;
        try check(n, error.Empty);
        for (some[0..@intCast(n)], 0..) |*b, i| b.len = batch[i].iov_len;
        return @intCast(n);
    }

    /// Receive into `buffer`: what was received, or null at the end of a closed channel.  Waits.
    pub fn recv(ch: Bytes, buffer: []u8) Error!?[]u8 {
        return ch.recvFor(buffer, null);
    }

    /// Receive, or `error.Empty` at once.
    pub fn tryRecv(ch: Bytes, buffer: []u8) Error!?[]u8 {
        return ch.recvFor(buffer, 0);
    }

    /// Receive, or `error.Timeout` after so many nanoseconds.
    pub fn recvFor(ch: Bytes, buffer: []u8, ns: ?u64) Error!?[]u8 {
        return received(c.chan_recv(ch.handle, buffer.ptr, buffer.len, timeoutOf(ns)), buffer);
    }

    /// Look at the first message that nobody has taken, or at the latest value, and leave it there.
    pub fn peek(ch: Bytes, buffer: []u8) Error!?[]u8 {
        var at = std.mem.zeroes(c.struct_chan_cursor);
        return received(c.chan_peek(ch.handle, buffer.ptr, buffer.len, &at), buffer);
    }

    /// Take a message under a lease, to read it where it lies: null at the end.  If the process
    /// dies before it ends the lease, another receiver gets the message.
    pub fn take(ch: Bytes, ns: ?u64) Error!?Lease {
        var lease: c.struct_chan_lease = undefined;
        const n = c.chan_take(ch.handle, &lease, 1, timeoutOf(ns));
        return taken(ch.handle, lease, n);
    }

    /// Reserve room for a message of at most `len` bytes, to write it where it will lie: null if
    /// the channel was closed.  The thread must commit or abort before it sends another.
    pub fn reserve(ch: Bytes, len: usize, ns: ?u64) Error!?Loan {
        var data: ?*anyopaque = null;
        const r = c.chan_reserve(ch.handle, &data, len, timeoutOf(ns));
        if (closed(r)) return null;
        try check(r, error.Full);
        return .{ .handle = ch.handle, .data = @as([*]u8, @ptrCast(data.?))[0..len] };
    }

    /// Nothing can be sent any more.
    pub fn close(ch: Bytes, how: How) Error!void {
        try check(c.chan_close(ch.handle, @intFromEnum(how)), error.Full);
    }

    /// Make buried messages ready again, the oldest ones, so many at most: how many.
    pub fn kick(ch: Bytes, most: u64) Error!u64 {
        const n = c.chan_kick(ch.handle, most);
        try check(n, error.Full);
        return @intCast(n);
    }

    /// Drop all messages that nobody has taken: how many.
    pub fn purge(ch: Bytes) Error!u64 {
        const n = c.chan_purge(ch.handle);
        try check(n, error.Full);
        return @intCast(n);
    }

    /// Put the channel in order after deaths, now: how many messages were given back.
    pub fn recover(ch: Bytes) Error!u64 {
        const n = c.chan_recover(ch.handle);
        try check(n, error.Full);
        return @intCast(n);
    }

    /// Let receivers find nothing, until it is called with false.
    pub fn pause(ch: Bytes, on: bool) Error!void {
        try check(c.chan_pause(ch.handle, @intFromBool(on)), error.Full);
    }

    /// Set this endpoint's overflow policy, as c.CHAN_FAIL.
    pub fn setOverflow(ch: Bytes, policy: u32) Error!void {
        try check(c.chan_set_overflow(ch.handle, policy), error.Full);
    }

    /// End what waits on this endpoint, in any thread, with `error.Interrupted`, and so its next
    /// waits until it is called with false.
    pub fn interrupt(ch: Bytes, on: bool) void {
        c.chan_interrupt(ch.handle, @intFromBool(on));
    }

    /// A descriptor for poll(2), epoll(7) or io_uring that is readable while a call of this role
    /// may go on.  Use it with calls that do not wait.  It belongs to the endpoint.
    pub fn fd(ch: Bytes, role: Role) Error!std.posix.fd_t {
        const n = c.chan_fd(ch.handle, @intFromEnum(role));
        try check(n, error.Full);
        return n;
    }

    /// The channel's state.
    pub fn stat(ch: Bytes) Error!c.struct_chan_stat {
        var ret = std.mem.zeroes(c.struct_chan_stat);
        ret.size = @sizeOf(c.struct_chan_stat);
        try check(c.chan_stat(ch.handle, &ret), error.Full);
        return ret;
    }

    /// The live endpoints, as many as there is room for, and how many there are.
    pub fn endpoints(ch: Bytes, room: []c.struct_chan_endpoint) Error!usize {
        const n = c.chan_endpoints(ch.handle, room.ptr, @intCast(room.len));
        try check(n, error.Full);
        return @intCast(n);
    }

    /// The live subscribers and the groups of a broadcast, as many as there is room for, and how
    /// many there are.
    pub fn subscribers(ch: Bytes, room: []c.struct_chan_subscriber) Error!usize {
        const n = c.chan_subscribers(ch.handle, room.ptr, @intCast(room.len));
        try check(n, error.Full);
        return @intCast(n);
    }

    /// Remove a group of a broadcast, which nobody uses.
    pub fn removeGroup(ch: Bytes, group: [:0]const u8) Error!void {
        try check(c.chan_remove_group(ch.handle, group), error.Full);
    }
};

fn sentAs(result: anytype) Error!Sent {
    if (closed(result)) return .closed;
    try check(result, error.Full);
    return if (result == c.CHAN_DROPPED) .dropped else .sent;
}

fn received(result: isize, buffer: []u8) Error!?[]u8 {
    if (closed(result)) return null;
    try check(result, error.Empty);
    return buffer[0..@intCast(result)];
}

fn taken(handle: *c.chan_t, lease: c.struct_chan_lease, result: anytype) Error!?Lease {
    if (closed(result)) return null;
    try check(result, error.Empty);
    return .{ .handle = handle, .lease = lease };
}

/// A message that was taken and is not acknowledged.  End it once: `ack`, `release` or `untake`.
pub const Lease = struct {
    handle: *c.chan_t,
    lease: c.struct_chan_lease,

    pub fn bytes(l: Lease) []const u8 {
        return @as([*]const u8, @ptrCast(l.lease.data.?))[0..l.lease.len];
    }

    /// 1 on first delivery.
    pub fn attempt(l: Lease) u32 {
        return l.lease.attempt;
    }

    /// Its header.
    pub fn meta(l: Lease) Error!Meta {
        var m = Meta.init();
        try check(c.chan_lease_meta(l.handle, &l.lease, &m.raw), error.Empty);
        return m;
    }

    /// Reply to a request.  A reply whose header does not say c.CHAN_META_MORE is the last, and ends
    /// the lease.  .dropped: the client is gone.
    pub fn reply(l: Lease, message: []const u8, m: *const Meta, ns: ?u64) Error!Sent {
        return sentAs(c.chan_reply(l.handle, &l.lease, message.ptr, message.len, &m.raw, timeoutOf(ns)));
    }

    /// Is a request still worth a reply?
    pub fn wanted(l: Lease) Error!bool {
        const n = c.chan_wanted(l.handle, &l.lease);
        try check(n, error.Empty);
        return n == 1;
    }

    /// The message is done.
    pub fn ack(l: Lease) Error!void {
        try check(c.chan_ack(l.handle, &l.lease, 1), error.Empty);
    }

    /// Set it aside: nobody gets it until somebody kicks it.
    pub fn bury(l: Lease) Error!void {
        try check(c.chan_bury(l.handle, &l.lease, 1), error.Empty);
    }

    /// Give it back, and nobody gets it before so many ns; in a channel with headers.
    pub fn releaseAfter(l: Lease, ns: u64) Error!void {
        try check(c.chan_release_after(l.handle, &l.lease, 1, @intCast(ns)), error.Empty);
    }

    /// Give it back: somebody gets it again, as the next attempt.
    pub fn release(l: Lease) Error!void {
        try check(c.chan_release(l.handle, &l.lease, 1), error.Empty);
    }

    /// Give it back as if it had not been taken.
    pub fn untake(l: Lease) Error!void {
        try check(c.chan_untake(l.handle, &l.lease, 1), error.Empty);
    }
};

/// Room that was reserved.  End it once: `commit` or `abort`, in the same thread.
pub const Loan = struct {
    handle: *c.chan_t,
    data: []u8,

    /// Send the first `len` bytes of `data`, and say what became of it.
    pub fn commit(l: Loan, len: usize) Error!Sent {
        return sentAs(c.chan_commit(l.handle, len));
    }

    pub fn abort(l: Loan) void {
        c.chan_abort(l.handle);
    }
};

/// A channel of values of type T, each a message of @sizeOf(T) bytes.  T must have the same
/// bytes in every program: integers, floats, bool, and arrays, extern or packed structs, unions
/// and enums of these; no pointers and no slices, whose addresses mean nothing elsewhere.
pub fn Channel(comptime T: type) type {
    comptime plain(T);
    if (@sizeOf(T) > 1 << 31) @compileError("a message has at most 2 GiB");
    return struct {
        const Self = @This();

        bytes: Bytes,

        /// Make the channel if it is missing, with room for at least `bound` values, and open it
        /// for both sides.  A bound of 0 is a rendezvous: a send waits for its receiver.
        pub fn create(name: [:0]const u8, bound: u32) Error!Self {
            return createAs(name, bound, .both);
        }

        /// The same, for one side.
        pub fn createAs(name: [:0]const u8, bound: u32, role: Role) Error!Self {
            const size: u64 = @max(@sizeOf(T), 1);
            return typed(try Bytes.create(name, role, if (bound == 0) .{
                .kind = c.CHAN_KIND_RENDEZVOUS,
                .max_message = size,
            } else .{
                // A record has a header of 16 bytes, and begins at a multiple of 16.
                .capacity = (std.mem.alignForward(u64, size, 16) + 16) * bound + 16,
                .max_message = size,
            }));
        }

        /// Open a channel that is there, for both sides.
        pub fn open(name: [:0]const u8) Error!Self {
            return openAs(name, .both);
        }

        pub fn openAs(name: [:0]const u8, role: Role) Error!Self {
            return typed(try Bytes.open(name, role));
        }

        fn typed(ch: Bytes) Error!Self {
            errdefer ch.deinit();
            if ((try ch.stat()).max_message != @max(@sizeOf(T), 1)) return error.WrongType;
            return .{ .bytes = ch };
        }

        /// Detach.  The channel and what is in it stay.
        pub fn deinit(ch: Self) void {
            ch.bytes.deinit();
        }

        /// Send: false if the channel was closed.  Waits for room.
        pub fn send(ch: Self, value: T) Error!bool {
            return ch.bytes.send(std.mem.asBytes(&value));
        }

        /// Send, or `error.Full` at once.
        pub fn trySend(ch: Self, value: T) Error!bool {
            return ch.bytes.trySend(std.mem.asBytes(&value));
        }

        /// Send, or `error.Timeout` after so many nanoseconds.
        pub fn sendFor(ch: Self, value: T, ns: ?u64) Error!bool {
            return ch.bytes.sendFor(std.mem.asBytes(&value), ns);
        }

        /// Receive: null at the end of a closed channel.  Waits.
        pub fn recv(ch: Self) Error!?T {
            return ch.recvFor(null);
        }

        /// Receive, or `error.Empty` at once.
        pub fn tryRecv(ch: Self) Error!?T {
            return ch.recvFor(0);
        }

        /// Receive, or `error.Timeout` after so many nanoseconds.
        pub fn recvFor(ch: Self, ns: ?u64) Error!?T {
            var value: T = undefined;
            const got = try ch.bytes.recvFor(std.mem.asBytes(&value), ns) orelse return null;
            if (got.len != @sizeOf(T)) return error.WrongType;
            return value;
        }

        /// Take a value under a lease: null at the end.  See `Bytes.take`.
        pub fn take(ch: Self, ns: ?u64) Error!?Taken {
            const lease = try ch.bytes.take(ns) orelse return null;
            if (lease.bytes().len != @sizeOf(T)) {
                lease.untake() catch {};
                return error.WrongType;
            }
            return .{ .lease = lease };
        }

        pub const Taken = struct {
            lease: Lease,

            /// A copy of the value.
            pub fn value(t: Taken) T {
                return std.mem.bytesToValue(T, t.lease.bytes()[0..@sizeOf(T)]);
            }
            pub fn ack(t: Taken) Error!void {
                return t.lease.ack();
            }
            pub fn release(t: Taken) Error!void {
                return t.lease.release();
            }
        };

        /// Nothing can be sent any more; receivers still get what is in the channel.
        pub fn close(ch: Self) Error!void {
            return ch.bytes.close(.drain);
        }
    };
}

fn plain(comptime T: type) void {
    switch (@typeInfo(T)) {
        .int, .float, .bool, .void => {},
        .array => |a| plain(a.child),
        .vector => |v| plain(v.child),
        .@"enum" => |e| plain(e.tag_type),
        .@"struct" => |s| {
            if (s.layout == .auto)
                @compileError(@typeName(T) ++ " has a layout of this program's: make it an extern or packed struct");
            for (s.fields) |f| plain(f.type);
        },
        .@"union" => |u| {
            if (u.layout == .auto)
                @compileError(@typeName(T) ++ " has a layout of this program's: make it an extern or packed union");
            for (u.fields) |f| plain(f.type);
        },
        else => @compileError(@typeName(T) ++ " can't be sent: its bytes mean nothing in another process"),
    }
}

test {
    _ = @import("test.zig");
}
