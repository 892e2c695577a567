// SPDX-License-Identifier: MIT

use crate::channel::Role;
use crate::guard::{wrong_length, Lease, Loan, View};
use crate::options::{Kind, Options, Timeout};
use crate::plain::type_number;
use crate::sent::Sent;
use crate::{Channel, Error, ErrorKind, Plain, Result};
use std::fmt;
use std::io;
use std::mem::{size_of, MaybeUninit};
use std::os::unix::io::{AsFd, BorrowedFd};
use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a [`Sender`] sends and a [`Receiver`] receives: a [`Plain`] type, or `Vec<u8>` for
/// bytes of any length.
pub trait Message: private::Sealed {}

mod private {
    use super::*;

    pub trait Sealed: Sized {
        /// What a lease shows of it: the type itself, or `[u8]`.
        type View: View + ?Sized;
        // Of the type in the channel's header; 0: bytes.
        fn number() -> u64;
        // A ring for so many messages.
        fn sized(bound: usize, options: Options) -> Options;
        // Sends it by its bytes.
        fn send(&self, channel: &Channel, timeout: Timeout) -> Result<Sent>;
        fn recv(channel: &Channel, timeout: Timeout) -> Result<Self>;
        fn lease(raw: Lease<'_>) -> Result<Lease<'_, Self::View>>;
    }
}

// Bytes of the ring that a message takes.
fn record(len: usize) -> u64 {
    (len as u64 + 16 + 15) & !15
}

impl<T: Plain> Message for T {}

impl<T: Plain> private::Sealed for T {
    type View = T;

    fn number() -> u64 {
        type_number::<T>()
    }

    fn sized(bound: usize, options: Options) -> Options {
        let options = options.max_message(size_of::<T>().max(1) as u32);
        if bound == 0 {
            return options;
        }
        options.capacity(
            (bound as u64)
                .saturating_mul(record(size_of::<T>()))
                .saturating_add(16),
        )
    }

    #[inline]
    fn send(&self, channel: &Channel, timeout: Timeout) -> Result<Sent> {
        let at: *const T = self;
        channel.send_raw(at.cast(), size_of::<T>(), timeout)
    }

    #[inline]
    fn recv(channel: &Channel, timeout: Timeout) -> Result<T> {
        let mut value = MaybeUninit::<T>::uninit();
        match channel.recv_raw(value.as_mut_ptr().cast(), size_of::<T>(), timeout) {
            // SAFETY: all of its bytes were written, and any bytes are a value.
            Ok(n) if n == size_of::<T>() => Ok(unsafe { value.assume_init() }),
            Ok(n) => Err(wrong_length::<T>(n)),
            Err(e) if e.kind() == ErrorKind::TooLarge => Err(wrong_length::<T>(e.size() as usize)),
            Err(e) => Err(e),
        }
    }

    fn lease(raw: Lease<'_>) -> Result<Lease<'_, T>> {
        raw.of_type()
    }
}

/// What a message of bytes is counted as for the bound of [`sync_channel`].
const USUAL: usize = 1024 - 16;
/// The longest message of bytes that a channel of [`sync_channel`] takes.
const LONGEST: u32 = 65536;

impl Message for Vec<u8> {}

impl private::Sealed for Vec<u8> {
    type View = [u8];

    fn number() -> u64 {
        0
    }

    fn sized(bound: usize, options: Options) -> Options {
        let options = options.max_message(LONGEST);
        if bound == 0 {
            return options;
        }
        let least = record(LONGEST as usize) + 16;
        options.capacity(
            (bound as u64)
                .saturating_mul(record(USUAL))
                .saturating_add(16)
                .max(least),
        )
    }

    #[inline]
    fn send(&self, channel: &Channel, timeout: Timeout) -> Result<Sent> {
        channel.send(self, timeout)
    }

    fn recv(channel: &Channel, timeout: Timeout) -> Result<Vec<u8>> {
        let mut message = Vec::new();
        channel.recv_to(&mut message, timeout)?;
        Ok(message)
    }

    fn lease(raw: Lease<'_>) -> Result<Lease<'_, [u8]>> {
        Ok(raw)
    }
}

// What both ends have.
struct End {
    channel: Channel,
    // Why it is disconnected.
    cause: Mutex<Option<Error>>,
}

impl End {
    fn open<T: Message>(name: &str, role: Role) -> Result<End> {
        let channel = Channel::open(name, role, &Options::new())?;
        let st = channel.stat()?;
        let number = T::number();
        // Another maker may not say what its messages are.
        let same = st.type_number() == number || (st.type_number() == 0 && number != 0);
        if !same {
            return Err(Error::because(
                22,
                format!(
                    "the channel has messages of another type than {}",
                    std::any::type_name::<T>()
                ),
            ));
        }
        Ok(End {
            channel,
            cause: Mutex::new(None),
        })
    }

    fn note(&self, e: Error) {
        *self.cause.lock().unwrap_or_else(|e| e.into_inner()) = Some(e);
    }

    fn cause(&self) -> Option<Error> {
        self.cause.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}

/// Make a channel for `bound` messages, and open both of its ends.
///
/// It is std's [`sync_channel`](std::sync::mpsc::sync_channel) with a name, by which other
/// processes open an end with [`Sender::open`] and [`Receiver::open`].  A message is received
/// once, by one receiver.  When the last sender is dropped, in whatever process, or killed,
/// receivers get what is left and then are disconnected; when the last receiver is, senders
/// are; and when all of both are, the name goes.  A channel that is to outlive its users is
/// made with [`create`](crate::create).
///
/// The bound: with 0 it is a rendezvous.  Otherwise the ring has room for `bound` messages of
/// that type and, because it is whole pages, for up to a page (4 KiB) more of them.  For
/// `Vec<u8>` a message is counted with 1008 bytes, so as many as `bound` of that length fit,
/// more shorter ones or fewer longer ones, but always one of 64 KiB, the longest that it takes.
///
/// The type is kept in the channel's header, as one number (`chan_options.type` in shmchan.h)
/// made of the type's id, size and alignment, and is checked when an end is opened.  A channel
/// that a program in another language made may not say its type: then only the length of each
/// message is checked.  Bytes are no type: `Vec<u8>` is for channels that say none.
///
/// ```
/// # let name = &format!("doc.{}.sync", std::process::id());
/// let (tx, rx) = shmchan::sync_channel::<u64>(name, 16)?;
/// tx.send(53).unwrap(); // in another process, as a rule: Sender::open(name)
/// drop(tx);
/// assert_eq!(rx.recv(), Ok(53));
/// assert!(rx.recv().is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`]: somebody uses a channel of that name.  Others as of
/// `chan_create()`.
pub fn sync_channel<T: Message>(name: &str, bound: usize) -> io::Result<(Sender<T>, Receiver<T>)> {
    let options = Options::new()
        .lifetime_ref(Duration::ZERO)
        .end_with_senders(true)
        .need_receivers(true)
        .type_number(T::number());
    let options = match bound {
        0 => options.kind(Kind::Rendezvous),
        _ => options,
    };
    // What killed processes left goes first.
    if let Err(e) = crate::collect(name) {
        if e.kind() != ErrorKind::NotFound {
            return Err(e.into());
        }
    }
    crate::create(name, &T::sized(bound, options))?;
    let tx = Sender::open(name);
    let rx = Receiver::open(name);
    if tx.is_err() || rx.is_err() {
        let _ = crate::remove(name);
    }
    Ok((tx?, rx?))
}

/// The end that sends, as std's `SyncSender`.
///
/// Clones and threads share one endpoint; the side ends when the last sender of the last
/// process is dropped.  Errors of std have no room for a cause: [`cause`](Sender::cause) says
/// it.
pub struct Sender<T> {
    end: Arc<End>,
    messages: std::marker::PhantomData<fn(T)>,
}

/// The end that receives, as std's `Receiver`.
///
/// There may be any number, in this process and others: each message goes to one of them.
pub struct Receiver<T> {
    end: End,
    messages: std::marker::PhantomData<fn() -> T>,
}

/// As std's `SendTimeoutError`: it gives the value back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// There was no room in that time.
    Timeout(T),
    /// Nobody can receive it any more.
    Disconnected(T),
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "Timeout(..)",
            SendTimeoutError::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "timed out waiting to send",
            SendTimeoutError::Disconnected(_) => "sending on a closed channel",
        })
    }
}

impl<T> std::error::Error for SendTimeoutError<T> {}

// A call that was not to wait found it full or empty, or could not see which.
fn not_now(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Busy)
}

impl<T: Message> Sender<T> {
    /// Open the sending end of a channel that is there.
    pub fn open(name: &str) -> io::Result<Sender<T>> {
        Ok(Sender {
            end: Arc::new(End::open::<T>(name, Role::SEND)?),
            messages: std::marker::PhantomData,
        })
    }

    /// Send a value, and wait while the channel is full.  The error gives it back: there is
    /// nobody left to receive it.
    #[inline]
    pub fn send(&self, value: T) -> std::result::Result<(), SendError<T>> {
        match value.send(&self.end.channel, Timeout::Never) {
            Ok(_) => Ok(()),
            Err(e) => {
                self.end.note(e);
                Err(SendError(value))
            }
        }
    }

    /// Send a value if there is room now.
    #[inline]
    pub fn try_send(&self, value: T) -> std::result::Result<(), TrySendError<T>> {
        match value.send(&self.end.channel, Timeout::Now) {
            Ok(_) => Ok(()),
            Err(e) if not_now(&e) => Err(TrySendError::Full(value)),
            Err(e) => {
                self.end.note(e);
                Err(TrySendError::Disconnected(value))
            }
        }
    }

    /// Send a value, and wait for room so long at most.
    pub fn send_timeout(
        &self,
        value: T,
        timeout: Duration,
    ) -> std::result::Result<(), SendTimeoutError<T>> {
        match value.send(&self.end.channel, timeout.into()) {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == ErrorKind::TimedOut || not_now(&e) => {
                Err(SendTimeoutError::Timeout(value))
            }
            Err(e) => {
                self.end.note(e);
                Err(SendTimeoutError::Disconnected(value))
            }
        }
    }
}

impl<T: Plain> Sender<T> {
    /// Reserve the place of the next message, to write it where it will be.
    ///
    /// ```
    /// # let name = &format!("doc.{}.loan", std::process::id());
    /// let (tx, rx) = shmchan::sync_channel::<[u32; 1000]>(name, 4)?;
    /// let mut place = tx.loan()?;
    /// place.fill(7);
    /// place.send()?;
    /// assert_eq!(rx.recv().unwrap()[999], 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn loan(&self) -> Result<Loan<'_, T>> {
        let loan = self.end.channel.reserve(size_of::<T>(), Timeout::Never)?;
        Ok(loan.of_type())
    }
}

impl Sender<Vec<u8>> {
    /// Reserve a place of `len` bytes for the next message, to write it where it will be.
    pub fn loan_bytes(&self, len: usize) -> Result<Loan<'_>> {
        self.end.channel.reserve(len, Timeout::Never)
    }
}

impl<T> Sender<T> {
    /// Why the last call failed, if it said that it is disconnected: the channel was closed,
    /// or removed, or is damaged, or the value is too large.
    pub fn cause(&self) -> Option<Error> {
        self.end.cause()
    }

    /// The endpoint, for what is not here: closing for everybody, batches, the state.
    pub fn channel(&self) -> &Channel {
        &self.end.channel
    }

    /// A descriptor that is readable while [`try_send`](Sender::try_send) may succeed.  It is
    /// `AsFd`, for poll, epoll and event loops.
    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.end.channel.fd(Role::SEND)?)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender {
            end: self.end.clone(),
            messages: self.messages,
        }
    }
}

/// As [`Sender::fd`].
///
/// # Panics
///
/// If the descriptor can't be made, which a call of [`Sender::fd`] finds out first.
impl<T> AsFd for Sender<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd().expect("a descriptor for the sender")
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}

impl<T: Message> Receiver<T> {
    /// Open a receiving end of a channel that is there.
    pub fn open(name: &str) -> io::Result<Receiver<T>> {
        Ok(Receiver {
            end: End::open::<T>(name, Role::RECEIVE)?,
            messages: std::marker::PhantomData,
        })
    }

    // Makes a call, and notes why it is disconnected if it is.  A subscriber of a broadcast
    // that lost messages goes on, as often as it is told so.
    #[inline]
    fn later<V>(&self, call: impl Fn() -> Result<V>) -> std::result::Result<V, RecvTimeoutError> {
        loop {
            match call() {
                Ok(v) => return Ok(v),
                Err(e) if e.kind() == ErrorKind::TimedOut || not_now(&e) => {
                    return Err(RecvTimeoutError::Timeout)
                }
                Err(e) => {
                    let lost = e.kind() == ErrorKind::Lost;
                    self.end.note(e);
                    if !lost {
                        return Err(RecvTimeoutError::Disconnected);
                    }
                }
            }
        }
    }

    /// Receive a value, and wait while the channel is empty.  The error says that nothing is
    /// left and nobody sends any more.
    #[inline]
    pub fn recv(&self) -> std::result::Result<T, RecvError> {
        self.later(|| T::recv(&self.end.channel, Timeout::Never))
            .map_err(|_| RecvError)
    }

    /// Receive a value if there is one now.
    #[inline]
    pub fn try_recv(&self) -> std::result::Result<T, TryRecvError> {
        self.later(|| T::recv(&self.end.channel, Timeout::Now))
            .map_err(at_once)
    }

    /// Receive a value, and wait so long at most.
    pub fn recv_timeout(&self, timeout: Duration) -> std::result::Result<T, RecvTimeoutError> {
        self.later(|| T::recv(&self.end.channel, timeout.into()))
    }

    fn lease(&self, timeout: Timeout) -> std::result::Result<Lease<'_, T::View>, RecvTimeoutError> {
        self.later(|| self.end.channel.take(timeout).and_then(T::lease))
    }

    /// Take a value under a lease, where it is: if the lease is dropped without
    /// [`ack`](Lease::ack), by a panic for example, or the process is killed, the value is
    /// delivered again.
    ///
    /// ```
    /// # let name = &format!("doc.{}.lease", std::process::id());
    /// let (tx, rx) = shmchan::sync_channel::<Vec<u8>>(name, 4)?;
    /// tx.send(b"sweep".to_vec()).unwrap();
    /// drop(rx.take().unwrap());
    /// let job = rx.take().unwrap();
    /// assert_eq!((&job[..], job.attempt()), (&b"sweep"[..], 2));
    /// job.ack()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take(&self) -> std::result::Result<Lease<'_, T::View>, RecvError> {
        self.lease(Timeout::Never).map_err(|_| RecvError)
    }

    /// The same, if there is one now.
    pub fn try_take(&self) -> std::result::Result<Lease<'_, T::View>, TryRecvError> {
        self.lease(Timeout::Now).map_err(at_once)
    }

    /// The same, and wait so long at most.
    pub fn take_timeout(
        &self,
        timeout: Duration,
    ) -> std::result::Result<Lease<'_, T::View>, RecvTimeoutError> {
        self.lease(timeout.into())
    }

    /// The values until the channel ends.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// The values that are there now.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }
}

fn at_once(e: RecvTimeoutError) -> TryRecvError {
    match e {
        RecvTimeoutError::Timeout => TryRecvError::Empty,
        RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
    }
}

impl<T> Receiver<T> {
    /// Why the last call failed, if it said that it is disconnected.  Of a subscriber of a
    /// broadcast that lost messages: that ([`ErrorKind::Lost`]), and it goes on.
    pub fn cause(&self) -> Option<Error> {
        self.end.cause()
    }

    /// The endpoint, for what is not here.
    pub fn channel(&self) -> &Channel {
        &self.end.channel
    }

    /// A descriptor that is readable while [`try_recv`](Receiver::try_recv) may succeed.  It
    /// is `AsFd`, for poll, epoll and event loops.
    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.end.channel.fd(Role::RECEIVE)?)
    }
}

/// As [`Receiver::fd`].
///
/// # Panics
///
/// If the descriptor can't be made, which a call of [`Receiver::fd`] finds out first.
impl<T> AsFd for Receiver<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd().expect("a descriptor for the receiver")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a Receiver<T>);

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T>(&'a Receiver<T>);

/// The values until the channel ends, of a receiver that is not used otherwise.
#[derive(Debug)]
pub struct IntoIter<T>(Receiver<T>);

impl<T: Message> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T: Message> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T: Message> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<'a, T: Message> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Message> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}
