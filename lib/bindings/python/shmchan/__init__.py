# SPDX-License-Identifier: MIT
"""Message channels between processes, in shared memory.

    with shmchan.Channel("jobs", "w", create=True) as tx:
        tx.send(b"sweep")

    with shmchan.Channel("jobs", "r") as rx:
        for job in rx:
            ...

Channel blocks, with timeouts in seconds; AsyncChannel is for asyncio; Queue has objects in
place of bytes.  What the operations mean, and what is promised when a process is killed, is
in shmchan(7) and shmchan.h; the names here are the same, without `chan_`.
"""

from __future__ import annotations

import ctypes as _ctypes
from typing import Any as _Any

from . import _library
from ._asyncio import AsyncChannel
from ._channel import BaseChannel, Channel, Endpoint, Peeked, Stat, Subscriber
from ._held import Lease, Loan
from ._library import (
    Closed, Empty, Error, Exists, Full, Invalid, Lost, NotFound, NotPermitted, Removed,
    TooLarge, UNBOUNDED,
)
from ._meta import Meta
from ._queue import Queue
from ._select import select
from ._set import Ready, Set

__all__ = [
    "AsyncChannel", "BaseChannel", "Channel", "Closed", "Empty", "Endpoint", "Error", "Exists",
    "Full", "Invalid", "Lease", "Loan", "Lost", "Meta", "NotFound", "NotPermitted", "Peeked", "Queue",
    "Ready", "Removed", "Set", "Stat", "Subscriber", "TooLarge", "UNBOUNDED", "channels",
    "collect", "create", "footprint", "remove", "select", "unlink", "version",
]


def create(name: str, **options: _Any) -> None:
    """Make a channel, with the options of Channel."""
    opt = _library.make_options(**options)
    _library.check(_library.lib.chan_create(_library.encode(name), _ctypes.byref(opt)), name)


def footprint(**options: _Any) -> int:
    """The bytes of shared memory that a channel with these options takes."""
    opt = _library.make_options(**options)
    return _library.check(_library.lib.chan_footprint(_ctypes.byref(opt)))


def remove(name: str) -> None:
    """Remove a channel: its name goes, and it ends for everybody that has it open."""
    _library.check(_library.lib.chan_remove(_library.encode(name)), name)


def unlink(name: str) -> None:
    """Remove only its name: those that have the channel open go on."""
    _library.check(_library.lib.chan_unlink(_library.encode(name)), name)


def collect(name: str) -> bool:
    """Remove a channel of lifetime "ref" if nobody uses it any more.  Was it removed?"""
    return _library.check(_library.lib.chan_collect(_library.encode(name)), name) == 1


def channels() -> list[str]:
    """The names of all channels: NAME, or OWNER/NAME for those of other users."""
    names: list[str] = []

    @_library.LIST_FUNCTION
    def each(name: bytes, _: _Any) -> int:
        names.append(name.decode(errors="surrogateescape"))
        return 0

    _library.check(_library.lib.chan_list(each, None))
    return names


def version() -> str:
    """The version of the C library."""
    return _library.lib.chan_version().decode()
