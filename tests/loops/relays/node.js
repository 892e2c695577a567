// SPDX-License-Identifier: MIT
// The job of relay.h in Node: ADDON says where the addon is (node_addon.c).
'use strict';

const chan = require(process.env.ADDON);
const { EAGAIN, EBUSY, EPIPE } = require('os').constants.errno;
const SEND = 1, RECV = 2;

const later = (result) => result === -EAGAIN || result === -EBUSY;
const inputs = new Set(process.argv.slice(2, 5).map((name) => chan.open(name, RECV)));
const output = chan.open(process.argv[5], SEND);
let held = null;

function fail(what, err) {
	console.error(`relay: ${what}: ${err}`);
	process.exit(1);
}

// Send it, or hold it until there is room.
function passOn(message) {
	const result = chan.send(output, message);
	if (!later(result) && result < 0)
		fail('send', result);
	held = later(result) ? message : null;
	return held === null;
}

function readable(input) {
	if (held !== null || !inputs.has(input))
		return;
	const message = chan.receive(input);
	if (later(message))
		return;
	if (message === -EPIPE) {
		inputs.delete(input);
		chan.detach(input);
		if (inputs.size === 0)
			end();
	} else if (typeof message === 'number') {
		fail('receive', message);
	} else if (!passOn(message)) {
		inputs.forEach(chan.unwatch);
		chan.watch(output, SEND, writable);
	}
}

function writable() {
	if (held === null || !passOn(held))
		return;
	chan.unwatch(output);
	watchInputs();
}

function watchInputs() {
	for (const input of inputs)
		chan.watch(input, RECV, () => readable(input));
}

function end() {
	chan.close(output);
	chan.detach(output);
}

watchInputs();
