// SPDX-License-Identifier: MIT

package shmchan

// #include <shmchan.h>
import "C"

import (
	"syscall"
	"time"
	"unsafe"
)

// Stat is a channel's state, each figure for an instant: see struct chan_stat in shmchan.h.
type Stat struct {
	Flags                               uint32
	Capacity, Used, Depth               uint64
	Sent, Received                      uint64
	DroppedNewest, DroppedOldest        uint64
	DroppedLeased                       uint64
	Redelivered, Recoveries             uint64
	Bytes, Segment                      uint64
	Created                             time.Time
	Linger                              time.Duration
	MaxMessage, Overflow, Mode          uint32
	UID, GID, Lifetime, Kind, Endpoints uint32
	Senders, Receivers, Closed          uint32
	Damaged                             bool
	Removed, Format                     uint32
	Full                                bool
	Idle                                time.Duration
	Paused                              bool
	Type                                uint64
	Kept, Lost, Evicted                 uint64
	Patience                            time.Duration
	OnLag                               Lag
	MaxGroups                           uint32
	StartCapacity, MaxCapacity          uint64
	PeakCapacity, Grown                 uint64
	GrownAt                             time.Time
	GrownBy                             int
	GrownWhy                            uint32
	GrowError                           syscall.Errno
}

// Stat returns the channel's state.
func (c *Channel) Stat() (Stat, error) {
	raw := &C.struct_chan_stat{}
	raw.size = C.uint32_t(unsafe.Sizeof(*raw))
	_, err := c.now("stat", func(ch *C.chan_t) C.int64_t { return C.int64_t(C.chan_stat(ch, raw)) })
	if err != nil {
		return Stat{}, err
	}
	return Stat{
		uint32(raw.flags),
		uint64(raw.capacity), uint64(raw.used), uint64(raw.depth),
		uint64(raw.sent), uint64(raw.received),
		uint64(raw.dropped_newest), uint64(raw.dropped_oldest),
		uint64(raw.dropped_leased),
		uint64(raw.redelivered), uint64(raw.recoveries),
		uint64(raw.bytes), uint64(raw.segment),
		time.Unix(0, int64(raw.created)),
		time.Duration(raw.linger),
		uint32(raw.max_message), uint32(raw.overflow), uint32(raw.mode),
		uint32(raw.uid), uint32(raw.gid), uint32(raw.lifetime), uint32(raw.kind), uint32(raw.endpoints),
		uint32(raw.senders), uint32(raw.receivers), uint32(raw.closed),
		raw.damaged != 0,
		uint32(raw.removed), uint32(raw.format),
		raw.full != 0,
		time.Duration(raw.idle),
		raw.paused != 0,
		uint64(raw._type),
		uint64(raw.kept), uint64(raw.lost), uint64(raw.evicted),
		time.Duration(raw.patience),
		Lag(raw.on_lag),
		uint32(raw.max_groups),
		uint64(raw.start_capacity), uint64(raw.max_capacity),
		uint64(raw.peak_capacity), uint64(raw.grown),
		time.Unix(0, int64(raw.grown_at)),
		int(raw.grown_by),
		uint32(raw.grown_why),
		syscall.Errno(raw.grow_error),
	}, nil
}

// Endpoint is a live endpoint, as it registered itself.
type Endpoint struct {
	ID       uint32
	Roles    Flags
	PID      int
	UID      uint32
	Attached time.Time
	Waiting  int64 // CLOCK_MONOTONIC, ns: since when it waits inside the library, or 0
	Command  string
}

// Endpoints returns the live endpoints.
func (c *Channel) Endpoints() ([]Endpoint, error) {
	raw := make([]C.struct_chan_endpoint, 16)
	for {
		n, err := c.now("endpoints", func(ch *C.chan_t) C.int64_t {
			return C.int64_t(C.chan_endpoints(ch, &raw[0], C.uint(len(raw))))
		})
		if err != nil {
			return nil, err
		}
		if int(n) > len(raw) {
			raw = make([]C.struct_chan_endpoint, n+16)
			continue
		}
		all := make([]Endpoint, n)
		for i := range all {
			e := &raw[i]
			all[i] = Endpoint{uint32(e.id), Flags(e.roles), int(e.pid), uint32(e.uid),
				time.Unix(0, int64(e.attached)), int64(e.waiting), C.GoString(&e.command[0])}
		}
		return all, nil
	}
}

// Subscriber is a subscriber of a broadcast, or a group: see struct chan_subscriber in
// shmchan.h.
type Subscriber struct {
	State              uint32 // 0 active, 1 evicted, 2 expired
	OnLag              Lag
	ID                 uint32
	PID                int // 0: a group without a user
	Seq, Lag, LagBytes uint64
	Lost               uint64
	Patience, GroupAge time.Duration
	Group              string
}

// Subscribers returns the live subscribers and the groups of a broadcast.
func (c *Channel) Subscribers() ([]Subscriber, error) {
	raw := make([]C.struct_chan_subscriber, 16)
	for {
		n, err := c.now("subscribers", func(ch *C.chan_t) C.int64_t {
			return C.int64_t(C.chan_subscribers(ch, &raw[0], C.uint(len(raw))))
		})
		if err != nil {
			return nil, err
		}
		if int(n) > len(raw) {
			raw = make([]C.struct_chan_subscriber, n+16)
			continue
		}
		all := make([]Subscriber, n)
		for i := range all {
			s := &raw[i]
			all[i] = Subscriber{uint32(s.state), Lag(s.on_lag), uint32(s.id), int(s.pid),
				uint64(s.seq), uint64(s.lag), uint64(s.lag_bytes), uint64(s.lost),
				time.Duration(s.patience), time.Duration(s.group_age), C.GoString(&s.group[0])}
		}
		return all, nil
	}
}

// Peeked is a message that was looked at.
type Peeked struct {
	Data    []byte
	Seq     uint64
	Attempt uint32
	Leased  bool
}

// Cursor is where Peek stands.  The zero value stands before the first message.
type Cursor struct {
	LeasedToo bool // show leased messages, too
	raw       C.struct_chan_cursor
}

// Peek copies the next message at or after the cursor, which moves behind it.  The message
// stays.  ErrEmpty: there is none.
func (c *Channel) Peek(at *Cursor) (Peeked, error) {
	if at.LeasedToo {
		at.raw.flags |= C.CHAN_LEASED_TOO
	}
	room := make([]byte, firstRoom)
	for {
		n, err := c.now("peek", func(ch *C.chan_t) C.int64_t {
			return C.int64_t(C.chan_peek(ch, bytesOf(room), C.size_t(len(room)), &at.raw))
		})
		if e, ok := err.(*Error); ok && e.Errno == syscall.EMSGSIZE {
			room = make([]byte, e.Size)
			continue
		}
		if err != nil {
			return Peeked{}, err
		}
		return Peeked{room[:n:n], uint64(at.raw.seq), uint32(at.raw.attempt),
			at.raw.flags&C.CHAN_IS_LEASED != 0}, nil
	}
}
