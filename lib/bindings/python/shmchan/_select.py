# SPDX-License-Identifier: MIT
"""Waiting for the first of several endpoints."""

from __future__ import annotations

import contextlib
import ctypes
import errno
from collections.abc import Sequence
from typing import Any, Literal, Optional, Union

from . import _library as c
from ._channel import FIRST_ROOM, BytesLike, Channel, address_of, nanoseconds
from ._held import Lease
from ._library import Empty, Full, error, lib

#: A case of select(): ("recv", channel), ("take", channel) or ("send", channel, message).
SelectCase = Union[tuple[Literal["recv", "take"], Channel], tuple[Literal["send"], Channel, BytesLike]]

_OPS = {"recv": 1, "take": 2, "send": 3}


def select(
    cases: Sequence[SelectCase], timeout: Optional[float] = None, biased: bool = False
) -> tuple[int, Any]:
    """Wait until one of the cases can go on, execute that one and no other, and return its
    index and its result: bytes, a Lease, or what send() returns.  Raises Empty if none can go
    on in time.  An error of the case is raised with its index as `case`.  Of several that can
    go on, one is taken by chance, or the first if `biased`."""
    if not cases:
        raise ValueError("there is no case to select")
    raw = (c.Case * len(cases))()
    keep: list[Any] = []
    with contextlib.ExitStack() as stack:
        for r, (op, channel, *message) in zip(raw, cases):
            stack.enter_context(channel._using())
            if op not in _OPS:
                raise ValueError(f"a case is 'recv', 'take' or 'send', not {op!r}")
            if len(message) != (op == "send"):
                raise ValueError("a message belongs to a case that sends, and to no other")
            r.size = ctypes.sizeof(c.Case)
            r.op = _OPS[op]
            r.ch = channel._handle or channel._open_again()
            if op == "send":
                data, r.len = address_of(message[0])
                r.data = ctypes.cast(data, ctypes.c_void_p)
            else:
                data = c.RawLease() if op == "take" else ctypes.create_string_buffer(FIRST_ROOM)
                r.data = ctypes.addressof(data)
                r.len = 1 if op == "take" else FIRST_ROOM
            keep.append(data)
        first = cases[0][1]
        while True:
            i = first._until(raw[0].ch, nanoseconds(timeout), _select, cases, raw,
                             c.BIASED * bool(biased))
            if i < 0:
                raise error(i, Empty)
            r, channel = raw[i], cases[i][1]
            if r.result != -errno.EMSGSIZE or r.op != _OPS["recv"]:
                break
            keep[i] = ctypes.create_string_buffer(lib.chan_error_size(-errno.EMSGSIZE))
            r.data, r.len = ctypes.addressof(keep[i]), len(keep[i])
        if r.result < 0:
            e = error(r.result, Full if r.op == _OPS["send"] else Empty)
            e.case = i
            raise e
        result: Any = r.result != c.DROPPED
        if r.op == _OPS["recv"]:
            result = ctypes.string_at(keep[i], r.result)
        elif r.op == _OPS["take"]:
            result = Lease(channel, keep[i])
    return i, result


def _select(cases: Sequence[SelectCase], raw: Any, flags: int, timeout: int) -> int:
    result = lib.chan_select(raw, len(raw), timeout, flags)
    if result == -errno.EINTR and any(case[1]._handle != r.ch for case, r in zip(cases, raw)):
        raise ValueError("an endpoint was detached")
    return result
