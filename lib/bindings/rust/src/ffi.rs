// SPDX-License-Identifier: MIT

//! The C library's interface, as in shmchan.h.

use std::os::raw::{c_char, c_int, c_uint, c_void};

#[repr(C)]
pub struct Chan {
    _opaque: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub size: u32,
    pub flags: u32,
    pub capacity: u64,
    pub max_message: u32,
    pub overflow: u32,
    pub mode: u32,
    pub endpoints: u32,
    pub lifetime: u32,
    pub kind: u32,
    pub linger: u64,
    pub type_number: u64,
    pub on_lag: u32,
    pub groups: u32,
    pub patience: u64,
    pub max_capacity: u64,
    pub lanes: u32,
    pub lane_by: u32,
    pub dead_letter: Place,
    pub dedup: u32,
    pub max_deliver: u32,
    pub dedup_age: u64,
}

/// A channel's place: text, and a NUL.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct Place(pub [u8; 256]);

impl Default for Place {
    fn default() -> Self {
        Place([0; 256])
    }
}

#[repr(C)]
pub struct Subscription {
    pub size: u32,
    pub flags: u32,
    pub from: u32,
    pub on_lag: u32,
    pub start: u64,
    pub patience: u64,
    pub group: *const c_char,
    pub group_age: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Lease {
    pub data: *const c_void,
    pub len: usize,
    pub seq: u64,
    pub pos: u64,
    pub attempt: u32,
    pub reserved: u32,
}

impl Lease {
    pub const NONE: Lease = Lease {
        data: std::ptr::null(),
        len: 0,
        seq: 0,
        pos: 0,
        attempt: 0,
        reserved: 0,
    };
}

#[repr(C)]
pub struct Case {
    pub size: u32,
    pub op: u32,
    pub ch: *mut Chan,
    pub data: *mut c_void,
    pub len: usize,
    pub result: isize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    pub pos: u64,
    pub seq: u64,
    pub attempt: u32,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Stat {
    pub size: u32,
    pub flags: u32,
    pub capacity: u64,
    pub used: u64,
    pub depth: u64,
    pub sent: u64,
    pub received: u64,
    pub dropped_newest: u64,
    pub dropped_oldest: u64,
    pub redelivered: u64,
    pub recoveries: u64,
    pub bytes: u64,
    pub segment: u64,
    pub created: i64,
    pub linger: u64,
    pub max_message: u32,
    pub overflow: u32,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub lifetime: u32,
    pub kind: u32,
    pub endpoints: u32,
    pub senders: u32,
    pub receivers: u32,
    pub closed: u32,
    pub damaged: u32,
    pub removed: u32,
    pub format: u32,
    pub full: u32,
    pub condvar: u32,
    pub idle: i64,
    pub dropped_leased: u64,
    pub paused: u32,
    pub reserved: u32,
    pub type_number: u64,
    pub kept: u64,
    pub lost: u64,
    pub evicted: u64,
    pub patience: u64,
    pub on_lag: u32,
    pub max_groups: u32,
    pub start_capacity: u64,
    pub max_capacity: u64,
    pub peak_capacity: u64,
    pub grown: u64,
    pub grown_at: i64,
    pub grown_by: i32,
    pub grown_why: u32,
    pub grow_error: u32,
    pub unused: u32,
}

#[repr(C)]
#[derive(Clone)]
pub struct Meta {
    pub size: u32,
    pub flags: u32,
    pub seq: u64,
    pub sent: i64,
    pub ttl: i64,
    pub delay: i64,
    pub correlation: u64,
    pub pid: i32,
    pub uid: u32,
    pub status: i32,
    pub attempt: u32,
    pub key_length: u32,
    pub header_length: u32,
    pub id: [u8; 16],
    pub priority: u8,
    pub reserved: [u8; 7],
    pub reply_to: [u8; 256],
    pub key: [u8; KEY_MAX + 1],
    pub header: [u8; 1024],
}

pub const KEY_MAX: usize = 255;
pub const HAS_ID: u32 = 1;
pub const HAS_KEY: u32 = 2;
pub const HAS_PRIORITY: u32 = 4;
pub const MORE: u32 = 16;
pub const ONCE: u32 = 32;
pub const KEEP: u32 = 128;

#[repr(C)]
pub struct Set {
    _opaque: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Ready {
    pub ch: *mut Chan,
    pub data: *mut c_void,
    pub role: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Endpoint {
    pub id: u32,
    pub roles: u32,
    pub pid: i32,
    pub uid: u32,
    pub attached: i64,
    pub waiting: i64,
    pub command: [u8; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Subscriber {
    pub size: u32,
    pub state: u32,
    pub on_lag: u32,
    pub id: u32,
    pub pid: i32,
    pub reserved: u32,
    pub seq: u64,
    pub lag: u64,
    pub lag_bytes: u64,
    pub lost: u64,
    pub patience: u64,
    pub group_age: u64,
    pub group: [u8; 48],
}

impl Default for Subscriber {
    fn default() -> Self {
        // SAFETY: it is numbers only.
        unsafe { std::mem::zeroed() }
    }
}

pub const WAIT: i64 = -1;
pub const DROPPED: c_int = 1;

pub const OP_RECV: u32 = 1;
pub const OP_TAKE: u32 = 2;
pub const OP_SEND: u32 = 3;

pub const END_WITH_SENDERS: u32 = 1;
pub const NEED_RECEIVERS: u32 = 2;
pub const FORBID_BLOCK: u32 = 8;
pub const META: u32 = 16;
pub const OR_OLDEST: u32 = 1;
pub const RENEW_GROUP: u32 = 2;

#[link(name = "shmchan")]
extern "C" {
    pub fn chan_create(name: *const c_char, opt: *const Options) -> c_int;
    pub fn chan_footprint(opt: *const Options) -> i64;
    pub fn chan_open(
        ret: *mut *mut Chan,
        name: *const c_char,
        flags: c_uint,
        opt: *const Options,
    ) -> c_int;
    pub fn chan_subscribe(
        ret: *mut *mut Chan,
        name: *const c_char,
        how: *const Subscription,
    ) -> c_int;
    pub fn chan_remove_group(ch: *mut Chan, group: *const c_char) -> c_int;
    pub fn chan_detach(ch: *mut Chan);
    pub fn chan_close(ch: *const Chan, how: c_uint) -> c_int;
    pub fn chan_remove(name: *const c_char) -> c_int;
    pub fn chan_unlink(name: *const c_char) -> c_int;
    pub fn chan_collect(name: *const c_char) -> c_int;
    pub fn chan_send(ch: *mut Chan, msg: *const c_void, len: usize, timeout: i64) -> c_int;
    pub fn chan_recv(ch: *mut Chan, buf: *mut c_void, size: usize, timeout: i64) -> isize;
    pub fn chan_send_batch(ch: *mut Chan, msg: *const c_void, n: c_uint, timeout: i64) -> c_int;
    pub fn chan_recv_batch(ch: *mut Chan, buf: *mut c_void, n: c_uint, timeout: i64) -> c_int;
    pub fn chan_reserve(ch: *mut Chan, ret: *mut *mut c_void, len: usize, timeout: i64) -> c_int;
    pub fn chan_commit(ch: *mut Chan, len: usize) -> c_int;
    pub fn chan_abort(ch: *mut Chan);
    pub fn chan_take(ch: *mut Chan, ret: *mut Lease, n: c_uint, timeout: i64) -> c_int;
    pub fn chan_ack(ch: *mut Chan, lease: *const Lease, n: c_uint) -> c_int;
    pub fn chan_release(ch: *mut Chan, lease: *const Lease, n: c_uint) -> c_int;
    pub fn chan_untake(ch: *mut Chan, lease: *const Lease, n: c_uint) -> c_int;
    pub fn chan_select(cases: *mut Case, n: c_uint, timeout: i64, flags: c_uint) -> c_int;
    pub fn chan_fd(ch: *mut Chan, role: c_uint) -> c_int;
    pub fn chan_peek(ch: *mut Chan, buf: *mut c_void, size: usize, at: *mut Cursor) -> isize;
    pub fn chan_purge(ch: *mut Chan) -> i64;
    pub fn chan_bury(ch: *mut Chan, lease: *const Lease, n: c_uint) -> c_int;
    pub fn chan_kick(ch: *mut Chan, most: u64) -> c_int;
    pub fn chan_release_after(ch: *mut Chan, lease: *const Lease, n: c_uint, delay: i64) -> c_int;
    pub fn chan_pause(ch: *mut Chan, on: c_int) -> c_int;
    pub fn chan_set_overflow(ch: *mut Chan, overflow: c_uint) -> c_int;
    pub fn chan_interrupt(ch: *mut Chan, on: c_int);
    pub fn chan_stat(ch: *const Chan, ret: *mut Stat) -> c_int;
    pub fn chan_meta_init(meta: *mut Meta);
    pub fn chan_meta_put(meta: *mut Meta, name: *const c_char, value: *const c_char) -> c_int;
    pub fn chan_send_meta(
        ch: *mut Chan,
        msg: *const c_void,
        len: usize,
        meta: *const Meta,
        timeout: i64,
    ) -> c_int;
    pub fn chan_recv_meta(
        ch: *mut Chan,
        buf: *mut c_void,
        size: usize,
        ret: *mut Meta,
        timeout: i64,
    ) -> isize;
    pub fn chan_lease_meta(ch: *const Chan, lease: *const Lease, ret: *mut Meta) -> c_int;
    pub fn chan_request(
        ch: *mut Chan,
        msg: *const c_void,
        len: usize,
        meta: *const Meta,
        timeout: i64,
        ret: *mut u64,
    ) -> c_int;
    pub fn chan_response(
        ch: *mut Chan,
        number: u64,
        buf: *mut c_void,
        size: usize,
        ret: *mut Meta,
        timeout: i64,
    ) -> isize;
    pub fn chan_call(
        ch: *mut Chan,
        msg: *const c_void,
        len: usize,
        buf: *mut c_void,
        size: usize,
        meta: *mut Meta,
        timeout: i64,
    ) -> isize;
    pub fn chan_cancel(ch: *mut Chan, number: u64) -> c_int;
    pub fn chan_reply(
        ch: *mut Chan,
        request: *const Lease,
        msg: *const c_void,
        len: usize,
        meta: *const Meta,
        timeout: i64,
    ) -> c_int;
    pub fn chan_wanted(ch: *mut Chan, request: *const Lease) -> c_int;
    pub fn chan_endpoints(ch: *const Chan, ret: *mut Endpoint, n: c_uint) -> c_int;
    pub fn chan_subscribers(ch: *const Chan, ret: *mut Subscriber, n: c_uint) -> c_int;
    pub fn chan_set_create(ret: *mut *mut Set) -> c_int;
    pub fn chan_set_destroy(set: *mut Set);
    pub fn chan_set_add(set: *mut Set, ch: *mut Chan, role: c_uint, data: *mut c_void) -> c_int;
    pub fn chan_set_remove(set: *mut Set, ch: *mut Chan, role: c_uint) -> c_int;
    pub fn chan_set_wait(set: *mut Set, ret: *mut Ready, n: c_uint, timeout: i64) -> c_int;
    pub fn chan_set_fd(set: *mut Set) -> c_int;
    pub fn chan_recover(ch: *mut Chan) -> c_int;
    pub fn chan_list(
        f: extern "C" fn(name: *const c_char, arg: *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    pub fn chan_strerror(err: c_int) -> *const c_char;
    pub fn chan_error_detail(err: c_int) -> *const c_char;
    pub fn chan_error_size(err: c_int) -> u64;
    pub fn chan_version() -> *const c_char;
}
