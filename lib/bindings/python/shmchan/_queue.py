# SPDX-License-Identifier: MIT
"""Python objects over a channel, with the interface of queue.Queue."""

from __future__ import annotations

import pickle
from types import TracebackType
from typing import Any, Optional

from ._channel import Channel, Mode


class Queue:
    """queue.Queue between processes that open it by name: put() pickles, get() unpickles.

    Unpickling runs code that a message names, so only for processes that trust one another.
    The other classes of this module never pickle.
    """

    def __init__(self, name: str, mode: Mode = "rw", **options: Any) -> None:
        self.channel = Channel(name, mode, **options)

    def put(self, item: Any, block: bool = True, timeout: Optional[float] = None) -> None:
        self.channel.send(pickle.dumps(item, -1), timeout if block else 0)

    def get(self, block: bool = True, timeout: Optional[float] = None) -> Any:
        return pickle.loads(self.channel.recv(timeout if block else 0))

    def put_nowait(self, item: Any) -> None:
        self.put(item, block=False)

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def qsize(self) -> int:
        return self.channel.stat().depth

    def empty(self) -> bool:
        return self.qsize() == 0

    def full(self) -> bool:
        return bool(self.channel.stat().full)

    def shutdown(self, immediate: bool = False) -> None:
        """End it for everybody: get() goes on until it is empty, unless `immediate`."""
        self.channel.close(discard=immediate)

    def detach(self) -> None:
        self.channel.detach()

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.detach()
