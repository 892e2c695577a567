// SPDX-License-Identifier: MIT

package shmchan

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
)

// Codec is how values become messages, and messages values.
type Codec[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
}

// Bytes passes messages as they are.
var Bytes = Codec[[]byte]{
	func(b []byte) ([]byte, error) { return b, nil },
	func(b []byte) ([]byte, error) { return append([]byte(nil), b...), nil },
}

// Strings passes them as strings.
var Strings = Codec[string]{
	func(s string) ([]byte, error) { return []byte(s), nil },
	func(b []byte) (string, error) { return string(b), nil },
}

// JSON makes each value a message with its JSON.
func JSON[T any]() Codec[T] {
	return Codec[T]{
		func(v T) ([]byte, error) { return json.Marshal(v) },
		func(b []byte) (v T, err error) { err = json.Unmarshal(b, &v); return },
	}
}

// Chan is a native channel that leads to one of shmchan, or comes from there, for select.
type Chan[T any] struct {
	c    chan T
	err  error
	over chan struct{}
	once sync.Once
}

// NewReceiver returns a Chan whose C gives what is received, until the channel or the
// context ends; then C is closed, and Err says why.  A message is acknowledged when the
// goroutine that reads C has it: until then, it is delivered again if the process dies or
// the context ends.
func NewReceiver[T any](ctx context.Context, from *Channel, codec Codec[T]) *Chan[T] {
	c := newChan[T]()
	go func() {
		defer close(c.c)
		for {
			if err := c.pass(ctx, from, codec); err != nil {
				c.end(err)
				return
			}
		}
	}()
	return c
}

// NewSender returns a Chan for which what is sent to C goes to the channel, until C is
// closed by the caller, the channel ends, or the context does.  Then Done() is closed, and
// Err says why: after sending to C, wait for Done() to be sure that it was sent.
func NewSender[T any](ctx context.Context, to *Channel, codec Codec[T]) *Chan[T] {
	c := newChan[T]()
	go func() {
		for {
			select {
			case v, ok := <-c.c:
				if !ok {
					c.end(nil)
					return
				}
				msg, err := codec.Encode(v)
				if err == nil {
					err = to.Send(ctx, msg)
				}
				if err != nil && !errors.Is(err, ErrDropped) {
					c.end(err)
					return
				}
			case <-ctx.Done():
				c.end(ctx.Err())
				return
			}
		}
	}()
	return c
}

func newChan[T any]() *Chan[T] {
	return &Chan[T]{c: make(chan T), over: make(chan struct{})}
}

// C is the native channel: received from, or sent to and closed, by the caller.
func (c *Chan[T]) C() chan T { return c.c }

// Done is closed when the Chan has ended.
func (c *Chan[T]) Done() <-chan struct{} { return c.over }

// Err waits for the end and returns what ended it: nil if the channel was closed, or C was.
func (c *Chan[T]) Err() error {
	<-c.over
	return c.err
}

func (c *Chan[T]) end(err error) {
	c.once.Do(func() {
		if !errors.Is(err, ErrClosed) {
			c.err = err
		}
		close(c.over)
	})
}

// pass takes one message and passes it on.
func (c *Chan[T]) pass(ctx context.Context, from *Channel, codec Codec[T]) error {
	if from.kind == Latest { // it has no leases
		msg, err := from.Recv(ctx)
		if err != nil {
			return err
		}
		return c.give(ctx, msg, codec)
	}
	lease, err := from.Take(ctx)
	if err != nil {
		return err
	}
	if err := c.give(ctx, lease.Data, codec); err != nil {
		lease.Release()
		return err
	}
	return lease.Ack()
}

func (c *Chan[T]) give(ctx context.Context, msg []byte, codec Codec[T]) error {
	v, err := codec.Decode(msg)
	if err != nil {
		return err
	}
	select {
	case c.c <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
