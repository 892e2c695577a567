// SPDX-License-Identifier: MIT

//! Message channels between processes, in shared memory.
//!
//! [`sync_channel`] is std's, with a name and between processes: the errors are std's own, and
//! give the value back.
//!
//! ```
//! # let name = &format!("doc.{}.crate", std::process::id());
//! let (tx, rx) = shmchan::sync_channel::<i32>(name, 4)?;
//! let tx2 = shmchan::Sender::<i32>::open(name)?; // in another process, as a rule
//! tx.send(1).unwrap();
//! tx2.send(2).unwrap();
//! drop((tx, tx2));
//! assert_eq!(rx.iter().sum::<i32>(), 3);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What may fail, and what is promised when a process is killed, is in shmchan.h and
//! shmchan(7): any process may be killed at any instruction, and no other hangs, no message is
//! lost, none is torn, and none is received twice.  A value that is *taken*
//! ([`Receiver::take`]) comes again if its receiver dies or panics before it acknowledged it.
//!
//! [`Channel`] is an endpoint of bytes with all that the library can do: timeouts, batches,
//! leases, places in the ring, [`select()`] and [`Set`], descriptors for event loops.
//!
//! # Trust
//!
//! Nothing here is unsafe to call.  A lease and a loan show memory that is shared with all
//! processes that may write the channel.  No program that uses the library writes a message
//! that was sent; if you don't trust the others with that, copy what you check before you
//! check it, or use [`Receiver::recv`], which copies.  Values are [`Plain`]: any bytes are one.

#![warn(missing_docs)]

mod channel;
mod error;
mod ffi;
mod guard;
mod meta;
mod options;
mod plain;
mod select;
mod sent;
mod set;
mod typed;

pub use channel::{
    collect, create, list, remove, unlink, Channel, Cursor, Endpoint, Role, Stat, Subscriber,
    SubscriberState,
};
pub use error::{Error, ErrorKind, Result};
pub use guard::{Lease, Loan, View};
pub use meta::Meta;
pub use options::{Kind, OnLag, Options, Overflow, Start, Subscription, Timeout};
pub use plain::Plain;
#[doc(hidden)]
pub use plain::{hash, mix, BASIS};
pub use select::{select, Case, Choice, Done};
pub use sent::Sent;
pub use set::{Ready, Set};
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
pub use typed::{
    sync_channel, IntoIter, Iter, Message, Receiver, SendTimeoutError, Sender, TryIter,
};

/// The version of the C library.
pub fn version() -> String {
    // SAFETY: it returns a constant string.
    unsafe { std::ffi::CStr::from_ptr(ffi::chan_version()) }
        .to_string_lossy()
        .into_owned()
}

// A result of the C library: 0 or a count, or the error.
#[inline]
fn checked(result: i64) -> Result<i64> {
    if result < 0 {
        return Err(Error::of(result));
    }
    Ok(result)
}
