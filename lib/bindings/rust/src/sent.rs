// SPDX-License-Identifier: MIT

use crate::{checked, ffi, Result};
use std::os::raw::c_int;

/// What became of a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the channel; in a rendezvous a receiver has it.
    Committed,
    /// The overflow policy dropped it.
    Dropped,
}

impl Sent {
    #[inline]
    pub(crate) fn of(result: c_int) -> Result<Sent> {
        checked(result.into()).map(|r| match r as c_int {
            ffi::DROPPED => Sent::Dropped,
            _ => Sent::Committed,
        })
    }
}
