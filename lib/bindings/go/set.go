// SPDX-License-Identifier: MIT

package shmchan

// #include <shmchan.h>
import "C"

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// Set is many endpoints to wait for.  What a wait costs follows what became ready, and not how
// many there are.  Any number of goroutines may use it.
type Set struct {
	mu      sync.Mutex // of its calls, none of which waits
	raw     *C.chan_set_t
	members map[member]*Channel
	watch   *waiter
	closed  chan struct{}
}

type member struct {
	ch   *C.chan_t
	role Flags
}

// Ready is a member of a Set that is ready: its next call of that role, Send or Recv, may go
// on, and be it with an error.  Another receiver may have been faster, so it should not wait.
type Ready struct {
	Channel *Channel
	Role    Flags
}

// NewSet makes an empty set, which its Close ends.
func NewSet() (*Set, error) {
	s := &Set{members: map[member]*Channel{}, closed: make(chan struct{})}
	var raw *C.chan_set_t
	_, err := locked("set_create", "", func() C.int64_t { return C.int64_t(C.chan_set_create(&raw)) })
	if err != nil {
		return nil, err
	}
	s.raw = raw
	return s, nil
}

// Close ends the set; its members go on.  A Wait returns ErrDetached.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.raw == nil {
		return
	}
	close(s.closed)
	if s.watch != nil {
		s.watch.file.Close()
	}
	for _, c := range s.members {
		c.forget(s)
	}
	C.chan_set_destroy(s.raw)
	s.raw = nil
}

func (c *Channel) forget(s *Set) {
	c.setsMu.Lock()
	delete(c.sets, s)
	c.setsMu.Unlock()
}

// now makes a call, with the set's lock.
func (s *Set) now(op, name string, f func() C.int) (int, error) {
	if s.raw == nil {
		return 0, ErrDetached
	}
	n, err := locked(op, name, func() C.int64_t { return C.int64_t(f()) })
	return int(n), err
}

// Add adds an endpoint for a role, Send or Recv; for both, add it twice.  It leaves the set when
// it is detached.
func (s *Set) Add(c *Channel, role Flags) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.setsMu.Lock()
	defer c.setsMu.Unlock()
	select {
	case <-c.detached:
		return ErrDetached
	default:
	}
	_, err := s.now("set_add", c.name, func() C.int { return C.chan_set_add(s.raw, c.ch, C.uint(role), nil) })
	if err == nil {
		s.members[member{c.ch, role}] = c
		c.sets[s] = true
	}
	return err
}

// Remove removes an endpoint for a role.
func (s *Set) Remove(c *Channel, role Flags) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, err := s.now("set_remove", c.name, func() C.int { return C.chan_set_remove(s.raw, c.ch, C.uint(role)) })
	if err == nil {
		delete(s.members, member{c.ch, role})
		if _, in := s.members[member{c.ch, Send + Recv - role}]; !in {
			c.forget(s)
		}
	}
	return err
}

// leave removes an endpoint that is being detached.
func (s *Set) leave(c *Channel, ch *C.chan_t) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, role := range []Flags{Send, Recv} {
		if _, in := s.members[member{ch, role}]; in && s.raw != nil {
			C.chan_set_remove(s.raw, ch, C.uint(role))
			delete(s.members, member{ch, role})
		}
	}
}

// Wait waits until a member is ready, and returns those that are, `most` at most.  A member
// stays ready until its calls find nothing.
func (s *Set) Wait(ctx context.Context, most int) ([]Ready, error) {
	if most < 1 {
		return nil, &Error{"set_wait", "", syscall.EINVAL, fmt.Sprintf("%d is not a number of members", most), 0}
	}
	raw := make([]C.struct_chan_ready, most)
	for {
		ready, err := s.look(raw)
		if err == nil || !later(err) {
			return ready, err
		}
		if ctx.Err() != nil {
			return nil, &ended{ctx.Err(), err}
		}
		var wake <-chan struct{}
		var pause <-chan time.Time
		if busy(err) {
			pause = time.After(busyPause)
		} else {
			w, no := s.waiter()
			if no != nil {
				return nil, no
			}
			wake = w.wake
		}
		select {
		case <-wake:
		case <-pause:
		case <-ctx.Done():
			return nil, &ended{ctx.Err(), err}
		case <-s.closed:
			return nil, ErrDetached
		}
	}
}

func (s *Set) look(raw []C.struct_chan_ready) ([]Ready, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.now("set_wait", "", func() C.int { return C.chan_set_wait(s.raw, &raw[0], C.uint(len(raw)), 0) })
	if err != nil {
		return nil, err
	}
	ready := make([]Ready, n)
	for i := range ready {
		role := Flags(raw[i].role)
		ready[i] = Ready{s.members[member{raw[i].ch, role}], role}
	}
	return ready, nil
}

func (s *Set) waiter() (*waiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch != nil {
		return s.watch, nil
	}
	fd, err := s.now("set_fd", "", func() C.int { return C.chan_set_fd(s.raw) })
	if err != nil {
		return nil, err
	}
	s.watch, err = watch(fd, "set", s.closed)
	return s.watch, err
}
