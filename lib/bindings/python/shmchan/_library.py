# SPDX-License-Identifier: MIT
"""The C library: loading it, its structures and functions, and its errors as exceptions.

ctypes, not cffi: it comes with Python, so a user needs neither a compiler nor a package, and
it releases the interpreter's lock around each call just as well.
"""

from __future__ import annotations

import ctypes
import errno
import queue
from ctypes import c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_uint
from ctypes import c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, Optional, Union

SONAME = "libshmchan.so.0"

SEND, RECV, CREATE, EXCLUSIVE = 1, 2, 4, 8
END_WITH_SENDERS, NEED_RECEIVERS, FORBID_BLOCK, META = 1, 2, 8, 16
HAS_ID, HAS_KEY, HAS_PRIORITY, MORE, ONCE, KEEP = 1, 2, 4, 16, 32, 128
OR_OLDEST, RENEW_GROUP = 1, 2
DRAIN, DISCARD = 0, 1
DROPPED = 1
BIASED = 1
LEASED_TOO, IS_LEASED = 1, 2
WAIT = -1
UNBOUNDED = (1 << 64) - 1

KINDS = {"queue": 0, "rendezvous": 1, "latest": 2, "broadcast": 3}
OVERFLOWS = {"block": 0, "fail": 1, "drop-new": 2, "drop-old": 3}
LANE_BYS = {"none": 0, "key": 1, "priority": 2}
LAGS = {"default": 0, "block": 1, "lose": 2, "evict": 3}
STARTS = {"next": 0, "oldest": 1, "last": 2, "seq": 3, "time": 4}
STATES = ("active", "evicted", "expired")
LIFETIMES = {"persist": 0, "ref": 1}


def _structure(name: str, *fields: Any) -> Any:
    return type(name, (ctypes.Structure,), {"_fields_": list(fields), "__slots__": ()})


Options = _structure(
    "Options",
    ("size", c_uint32),
    ("flags", c_uint32),
    ("capacity", c_uint64),
    ("max_message", c_uint32),
    ("overflow", c_uint32),
    ("mode", c_uint32),
    ("endpoints", c_uint32),
    ("lifetime", c_uint32),
    ("kind", c_uint32),
    ("linger", c_uint64),
    ("type", c_uint64),
    ("on_lag", c_uint32),
    ("groups", c_uint32),
    ("patience", c_uint64),
    ("max_capacity", c_uint64),
    ("lanes", c_uint32),
    ("lane_by", c_uint32),
    ("dead_letter", c_char * 256),
    ("dedup", c_uint32),
    ("max_deliver", c_uint32),
    ("dedup_age", c_uint64),
)
Subscription = _structure(
    "Subscription",
    ("size", c_uint32),
    ("flags", c_uint32),
    ("start_from", c_uint32),
    ("on_lag", c_uint32),
    ("start", c_uint64),
    ("patience", c_uint64),
    ("group", c_char_p),
    ("group_age", c_uint64),
)
RawSubscriber = _structure(
    "RawSubscriber",
    ("size", c_uint32),
    ("state", c_uint32),
    ("on_lag", c_uint32),
    ("id", c_uint32),
    ("pid", c_int32),
    ("reserved", c_uint32),
    *((name, c_uint64) for name in (
        "seq", "lag", "lag_bytes", "lost", "patience", "group_age")),
    ("group", c_char * 48),
)
RawLease = _structure(
    "RawLease",
    ("data", c_void_p),
    ("len", c_size_t),
    ("seq", c_uint64),
    ("pos", c_uint64),
    ("attempt", c_uint32),
    ("reserved", c_uint32),
)
RawMeta = _structure(
    "RawMeta",
    ("size", c_uint32),
    ("flags", c_uint32),
    ("seq", c_uint64),
    *((name, c_int64) for name in ("sent", "ttl", "delay")),
    ("correlation", c_uint64),
    ("pid", c_int32),
    ("uid", c_uint32),
    ("status", c_int32),
    *((name, c_uint32) for name in ("attempt", "key_length", "header_length")),
    ("id", c_uint8 * 16),
    ("priority", c_uint8),
    ("reserved", c_uint8 * 7),
    ("reply_to", c_char * 256),
    ("key", c_uint8 * 256),
    ("header", c_uint8 * 1024),
)
Case = _structure(
    "Case",
    ("size", c_uint32),
    ("op", c_uint32),
    ("ch", c_void_p),
    ("data", c_void_p),
    ("len", c_size_t),
    ("result", c_ssize_t),
)
Cursor = _structure(
    "Cursor", ("pos", c_uint64), ("seq", c_uint64), ("attempt", c_uint32), ("flags", c_uint32)
)
RawStat = _structure(
    "RawStat",
    ("size", c_uint32),
    ("flags", c_uint32),
    *((name, c_uint64) for name in (
        "capacity", "used", "depth", "sent", "received", "dropped_newest", "dropped_oldest",
        "redelivered", "recoveries", "bytes", "segment")),
    ("created", c_int64),
    ("linger", c_uint64),
    *((name, c_uint32) for name in (
        "max_message", "overflow", "mode", "uid", "gid", "lifetime", "kind", "endpoints",
        "senders", "receivers", "closed", "damaged", "removed", "format", "full", "condvar")),
    ("idle", c_int64),
    ("dropped_leased", c_uint64),
    ("paused", c_uint32),
    ("reserved", c_uint32),
    *((name, c_uint64) for name in ("type", "kept", "lost", "evicted", "patience")),
    ("on_lag", c_uint32),
    ("max_groups", c_uint32),
    *((name, c_uint64) for name in (
        "start_capacity", "max_capacity", "peak_capacity", "grown")),
    ("grown_at", c_int64),
    ("grown_by", c_int32),
    *((name, c_uint32) for name in ("grown_why", "grow_error", "unused")),
)
RawEndpoint = _structure(
    "RawEndpoint",
    ("id", c_uint32),
    ("roles", c_uint32),
    ("pid", c_int32),
    ("uid", c_uint32),
    ("attached", c_int64),
    ("waiting", c_int64),
    ("command", c_char * 16),
)
RawReady = _structure(
    "RawReady", ("ch", c_void_p), ("data", c_void_p), ("role", c_uint32), ("reserved", c_uint32)
)
LIST_FUNCTION = ctypes.CFUNCTYPE(c_int, c_char_p, c_void_p)

_channel, _pointer = c_void_p, c_void_p
_FUNCTIONS = {
    "chan_version": (c_char_p,),
    "chan_strerror": (c_char_p, c_int),
    "chan_error_detail": (c_char_p, c_int),
    "chan_error_size": (c_uint64, c_int),
    "chan_create": (c_int, c_char_p, _pointer),
    "chan_footprint": (c_int64, _pointer),
    "chan_open": (c_int, _pointer, c_char_p, c_uint, _pointer),
    "chan_subscribe": (c_int, _pointer, c_char_p, _pointer),
    "chan_subscribers": (c_int, _channel, _pointer, c_uint),
    "chan_remove_group": (c_int, _channel, c_char_p),
    "chan_detach": (None, _channel),
    "chan_close": (c_int, _channel, c_uint),
    "chan_remove": (c_int, c_char_p),
    "chan_unlink": (c_int, c_char_p),
    "chan_collect": (c_int, c_char_p),
    "chan_list": (c_int, LIST_FUNCTION, c_void_p),
    "chan_send": (c_int, _channel, _pointer, c_size_t, c_int64),
    "chan_recv": (c_ssize_t, _channel, _pointer, c_size_t, c_int64),
    "chan_send_batch": (c_int, _channel, _pointer, c_uint, c_int64),
    "chan_recv_batch": (c_int, _channel, _pointer, c_uint, c_int64),
    "chan_reserve": (c_int, _channel, _pointer, c_size_t, c_int64),
    "chan_commit": (c_int, _channel, c_size_t),
    "chan_abort": (None, _channel),
    "chan_take": (c_int, _channel, _pointer, c_uint, c_int64),
    "chan_ack": (c_int, _channel, _pointer, c_uint),
    "chan_release": (c_int, _channel, _pointer, c_uint),
    "chan_untake": (c_int, _channel, _pointer, c_uint),
    "chan_bury": (c_int, _channel, _pointer, c_uint),
    "chan_release_after": (c_int, _channel, _pointer, c_uint, c_int64),
    "chan_kick": (c_int, _channel, c_uint64),
    "chan_meta_init": (None, _pointer),
    "chan_meta_put": (c_int, _pointer, c_char_p, c_char_p),
    "chan_send_meta": (c_int, _channel, _pointer, c_size_t, _pointer, c_int64),
    "chan_recv_meta": (c_ssize_t, _channel, _pointer, c_size_t, _pointer, c_int64),
    "chan_lease_meta": (c_int, _channel, _pointer, _pointer),
    "chan_request": (c_int, _channel, _pointer, c_size_t, _pointer, c_int64, _pointer),
    "chan_response": (c_ssize_t, _channel, c_uint64, _pointer, c_size_t, _pointer, c_int64),
    "chan_cancel": (c_int, _channel, c_uint64),
    "chan_reply": (c_int, _channel, _pointer, _pointer, c_size_t, _pointer, c_int64),
    "chan_wanted": (c_int, _channel, _pointer),
    "chan_select": (c_int, _pointer, c_uint, c_int64, c_uint),
    "chan_set_create": (c_int, _pointer),
    "chan_set_destroy": (None, c_void_p),
    "chan_set_add": (c_int, c_void_p, _channel, c_uint, c_void_p),
    "chan_set_remove": (c_int, c_void_p, _channel, c_uint),
    "chan_set_wait": (c_int, c_void_p, _pointer, c_uint, c_int64),
    "chan_set_fd": (c_int, c_void_p),
    "chan_fd": (c_int, _channel, c_uint),
    "chan_peek": (c_ssize_t, _channel, _pointer, c_size_t, _pointer),
    "chan_purge": (c_int64, _channel),
    "chan_pause": (c_int, _channel, c_int),
    "chan_set_overflow": (c_int, _channel, c_uint),
    "chan_interrupt": (None, _channel, c_int),
    "chan_stat": (c_int, _channel, _pointer),
    "chan_endpoints": (c_int, _channel, _pointer, c_uint),
    "chan_recover": (c_int, _channel),
}


def load(soname: str = SONAME) -> Any:
    """Load the library, or raise ImportError with one line that says what is missing."""
    try:
        library = ctypes.CDLL(soname)
    except OSError as e:
        raise ImportError(f"shmchan: the C library can't be loaded: {e}") from None
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            version = "of unknown version"
            if hasattr(library, "chan_version"):
                library.chan_version.restype = c_char_p
                version = library.chan_version().decode()
            raise ImportError(
                f"shmchan: {soname} {version} is too old for this module: it has no {name}()"
            ) from None
        function.restype = result
        function.argtypes = arguments
    return library


lib = load()


class Error(OSError):
    """An error of the library: `errno`, and `strerror` in the library's words."""

    #: Of a message that is too long: the length that it has, or that is allowed.  Of Lost: how
    #: many messages are lost.
    size: int = 0
    #: Of select(): which case has the error.
    case: Optional[int] = None


class Empty(Error, queue.Empty):
    """There was no message, now or before the timeout passed."""


class Full(Error, queue.Full):
    """There was no room, now or before the timeout passed."""


class Closed(Error, BrokenPipeError):
    """The channel has ended: it is closed, or the last peer that it needs has left."""


class Removed(Error):
    """The channel was removed."""


class TooLarge(Error):
    """The message is too long: `size` is the most that the channel takes."""


class Lost(Error):
    """A subscriber was lapped: `size` messages are lost.  The next call goes on behind them."""


class NotFound(Error, FileNotFoundError):
    """There is no such channel."""


class Exists(Error, FileExistsError):
    """There is a channel of that name."""


class NotPermitted(Error, PermissionError):
    """This user, or this thread, may not do that."""


class Invalid(Error, ValueError):
    """An argument is outside what is documented."""


_CLASSES = {
    errno.EPIPE: Closed,
    errno.EIDRM: Removed,
    errno.EMSGSIZE: TooLarge,
    errno.EOVERFLOW: Lost,
    errno.ENOENT: NotFound,
    errno.EEXIST: Exists,
    errno.EACCES: NotPermitted,
    errno.EPERM: NotPermitted,
    errno.EINVAL: Invalid,
}
_NOT_NOW = (errno.EAGAIN, errno.ETIMEDOUT)


def error(result: int, not_now: Optional[type[Error]] = None, name: Optional[str] = None) -> Error:
    """The exception for a negative result that a call has just returned to this thread.

    `not_now` is the class of -EAGAIN and -ETIMEDOUT.
    """
    detail = lib.chan_error_detail(result).decode()
    text = lib.chan_strerror(result).decode()
    size = lib.chan_error_size(result)
    cls = _CLASSES.get(-result, Error)
    if not_now and -result in _NOT_NOW:
        cls = not_now
    text = f"{text}: {detail}" if detail else text
    e = cls(-result, text) if name is None else cls(-result, text, name)
    if size:
        e.size = size
    return e


def check(result: int, name: Optional[str] = None) -> int:
    if result < 0:
        raise error(result, None, name)
    return result


def encode(name: str) -> bytes:
    """A name as the library takes it; what can't be one is left for the library to refuse."""
    if "\0" in name:
        raise ValueError("a channel's name has no NUL in it")
    return name.encode(errors="surrogateescape")


def _number(of: dict[str, int], what: str, value: Union[str, int]) -> int:
    if isinstance(value, int):
        return value
    try:
        return of[value]
    except KeyError:
        raise ValueError(f"{what}: {value!r} is not {', '.join(of)}") from None


def make_options(
    *,
    capacity: int = 0,
    max_message: int = 0,
    overflow: Union[str, int] = "block",
    mode: int = 0,
    endpoints: int = 0,
    lifetime: Union[str, int] = "persist",
    kind: Union[str, int] = "queue",
    linger: float = 0,
    end_with_senders: bool = False,
    need_receivers: bool = False,
    forbid_block: bool = False,
    meta: bool = False,
    on_lag: Union[str, int] = "default",
    groups: int = 0,
    patience: float = 0,
    type: int = 0,
    max_capacity: int = 0,
    lanes: int = 0,
    lane_by: Union[str, int] = "none",
    dead_letter: str = "",
    dedup: int = 0,
    dedup_age: float = 0,
    max_deliver: int = 0,
) -> Any:
    for what, value, bits in (
        ("capacity", capacity, 64), ("max_message", max_message, 32), ("mode", mode, 32),
        ("endpoints", endpoints, 32), ("linger", linger * 1e9, 64),
        ("groups", groups, 32), ("patience", patience * 1e9, 64), ("type", type, 64),
        ("max_capacity", max_capacity, 64), ("lanes", lanes, 32), ("dedup", dedup, 32),
        ("dedup_age", dedup_age * 1e9, 64), ("max_deliver", max_deliver, 32),
    ):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{what}: {value} is outside what the library takes")
    if len(dead_letter.encode()) > 255:
        raise ValueError("dead_letter: is longer than 255 bytes")
    return Options(
        size=ctypes.sizeof(Options),
        flags=END_WITH_SENDERS * bool(end_with_senders) + NEED_RECEIVERS * bool(need_receivers)
        + FORBID_BLOCK * bool(forbid_block) + META * bool(meta),
        capacity=capacity,
        max_message=max_message,
        overflow=_number(OVERFLOWS, "overflow", overflow),
        mode=mode,
        endpoints=endpoints,
        lifetime=_number(LIFETIMES, "lifetime", lifetime),
        kind=_number(KINDS, "kind", kind),
        linger=round(linger * 1e9),
        type=type,
        on_lag=_number(LAGS, "on_lag", on_lag),
        groups=groups,
        patience=round(patience * 1e9),
        max_capacity=max_capacity,
        lanes=lanes,
        lane_by=_number(LANE_BYS, "lane_by", lane_by),
        dead_letter=dead_letter.encode(),
        dedup=dedup,
        dedup_age=round(dedup_age * 1e9),
        max_deliver=max_deliver,
    )


def make_subscription(
    *,
    start: Union[str, tuple[str, float]] = "next",
    on_lag: Union[str, int] = "default",
    patience: float = 0,
    group: Optional[str] = None,
    group_age: float = 0,
    or_oldest: bool = False,
    renew_group: bool = False,
) -> Any:
    where, count = (start, 0) if isinstance(start, str) else start
    if where == "time":
        count *= 1e9
    for what, value in (
        ("start", count), ("patience", patience * 1e9), ("group_age", group_age * 1e9),
    ):
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{what}: {value} is outside what the library takes")
    return Subscription(
        size=ctypes.sizeof(Subscription),
        flags=OR_OLDEST * bool(or_oldest) + RENEW_GROUP * bool(renew_group),
        start_from=_number(STARTS, "start", where),
        on_lag=_number(LAGS, "on_lag", on_lag),
        start=int(count),
        patience=round(patience * 1e9),
        group=encode(group) if group is not None else None,
        group_age=round(group_age * 1e9),
    )
