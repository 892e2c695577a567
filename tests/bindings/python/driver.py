# SPDX-License-Identifier: MIT
"""The driver for Python: it executes the operations that tests/bindings/README.md lists, a
line each, and prints the outcome of each."""

import errno
import sys
import time

import shmchan

OUTCOMES = {
    errno.ETIMEDOUT: "timeout", errno.EPIPE: "closed", errno.EIDRM: "removed",
    errno.EBUSY: "busy", errno.EEXIST: "exists", errno.ENOENT: "absent", errno.EINVAL: "invalid",
    errno.EBADF: "role", errno.ESTALE: "stale", errno.ECANCELED: "canceled",
    errno.EDEADLK: "deadlock", errno.EBADMSG: "damaged", errno.EACCES: "denied",
    errno.EPERM: "denied", errno.ENOTCONN: "detached", errno.EINTR: "interrupted",
    errno.ECONNRESET: "reset",
}
ALL_BYTES = bytes(range(256))

endpoints, leases, loans, sets, requests = {}, {}, {}, {}, {}


def message(word):
    if word == "-":
        return b""
    if word == "0..255":
        return ALL_BYTES
    if word[1:2] == "*" and len(word) > 2:
        return word[0].encode() * int(word[2:])
    return word.encode()


def word(data):
    data = bytes(data)
    if not data:
        return "-"
    if data == ALL_BYTES:
        return "0..255"
    if not all(32 < byte < 127 for byte in data) or len(data) > 16 and len(set(data)) > 1:
        return f"?{len(data)}"
    return f"{chr(data[0])}*{len(data)}" if len(data) > 16 else data.decode()


def timeout(word):
    return None if word == "wait" else int(word) / 1000


def options(words):
    made = {}
    for each in words:
        name, _, value = each.partition("=")
        name = name.replace("-", "_")
        made[name] = int(value) if value.isdigit() else value or True
        if name == "lanes":
            made["lane_by"] = "key"
    return made


def outcome(e, again):
    """The words for an error; `again` is the one for EAGAIN."""
    if e.errno == errno.EAGAIN:
        return again
    if e.errno in (errno.EMSGSIZE, errno.EOVERFLOW):
        return f"{'toolarge' if e.errno == errno.EMSGSIZE else 'lost'} {e.size}"
    return OUTCOMES.get(e.errno, f"error {e.errno}")


def sent(was_sent):
    return "ok" if was_sent else "dropped"


def data(*messages):
    return " ".join(["data", *map(word, messages)])


def taken(lease, name):
    leases[name] = lease
    return f"{data(lease.data)} {lease.attempt}"


def do_open(name, channel, roles, *words):
    mode = "".join(mode for role, mode in (("r", "r"), ("s", "w")) if role in roles)
    endpoints[name] = shmchan.Channel(channel, mode, create="c" in roles, exclusive="x" in roles,
                                      **options(words) if "c" in roles else {})


def do_subscribe(name, channel, *words):
    how = options(words)
    at = how.pop("at", None)
    if at is not None:
        how["start"] = how["start"], at
    endpoints[name] = shmchan.Channel.subscribe(channel, **how)


def do_detach(name):
    endpoints.pop(name).detach()
    loans.pop(name, None)


def do_sendmeta(name, what, limit, *words):
    meta = shmchan.Meta()
    for each in words:
        key, _, value = each.partition("=")
        if key == "key":
            meta.key = value.encode()
        elif key == "id":
            meta.id = value.encode()
        elif key == "keep":
            meta.keep = True
        elif key == "priority":
            meta.priority = int(value)
        elif key in ("ttl", "delay"):
            setattr(meta, key, int(value) / 1000)
        else:
            meta.headers[key] = value
    return sent(endpoints[name].send_meta(message(what), meta, timeout(limit)))


def header(meta):
    said = [] if meta.key is None else [f"key={meta.key.decode()}"]
    said += [] if meta.priority is None else [f"priority={meta.priority}"]
    return "".join(f" {each}" for each in [*said, *map("=".join, meta.headers.items())])


def do_recvmeta(name, limit):
    got, meta = endpoints[name].recv_meta(timeout(limit))
    return data(got) + header(meta)


def do_takemeta(name, lease, limit):
    said = taken(endpoints[name].take(timeout(limit)), lease)
    return said + header(leases[lease].meta())


def do_request(name, request, what, limit, how=""):
    if how.startswith("id="):
        meta = shmchan.Meta(id=how[3:].encode())
    else:
        meta = shmchan.Meta(once=bool(how))
    requests[request] = endpoints[name].request(message(what), meta, timeout(limit))


def response(got, meta):
    return f"{data(got)} status={meta.status}{' more' * meta.more}"


def do_response(name, request, limit):
    return response(*endpoints[name].response(requests[request], timeout(limit)))


def do_call(name, what, limit):
    return response(*endpoints[name].call(message(what), timeout=timeout(limit)))


def do_reply(lease, what, limit, *words):
    meta = shmchan.Meta(more="more" in words)
    for each in words:
        if each.startswith("status="):
            meta.status = int(each[7:])
    return sent(leases[lease].reply(message(what), meta, timeout(limit)))


def do_sendmany(name, limit, *words):
    return f"count {endpoints[name].send_batch(map(message, words), timeout(limit))}"


def do_all(name):
    said = ["all"]
    try:
        for each in endpoints[name]:
            said.append(word(each))
        said.append("closed")
    except shmchan.Error as e:
        said.append(outcome(e, "empty"))
    return " ".join(said)


def settle(name, how):
    how(leases.pop(name))


def do_reserve(name, length, limit):
    loans[name] = endpoints[name].reserve(int(length), timeout(limit))


def do_commit(name, what):
    loan, what = loans.pop(name), message(what)
    loan.data[:len(what)] = what
    return sent(loan.commit(len(what)))


def do_select(limit, *words):
    cases, names, at = [], [], iter(words)
    for op in at:
        cases.append([op, endpoints[next(at)]])
        names.append(next(at) if op == "take" else None)
        if op == "send":
            cases[-1].append(message(next(at)))
    try:
        i, result = shmchan.select(cases, timeout(limit), biased=True)
    except shmchan.Error as e:
        said = outcome(e, "none" if e.case is None else
                       "full" if isinstance(e, shmchan.Full) else "empty")
        # A case that is not for its endpoint is an error of the whole.
        return said if e.case is None else f"{e.case} {said}"
    op = cases[i][0]
    return f"{i} " + (sent(result) if op == "send" else
                      taken(result, names[i]) if op == "take" else data(result))


def do_peek(name):
    for each in endpoints[name].peek():
        return data(each.data)
    return "empty"


MODES = {"r": "r", "s": "w"}


def do_watch(name, endpoint, role):
    sets.setdefault(name, shmchan.Set()).add(endpoints[endpoint], MODES[role], f"{endpoint}:{role}")


def do_ready(name, limit):
    try:
        ready = sets[name].wait(timeout(limit))
    except shmchan.Error as e:
        return outcome(e, "none")
    return " ".join(["ready", *sorted(member.data for member in ready)])


def do_flood(name, n, size, batch):
    ch, n, batch, what = endpoints[name], int(n), int(batch), bytes(int(size))
    start = time.monotonic_ns()
    if batch == 1:
        for _ in range(n):
            ch.send(what)
    else:
        many = [what] * batch
        while n > 0:
            n -= ch.send_batch(many if n >= batch else many[:n])
    return f"took {time.monotonic_ns() - start}"


def do_drain(name, n, size, batch):
    ch, n, batch = endpoints[name], int(n), int(batch)
    start = time.monotonic_ns()
    if batch == 1:
        for _ in range(n):
            ch.recv()
    else:
        while n > 0:
            n -= len(ch.recv_batch(min(n, batch)))
    return f"took {time.monotonic_ns() - start}"


def do_calls(n):
    function, size = shmchan._library.lib.chan_error_size, int(n)
    start = time.monotonic_ns()
    for _ in range(size):
        function(0)
    return f"took {time.monotonic_ns() - start}"


# Each returns its outcome, or None for "ok".
OPERATIONS = {
    "create": lambda channel, *words: shmchan.create(channel, **options(words)),
    "remove": shmchan.remove,
    "unlink": shmchan.unlink,
    "open": do_open,
    "subscribe": do_subscribe,
    "detach": do_detach,
    "close": lambda name: endpoints[name].close(),
    "discard": lambda name: endpoints[name].close(discard=True),
    "send": lambda name, what, limit: sent(endpoints[name].send(message(what), timeout(limit))),
    "recv": lambda name, limit: data(endpoints[name].recv(timeout(limit))),
    "sendmeta": do_sendmeta,
    "recvmeta": do_recvmeta,
    "takemeta": do_takemeta,
    "request": do_request,
    "response": do_response,
    "call": do_call,
    "cancel": lambda name, request: f"count {+endpoints[name].cancel(requests[request])}",
    "reply": do_reply,
    "wanted": lambda lease: f"count {+leases[lease].wanted()}",
    "sendmany": do_sendmany,
    "recvmany": lambda name, limit, n: data(*endpoints[name].recv_batch(int(n), timeout(limit))),
    "all": do_all,
    "take": lambda name, lease, limit: taken(endpoints[name].take(timeout(limit)), lease),
    "ack": lambda lease: settle(lease, shmchan.Lease.ack),
    "release": lambda lease: settle(lease, shmchan.Lease.release),
    "releaseafter": lambda lease, ms: leases.pop(lease).release_after(int(ms) / 1000),
    "bury": lambda lease: settle(lease, shmchan.Lease.bury),
    "kick": lambda name: f"count {endpoints[name].kick()}",
    "untake": lambda lease: settle(lease, shmchan.Lease.untake),
    "reserve": do_reserve,
    "commit": do_commit,
    "abort": lambda name: loans.pop(name).abort(),
    "select": do_select,
    "peek": do_peek,
    "purge": lambda name: f"count {endpoints[name].purge()}",
    "recover": lambda name: f"count {endpoints[name].recover()}",
    "overflow": lambda name, policy: endpoints[name].set_overflow(policy),
    "pause": lambda name: endpoints[name].pause(),
    "resume": lambda name: endpoints[name].pause(False),
    "subscribers": lambda name: f"count {len(endpoints[name].subscribers())}",
    "removegroup": lambda name, group: endpoints[name].remove_group(group),
    "watch": do_watch,
    "unwatch": lambda name, endpoint, role: sets[name].remove(endpoints[endpoint], MODES[role]),
    "ready": do_ready,
    "forget": lambda name: sets.pop(name).close(),
    "stat": lambda name, field: f"count {getattr(endpoints[name].stat(), field)}",
    "calls": do_calls,
    "flood": do_flood,
    "drain": do_drain,
}
SENDS = ("send", "sendmeta", "request", "reply", "sendmany", "reserve", "commit")

for line in sys.stdin:
    operation, *words = line.split()
    try:
        said = OPERATIONS[operation](*words) or "ok"
    except shmchan.Error as e:
        said = outcome(e, "full" if operation in SENDS else "empty")
    print(said, flush=True)
