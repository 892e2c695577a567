#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What shmchan(7) says of bindings: in Python, by ctypes, Ctrl-C ends a call that is
# blocked, with KeyboardInterrupt, and the endpoint can be used afterwards.

set -u
: "${BUILD:?is not set: use make test}"
if [ -n "${SANITIZE-}" ]; then
	echo 'the interpreter is not built with sanitizers'
	exit 77
fi
if ! command -v python3 >/dev/null; then
	echo 'python3 is not installed'
	exit 77
fi
export LIBRARY=$BUILD/libshmchan.so
exec timeout 120 python3 - <<'END'
import ctypes, os, signal, sys, threading, time

lib = ctypes.CDLL(os.environ["LIBRARY"])
lib.chan_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]
lib.chan_recv.argtypes = lib.chan_send.argtypes
lib.chan_recv.restype = ctypes.c_ssize_t
lib.chan_interrupt.argtypes = [ctypes.c_void_p, ctypes.c_int]
lib.chan_detach.argtypes = [ctypes.c_void_p]
WAIT, SEND, RECV, CREATE = -1, 1, 2, 4
EINTR = 4
NAME = b"python-%d" % os.getpid()


# ---- the binding's part: see shmchan(7), 'Signals and bindings' ----

class Interrupter:
    """Interrupts the endpoint in which the main thread waits when a signal comes."""

    def __init__(self):
        self.endpoint = None
        self.lock = threading.Lock()
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        threading.Thread(target=self.watch, args=(read,), daemon=True).start()

    def watch(self, read):
        while os.read(read, 64):
            with self.lock:
                if self.endpoint:
                    lib.chan_interrupt(self.endpoint, 1)

    def call(self, function, endpoint, *args):
        while True:
            with self.lock:
                self.endpoint = endpoint
            try:
                result = function(endpoint, *args)
            finally:
                with self.lock:
                    self.endpoint = None
                lib.chan_interrupt(endpoint, 0)
            # The interpreter runs the signal's handler by now, which may raise.
            if result != -EINTR:
                return result


# ---- the test ----

def open_endpoint(flags):
    endpoint = ctypes.c_void_p()
    err = lib.chan_open(ctypes.byref(endpoint), NAME, flags, None)
    assert err == 0, err
    return endpoint


def asleep():
    """Does the main thread sleep in futex(2)?"""
    with open(f"/proc/self/task/{os.getpid()}/wchan") as wchan:
        return "futex" in wchan.read()


def press_ctrl_c(entered, done):
    """SIGINT to the process, when its main thread is blocked; again only if it is late."""
    entered.wait()
    end = time.monotonic() + 20
    while not asleep() and time.monotonic() < end:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
    if not done.wait(30):
        os.write(2, b"the call did not end\n")
        os._exit(1)


def check(what, function, endpoint, *args):
    entered, done = threading.Event(), threading.Event()
    presser = threading.Thread(target=press_ctrl_c, args=(entered, done))
    presser.start()
    begin = time.monotonic()
    try:
        entered.set()
        result = interrupter.call(function, endpoint, *args)
        sys.exit(f"{what}: returned {result}")
    except KeyboardInterrupt:
        pass
    done.set()
    presser.join()
    print(f"{what}: KeyboardInterrupt after {time.monotonic() - begin:.3f} s")


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have ignored it
interrupter = Interrupter()
rx = open_endpoint(SEND | RECV | CREATE)
buf = ctypes.create_string_buffer(4096)
text = b"x" * 1000
try:
    for again in "", ", once more":
        check("chan_recv on an empty channel" + again, lib.chan_recv, rx, buf, 4096, WAIT)
    assert lib.chan_send(rx, b"hello", 5, 0) == 0
    assert interrupter.call(lib.chan_recv, rx, buf, 4096, WAIT) == 5
    assert buf.raw[:5] == b"hello"
    while lib.chan_send(rx, text, 1000, 0) == 0:
        pass
    check("chan_send on a full channel", lib.chan_send, rx, text, 1000, WAIT)
    assert interrupter.call(lib.chan_recv, rx, buf, 4096, WAIT) == 1000
    assert interrupter.call(lib.chan_send, rx, text, 1000, WAIT) == 0
    # A signal whose handler does not raise does not end the call.
    signal.signal(signal.SIGUSR1, lambda *_: lib.chan_recv(rx, buf, 4096, 0))
    usr1 = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    usr1.start()
    assert interrupter.call(lib.chan_send, rx, text, 1000, WAIT) == 0
finally:
    lib.chan_detach(rx)
    lib.chan_remove(NAME)
print("3 calls were interrupted, and 1 was not")
END
