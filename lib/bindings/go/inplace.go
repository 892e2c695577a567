// SPDX-License-Identifier: MIT

package shmchan

// #include <shmchan.h>
import "C"

import (
	"context"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// Lease is a message taken under a lease: it stays the endpoint's until Ack, Release or
// Untake.  If the endpoint is detached or its process dies first, the message is delivered
// again.
type Lease struct {
	// Data is the message where it is, in the ring.  It must not be written, nor be used
	// after the lease has ended or the endpoint is detached.
	Data    []byte
	Seq     uint64 // its place in the channel's order: 1, 2, ...
	Attempt uint32 // 1 on its first delivery
	raw     *C.struct_chan_lease
	channel *Channel
}

// TryTake takes a message if there is one now: otherwise ErrEmpty.
func (c *Channel) TryTake() (*Lease, error) {
	l := &Lease{channel: c, raw: new(C.struct_chan_lease)}
	_, err := c.now("take", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_take(ch, l.raw, 1, 0)) })
	if err != nil {
		return nil, err
	}
	l.Data = unsafe.Slice((*byte)(l.raw.data), int(l.raw.len))
	l.Seq, l.Attempt = uint64(l.raw.seq), uint32(l.raw.attempt)
	return l, nil
}

// Take takes one message under a lease, and waits while the channel is empty.
func (c *Channel) Take(ctx context.Context) (*Lease, error) {
	for {
		l, err := c.TryTake()
		if err == nil || !later(err) {
			return l, err
		}
		if err = c.wait(ctx, Recv, err); err != nil {
			return nil, err
		}
	}
}

// settle makes a call that waits for the receivers' lock only.
func (l *Lease) settle(op string, f func(*C.chan_t, *C.struct_chan_lease, C.uint) C.int) error {
	for {
		_, err := l.channel.now(op, func(ch *C.chan_t) C.int64_t { return C.int64_t(f(ch, l.raw, 1)) })
		if e, ok := err.(*Error); !ok || e.Errno != syscall.EINTR {
			return err
		}
	}
}

// Ack acknowledges the message: it is consumed.
func (l *Lease) Ack() error {
	return l.settle("ack", func(ch *C.chan_t, raw *C.struct_chan_lease, n C.uint) C.int {
		return C.chan_ack(ch, raw, n)
	})
}

// Release gives it back, to be delivered again.
func (l *Lease) Release() error {
	return l.settle("release", func(ch *C.chan_t, raw *C.struct_chan_lease, n C.uint) C.int {
		return C.chan_release(ch, raw, n)
	})
}

// ReleaseAfter gives it back, and nobody gets it before delay; in a channel with headers.
func (l *Lease) ReleaseAfter(delay time.Duration) error {
	return l.settle("release_after", func(ch *C.chan_t, raw *C.struct_chan_lease, n C.uint) C.int {
		return C.chan_release_after(ch, raw, n, C.int64_t(delay))
	})
}

// Bury sets it aside: nobody gets it until somebody calls Kick.
func (l *Lease) Bury() error {
	return l.settle("bury", func(ch *C.chan_t, raw *C.struct_chan_lease, n C.uint) C.int {
		return C.chan_bury(ch, raw, n)
	})
}

// Untake gives it back, and does not count this delivery.
func (l *Lease) Untake() error {
	return l.settle("untake", func(ch *C.chan_t, raw *C.struct_chan_lease, n C.uint) C.int {
		return C.chan_untake(ch, raw, n)
	})
}

// Loan is room in the ring for a message, to be written in place.  It keeps the goroutine on
// its thread until Commit or Abort, which the same goroutine has to call, and soon: other
// senders wait.
type Loan struct {
	Data    []byte // aligned to 16
	channel *Channel
	over    bool
}

// Reserve reserves length bytes, and waits while the channel is full.
func (c *Channel) Reserve(ctx context.Context, length int) (*Loan, error) {
	if length < 0 {
		return nil, &Error{"reserve", c.name, syscall.EINVAL, "a message's length is not negative", 0}
	}
	runtime.LockOSThread()
	var where unsafe.Pointer
	_, err := c.until(ctx, "reserve", Send, func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_reserve(ch, &where, C.size_t(length), 0))
	})
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	return &Loan{Data: unsafe.Slice((*byte)(where), length), channel: c}, nil
}

// Commit sends the first length bytes.
func (l *Loan) Commit(length int) error {
	if l.over || length < 0 {
		return &Error{"commit", l.channel.name, syscall.EINVAL, "the loan is over, or the length is negative", 0}
	}
	n, err := l.channel.now("commit", func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_commit(ch, C.size_t(length)))
	})
	if e, ok := err.(*Error); ok && (e.Errno == syscall.EINVAL || e.Errno == syscall.EPERM) {
		return err // it is as it was
	}
	l.end()
	if n == C.CHAN_DROPPED {
		return ErrDropped
	}
	return err
}

// Abort sends nothing.  After Commit it does nothing, so it can be deferred.
func (l *Loan) Abort() {
	if l.over {
		return
	}
	l.channel.now("abort", func(ch *C.chan_t) C.int64_t {
		C.chan_abort(ch)
		return 0
	})
	l.end()
}

func (l *Loan) end() {
	l.over = true
	l.Data = nil
	runtime.UnlockOSThread()
}
