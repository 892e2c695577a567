// SPDX-License-Identifier: MIT

use crate::options::Timeout;
use crate::sent::Sent;
use crate::{checked, ffi, Channel, Error, Lease, Result};
use std::ffi::CString;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The header of a message, in a channel that was made with [`Options::meta`](crate::Options::meta).
///
/// ```
/// use shmchan::{Channel, Meta, Options, Role, Timeout};
/// # let name = &format!("doc.{}.meta", std::process::id());
/// let both = Role::SEND | Role::RECEIVE | Role::CREATE;
/// let jobs = Channel::open(name, both, &Options::new().meta(true))?;
/// jobs.send_meta(b"sweep", &Meta::new().put("room", "kitchen")?, Timeout::Never)?;
/// let mut buffer = [0; 64];
/// let (n, meta) = jobs.recv_meta(&mut buffer, Timeout::Never)?;
/// assert_eq!((&buffer[..n], meta.get("room")), (&b"sweep"[..], Some("kitchen")));
/// # shmchan::remove(name)?;
/// # Ok::<(), shmchan::Error>(())
/// ```
#[derive(Clone)]
pub struct Meta(Box<ffi::Meta>);

impl Default for Meta {
    fn default() -> Self {
        Meta::new()
    }
}

fn nanoseconds(d: Duration) -> i64 {
    d.as_nanos().min(i64::MAX as u128) as i64
}

impl Meta {
    /// An empty one.
    pub fn new() -> Self {
        // SAFETY: it is numbers only, so zeros are one; and the pointer is valid for the call.
        let mut raw: Box<ffi::Meta> = Box::new(unsafe { std::mem::zeroed() });
        unsafe { ffi::chan_meta_init(&mut *raw) };
        Meta(raw)
    }

    /// Set the key: at most 255 bytes.
    pub fn key(mut self, key: &[u8]) -> Result<Self> {
        if key.len() > ffi::KEY_MAX {
            let why = format!(
                "a key has at most {} bytes, not {}",
                ffi::KEY_MAX,
                key.len()
            );
            return Err(Error::because(22, why));
        }
        self.0.flags |= ffi::HAS_KEY;
        self.0.key_length = key.len() as u32;
        self.0.key[..key.len()].copy_from_slice(key);
        Ok(self)
    }

    /// Set the priority: 0 to 7.
    pub fn priority(mut self, priority: u8) -> Self {
        self.0.flags |= ffi::HAS_PRIORITY;
        self.0.priority = priority;
        self
    }

    /// Set the id, from which a channel sees duplicates.
    pub fn id(mut self, id: [u8; 16]) -> Self {
        self.0.flags |= ffi::HAS_ID;
        self.0.id = id;
        self
    }

    /// Carry a key or a priority that decides nothing in this channel, as a copy does.
    pub fn keep(mut self) -> Self {
        self.0.flags |= ffi::KEEP;
        self
    }

    /// Nobody gets it later than so long after it was sent.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.0.ttl = nanoseconds(ttl);
        self
    }

    /// Nobody gets it before that.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.0.delay = nanoseconds(delay);
        self
    }

    /// Of a request: it must not be delivered twice.
    pub fn once(mut self) -> Self {
        self.0.flags |= ffi::ONCE;
        self
    }

    /// Of a reply: what its client finds as [`Meta::status_number`].
    pub fn status(mut self, status: i32) -> Self {
        self.0.status = status;
        self
    }

    /// Of a reply: others follow.
    pub fn more(mut self) -> Self {
        self.0.flags |= ffi::MORE;
        self
    }

    /// Of a reply: what the server says.
    pub fn status_number(&self) -> i32 {
        self.0.status
    }

    /// Of a reply: do others follow?
    pub fn has_more(&self) -> bool {
        self.0.flags & ffi::MORE != 0
    }

    /// Set the pair of that name, in place of one that is there.
    pub fn put(mut self, name: &str, value: &str) -> Result<Self> {
        let text = |s: &str| {
            CString::new(s).map_err(|_| Error::because(22, "a pair has no NUL in it".into()))
        };
        let (name, value) = (text(name)?, text(value)?);
        // SAFETY: the pointers are valid for the call.
        checked(unsafe { ffi::chan_meta_put(&mut *self.0, name.as_ptr(), value.as_ptr()) }.into())?;
        Ok(self)
    }

    /// The key, if it has one.
    pub fn key_bytes(&self) -> Option<&[u8]> {
        let length = (self.0.key_length as usize).min(ffi::KEY_MAX);
        (self.0.flags & ffi::HAS_KEY != 0).then(|| &self.0.key[..length])
    }

    /// The priority, if it has one.
    pub fn priority_number(&self) -> Option<u8> {
        (self.0.flags & ffi::HAS_PRIORITY != 0).then(|| self.0.priority)
    }

    /// Name and value of each pair; what is not UTF-8 is left out.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let length = (self.0.header_length as usize).min(self.0.header.len());
        self.0.header[..length]
            .split(|b| *b == 0)
            .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
    }

    /// The value of the pair of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Received: its place in the channel's order.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// Received: when it was sent.
    pub fn sent(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0.sent.max(0) as u64)
    }

    /// Received: the sender's process, as it says.
    pub fn pid(&self) -> i32 {
        self.0.pid
    }

    /// Received: 1 on first delivery.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("key", &self.key_bytes())
            .field("priority", &self.priority_number())
            .field("pairs", &self.pairs().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// Send a message with a header.
    pub fn send_meta(
        &self,
        message: &[u8],
        meta: &Meta,
        timeout: impl Into<Timeout>,
    ) -> Result<Sent> {
        let (at, ns) = (message.as_ptr().cast(), timeout.into().ns());
        // SAFETY (here and below): it is open, and the pointers are valid for the call.
        Sent::of(unsafe { ffi::chan_send_meta(self.ch, at, message.len(), &*meta.0, ns) })
    }

    /// Receive a message and its header, as [`Channel::recv`].
    pub fn recv_meta(
        &self,
        buffer: &mut [u8],
        timeout: impl Into<Timeout>,
    ) -> Result<(usize, Meta)> {
        let (at, ns) = (buffer.as_mut_ptr().cast(), timeout.into().ns());
        let mut meta = Meta::new();
        let r = unsafe { ffi::chan_recv_meta(self.ch, at, buffer.len(), &mut *meta.0, ns) };
        Ok((checked(r as i64)? as usize, meta))
    }
}

impl Channel {
    /// Send a request, a message that asks for replies, in a channel with headers, and return its
    /// number for [`Channel::response`].
    pub fn request(&self, message: &[u8], meta: &Meta, timeout: impl Into<Timeout>) -> Result<u64> {
        let (at, ns) = (message.as_ptr().cast(), timeout.into().ns());
        let mut number = 0;
        let r = unsafe { ffi::chan_request(self.ch, at, message.len(), &*meta.0, ns, &mut number) };
        // Dropped, or sent before, as its id says: no reply comes.
        match checked(r.into())? {
            0 => Ok(number),
            _ => Err(Error::because(
                125,
                "it was dropped, or is a duplicate".into(),
            )),
        }
    }

    /// Receive a reply to the request of that number, or to any of this endpoint's if it is 0.
    /// Its header says if more follow.
    pub fn response(
        &self,
        number: u64,
        buffer: &mut [u8],
        timeout: impl Into<Timeout>,
    ) -> Result<(usize, Meta)> {
        let (at, ns) = (buffer.as_mut_ptr().cast(), timeout.into().ns());
        let mut meta = Meta::new();
        let r = unsafe { ffi::chan_response(self.ch, number, at, buffer.len(), &mut *meta.0, ns) };
        Ok((checked(r as i64)? as usize, meta))
    }

    /// Send a request and receive its reply.
    ///
    /// ```
    /// use shmchan::{Channel, Meta, Options, Role, Timeout};
    /// # let name = &format!("doc.{}.call", std::process::id());
    /// let client = Channel::open(name, Role::SEND | Role::CREATE, &Options::new().meta(true))?;
    /// let server = Channel::open(name, Role::RECEIVE, &Options::new())?;
    /// let serving = std::thread::spawn(move || {
    ///     let request = server.take(Timeout::Never)?;
    ///     let answer = request.to_ascii_uppercase();
    ///     request.reply(&answer, &Meta::new(), Timeout::Never)
    /// });
    /// let mut buffer = [0; 64];
    /// let (n, _) = client.call(b"hello", &mut buffer, &Meta::new(), Timeout::Never)?;
    /// assert_eq!(&buffer[..n], b"HELLO");
    /// serving.join().unwrap()?;
    /// # shmchan::remove(name)?;
    /// # Ok::<(), shmchan::Error>(())
    /// ```
    pub fn call(
        &self,
        message: &[u8],
        buffer: &mut [u8],
        meta: &Meta,
        timeout: impl Into<Timeout>,
    ) -> Result<(usize, Meta)> {
        let mut meta = meta.clone();
        let r = unsafe {
            ffi::chan_call(
                self.ch,
                message.as_ptr().cast(),
                message.len(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &mut *meta.0,
                timeout.into().ns(),
            )
        };
        Ok((checked(r as i64)? as usize, meta))
    }

    /// Forget a request: true if no server gets it.
    pub fn cancel(&self, number: u64) -> Result<bool> {
        checked(unsafe { ffi::chan_cancel(self.ch, number) }.into()).map(|n| n == 1)
    }
}

impl<M: crate::View + ?Sized> Lease<'_, M> {
    /// Send the last reply to a request, which acknowledges it.  If it fails, the request is
    /// delivered again.
    pub fn reply(self, message: &[u8], meta: &Meta, timeout: impl Into<Timeout>) -> Result<Sent> {
        let mut last = meta.clone();
        last.0.flags &= !ffi::MORE;
        let sent = self.send_reply(message, &last, timeout.into())?;
        std::mem::forget(self); // it is acknowledged
        Ok(sent)
    }

    /// Send a reply to a request that is not the last.
    pub fn reply_more(
        &self,
        message: &[u8],
        meta: &Meta,
        timeout: impl Into<Timeout>,
    ) -> Result<Sent> {
        self.send_reply(message, &meta.clone().more(), timeout.into())
    }

    fn send_reply(&self, message: &[u8], meta: &Meta, timeout: Timeout) -> Result<Sent> {
        let (at, len) = (message.as_ptr().cast(), message.len());
        // SAFETY (here and below): the endpoint is open, since it is borrowed.
        Sent::of(unsafe {
            ffi::chan_reply(self.channel.ch, &self.raw, at, len, &*meta.0, timeout.ns())
        })
    }

    /// Is a request still worth a reply?
    pub fn wanted(&self) -> Result<bool> {
        checked(unsafe { ffi::chan_wanted(self.channel.ch, &self.raw) }.into()).map(|n| n == 1)
    }

    /// Its header.
    pub fn meta(&self) -> Result<Meta> {
        let mut meta = Meta::new();
        // SAFETY: the endpoint is open, since it is borrowed.
        checked(unsafe { ffi::chan_lease_meta(self.channel.ch, &self.raw, &mut *meta.0) }.into())?;
        Ok(meta)
    }
}
