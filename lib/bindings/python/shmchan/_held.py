# SPDX-License-Identifier: MIT
"""What an endpoint holds of the ring: leases and loans, each with a memoryview of its bytes.

The bytes are mapped memory, so no view of them may be left when they are unmapped, and none
should be when they are given back: such calls raise BufferError, as closing an mmap does.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import weakref
from typing import Any, Optional, Protocol

from . import _library as c
from . import _meta
from ._library import Error, Full, check, error, lib


class Owner(Protocol):
    """What a lease or a loan needs of the endpoint that it is of."""

    _handle: Optional[int]
    _generation: int
    _held: weakref.WeakSet[Held]

    def _using(self) -> contextlib.AbstractContextManager[None]: ...

    def _wait(self, handle: int, function: Any, *args: Any) -> int: ...

    def _until(self, handle: int, timeout: int, function: Any, *args: Any) -> int: ...


class _Memory(ctypes.c_ubyte * (1 << 31)):  # type: ignore[misc]
    """Bytes of a segment, which keep the endpoint that maps them while a view is left."""

    owner: Owner


class Held:
    """A lease or a loan: a part of the ring, with a memoryview of it."""

    __slots__ = ("_channel", "_generation", "_address", "_len", "_readonly", "_view", "_memory",
                 "_settled", "__weakref__")

    def __init__(self, channel: Owner, address: int, length: int, readonly: bool) -> None:
        self._channel = channel
        self._generation = channel._generation
        self._address = address
        self._len = length
        self._readonly = readonly
        self._view: Optional[memoryview] = None
        self._memory: Any = None
        self._settled = False
        channel._held.add(self)

    @property
    def data(self) -> memoryview:
        """The bytes where they are, in the ring, until this is settled."""
        if self._view is None:
            if self._settled or self._generation != self._channel._generation:
                raise ValueError("this message is not held any more")
            memory = _Memory.from_address(self._address)
            memory.owner = self._channel
            self._memory = weakref.ref(memory)
            view = memoryview(memory).cast("B")[: self._len]
            self._view = view.toreadonly() if self._readonly else view
        return self._view

    def __len__(self) -> int:
        return self._len

    @property
    def settled(self) -> bool:
        return self._settled

    def _drop_view(self) -> None:
        if self._view is not None:
            self._view.release()  # raises BufferError if something uses it directly
            if self._memory() is not None:
                raise BufferError("a part of this message's memoryview is still in use")
            self._view = None

    def _begin_to_settle(self, even_if_viewed: bool = False) -> int:
        channel = self._channel
        if self._settled:
            raise ValueError("this message is not held any more")
        if self._generation != channel._generation or not channel._handle:
            raise Error(errno.ENOTCONN, "the endpoint that held this message is gone")
        try:
            self._drop_view()
        except BufferError:
            if not even_if_viewed:
                raise
        return channel._handle


class Lease(Held):
    """A message taken under a lease, to be read in place.

    As a context manager it is acknowledged at the end of the block, or given back if the
    block raised.  If the process dies first, or this is dropped, the message is delivered
    again.
    """

    __slots__ = ("_raw",)

    def __init__(self, channel: Owner, raw: Any) -> None:
        super().__init__(channel, raw.data, raw.len, True)
        self._raw = raw

    @property
    def seq(self) -> int:
        """Its place in the channel's order: 1, 2, ..."""
        return self._raw.seq

    @property
    def attempt(self) -> int:
        """1 on its first delivery."""
        return self._raw.attempt

    def meta(self) -> _meta.Meta:
        """Its header, in a channel with headers."""
        raw = _meta.empty()
        with self._channel._using():
            check(lib.chan_lease_meta(self._held_by(), ctypes.byref(self._raw), ctypes.byref(raw)))
            return _meta.received(raw)

    def _held_by(self) -> int:
        channel = self._channel
        if self._settled or not channel._handle or self._generation != channel._generation:
            raise ValueError("this message is not held any more")
        return channel._handle

    def reply(
        self, message: Any, meta: Optional[_meta.Meta] = None, timeout: Optional[float] = None
    ) -> bool:
        """Reply to a request.  A reply that does not say `more` is the last, and acknowledges it.
        False: its client is gone."""
        meta, channel = meta or _meta.Meta(), self._channel
        raw, data = meta._raw(), bytes(memoryview(message))
        limit = c.WAIT if timeout is None else round(timeout * 1e9)
        with channel._using():
            handle = self._held_by()
            result = channel._until(handle, limit, lib.chan_reply, handle,
                                    ctypes.byref(self._raw), data, len(data), ctypes.byref(raw))
            if result < 0:
                raise error(result, Full)
            if not meta.more:
                with contextlib.suppress(BufferError):
                    self._drop_view()
                self._settled = True
            return result != c.DROPPED

    def wanted(self) -> bool:
        """Is a request still worth a reply?"""
        with self._channel._using():
            return check(lib.chan_wanted(self._held_by(), ctypes.byref(self._raw))) == 1

    def _settle(self, function: Any, even_if_viewed: bool = False) -> None:
        channel = self._channel
        with channel._using():
            handle = self._begin_to_settle(even_if_viewed)
            while True:
                result = channel._wait(handle, function, handle, ctypes.byref(self._raw), 1)
                if result != -errno.EINTR or not channel._handle:
                    break
            check(result)
            self._settled = True

    def ack(self) -> None:
        """The message is consumed."""
        self._settle(lib.chan_ack)

    def release(self) -> None:
        """Give it back, to be delivered again."""
        self._settle(lib.chan_release)

    def release_after(self, delay: float) -> None:
        """Give it back, and nobody gets it before `delay` seconds; in a channel with headers."""
        if not 0 <= delay < 1 << 33:
            raise ValueError(f"delay: {delay} is outside what the library takes")
        ns = round(delay * 1e9)
        self._settle(lambda *args: lib.chan_release_after(*args, ns))

    def bury(self) -> None:
        """Set it aside: nobody gets it until somebody calls kick()."""
        self._settle(lib.chan_bury)

    def untake(self) -> None:
        """Give it back, and do not count this delivery."""
        self._settle(lib.chan_untake)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._settled:
            return
        if kind is None:
            self.ack()
        else:
            self._settle(lib.chan_release, even_if_viewed=True)

    def __del__(self) -> None:
        channel = self._channel
        if not self._settled and channel._handle and self._generation == channel._generation:
            with channel._using(), contextlib.suppress(BufferError):
                if channel._handle:
                    lib.chan_release(channel._handle, ctypes.byref(self._raw), 1)
                self._drop_view()


class Loan(Held):
    """Room in the ring for a message, to be written in place, by the thread that reserved it.

    As a context manager it is sent at the end of the block, or dropped if the block raised.
    Other senders wait meanwhile.
    """

    __slots__ = ()

    def commit(self, length: Optional[int] = None) -> bool:
        """Send its first `length` bytes, or all.  False if a drop policy dropped it."""
        with self._channel._using():
            handle = self._begin_to_settle()
            result = lib.chan_commit(handle, self._len if length is None else length)
            self._settled = result not in (-errno.EINVAL, -errno.EPERM)
            if result < 0:
                raise error(result, Full)
            return result != c.DROPPED

    def abort(self) -> None:
        """Send nothing."""
        with self._channel._using():
            lib.chan_abort(self._begin_to_settle(even_if_viewed=True))
            self._settled = True

    def __enter__(self) -> Loan:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if not self._settled:
            self.commit() if kind is None else self.abort()
