#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The job of relay.h in Python's asyncio, by ctypes: LIBRARY says where the library is."""

import asyncio
import ctypes
import errno
import os
import sys

SEND, RECV, DRAIN = 1, 2, 0
lib = ctypes.CDLL(os.environ["LIBRARY"])
lib.chan_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]
lib.chan_recv.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64]
lib.chan_recv.restype = ctypes.c_ssize_t
lib.chan_fd.argtypes = [ctypes.c_void_p, ctypes.c_uint]
lib.chan_close.argtypes = [ctypes.c_void_p, ctypes.c_uint]
lib.chan_detach.argtypes = [ctypes.c_void_p]
LATER = (-errno.EAGAIN, -errno.EBUSY)


def check(what, result):
    if result < 0:
        sys.exit(f"relay: {what}: {os.strerror(-result)}")
    return result


class Endpoint:
    def __init__(self, name, role):
        self.ch = ctypes.c_void_p()
        check(name, lib.chan_open(ctypes.byref(self.ch), name.encode(), role, None))
        self.fd = check("chan_fd", lib.chan_fd(self.ch, role))


class Relay:
    def __init__(self, loop, names):
        self.loop = loop
        self.inputs = [Endpoint(name, RECV) for name in names[:3]]
        self.output = Endpoint(names[3], SEND)
        self.room = ctypes.create_string_buffer(64)
        self.held = None
        self.done = loop.create_future()
        self.watch_inputs()

    def watch_inputs(self):
        for i in self.inputs:
            self.loop.add_reader(i.fd, self.readable, i)

    def pass_on(self, message):
        """Send it, or hold it until there is room."""
        result = lib.chan_send(self.output.ch, message, len(message), 0)
        if result not in LATER:
            check("send", result)
            return True
        self.held = message
        return False

    def readable(self, i):
        if self.held is not None:
            return
        n = lib.chan_recv(i.ch, self.room, len(self.room), 0)
        if n in LATER:
            return
        if n == -errno.EPIPE:
            self.loop.remove_reader(i.fd)
            self.inputs.remove(i)
            lib.chan_detach(i.ch)
            if not self.inputs:
                self.done.set_result(None)
            return
        if not self.pass_on(self.room.raw[:check("receive", n)]):
            for each in self.inputs:
                self.loop.remove_reader(each.fd)
            self.loop.add_reader(self.output.fd, self.writable)

    def writable(self):
        message, self.held = self.held, None
        if self.pass_on(message):
            self.loop.remove_reader(self.output.fd)
            self.watch_inputs()


async def main():
    relay = Relay(asyncio.get_running_loop(), sys.argv[1:])
    await relay.done
    lib.chan_close(relay.output.ch, DRAIN)
    lib.chan_detach(relay.output.ch)


asyncio.run(main())
