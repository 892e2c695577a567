// SPDX-License-Identifier: MIT

use crate::sent::Sent;
use crate::{checked, ffi, Channel, Error, ErrorKind, Plain, Result};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::os::raw::{c_int, c_uint, c_void};
use std::time::Duration;

/// What a lease or a loan can show of the bytes in the ring: `[u8]`, or a [`Plain`] type.
///
/// # Safety
///
/// Any bytes of the right number are a valid value.
pub unsafe trait View {
    #[doc(hidden)]
    fn at(data: *mut c_void, len: usize) -> *mut Self;
}

// SAFETY: bytes are bytes.
unsafe impl View for [u8] {
    fn at(data: *mut c_void, len: usize) -> *mut [u8] {
        std::ptr::slice_from_raw_parts_mut(data.cast(), len)
    }
}

// SAFETY: that is what Plain promises.
unsafe impl<T: Plain> View for T {
    fn at(data: *mut c_void, len: usize) -> *mut T {
        assert_eq!(len, std::mem::size_of::<T>());
        data.cast()
    }
}

/// A message taken under a lease, to be read where it is.
///
/// [`ack`](Lease::ack) consumes it.  If the lease is dropped without that, in a panic for
/// example, or its process is killed, the message is delivered again.  (If
/// [`Channel::interrupt`] is on, that may have to wait until the endpoint is left.)
///
/// The bytes are shared memory.  No program that uses the library writes a message that was
/// sent; a hostile one with the right to write the channel can, so copy what you check before
/// you check it.
pub struct Lease<'a, M: View + ?Sized = [u8]> {
    pub(crate) channel: &'a Channel,
    pub(crate) raw: ffi::Lease,
    view: PhantomData<&'a M>,
}

// SAFETY: any thread may end a lease, and only one can, because that needs it by value.
unsafe impl<M: View + ?Sized + Sync> Send for Lease<'_, M> {}
unsafe impl<M: View + ?Sized + Sync> Sync for Lease<'_, M> {}

impl<'a, M: View + ?Sized> Lease<'a, M> {
    pub(crate) fn new(channel: &'a Channel, raw: ffi::Lease) -> Self {
        Lease {
            channel,
            raw,
            view: PhantomData,
        }
    }

    /// The message's place in the channel's order: 1, 2, ...
    pub fn seq(&self) -> u64 {
        self.raw.seq
    }

    /// 1 on the first delivery.
    pub fn attempt(&self) -> u32 {
        self.raw.attempt
    }

    fn settle(
        self,
        how: unsafe extern "C" fn(*mut ffi::Chan, *const ffi::Lease, c_uint) -> c_int,
    ) -> Result<()> {
        // SAFETY: the endpoint is open, since it is borrowed.
        self.settle_by(|ch, raw| unsafe { how(ch, raw, 1) })
    }

    fn settle_by(self, how: impl FnOnce(*mut ffi::Chan, &ffi::Lease) -> c_int) -> Result<()> {
        let lease = ManuallyDrop::new(self);
        let r = how(lease.channel.ch, &lease.raw);
        let r = checked(r.into()).map(drop);
        if matches!(&r, Err(e) if e.kind() == ErrorKind::Interrupted) {
            drop(ManuallyDrop::into_inner(lease)); // nothing was done
        }
        r
    }

    /// The message is done with.
    pub fn ack(self) -> Result<()> {
        self.settle(ffi::chan_ack)
    }

    /// The message goes back, to be delivered again.
    pub fn release(self) -> Result<()> {
        self.settle(ffi::chan_release)
    }

    /// The message goes back, and nobody gets it before so long; in a channel with headers.
    pub fn release_after(self, delay: Duration) -> Result<()> {
        let ns = delay.as_nanos().min(i64::MAX as u128) as i64;
        // SAFETY: the endpoint is open, since it is borrowed.
        self.settle_by(|ch, raw| unsafe { ffi::chan_release_after(ch, raw, 1, ns) })
    }

    /// It is set aside, and nobody gets it until somebody kicks it:
    /// [`Channel::kick`](crate::Channel::kick).
    pub fn bury(self) -> Result<()> {
        self.settle(ffi::chan_bury)
    }

    /// The same as `release`, and this delivery does not count.
    pub fn untake(self) -> Result<()> {
        self.settle(ffi::chan_untake)
    }
}

impl<'a> Lease<'a> {
    // The same message as an M, or it goes back.
    pub(crate) fn of_type<T: Plain>(self) -> Result<Lease<'a, T>> {
        if self.raw.len != std::mem::size_of::<T>() {
            return Err(wrong_length::<T>(self.raw.len));
        }
        let bytes = ManuallyDrop::new(self);
        Ok(Lease::new(bytes.channel, bytes.raw))
    }
}

pub(crate) fn wrong_length<T>(len: usize) -> Error {
    Error::because(
        74,
        format!(
            "a message of {len} bytes is no {}, which has {}",
            std::any::type_name::<T>(),
            std::mem::size_of::<T>()
        ),
    )
}

impl<M: View + ?Sized> Drop for Lease<'_, M> {
    fn drop(&mut self) {
        // SAFETY: as in settle().
        unsafe {
            ffi::chan_release(self.channel.ch, &self.raw, 1);
        }
    }
}

impl<M: View + ?Sized> Deref for Lease<'_, M> {
    type Target = M;

    fn deref(&self) -> &M {
        // SAFETY: the library keeps the bytes until the lease ends; they are aligned to 16.
        unsafe { &*M::at(self.raw.data as *mut c_void, self.raw.len) }
    }
}

impl<M: View + ?Sized + fmt::Debug> fmt::Debug for Lease<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&&**self).finish()
    }
}

/// A place in the ring for a message, to be written where it will be.
///
/// [`send`](Loan::send) sends it; if the loan is dropped without that, nothing is sent.  It
/// belongs to the thread that made it, and until it ends other senders wait.  What it shows at
/// first is what was there before.
pub struct Loan<'a, M: View + ?Sized = [u8]> {
    channel: &'a Channel,
    at: *mut c_void,
    len: usize,
    view: PhantomData<&'a mut M>,
}

impl<'a, M: View + ?Sized> Loan<'a, M> {
    pub(crate) fn new(channel: &'a Channel, at: *mut c_void, len: usize) -> Self {
        Loan {
            channel,
            at,
            len,
            view: PhantomData,
        }
    }

    fn commit(self, len: usize) -> Result<Sent> {
        let loan = ManuallyDrop::new(self);
        // SAFETY: the endpoint is open, since it is borrowed, and `len` is checked there.
        let r = Sent::of(unsafe { ffi::chan_commit(loan.channel.ch, len) });
        if matches!(&r, Err(e) if e.kind() == ErrorKind::Invalid) {
            drop(ManuallyDrop::into_inner(loan)); // it had not ended
        }
        r
    }

    /// Send the message.
    pub fn send(self) -> Result<Sent> {
        let len = self.len;
        self.commit(len)
    }
}

impl<'a> Loan<'a> {
    // The same place as that of a T, whose size it has.
    pub(crate) fn of_type<T: Plain>(self) -> Loan<'a, T> {
        let bytes = ManuallyDrop::new(self);
        Loan::new(bytes.channel, bytes.at, bytes.len)
    }

    /// Send the first `len` bytes as the message.
    pub fn send_prefix(self, len: usize) -> Result<Sent> {
        self.commit(len)
    }
}

impl<M: View + ?Sized> Drop for Loan<'_, M> {
    fn drop(&mut self) {
        // SAFETY: as in commit().
        unsafe { ffi::chan_abort(self.channel.ch) }
    }
}

impl<M: View + ?Sized> Deref for Loan<'_, M> {
    type Target = M;

    fn deref(&self) -> &M {
        // SAFETY: the place is this loan's until it ends, aligned to 16, and holds some bytes.
        unsafe { &*M::at(self.at, self.len) }
    }
}

impl<M: View + ?Sized> DerefMut for Loan<'_, M> {
    fn deref_mut(&mut self) -> &mut M {
        // SAFETY: as in deref().
        unsafe { &mut *M::at(self.at, self.len) }
    }
}
