# SPDX-License-Identifier: MIT
"""Headers of messages."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Optional

from . import _library as c
from ._library import check, lib


@dataclasses.dataclass
class Meta:
    """The header of a message, in a channel that was made with meta=True.

    A `ttl` and a `delay` are in seconds: nobody gets the message later, or before.  `headers`
    are pairs of text.  `keep` carries a key or a priority that decides nothing in this channel, as
    a copy does.  A request that says `once` is not delivered twice; a reply has a `status`,
    and says if `more` follow.  The rest is set by what receives: see struct chan_meta in shmchan.h.
    """

    key: Optional[bytes] = None
    priority: Optional[int] = None
    ttl: float = 0
    delay: float = 0
    id: Optional[bytes] = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    once: bool = False
    keep: bool = False
    status: int = 0
    more: bool = False
    seq: int = 0
    sent: float = 0
    pid: int = 0
    uid: int = 0
    attempt: int = 0

    def _raw(self) -> c.RawMeta:
        raw = c.RawMeta()
        lib.chan_meta_init(ctypes.byref(raw))
        if self.key is not None:
            if len(self.key) >= len(raw.key):
                raise ValueError(f"a key has at most {len(raw.key) - 1} bytes, not {len(self.key)}")
            raw.flags |= c.HAS_KEY
            raw.key_length = len(self.key)
            ctypes.memmove(raw.key, self.key, len(self.key))
        if self.id is not None:
            if len(self.id) != len(raw.id):
                raise ValueError(f"an id has {len(raw.id)} bytes, not {len(self.id)}")
            raw.flags |= c.HAS_ID
            ctypes.memmove(raw.id, self.id, len(self.id))
        if self.priority is not None:
            if not 0 <= self.priority < 256:
                raise ValueError(f"a priority is 0 to 7, not {self.priority}")
            raw.flags |= c.HAS_PRIORITY
            raw.priority = self.priority
        raw.flags |= c.ONCE * bool(self.once) + c.MORE * bool(self.more) + c.KEEP * bool(self.keep)
        raw.status = self.status
        for what in ("ttl", "delay"):
            if not 0 <= getattr(self, what) < 1 << 33:
                raise ValueError(f"{what}: {getattr(self, what)} is outside what the library takes")
            setattr(raw, what, round(getattr(self, what) * 1e9))
        for name, value in self.headers.items():
            if "\0" in name + value:
                raise ValueError("a pair has no NUL in it")
            check(lib.chan_meta_put(ctypes.byref(raw), name.encode(), value.encode()))
        return raw


def empty() -> c.RawMeta:
    """Room for a header that is received."""
    return c.RawMeta(size=ctypes.sizeof(c.RawMeta))


def received(raw: c.RawMeta) -> Meta:
    pairs = bytes(raw.header[:raw.header_length]).decode(errors="replace").split("\0")[:-1]
    return Meta(
        key=bytes(raw.key[:raw.key_length]) if raw.flags & c.HAS_KEY else None,
        priority=raw.priority if raw.flags & c.HAS_PRIORITY else None,
        ttl=raw.ttl / 1e9,
        delay=raw.delay / 1e9,
        id=bytes(raw.id) if raw.flags & c.HAS_ID else None,
        headers={name: value for name, _, value in (pair.partition("=") for pair in pairs)},
        once=bool(raw.flags & c.ONCE),
        status=raw.status,
        more=bool(raw.flags & c.MORE),
        seq=raw.seq,
        sent=raw.sent / 1e9,
        pid=raw.pid,
        uid=raw.uid,
        attempt=raw.attempt,
    )
