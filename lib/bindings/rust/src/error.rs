// SPDX-License-Identifier: MIT

use crate::ffi;
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::os::raw::{c_char, c_int};

/// What a call of the library failed with: its text, and what else is known.
///
/// It becomes an [`io::Error`] by `?`, whose kind is that of the `errno` value.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    errno: c_int,
    size: u64,
    detail: String,
}

/// Which error it is.  The names are those of what happened to the channel; the `errno` value
/// of each is in shmchan.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `EAGAIN`: full or empty, and the call was not to wait.
    WouldBlock,
    /// `ETIMEDOUT`
    TimedOut,
    /// `EPIPE`: the channel is closed, or the other side is gone for good.
    Closed,
    /// `EIDRM`: the channel was removed.
    Removed,
    /// `EMSGSIZE`: [`Error::size`] is the size that is needed, or allowed.
    TooLarge,
    /// `EBUSY`
    Busy,
    /// `EEXIST`
    AlreadyExists,
    /// `ENOENT`
    NotFound,
    /// `EINVAL`: [`Error::detail`] says what.
    Invalid,
    /// `EBADF`: the endpoint is not for that.
    WrongRole,
    /// `ESTALE`: the lease is not this endpoint's any more.
    Stale,
    /// `ECANCELED`: a rendezvous was purged.
    Canceled,
    /// `EDEADLK`
    Deadlock,
    /// `EBADMSG`: the segment is damaged.
    Damaged,
    /// `EACCES` and `EPERM`
    Denied,
    /// `ENOTCONN`: the endpoint is the parent's of this forked process.
    Detached,
    /// `EINTR`: [`Channel::interrupt`](crate::Channel::interrupt)
    Interrupted,
    /// `EOVERFLOW`: a subscriber of a broadcast lost messages; [`Error::size`] is how many.
    Lost,
    /// `ECONNRESET`: the server of a request died.
    Reset,
    /// Any other: see [`Error::errno`].
    Other,
}

// The text of a constant or thread-local string of the library.
fn text(s: *const c_char) -> String {
    // SAFETY: the library returns a terminated string that is good until the thread's next
    // call of it.
    unsafe { CStr::from_ptr(s) }.to_string_lossy().into_owned()
}

impl Error {
    /// The error that a call has just returned to this thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn of(result: i64) -> Error {
        let errno = -result as c_int;
        // SAFETY: these take any number.
        unsafe {
            Error {
                errno,
                size: ffi::chan_error_size(errno),
                detail: text(ffi::chan_error_detail(errno)),
            }
        }
    }

    /// An error that this crate found by itself.
    pub(crate) fn because(errno: c_int, detail: String) -> Error {
        Error {
            errno,
            size: 0,
            detail,
        }
    }

    /// Which error it is.
    pub fn kind(&self) -> ErrorKind {
        use ErrorKind::*;
        match self.errno {
            11 => WouldBlock,
            110 => TimedOut,
            32 => Closed,
            43 => Removed,
            90 => TooLarge,
            16 => Busy,
            17 => AlreadyExists,
            2 => NotFound,
            22 => Invalid,
            9 => WrongRole,
            116 => Stale,
            125 => Canceled,
            35 => Deadlock,
            74 => Damaged,
            1 | 13 => Denied,
            107 => Detached,
            4 => Interrupted,
            75 => Lost,
            104 => Reset,
            _ => Other,
        }
    }

    /// Its `errno` value.
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// The size in bytes that it is about, or 0: of [`ErrorKind::TooLarge`] that of the
    /// message which did not fit, or the largest that may be sent; of [`ErrorKind::Lost`] how
    /// many messages are lost.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What else is known: which argument is wrong and what its limits are, which system call
    /// failed.  It may be empty.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: it takes any number.
        f.write_str(&text(unsafe { ffi::chan_strerror(self.errno) }))?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.kind())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(e: Error) -> io::Error {
        io::Error::new(io::Error::from_raw_os_error(e.errno).kind(), e)
    }
}

/// The result of a call of the library.
pub type Result<T> = std::result::Result<T, Error>;
