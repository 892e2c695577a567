// SPDX-License-Identifier: MIT

use crate::guard::Lease;
use crate::options::Timeout;
use crate::sent::Sent;
use crate::{checked, ffi, Channel, Result};
use std::os::raw::{c_int, c_uint};

/// What a case of [`select`] does.
#[derive(Debug)]
pub enum Case<'c, 'm> {
    /// Receive into the buffer.
    Recv(&'c Channel, &'m mut [u8]),
    /// Take a message under a lease.
    Take(&'c Channel),
    /// Send the message.
    Send(&'c Channel, &'m [u8]),
}

/// What became of the case that was executed.
#[derive(Debug)]
pub enum Done<'c> {
    /// The length of the message that was received.
    Received(usize),
    /// The message that was taken.
    Taken(Lease<'c>),
    /// What became of the message that was sent.
    Sent(Sent),
}

/// Of several cases that can go on, take this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One by chance.
    Fair,
    /// The first.
    Biased,
}

/// Wait until one of the cases can go on, execute that one and no other, and return its
/// number and what became of it.  That a channel ended, or that a message is too long, is what
/// becomes of its case.
///
/// ```
/// use shmchan::{select, Case, Channel, Choice, Done, Options, Role, Timeout};
/// # let names = ["a", "b"].map(|c| format!("doc.{}.select.{c}", std::process::id()));
/// let both = Role::SEND | Role::RECEIVE | Role::CREATE;
/// let a = Channel::open(&names[0], both, &Options::new())?;
/// let b = Channel::open(&names[1], both, &Options::new())?;
/// b.send(b"hello", Timeout::Never)?;
/// match select(&mut [Case::Take(&a), Case::Take(&b)], Choice::Fair, Timeout::Never)? {
///     (1, Ok(Done::Taken(job))) => job.ack()?,
///     other => panic!("{other:?}"),
/// }
/// # for name in &names { shmchan::remove(name)?; }
/// # Ok::<(), shmchan::Error>(())
/// ```
pub fn select<'c>(
    cases: &mut [Case<'c, '_>],
    choice: Choice,
    timeout: impl Into<Timeout>,
) -> Result<(usize, Result<Done<'c>>)> {
    let mut leases = vec![ffi::Lease::NONE; cases.len()];
    let mut raw: Vec<ffi::Case> = cases
        .iter_mut()
        .zip(&mut leases)
        .map(|(case, lease)| {
            let lease: *mut ffi::Lease = lease;
            let (op, channel, data, len) = match case {
                Case::Recv(ch, buf) => (ffi::OP_RECV, *ch, buf.as_mut_ptr().cast(), buf.len()),
                Case::Take(ch) => (ffi::OP_TAKE, *ch, lease.cast(), 1),
                Case::Send(ch, msg) => (ffi::OP_SEND, *ch, msg.as_ptr() as *mut _, msg.len()),
            };
            ffi::Case {
                size: std::mem::size_of::<ffi::Case>() as u32,
                op,
                ch: channel.ch,
                data,
                len,
                result: 0,
            }
        })
        .collect();
    let n = cases.len() as c_uint;
    let flags = (choice == Choice::Biased).into();
    // SAFETY: the endpoints are open, and the buffers and leases are valid for the call.
    let r = unsafe { ffi::chan_select(raw.as_mut_ptr(), n, timeout.into().ns(), flags) };
    let i = checked(r.into())? as usize;
    let done = checked(raw[i].result as i64).and_then(|result| {
        Ok(match &cases[i] {
            Case::Recv(..) => Done::Received(result as usize),
            Case::Take(ch) => Done::Taken(Lease::new(ch, leases[i])),
            Case::Send(..) => Done::Sent(Sent::of(result as c_int)?),
        })
    });
    Ok((i, done))
}
