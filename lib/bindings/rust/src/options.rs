// SPDX-License-Identifier: MIT

use crate::ffi;
use std::time::Duration;

/// What a channel does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It keeps the message until a receiver has it.
    Queue = 0,
    /// It keeps nothing: a send returns when a receiver has the message.
    Rendezvous = 1,
    /// It keeps the latest message only; each send replaces it.
    Latest = 2,
}

/// What a send does when the channel is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It waits, as long as its timeout says.
    Block = 0,
    /// It fails at once, whatever its timeout.
    Fail = 1,
    /// It drops its own message.
    DropNewest = 2,
    /// It drops the oldest undelivered messages until there is room.
    DropOldest = 3,
}

/// How to make a channel: every default, and what is set here.
///
/// ```
/// use shmchan::Options;
/// let opt = Options::new().capacity(65536).end_with_senders(true);
/// assert!(opt.footprint().unwrap() > 65536);
/// ```
#[derive(Clone, Debug)]
pub struct Options(pub(crate) ffi::Options);

impl Default for Options {
    fn default() -> Self {
        Options(ffi::Options {
            size: std::mem::size_of::<ffi::Options>() as u32,
            ..ffi::Options::default()
        })
    }
}

impl Options {
    /// Every default.
    pub fn new() -> Self {
        Options::default()
    }

    /// Bytes of the ring.  A message takes its length and 16, rounded up to 16.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.0.capacity = bytes;
        self
    }

    /// Bytes of the longest message.
    #[must_use]
    pub fn max_message(mut self, bytes: u32) -> Self {
        self.0.max_message = bytes;
        self
    }

    /// What a send does when the channel is full.
    #[must_use]
    pub fn overflow(mut self, policy: Overflow) -> Self {
        self.0.overflow = policy as u32;
        self
    }

    /// Permission bits, 0600 by default.
    #[must_use]
    pub fn mode(mut self, bits: u32) -> Self {
        self.0.mode = bits;
        self
    }

    /// Most endpoints at once.
    #[must_use]
    pub fn endpoints(mut self, most: u32) -> Self {
        self.0.endpoints = most;
        self
    }

    /// What the channel does with a message.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind as u32;
        self
    }

    /// The name goes with the last endpoint, or so much later; without this it stays until
    /// [`remove`](crate::remove).
    #[must_use]
    pub fn lifetime_ref(mut self, linger: Duration) -> Self {
        self.0.lifetime = 1;
        self.0.linger = linger.as_nanos().min(i64::MAX as u128) as u64;
        self
    }

    /// Receivers get what is left and then the end, if there were senders and none is left.
    #[must_use]
    pub fn end_with_senders(self, on: bool) -> Self {
        self.flag(ffi::END_WITH_SENDERS, on)
    }

    /// Sends fail if there were receivers and none is left.
    #[must_use]
    pub fn need_receivers(self, on: bool) -> Self {
        self.flag(ffi::NEED_RECEIVERS, on)
    }

    /// A number for what the messages are; 0: it is not said.
    #[must_use]
    pub fn type_number(mut self, number: u64) -> Self {
        self.0.type_number = number;
        self
    }

    fn flag(mut self, flag: u32, on: bool) -> Self {
        self.0.flags = if on {
            self.0.flags | flag
        } else {
            self.0.flags & !flag
        };
        self
    }

    /// The bytes of shared memory that a channel of these options takes.
    pub fn footprint(&self) -> crate::Result<u64> {
        // SAFETY: the options are valid for the call.
        crate::checked(unsafe { ffi::chan_footprint(&self.0) }).map(|n| n as u64)
    }
}

/// How long a call may wait.  A [`Duration`] is one, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Not at all.
    Now,
    /// So long.
    After(Duration),
    /// For ever.
    Never,
}

impl Timeout {
    pub(crate) fn ns(self) -> i64 {
        match self {
            Timeout::Now => 0,
            Timeout::After(d) => d.as_nanos().min(i64::MAX as u128) as i64,
            Timeout::Never => ffi::WAIT,
        }
    }
}

impl From<Duration> for Timeout {
    fn from(d: Duration) -> Self {
        Timeout::After(d)
    }
}
