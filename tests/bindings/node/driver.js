// SPDX-License-Identifier: MIT
//
// The driver for Node: it executes the operations that tests/bindings/README.md lists, a line
// each, and prints the outcome of each.
'use strict';

const shmchan = require('../../../lib/bindings/node');

const OUTCOMES = {
	ETIMEDOUT: 'timeout', EPIPE: 'closed', EIDRM: 'removed', EBUSY: 'busy', EEXIST: 'exists',
	ENOENT: 'absent', EINVAL: 'invalid', EBADF: 'role', ESTALE: 'stale', ECANCELED: 'canceled',
	EDEADLK: 'deadlock', EBADMSG: 'damaged', EACCES: 'denied', EPERM: 'denied',
	ENOTCONN: 'detached', EINTR: 'interrupted', ECONNRESET: 'reset',
};
const ALL_BYTES = Buffer.from([...Array(256).keys()]);
const endpoints = new Map(), leases = new Map(), loans = new Map(),
	sets = new Map(), requests = new Map();

function get(from, name) {
	if (!from.has(name)) {
		console.error(`there is no '${name}'`);
		process.exit(2);
	}
	return from.get(name);
}

function takeOut(from, name) {
	const value = get(from, name);
	from.delete(name);
	return value;
}

function message(word) {
	if (word === '-')
		return Buffer.alloc(0);
	if (word === '0..255')
		return ALL_BYTES;
	if (word.length > 2 && word[1] === '*')
		return Buffer.alloc(Number(word.slice(2)), word[0]);
	return Buffer.from(word);
}

function word(data) {
	if (data.length === 0)
		return '-';
	if (data.equals(ALL_BYTES))
		return '0..255';
	const same = data.every((byte) => byte === data[0]);
	if (!data.every((byte) => byte > 32 && byte < 127) || (data.length > 16 && !same))
		return `?${data.length}`;
	return data.length > 16 ? `${String.fromCharCode(data[0])}*${data.length}` : String(data);
}

const data = (...messages) => ['data', ...messages.map(word)].join(' ');
const sent = (wasSent) => (wasSent ? 'ok' : 'dropped');
const count = (n) => `count ${n}`;

function outcome(e, again) {
	if (e.name === 'TimeoutError')
		return 'timeout';
	if (e.name === 'AbortError' || e.code === 'EAGAIN')
		return again;
	if (e.code === 'EMSGSIZE')
		return `toolarge ${e.size}`;
	if (e.code === 'EOVERFLOW')
		return `lost ${e.size}`;
	if (e instanceof RangeError || e instanceof TypeError)
		return 'invalid';
	if (!e.errno) {
		console.error(e);
		process.exit(2);
	}
	return OUTCOMES[e.code] ?? `error ${-e.errno}`;
}

// Begin an operation that may wait: with timeout 0 it is ended when it has been tried.
function limited(limit, begin) {
	if (limit === 'wait')
		return begin({});
	if (limit !== '0')
		return begin({ signal: AbortSignal.timeout(Number(limit)) });
	const stop = new AbortController();
	const begun = begin({ signal: stop.signal });
	stop.abort();
	return begun;
}

function options(words) {
	const made = {};
	for (const each of words) {
		const [name, value] = each.split('=');
		made[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())] =
			value === undefined ? true : isNaN(value) ? value : Number(value);
		if (name === 'lanes')
			made.laneBy = 'key';
	}
	return made;
}

function taken(lease, name) {
	leases.set(name, lease);
	return `${data(lease.data)} ${lease.attempt}`;
}

function header(words) {
	const made = { headers: {} };
	for (const [name, value] of words.map((each) => each.split('='))) {
		if (['ttl', 'delay', 'priority'].includes(name))
			made[name] = Number(value);
		else if (name === 'id')
			made.id = value;
		else if (name === 'keep')
			made.keep = true;
		else if (name === 'key')
			made.key = value;
		else
			made.headers[name] = value;
	}
	return made;
}

function shown(meta) {
	const said = meta.key === undefined ? '' : ` key=${meta.key}`;
	return [said + (meta.priority === undefined ? '' : ` priority=${meta.priority}`),
		...Object.entries(meta.headers).map((pair) => ` ${pair.join('=')}`)].join('');
}

const response = ({ data: reply, meta }) =>
	`${data(reply)} status=${meta.status}${meta.more ? ' more' : ''}`;

async function reply(lease, what, limit, ...words) {
	const meta = { more: words.includes('more') };
	for (const each of words.filter((each) => each.startsWith('status=')))
		meta.status = Number(each.slice(7));
	return sent(await limited(limit, (o) => get(leases, lease).reply(message(what), meta, o)));
}

async function all(ch) {
	const said = ['all'];
	try {
		for await (const each of ch)
			said.push(word(each));
		said.push('closed');
	} catch (e) {
		said.push(outcome(e, 'empty'));
	}
	return said.join(' ');
}

async function select(limit, words) {
	const cases = [], names = [];
	while (words.length > 0) {
		const op = words.shift();
		const each = { op, channel: get(endpoints, words.shift()) };
		names.push(op === 'take' ? words.shift() : '');
		if (op === 'send')
			each.message = message(words.shift());
		cases.push(each);
	}
	try {
		const { index, value } = await limited(limit, (o) => shmchan.select(cases, { ...o, biased: true }));
		const { op } = cases[index];
		return `${index} ` + (op === 'send' ? sent(value) : op === 'take' ? taken(value, names[index]) : data(value));
	} catch (e) {
		const said = outcome(e, e.case === undefined ? 'none' : cases[e.case].op === 'send' ? 'full' : 'empty');
		return e.case === undefined ? said : `${e.case} ${said}`;
	}
}

async function flood(ch, n, size, batch) {
	const start = process.hrtime.bigint(), one = Buffer.alloc(size), many = Array(batch).fill(one);
	if (batch === 1) {
		for (; n > 0; n--)
			await ch.send(one);
	}
	while (n > 0)
		n -= await ch.sendBatch(n >= batch ? many : many.slice(0, n));
	return `took ${process.hrtime.bigint() - start}`;
}

async function drain(ch, n, size, batch) {
	const start = process.hrtime.bigint();
	if (batch === 1) {
		for (; n > 0; n--)
			await ch.recv();
	}
	while (n > 0)
		n -= (await ch.recvBatch(Math.min(n, batch))).length;
	return `took ${process.hrtime.bigint() - start}`;
}

const MODES = { r: 'r', s: 'w' };

async function ready(name, limit) {
	try {
		const members = await limited(limit, (o) => get(sets, name).ready(o));
		return ['ready', ...members.map((member) => member.data).sort()].join(' ');
	} catch (e) {
		return outcome(e, 'none');
	}
}

const named = {
	calls(n) {
		const start = process.hrtime.bigint();
		for (; n > 0; n--)
			shmchan.version();
		return `took ${process.hrtime.bigint() - start}`;
	},
	watch(name, endpoint, role) {
		if (!sets.has(name))
			sets.set(name, new shmchan.WaitSet());
		sets.get(name).add(get(endpoints, endpoint), MODES[role], `${endpoint}:${role}`);
	},
	unwatch: (name, endpoint, role) => get(sets, name).remove(get(endpoints, endpoint), MODES[role]),
	ready,
	forget: (name) => takeOut(sets, name).close(),
	create: (name, ...words) => shmchan.create(name, options(words)),
	remove: (name) => shmchan.remove(name),
	unlink: (name) => shmchan.unlink(name),
	async open(name, channel, roles, ...words) {
		const mode = (roles.includes('r') ? 'r' : '') + (roles.includes('s') ? 'w' : '');
		const create = roles.includes('c'), exclusive = roles.includes('x');
		endpoints.set(name, await shmchan.open(channel, mode,
			{ create, exclusive, ...(create ? options(words) : {}) }));
	},
	async subscribe(name, channel, ...words) {
		endpoints.set(name, await shmchan.subscribe(channel, options(words)));
	},
	reply,
	wanted: (lease) => count(Number(get(leases, lease).wanted())),
	ack: (lease) => takeOut(leases, lease).ack(),
	release: (lease) => takeOut(leases, lease).release(),
	releaseafter: (lease, ms) => takeOut(leases, lease).releaseAfter(Number(ms)),
	bury: (lease) => takeOut(leases, lease).bury(),
	untake: (lease) => takeOut(leases, lease).untake(),
	select: (limit, ...words) => select(limit, words),
};

const onEndpoint = {
	detach(ch, name) {
		ch.detach();
		endpoints.delete(name);
		loans.delete(name);
	},
	close: (ch) => ch.close(),
	discard: (ch) => ch.close({ discard: true }),
	async send(ch, name, what, limit) {
		if (limit !== '0')
			return sent(await limited(limit, (o) => ch.send(message(what), o)));
		const result = ch.trySend(message(what));
		return result === undefined ? 'full' : sent(result);
	},
	async recv(ch, name, limit) {
		if (limit !== '0')
			return data(await limited(limit, (o) => ch.recv(o)));
		const result = ch.tryRecv();
		return result === undefined ? 'empty' : data(result);
	},
	sendmeta: async (ch, name, what, limit, ...words) =>
		sent(await limited(limit, (o) => ch.sendMeta(message(what), header(words), o))),
	async recvmeta(ch, name, limit) {
		const got = await limited(limit, (o) => ch.recvMeta(o));
		return data(got.data) + shown(got.meta);
	},
	async takemeta(ch, name, lease, limit) {
		return taken(await limited(limit, (o) => ch.take(o)), lease) + shown(leases.get(lease).meta());
	},
	async request(ch, name, request, what, limit, how) {
		const meta = how?.startsWith('id=') ? header([how]) : { once: how !== undefined };

		requests.set(request, await limited(limit, (o) => ch.request(message(what), meta, o)));
	},
	response: async (ch, name, request, limit) =>
		response(await limited(limit, (o) => get(requests, request).response(o))),
	call: async (ch, name, what, limit) =>
		response(await limited(limit, (o) => ch.call(message(what), {}, o))),
	cancel: (ch, name, request) => count(Number(get(requests, request).cancel())),
	sendmany: async (ch, name, limit, ...words) =>
		count(await limited(limit, (o) => ch.sendBatch(words.map(message), o))),
	recvmany: async (ch, name, limit, n) =>
		data(...await limited(limit, (o) => ch.recvBatch(Number(n), o))),
	all,
	take: async (ch, name, lease, limit) => taken(await limited(limit, (o) => ch.take(o)), lease),
	async reserve(ch, name, length, limit) {
		loans.set(name, await limited(limit, (o) => ch.reserve(Number(length), o)));
	},
	commit(ch, name, what) {
		const loan = takeOut(loans, name);
		return sent(loan.commit(message(what).copy(loan.data)));
	},
	abort: (ch, name) => takeOut(loans, name).abort(),
	peek(ch) {
		for (const each of ch.peek())
			return data(each.data);
		return 'empty';
	},
	kick: async (ch) => count(await ch.kick()),
	purge: async (ch) => count(await ch.purge()),
	recover: async (ch) => count(await ch.recover()),
	overflow: (ch, name, policy) => ch.setOverflow(policy),
	pause: (ch) => ch.pause(),
	resume: (ch) => ch.pause(false),
	subscribers: (ch) => count(ch.subscribers().length),
	removegroup: (ch, name, group) => ch.removeGroup(group),
	stat: (ch, name, field) => count(ch.stat()[field.replace(/_(.)/g, (_, letter) => letter.toUpperCase())]),
	flood: (ch, name, n, size, batch) => flood(ch, Number(n), Number(size), Number(batch)),
	drain: (ch, name, n, size, batch) => drain(ch, Number(n), Number(size), Number(batch)),
};

async function execute([operation, ...words]) {
	try {
		if (operation in named)
			return await named[operation](...words) ?? 'ok';
		if (!(operation in onEndpoint)) {
			console.error(`what is '${operation}'?`);
			process.exit(2);
		}
		return await onEndpoint[operation](get(endpoints, words[0]), ...words) ?? 'ok';
	} catch (e) {
		return outcome(e, ['send', 'sendmeta', 'request', 'reply', 'sendmany', 'reserve', 'commit'].includes(operation) ? 'full' : 'empty');
	}
}

async function main() {
	for await (const line of require('readline').createInterface({ input: process.stdin }))
		process.stdout.write(await execute(line.trim().split(/ +/)) + '\n');
}

main();
