// SPDX-License-Identifier: MIT

// Package shmchan is message channels between processes, in shared memory.
//
//	tx, err := shmchan.Open("jobs", shmchan.Send|shmchan.Create, nil)
//	...
//	err = tx.Send(ctx, []byte("sweep"))
//
// What the operations mean, and what is promised when a process is killed, is in shmchan(7)
// and shmchan.h; the names here are the same, without chan_.  Close ends the channel for
// everybody; Detach leaves it.
//
// A call that waits does so in Go's own poller, until its context ends: it holds no thread.
// (The exceptions are a Send to a rendezvous, and Response, Call and Reply.)  It is tried at least once, and if it can't
// go on, its error is both the context's and ErrFull or ErrEmpty.  Any number of goroutines may use a Channel.
package shmchan

/*
#cgo LDFLAGS: -lshmchan
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Flags of Open.  With neither Send nor Recv it opens an observer.
type Flags uint

const (
	Send      Flags = C.CHAN_SEND
	Recv      Flags = C.CHAN_RECV
	Create    Flags = C.CHAN_CREATE
	Exclusive Flags = C.CHAN_EXCLUSIVE // for one thread only: needs runtime.LockOSThread
)

// Kind is what a channel does with a message.
type Kind uint32

const (
	Queue      Kind = C.CHAN_KIND_QUEUE
	Rendezvous Kind = C.CHAN_KIND_RENDEZVOUS
	Latest     Kind = C.CHAN_KIND_LATEST
	Broadcast  Kind = C.CHAN_KIND_BROADCAST
)

// Lag is what becomes of a subscriber of a broadcast that lags too far behind.
type Lag uint32

const (
	LagDefault Lag = C.CHAN_LAG_DEFAULT
	LagBlock   Lag = C.CHAN_LAG_BLOCK
	LagLose    Lag = C.CHAN_LAG_LOSE
	LagEvict   Lag = C.CHAN_LAG_EVICT
)

// From is where a subscription begins.
type From uint32

const (
	FromNext   From = C.CHAN_FROM_NEXT
	FromOldest From = C.CHAN_FROM_OLDEST
	FromLast   From = C.CHAN_FROM_LAST
	FromSeq    From = C.CHAN_FROM_SEQ
	FromTime   From = C.CHAN_FROM_TIME
)

// Overflow is what a send does when the channel is full.
type Overflow uint32

const (
	Block      Overflow = C.CHAN_BLOCK
	Fail       Overflow = C.CHAN_FAIL
	DropNewest Overflow = C.CHAN_DROP_NEWEST
	DropOldest Overflow = C.CHAN_DROP_OLDEST
)

// Lifetime is how long a channel's name lives.
type Lifetime uint32

const (
	Persist Lifetime = C.CHAN_PERSIST
	Ref     Lifetime = C.CHAN_REF
)

// Options of a channel, fixed when it is made; zero is the default of each.  See struct
// chan_options in shmchan.h.
type Options struct {
	Capacity       uint64
	MaxMessage     uint32
	Overflow       Overflow
	Mode           uint32
	Endpoints      uint32
	Lifetime       Lifetime
	Kind           Kind
	Linger         time.Duration
	EndWithSenders bool
	NeedReceivers  bool
	ForbidBlock    bool
	Type           uint64
	OnLag          Lag
	Groups         uint32
	Patience       time.Duration
	Meta           bool   // each message has a header: Meta
	MaxCapacity    uint64 // Unbounded: as much as is reasonable
	Lanes          uint32 // so many queues in one; this implies Meta
	LaneBy         LaneBy
	Dedup          uint32 // an ID that one of so many messages had is not sent again
	DedupAge       time.Duration
	DeadLetter     string // the channel for messages that nobody can use
	MaxDeliver     uint32 // after so many deliveries workers give a message up
}

// LaneBy is what decides in which lane a message goes.
type LaneBy uint32

const (
	ByKey      LaneBy = C.CHAN_BY_KEY
	ByPriority LaneBy = C.CHAN_BY_PRIORITY
)

// Unbounded is a MaxCapacity.
const Unbounded uint64 = C.CHAN_UNBOUNDED

func (o *Options) c() *C.struct_chan_options {
	if o == nil {
		return nil
	}
	opt := &C.struct_chan_options{
		capacity:    C.uint64_t(o.Capacity),
		max_message: C.uint32_t(o.MaxMessage),
		overflow:    C.uint32_t(o.Overflow),
		mode:        C.uint32_t(o.Mode),
		endpoints:   C.uint32_t(o.Endpoints),
		lifetime:    C.uint32_t(o.Lifetime),
		kind:        C.uint32_t(o.Kind),
		linger:      C.uint64_t(o.Linger),
		on_lag:      C.uint32_t(o.OnLag),
		groups:      C.uint32_t(o.Groups),
		patience:    C.uint64_t(o.Patience),

		max_capacity: C.uint64_t(o.MaxCapacity),

		lanes:       C.uint32_t(o.Lanes),
		lane_by:     C.uint32_t(o.LaneBy),
		dedup:       C.uint32_t(o.Dedup),
		dedup_age:   C.uint64_t(o.DedupAge),
		max_deliver: C.uint32_t(o.MaxDeliver),
	}
	// A name that is too long has no NUL, so the library refuses it.
	for i := 0; i < len(o.DeadLetter) && i < len(opt.dead_letter); i++ {
		opt.dead_letter[i] = C.char(o.DeadLetter[i])
	}
	// "type" is a word of Go's, and cgo has another name for the member.
	opt._type = C.uint64_t(o.Type)
	opt.size = C.uint32_t(unsafe.Sizeof(*opt))
	if o.EndWithSenders {
		opt.flags |= C.CHAN_END_WITH_SENDERS
	}
	if o.NeedReceivers {
		opt.flags |= C.CHAN_NEED_RECEIVERS
	}
	if o.Meta {
		opt.flags |= C.CHAN_META
	}
	if o.ForbidBlock {
		opt.flags |= C.CHAN_FORBID_BLOCK
	}
	return opt
}

// named makes a call that takes a name.
func named(op, name string, f func(*C.char) C.int64_t) (int64, error) {
	for i := 0; i < len(name); i++ {
		if name[i] == 0 {
			return 0, &Error{op, name, syscall.EINVAL, "a channel's name has no NUL in it", 0}
		}
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return locked(op, name, func() C.int64_t { return f(text) })
}

// locked makes a call, and the error if there is one, on one thread.
func locked(op, name string, f func() C.int64_t) (int64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := f()
	if r < 0 {
		return 0, failure(op, name, r)
	}
	return int64(r), nil
}

// Make makes a channel.
func Make(name string, opt *Options) error {
	o := opt.c()
	_, err := named("create", name, func(s *C.char) C.int64_t { return C.int64_t(C.chan_create(s, o)) })
	return err
}

// Remove removes a channel: its name goes, and it ends for everybody that has it open.
func Remove(name string) error {
	_, err := named("remove", name, func(s *C.char) C.int64_t { return C.int64_t(C.chan_remove(s)) })
	return err
}

// Unlink removes only its name: those that have the channel open go on.
func Unlink(name string) error {
	_, err := named("unlink", name, func(s *C.char) C.int64_t { return C.int64_t(C.chan_unlink(s)) })
	return err
}

// Collect removes a channel of lifetime Ref if nobody uses it any more, and says if it did.
func Collect(name string) (bool, error) {
	n, err := named("collect", name, func(s *C.char) C.int64_t { return C.int64_t(C.chan_collect(s)) })
	return n == 1, err
}

// Footprint returns the bytes of shared memory that a channel with these options takes.
func Footprint(opt *Options) (int64, error) {
	o := opt.c()
	return locked("footprint", "", func() C.int64_t { return C.chan_footprint(o) })
}

//export shmchanListed
func shmchanListed(name *C.char, arg unsafe.Pointer) C.int {
	names := (*(*cgo.Handle)(arg)).Value().(*[]string)
	*names = append(*names, C.GoString(name))
	return 0
}

// List returns the names of all channels: NAME, or OWNER/NAME for those of other users.
func List() ([]string, error) {
	var names []string
	h := cgo.NewHandle(&names)
	defer h.Delete()
	_, err := locked("list", "", func() C.int64_t { return C.int64_t(C.shmchan_go_list(unsafe.Pointer(&h))) })
	return names, err
}

// Version returns the version of the C library.
func Version() string { return C.GoString(C.chan_version()) }

// Channel is an endpoint of a channel.
type Channel struct {
	name     string
	hot      C.struct_shmchan_go_endpoint // for the calls that have to be fast
	mu       sync.RWMutex                 // held for reading while another call is inside the library
	ch       *C.chan_t                    // for those; nil: detached
	detached chan struct{}
	leave    sync.Once
	// Held while chan_interrupt() is called, and detached closed.
	interruptMu sync.Mutex
	interrupts  int         // contexts that have ended and whose calls have not yet
	fails       atomic.Bool // the policy is Fail
	rendezvous  bool
	kind        Kind
	rooms       sync.Pool     // of TryRecv
	batches     sync.Pool     // of SendBatch and RecvBatch
	slot        atomic.Uint32 // bytes for each message of a batch

	waitersMu sync.Mutex
	waiters   [3]*waiter // by role

	setsMu sync.Mutex
	sets   map[*Set]bool // those that it was added to
}

const firstRoom = 16384

// Open opens an endpoint.  The options (or nil) are used only if Create makes the channel.
func Open(name string, flags Flags, opt *Options) (*Channel, error) {
	o := opt.c()
	return opened("open", name, func(ret **C.chan_t, s *C.char) C.int {
		return C.chan_open(ret, s, C.uint(flags), o)
	})
}

// Subscription is how to subscribe to a broadcast; zero is the default of each.  See struct
// chan_subscription in shmchan.h.
type Subscription struct {
	From       From
	Start      uint64 // of FromLast, FromSeq and FromTime (Unix ns)
	OnLag      Lag
	Patience   time.Duration
	Group      string
	GroupAge   time.Duration
	OrOldest   bool
	RenewGroup bool
}

// Subscribe opens an endpoint of a broadcast to receive, as `how` says, or nil.  A call that
// finds that messages are lost returns ErrLost, and the next one goes on.
func Subscribe(name string, how *Subscription) (*Channel, error) {
	var raw *C.struct_chan_subscription
	if how != nil {
		// In C's memory, since it has a pointer.
		raw = (*C.struct_chan_subscription)(C.calloc(1, C.sizeof_struct_chan_subscription))
		defer C.free(unsafe.Pointer(raw))
		raw.size = C.sizeof_struct_chan_subscription
		raw.from = C.uint32_t(how.From)
		raw.on_lag = C.uint32_t(how.OnLag)
		raw.start = C.uint64_t(how.Start)
		raw.patience = C.uint64_t(how.Patience)
		raw.group_age = C.uint64_t(how.GroupAge)
		if how.OrOldest {
			raw.flags |= C.CHAN_OR_OLDEST
		}
		if how.RenewGroup {
			raw.flags |= C.CHAN_RENEW_GROUP
		}
		if how.Group != "" {
			raw.group = C.CString(how.Group)
			defer C.free(unsafe.Pointer(raw.group))
		}
	}
	return opened("subscribe", name, func(ret **C.chan_t, s *C.char) C.int {
		return C.chan_subscribe(ret, s, raw)
	})
}

func opened(op, name string, open func(**C.chan_t, *C.char) C.int) (*Channel, error) {
	c := &Channel{name: name, detached: make(chan struct{}), sets: map[*Set]bool{}}
	c.rooms.New = func() any { room := make([]byte, firstRoom); return &room }
	var ch *C.chan_t
	_, err := named(op, name, func(s *C.char) C.int64_t { return C.int64_t(open(&ch, s)) })
	if err != nil {
		return nil, err
	}
	c.batches.New = func() any { return new(Batch) }
	c.slot.Store(firstSlot)
	c.ch, c.hot.ch = ch, C.uintptr_t(uintptr(unsafe.Pointer(ch)))
	st, err := c.Stat()
	if err != nil {
		c.Detach()
		return nil, err
	}
	c.kind = Kind(st.Kind)
	c.rendezvous = c.kind == Rendezvous
	c.fails.Store(Overflow(st.Overflow) == Fail)
	return c, nil
}

// Name returns the name that the channel was opened by.
func (c *Channel) Name() string { return c.name }

// Detach leaves the channel; others go on.  What is leased goes back, and the bytes of a
// lease or a loan must not be used afterwards.  Calls that wait return ErrDetached.
// Detaching twice is fine.
func (c *Channel) Detach() {
	c.leave.Do(func() {
		c.interruptMu.Lock()
		close(c.detached)
		c.interruptMu.Unlock()
		c.setsMu.Lock()
		sets := c.sets
		c.sets = nil
		c.setsMu.Unlock()
		for s := range sets {
			s.leave(c, c.ch)
		}
		C.chan_interrupt(c.ch, 1) // a rendezvous waits inside the library
		c.waitersMu.Lock()
		for _, w := range c.waiters {
			if w != nil {
				w.file.Close()
			}
		}
		c.waitersMu.Unlock()
		c.mu.Lock()
		C.shmchan_go_detach(&c.hot)
		c.ch = nil
		c.mu.Unlock()
	})
}

// now makes a call that does not wait.
func (c *Channel) now(op string, f func(*C.chan_t) C.int64_t) (int64, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.ch == nil {
		return 0, ErrDetached
	}
	return locked(op, c.name, func() C.int64_t { return f(c.ch) })
}

// Close ends the channel for everybody.  Receivers get what is left.
func (c *Channel) Close() error {
	_, err := c.now("close", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_close(ch, C.CHAN_DRAIN)) })
	return err
}

// Discard ends the channel for everybody, and receivers end at once.
func (c *Channel) Discard() error {
	_, err := c.now("close", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_close(ch, C.CHAN_DISCARD)) })
	return err
}

// SetOverflow sets what this endpoint's sends do when the channel is full.
func (c *Channel) SetOverflow(o Overflow) error {
	_, err := c.now("set_overflow", func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_set_overflow(ch, C.uint(o)))
	})
	if err == nil {
		c.fails.Store(o == Fail)
	}
	return err
}

// Kick makes buried messages ready again, the oldest ones, most at most, and returns how many.
func (c *Channel) Kick(most uint64) (int64, error) {
	return c.now("kick", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_kick(ch, C.uint64_t(most))) })
}

// Purge drops every undelivered message and returns how many there were.
func (c *Channel) Purge() (int64, error) {
	return c.now("purge", func(ch *C.chan_t) C.int64_t { return C.chan_purge(ch) })
}

// Pause pauses the channel, so that receivers find nothing, or lets it go on.
func (c *Channel) Pause(on bool) error {
	_, err := c.now("pause", func(ch *C.chan_t) C.int64_t {
		if on {
			return C.int64_t(C.chan_pause(ch, 1))
		}
		return C.int64_t(C.chan_pause(ch, 0))
	})
	return err
}

// RemoveGroup removes a group of a broadcast.
func (c *Channel) RemoveGroup(group string) error {
	text := C.CString(group)
	defer C.free(unsafe.Pointer(text))
	_, err := c.now("remove_group", func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_remove_group(ch, text))
	})
	return err
}

// Recover cleans up after dead peers now, and returns how many messages were given back.
func (c *Channel) Recover() (int64, error) {
	return c.now("recover", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_recover(ch)) })
}

// FD returns a descriptor that is readable while the next call of that role, Send or Recv,
// may go on.  It belongs to the endpoint.
func (c *Channel) FD(role Flags) (int, error) {
	fd, err := c.now("fd", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_fd(ch, C.uint(role))) })
	return int(fd), err
}

func bytesOf(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Pointer(&b[0])
}

func charsOf(b []byte) *C.char { return (*C.char)(bytesOf(b)) }

// TrySend sends if there is room now: otherwise ErrFull.
func (c *Channel) TrySend(msg []byte) error {
	r := C.shmchan_go_send(&c.hot, charsOf(msg), C.size_t(len(msg)))
	if r.value == 0 {
		return nil
	}
	if r.value == C.CHAN_DROPPED {
		return ErrDropped
	}
	return explained("send", c.name, r)
}

// Send sends one message, and waits while the channel is full.  ErrDropped: the overflow
// policy dropped it; ErrFull: the policy is Fail.
func (c *Channel) Send(ctx context.Context, msg []byte) error {
	if c.rendezvous {
		return c.offer(ctx, msg)
	}
	for {
		err := c.TrySend(msg)
		if err == nil || !later(err) || c.fails.Load() && !busy(err) {
			return err
		}
		if err = c.wait(ctx, Send, err); err != nil {
			return err
		}
	}
}

// offer sends in a rendezvous: only a call that waits can be met.
func (c *Channel) offer(ctx context.Context, msg []byte) error {
	n, err := c.inside(ctx, "send", func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_send(ch, bytesOf(msg), C.size_t(len(msg)), C.CHAN_WAIT))
	})
	if n == C.CHAN_DROPPED {
		return ErrDropped
	}
	return err
}

// inside makes a call that waits inside the library, and so holds a thread, until the context
// ends.
func (c *Channel) inside(ctx context.Context, op string, f func(*C.chan_t) C.int64_t) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	over := make(chan struct{})
	var watch sync.WaitGroup
	if ctx.Done() != nil {
		watch.Add(1)
		go func() {
			defer watch.Done()
			select {
			case <-ctx.Done():
				c.interrupt(over)
			case <-over:
			}
		}()
	}
	n, err := c.insideUntil(ctx, op, f)
	close(over)
	watch.Wait()
	return n, err
}

// interrupt ends the calls that wait inside the library, until `over`, for those of others
// call again.
func (c *Channel) interrupt(over <-chan struct{}) {
	c.addInterrupt(1)
	<-over
	c.addInterrupt(-1)
}

// addInterrupt does nothing to an endpoint that is being detached, whose calls all end.
func (c *Channel) addInterrupt(n int) {
	c.interruptMu.Lock()
	defer c.interruptMu.Unlock()
	c.interrupts += n
	var on C.int
	if c.interrupts > 0 {
		on = 1
	}
	select {
	case <-c.detached:
	default:
		C.chan_interrupt(c.ch, on)
	}
}

func (c *Channel) insideUntil(ctx context.Context, op string, f func(*C.chan_t) C.int64_t) (int64, error) {
	for {
		select {
		case <-c.detached:
			return 0, ErrDetached
		default:
		}
		n, err := c.now(op, f)
		if e, ok := err.(*Error); !ok || e.Errno != syscall.EINTR {
			return n, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// receive makes a receive with timeout 0.
func (c *Channel) receive(room []byte) (int, error) {
	r := C.shmchan_go_recv(&c.hot, charsOf(room), C.size_t(len(room)))
	if r.value < 0 {
		return 0, explained("recv", c.name, r)
	}
	return int(r.value), nil
}

// TryRecv receives a message if there is one now: otherwise ErrEmpty.
func (c *Channel) TryRecv() ([]byte, error) {
	p := c.rooms.Get().(*[]byte)
	defer c.rooms.Put(p)
	for {
		n, err := c.receive(*p)
		if err == nil {
			return append(make([]byte, 0, n), (*p)[:n]...), nil
		}
		e, ok := err.(*Error)
		if !ok || e.Errno != syscall.EMSGSIZE {
			return nil, err
		}
		*p = make([]byte, e.Size)
	}
}

// Recv receives one message, and waits while the channel is empty.
func (c *Channel) Recv(ctx context.Context) ([]byte, error) {
	for {
		msg, err := c.TryRecv()
		if err == nil || !later(err) {
			return msg, err
		}
		if err = c.wait(ctx, Recv, err); err != nil {
			return nil, err
		}
	}
}

// RecvInto receives one message into room and returns its length.  ErrTooLarge, and the
// message stays, if it is longer.
func (c *Channel) RecvInto(ctx context.Context, room []byte) (int, error) {
	for {
		n, err := c.receive(room)
		if err == nil || !later(err) {
			return n, err
		}
		if err = c.wait(ctx, Recv, err); err != nil {
			return 0, err
		}
	}
}

// until calls, and waits, until the result is neither that it is full or empty nor that it
// can't be seen.
func (c *Channel) until(ctx context.Context, op string, role Flags, f func(*C.chan_t) C.int64_t) (int64, error) {
	for {
		n, err := c.now(op, f)
		if err == nil || !later(err) || role == Send && c.fails.Load() && !busy(err) {
			return n, err
		}
		if err = c.wait(ctx, role, err); err != nil {
			return 0, err
		}
	}
}

// A Batch is where the messages of a batch are: it is used again and again.  The zero value is
// empty.
type Batch struct {
	msgs [][]byte
	lens []C.size_t
	room []byte
}

// fill copies messages, one behind the other: Go may not give C pointers to pointers.
func (b *Batch) fill(msgs [][]byte) {
	b.room, b.lens = b.room[:0], b.lens[:0]
	for _, m := range msgs {
		b.room = append(b.room, m...)
		b.lens = append(b.lens, C.size_t(len(m)))
	}
}

// SendBatch sends as many of the messages as there is room for, the first ones, and returns
// how many.  It waits for room for the first.  Receivers see them all at once.
func (c *Channel) SendBatch(ctx context.Context, msgs [][]byte) (int, error) {
	if len(msgs) == 0 {
		return 0, nil
	}
	if len(msgs) > math.MaxInt32 {
		msgs = msgs[:math.MaxInt32]
	}
	b := c.batches.Get().(*Batch)
	defer c.batches.Put(b)
	b.fill(msgs)
	for {
		r := C.shmchan_go_send_batch(&c.hot, charsOf(b.room), &b.lens[0], C.uint(len(msgs)))
		if r.value >= 0 {
			return int(r.value), nil
		}
		err := explained("send_batch", c.name, r)
		if !later(err) || c.fails.Load() && !busy(err) {
			return 0, err
		}
		if err = c.wait(ctx, Send, err); err != nil {
			return 0, err
		}
	}
}

const (
	firstSlot = 192     // of each message of a batch, until one is longer
	mostRoom  = 4 << 20 // of a whole batch, if it has more than one
)

// RecvBatch receives 1 to most messages.  It waits for the first only.
func (c *Channel) RecvBatch(ctx context.Context, most int) ([][]byte, error) {
	b := c.batches.Get().(*Batch)
	defer c.batches.Put(b)
	msgs, err := c.RecvBatchInto(ctx, b, most)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, m := range msgs {
		total += len(m)
	}
	all, own := make([]byte, 0, total), make([][]byte, len(msgs))
	for i, m := range msgs {
		at := len(all)
		all = append(all, m...)
		own[i] = all[at:len(all):len(all)]
	}
	return own, nil
}

// RecvBatchInto is RecvBatch without an allocation: the messages are good until b is used
// again.
func (c *Channel) RecvBatchInto(ctx context.Context, b *Batch, most int) ([][]byte, error) {
	if most <= 0 {
		return nil, &Error{"recv_batch", c.name, syscall.EINVAL,
			fmt.Sprintf("a batch has at least 1 message, not %d", most), 0}
	}
	slot, n := int(c.slot.Load()), most
	if n > mostRoom/firstSlot {
		n = mostRoom / firstSlot
	}
	if slot > mostRoom/n {
		slot = mostRoom / n
	}
	for {
		if len(b.lens) < n {
			b.lens = make([]C.size_t, n)
		}
		if len(b.room) < n*slot {
			b.room = make([]byte, n*slot)
		}
		r := C.shmchan_go_recv_batch(&c.hot, charsOf(b.room), C.size_t(slot), &b.lens[0], C.uint(n))
		if r.value >= 0 {
			b.msgs = b.msgs[:0]
			for i := 0; i < int(r.value); i++ {
				b.msgs = append(b.msgs, b.room[i*slot:][:b.lens[i]:slot])
			}
			return b.msgs, nil
		}
		err := explained("recv_batch", c.name, r)
		if e, ok := err.(*Error); ok && e.Errno == syscall.EMSGSIZE {
			slot = int(e.Size)
			if slot > mostRoom/n {
				n = 1
			} else {
				c.slot.Store(uint32(slot)) // for the next ones, too
			}
			continue
		}
		if !later(err) {
			return nil, err
		}
		if err = c.wait(ctx, Recv, err); err != nil {
			return nil, err
		}
	}
}
