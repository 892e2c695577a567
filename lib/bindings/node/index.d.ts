// SPDX-License-Identifier: MIT
/// <reference types="node" />

/**
 * Message channels between processes, in shared memory.
 *
 *     const tx = await shmchan.open('jobs', 'w', { create: true });
 *     await tx.send('sweep');
 *
 * What the operations mean, and what is promised when a process is killed, is in shmchan(7)
 * and shmchan.h; the names here are the same, without `chan_`.  close() ends the channel for
 * everybody; detach() leaves it.
 *
 * No call waits on the loop.  What has to wait is a promise, which a signal can reject; an
 * operation that was rejected so has neither sent nor received.  (In a rendezvous a receiver
 * may just have got the message; and a send to one keeps a thread of libuv's pool while it
 * waits.)  Calls of one endpoint keep their order.  An endpoint with nothing that waits does
 * not keep the program alive.
 *
 * An error has the library's text; `code` is 'EPIPE' when the channel has ended, 'EIDRM' when
 * it was removed, 'EMSGSIZE' with the length allowed as `size`, 'ENOENT', 'EEXIST', 'EACCES',
 * and so on, as in shmchan.h.
 */
import { Readable, ReadableOptions, Writable, WritableOptions } from 'stream';

/** "r": receive, "w": send, "rw": both, "": only look. */
export type Mode = 'r' | 'w' | 'rw' | '';
export type Kind = 'queue' | 'rendezvous' | 'latest' | 'broadcast' | number;
export type Lag = 'default' | 'block' | 'lose' | 'evict' | number;
export type Overflow = 'block' | 'fail' | 'drop-new' | 'drop-old' | number;
export type Lifetime = 'persist' | 'ref' | number;
export type Message = string | NodeJS.ArrayBufferView;

/** Options of a channel, fixed when it is made: see struct chan_options in shmchan.h. */
export interface Options {
	capacity?: number;
	/** Infinity: as much as is reasonable. */
	maxCapacity?: number;
	maxMessage?: number;
	overflow?: Overflow;
	mode?: number;
	endpoints?: number;
	lifetime?: Lifetime;
	kind?: Kind;
	/** Milliseconds. */
	linger?: number;
	endWithSenders?: boolean;
	needReceivers?: boolean;
	/** Each message has a header: Meta. */
	meta?: boolean;
	/** So many queues in one; this implies meta. */
	lanes?: number;
	laneBy?: 'none' | 'key' | 'priority' | number;
	/** An id that one of so many messages had is not sent again. */
	dedup?: number;
	/** Milliseconds, after which an id is forgotten; 0: it is not. */
	dedupAge?: number;
	/** The channel for messages that nobody can use. */
	deadLetter?: string;
	/** After so many deliveries workers give a message up. */
	maxDeliver?: number;
	/** A number for what the messages are. */
	type?: number;
	/** Of a broadcast: */
	forbidBlock?: boolean;
	onLag?: Lag;
	/** Milliseconds. */
	patience?: number;
	groups?: number;
}

/** How to subscribe to a broadcast: see struct chan_subscription in shmchan.h. */
export interface Subscription {
	start?: 'next' | 'oldest' | 'last' | 'seq' | 'time';
	/** Of 'last' how many messages, of 'seq' the number, of 'time' as a Date's. */
	at?: number;
	onLag?: Lag;
	/** Milliseconds. */
	patience?: number;
	group?: string;
	/** Milliseconds. */
	groupAge?: number;
	orOldest?: boolean;
	renewGroup?: boolean;
}

export interface Subscriber {
	/** 0 active, 1 evicted, 2 expired. */
	state: number;
	onLag: number;
	id: number;
	/** 0: a group without a user. */
	pid: number;
	seq: number;
	lag: number;
	lagBytes: number;
	lost: number;
	patience: number;
	groupAge: number;
	group: string;
}

/** The header of a message: see struct chan_meta in shmchan.h. */
export interface Meta {
	key?: Message;
	/** 0 to 7. */
	priority?: number;
	/** 16 bytes. */
	id?: Message;
	/** Milliseconds, after which nobody gets the message. */
	ttl?: number;
	/** Milliseconds, before which nobody gets it. */
	delay?: number;
	headers?: { [name: string]: string };
	/** Of a request: it must not be delivered twice. */
	once?: boolean;
	/** Carry a key or a priority that decides nothing in this channel, as a copy does. */
	keep?: boolean;
	/** Of a reply. */
	status?: number;
	/** Of a reply: others follow. */
	more?: boolean;
}

/** The same, received. */
export interface ReceivedMeta extends Meta {
	key?: Buffer;
	id?: Buffer;
	headers: { [name: string]: string };
	once: boolean;
	status: number;
	more: boolean;
	seq: number;
	/** As a Date's. */
	sent: number;
	pid: number;
	uid: number;
	attempt: number;
}

export interface OpenOptions extends Options {
	/** Make the channel first, with the other options, if it is missing. */
	create?: boolean;
	/** Be the only endpoint of its side or sides. */
	exclusive?: boolean;
}

export interface Waiting {
	signal?: AbortSignal;
}

export interface ChannelError extends Error {
	code: string;
	/** Negative, as Node's. */
	errno: number;
	syscall: string;
	/** Of a message that is too long: what is allowed.  Of 'EOVERFLOW': how many are lost. */
	size?: number;
	/** Of select(): which case has the error. */
	case?: number;
}

export interface Stat {
	flags: number;
	capacity: number;
	used: number;
	depth: number;
	sent: number;
	received: number;
	droppedNewest: number;
	droppedOldest: number;
	droppedLeased: number;
	redelivered: number;
	recoveries: number;
	bytes: number;
	segment: number;
	/** Milliseconds, as a Date's. */
	created: number;
	linger: number;
	maxMessage: number;
	overflow: number;
	mode: number;
	uid: number;
	gid: number;
	lifetime: number;
	kind: number;
	endpoints: number;
	senders: number;
	receivers: number;
	closed: number;
	damaged: number;
	removed: number;
	full: number;
	paused: number;
	type: number;
	kept: number;
	lost: number;
	evicted: number;
	patience: number;
	onLag: number;
	maxGroups: number;
	startCapacity: number;
	maxCapacity: number;
	peakCapacity: number;
	grown: number;
	grownAt: number;
	grownBy: number;
	grownWhy: number;
	growError: number;
}

export interface Endpoint {
	id: number;
	roles: number;
	pid: number;
	uid: number;
	attached: number;
	waiting: number;
	command: string;
}

export interface Peeked {
	data: Buffer;
	seq: number;
	attempt: number;
	leased: boolean;
}

/**
 * A message taken under a lease.  It stays the endpoint's until one of the methods is called;
 * if the endpoint is detached or the process dies first, it is delivered again.
 */
export class Lease {
	private constructor();
	/** The message where it is, in shared memory: not to be written.  Empty once settled. */
	readonly data: Buffer;
	/** Its place in the channel's order: 1, 2, ... */
	readonly seq: number;
	/** 1 on its first delivery. */
	readonly attempt: number;
	readonly settled: boolean;
	/** Its header, in a channel with headers. */
	meta(): ReceivedMeta;
	/**
	 * Reply to a request.  A reply that does not say `more` is the last, and acknowledges it.
	 * False: its client is gone.
	 */
	reply(message: Message, meta?: Meta, options?: Waiting): Promise<boolean>;
	/** Is a request still worth a reply? */
	wanted(): boolean;
	/** The message is consumed. */
	ack(): void;
	/** Give it back, to be delivered again. */
	release(): void;
	/** Give it back, and do not count this delivery. */
	untake(): void;
	/** Set it aside: nobody gets it until somebody calls kick(). */
	bury(): void;
	/** Give it back, and nobody gets it before so many milliseconds; in a channel with headers. */
	releaseAfter(ms: number): void;
}

/** Room in the ring for a message. */
export class Loan {
	private constructor();
	/** Empty once this is over. */
	readonly data: Buffer;
	/** Send its first `length` bytes, or all.  False: the overflow policy dropped it. */
	commit(length?: number): boolean;
	/** Send nothing.  After commit() it does nothing. */
	abort(): void;
}

/** A request that is outstanding. */
export class Request {
	private constructor();
	/** A reply; its header says if `more` follow.  It keeps a thread of libuv's pool while it waits. */
	response(options?: Waiting): Promise<{ data: Buffer; meta: ReceivedMeta }>;
	/** Forget it.  Is it so that nobody gets it? */
	cancel(): boolean;
}

/** An endpoint of a channel. */
export class Channel implements AsyncIterable<Buffer> {
	private constructor();
	readonly name: string;
	readonly mode: Mode;
	readonly detached: boolean;

	/** Send one message.  False: the overflow policy dropped it. */
	send(message: Message, options?: Waiting): Promise<boolean>;
	/** The same with a header, in a channel with headers. */
	sendMeta(message: Message, meta: Meta, options?: Waiting): Promise<boolean>;
	/** send() at once; undefined: there is no room.  EBUSY: that can't be seen. */
	trySend(message: Message): boolean | undefined;
	/** Send as many of the messages as there is room for, the first ones; how many. */
	sendBatch(messages: Iterable<Message>, options?: Waiting): Promise<number>;
	/** Reserve room for a message in the channel, to write it there.  Other senders wait. */
	reserve(length: number, options?: Waiting): Promise<Loan>;
	/** The same, and send what `write` writes: as many bytes as it returns, or all. */
	sendInPlace(length: number, write: (room: Buffer) => number | void, options?: Waiting): Promise<boolean>;

	/** Send a request, a message that asks for replies, in a channel with headers. */
	request(message: Message, meta?: Meta, options?: Waiting): Promise<Request>;
	/** The same, and receive its reply.  If that fails, the request is cancelled. */
	call(message: Message, meta?: Meta, options?: Waiting): Promise<{ data: Buffer; meta: ReceivedMeta }>;

	/** Receive one message. */
	recv(options?: Waiting): Promise<Buffer>;
	/** The same with its header, in a channel with headers. */
	recvMeta(options?: Waiting): Promise<{ data: Buffer; meta: ReceivedMeta }>;
	/** recv() at once; undefined: there is none.  EBUSY: that can't be seen. */
	tryRecv(): Buffer | undefined;
	/** Receive 1 to `most` messages. */
	recvBatch(most: number, options?: Waiting): Promise<Buffer[]>;
	/** Take one message under a lease. */
	take(options?: Waiting): Promise<Lease>;
	tryTake(): Lease | undefined;
	/** Each message, until the channel has ended. */
	[Symbol.asyncIterator](): AsyncIterableIterator<Buffer>;

	/** A stream of the messages, each as an object, that ends with the channel. */
	createReadStream(options?: ReadableOptions): Readable;
	/** A stream whose chunks are messages, full when the channel is; `close` the channel at its end. */
	createWriteStream(options?: WritableOptions & { close?: boolean }): Writable;

	/** End the channel for everybody.  Receivers get what is left, unless `discard`. */
	close(options?: { discard?: boolean }): void;
	/** Leave the channel.  Operations that wait are rejected with ENOTCONN. */
	detach(): void;
	setOverflow(overflow: Overflow): void;
	stat(): Stat;
	endpoints(): Endpoint[];
	/** The live subscribers and the groups of a broadcast. */
	subscribers(): Subscriber[];
	removeGroup(group: string): void;
	/** The messages in the channel, which stay there; `leased`: those that are leased, too. */
	peek(options?: { leased?: boolean }): IterableIterator<Peeked>;
	/** Pause the channel: receivers find nothing until pause(false). */
	pause(on?: boolean): void;
	/** Drop every undelivered message; how many there were. */
	/** Make all buried messages ready again: how many. */
	kick(): Promise<number>;
	purge(): Promise<number>;
	/** Clean up after dead peers now; how many messages were given back. */
	recover(): Promise<number>;
}

export type SelectCase =
	| { op: 'recv' | 'take'; channel: Channel }
	| { op: 'send'; channel: Channel; message: Message };

/** Wait until one of the cases can go on, execute that one and no other. */
export function select(
	cases: SelectCase[],
	/** `biased`: of several that can go on take the first, and not one by chance. */
	options?: Waiting & { biased?: boolean },
): Promise<{ index: number; value: Buffer | Lease | boolean }>;

/** A member of a WaitSet. */
export interface Ready<Data = unknown> {
	channel: Channel;
	role: 'r' | 'w';
	data: Data;
}

/** Many endpoints to wait for; what a wait costs follows what became ready. */
export class WaitSet<Data = unknown> {
	constructor();
	/** Add an endpoint for a role; for both, add it twice.  It leaves when it is detached. */
	add(channel: Channel, role: 'r' | 'w', data?: Data): void;
	remove(channel: Channel, role: 'r' | 'w'): void;
	/**
	 * Wait until a member is ready: until its next call of that role may go on, and be it with
	 * an error.  Those that are, 64 at most; each stays ready until its calls find nothing.
	 */
	ready(options?: Waiting): Promise<Ready<Data>[]>;
	/** End the set; its members go on.  What waits is rejected with ENOTCONN. */
	close(): void;
}

export function open(name: string, mode: Mode, options?: OpenOptions): Promise<Channel>;
/** The same on the loop's thread, which waits a second at most; an exclusive endpoint needs it. */
export function openSync(name: string, mode: Mode, options?: OpenOptions): Channel;
/** Open an endpoint of a broadcast to receive.  EOVERFLOW: it lost messages; the next call goes on. */
export function subscribe(name: string, how?: Subscription): Promise<Channel>;
/** Make a channel. */
export function create(name: string, options?: Options): Promise<void>;
/** Remove a channel: its name goes, and it ends for everybody that has it open. */
export function remove(name: string): Promise<void>;
/** Remove only its name: those that have the channel open go on. */
export function unlink(name: string): Promise<void>;
/** Remove a channel of lifetime "ref" if nobody uses it any more.  Was it removed? */
export function collect(name: string): Promise<boolean>;
/** The names of all channels: NAME, or OWNER/NAME for those of other users. */
export function channels(): string[];
/** The bytes of shared memory that a channel with these options takes. */
export function footprint(options?: Options): number;
/** The version of the C library. */
export function version(): string;
