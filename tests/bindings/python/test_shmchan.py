# SPDX-License-Identifier: MIT
"""The binding for Python: what it adds to the library.  (What the library does is shown by
the conformance cases.)  Each test has a channel of its own."""

import array
import asyncio
import contextlib
import ctypes
import errno
import gc
import multiprocessing
import os
import pickle
import queue
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest

import shmchan
from shmchan import _library

BOUND = 60  # seconds for what has to happen


def until(condition, what):
    end = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.002)


def waiting(channel, pid=None):
    """Does a process (this one) wait in a call on the channel?"""
    pid = pid or os.getpid()
    return any(e.waiting and e.pid == pid for e in channel.endpoints())


class ChannelTest(unittest.TestCase):
    options = {"capacity": 4096}

    def setUp(self):
        self.name = f"py{os.getpid()}.{self.id().rsplit('.', 1)[1][:150]}"
        self.addCleanup(self.remove)
        self.ch = shmchan.Channel(self.name, "rw", create=True, **self.options)
        self.addCleanup(self.ch.detach)

    def remove(self):
        with contextlib.suppress(shmchan.NotFound):
            shmchan.remove(self.name)

    def open(self, *args, cls=shmchan.Channel, **kwargs):
        ch = cls(self.name, *args, **kwargs)
        self.addCleanup(ch.detach)
        return ch

    def fill(self, message=b"x" * 1000):
        n = 0
        with contextlib.suppress(shmchan.Full):
            while True:
                self.ch.send(message, timeout=0)
                n += 1
        return n

    def process(self, program, *args):
        """Another process, whose program has `name`, `args` and say(); it prints lines."""
        program = "import os, sys, time, signal, threading, shmchan\n" \
                  "name, args = sys.argv[1], sys.argv[2:]\n" \
                  "def say(what): print(what, flush=True)\n" + textwrap.dedent(program)
        child = subprocess.Popen([sys.executable, "-c", program, self.name, *args],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def kill(self, child):
        child.kill()
        child.wait()


class Messages(ChannelTest):
    def test_bytes_go_and_come(self):
        for message in (b"", b"one", bytes(range(256)), b"\0" * 900):
            self.assertTrue(self.ch.send(message))
            self.assertEqual(self.ch.recv(), message)

    def test_whatever_has_bytes_can_be_sent(self):
        for message in (bytearray(b"abc"), memoryview(b"abcd")[1:], memoryview(bytearray(b"xyz")),
                        array.array("I", [1, 2]), memoryview(b"a-b-c")[::2], bytearray()):
            self.ch.send(message)
            self.assertEqual(self.ch.recv(), memoryview(message).tobytes())
        with self.assertRaises(TypeError):
            self.ch.send("text")

    def test_receive_into_room_of_ones_own(self):
        room = bytearray(8)
        self.ch.send(b"12345")
        self.assertEqual(self.ch.recv_into(memoryview(room)[2:]), 5)
        self.assertEqual(room, b"\0\00012345\0")
        self.ch.send(b"123456789")
        with self.assertRaises(shmchan.TooLarge) as caught:
            self.ch.recv_into(room)
        self.assertEqual(caught.exception.size, 9)
        self.assertEqual(self.ch.recv(), b"123456789")
        with self.assertRaises(BufferError):
            self.ch.recv_into(b"12345678")

    def test_empty_and_full_are_those_of_queue(self):
        for timeout, number in ((0, errno.EAGAIN), (0.01, errno.ETIMEDOUT)):
            with self.assertRaises(queue.Empty) as caught:
                self.ch.recv(timeout=timeout)
            self.assertEqual(caught.exception.errno, number)
        for timeout in (-1, float("nan")):
            with self.assertRaises(ValueError):
                self.ch.recv(timeout=timeout)
        self.fill()
        for timeout, number in ((0, errno.EAGAIN), (0.01, errno.ETIMEDOUT)):
            with self.assertRaises(queue.Full) as caught:
                self.ch.send(b"x" * 1000, timeout=timeout)
            self.assertEqual(caught.exception.errno, number)

    def test_a_timeout_is_in_seconds(self):
        begin = time.monotonic()
        with self.assertRaises(queue.Empty):
            self.ch.recv(timeout=0.3)
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    def test_iteration_ends_with_the_channel(self):
        self.ch.send_batch([b"1", b"2", b"3"])
        self.ch.close()
        self.assertEqual(list(self.ch), [b"1", b"2", b"3"])
        for call in (self.ch.recv, lambda: self.ch.send(b"")):
            with self.assertRaises(BrokenPipeError) as caught:
                call()
            self.assertIsInstance(caught.exception, shmchan.Closed)

    def test_a_long_message_gets_room(self):
        with shmchan.Channel(self.name + ".x", "rw", create=True, capacity=1 << 20) as ch:
            shmchan.unlink(self.name + ".x")
            long = os.urandom(200_000)
            for receive in (ch.recv, ch.recv_nowait, lambda: ch.recv_batch(3)[0],
                            lambda: shmchan.select([("recv", ch)])[1]):
                ch.send(long)
                self.assertEqual(receive(), long)

    def test_batches(self):
        many = [b"%d" % i * (i % 7) for i in range(50)]
        sent = self.ch.send_batch(many)
        self.assertEqual(sent, 50)
        self.assertEqual(self.ch.recv_batch(20), many[:20])
        self.assertEqual(self.ch.recv_batch(10), many[20:30])
        self.assertEqual(self.ch.recv_batch(1000), many[30:])
        self.assertEqual(self.ch.send_batch([]), 0)
        self.assertLess(self.ch.send_batch([b"x" * 1000] * 10), 10)
        with self.assertRaises(queue.Full):
            self.ch.send_batch([b"x" * 1000], timeout=0)
        self.assertEqual(self.ch.recv_batch(1), [b"x" * 1000])
        with self.assertRaises(ValueError):
            self.ch.recv_batch(0)

    def test_errors_have_the_librarys_text(self):
        with self.assertRaises(FileNotFoundError) as caught:
            shmchan.Channel(self.name + "-", "r")
        e = caught.exception
        self.assertEqual((e.errno, e.filename), (errno.ENOENT, self.name + "-"))
        self.assertEqual(e.strerror, _library.lib.chan_strerror(-errno.ENOENT).decode())
        with self.assertRaises(FileExistsError):
            shmchan.create(self.name)
        with self.assertRaises(ValueError) as caught:
            shmchan.create(self.name + "-", capacity=1 << 60)
        self.assertIn("capacity", str(caught.exception))
        with self.assertRaises(shmchan.TooLarge) as caught:
            self.ch.send(b"x" * 5000)
        self.assertEqual(caught.exception.size, self.ch.stat().max_message)
        with self.assertRaises(shmchan.Error) as caught:
            self.open("r").send(b"")
        self.assertEqual(caught.exception.errno, errno.EBADF)
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((type(again), again.args), (shmchan.Error, caught.exception.args))

    def test_bad_arguments(self):
        for call in (lambda: shmchan.Channel(self.name, "x"),
                     lambda: shmchan.Channel(self.name, "r", capacity=4096),
                     lambda: shmchan.create(self.name, kind="stack"),
                     lambda: shmchan.create(self.name, capacity=-1),
                     lambda: shmchan.create(self.name, dead_letter="x" * 256),
                     lambda: shmchan.create(self.name, max_deliver=-1),
                     lambda: shmchan.create("a\0b"),
                     lambda: shmchan.create("a/b/c"),
                     lambda: shmchan.select([]),
                     lambda: shmchan.select([("look", self.ch)])):
            with self.assertRaises(ValueError):
                call()
        with self.assertRaises(TypeError):
            shmchan.create(self.name, colour="red")

    def test_a_removed_channel(self):
        self.ch.send(b"left")
        shmchan.remove(self.name)
        self.assertEqual(self.ch.recv(), b"left")
        with self.assertRaises(shmchan.Removed):
            self.ch.recv()

    def test_a_detached_endpoint(self):
        self.ch.detach()
        self.ch.detach()
        for call in (self.ch.recv, self.ch.stat, lambda: self.ch.send(b""), self.ch.take):
            with self.assertRaises(ValueError):
                call()
        self.assertIn("detached", repr(self.ch))

    def test_looking(self):
        self.ch.send_batch([b"a", b"b"])
        lease = self.ch.take()
        looker = self.open("")
        self.assertEqual([m.data for m in looker.peek()], [b"b"])
        self.assertEqual([(m.data, m.leased) for m in looker.peek(leased=True)],
                         [(b"a", True), (b"b", False)])
        stat = looker.stat()
        self.assertEqual((stat.depth, stat.sent, stat.senders, stat.capacity), (2, 2, 1, 4080))
        self.assertEqual([e.pid for e in looker.endpoints()], [os.getpid()])
        self.assertIn(self.name, shmchan.channels())
        self.assertGreater(shmchan.footprint(capacity=1 << 20), 1 << 20)
        lease.ack()
        self.ch.pause()
        self.assertEqual(self.ch.stat().paused, 1)
        self.assertRaises(queue.Empty, self.ch.recv_nowait)
        self.ch.pause(False)
        self.assertEqual(self.ch.purge(), 1)
        self.assertEqual(self.ch.recover(), 0)
        self.assertFalse(shmchan.collect(self.name))

    def test_policies_and_kinds(self):
        self.ch.set_overflow("drop-new")
        self.fill_dropping = [self.ch.send(b"x" * 1000) for _ in range(10)]
        self.assertIn(False, self.fill_dropping)
        with shmchan.Channel(self.name + ".x", "rw", create=True, kind="latest") as ch:
            shmchan.unlink(self.name + ".x")
            ch.send(b"1")
            ch.send(b"2")
            self.assertEqual(ch.recv(), b"2")
            with self.assertRaises(queue.Empty):
                ch.recv(timeout=0)

    def test_a_channel_that_grows(self):
        with shmchan.Channel(self.name + ".x", "rw", create=True, capacity=4096,
                             max_capacity=1 << 20, max_message=1000) as ch:
            shmchan.unlink(self.name + ".x")
            for i in range(100):
                ch.send(b"%d" % i + b"x" * 900, timeout=0)
            self.assertGreater(ch.stat().grown, 0)
            self.assertEqual((ch.stat().start_capacity, ch.stat().grown_by), (4096, os.getpid()))
            self.assertTrue(ch.recv_batch(100)[99].startswith(b"99x"))

    def test_select(self):
        with shmchan.Channel(self.name + ".x", "rw", create=True, capacity=4096) as other:
            shmchan.unlink(self.name + ".x")
            with self.assertRaises(queue.Empty):
                shmchan.select([("recv", self.ch), ("take", other)], timeout=0.01)
            other.send(b"there")
            index, lease = shmchan.select([("recv", self.ch), ("take", other)])
            self.assertEqual((index, bytes(lease.data)), (1, b"there"))
            lease.ack()
            self.assertEqual(shmchan.select([("recv", self.ch), ("send", other, b"m")]), (1, True))
            self.assertEqual(other.recv(), b"m")
            self.ch.close()
            with self.assertRaises(shmchan.Closed) as caught:
                shmchan.select([("recv", other), ("recv", self.ch)])
            self.assertEqual(caught.exception.case, 1)

    def test_objects_in_a_queue(self):
        with shmchan.Queue(self.name) as q:
            q.put({"a": [1, 2]})
            self.assertEqual((q.qsize(), q.empty(), q.full()), (1, False, False))
            self.assertEqual(q.get(), {"a": [1, 2]})
            with self.assertRaises(queue.Empty):
                q.get_nowait()
            q.shutdown()
            with self.assertRaises(shmchan.Closed):
                q.put(1)


class Broadcast(ChannelTest):
    options = {"kind": "broadcast", "capacity": 4096, "on_lag": "lose"}

    def subscribe(self, cls=shmchan.Channel, **how):
        ch = cls.subscribe(self.name, **how)
        self.addCleanup(ch.detach)
        return ch

    def test_each_subscriber_gets_each_message(self):
        tx = self.open("w")
        tx.send_batch([b"1", b"2", b"3"])
        late, last, old = self.subscribe(), self.subscribe(start=("last", 1)), self.subscribe(start="oldest")
        second = self.subscribe(start=("seq", 2), on_lag="evict", patience=5)
        tx.send(b"4")
        tx.close()
        for ch, wanted in ((late, b"4"), (last, b"34"), (old, b"1234"), (second, b"234")):
            self.assertEqual(b"".join(ch), wanted)
        self.assertEqual(tx.stat().kept, 4)

    def test_what_is_lost_is_counted(self):
        rx = self.subscribe()
        self.assertEqual([s.pid for s in rx.subscribers() if s.on_lag == 2], [os.getpid()] * 2)
        for i in range(20):
            self.ch.send(b"%d" % i + b"x" * 500)
        with self.assertRaises(shmchan.Lost) as caught:
            rx.recv()
        lost = caught.exception.size
        self.assertGreater(lost, 5)
        self.assertTrue(rx.recv().startswith(b"%dx" % lost))

    def test_a_group_keeps_its_place(self):
        rx = self.subscribe(group="ledger", on_lag="block")
        self.ch.send_batch([b"1", b"2"])
        with rx.take() as lease:
            self.assertEqual(bytes(lease.data), b"1")
        with self.assertRaises(shmchan.Error) as caught:
            self.subscribe(group="ledger")
        self.assertEqual(caught.exception.errno, errno.EBUSY)
        rx.detach()
        self.assertEqual([s.group for s in self.ch.subscribers() if s.group], ["ledger"])
        rx = self.subscribe(group="ledger")
        self.assertEqual(rx.recv(), b"2")
        rx.detach()
        self.ch.remove_group("ledger")
        with self.assertRaises(shmchan.NotFound):
            self.ch.remove_group("ledger")

    def test_a_forked_child_subscribes_as_its_parent_did(self):
        self.ch.send(b"kept")
        rx = self.subscribe(start="oldest")
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                os._exit(rx.recv(timeout=BOUND) != b"kept")
            os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertEqual(pickle.loads(pickle.dumps(rx)).recv(timeout=0), b"kept")

    def test_tasks_subscribe(self):
        async def main():
            async with self.subscribe(cls=shmchan.AsyncChannel) as rx:
                async with asyncio.timeout(BOUND):
                    got = asyncio.create_task(rx.recv())
                    await asyncio.sleep(0)
                    self.ch.send(b"there")
                    self.assertEqual(await got, b"there")
        asyncio.run(main())


class Sets(ChannelTest):
    def setUp(self):
        super().setUp()
        self.set = shmchan.Set()
        self.addCleanup(self.set.close)

    def test_members_that_are_ready(self):
        self.set.add(self.ch, "r", "mine")
        self.assertRaises(shmchan.Exists, self.set.add, self.ch, "r")
        self.assertRaises(queue.Empty, self.set.wait, 0)
        self.assertRaises(queue.Empty, self.set.wait, 0.001)
        self.set.add(self.ch, "w")
        self.assertEqual(self.set.wait(), [(self.ch, "w", None)])
        self.set.remove(self.ch, "w")
        self.assertRaises(shmchan.NotFound, self.set.remove, self.ch, "w")
        self.ch.send(b"m")
        self.assertEqual(self.set.wait(), [(self.ch, "r", "mine")])
        self.assertTrue(select.select([self.set], [], [], BOUND)[0])
        self.assertEqual(self.ch.recv_nowait(), b"m")
        self.assertRaises(ValueError, self.set.add, self.ch, "rw")
        self.set.close()
        self.assertRaises(ValueError, self.set.wait, 0)

    def test_an_endpoint_that_is_detached_leaves(self):
        rx = self.open("r")
        self.set.add(rx, "r")
        self.set.add(self.ch, "r", "stays")
        got = []
        thread = threading.Thread(target=lambda: got.extend(self.set.wait()))
        thread.start()
        until(lambda: waiting(self.ch), "the thread waits")
        rx.detach()
        self.assertEqual(len(self.set), 1)
        self.assertRaises(ValueError, self.set.add, rx, "r")
        self.ch.send(b"m")
        thread.join(BOUND)
        self.assertEqual(got, [(self.ch, "r", "stays")])

    def test_a_forked_child_has_a_set_of_its_own(self):
        self.set.add(self.ch, "r", "mine")
        self.ch.send(b"m")
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                [(channel, role, data)] = self.set.wait(BOUND)
                os._exit((channel.recv(0), role, data) != (b"m", "r", "mine"))
            os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertRaises(queue.Empty, self.set.wait, 0)
        self.ch.send(b"n")
        self.assertEqual(len(self.set.wait(BOUND)), 1)

    def test_tasks_wait(self):
        async def main():
            self.set.add(self.ch, "r")
            async with asyncio.timeout(BOUND):
                ready = asyncio.create_task(self.set.ready())
                await asyncio.sleep(0)
                self.assertFalse(ready.done())
                self.ch.send(b"m")
                self.assertEqual((await ready)[0].channel.recv_nowait(), b"m")
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await self.set.ready()
            self.ch.send(b"n")
            self.assertEqual(len(await self.set.ready()), 1)
        asyncio.run(main())


class InPlace(ChannelTest):
    def test_a_lease_is_acknowledged_at_the_end_of_its_block(self):
        self.ch.send(b"hello")
        with self.ch.take() as lease:
            view = lease.data
            self.assertIsInstance(view, memoryview)
            self.assertTrue(view.readonly)
            self.assertEqual((bytes(view), len(lease), lease.seq, lease.attempt),
                             (b"hello", 5, 1, 1))
        self.assertEqual(self.ch.stat().depth, 0)
        with self.assertRaises(ValueError):
            view[0]
        with self.assertRaises(ValueError):
            lease.data
        with self.assertRaises(ValueError):
            lease.ack()

    def test_the_view_is_no_copy(self):
        self.ch.send(b"hello")
        lease = self.ch.take()
        with open("/proc/self/maps") as maps:
            mapping = next(line for line in maps if int(line.split("-")[0], 16) <=
                           lease._address < int(line.split("-")[1].split()[0], 16))
        self.assertIn(self.name, mapping)
        self.assertEqual(bytes(lease.data), ctypes.string_at(lease._address, 5))
        lease.ack()

    def test_a_lease_whose_block_raises_is_delivered_again(self):
        self.ch.send(b"hello")
        with self.assertRaises(RuntimeError):
            with self.ch.take() as lease:
                part = lease.data[1:]
                raise RuntimeError
        del part
        with self.ch.take(timeout=0) as lease:
            self.assertEqual((bytes(lease.data), lease.attempt), (b"hello", 2))
            lease.untake()
        with self.ch.take(timeout=0) as lease:
            self.assertEqual(lease.attempt, 2)

    def test_a_lease_outlives_a_delay_that_is_none(self):
        self.ch.send(b"hello")
        with self.ch.take(timeout=0) as lease:
            for delay in (-1, 1 << 33, float("nan")):
                with self.assertRaises(ValueError):
                    lease.release_after(delay)
        self.assertEqual(self.ch.stat().depth, 0)

    def test_a_forgotten_lease_is_delivered_again(self):
        self.ch.send(b"hello")
        view = self.ch.take().data
        gc.collect()
        with self.assertRaises(ValueError):
            view[0]
        self.assertEqual(self.ch.recv(timeout=0), b"hello")

    def test_no_view_outlives_its_bytes(self):
        self.ch.send(b"hello")
        lease = self.ch.take()
        part = lease.data[1:3]
        for call in (lease.ack, lease.release, self.ch.detach):
            with self.assertRaises(BufferError):
                call()
        self.assertEqual(bytes(part), b"el")
        del part
        self.ch.detach()
        with self.assertRaises(shmchan.Error) as caught:
            lease.ack()
        self.assertEqual(caught.exception.errno, errno.ENOTCONN)

    def test_leases_in_batches(self):
        self.ch.send_batch([b"1", b"2", b"3"])
        leases = self.ch.take_batch(10)
        self.assertEqual([bytes(each.data) for each in leases], [b"1", b"2", b"3"])
        leases[1].ack()
        self.ch.detach()
        self.assertEqual(self.open("r").recv_batch(10), [b"1", b"3"])

    def test_a_loan_is_sent_at_the_end_of_its_block(self):
        with self.ch.reserve(10) as loan:
            loan.data[:5] = b"hello"
            self.assertTrue(loan.commit(5))
        with self.ch.reserve(3) as loan:
            loan.data[:] = b"all"
        with self.assertRaises(RuntimeError):
            with self.ch.reserve(3):
                raise RuntimeError
        with self.ch.reserve(3) as loan:
            loan.abort()
        self.assertEqual(self.ch.recv_batch(9), [b"hello", b"all"])
        self.fill()
        with self.assertRaises(queue.Full):
            self.ch.reserve(1000, timeout=0)


class Waiting(ChannelTest):
    def interrupted(self, call):
        """Is KeyboardInterrupt raised in it when SIGINT comes while it waits?"""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        def press():
            until(lambda: waiting(self.ch), "the call waits")
            os.kill(os.getpid(), signal.SIGINT)
        presser = threading.Thread(target=press)
        presser.start()
        with self.assertRaises(KeyboardInterrupt):
            call()
        presser.join()

    def test_ctrl_c_ends_what_waits(self):
        for _ in range(3):
            self.interrupted(self.ch.recv)
            self.interrupted(lambda: self.ch.recv(timeout=BOUND))
        self.interrupted(self.ch.take)
        self.interrupted(lambda: self.ch.recv_batch(4))
        self.interrupted(lambda: shmchan.select([("recv", self.ch)]))
        with shmchan.Set() as waits:
            waits.add(self.ch, "r")
            self.interrupted(waits.wait)
        self.fill()
        self.interrupted(lambda: self.ch.send(b"x" * 1000))
        self.interrupted(lambda: self.ch.reserve(1000))
        self.ch.recv()
        self.ch.send(b"x" * 1000)  # as usable as before

    def test_a_handler_that_does_not_raise_ends_nothing(self):
        handled = []

        def handler(*_):
            with self.assertRaises(queue.Empty):
                self.ch.recv(timeout=0.01)  # waits itself
            handled.append(1)
        before = signal.signal(signal.SIGUSR1, handler)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)

        def peer():
            until(lambda: waiting(self.ch), "the call waits")
            os.kill(os.getpid(), signal.SIGUSR1)
            until(lambda: handled, "the handler ran")
            self.ch.send(b"after")
        thread = threading.Thread(target=peer)
        thread.start()
        self.assertEqual(self.ch.recv(), b"after")
        thread.join()

    def test_the_wake_up_descriptor_stays_its_owners(self):
        read, write = os.pipe()
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write)
        try:
            self.interrupted(self.ch.recv)
            self.assertEqual(signal.set_wakeup_fd(write), write)
            self.assertTrue(select.select([read], [], [], BOUND)[0])
            self.assertEqual(os.read(read, 1), bytes([signal.SIGINT]))
        finally:
            signal.set_wakeup_fd(before)
            os.close(read)
            os.close(write)

    def test_other_threads_go_on_meanwhile(self):
        def answer():
            with self.open("r") as rx:
                got.append(rx.recv())
        got = []
        thread = threading.Thread(target=answer)
        thread.start()
        until(lambda: waiting(self.ch), "the thread waits")
        self.ch.send(b"m")
        thread.join(BOUND)
        self.assertEqual(got, [b"m"])

    def test_a_call_ends_when_its_endpoint_is_detached(self):
        ended = []

        def call():
            try:
                rx.recv()
            except ValueError as e:
                ended.append(str(e))
        def detach():
            until(lambda: len(rx._inside) == 4 and waiting(self.ch), "the threads wait")
            rx.detach()
        rx = self.open("r")
        threads = [threading.Thread(target=call, daemon=True) for _ in range(3)]
        for thread in threads + [threading.Thread(target=detach)]:
            thread.start()
        call()
        for thread in threads:
            thread.join(BOUND)
        self.assertEqual(len(ended), 4)
        until(lambda: self.ch.stat().receivers == 1, "the endpoint is gone")
        # It belongs to the main thread now: the handler that detaches it is in the call.
        rx = self.open("r")
        before = signal.signal(signal.SIGUSR1, lambda *_: rx.detach())
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        looker = self.open("")

        def press():
            until(lambda: waiting(looker), "the call waits")
            os.kill(os.getpid(), signal.SIGUSR1)
        presser = threading.Thread(target=press)
        presser.start()
        with self.assertRaises(ValueError):
            rx.recv()
        presser.join()


class Processes(ChannelTest):
    def test_a_forked_child_has_an_endpoint_of_its_own(self):
        lease_of_parent = (self.ch.send(b"leased"), self.ch.take())[1]
        self.assertEqual(bytes(lease_of_parent.data), b"leased")
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                with contextlib.suppress(shmchan.Error):
                    lease_of_parent.ack()
                    os._exit(2)
                self.ch.send(b"%d" % os.getpid())
                pids = {e.pid for e in self.ch.endpoints()}
                status = 0 if pids == {os.getpid(), os.getppid()} else 3
            os._exit(status)
        self.assertEqual(self.ch.recv(timeout=BOUND), b"%d" % pid)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        lease_of_parent.ack()
        self.assertEqual(self.ch.stat().depth, 0)

    def test_a_call_of_a_forked_child_can_be_interrupted(self):
        self.assertRaises(queue.Empty, self.ch.recv, 0.001)  # the watcher is there
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                self.ch.recv()
            except KeyboardInterrupt:
                os._exit(0)
            os._exit(1)
        until(lambda: waiting(self.ch, pid), "the child waits")
        os.kill(pid, signal.SIGINT)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_multiprocessing_hands_it_over(self):
        for method in ("spawn", "fork"):
            process = multiprocessing.get_context(method).Process(
                target=shmchan.Channel.send, args=(self.ch, method.encode()))
            process.start()
            self.assertEqual(self.ch.recv(timeout=BOUND), method.encode())
            process.join(BOUND)
            self.assertEqual(process.exitcode, 0)

    def test_what_a_killed_peer_had_leased_comes_again(self):
        self.ch.send_batch([b"1", b"2"])
        child = self.process("""
            ch = shmchan.Channel(name, "r")
            lease = ch.take()
            say(bytes(lease.data).decode())
            time.sleep(1000)""")
        self.assertEqual(child.stdout.readline(), "1\n")
        self.assertEqual(self.ch.recv(), b"2")
        self.kill(child)
        with self.ch.take(timeout=BOUND) as lease:
            self.assertEqual((bytes(lease.data), lease.attempt), (b"1", 2))

    def test_the_library_that_is_missing_or_too_old_is_named(self):
        for soname, words in (("libshmchan-of-nobody.so.0", "can't be loaded"),
                              ("libc.so.6", "is too old for this module: it has no chan_")):
            with self.assertRaises(ImportError) as caught:
                _library.load(soname)
            self.assertIn(words, str(caught.exception))
            self.assertIn(soname, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))


class EndsWithSenders(ChannelTest):
    options = {"end_with_senders": True}

    def last_sender(self):
        child = self.process("""
            ch = shmchan.Channel(name, "w")
            ch.send(b"last")
            say("sent")
            time.sleep(1000)""")
        self.assertEqual(child.stdout.readline(), "sent\n")
        self.ch.detach()
        return child

    def test_a_killed_sender_ends_what_waits(self):
        rx = self.open("r")
        looker = self.open("")
        child = self.last_sender()
        self.assertEqual(rx.recv(timeout=BOUND), b"last")

        def kill():
            until(lambda: waiting(looker), "the receiver waits")
            self.kill(child)
        killer = threading.Thread(target=kill)
        killer.start()
        with self.assertRaises(shmchan.Closed):
            rx.recv(timeout=BOUND)
        killer.join()

    def test_and_what_is_suspended(self):
        child = self.last_sender()

        async def main():
            async with shmchan.AsyncChannel(self.name, "r") as rx:
                self.assertEqual(await rx.recv(), b"last")
                rest = asyncio.ensure_future(rx.recv())
                await asyncio.sleep(0)
                self.kill(child)
                with self.assertRaises(shmchan.Closed):
                    async with asyncio.timeout(BOUND):
                        await rest
        asyncio.run(main())


class Asyncio(ChannelTest):
    def both(self, **kwargs):
        return (self.open("r", cls=shmchan.AsyncChannel, **kwargs),
                self.open("w", cls=shmchan.AsyncChannel))

    def run_async(self, main):
        async def bounded():
            async with asyncio.timeout(BOUND):
                await main()
        asyncio.run(bounded())

    def test_tasks_are_suspended_when_full_and_when_empty(self):
        rx, tx = self.both()

        async def produce():
            for i in range(20000):
                await tx.send(b"%d" % i)
            tx.close()

        async def main():
            producer = asyncio.create_task(produce())
            i = 0
            async for message in rx:
                self.assertEqual(message, b"%d" % i)
                i += 1
            self.assertEqual(i, 20000)
            await producer
        self.run_async(main)

    def test_many_tasks_wait_on_one_endpoint(self):
        rx, tx = self.both()

        async def main():
            tasks = [asyncio.create_task(rx.recv()) for _ in range(50)]
            await asyncio.sleep(0)
            for i in range(50):
                await tx.send(b"%d" % i)
            self.assertEqual(sorted(map(int, await asyncio.gather(*tasks))), list(range(50)))
            self.assertEqual(rx._waiters[2].futures.__len__(), 0)
        self.run_async(main)
        self.run_async(main)  # in another loop

    def test_a_cancelled_call_has_received_nothing(self):
        rx, tx = self.both()

        async def main():
            for i in range(200):
                task = asyncio.create_task(rx.recv())
                other = asyncio.create_task(rx.recv())
                await asyncio.sleep(0)
                await tx.send(b"%d" % i)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertEqual(await other, b"%d" % i)
        self.run_async(main)

    def test_leases(self):
        rx, tx = self.both()

        async def main():
            taken = asyncio.create_task(rx.take())
            await asyncio.sleep(0)
            await tx.send(b"job")
            with await taken as lease:
                self.assertEqual(bytes(lease.data), b"job")
            self.assertEqual(rx.stat().depth, 0)
        self.run_async(main)

    def test_a_suspended_call_ends_when_its_endpoint_is_detached(self):
        rx, _ = self.both()

        async def main():
            tasks = [asyncio.create_task(rx.recv()) for _ in range(3)]
            await asyncio.sleep(0)
            rx.detach()
            for task in tasks:
                with self.assertRaises(ValueError):
                    await task
        self.run_async(main)

    def test_a_policy_that_fails_raises_full(self):
        _, tx = self.both()
        self.fill()
        tx.set_overflow("fail")

        async def main():
            with self.assertRaises(queue.Full):
                await tx.send(b"x" * 1000)
        self.run_async(main)

    def test_others_have_a_turn(self):
        rx, tx = self.both()

        async def main():
            turns = 0

            async def other():
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)
            task = asyncio.create_task(other())
            for _ in range(1000):
                await tx.send(b"")
                await rx.recv()
            self.assertGreater(turns, 10)
            task.cancel()
        self.run_async(main)


class Rendezvous(ChannelTest):
    options = {"kind": "rendezvous"}

    def test_tasks_meet(self):
        rx, tx = (self.open(m, cls=shmchan.AsyncChannel) for m in "rw")

        async def main():
            async with asyncio.timeout(BOUND):
                for i in range(20):
                    _, got = await asyncio.gather(tx.send(b"%d" % i), rx.recv())
                    self.assertEqual(got, b"%d" % i)
                alone = asyncio.create_task(tx.send(b"nobody"))
                while not waiting(self.ch):
                    await asyncio.sleep(0.001)
                alone.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await alone
                _, got = await asyncio.gather(tx.send(b"again"), rx.recv())
                self.assertEqual(got, b"again")
        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
