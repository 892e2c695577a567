// SPDX-License-Identifier: MIT
//
// The binding for Node: what it adds to the library.  (What the library does is shown by the
// conformance cases.)  MODULE says where the module is.
'use strict';

const assert = require('assert');
const { execFileSync, spawn } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const { test } = require('node:test');
const { pipeline } = require('stream/promises');
const { setTimeout: sleep } = require('timers/promises');
const { Worker } = require('worker_threads');

const shmchan = require(process.env.MODULE);
const BOUND = 60000; // milliseconds for what has to happen

let made = 0;
const small = { capacity: 4096 };
const thousand = Buffer.alloc(1000);

// A test with a channel of its own, open for both; what it opens is detached at its end.
function channelTest(what, options, body) {
	test(what, { timeout: 2 * BOUND }, async () => {
		const name = `node${process.pid}.${made++}`;
		const all = [];
		const another = async (mode, options) => {
			all.push(await shmchan.open(name, mode, options));
			return all.at(-1);
		};
		try {
			await body(await another('rw', { create: true, ...options }), another, name);
		} finally {
			all.forEach((ch) => ch.detach());
			await shmchan.remove(name).catch((e) => assert.equal(e.code, 'ENOENT'));
		}
	});
}

async function until(condition, what) {
	for (const end = Date.now() + BOUND; !condition(); await sleep(2))
		assert.ok(Date.now() < end, `never: ${what}`);
}

function fill(ch) {
	while (ch.trySend(thousand) !== undefined)
		;
}

// Another process with `shmchan` and `ch`, which has printed the line.
async function peer(name, mode, program, line) {
	const child = spawn(process.execPath, ['-e', `
		const shmchan = require(process.env.MODULE);
		shmchan.open('${name}', '${mode}').then(async (ch) => {
			${program}
			setInterval(() => ch, 1000);
		});`], { stdio: ['ignore', 'pipe', 'inherit'] });
	const [said] = await once(child.stdout, 'data');
	assert.equal(String(said), line + '\n');
	return {
		async kill() {
			child.kill('SIGKILL');
			await once(child, 'exit');
		},
	};
}

channelTest('messages are bytes', small, async (ch) => {
	for (const message of ['', 'one', Buffer.from([0, 255]), thousand]) {
		assert.equal(await ch.send(message), true);
		assert.deepEqual(await ch.recv(), Buffer.from(message));
	}
	await ch.send(new Uint16Array([1, 2]).subarray(1));
	assert.deepEqual(await ch.recv(), Buffer.from([2, 0]));
	await assert.rejects(ch.send(5), TypeError);
	assert.throws(() => ch.trySend({}), TypeError);
});

channelTest('a long message gets room', { capacity: 1 << 20 }, async (ch) => {
	const long = Buffer.alloc(200000, 'long');
	for (const receive of [() => ch.recv(), async () => (await ch.recvBatch(3))[0], () => ch.tryRecv()]) {
		await ch.send(long);
		assert.deepEqual(await receive(), long);
	}
});

channelTest('batches', small, async (ch) => {
	const many = Array.from({ length: 50 }, (_, i) => 'x'.repeat(i % 7) + i);
	assert.equal(await ch.sendBatch(many), 50);
	const got = [...await ch.recvBatch(20), ...await ch.recvBatch(1), ...await ch.recvBatch(1000)];
	assert.deepEqual(got.map(String), many);
	assert.equal(await ch.sendBatch([]), 0);
	assert.ok(await ch.sendBatch(Array(10).fill(thousand)) < 10);
	await assert.rejects(ch.recvBatch(0), RangeError);
	await assert.rejects(ch.sendBatch([1]), TypeError);
});

channelTest('errors have the text of the library', small, async (ch, another, name) => {
	await assert.rejects(shmchan.open(name + '-', 'r'),
		{ code: 'ENOENT', errno: -2, syscall: 'chan_open', message: 'no such channel' });
	await assert.rejects(shmchan.create(name), { code: 'EEXIST' });
	await assert.rejects(shmchan.create('a/b/c'), { code: 'EINVAL', message: /the name is not NAME/ });
	await assert.rejects(shmchan.create('a\0b'), { code: 'EINVAL' });
	await assert.rejects(shmchan.create(name + '-', { deadLetter: 'x'.repeat(256) }), RangeError);
	await assert.rejects(shmchan.create(name + '-', { deadLetter: 'a/b/c' }), /dead_letter: /);
	assert.throws(() => shmchan.footprint({ capacity: 2 ** 52 }), { code: 'EINVAL', message: /capacity/ });
	await assert.rejects(ch.send(Buffer.alloc(5000)),
		{ code: 'EMSGSIZE', size: ch.stat().maxMessage });
	await assert.rejects((await another('r')).send(''), { code: 'EBADF' });
	await assert.rejects(shmchan.open(name, 'x'), RangeError);
	await assert.rejects(shmchan.open(name, 'r', { capacity: 1 }), TypeError);
	await assert.rejects(shmchan.create(name, { colour: 1 }), TypeError);
	await assert.rejects(shmchan.create(name, { kind: 'stack' }), RangeError);
});

channelTest('a closed channel, and a removed one', small, async (ch, another, name) => {
	const rest = [];
	await ch.send('1');
	await ch.send('2');
	ch.close();
	for await (const message of ch)
		rest.push(String(message));
	assert.deepEqual(rest, ['1', '2']);
	await assert.rejects(ch.send(''), { code: 'EPIPE' });
	const other = await shmchan.open(name + '.x', 'rw', { create: true });
	await shmchan.remove(name + '.x');
	await assert.rejects(other.recv(), { code: 'EIDRM' });
	other.detach();
});

channelTest('looking', small, async (ch, another, name) => {
	await ch.sendBatch(['a', 'b']);
	const lease = await ch.take();
	const looker = await another('');
	assert.deepEqual([...looker.peek()].map((m) => String(m.data)), ['b']);
	assert.deepEqual([...looker.peek({ leased: true })].map((m) => [String(m.data), m.seq, m.leased]),
		[['a', 1, true], ['b', 2, false]]);
	lease.ack();
	assert.equal(looker.stat().sent, 2);
	assert.deepEqual(looker.endpoints().map((e) => e.pid), [process.pid]);
	assert.ok(shmchan.channels().includes(name));
	ch.pause();
	assert.deepEqual([ch.tryRecv(), ch.stat().paused], [undefined, 1]);
	ch.pause(false);
	assert.equal(await ch.purge(), 1);
	assert.equal(await ch.recover(), 0);
	assert.equal(await shmchan.collect(name), false);
	await shmchan.unlink(name);
});

channelTest('policies', small, async (ch) => {
	fill(ch);
	ch.setOverflow('fail');
	await assert.rejects(ch.send(thousand), { code: 'EAGAIN' });
	ch.setOverflow('drop-new');
	assert.equal(await ch.send(thousand), false);
});

channelTest('the latest value', { kind: 'latest' }, async (ch) => {
	await ch.send('1');
	await ch.send('2');
	assert.equal(String(await ch.recv()), '2');
	assert.equal(ch.tryRecv(), undefined);
});

channelTest('a channel that grows', { capacity: 4096, maxCapacity: Infinity, maxMessage: 1000 }, async (ch) => {
	for (let i = 0; i < 100; i++)
		assert.equal(ch.trySend(thousand), true);
	assert.ok(ch.stat().grown > 0);
	assert.equal(ch.stat().grownBy, process.pid);
});

channelTest('a broadcast', { kind: 'broadcast', capacity: 4096, onLag: 'lose' }, async (tx, another, name) => {
	await tx.sendBatch(['1', '2']);
	const all = [await shmchan.subscribe(name), await shmchan.subscribe(name, { start: 'oldest' }),
		await shmchan.subscribe(name, { start: 'last', at: 1, group: 'ledger', onLag: 'evict', patience: 1000 })];
	await tx.send('3');
	for (const [i, wanted] of [['3'], ['1', '2', '3'], ['2', '3']].entries())
		for (const each of wanted)
			assert.equal(String(await all[i].recv()), each);
	await assert.rejects(shmchan.subscribe(name, { group: 'ledger' }), { code: 'EBUSY' });
	assert.deepEqual(tx.subscribers().map((s) => s.group).filter(Boolean), ['ledger']);
	all[2].detach();
	await until(() => tx.subscribers().some((s) => s.group && s.pid === 0), 'the group is free');
	tx.removeGroup('ledger');
	assert.throws(() => tx.removeGroup('ledger'), { code: 'ENOENT' });
	for (let i = 0; i < 20; i++)
		await tx.send(Buffer.alloc(500, i));
	const lost = await all[0].recv().catch((e) => e);
	assert.equal(lost.code, 'EOVERFLOW');
	assert.equal((await all[0].recv())[0], lost.size);
	all.forEach((ch) => ch.detach());
});

channelTest('a lease shows the message where it is, until it is settled', small, async (ch) => {
	await ch.send('hello');
	const lease = await ch.take();
	const part = lease.data.subarray(1, 3);
	assert.deepEqual([String(lease.data), String(part), lease.seq, lease.attempt], ['hello', 'el', 1, 1]);
	lease.release();
	assert.deepEqual([lease.data.length, part.length], [0, 0]);
	assert.throws(() => lease.ack(), { code: 'ESTALE' });
	const again = ch.tryTake();
	assert.equal(again.attempt, 2);
	again.untake();
	const last = await ch.take();
	assert.deepEqual([String(last.data), last.attempt], ['hello', 2]);
	ch.detach();
	assert.equal(last.data.length, 0);
	assert.throws(() => last.ack(), { code: 'ENOTCONN' });
});

channelTest('a message is written where it is', small, async (ch, another) => {
	let kept;
	assert.equal(await ch.sendInPlace(10, (room) => { kept = room; return room.write('hello'); }), true);
	assert.equal(kept.length, 0);
	await ch.sendInPlace(3, (room) => { room.fill('x'); });
	await assert.rejects(ch.sendInPlace(3, () => { throw new Error('mine'); }), /mine/);
	await assert.rejects(ch.sendInPlace(3, () => 4), RangeError);
	const loan = await ch.reserve(3);
	loan.abort();
	assert.equal(loan.data.length, 0);
	assert.throws(() => loan.commit(), { code: 'EINVAL' });
	const { data } = await ch.reserve(3);
	await assert.rejects(ch.reserve(3), { code: 'EDEADLK' });
	ch.detach();
	assert.equal(data.length, 0);
	ch = await another('rw');
	await assert.rejects(ch.sendInPlace(3, (room) => { ch.close(); return room.write('no'); }), { code: 'EPIPE' });
	assert.deepEqual((await ch.recvBatch(9)).map(String), ['hello', 'xxx']);
});

channelTest('what waits goes on in order', small, async (ch, another) => {
	const tx = await another('w');
	const received = [ch.recv(), ch.recv(), ch.recv()];
	await tx.sendBatch(['1', '2', '3']);
	assert.deepEqual((await Promise.all(received)).map(String), ['1', '2', '3']);
	fill(tx);
	const held = ch.stat().depth;
	const sent = [tx.send(Buffer.alloc(1000, 0))];
	ch.tryRecv(); // there is room, and the loop does not know yet
	assert.equal(tx.trySend(''), undefined);
	for (let i = 1; i < 10; i++)
		sent.push(tx.send(Buffer.alloc(1000, i)));
	for (let i = 1; i < held; i++)
		await ch.recv();
	for (let i = 0; i < 10; i++)
		assert.equal((await ch.recv())[0], i);
	await Promise.all(sent);
});

channelTest('both roles of one endpoint wait', small, async (ch, another) => {
	const other = await another('rw');
	fill(ch);
	const sent = ch.send(thousand);
	const depth = ch.stat().depth;
	for (let i = 0; i < depth; i++)
		await other.recv();
	await sent;
	await other.recv();
	const received = ch.recv();
	await other.send('there');
	assert.equal(String(await received), 'there');
});

channelTest('a signal ends what waits, and nothing is lost', small, async (ch, another) => {
	const tx = await another('w');
	for (let i = 0; i < 100; i++) {
		const stop = new AbortController();
		const gone = ch.recv({ signal: stop.signal });
		const kept = ch.recv();
		await tx.send(String(i));
		stop.abort();
		await assert.rejects(gone, { name: 'AbortError' });
		assert.equal(String(await kept), String(i));
	}
	await assert.rejects(ch.recv({ signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
	await assert.rejects(ch.take({ signal: AbortSignal.abort() }), { name: 'AbortError' });
	fill(ch);
	await assert.rejects(ch.send(thousand, { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
});

channelTest('what waits ends when its endpoint is detached', small, async (ch, another) => {
	const rx = await another('r');
	const waiting = [rx.recv(), rx.recv()];
	await sleep(1);
	rx.detach();
	rx.detach();
	for (const each of waiting)
		await assert.rejects(each, { code: 'ENOTCONN' });
	await assert.rejects(rx.recv(), { code: 'ENOTCONN' });
	assert.throws(() => rx.stat(), { code: 'ENOTCONN' });
	await until(() => ch.stat().receivers === 1, 'the endpoint is gone');
});

channelTest('the loop has a turn', small, async (ch) => {
	let turns = 0;
	const timer = setInterval(() => turns++, 1);
	for (const end = Date.now() + BOUND; turns < 3 && Date.now() < end;) {
		await ch.send('');
		await ch.recv();
	}
	clearInterval(timer);
	assert.equal(turns, 3);
});

channelTest('streams push back', small, async (ch, another) => {
	const tx = await another('w');
	const n = 20000;
	async function* numbers() {
		for (let i = 0; i < n; i++)
			yield String(i);
	}
	let next = 0;
	const written = pipeline(numbers, tx.createWriteStream({ close: true }));
	for await (const message of ch.createReadStream())
		assert.equal(String(message), String(next++));
	assert.equal(next, n);
	await written;
	const stream = (await another('w')).createWriteStream();
	stream.write('');
	const [error] = await once(stream, 'error');
	assert.equal(error.code, 'EPIPE');
});

channelTest('a stream that is destroyed loses nothing', small, async (ch, another) => {
	const rx = await another('r');
	const stream = rx.createReadStream();
	stream.read();
	await sleep(1);
	stream.destroy();
	await once(stream, 'close');
	await ch.send('kept');
	assert.equal(String(ch.tryRecv()), 'kept');
});

channelTest('select', small, async (ch, another, name) => {
	const other = await shmchan.open(name + '.x', 'rw', { create: true, ...small });
	await shmchan.unlink(name + '.x');
	const first = shmchan.select([{ op: 'recv', channel: ch }, { op: 'take', channel: other }]);
	await sleep(1);
	await other.send('there');
	const { index, value } = await first;
	assert.deepEqual([index, String(value.data)], [1, 'there']);
	value.ack();
	assert.deepEqual(await shmchan.select([{ op: 'recv', channel: ch }, { op: 'send', channel: other, message: 'm' }]),
		{ index: 1, value: true });
	assert.equal(String(other.tryRecv()), 'm');
	await assert.rejects(shmchan.select([{ op: 'recv', channel: ch }], { signal: AbortSignal.timeout(20) }),
		{ name: 'TimeoutError' });
	const last = assert.rejects(shmchan.select([{ op: 'recv', channel: other }, { op: 'recv', channel: ch }]),
		{ code: 'EPIPE', case: 1 });
	ch.close();
	await last;
	await other.send('m');
	for (let i = 0; i < 20; i++)
		await assert.rejects(shmchan.select([{ op: 'recv', channel: ch }, { op: 'recv', channel: other }], { biased: true }),
			{ code: 'EPIPE', case: 0 });
	await assert.rejects(shmchan.select([]), TypeError);
	other.detach();
});

channelTest('a rendezvous', { kind: 'rendezvous' }, async (ch, another) => {
	const tx = await another('w');
	assert.equal(tx.trySend('nobody'), undefined);
	for (let i = 0; i < 50; i++) {
		const [sent, got] = await Promise.all([tx.send(String(i)), ch.recv()]);
		assert.deepEqual([sent, String(got)], [true, String(i)]);
	}
	await assert.rejects(tx.send('nobody', { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
	const gone = assert.rejects(tx.send('gone'), { code: 'ENOTCONN' });
	await until(() => ch.endpoints().some((e) => e.waiting), 'it waits');
	tx.detach();
	await gone;
	await until(() => ch.stat().senders === 1, 'the endpoint is gone');
});

channelTest('what a killed peer had leased comes again', small, async (ch, another, name) => {
	await ch.sendBatch(['1', '2']);
	const other = await peer(name, 'r', 'const l = await ch.take(); console.log(String(l.data));', '1');
	assert.equal(String(await ch.recv()), '2');
	const taken = ch.take();
	await other.kill();
	const lease = await taken;
	assert.deepEqual([String(lease.data), lease.attempt], ['1', 2]);
});

channelTest('a killed sender ends what waits', { endWithSenders: true }, async (ch, another, name) => {
	const rx = await another('r');
	const other = await peer(name, 'w', 'await ch.send("last"); console.log("sent");', 'sent');
	ch.detach();
	assert.equal(String(await rx.recv()), 'last');
	const ended = assert.rejects(rx.recv(), { code: 'EPIPE' });
	await other.kill();
	await ended;
});

channelTest('a set', small, async (ch, another) => {
	const rx = await another('r'), set = new shmchan.WaitSet();
	set.add(ch, 'r', 'mine');
	set.add(rx, 'r');
	assert.throws(() => set.add(rx, 'r'), { code: 'EEXIST' });
	assert.throws(() => set.add(rx, 'w'), { code: 'EBADF' });
	assert.throws(() => set.add(rx, 'rw'), RangeError);
	await assert.rejects(set.ready({ signal: AbortSignal.timeout(5) }), { name: 'TimeoutError' });
	const ready = set.ready();
	rx.detach(); // leaves the set
	await ch.send('m');
	assert.deepEqual(await ready, [{ channel: ch, role: 'r', data: 'mine' }]);
	assert.equal(String(ch.tryRecv()), 'm');
	set.remove(ch, 'r');
	assert.throws(() => set.remove(ch, 'r'), { code: 'ENOENT' });
	const never = assert.rejects(set.ready(), { code: 'ENOTCONN' });
	set.close();
	set.close();
	await never;
	assert.throws(() => set.add(ch, 'r'), { code: 'ENOTCONN' });
});

channelTest('a worker that ends leaves the channel', small, async (ch, another, name) => {
	const worker = new Worker(`
		const { parentPort } = require('worker_threads');
		require(process.env.MODULE).open('${name}', 'r').then(async (ch) => {
			await ch.send('').catch(() => {});
			ch.recv();
			parentPort.postMessage('waits');
		});`, { eval: true });
	await once(worker, 'message');
	assert.equal(ch.stat().receivers, 2);
	await worker.terminate();
	await until(() => ch.stat().receivers === 1, 'the endpoint is gone');
});

channelTest('an exclusive endpoint', small, async (ch, another) => {
	ch.detach();
	const tx = await another('w', { exclusive: true });
	await assert.rejects(another('w'), { code: 'EBUSY' });
	await tx.send('m');
	assert.equal(String((await another('r')).tryRecv()), 'm');
});

channelTest('an idle endpoint does not keep the program', small, async (ch, another, name) => {
	execFileSync(process.execPath, ['-e', `
		require(process.env.MODULE).open('${name}', 'rw').then(async (ch) => {
			const got = ch.recv();
			await ch.send('m');
			await got;
		});`], { timeout: BOUND });
});

test('the module that can\'t be loaded says why', () => {
	const load = (addon, path) => {
		try {
			execFileSync(process.execPath, ['-e', 'require(process.env.MODULE)'],
				{ stdio: 'pipe', env: { ...process.env, SHMCHAN_ADDON: addon, ...path } });
		} catch (e) {
			return String(e.stderr).split('\n').filter((line) => line.startsWith('Error: shmchan:'));
		}
		return ['loaded'];
	};
	assert.match(load('/nowhere/shmchan.node', {}).join('|'), /^Error: shmchan: \/nowhere\/shmchan.node is missing: [^|]*$/);
	if (!fs.existsSync('/usr/local/lib/libshmchan.so.0'))
		assert.match(load(process.env.SHMCHAN_ADDON, { LD_LIBRARY_PATH: '' }).join('|'),
			/^Error: shmchan: the C part can't be loaded: libshmchan.so.0: [^|]*$/);
	if (process.env.OLD)
		assert.match(load(process.env.SHMCHAN_ADDON, { LD_LIBRARY_PATH: process.env.OLD }).join('|'),
			/^Error: shmchan: libshmchan is too old for this module: [^|]*$/);
});
