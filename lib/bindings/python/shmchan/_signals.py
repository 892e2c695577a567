# SPDX-License-Identifier: MIT
"""Ctrl-C, and any other signal, during a call that waits.

Python runs its handlers in the main thread, between two of its own steps: not while that
thread is inside the library.  So each wait of the main thread borrows the wake-up descriptor
(signal.set_wakeup_fd()): a thread of ours reads from it that a signal came, and ends the wait
with chan_interrupt().  Then Python runs the handler, and if that raises nothing, the caller
waits again (PEP 475).  Between waits the descriptor is its former owner's, and what comes
meanwhile is passed on to it.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, Optional

from ._library import lib


class _Watcher:
    def __init__(self) -> None:
        self.lock = threading.RLock()  # a handler that waits may interrupt one that holds it
        self.waits_on: Optional[int] = None
        self.owner = -1
        self.read, self.write = os.pipe()
        os.set_blocking(self.write, False)
        threading.Thread(target=self.run, name="shmchan signals", daemon=True).start()

    def run(self) -> None:
        while signals := os.read(self.read, 64):
            with self.lock:
                if self.waits_on is not None:
                    lib.chan_interrupt(self.waits_on, 1)
                if self.owner != -1:
                    try:
                        os.write(self.owner, signals)
                    except OSError:
                        pass  # it is full, as it may be for Python itself, or closed


_watcher: Optional[_Watcher] = None


def _in_child() -> None:
    """The watcher's thread is the parent's, and so is its pipe."""
    global _watcher
    if _watcher:
        os.close(_watcher.read)
        os.close(_watcher.write)
        _watcher = None


os.register_at_fork(after_in_child=_in_child)


def wait(handle: int, function: Any, *args: Any) -> int:
    """Call a function that may wait on `handle`.  -EINTR: its caller looks and calls again."""
    global _watcher
    if threading.current_thread() is not threading.main_thread():
        return function(*args)
    if _watcher is None:
        _watcher = _Watcher()
    watcher = _watcher
    try:
        owner = signal.set_wakeup_fd(watcher.write, warn_on_full_buffer=False)
    except ValueError:
        return function(*args)  # another interpreter than the main one: it gets no signals
    # A handler may wait, too, while this wait is about to be left or begun again.
    before = (watcher.waits_on, watcher.owner)
    try:
        with watcher.lock:
            watcher.waits_on = handle
            if owner != watcher.write:
                watcher.owner = owner
        return function(*args)
    finally:
        with watcher.lock:
            watcher.waits_on, watcher.owner = before
        lib.chan_interrupt(handle, 0)
        try:
            signal.set_wakeup_fd(owner)
        except (OSError, ValueError):
            signal.set_wakeup_fd(-1)  # its owner closed it meanwhile
