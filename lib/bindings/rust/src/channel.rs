// SPDX-License-Identifier: MIT

use crate::guard::{Lease, Loan};
use crate::options::{Options, Overflow, Subscription, Timeout};
use crate::sent::Sent;
use crate::{checked, ffi, Error, ErrorKind, Result};
use std::ffi::CString;
use std::io::{IoSlice, IoSliceMut};
use std::ops::BitOr;
use std::os::raw::{c_char, c_int, c_uint, c_void};
use std::os::unix::io::BorrowedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What an endpoint is for: `Role::SEND | Role::CREATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(pub(crate) c_uint);

impl Role {
    /// It may look, close, purge and recover.
    pub const OBSERVE: Role = Role(0);
    /// It sends.
    pub const SEND: Role = Role(1);
    /// It receives.
    pub const RECEIVE: Role = Role(2);
    /// It makes the channel first if that is missing.
    pub const CREATE: Role = Role(4);
    /// It is the only endpoint of its side or sides, and belongs to one thread.
    pub const EXCLUSIVE: Role = Role(8);
}

impl BitOr for Role {
    type Output = Role;

    fn bitor(self, other: Role) -> Role {
        Role(self.0 | other.0)
    }
}

/// An endpoint of a channel of bytes: all that the library can do.
///
/// [`Sender`](crate::Sender) and [`Receiver`](crate::Receiver) are what std's channels are;
/// this is for the rest.  Any number of threads may use one, except where it is exclusive:
/// then calls of other threads than the one that opened it fail.  It is left when it is
/// dropped.  In a forked child every call on its parent's endpoints fails.
///
/// ```
/// use shmchan::{Channel, Options, Role, Timeout};
/// # let name = &format!("doc.{}.channel", std::process::id());
/// let tx = Channel::open(name, Role::SEND | Role::CREATE, &Options::new())?;
/// let rx = Channel::open(name, Role::RECEIVE, &Options::new())?;
/// tx.send(b"sweep", Timeout::Never)?;
/// let job = rx.take(Timeout::Never)?; // a lease: if it is dropped, it is delivered again
/// assert_eq!(&job[..], b"sweep");
/// job.ack()?;
/// tx.close()?;
/// shmchan::remove(name)?;
/// # Ok::<(), shmchan::Error>(())
/// ```
#[derive(Debug)]
pub struct Channel {
    pub(crate) ch: *mut ffi::Chan,
}

// SAFETY: the library lets any number of threads use an endpoint at once; what is for one
// thread only is refused in others.
unsafe impl Send for Channel {}
unsafe impl Sync for Channel {}

impl Drop for Channel {
    fn drop(&mut self) {
        // SAFETY: it is open, and nobody else can use it.
        unsafe { ffi::chan_detach(self.ch) }
    }
}

// A name for the library.
fn with_name<T>(name: &str, f: impl FnOnce(*const c_char) -> Result<T>) -> Result<T> {
    let name = CString::new(name)
        .map_err(|_| Error::because(22, "a name has no NUL in it".to_string()))?;
    f(name.as_ptr())
}

impl Channel {
    /// Open an endpoint.  The options are used if [`Role::CREATE`] makes the channel.
    pub fn open(name: &str, role: Role, options: &Options) -> Result<Channel> {
        let mut ch = std::ptr::null_mut();
        let opt: *const ffi::Options = if role.0 & Role::CREATE.0 != 0 {
            &options.0
        } else {
            std::ptr::null()
        };
        // SAFETY: the pointers are valid for the call.
        with_name(name, |name| {
            checked(unsafe { ffi::chan_open(&mut ch, name, role.0, opt) }.into())
        })?;
        Ok(Channel { ch })
    }

    /// Open an endpoint of a broadcast to receive.
    ///
    /// A call that finds that messages are lost fails with [`ErrorKind::Lost`], once, and the
    /// next one goes on.
    pub fn subscribe(name: &str, how: &Subscription) -> Result<Channel> {
        let mut ch = std::ptr::null_mut();
        // SAFETY: the pointers are valid for the call.
        let mut open = |group: *const c_char| {
            with_name(name, |name| {
                checked(unsafe { ffi::chan_subscribe(&mut ch, name, &how.raw(group)) }.into())
            })
        };
        match how.group_name() {
            Some(group) => with_name(group, open)?,
            None => open(std::ptr::null())?,
        };
        Ok(Channel { ch })
    }

    /// Remove a group of a broadcast, which nobody uses.
    pub fn remove_group(&self, group: &str) -> Result<()> {
        with_name(group, |group| {
            checked(unsafe { ffi::chan_remove_group(self.ch, group) }.into()).map(drop)
        })
    }

    /// End the channel for everybody.  Receivers get what is left.
    pub fn close(&self) -> Result<()> {
        // SAFETY (here and below): `ch` is open until drop().
        checked(unsafe { ffi::chan_close(self.ch, 0) }.into()).map(drop)
    }

    /// End the channel for everybody, and receivers end at once.
    pub fn discard(&self) -> Result<()> {
        checked(unsafe { ffi::chan_close(self.ch, 1) }.into()).map(drop)
    }

    /// Send one message, and wait while the channel is full.
    #[inline]
    pub fn send(&self, message: &[u8], timeout: impl Into<Timeout>) -> Result<Sent> {
        self.send_raw(message.as_ptr().cast(), message.len(), timeout.into())
    }

    #[inline]
    pub(crate) fn send_raw(&self, at: *const c_void, len: usize, timeout: Timeout) -> Result<Sent> {
        Sent::of(unsafe { ffi::chan_send(self.ch, at, len, timeout.ns()) })
    }

    /// Send a prefix of the messages with one store, and return how many that is; waits for
    /// room for the first one only.
    pub fn send_batch(
        &self,
        messages: &[IoSlice<'_>],
        timeout: impl Into<Timeout>,
    ) -> Result<usize> {
        let n = messages.len().min(c_int::MAX as usize) as c_uint;
        // SAFETY: an IoSlice is a struct iovec.
        let r = unsafe {
            ffi::chan_send_batch(self.ch, messages.as_ptr().cast(), n, timeout.into().ns())
        };
        checked(r.into()).map(|n| n as usize)
    }

    /// Receive one message into a buffer, and return its length.  If it is longer than the
    /// buffer, it stays, and the error's size is its length.
    #[inline]
    pub fn recv(&self, buffer: &mut [u8], timeout: impl Into<Timeout>) -> Result<usize> {
        self.recv_raw(buffer.as_mut_ptr().cast(), buffer.len(), timeout.into())
    }

    #[inline]
    pub(crate) fn recv_raw(&self, at: *mut c_void, size: usize, timeout: Timeout) -> Result<usize> {
        checked(unsafe { ffi::chan_recv(self.ch, at, size, timeout.ns()) } as i64)
            .map(|n| n as usize)
    }

    /// Receive one message of any length into a vector, which becomes that message.
    pub fn recv_to(&self, buffer: &mut Vec<u8>, timeout: impl Into<Timeout>) -> Result<()> {
        const FIRST: usize = 1024;
        let timeout = timeout.into();
        let end = match timeout {
            Timeout::After(d) => Instant::now().checked_add(d),
            _ => None,
        };
        buffer.clear();
        buffer.reserve(FIRST);
        loop {
            let left = match end {
                Some(t) => Timeout::After(t.saturating_duration_since(Instant::now())),
                None => timeout,
            };
            match self.recv_raw(buffer.as_mut_ptr().cast(), buffer.capacity(), left) {
                Ok(n) => {
                    // SAFETY: the library wrote so many bytes.
                    unsafe { buffer.set_len(n) };
                    return Ok(());
                }
                Err(e) if e.kind() == ErrorKind::TooLarge => buffer.reserve(e.size() as usize),
                Err(e) => return Err(e),
            }
        }
    }

    /// Receive as many messages as there are buffers at most, and return how many; each of
    /// these buffers is shortened to its message.  Waits for the first one only.
    pub fn recv_batch(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        timeout: impl Into<Timeout>,
    ) -> Result<usize> {
        let n = buffers.len().min(c_int::MAX as usize) as c_uint;
        // SAFETY: an IoSliceMut is a struct iovec, and the library only makes it shorter.
        let r = unsafe {
            ffi::chan_recv_batch(self.ch, buffers.as_mut_ptr().cast(), n, timeout.into().ns())
        };
        checked(r.into()).map(|n| n as usize)
    }

    /// Take a message under a lease, where it is.
    pub fn take(&self, timeout: impl Into<Timeout>) -> Result<Lease<'_>> {
        let mut raw = ffi::Lease::NONE;
        checked(unsafe { ffi::chan_take(self.ch, &mut raw, 1, timeout.into().ns()) }.into())?;
        Ok(Lease::new(self, raw))
    }

    /// Reserve a place of `len` bytes, to write a message where it will be.  Other senders
    /// wait until it is sent or dropped.
    pub fn reserve(&self, len: usize, timeout: impl Into<Timeout>) -> Result<Loan<'_>> {
        let mut at = std::ptr::null_mut();
        checked(unsafe { ffi::chan_reserve(self.ch, &mut at, len, timeout.into().ns()) }.into())?;
        Ok(Loan::new(self, at, len))
    }

    /// Copy the message at or after the cursor, which then stands behind it, and return its
    /// length.
    pub fn peek(&self, buffer: &mut [u8], at: &mut Cursor) -> Result<usize> {
        let r =
            unsafe { ffi::chan_peek(self.ch, buffer.as_mut_ptr().cast(), buffer.len(), &mut at.0) };
        checked(r as i64).map(|n| n as usize)
    }

    /// Make buried messages ready again, the oldest ones, `most` at most, and return how many.
    pub fn kick(&self, most: u64) -> Result<u64> {
        checked(unsafe { ffi::chan_kick(self.ch, most) }.into()).map(|n| n as u64)
    }

    /// Drop every undelivered message, and return how many there were.
    pub fn purge(&self) -> Result<u64> {
        checked(unsafe { ffi::chan_purge(self.ch) }).map(|n| n as u64)
    }

    /// Clean up after dead peers now, and return how many messages were given back.
    pub fn recover(&self) -> Result<u64> {
        checked(unsafe { ffi::chan_recover(self.ch) }.into()).map(|n| n as u64)
    }

    /// While it is paused, receivers find nothing.
    pub fn pause(&self, on: bool) -> Result<()> {
        checked(unsafe { ffi::chan_pause(self.ch, on.into()) }.into()).map(drop)
    }

    /// What this endpoint's sends do when the channel is full, from now on.
    pub fn set_overflow(&self, policy: Overflow) -> Result<()> {
        checked(unsafe { ffi::chan_set_overflow(self.ch, policy as c_uint) }.into()).map(drop)
    }

    /// With `on`: calls that wait on this endpoint, now and later, fail with
    /// [`ErrorKind::Interrupted`], until this is called with false.
    pub fn interrupt(&self, on: bool) {
        unsafe { ffi::chan_interrupt(self.ch, on.into()) }
    }

    /// A descriptor that is readable while the next call of that role, which must not wait,
    /// may go on: for poll, epoll and event loops.  It is made at the first call, belongs to
    /// the endpoint, and must not be read.
    pub fn fd(&self, role: Role) -> Result<BorrowedFd<'_>> {
        let fd = checked(unsafe { ffi::chan_fd(self.ch, role.0) }.into())?;
        // SAFETY: it is open as long as the endpoint.
        Ok(unsafe { BorrowedFd::borrow_raw(fd as c_int) })
    }

    /// The channel's state.
    pub fn stat(&self) -> Result<Stat> {
        let mut st = ffi::Stat {
            size: std::mem::size_of::<ffi::Stat>() as u32,
            ..ffi::Stat::default()
        };
        checked(unsafe { ffi::chan_stat(self.ch, &mut st) }.into())?;
        Ok(Stat(st))
    }

    /// The live endpoints.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let raw = listed(|at, n| unsafe { ffi::chan_endpoints(self.ch, at, n) })?;
        let endpoint = |e: &ffi::Endpoint| Endpoint {
            id: e.id,
            roles: Role(e.roles),
            pid: e.pid,
            uid: e.uid,
            attached: UNIX_EPOCH + Duration::from_nanos(e.attached as u64),
            waits: e.waiting != 0,
            command: until_nul(&e.command),
        };
        Ok(raw.iter().map(endpoint).collect())
    }

    /// The live subscribers and the groups of a broadcast.
    pub fn subscribers(&self) -> Result<Vec<Subscriber>> {
        let raw = listed(|at, n| unsafe { ffi::chan_subscribers(self.ch, at, n) })?;
        let subscriber = |s: &ffi::Subscriber| Subscriber {
            state: match s.state {
                0 => SubscriberState::Active,
                1 => SubscriberState::Evicted,
                _ => SubscriberState::Expired,
            },
            pid: (s.pid != 0).then(|| s.pid),
            seq: s.seq,
            lag: s.lag,
            lag_bytes: s.lag_bytes,
            lost: s.lost,
            group: (s.group[0] != 0).then(|| until_nul(&s.group)),
        };
        Ok(raw.iter().map(subscriber).collect())
    }
}

// A list of the library's, of which `get` fills in as many as there is room for and returns how
// many there are.
fn listed<T: Copy + Default>(get: impl Fn(*mut T, c_uint) -> c_int) -> Result<Vec<T>> {
    let mut list = vec![T::default(); 16];
    loop {
        let n = checked(get(list.as_mut_ptr(), list.len() as c_uint).into())? as usize;
        let all = n <= list.len();
        list.resize(n, T::default());
        if all {
            return Ok(list);
        }
    }
}

fn until_nul(text: &[u8]) -> String {
    let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
}

/// A live endpoint, as it registered itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its number in the channel.
    pub id: u32,
    /// What it is for.
    pub roles: Role,
    /// Its process.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// When it was opened.
    pub attached: SystemTime,
    /// Does a call on it wait?
    pub waits: bool,
    /// The name of its program.
    pub command: String,
}

/// What a subscriber is, besides its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberState {
    /// It gets what is sent.
    Active,
    /// It made a sender wait for too long, and now it loses.
    Evicted,
    /// A group that was unused for too long.
    Expired,
}

/// A subscriber of a broadcast, or a group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subscriber {
    /// What it is.
    pub state: SubscriberState,
    /// Its process; none: a group without a user.
    pub pid: Option<i32>,
    /// The number of the next message for it.
    pub seq: u64,
    /// Messages that it has not received, or not acknowledged, yet.
    pub lag: u64,
    /// The same in bytes of the ring.
    pub lag_bytes: u64,
    /// Messages that it lost so far.
    pub lost: u64,
    /// Its group.
    pub group: Option<String>,
}

/// Where [`Channel::peek`] stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor(ffi::Cursor);

impl Cursor {
    /// At the oldest message.
    pub fn new() -> Self {
        Cursor::default()
    }

    /// The number of the message that was just shown.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// The deliveries that it has had so far.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}

/// A channel's state: the figures of `struct chan_stat`, by the same names.
#[derive(Clone, Copy, Debug)]
pub struct Stat(ffi::Stat);

macro_rules! figures {
    ($($name:ident: $type:ty),*) => {
        impl Stat {
            $(#[allow(missing_docs)] pub fn $name(&self) -> $type { self.0.$name })*
        }
    };
}

figures! {
    capacity: u64, used: u64, depth: u64, sent: u64, received: u64, dropped_newest: u64,
    dropped_oldest: u64, dropped_leased: u64, redelivered: u64, recoveries: u64, bytes: u64,
    segment: u64, created: i64, linger: u64, max_message: u32, overflow: u32, mode: u32,
    uid: u32, gid: u32, lifetime: u32, kind: u32, endpoints: u32, senders: u32, receivers: u32,
    closed: u32, damaged: u32, removed: u32, paused: u32, idle: i64, type_number: u64,
    kept: u64, lost: u64, evicted: u64, patience: u64, on_lag: u32, max_groups: u32,
    start_capacity: u64, max_capacity: u64, peak_capacity: u64, grown: u64, grown_at: i64,
    grown_by: i32, grown_why: u32, grow_error: u32
}

/// Make a channel.
pub fn create(name: &str, options: &Options) -> Result<()> {
    // SAFETY (here and below): the pointers are valid for the call.
    with_name(name, |name| {
        checked(unsafe { ffi::chan_create(name, &options.0) }.into()).map(drop)
    })
}

/// Remove a channel: its name goes, and it ends for everybody that has it open.
pub fn remove(name: &str) -> Result<()> {
    with_name(name, |name| {
        checked(unsafe { ffi::chan_remove(name) }.into()).map(drop)
    })
}

/// Remove only its name: those that have the channel open go on.
pub fn unlink(name: &str) -> Result<()> {
    with_name(name, |name| {
        checked(unsafe { ffi::chan_unlink(name) }.into()).map(drop)
    })
}

/// Remove a channel that goes with its last endpoint, if nobody uses it any more, and say if
/// it was removed.
pub fn collect(name: &str) -> Result<bool> {
    with_name(name, |name| {
        checked(unsafe { ffi::chan_collect(name) }.into()).map(|n| n == 1)
    })
}

/// The names of all channels: `NAME`, or `OWNER/NAME` for those of other users.
pub fn list() -> Result<Vec<String>> {
    extern "C" fn add(name: *const c_char, names: *mut c_void) -> c_int {
        // SAFETY: what list() passed, and a name that is good until this returns.
        let (names, name) = unsafe {
            (
                &mut *names.cast::<Vec<String>>(),
                std::ffi::CStr::from_ptr(name),
            )
        };
        names.push(name.to_string_lossy().into_owned());
        0
    }
    let mut names: Vec<String> = Vec::new();
    let arg: *mut Vec<String> = &mut names;
    checked(unsafe { ffi::chan_list(add, arg.cast()) }.into())?;
    Ok(names)
}
