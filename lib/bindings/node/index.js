// SPDX-License-Identifier: MIT
//
// Message channels between processes, in shared memory: index.d.ts is the reference.
//
// No call waits on the loop.  Each operation is tried at once; if it would have to wait, it
// joins the queue of its role, and the loop watches the channel's descriptor (chan_fd())
// until the queue is empty.
'use strict';

const { Readable, Writable } = require('stream');

const SEND = 1, RECV = 2, CREATE = 4, EXCLUSIVE = 8;
const OPEN = 0, MAKE = 1, REMOVE = 2, UNLINK = 3, COLLECT = 4, PURGE = 5, RECOVER = 6, OFFER = 7,
	SUBSCRIBE = 8, RESPONSE = 9, KICK = 10;
const ACK = 0, RELEASE = 1, UNTAKE = 2, BURY = 3, RELEASE_AFTER = 4;
const MORE = 16, ONCE = 32, KEEP = 128;
const DROPPED = 1, FAIL = 1, RENDEZVOUS = 1;
const { EAGAIN, EBADF, EBUSY, EINVAL, ENOTCONN, ESTALE } = require('os').constants.errno;
const MODES = { r: RECV, w: SEND, rw: SEND | RECV, '': 0 };
const KINDS = { queue: 0, rendezvous: 1, latest: 2, broadcast: 3 };
const LAGS = { default: 0, block: 1, lose: 2, evict: 3 };
const STARTS = { next: 0, oldest: 1, last: 2, seq: 3, time: 4 };
const OVERFLOWS = { block: 0, fail: 1, 'drop-new': 2, 'drop-old': 3 };
const LIFETIMES = { persist: 0, ref: 1 };
// After so many operations in a row that did not have to wait, the loop has a turn.
const TURN = 64;
// If another process holds a lock, the descriptor stays readable, and a call costs the loop a
// tenth of a second: so it is made ever more rarely, in milliseconds.
const BUSY_PAUSE = 1, BUSY_PAUSE_MOST = 256;

const addon = load(process.env.SHMCHAN_ADDON || './shmchan.node');

function load(file) {
	try {
		return require(file);
	} catch (e) {
		let why = `shmchan: the C part can't be loaded: ${e.message}`;
		if (e.code === 'MODULE_NOT_FOUND')
			why = `shmchan: ${file} is missing: 'npm run install' in ${__dirname} compiles it`;
		else if (/undefined symbol|version .* not found/.test(e.message))
			why = `shmchan: libshmchan is too old for this module: ${e.message}`;
		const error = new Error(why);
		error.code = e.code;
		throw error;
	}
}

function numberOf(what, words, value) {
	if (typeof value === 'number')
		return value;
	if (!Object.hasOwn(words, value))
		throw new RangeError(`${what}: '${value}' is not ${Object.keys(words).join(', ')}`);
	return words[value];
}

function makeOptions({ capacity = 0, maxMessage = 0, overflow = 'block', mode = 0, endpoints = 0,
	lifetime = 'persist', kind = 'queue', linger = 0, endWithSenders = false, needReceivers = false,
	forbidBlock = false, meta = false, onLag = 'default', patience = 0, groups = 0, type = 0,
	maxCapacity = 0, lanes = 0, laneBy = 'none', dedup = 0, dedupAge = 0, deadLetter = '',
	maxDeliver = 0, ...others }) {
	for (const name in others)
		throw new TypeError(`there is no option ${name}`);
	const sizes = { capacity: [capacity, 2 ** 53], maxMessage: [maxMessage, 2 ** 32],
		mode: [mode, 2 ** 32], endpoints: [endpoints, 2 ** 32], linger: [linger * 1e6, 2 ** 53],
		patience: [patience * 1e6, 2 ** 53], groups: [groups, 2 ** 32], type: [type, 2 ** 53],
		maxCapacity: [maxCapacity === Infinity ? 0 : maxCapacity, 2 ** 53],
		lanes: [lanes, 2 ** 32], dedup: [dedup, 2 ** 32], dedupAge: [dedupAge * 1e6, 2 ** 53],
		maxDeliver: [maxDeliver, 2 ** 32] };
	for (const [name, [value, limit]] of Object.entries(sizes))
		if (!(value >= 0 && value < limit))
			throw new RangeError(`${name}: ${value} is outside what the library takes`);
	if (Buffer.byteLength(deadLetter) > 255)
		throw new RangeError('deadLetter: is longer than 255 bytes');
	return {
		flags: (endWithSenders ? 1 : 0) | (needReceivers ? 2 : 0) | (forbidBlock ? 8 : 0) | (meta ? 16 : 0),
		capacity, maxMessage, mode, endpoints, linger: linger * 1e6,
		patience: patience * 1e6, groups, type, maxCapacity, lanes, dedup, maxDeliver, deadLetter,
		dedupAge: dedupAge * 1e6, laneBy: numberOf('laneBy', { none: 0, key: 1, priority: 2 }, laneBy),
		onLag: numberOf('onLag', LAGS, onLag),
		overflow: numberOf('overflow', OVERFLOWS, overflow),
		lifetime: numberOf('lifetime', LIFETIMES, lifetime),
		kind: numberOf('kind', KINDS, kind),
	};
}

function makeSubscription({ start = 'next', at = 0, onLag = 'default', patience = 0, group, groupAge = 0,
	orOldest = false, renewGroup = false, ...others }) {
	for (const name in others)
		throw new TypeError(`there is no option ${name}`);
	for (const [name, value] of Object.entries({ at, patience, groupAge }))
		if (!(value >= 0 && value < 2 ** 53))
			throw new RangeError(`${name}: ${value} is outside what the library takes`);
	return {
		flags: (orOldest ? 1 : 0) | (renewGroup ? 2 : 0),
		from: numberOf('start', STARTS, start),
		start: start === 'time' ? at * 1e6 : at,
		onLag: numberOf('onLag', LAGS, onLag),
		patience: patience * 1e6, groupAge: groupAge * 1e6, group,
	};
}

// A header as the addon takes it, and as a program sees it.
function rawMeta({ key, priority, id, ttl = 0, delay = 0, headers = {}, once = false, keep = false,
	status = 0, more = false, ...others }) {
	for (const name of Object.keys(others))
		if (!['seq', 'sent', 'pid', 'uid', 'attempt'].includes(name))
			throw new TypeError(`a header has no ${name}`);
	const has = { key: key === undefined ? undefined : bytesOf(key), id: id && bytesOf(id) };
	if (has.key?.length > 255)
		throw new RangeError(`a key has at most 255 bytes, not ${has.key.length}`);
	if (has.id && has.id.length !== 16)
		throw new RangeError(`an id has 16 bytes, not ${has.id.length}`);
	if (priority !== undefined && !(priority >= 0 && priority < 256))
		throw new RangeError(`a priority is 0 to 7, not ${priority}`);
	for (const [name, value] of Object.entries({ ttl, delay }))
		if (!(value >= 0 && value < 2 ** 43))
			throw new RangeError(`${name}: ${value} is outside what the library takes`);
	const pairs = Object.entries(headers).flat().map(String);
	if (pairs.some((text) => text.includes('\0') || Buffer.byteLength(text) > 1000))
		throw new RangeError('a pair has no NUL in it, and is not that long');
	return { ...has, priority: priority ?? 0, status, ttl: ttl * 1e6, delay: delay * 1e6, pairs,
		flags: (id ? 1 : 0) | (key === undefined ? 0 : 2) | (priority === undefined ? 0 : 4) |
			(more ? MORE : 0) | (once ? ONCE : 0) | (keep ? KEEP : 0) };
}

function metaOf({ pairs, flags, ...rest }) {
	const cut = (pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
	return { ...rest, more: (flags & MORE) !== 0, once: (flags & ONCE) !== 0, headers: Object.fromEntries(pairs.map(cut)) };
}

const isLater = (result) => result === -EAGAIN || result === -EBUSY;

function bytesOf(message) {
	if (Buffer.isBuffer(message))
		return message;
	if (typeof message === 'string')
		return Buffer.from(message);
	if (ArrayBuffer.isView(message))
		return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
	throw new TypeError('a message is a string, a Buffer, or another view of bytes');
}

// An error of ours that looks like one of the library's.
function failure(code, number, message, call) {
	return Object.assign(new Error(message), { code, errno: -number, syscall: call });
}

// Of a call at once: undefined if it would have to wait.
function unlessLater(result, value) {
	if (result === -EBUSY)
		throw failure('EBUSY', EBUSY, 'another process holds a lock of the channel', 'shmchan');
	return result === -EAGAIN ? undefined : value(result);
}

const gone = () => failure('ENOTCONN', ENOTCONN, 'the endpoint is detached', 'shmchan');
const noRoom = () => failure('EAGAIN', EAGAIN, 'there is no room now', 'chan_send');

// What waits for one role of an endpoint, in the order of the calls.
class Waiters {
	constructor(channel, role) {
		this.channel = channel;
		this.role = role;
		this.queue = [];
		this.watching = false;
		this.pause = null;
		this.busyPause = BUSY_PAUSE;
		this.readable = () => this.pump();
	}

	// Begin an operation: `attempt` returns a negative number if it would have to wait.
	run(attempt, signal) {
		if (signal?.aborted)
			return Promise.reject(signal.reason);
		if (this.queue.length === 0) {
			try {
				const result = attempt();
				if (!isLater(result)) {
					if (++this.channel.turn < TURN)
						return Promise.resolve(result);
					this.channel.turn = 0;
					return new Promise((resolve) => setImmediate(resolve, result));
				}
				this.wait(result);
			} catch (e) {
				return Promise.reject(e);
			}
		}
		return new Promise((resolve, reject) => {
			const waiter = { attempt, resolve, reject, abort: null, signal };
			if (signal) {
				waiter.abort = () => this.remove(waiter, signal.reason);
				signal.addEventListener('abort', waiter.abort, { once: true });
			}
			this.queue.push(waiter);
		});
	}

	remove(waiter, reason) {
		const at = this.queue.indexOf(waiter);
		if (at === -1)
			return;
		this.queue.splice(at, 1);
		if (this.queue.length === 0)
			this.rest();
		waiter.reject(reason);
	}

	wait(result) {
		if (result === -EBUSY) {
			this.rest();
			this.pause = setTimeout(this.readable, this.busyPause);
			this.busyPause = Math.min(2 * this.busyPause, BUSY_PAUSE_MOST);
		} else if (!this.watching) {
			this.watch();
			this.watching = true;
		}
	}

	rest() {
		clearTimeout(this.pause);
		if (this.watching && !this.channel.detached)
			this.unwatch();
		this.watching = false;
	}

	watch() { addon.watch(this.channel.handle, this.role, this.readable); }
	unwatch() { addon.unwatch(this.channel.handle, this.role); }

	pump() {
		for (let n = 0; n < TURN && this.queue.length > 0; n++) {
			const waiter = this.queue[0];
			let result, error = null;
			try {
				result = waiter.attempt();
				if (isLater(result)) {
					this.wait(result);
					return;
				}
			} catch (e) {
				error = e;
			}
			this.queue.shift();
			this.busyPause = BUSY_PAUSE;
			waiter.signal?.removeEventListener('abort', waiter.abort);
			if (error)
				waiter.reject(error);
			else
				waiter.resolve(result);
		}
		if (this.queue.length === 0)
			this.rest();
		else
			this.wait(-EAGAIN); // it is still readable: the loop calls again
	}

	end(error) {
		clearTimeout(this.pause);
		for (const waiter of this.queue.splice(0)) {
			waiter.signal?.removeEventListener('abort', waiter.abort);
			waiter.reject(error);
		}
	}
}

// While the bytes of a lease can be reached, its endpoint keeps them mapped.
const mappedBy = new WeakMap();

class Lease {
	constructor(channel, { id, data, seq, attempt }) {
		mappedBy.set(data, channel);
		this.channel = channel;
		this.id = id;
		this.data = Buffer.from(data);
		this.seq = seq;
		this.attempt = attempt;
		this.settled = false;
	}

	meta() { return metaOf(addon.leaseMeta(this.channel.handle, this.id)); }
	wanted() { return addon.wanted(this.channel.handle, this.id) === 1; }

	async reply(message, meta = {}, { signal } = {}) {
		const bytes = bytesOf(message), raw = rawMeta(meta);
		for (let pause = BUSY_PAUSE;; pause = Math.min(2 * pause, BUSY_PAUSE_MOST)) {
			if (this.settled)
				throw failure('ESTALE', ESTALE, 'this message is not held any more', 'chan_reply');
			const result = addon.reply(this.channel.handle, this.id, bytes, raw);
			if (!isLater(result)) {
				this.settled = !meta.more;
				return result !== DROPPED;
			}
			signal?.throwIfAborted();
			await new Promise((resolve) => setTimeout(resolve, pause));
		}
	}

	ack() { this.settle(ACK); }
	release() { this.settle(RELEASE); }
	untake() { this.settle(UNTAKE); }
	bury() { this.settle(BURY); }
	releaseAfter(ms) { this.settle(RELEASE_AFTER, ms * 1e6); }

	settle(how, ns = 0) {
		if (this.settled)
			throw failure('ESTALE', ESTALE, 'this message is not held any more', 'chan_ack');
		const result = addon.settle(this.channel.handle, this.id, how, ns);
		if (isLater(result))
			throw failure('EBUSY', EBUSY, 'a stopped process holds the lock', 'chan_ack');
		this.settled = true;
	}
}

class Loan {
	constructor(channel, room) {
		mappedBy.set(room, channel);
		this.channel = channel;
		this.length = room.byteLength;
		this.data = Buffer.from(room);
		this.over = false;
	}

	commit(length = this.length) {
		if (this.over)
			throw failure('EINVAL', EINVAL, 'no reservation is open', 'chan_commit');
		if (!(length >= 0 && length <= this.length))
			throw new RangeError(`${length} is not a length of 0 to ${this.length}`);
		this.over = true;
		const result = addon.commit(this.channel.handle, length);
		if (result === -EAGAIN)
			throw noRoom();
		return result !== DROPPED;
	}

	abort() {
		if (!this.over && !this.channel.detached)
			addon.commit(this.channel.handle, -1);
		this.over = true;
	}
}

class Request {
	constructor(channel, number) {
		this.channel = channel;
		this.number = number;
	}

	async response({ signal } = {}) {
		const seen = ({ data, meta }) => ({ data, meta: metaOf(meta) });
		const now = addon.response(this.channel.handle, this.number);
		if (!isLater(now))
			return seen(now);
		for (;;) {
			signal?.throwIfAborted();
			try {
				return seen(await addon.job(this.channel.handle, RESPONSE, this.number));
			} catch (e) {
				if (this.channel.detached)
					throw gone();
				if (e.code !== 'ETIMEDOUT' && e.code !== 'EINTR')
					throw e;
			}
		}
	}

	cancel() { return addon.cancel(this.channel.handle, this.number) === 1; }
}

class Channel {
	constructor(handle, name, mode) {
		this.handle = handle;
		this.name = name;
		this.mode = mode;
		this.detached = false;
		this.turn = 0;
		this.receivers = new Waiters(this, RECV);
		this.senders = new Waiters(this, SEND);
		this.sets = new Set();
		const { kind, overflow } = addon.stat(handle);
		this.isRendezvous = kind === RENDEZVOUS;
		this.fails = overflow === FAIL;
		this.offers = Promise.resolve();
	}

	detach() {
		if (this.detached)
			return;
		this.detached = true;
		const error = gone();
		this.receivers.end(error);
		this.senders.end(error);
		for (const set of this.sets)
			set.leave(this);
		addon.detach(this.handle);
	}

	close({ discard = false } = {}) { addon.close(this.handle, discard ? 1 : 0); }

	setOverflow(overflow) {
		const number = numberOf('overflow', OVERFLOWS, overflow);
		addon.setOverflow(this.handle, number);
		this.fails = number === FAIL;
	}

	pause(on = true) { addon.pause(this.handle, on ? 1 : 0); }
	subscribers() { return addon.subscribers(this.handle); }
	removeGroup(group) { addon.removeGroup(this.handle, group); }
	stat() { return addon.stat(this.handle); }
	endpoints() { return addon.endpoints(this.handle); }
	async kick() { return addon.job(this.handle, KICK); }
	async purge() { return addon.job(this.handle, PURGE); }
	async recover() { return addon.job(this.handle, RECOVER); }

	*peek({ leased = false } = {}) {
		const cursor = Buffer.alloc(24);
		new Uint32Array(cursor.buffer, cursor.byteOffset + 20, 1)[0] = leased ? 1 : 0;
		for (;;) {
			const message = addon.peek(this.handle, cursor);
			if (message === -EBUSY)
				throw failure('EBUSY', EBUSY, 'the receivers\' side is in use', 'chan_peek');
			if (message === -EAGAIN)
				return;
			yield message;
		}
	}

	// ---- to send ----

	attemptSend(bytes) {
		const result = addon.send(this.handle, bytes);
		if (result === -EAGAIN && this.fails)
			throw noRoom();
		return isLater(result) ? result : result !== DROPPED;
	}

	send(message, { signal } = {}) {
		try {
			const bytes = bytesOf(message);
			if (this.isRendezvous)
				return this.offer(bytes, signal);
			return this.senders.run(() => this.attemptSend(bytes), signal);
		} catch (e) {
			return Promise.reject(e);
		}
	}

	async sendMeta(message, meta, { signal } = {}) {
		const bytes = bytesOf(message), raw = rawMeta(meta);
		return this.senders.run(() => {
			const result = addon.sendMeta(this.handle, bytes, raw);
			if (result === -EAGAIN && this.fails)
				throw noRoom();
			return isLater(result) ? result : result !== DROPPED;
		}, signal);
	}

	trySend(message) {
		const bytes = bytesOf(message);
		if (this.senders.queue.length > 0)
			return undefined; // others are before it
		return unlessLater(addon.send(this.handle, bytes), (result) => result !== DROPPED);
	}

	// In a rendezvous only a call that waits can be met.  It does so in a thread of the pool,
	// one of each endpoint at a time.
	offer(bytes, signal) {
		const result = this.offers.then(() => this.offerNow(bytes, signal));
		this.offers = result.catch(() => {});
		return result;
	}

	async offerNow(bytes, signal) {
		signal?.throwIfAborted();
		const abort = () => this.detached || addon.interrupt(this.handle);
		signal?.addEventListener('abort', abort, { once: true });
		try {
			for (;;) {
				try {
					return await addon.job(this.handle, OFFER, bytes) !== DROPPED;
				} catch (e) {
					if (e.code !== 'EINTR')
						throw e;
					signal?.throwIfAborted();
					if (this.detached)
						throw gone();
				}
			}
		} finally {
			signal?.removeEventListener('abort', abort);
		}
	}

	async sendBatch(messages, { signal } = {}) {
		const all = Array.from(messages, bytesOf);
		if (all.length === 0)
			return 0;
		return this.senders.run(() => {
			const result = addon.sendBatch(this.handle, all);
			if (result === -EAGAIN && this.fails)
				throw noRoom();
			return result;
		}, signal);
	}

	async reserve(length, { signal } = {}) {
		if (!(length >= 0 && length < 2 ** 32))
			throw new RangeError('a message\'s length is not negative');
		return this.senders.run(() => {
			const room = addon.reserve(this.handle, length);
			if (room === -EAGAIN && this.fails)
				throw noRoom();
			return isLater(room) ? room : new Loan(this, room);
		}, signal);
	}

	async sendInPlace(length, write, options) {
		const loan = await this.reserve(length, options);
		try {
			return loan.commit(write(loan.data) ?? length);
		} finally {
			loan.abort();
		}
	}

	async request(message, meta = {}, { signal } = {}) {
		const bytes = bytesOf(message), raw = rawMeta(meta);
		const number = await this.senders.run(() => {
			const result = addon.request(this.handle, bytes, raw);
			if (result === -EAGAIN && this.fails)
				throw noRoom();
			return result;
		}, signal);
		return new Request(this, number);
	}

	async call(message, meta = {}, options = {}) {
		const request = await this.request(message, meta, options);
		try {
			const got = await request.response(options);
			if (got.meta.more)
				request.cancel();
			return got;
		} catch (e) {
			try {
				request.cancel();
			} catch {
				// it is done with, or the endpoint is gone
			}
			throw e;
		}
	}

	// ---- to receive ----

	recv({ signal } = {}) {
		return this.receivers.run(() => addon.recv(this.handle), signal);
	}

	recvMeta({ signal } = {}) {
		return this.receivers.run(() => {
			const got = addon.recvMeta(this.handle);
			return isLater(got) ? got : { data: got.data, meta: metaOf(got.meta) };
		}, signal);
	}

	tryRecv() {
		return unlessLater(addon.recv(this.handle), (message) => message);
	}

	recvBatch(most, { signal } = {}) {
		return this.receivers.run(() => {
			if (!(most >= 1))
				throw new RangeError('a batch has 1 or more messages');
			try {
				return addon.recvBatch(this.handle, most);
			} catch (e) {
				if (e.code !== 'EMSGSIZE')
					throw e;
				const message = addon.recv(this.handle); // it is too long for a batch
				return isLater(message) ? message : [message];
			}
		}, signal);
	}

	take({ signal } = {}) {
		return this.receivers.run(() => this.attemptTake(), signal);
	}

	attemptTake() {
		const taken = addon.take(this.handle);
		return isLater(taken) ? taken : new Lease(this, taken);
	}

	tryTake() {
		return unlessLater(addon.take(this.handle), (taken) => new Lease(this, taken));
	}

	async *[Symbol.asyncIterator]() {
		try {
			for (;;)
				yield await this.recv();
		} catch (e) {
			if (e.code !== 'EPIPE')
				throw e;
		}
	}

	// ---- streams ----

	createReadStream(options = {}) {
		const stop = new AbortController();
		const channel = this;
		return new Readable({
			...options,
			objectMode: true,
			read() {
				channel.recv({ signal: stop.signal }).then((message) => this.push(message), (e) => {
					if (e.code === 'EPIPE')
						this.push(null);
					else if (!stop.signal.aborted)
						this.destroy(e);
				});
			},
			destroy(e, done) {
				stop.abort();
				done(e);
			},
		});
	}

	createWriteStream({ close = false, ...options } = {}) {
		const stop = new AbortController();
		const channel = this;
		return new Writable({
			...options,
			write(message, encoding, done) {
				channel.send(message, { signal: stop.signal }).then(() => done(), done);
			},
			final(done) {
				try {
					if (close)
						channel.close();
					done();
				} catch (e) {
					done(e);
				}
			},
			destroy(e, done) {
				stop.abort();
				done(e);
			},
		});
	}
}

// Wait until one of the cases can go on, execute that one and no other.
async function select(cases, { signal, biased = false } = {}) {
	if (cases.length === 0)
		throw new TypeError('there is no case to select');
	const attempts = cases.map(({ op, channel, message }) => {
		if (!channel.mode.includes(op === 'send' ? 'w' : 'r'))
			throw failure('EBADF', EBADF, `a case is to ${op}, and its endpoint is not for that`, 'chan_select');
		if (op === 'send') {
			const bytes = bytesOf(message);
			return () => channel.attemptSend(bytes);
		}
		if (op === 'take')
			return () => channel.attemptTake();
		if (op === 'recv')
			return () => addon.recv(channel.handle);
		throw new TypeError(`a case is to send, recv or take, not to '${op}'`);
	});
	for (;;) {
		signal?.throwIfAborted();
		const first = biased ? 0 : Math.floor(Math.random() * cases.length);
		for (let n = 0; n < cases.length; n++) {
			const index = (first + n) % cases.length;
			try {
				const value = attempts[index]();
				if (!isLater(value))
					return { index, value };
			} catch (e) {
				e.case = index;
				throw e;
			}
		}
		await anyReady(cases, signal);
	}
}

// Wait until a case may go on: each joins the queue of its role, and executes nothing.
async function anyReady(cases, signal) {
	const over = new AbortController();
	const stop = () => over.abort(signal.reason);
	signal?.addEventListener('abort', stop, { once: true });
	try {
		await Promise.race(cases.map(({ op, channel }) => {
			let called = false;
			const waiters = op === 'send' ? channel.senders : channel.receivers;
			return waiters.run(() => called || ((called = true), -EAGAIN), over.signal);
		}));
	} finally {
		signal?.removeEventListener('abort', stop);
		over.abort();
	}
}

// What waits for a set.
class SetWaiters extends Waiters {
	watch() { addon.setWatch(this.channel.handle, this.readable); }
	unwatch() { addon.setUnwatch(this.channel.handle); }
}

class WaitSet {
	constructor() {
		this.handle = addon.setCreate();
		this.detached = false; // closed, for its waiters
		this.turn = 0;
		this.members = new Map(); // by number
		this.numbers = 0;
		this.waiters = new SetWaiters(this, RECV);
	}

	add(channel, role, data) {
		const number = ++this.numbers;
		addon.setAdd(this.handle, channel.handle, roleOf(role), number);
		this.members.set(number, { channel, role, data });
		channel.sets.add(this);
	}

	remove(channel, role) {
		addon.setRemove(this.handle, channel.handle, roleOf(role));
		let others = false;
		for (const [number, member] of this.members) {
			if (member.channel === channel && member.role === role)
				this.members.delete(number);
			else
				others ||= member.channel === channel;
		}
		if (!others)
			channel.sets.delete(this);
	}

	// The endpoint is being detached.
	leave(channel) {
		for (const member of [...this.members.values()])
			if (member.channel === channel)
				this.remove(channel, member.role);
	}

	ready({ signal } = {}) {
		return this.waiters.run(() => {
			const numbers = addon.setWait(this.handle);
			return isLater(numbers) ? numbers : numbers.map((number) => ({ ...this.members.get(number) }));
		}, signal);
	}

	close() {
		if (this.detached)
			return;
		this.detached = true;
		this.waiters.end(failure('ENOTCONN', ENOTCONN, 'the set is closed', 'shmchan'));
		for (const { channel } of this.members.values())
			channel.sets.delete(this);
		this.members.clear();
		addon.setClose(this.handle);
	}
}

function roleOf(role) {
	if (role !== 'r' && role !== 'w')
		throw new RangeError(`role: '${role}' is not 'r' or 'w'`);
	return MODES[role];
}

function openFlags(mode, { create = false, exclusive = false, ...options }) {
	if (!Object.hasOwn(MODES, mode))
		throw new RangeError(`mode: '${mode}' is not 'r', 'w', 'rw' or ''`);
	if (!create && Object.keys(options).length > 0)
		throw new TypeError('options are for a channel that is made: create: true is missing');
	return [MODES[mode] | (create ? CREATE : 0) | (exclusive ? EXCLUSIVE : 0),
		create ? makeOptions(options) : null];
}

async function open(name, mode, options = {}) {
	if (options.exclusive)
		return openSync(name, mode, options); // it belongs to the thread that opens it
	return new Channel(await addon.named(OPEN, name, ...openFlags(mode, options), 0), name, mode);
}

async function subscribe(name, how = {}) {
	return new Channel(await addon.named(SUBSCRIBE, name, 0, makeSubscription(how), 0), name, 'r');
}

function openSync(name, mode, options = {}) {
	return new Channel(addon.named(OPEN, name, ...openFlags(mode, options), 1), name, mode);
}

const create = async (name, options = {}) => void await addon.named(MAKE, name, 0, makeOptions(options), 0);
const remove = async (name) => void await addon.named(REMOVE, name, 0, null, 0);
const unlink = async (name) => void await addon.named(UNLINK, name, 0, null, 0);
const collect = async (name) => await addon.named(COLLECT, name, 0, null, 0) === 1;
const channels = () => addon.list();
const footprint = (options = {}) => addon.footprint(makeOptions(options));
const version = () => addon.version();

module.exports = {
	Channel, Lease, Loan, Request, open, openSync, subscribe, create, remove, unlink, collect, channels, footprint, select,
	version, WaitSet,
};
