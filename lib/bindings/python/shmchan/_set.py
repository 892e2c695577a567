# SPDX-License-Identifier: MIT
"""Waiting for many endpoints, at a cost that follows what became ready."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import select
import threading
import time
import weakref
from typing import Any, Literal, NamedTuple, Optional

from . import _library as c
from ._asyncio import _Waiters
from ._channel import _ROLES, BaseChannel, nanoseconds
from ._library import Empty, check, error, lib

Role = Literal["r", "w"]

# If another process holds a lock, or a call on a member is being interrupted, the descriptor
# stays readable: so long, in seconds, passes until the next look.
_BUSY_PAUSE = 0.001
_BUSY = (-errno.EBUSY, -errno.EINTR)


class Ready(NamedTuple):
    """A member of a Set that is ready: its next call of that role may go on, and be it with an
    error.  Another receiver may have been faster, so it should not wait."""

    channel: BaseChannel
    role: Role
    data: Any


_sets: weakref.WeakSet[Set] = weakref.WeakSet()


class Set:
    """Many endpoints to wait for: to receive ("r") or to send ("w").

        with shmchan.Set() as jobs:
            for channel in channels:
                jobs.add(channel, "r")
            while True:
                for channel, role, data in jobs.wait():
                    print(channel.recv_nowait())

    One thread at a time may wait.  An endpoint that is detached leaves its sets.  A forked
    child has a set of its own, with the same members.
    """

    def __init__(self) -> None:
        self._handle: Optional[int] = None
        self._closed = False
        self._lock = threading.RLock()  # of its calls, none of which waits
        self._members: dict[tuple[int, int], Ready] = {}
        self._open()
        _sets.add(self)

    def _open(self) -> int:
        if self._closed:
            raise ValueError("the set is closed")
        handle = ctypes.c_void_p()
        check(lib.chan_set_create(ctypes.byref(handle)))
        self._handle = handle.value
        members, self._members = list(self._members.values()), {}
        for member in members:  # in a forked child
            self.add(*member)
        assert self._handle
        return self._handle

    def _after_fork(self) -> None:
        if self._handle:
            lib.chan_set_destroy(self._handle)
        self._handle = None
        self._lock = threading.RLock()

    def __enter__(self) -> Set:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def __len__(self) -> int:
        return len(self._members)

    def close(self) -> None:
        """End the set; its members go on."""
        with self._lock:
            self._closed = True
            handle, self._handle = self._handle, None
            self._members = {}
            lib.chan_set_destroy(handle)

    def add(self, channel: BaseChannel, role: Role, data: Any = None) -> None:
        """Add an endpoint for a role; for both, add it twice."""
        number = self._number(role)
        with self._lock, channel._using():
            of = self._handle or self._open()
            handle = channel._handle or channel._open_again()
            check(lib.chan_set_add(of, handle, number, None))
            self._members[handle, number] = Ready(channel, role, data)
            channel._sets.add(self)
            if channel._handle != handle:  # it was detached meanwhile
                self._leave(handle)
                raise ValueError("the endpoint is detached")

    def remove(self, channel: BaseChannel, role: Role) -> None:
        """Remove an endpoint for a role."""
        number = self._number(role)
        with self._lock:
            of, handle = self._handle or self._open(), channel._handle
            check(lib.chan_set_remove(of, handle, number))
            self._members.pop((handle or 0, number), None)

    def _number(self, role: Role) -> int:
        if role not in ("r", "w"):
            raise ValueError(f"role: {role!r} is not 'r' or 'w'")
        return _ROLES[role]

    def _leave(self, handle: int) -> None:
        """An endpoint is being detached."""
        with self._lock:
            for number in (c.SEND, c.RECV):
                if self._members.pop((handle, number), None) and self._handle:
                    lib.chan_set_remove(self._handle, handle, number)

    def _look(self, most: int) -> tuple[int, list[Ready]]:
        """What is ready now; or the error."""
        raw = (c.RawReady * most)()
        with self._lock:
            n = lib.chan_set_wait(self._handle or self._open(), raw, most, 0)
            return n, [self._members[r.ch, r.role] for r in raw[:max(n, 0)]]

    def wait(self, timeout: Optional[float] = None, most: int = 64) -> list[Ready]:
        """Wait until a member is ready, and return those that are, `most` at most, or raise
        Empty.  A member stays ready until its calls find nothing."""
        limit = nanoseconds(timeout)
        end = time.monotonic_ns() + limit
        poll: Any = None
        while True:
            n, ready = self._look(most)
            if n >= 0:
                return ready
            if n != -errno.EAGAIN and n not in _BUSY or limit == 0 and n != -errno.EINTR:
                raise error(n, Empty)
            left = end - time.monotonic_ns() if limit > 0 else None
            if left is not None and left <= 0:
                raise error(-errno.ETIMEDOUT, Empty)
            if n in _BUSY:
                time.sleep(_BUSY_PAUSE)
            elif poll is None:
                poll = select.poll()  # and look once more: from now on it is kept for poll
                poll.register(self.fileno(), select.POLLIN)
            else:
                poll.poll(None if left is None else left // 1000000 + 1)

    async def ready(self, most: int = 64) -> list[Ready]:
        """wait() for asyncio."""
        waiters: Optional[_Waiters] = None
        try:
            while True:
                n, ready = self._look(most)
                if n >= 0:
                    return ready
                if n in _BUSY:
                    await asyncio.sleep(_BUSY_PAUSE)
                elif n != -errno.EAGAIN:
                    raise error(n, Empty)
                elif waiters is None:
                    waiters = _Waiters(self.fileno(), asyncio.get_running_loop())
                else:
                    await waiters.wait()
        finally:
            if waiters:
                waiters.stop()

    def fileno(self) -> int:
        """A descriptor that is readable while wait() may return members.  It is the set's."""
        with self._lock:
            return check(lib.chan_set_fd(self._handle or self._open()))


def _after_fork() -> None:
    for each in list(_sets):
        each._after_fork()


os.register_at_fork(after_in_child=_after_fork)
