// SPDX-License-Identifier: MIT

use crate::options::Timeout;
use crate::{checked, ffi, Channel, Result, Role};
use std::marker::PhantomData;
use std::os::raw::{c_int, c_uint};
use std::os::unix::io::BorrowedFd;

const AT_ONCE: usize = 64;

/// Many endpoints to wait for.
///
/// What a wait costs follows what became ready, and not how many endpoints there are.
///
/// ```
/// use shmchan::{Channel, Options, Role, Set, Timeout};
/// # let names = ["a", "b"].map(|c| format!("doc.{}.set.{c}", std::process::id()));
/// let both = Role::SEND | Role::RECEIVE | Role::CREATE;
/// let a = Channel::open(&names[0], both, &Options::new())?;
/// let b = Channel::open(&names[1], both, &Options::new())?;
/// let mut set = Set::new()?;
/// set.add(&a, Role::RECEIVE)?;
/// set.add(&b, Role::RECEIVE)?;
/// b.send(b"hello", Timeout::Never)?;
/// let mut buffer = [0; 64];
/// for ready in set.wait(Timeout::Never)? {
///     let n = ready.channel.recv(&mut buffer, Timeout::Now)?;
///     assert_eq!(&buffer[..n], b"hello");
/// }
/// # for name in &names { shmchan::remove(name)?; }
/// # Ok::<(), shmchan::Error>(())
/// ```
#[derive(Debug)]
pub struct Set<'c> {
    raw: *mut ffi::Set,
    members: PhantomData<&'c Channel>,
}

// SAFETY: one thread at a time may use it, which may be another one each time.
unsafe impl Send for Set<'_> {}

/// A member of a [`Set`] that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'c> {
    /// Its next call of that role may go on, and be it with an error; another receiver may have
    /// been faster, so it should not wait.
    pub channel: &'c Channel,
    /// [`Role::SEND`] or [`Role::RECEIVE`]
    pub role: Role,
}

impl Drop for Set<'_> {
    fn drop(&mut self) {
        // SAFETY: it is open, and its members still are.
        unsafe { ffi::chan_set_destroy(self.raw) }
    }
}

impl<'c> Set<'c> {
    /// An empty one.
    pub fn new() -> Result<Set<'c>> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: the pointer is valid for the call.
        checked(unsafe { ffi::chan_set_create(&mut raw) }.into())?;
        Ok(Set {
            raw,
            members: PhantomData,
        })
    }

    /// Add an endpoint for a role, [`Role::SEND`] or [`Role::RECEIVE`]; for both, add it twice.
    pub fn add(&mut self, channel: &'c Channel, role: Role) -> Result<()> {
        let data: *const Channel = channel;
        // SAFETY (here and below): the set is open until drop(), and its members are longer.
        let r = unsafe { ffi::chan_set_add(self.raw, channel.ch, role.0, data as *mut _) };
        checked(r.into()).map(drop)
    }

    /// Remove an endpoint for a role.
    pub fn remove(&mut self, channel: &Channel, role: Role) -> Result<()> {
        checked(unsafe { ffi::chan_set_remove(self.raw, channel.ch, role.0) }.into()).map(drop)
    }

    /// Wait until a member is ready, and return those that are, 64 at most.
    ///
    /// A member stays ready until its calls find nothing.
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<Vec<Ready<'c>>> {
        let mut raw = Vec::with_capacity(AT_ONCE);
        let most = AT_ONCE as c_uint;
        let r =
            unsafe { ffi::chan_set_wait(self.raw, raw.as_mut_ptr(), most, timeout.into().ns()) };
        let n = checked(r.into())? as usize;
        // SAFETY: the library wrote so many.
        unsafe { raw.set_len(n) };
        let ready = |m: &ffi::Ready| Ready {
            // SAFETY: what add() gave it, which is there as long as 'c.
            channel: unsafe { &*m.data.cast::<Channel>() },
            role: Role(m.role),
        };
        Ok(raw.iter().map(ready).collect())
    }

    /// A descriptor that is readable while [`Set::wait`] may return members, for event loops;
    /// see [`Channel::fd`].
    pub fn fd(&mut self) -> Result<BorrowedFd<'_>> {
        let fd = checked(unsafe { ffi::chan_set_fd(self.raw) }.into())?;
        // SAFETY: it is open as long as the set.
        Ok(unsafe { BorrowedFd::borrow_raw(fd as c_int) })
    }
}
