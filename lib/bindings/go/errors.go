// SPDX-License-Identifier: MIT

package shmchan

// #include <errno.h>
// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"errors"
	"syscall"
	"unsafe"
)

// What calls fail with, for errors.Is.  The error itself is an *Error, which also is the
// errno that it has: errors.Is(err, syscall.EACCES), errors.Is(err, fs.ErrNotExist).
var (
	// ErrClosed: the channel has ended: it is closed, or the last peer that it needs left.
	ErrClosed = errors.New("shmchan: the channel has ended")
	// ErrRemoved: the channel was removed.
	ErrRemoved = errors.New("shmchan: the channel was removed")
	// ErrEmpty: there is no message now.
	ErrEmpty = errors.New("shmchan: there is no message now")
	// ErrFull: there is no room now; in a rendezvous, no receiver waits.
	ErrFull = errors.New("shmchan: there is no room now")
	// ErrTooLarge: the message is longer than the channel, or the buffer, takes.
	ErrTooLarge = errors.New("shmchan: the message is too long")
	// ErrLost: a subscriber was lapped: the Size of the Error is how many messages are lost.
	ErrLost = errors.New("shmchan: messages are lost")
	// ErrReset: the server of a request died, and the request was to be tried once only.
	ErrReset = errors.New("shmchan: the request's server has died")
	// ErrDropped: the overflow policy dropped the message.
	ErrDropped = errors.New("shmchan: the message was dropped")
	// ErrDetached: this process has detached the endpoint.
	ErrDetached = errors.New("shmchan: the endpoint is detached")
)

// Error is an error of the library.
type Error struct {
	Op    string // the function, without chan_
	Name  string // of the channel
	Errno syscall.Errno
	Text  string // the library's
	Size  uint64 // of a message that is too long: its length, or what is allowed; of ErrLost
}

func (e *Error) Error() string {
	if e.Name == "" {
		return e.Op + ": " + e.Text
	}
	return e.Op + " " + e.Name + ": " + e.Text
}

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

// Is says whether the error is one of the Err variables.
func (e *Error) Is(target error) bool {
	switch e.Errno {
	case syscall.EPIPE:
		return target == ErrClosed
	case syscall.EIDRM:
		return target == ErrRemoved
	case syscall.EMSGSIZE:
		return target == ErrTooLarge
	case syscall.ECONNRESET:
		return target == ErrReset
	case syscall.EOVERFLOW:
		return target == ErrLost
	case syscall.EAGAIN, syscall.ETIMEDOUT:
		return target == ErrFull && sends[e.Op] || target == ErrEmpty && !sends[e.Op]
	}
	return false
}

var sends = map[string]bool{"send": true, "send_meta": true, "request": true, "reply": true, "send_batch": true, "reserve": true, "commit": true}

var textOfAgain = C.GoString(C.chan_strerror(-C.EAGAIN))

// failure makes the error for a negative result.  The library keeps the details for each
// thread, so it has to be called on the thread of the call: see locked().
func failure(op, name string, result C.int64_t) error {
	err := C.int(result)
	if err == -C.EAGAIN {
		return &Error{op, name, syscall.EAGAIN, textOfAgain, 0} // it has no more to say
	}
	text := C.GoString(C.chan_strerror(err))
	if detail := C.GoString(C.chan_error_detail(err)); detail != "" {
		text += ": " + detail
	}
	return &Error{op, name, syscall.Errno(-err), text, uint64(C.chan_error_size(err))}
}

// explained makes the error for a result that has its text with it.
func explained(op, name string, r C.struct_shmchan_go_result) error {
	if r.value == -C.ENOTCONN {
		return ErrDetached
	}
	if r.why == nil {
		return failure(op, name, r.value)
	}
	defer C.free(unsafe.Pointer(r.why))
	return &Error{op, name, syscall.Errno(-r.value), C.GoString(&r.why.text[0]), uint64(r.why.size)}
}

// ended is the error of a call whose context ended while it waited: it is that of the
// context, and says, and is, what the call waited for.
type ended struct{ ctx, call error }

func (e *ended) Error() string        { return e.call.Error() + ": " + e.ctx.Error() }
func (e *ended) Unwrap() error        { return e.ctx }
func (e *ended) Is(target error) bool { return errors.Is(e.call, target) }
func (e *ended) As(target any) bool   { return errors.As(e.call, target) }
