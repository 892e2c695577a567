# SPDX-License-Identifier: MIT
"""Endpoints for asyncio: what waits is a coroutine, and the loop watches chan_fd()."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ctypes
import errno
import threading
from collections.abc import AsyncIterator
from typing import Any, Union

from . import _library as c
from ._channel import LATER, BaseChannel, BytesLike, address_of
from ._held import Lease
from ._library import Closed, Empty, Full, error, lib

# After so many calls in a row that did not have to wait, others of the loop have a turn.
_TURN = 64
# If another process holds a lock, the descriptor stays readable, and a call costs the loop a
# tenth of a second: so it is made ever more rarely, in seconds.
_BUSY_PAUSE, _BUSY_PAUSE_MOST = 0.001, 0.256


class _Waiters:
    """Those that wait for one role's descriptor.  Each time that it is readable, the first of
    them tries; what it leaves keeps the descriptor readable for the next."""

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop) -> None:
        self.fd = fd
        self.loop = loop
        self.futures: collections.deque[asyncio.Future[None]] = collections.deque()
        self.watched = False

    def readable(self) -> None:
        while self.futures:
            future = self.futures.popleft()
            if not future.done():
                future.set_result(None)
                return
        self.stop()

    def stop(self) -> None:
        if self.watched and not self.loop.is_closed():
            self.loop.remove_reader(self.fd)
        self.watched = False

    async def wait(self) -> None:
        future = self.loop.create_future()
        self.futures.append(future)
        if not self.watched:
            self.loop.add_reader(self.fd, self.readable)
            self.watched = True
        await future


class AsyncChannel(BaseChannel):
    """An endpoint for asyncio: as Channel, but send(), recv() and take() are coroutines.

    A call that is cancelled has neither sent nor received; asyncio.timeout() bounds one.  In
    a rendezvous that does not hold of send(): while it waits for a receiver it occupies a
    thread of the loop's default executor, and when it is cancelled, a receiver may just have
    got the message.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._waiters: dict[int, _Waiters] = {}
        self._turn = 0
        self._busy_pause = _BUSY_PAUSE
        super().__init__(*args, **kwargs)
        stat = self.stat()
        self._rendezvous = stat.kind == c.KINDS["rendezvous"]
        self._fails = stat.overflow == c.OVERFLOWS["fail"]

    def set_overflow(self, overflow: Union[str, int]) -> None:
        super().set_overflow(overflow)
        self._fails = overflow in ("fail", c.OVERFLOWS["fail"])

    async def __aenter__(self) -> AsyncChannel:
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.detach()

    def detach(self) -> None:
        handle = self._handle
        if handle:
            for held in list(self._held):
                held._drop_view()
        for waiters in self._waiters.values():
            waiters.stop()  # before the library closes the descriptor
            for future in waiters.futures:
                if not future.done() and not waiters.loop.is_closed():
                    future.set_result(None)
        self._waiters = {}
        super().detach()

    def _after_fork(self) -> None:
        super()._after_fork()
        self._waiters = {}

    async def _ready(self, role: int) -> None:
        loop = asyncio.get_running_loop()
        waiters = self._waiters.get(role)
        if waiters is None or waiters.loop is not loop:
            if waiters:
                waiters.stop()
            waiters = self._waiters[role] = _Waiters(self._now(lib.chan_fd, role), loop)
        await waiters.wait()

    async def send(self, message: BytesLike) -> bool:
        """Send one message.  False if a drop policy dropped it.  Full only if the policy is
        "fail"."""
        data, size = address_of(message)
        if self._rendezvous:
            return await self._offer(data, size)
        if self._turn >= _TURN:
            await self._yield()
        while True:
            with self._using():
                result = lib.chan_send(self._handle or self._open_again(), data, size, 0)
                if result < 0 and (result not in LATER or self._fails):
                    raise error(result, Full)
            if result >= 0:
                self._turn += 1
                return result != c.DROPPED
            await self._later(c.SEND, result)

    async def recv(self) -> bytes:
        """Receive one message."""
        if self._turn >= _TURN:
            await self._yield()
        while True:
            with self._using():
                data = self._recv(self._handle or self._open_again(), 0, later=True)
            if not isinstance(data, int):
                self._turn += 1
                return data
            await self._later(c.RECV, data)

    async def take(self) -> Lease:
        """Take one message under a lease."""
        if self._turn >= _TURN:
            await self._yield()
        while True:
            with self._using():
                raw = c.RawLease()
                result = lib.chan_take(self._handle or self._open_again(), ctypes.byref(raw), 1, 0)
                if result < 0 and result not in LATER:
                    raise error(result, Empty)
            if result > 0:
                self._turn += 1
                return Lease(self, raw)
            await self._later(c.RECV, result)

    async def _yield(self) -> None:
        self._turn = 0
        await asyncio.sleep(0)

    async def _later(self, role: int, result: int) -> None:
        self._turn = 0
        if result == -errno.EBUSY:
            await asyncio.sleep(self._busy_pause)
            self._busy_pause = min(2 * self._busy_pause, _BUSY_PAUSE_MOST)
        else:
            self._busy_pause = _BUSY_PAUSE
            await self._ready(role)

    async def _offer(self, data: Any, size: int) -> bool:
        """Send in a rendezvous: only a call that waits can be met, so it waits in a thread."""
        lock = threading.Lock()
        ended = cancelled = False
        handle = self._handle or self._open_again()

        def offer() -> bool:
            nonlocal ended
            with self._using():
                try:
                    while self._handle == handle and not cancelled:
                        result = lib.chan_send(handle, data, size, c.WAIT)
                        if result != -errno.EINTR:
                            if result < 0:
                                raise error(result, Full)
                            return result != c.DROPPED
                finally:
                    with lock:
                        ended = True
                        if cancelled and self._handle == handle:
                            lib.chan_interrupt(handle, 0)
            raise ValueError("the endpoint was detached")

        future = asyncio.get_running_loop().run_in_executor(None, offer)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            with lock:
                cancelled = True
                if not ended and self._handle == handle:
                    lib.chan_interrupt(handle, 1)
            # It is withdrawn at once; until it is, a receiver could get it.
            while not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            future.exception()
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Each message, until the channel has ended."""
        try:
            while True:
                yield await self.recv()
        except Closed:
            return
