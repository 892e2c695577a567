# SPDX-License-Identifier: MIT
"""Endpoints, and those that block."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import os
import threading
import time
import weakref
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Literal, NamedTuple, Optional, Union

from . import _library as c
from . import _meta, _signals
from ._held import Held, Lease, Loan
from ._library import Closed, Empty, Error, Full, check, error, lib

#: What takes bytes: bytes, bytearray, memoryview, array.array, mmap, a numpy array...
BytesLike = Any
Mode = Literal["r", "w", "rw", ""]

LATER = (-errno.EAGAIN, -errno.EBUSY)
_ROLES = {"r": c.RECV, "w": c.SEND, "rw": c.RECV | c.SEND, "wr": c.RECV | c.SEND, "": 0}
FIRST_ROOM = 16384
_FIRST_SLOT = 1024  # of each message of a batch
_MOST_ROOM = 64 << 20  # of a whole batch; longer messages are received one by one
_send, _recv = lib.chan_send, lib.chan_recv


class Stat(NamedTuple):
    """A channel's state, each figure for an instant: see struct chan_stat in shmchan.h."""

    flags: int
    capacity: int
    used: int
    depth: int
    sent: int
    received: int
    dropped_newest: int
    dropped_oldest: int
    redelivered: int
    recoveries: int
    bytes: int
    segment: int
    created: int
    linger: int
    max_message: int
    overflow: int
    mode: int
    uid: int
    gid: int
    lifetime: int
    kind: int
    endpoints: int
    senders: int
    receivers: int
    closed: int
    damaged: int
    removed: int
    format: int
    full: int
    condvar: int
    idle: int
    dropped_leased: int
    paused: int
    type: int
    kept: int
    lost: int
    evicted: int
    patience: int
    on_lag: int
    max_groups: int
    start_capacity: int
    max_capacity: int
    peak_capacity: int
    grown: int
    grown_at: int
    grown_by: int
    grown_why: int
    grow_error: int


class Endpoint(NamedTuple):
    """A live endpoint, as it registered itself: see struct chan_endpoint in shmchan.h."""

    id: int
    roles: int
    pid: int
    uid: int
    attached: int
    waiting: int
    command: str


class Subscriber(NamedTuple):
    """A subscriber of a broadcast, or a group: see struct chan_subscriber in shmchan.h."""

    state: str
    on_lag: int
    id: int
    pid: int
    seq: int
    lag: int
    lag_bytes: int
    lost: int
    patience: int
    group_age: int
    group: str


class Peeked(NamedTuple):
    """A message that was looked at."""

    data: bytes
    seq: int
    attempt: int
    leased: bool


def nanoseconds(timeout: Optional[float]) -> int:
    if timeout is None:
        return c.WAIT
    if not timeout >= 0:
        raise ValueError("a timeout is a number of seconds, not negative, or None")
    return int(min(timeout * 1e9, 1 << 62))


def address_of(message: BytesLike) -> tuple[Any, int]:
    """A message as the library takes it, copied only if ctypes can't look into it."""
    if isinstance(message, bytes):
        return message, len(message)
    view = memoryview(message)
    if view.nbytes and not view.readonly and view.contiguous:
        return (ctypes.c_ubyte * view.nbytes).from_buffer(view), view.nbytes
    data = view.tobytes()
    return data, len(data)


class _Using:
    """While one of these is entered, the endpoint stays, even if it is being detached."""

    __slots__ = ("channel", "inside")

    def __init__(self, channel: BaseChannel) -> None:
        self.channel = channel

    def __enter__(self) -> None:
        self.inside = self.channel._inside
        self.inside.append(None)

    def __exit__(self, *_: Any) -> None:
        self.inside.pop()
        if self.channel._leaving:
            self.channel._free(self.inside)


_channels: weakref.WeakSet[BaseChannel] = weakref.WeakSet()


class _BatchRoom:
    """Room for `most` messages of up to `slot` bytes each, and the vectors that point to it."""

    __slots__ = ("most", "slot", "starts", "view", "vectors")

    def __init__(self, most: int, slot: int) -> None:
        self.most = most
        self.slot = slot = max(slot, _FIRST_SLOT)
        room = bytearray(most * slot)
        self.view = memoryview(room)
        at = ctypes.addressof(ctypes.c_ubyte.from_buffer(room))
        self.starts = range(0, most * slot, slot)
        self.vectors = array("Q", bytes(16 * most))
        self.vectors[0::2] = array("Q", range(at, at + most * slot, slot))
        self.vectors[1::2] = array("Q", [slot]) * most


class BaseChannel:
    """What endpoints have in common, whether they block or are for asyncio."""

    def __init__(
        self, name: str, mode: Mode, *, create: bool = False, exclusive: bool = False,
        _how: Optional[dict[str, Any]] = None, **options: Any,
    ) -> None:
        self._handle: Optional[int] = None
        self._leaving: list[int] = []  # the handle, while a call still uses it
        self._lock = threading.RLock()  # of detach(), which a signal's handler may call, too
        if mode not in _ROLES:
            raise ValueError(f"mode: {mode!r} is not 'r', 'w', 'rw' or ''")
        if options and not create:
            raise ValueError("options are for a channel that is made: create=True is missing")
        self.name = name
        self.mode = mode
        self._flags = _ROLES[mode] | c.EXCLUSIVE * bool(exclusive)
        self._inside: list[None] = []  # one for each call that is being made
        self._held: weakref.WeakSet[Held] = weakref.WeakSet()
        self._sets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._rooms: list[tuple[bytearray, Any, memoryview]] = []
        self._batch: Optional[_BatchRoom] = None
        self._generation = 0
        self._forked = False
        self._how = _how
        made = c.make_options(**options) if create else None
        self._open(c.CREATE * bool(create), made)
        _channels.add(self)

    @classmethod
    def subscribe(cls, name: str, **how: Any) -> Any:
        """Open an endpoint of the broadcast `name` to receive.

        `start`: "next", "oldest", ("last", N), ("seq", N) or ("time", seconds since the epoch);
        `on_lag`: "block", "lose", "evict" with a `patience` in seconds; `group`, `group_age`,
        `renew_group`, `or_oldest`: see chan_subscribe() in shmchan.h.  A call that finds that
        it lost messages raises Lost.
        """
        return cls(name, "r", _how=how)

    def _open(self, flags: int = 0, options: Any = None) -> int:
        handle = ctypes.c_void_p()
        if self._how is not None:
            how = c.make_subscription(**self._how)
            check(lib.chan_subscribe(ctypes.byref(handle), c.encode(self.name),
                                     ctypes.byref(how)), self.name)
        else:
            check(lib.chan_open(ctypes.byref(handle), c.encode(self.name), self._flags | flags,
                                ctypes.byref(options) if options else None), self.name)
        assert handle.value
        self._generation += 1
        self._handle = handle.value
        return handle.value

    def _open_again(self) -> int:
        """In a forked child the first call opens an endpoint of the child's own."""
        if not self._forked:
            raise ValueError("the endpoint is detached")
        self._forked = False
        return self._open()

    def _after_fork(self) -> None:
        # The parent's threads are not in the child, nor is anything that was held.
        if self._handle:
            if not any(h._memory and h._memory() for h in list(self._held)):
                lib.chan_detach(self._handle)
            self._handle = None
            self._forked = True
            self._generation += 1
        self._leaving = []
        self._lock = threading.RLock()
        self._inside = []
        self._held = weakref.WeakSet()

    def __reduce__(self) -> Any:
        # In another process: an endpoint of its own, of the channel as it is there.
        if self._handle is None and not self._forked:
            raise ValueError("the endpoint is detached")
        return _reopen, (type(self), self.name, self.mode, bool(self._flags & c.EXCLUSIVE),
                         self._how)

    def _using(self) -> _Using:
        return _Using(self)

    def _free(self, inside: list[None]) -> None:
        if not inside:
            try:
                handle = self._leaving.pop()
            except IndexError:
                return  # another thread was faster
            lib.chan_detach(handle)

    def detach(self) -> None:
        """Leave the channel; others go on.  What is leased goes back, and a loan is dropped.

        A call that another thread has on it ends, with ValueError.  Detaching twice is fine.
        """
        # Using it meanwhile: no call that this ends frees it before this is done with it.
        with self._using(), self._lock:
            handle = self._handle
            self._forked = False
            if not handle:
                return
            for held in list(self._held):
                held._drop_view()
            self._handle = None
            self._generation += 1
            for each in list(self._sets):
                each._leave(handle)
            self._leaving.append(handle)
            lib.chan_interrupt(handle, 1)

    def __del__(self) -> None:
        if self._handle:
            try:
                self.detach()
            except BufferError:
                pass  # a view is left: its bytes must stay mapped

    def __repr__(self) -> str:
        state = "" if self._handle or self._forked else " detached"
        return f"<shmchan.{type(self).__name__} {self.name!r} {self.mode!r}{state}>"

    # ---- calls that never wait ----

    def _now(self, function: Any, *args: Any) -> int:
        with self._using():
            return check(function(self._handle or self._open_again(), *args))

    def close(self, discard: bool = False) -> None:
        """End the channel for everybody.  Receivers get what is left, unless `discard`."""
        self._now(lib.chan_close, c.DISCARD if discard else c.DRAIN)

    def fd(self, role: Literal["r", "w"]) -> int:
        """A descriptor that is readable while the next call of that role may go on: to receive
        ("r") or to send ("w").  Wait for readability for both.  It is the endpoint's."""
        return self._now(lib.chan_fd, _ROLES[role])

    def fileno(self) -> int:
        """fd(), of an endpoint that has one role: for select, selectors and such."""
        if self.mode not in ("r", "w"):
            raise ValueError("the endpoint has not one role: use fd('r') or fd('w')")
        return self.fd(self.mode)  # type: ignore[arg-type]

    def set_overflow(self, overflow: Union[str, int]) -> None:
        """What this endpoint's sends do when the channel is full."""
        self._now(lib.chan_set_overflow, c._number(c.OVERFLOWS, "overflow", overflow))

    def kick(self, most: int = (1 << 64) - 1) -> int:
        """Make buried messages ready again, the oldest ones, `most` at most: how many."""
        return self._now(lib.chan_kick, most)

    def purge(self) -> int:
        """Drop every undelivered message; how many there were."""
        return self._now(lib.chan_purge)

    def pause(self, on: bool = True) -> None:
        """Pause the channel: receivers find nothing until pause(False)."""
        self._now(lib.chan_pause, on)

    def recover(self) -> int:
        """Clean up after dead peers now; how many messages were given back."""
        return self._now(lib.chan_recover)

    def stat(self) -> Stat:
        raw = c.RawStat(size=ctypes.sizeof(c.RawStat))
        self._now(lib.chan_stat, ctypes.byref(raw))
        return Stat(*(getattr(raw, field) for field in Stat._fields))

    def endpoints(self) -> list[Endpoint]:
        n = room = 0
        while room <= n:
            room = n + 16
            raw = (c.RawEndpoint * room)()
            n = self._now(lib.chan_endpoints, raw, room)
        return [Endpoint(e.id, e.roles, e.pid, e.uid, e.attached, e.waiting,
                         e.command.decode(errors="replace")) for e in raw[:n]]

    def subscribers(self) -> list[Subscriber]:
        """The live subscribers and the groups of a broadcast."""
        n = room = 0
        while room <= n:
            room = n + 16
            raw = (c.RawSubscriber * room)()
            n = self._now(lib.chan_subscribers, raw, room)
        return [Subscriber(c.STATES[s.state], s.on_lag, s.id, s.pid, s.seq, s.lag, s.lag_bytes,
                           s.lost, s.patience, s.group_age, s.group.decode()) for s in raw[:n]]

    def remove_group(self, group: str) -> None:
        """Remove a group of a broadcast."""
        self._now(lib.chan_remove_group, c.encode(group))

    def peek(self, leased: bool = False) -> Iterator[Peeked]:
        """The messages in the channel, which stay there; `leased`: those that are leased, too."""
        at = c.Cursor(flags=c.LEASED_TOO if leased else 0)
        room = ctypes.create_string_buffer(FIRST_ROOM)
        while True:
            try:
                n = self._now(lib.chan_peek, room, len(room), ctypes.byref(at))
            except c.TooLarge as e:
                room = ctypes.create_string_buffer(e.size)
                continue
            except Error as e:
                if e.errno != errno.EAGAIN:
                    raise
                return
            yield Peeked(ctypes.string_at(room, n), at.seq, at.attempt,
                         bool(at.flags & c.IS_LEASED))

    def send_nowait(self, message: BytesLike) -> bool:
        """Send, or raise Full at once.  False if a drop policy dropped the message."""
        with self._using():
            data, size = address_of(message)
            result = _send(self._handle or self._open_again(), data, size, 0)
            if result < 0:
                raise error(result, Full)
            return result != c.DROPPED

    def recv_nowait(self) -> bytes:
        """Receive, or raise Empty at once."""
        with self._using():
            return self._recv(self._handle or self._open_again(), 0)

    def take_nowait(self) -> Lease:
        """Take a message under a lease, or raise Empty at once."""
        with self._using():
            return self._take(self._handle or self._open_again(), 1, 0)[0]

    # ---- the parts of a receive ----

    def _room(self, size: int = FIRST_ROOM) -> tuple[bytearray, Any, memoryview]:
        room = bytearray(size)
        return room, (ctypes.c_ubyte * size).from_buffer(room), memoryview(room)

    def _recv(self, handle: int, timeout: int, later: bool = False) -> Any:
        """A message; or, if asked for `later`, the result of a call that would have waited."""
        rooms = self._rooms
        try:
            room = rooms.pop()
        except IndexError:
            room = self._room()
        while (n := self._until(handle, timeout, _recv, handle, room[1], len(room[0]))) < 0:
            if n != -errno.EMSGSIZE:
                rooms.append(room)
                if later and n in LATER:
                    return n
                raise error(n, Empty)
            room = self._room(lib.chan_error_size(n))
        data = room[2][:n].tobytes()
        rooms.append(room)
        return data

    def _take(self, handle: int, most: int, timeout: int) -> list[Lease]:
        raw = (c.RawLease * most)()
        n = self._until(handle, timeout, lib.chan_take, handle, raw, most)
        if n < 0:
            raise error(n, Empty)
        return [Lease(self, c.RawLease.from_buffer_copy(raw[i])) for i in range(n)]

    def _wait(self, handle: int, function: Any, *args: Any) -> int:
        result = _signals.wait(handle, function, *args)
        if self._handle != handle:
            lib.chan_interrupt(handle, 1)  # it is being detached: for the calls of others
        return result

    def _until(self, handle: int, timeout: int, function: Any, *args: Any) -> int:
        """Call; if that has to wait, wait as long as `timeout` says, and run signal handlers."""
        result = function(*args, 0)
        if timeout == 0 or result not in LATER:
            return result
        end = time.monotonic_ns() + timeout if timeout > 0 else 0
        while (result := self._wait(handle, function, *args, timeout)) == -errno.EINTR:
            if self._handle != handle:
                raise ValueError("the endpoint was detached")
            if end:
                timeout = max(end - time.monotonic_ns(), 0)
        return result


def _reopen(
    cls: type[BaseChannel], name: str, mode: Mode, exclusive: bool, how: Optional[dict[str, Any]]
) -> BaseChannel:
    return cls(name, mode, exclusive=exclusive, _how=how)


def _after_fork() -> None:
    for channel in list(_channels):
        channel._after_fork()


os.register_at_fork(after_in_child=_after_fork)


class Channel(BaseChannel):
    """An endpoint of the channel `name`: to receive ("r"), to send ("w"), both ("rw"), or only
    to look ("").

    `create` makes the channel first if it is missing, with the `options`: capacity,
    max_capacity (UNBOUNDED: as much as is reasonable), max_message, overflow ("block", "fail", "drop-new", "drop-old"), mode, endpoints, lifetime
    ("persist", "ref"), kind ("queue", "rendezvous", "latest", "broadcast"), linger (seconds),
    end_with_senders, need_receivers, meta (each message has a header), type; of a broadcast on_lag, patience (seconds), groups
    and forbid_block: see struct chan_options in shmchan.h.

    Timeouts are in seconds: None waits for ever, 0 does not wait.  Calls that wait leave the
    interpreter to other threads, and signal handlers run, so Ctrl-C ends them.  Any number of
    threads may use an endpoint.  It leaves the channel at the end of a `with` block, or by
    detach(); close() ends the channel for everybody.

    A forked child, and whoever gets it through multiprocessing, has an endpoint of its own.
    """

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: Any) -> None:
        self.detach()

    def send(self, message: BytesLike, timeout: Optional[float] = None) -> bool:
        """Send one message, or raise Full.  False if a drop policy dropped it."""
        inside = self._inside
        inside.append(None)
        try:
            handle = self._handle or self._open_again()
            if type(message) is bytes:
                data, size = message, len(message)
            else:
                data, size = address_of(message)
            result = _send(handle, data, size, 0)
            if result == 0:
                return True
            if timeout != 0 and result in LATER:
                result = self._until(handle, nanoseconds(timeout), _send, handle, data, size)
            if result < 0:
                raise error(result, Full)
            return result != c.DROPPED
        finally:
            inside.pop()
            if self._leaving:
                self._free(inside)

    def recv(self, timeout: Optional[float] = None) -> bytes:
        """Receive one message, or raise Empty."""
        inside = self._inside
        inside.append(None)
        try:
            handle = self._handle or self._open_again()
            try:
                room = self._rooms.pop()
            except IndexError:
                room = self._room()
            n = _recv(handle, room[1], len(room[0]), 0)
            if n >= 0:
                data = room[2][:n].tobytes()
                self._rooms.append(room)
                return data
            self._rooms.append(room)
            if n != -errno.EMSGSIZE and (n not in LATER or timeout == 0):
                raise error(n, Empty)
            return self._recv(handle, nanoseconds(timeout))
        finally:
            inside.pop()
            if self._leaving:
                self._free(inside)

    def recv_into(self, room: BytesLike, timeout: Optional[float] = None) -> int:
        """Receive one message into something writable, and return its length.  TooLarge, and
        the message stays, if it is longer."""
        view = memoryview(room)
        if view.readonly or not view.contiguous:
            raise BufferError("the room for a message has to be writable and contiguous")
        size = view.nbytes
        where = (ctypes.c_ubyte * size).from_buffer(view) if size else None
        with self._using():
            handle = self._handle or self._open_again()
            n = self._until(handle, nanoseconds(timeout), _recv, handle, where, size)
            if n < 0:
                raise error(n, Empty)
            return n

    def send_meta(
        self, message: BytesLike, meta: _meta.Meta, timeout: Optional[float] = None
    ) -> bool:
        """send() with a header."""
        data, size = address_of(message)
        raw = meta._raw()
        with self._using():
            handle = self._handle or self._open_again()
            result = self._until(handle, nanoseconds(timeout), lib.chan_send_meta, handle, data,
                                 size, ctypes.byref(raw))
            if result < 0:
                raise error(result, Full)
            return result != c.DROPPED

    def recv_meta(self, timeout: Optional[float] = None) -> tuple[bytes, _meta.Meta]:
        """recv() with the header."""
        raw, size = _meta.empty(), FIRST_ROOM
        with self._using():
            handle = self._handle or self._open_again()
            while True:
                room = ctypes.create_string_buffer(size)
                n = self._until(handle, nanoseconds(timeout), lib.chan_recv_meta, handle, room,
                                size, ctypes.byref(raw))
                if n >= 0:
                    return ctypes.string_at(room, n), _meta.received(raw)
                if n != -errno.EMSGSIZE:
                    raise error(n, Empty)
                size = lib.chan_error_size(n)

    def request(
        self, message: BytesLike, meta: Optional[_meta.Meta] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """Send a request, a message that asks for replies, in a channel with headers; its number,
        for response()."""
        data, size = address_of(message)
        raw, number = (meta or _meta.Meta())._raw(), ctypes.c_uint64()

        def send(handle: int, limit: int) -> int:
            return lib.chan_request(handle, data, size, ctypes.byref(raw), limit,
                                    ctypes.byref(number))
        with self._using():
            handle = self._handle or self._open_again()
            result = self._until(handle, nanoseconds(timeout), send, handle)
            if result > 0:  # dropped, or sent before, as its id says: no reply comes
                result = -errno.ECANCELED
            if result < 0:
                raise error(result, Full)
            return number.value

    def response(
        self, number: int = 0, timeout: Optional[float] = None
    ) -> tuple[bytes, _meta.Meta]:
        """Receive a reply to the request of that number, or to any of this endpoint's."""
        raw, size = _meta.empty(), FIRST_ROOM
        with self._using():
            handle = self._handle or self._open_again()
            while True:
                room = ctypes.create_string_buffer(size)
                n = self._until(handle, nanoseconds(timeout), lib.chan_response, handle, number,
                                room, size, ctypes.byref(raw))
                if n >= 0:
                    return ctypes.string_at(room, n), _meta.received(raw)
                if n != -errno.EMSGSIZE:
                    raise error(n, Empty)
                size = lib.chan_error_size(n)

    def cancel(self, number: int) -> bool:
        """Forget a request.  Is it so that nobody gets it?"""
        return self._now(lib.chan_cancel, number) == 1

    def call(
        self, message: BytesLike, meta: Optional[_meta.Meta] = None,
        timeout: Optional[float] = None,
    ) -> tuple[bytes, _meta.Meta]:
        """Send a request and receive its reply.  If that fails, the request is cancelled."""
        end = None if timeout is None else time.monotonic() + timeout
        if timeout and not (meta and meta.ttl):
            meta = dataclasses.replace(meta or _meta.Meta(), ttl=timeout)
        number = self.request(message, meta, timeout)
        try:
            got = self.response(number, None if end is None else max(end - time.monotonic(), 0))
        except BaseException:
            self._forget(number)
            raise
        if got[1].more:
            self._forget(number)
        return got

    def _forget(self, number: int) -> None:
        with contextlib.suppress(Error, ValueError):
            self.cancel(number)

    def __iter__(self) -> Iterator[bytes]:
        """Each message, until the channel has ended."""
        try:
            while True:
                yield self.recv()
        except Closed:
            return

    def send_batch(self, messages: Iterable[BytesLike], timeout: Optional[float] = None) -> int:
        """Send as many of the messages as there is room for, the first ones, and return how
        many.  Waits for room for the first.  Receivers see them all at once."""
        parts = [m if isinstance(m, bytes) else memoryview(m).tobytes() for m in messages]
        if not parts:
            return 0
        data = b"".join(parts)
        at = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
        lengths = array("Q", map(len, parts))
        vectors = array("Q", bytes(16 * len(parts)))
        vectors[0::2] = array("Q", accumulate(lengths[:-1], initial=at))  # type: ignore
        vectors[1::2] = lengths
        with self._using():
            handle = self._handle or self._open_again()
            n = self._until(handle, nanoseconds(timeout), lib.chan_send_batch, handle,
                            vectors.buffer_info()[0], len(parts))
            if n < 0:
                raise error(n, Full)
            return n

    def recv_batch(self, most: int, timeout: Optional[float] = None) -> list[bytes]:
        """Receive 1 to `most` messages.  Waits for the first only."""
        with self._using():
            handle = self._handle or self._open_again()
            room = self._batch_room(most)
            vectors = array("Q", room.vectors)
            n = self._until(handle, nanoseconds(timeout), lib.chan_recv_batch, handle,
                            vectors.buffer_info()[0], most)
            if n < 0 and n != -errno.EMSGSIZE:
                raise error(n, Empty)
            if n < 0:
                longer = lib.chan_error_size(n)
                if longer * most <= _MOST_ROOM:
                    self._batch = _BatchRoom(most, longer)
                return [self._recv(handle, nanoseconds(timeout))]
            self._batch = room
            view = room.view
            return [view[start:start + length].tobytes()
                    for start, length in zip(room.starts, vectors[1:2 * n:2])]

    def _batch_room(self, most: int) -> _BatchRoom:
        if not 0 < most < 1 << 31:
            raise ValueError(f"a batch has 1 or more messages, not {most}")
        room, self._batch = self._batch, None  # another thread makes one of its own
        return room if room and room.most >= most else _BatchRoom(most, room.slot if room else 0)

    def take(self, timeout: Optional[float] = None) -> Lease:
        """Take one message under a lease, or raise Empty."""
        with self._using():
            return self._take(self._handle or self._open_again(), 1, nanoseconds(timeout))[0]

    def take_batch(self, most: int, timeout: Optional[float] = None) -> list[Lease]:
        """Take 1 to `most` messages under leases.  Waits for the first only."""
        if not 0 < most < 1 << 31:
            raise ValueError(f"a batch has 1 or more messages, not {most}")
        with self._using():
            handle = self._handle or self._open_again()
            return self._take(handle, most, nanoseconds(timeout))

    def reserve(self, length: int, timeout: Optional[float] = None) -> Loan:
        """Reserve room for a message, to write it in place, or raise Full.  The same thread
        commits or aborts it, soon: other senders wait."""
        if length < 0:
            raise ValueError("a message's length is not negative")
        where = ctypes.c_void_p()
        with self._using():
            handle = self._handle or self._open_again()
            result = self._until(handle, nanoseconds(timeout), lib.chan_reserve, handle,
                                 ctypes.byref(where), length)
            if result < 0:
                raise error(result, Full)
            return Loan(self, where.value or 0, length, False)
