// SPDX-License-Identifier: MIT

use crate::ffi;
use std::os::raw::c_char;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a channel does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It keeps the message until a receiver has it.
    Queue = 0,
    /// It keeps nothing: a send returns when a receiver has the message.
    Rendezvous = 1,
    /// It keeps the latest message only; each send replaces it.
    Latest = 2,
    /// Each message goes to each subscriber: [`Channel::subscribe`](crate::Channel::subscribe).
    Broadcast = 3,
}

/// What becomes of a subscriber of a broadcast that lags too far behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLag {
    /// It holds the ring: the channel is full for senders.
    Block = 1,
    /// It loses messages, and is told how many.
    Lose = 2,
    /// It holds the ring until it kept a sender waiting for its patience, and then it loses.
    Evict = 3,
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
        self.0.linger = ns(linger);
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

    /// Each message has a header, [`Meta`](crate::Meta).
    #[must_use]
    pub fn meta(self, on: bool) -> Self {
        self.flag(ffi::META, on)
    }

    /// A number for what the messages are; 0: it is not said.
    #[must_use]
    pub fn type_number(mut self, number: u64) -> Self {
        self.0.type_number = number;
        self
    }

    /// A queue that grows up to so many bytes; [`u64::MAX`]: half of /dev/shm.
    #[must_use]
    pub fn max_capacity(mut self, bytes: u64) -> Self {
        self.0.max_capacity = bytes;
        self
    }

    /// So many queues in one, in which messages go by their key; this implies
    /// [`meta`](Options::meta).
    #[must_use]
    pub fn lanes_by_key(mut self, lanes: u32) -> Self {
        (self.0.lanes, self.0.lane_by) = (lanes, 1);
        self
    }

    /// Eight queues in one, in which messages go by their priority; this implies
    /// [`meta`](Options::meta).
    #[must_use]
    pub fn lanes_by_priority(mut self) -> Self {
        (self.0.lanes, self.0.lane_by) = (8, 2);
        self
    }

    /// A message whose id one of the last `n` messages had is not sent again, which is a success;
    /// this needs [`meta`](Options::meta).  An age of zero: however long ago.
    #[must_use]
    pub fn dedup(mut self, n: u32, age: Duration) -> Self {
        (self.0.dedup, self.0.dedup_age) = (n, ns(age));
        self
    }

    /// The channel for messages that nobody can use: `NAME` or `OWNER/NAME`, of 255 bytes at most.
    pub fn dead_letter(mut self, name: &str) -> crate::Result<Self> {
        let place = &mut self.0.dead_letter.0;
        if name.len() >= place.len() {
            let why = format!("dead_letter: {} bytes are too long", name.len());
            return Err(crate::Error::because(22, why));
        }
        place.fill(0);
        place[..name.len()].copy_from_slice(name.as_bytes());
        Ok(self)
    }

    /// After so many deliveries workers give a message up.
    #[must_use]
    pub fn max_deliver(mut self, n: u32) -> Self {
        self.0.max_deliver = n;
        self
    }

    /// Of a broadcast: its subscribers that don't say.
    #[must_use]
    pub fn on_lag(mut self, policy: OnLag) -> Self {
        self.0.on_lag = policy as u32;
        self
    }

    /// Of a broadcast: the patience of [`OnLag::Evict`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.0.patience = ns(patience);
        self
    }

    /// Of a broadcast: most groups at once.
    #[must_use]
    pub fn groups(mut self, most: u32) -> Self {
        self.0.groups = most;
        self
    }

    /// Of a broadcast: no subscriber may hold the ring for ever.
    #[must_use]
    pub fn forbid_block(self, on: bool) -> Self {
        self.flag(ffi::FORBID_BLOCK, on)
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

fn ns(d: Duration) -> u64 {
    d.as_nanos().min(i64::MAX as u128) as u64
}

/// Where a subscription to a broadcast begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next message that is sent.
    Next,
    /// With the oldest one that is kept.
    Oldest,
    /// With the last so many, or what is kept of them.
    Last(u64),
    /// With the message of that number: 1, 2, ...
    Seq(u64),
    /// With what was sent from then on.
    Since(SystemTime),
}

/// How to subscribe to a broadcast.
///
/// ```
/// use shmchan::{Channel, Kind, OnLag, Options, Role, Start, Subscription, Timeout};
/// # let name = &format!("doc.{}.broadcast", std::process::id());
/// let opt = Options::new().kind(Kind::Broadcast);
/// let tx = Channel::open(name, Role::SEND | Role::CREATE, &opt)?;
/// tx.send(b"kept", Timeout::Never)?;
/// let rx = Channel::subscribe(name, &Subscription::new(Start::Oldest).on_lag(OnLag::Lose))?;
/// let mut message = Vec::new();
/// rx.recv_to(&mut message, Timeout::Never)?;
/// assert_eq!(message, b"kept");
/// # shmchan::remove(name)?;
/// # Ok::<(), shmchan::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscription {
    start: Start,
    on_lag: Option<OnLag>,
    patience: Duration,
    group: Option<String>,
    group_age: Duration,
    flags: u32,
}

impl Subscription {
    /// One that begins there, and does for the rest as the channel says.
    pub fn new(start: Start) -> Self {
        Subscription {
            start,
            on_lag: None,
            patience: Duration::ZERO,
            group: None,
            group_age: Duration::ZERO,
            flags: 0,
        }
    }

    /// What becomes of it if it lags too far behind.
    #[must_use]
    pub fn on_lag(mut self, policy: OnLag) -> Self {
        self.on_lag = Some(policy);
        self
    }

    /// The patience of [`OnLag::Evict`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The group whose place it is, which stays when its user leaves or is killed.
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        self.group = Some(name.to_string());
        self
    }

    /// How long the group may be unused before it expires; zero: for ever.
    #[must_use]
    pub fn group_age(mut self, age: Duration) -> Self {
        self.group_age = age;
        self
    }

    /// If the start is not kept any more, begin with the oldest that is.
    #[must_use]
    pub fn or_oldest(mut self) -> Self {
        self.flags |= ffi::OR_OLDEST;
        self
    }

    /// If the group has expired, make it anew.
    #[must_use]
    pub fn renew_group(mut self) -> Self {
        self.flags |= ffi::RENEW_GROUP;
        self
    }

    // It is good as long as `group`, which is its name or null.
    pub(crate) fn raw(&self, group: *const c_char) -> ffi::Subscription {
        let (from, start) = match self.start {
            Start::Next => (0, 0),
            Start::Oldest => (1, 0),
            Start::Last(n) => (2, n),
            Start::Seq(n) => (3, n),
            Start::Since(t) => (4, ns(t.duration_since(UNIX_EPOCH).unwrap_or_default())),
        };
        ffi::Subscription {
            size: std::mem::size_of::<ffi::Subscription>() as u32,
            flags: self.flags,
            from,
            on_lag: self.on_lag.map_or(0, |policy| policy as u32),
            start,
            patience: ns(self.patience),
            group,
            group_age: ns(self.group_age),
        }
    }

    pub(crate) fn group_name(&self) -> Option<&str> {
        self.group.as_deref()
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
            Timeout::After(d) => ns(d) as i64,
            Timeout::Never => ffi::WAIT,
        }
    }
}

impl From<Duration> for Timeout {
    fn from(d: Duration) -> Self {
        Timeout::After(d)
    }
}
