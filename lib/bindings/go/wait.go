// SPDX-License-Identifier: MIT

package shmchan

// #include <shmchan.h>
// #include <stdlib.h>
import "C"

import (
	"context"
	"os"
	"reflect"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// Of a stopped process that holds a lock: the descriptor stays readable meanwhile.
const busyPause = time.Millisecond

// busy: could the call not see, or is a call that waits on the endpoint being interrupted?
func busy(err error) bool {
	e, ok := err.(*Error)
	return ok && (e.Errno == syscall.EBUSY || e.Errno == syscall.EINTR)
}

// later: did the call find the channel full or empty, or could it not see?
func later(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Errno == syscall.EAGAIN || busy(err)
}

// A waiter watches the descriptor of one role, in a goroutine, and lets those that wait try,
// one at a time, as long as it is readable.
type waiter struct {
	file *os.File // a duplicate: closing it is Go's
	wake chan struct{}
}

func (c *Channel) waiter(role Flags) (*waiter, error) {
	c.waitersMu.Lock()
	defer c.waitersMu.Unlock()
	if w := c.waiters[role]; w != nil {
		return w, nil
	}
	fd, err := c.FD(role)
	if err != nil {
		return nil, err
	}
	w, err := watch(fd, c.name, c.detached)
	if err != nil {
		return nil, err
	}
	select {
	case <-c.detached: // it has closed those that it saw
		w.file.Close()
		return nil, ErrDetached
	default:
	}
	c.waiters[role] = w
	return w, nil
}

// watch watches a descriptor, until its file is closed or this is over.
func watch(fd int, name string, over <-chan struct{}) (*waiter, error) {
	own, _, no := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 3)
	if no != 0 {
		return nil, os.NewSyscallError("fcntl", no)
	}
	if err := syscall.SetNonblock(int(own), true); err != nil {
		syscall.Close(int(own))
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &waiter{os.NewFile(own, name), make(chan struct{})}
	conn, err := w.file.SyscallConn()
	if err != nil {
		w.file.Close()
		return nil, err
	}
	go conn.Read(func(fd uintptr) bool {
		for readable(fd) {
			select {
			case w.wake <- struct{}{}:
			case <-over:
				return true
			}
		}
		return false // Go's poller calls again
	})
	return w, nil
}

func readable(fd uintptr) bool {
	p := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd), events: 1}
	var zero syscall.Timespec
	for {
		n, _, err := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1,
			uintptr(unsafe.Pointer(&zero)), 0, 0, 0)
		if err != syscall.EINTR {
			return n == 1
		}
	}
}

// wait waits until a call of that role, which just failed with err, may go on.
func (c *Channel) wait(ctx context.Context, role Flags, err error) error {
	if ctx.Err() != nil {
		return &ended{ctx.Err(), err}
	}
	if busy(err) {
		pause := time.NewTimer(busyPause)
		defer pause.Stop()
		select {
		case <-pause.C:
			return nil
		case <-ctx.Done():
			return &ended{ctx.Err(), err}
		case <-c.detached:
			return ErrDetached
		}
	}
	w, no := c.waiter(role)
	if no != nil {
		return no
	}
	select {
	case <-w.wake:
		return nil
	case <-ctx.Done():
		return &ended{ctx.Err(), err}
	case <-c.detached:
		return ErrDetached
	}
}

// Case is a case of Select: to receive, to take, or to send.
type Case struct {
	Channel *Channel
	Op      Op
	Msg     []byte // of OpSend: the message.  Set by OpRecv
	Lease   *Lease // set by OpTake
}

// Op is what a case does.
type Op uint32

const (
	OpRecv Op = C.CHAN_OP_RECV
	OpTake Op = C.CHAN_OP_TAKE
	OpSend Op = C.CHAN_OP_SEND
)

func (k *Case) role() Flags {
	if k.Op == OpSend {
		return Send
	}
	return Recv
}

func (k *Case) try() (err error) {
	switch k.Op {
	case OpSend:
		return k.Channel.TrySend(k.Msg)
	case OpTake:
		k.Lease, err = k.Channel.TryTake()
	default:
		k.Msg, err = k.Channel.TryRecv()
	}
	return err
}

// Select waits until one of the cases can go on, executes that one and no other, and returns
// its index, and its error if it has one.  The index is -1 if none could go on.  Of several
// that can, one is taken by chance.
//
// A Select that sends to a rendezvous is met only by a receiver that waits inside the
// library, as one in C, or a Recv of another language, does.
func Select(ctx context.Context, cases ...*Case) (int, error) {
	return selectBy(ctx, 0, cases)
}

// SelectFirst is Select, but of several cases that can go on it takes the first.
func SelectFirst(ctx context.Context, cases ...*Case) (int, error) {
	return selectBy(ctx, C.CHAN_BIASED, cases)
}

func selectBy(ctx context.Context, order C.uint, cases []*Case) (int, error) {
	for {
		i, err := ready(order, cases)
		if err == nil {
			if err = cases[i].try(); err == nil || !later(err) {
				return i, err
			}
			continue // another was faster
		}
		if !later(err) {
			return -1, err
		}
		if err = waitAny(ctx, cases, err); err != nil {
			return -1, err
		}
	}
}

// ready asks the library which case can go on.
func ready(order C.uint, cases []*Case) (int, error) {
	if len(cases) == 0 {
		return 0, &Error{"select", "", syscall.EINVAL, "there is no case", 0}
	}
	raw := make([]C.struct_chan_case, len(cases))
	inside := make(map[*Channel]bool)
	for i, k := range cases {
		c := k.Channel
		if !inside[c] { // a lock is not taken twice: Detach may wait in between
			inside[c] = true
			c.mu.RLock()
			defer c.mu.RUnlock()
		}
		if c.ch == nil {
			return 0, ErrDetached
		}
		raw[i].size = C.uint32_t(unsafe.Sizeof(raw[i]))
		raw[i].op = C.uint32_t(k.Op)
		raw[i].ch = c.ch
		if k.Op == OpSend {
			raw[i].len = C.size_t(len(k.Msg))
		} else {
			raw[i].len = 1
		}
	}
	// Only asked, the library touches no data, but a case has to have some.
	data := C.malloc(1)
	defer C.free(data)
	for i := range raw {
		raw[i].data = data
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	i := C.chan_select(&raw[0], C.uint(len(raw)), 0, order|C.CHAN_ONLY_READY)
	if i < 0 {
		return 0, failure("select", "", C.int64_t(i))
	}
	return int(i), nil
}

func waitAny(ctx context.Context, cases []*Case, err error) error {
	if ctx.Err() != nil {
		return &ended{ctx.Err(), err}
	}
	on := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	if busy(err) {
		pause := time.NewTimer(busyPause)
		defer pause.Stop()
		on = append(on, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(pause.C)})
	} else {
		for _, k := range cases {
			w, err := k.Channel.waiter(k.role())
			if err != nil {
				return err
			}
			on = append(on, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(w.wake)},
				reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(k.Channel.detached)})
		}
	}
	if i, _, _ := reflect.Select(on); i == 0 {
		return &ended{ctx.Err(), err}
	}
	return nil
}
