// SPDX-License-Identifier: MIT

package shmchan

// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Meta is the header of a message, in a channel that was made with Options.Meta.  What is not
// for the sender to say is set by what receives: see struct chan_meta in shmchan.h.
type Meta struct {
	Key      []byte // nil: it has none
	Priority *uint8 // 0 to 7; nil: it has none
	ID       []byte // 16 bytes, or nil
	TTL      time.Duration
	Delay    time.Duration
	Header   map[string]string // sent in the order of the names
	Once     bool              // of a request: it must not be delivered twice
	Keep     bool              // carry a Key or a Priority that decides nothing here, as a copy does
	Status   int32             // of a reply
	More     bool              // of a reply: others follow

	Seq     uint64
	Sent    time.Time
	PID     int
	UID     uint32
	Attempt uint32
}

// c is the header as the library takes it.
func (m *Meta) c() (*C.struct_chan_meta, error) {
	raw := &C.struct_chan_meta{}
	C.chan_meta_init(raw)
	if m == nil {
		return raw, nil
	}
	invalid := func(format string, args ...any) error {
		return &Error{"send_meta", "", syscall.EINVAL, fmt.Sprintf(format, args...), 0}
	}
	if m.Key != nil {
		if len(m.Key) > C.CHAN_KEY_MAX {
			return nil, invalid("a key has at most %d bytes, not %d", C.CHAN_KEY_MAX, len(m.Key))
		}
		raw.flags |= C.CHAN_META_HAS_KEY
		raw.key_length = C.uint32_t(len(m.Key))
		for i, b := range m.Key {
			raw.key[i] = C.char(b)
		}
	}
	if m.Priority != nil {
		raw.flags |= C.CHAN_META_HAS_PRIORITY
		raw.priority = C.uint8_t(*m.Priority)
	}
	if m.ID != nil {
		if len(m.ID) != len(raw.id) {
			return nil, invalid("an ID has %d bytes, not %d", len(raw.id), len(m.ID))
		}
		raw.flags |= C.CHAN_META_HAS_ID
		for i, b := range m.ID {
			raw.id[i] = C.uint8_t(b)
		}
	}
	if m.Once {
		raw.flags |= C.CHAN_META_ONCE
	}
	if m.Keep {
		raw.flags |= C.CHAN_META_KEEP
	}
	if m.More {
		raw.flags |= C.CHAN_META_MORE
	}
	raw.status = C.int32_t(m.Status)
	raw.ttl, raw.delay = C.int64_t(m.TTL), C.int64_t(m.Delay)
	names := make([]string, 0, len(m.Header))
	for name := range m.Header {
		names = append(names, name)
	}
	sort.Strings(names) // a map has no order, and the same header is to be the same bytes
	for _, name := range names {
		value := m.Header[name]
		if strings.ContainsRune(name+value, 0) {
			return nil, invalid("a pair has no NUL in it")
		}
		n, v := C.CString(name), C.CString(value)
		_, err := locked("send_meta", "", func() C.int64_t { return C.int64_t(C.chan_meta_put(raw, n, v)) })
		C.free(unsafe.Pointer(n))
		C.free(unsafe.Pointer(v))
		if err != nil {
			return nil, err
		}
	}
	return raw, nil
}

func received(raw *C.struct_chan_meta) *Meta {
	m := &Meta{
		TTL:     time.Duration(raw.ttl),
		Delay:   time.Duration(raw.delay),
		Header:  map[string]string{},
		Once:    raw.flags&C.CHAN_META_ONCE != 0,
		Status:  int32(raw.status),
		More:    raw.flags&C.CHAN_META_MORE != 0,
		Seq:     uint64(raw.seq),
		Sent:    time.Unix(0, int64(raw.sent)),
		PID:     int(raw.pid),
		UID:     uint32(raw.uid),
		Attempt: uint32(raw.attempt),
	}
	if raw.flags&C.CHAN_META_HAS_KEY != 0 {
		m.Key = C.GoBytes(unsafe.Pointer(&raw.key[0]), C.int(raw.key_length))
	}
	if raw.flags&C.CHAN_META_HAS_PRIORITY != 0 {
		priority := uint8(raw.priority)
		m.Priority = &priority
	}
	if raw.flags&C.CHAN_META_HAS_ID != 0 {
		m.ID = C.GoBytes(unsafe.Pointer(&raw.id[0]), C.int(len(raw.id)))
	}
	all := string(C.GoBytes(unsafe.Pointer(&raw.header[0]), C.int(raw.header_length)))
	for _, pair := range strings.Split(all, "\x00") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			m.Header[name] = value
		}
	}
	return m
}

func emptyMeta() *C.struct_chan_meta {
	return &C.struct_chan_meta{size: C.sizeof_struct_chan_meta}
}

// SendMeta is Send with a header.
func (c *Channel) SendMeta(ctx context.Context, msg []byte, meta *Meta) error {
	raw, err := meta.c()
	if err != nil {
		return err
	}
	n, err := c.until(ctx, "send_meta", Send, func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_send_meta(ch, bytesOf(msg), C.size_t(len(msg)), raw, 0))
	})
	if err == nil && n == C.CHAN_DROPPED {
		return ErrDropped
	}
	return err
}

// RecvMeta is Recv with the header.
func (c *Channel) RecvMeta(ctx context.Context) ([]byte, *Meta, error) {
	raw, room := emptyMeta(), make([]byte, firstRoom)
	for {
		n, err := c.until(ctx, "recv_meta", Recv, func(ch *C.chan_t) C.int64_t {
			return C.int64_t(C.chan_recv_meta(ch, bytesOf(room), C.size_t(len(room)), raw, 0))
		})
		if e, ok := err.(*Error); ok && e.Errno == syscall.EMSGSIZE {
			room = make([]byte, e.Size)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return room[:n:n], received(raw), nil
	}
}

// Meta returns its header, in a channel with headers.
func (l *Lease) Meta() (*Meta, error) {
	raw := emptyMeta()
	_, err := l.channel.now("lease_meta", func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_lease_meta(ch, l.raw, raw))
	})
	if err != nil {
		return nil, err
	}
	return received(raw), nil
}

// Request sends a request, a message that asks for replies, in a channel with headers, and
// returns its number.  `meta` may be nil.
func (c *Channel) Request(ctx context.Context, msg []byte, meta *Meta) (uint64, error) {
	raw, err := meta.c()
	if err != nil {
		return 0, err
	}
	var number C.uint64_t
	n, err := c.until(ctx, "request", Send, func(ch *C.chan_t) C.int64_t {
		return C.int64_t(C.chan_request(ch, bytesOf(msg), C.size_t(len(msg)), raw, 0, &number))
	})
	if err == nil && n > 0 {
		return 0, &Error{"request", c.name, syscall.ECANCELED,
			"it was dropped, or sent before, as its ID says: no reply comes", 0}
	}
	return uint64(number), err
}

// tried makes a call that waits inside the library, first without waiting.
func (c *Channel) tried(ctx context.Context, op string, f func(*C.chan_t, C.int64_t) C.int64_t) (int64, error) {
	n, err := c.now(op, func(ch *C.chan_t) C.int64_t { return f(ch, 0) })
	if err == nil || !later(err) {
		return n, err
	}
	if ctx.Err() != nil {
		return 0, &ended{ctx.Err(), err}
	}
	return c.inside(ctx, op, func(ch *C.chan_t) C.int64_t { return f(ch, C.CHAN_WAIT) })
}

// Response receives a reply to the request of that number, or to any of this endpoint's if it is
// 0; its Meta says if More follow.  ErrReset: the server died.
func (c *Channel) Response(ctx context.Context, number uint64) ([]byte, *Meta, error) {
	raw, room := emptyMeta(), make([]byte, firstRoom)
	for {
		n, err := c.tried(ctx, "response", func(ch *C.chan_t, timeout C.int64_t) C.int64_t {
			return C.int64_t(C.chan_response(ch, C.uint64_t(number), bytesOf(room), C.size_t(len(room)), raw, timeout))
		})
		if e, ok := err.(*Error); ok && e.Errno == syscall.EMSGSIZE {
			room = make([]byte, e.Size)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return room[:n:n], received(raw), nil
	}
}

// Call sends a request and receives its reply.  A deadline of the context is the request's TTL,
// if it has none.  If the call fails, the request is cancelled.
func (c *Channel) Call(ctx context.Context, msg []byte, meta *Meta) ([]byte, *Meta, error) {
	m := Meta{}
	if meta != nil {
		m = *meta
	}
	if end, ok := ctx.Deadline(); ok && m.TTL == 0 {
		if m.TTL = time.Until(end); m.TTL <= 0 {
			m.TTL = 1
		}
	}
	number, err := c.Request(ctx, msg, &m)
	if err != nil {
		return nil, nil, err
	}
	got, reply, err := c.Response(ctx, number)
	if err != nil || reply.More {
		c.Cancel(number)
	}
	return got, reply, err
}

// Cancel forgets a request, and says if it is so that nobody gets it.
func (c *Channel) Cancel(number uint64) (bool, error) {
	n, err := c.now("cancel", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_cancel(ch, C.uint64_t(number))) })
	return n == 1, err
}

// Reply replies to a request.  A reply whose Meta, which may be nil, does not say More is the
// last, and acknowledges it.  ErrDropped: its client is gone.
func (l *Lease) Reply(ctx context.Context, msg []byte, meta *Meta) error {
	raw, err := meta.c()
	if err != nil {
		return err
	}
	n, err := l.channel.tried(ctx, "reply", func(ch *C.chan_t, timeout C.int64_t) C.int64_t {
		return C.int64_t(C.chan_reply(ch, l.raw, bytesOf(msg), C.size_t(len(msg)), raw, timeout))
	})
	if err == nil && n == C.CHAN_DROPPED {
		return ErrDropped
	}
	return err
}

// Wanted says if a request is still worth a reply.
func (l *Lease) Wanted() (bool, error) {
	n, err := l.channel.now("wanted", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_wanted(ch, l.raw)) })
	return n == 1, err
}
