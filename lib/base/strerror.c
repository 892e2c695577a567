/* SPDX-License-Identifier: MIT */
/* Errors in a channel's terms. */
#include "shmchan.h"

#include <errno.h>

const char *chan_strerror(int err)
{
	switch (err < 0 ? -err : err) {
	case 0:
		return "success";
	case EACCES:
		return "no permission for this channel";
	case EAGAIN:
		return "would have to wait: the channel is full or empty";
	case EBADF:
		return "the endpoint was not opened for this: sending needs CHAN_SEND, receiving "
		       "CHAN_RECV";
	case EBADFD:
		return "this program closed the endpoint's descriptor: detach it and open another";
	case EBADMSG:
		return "not a channel, or its segment is damaged";
	case EBUSY:
		return "a side of the channel is in exclusive use, or its lock is held by a "
		       "stopped process or a reservation";
	case ECANCELED:
		return "the message was purged before a receiver had it, or dropped";
	case EDEADLK:
		return "this thread has a reservation open in this channel: commit or abort it "
		       "first";
	case EDQUOT:
		return "quota for shared memory exceeded";
	case ECONNRESET:
		return "the request's server has died";
	case ECONNREFUSED:
		return "the channel needs chand, and chand can't be asked";
	case EEXIST:
		return "the channel exists already";
	case EFBIG:
		return "the channel is larger than any file that this process may make";
	case EINPROGRESS:
		return "chand is still making this channel: try again";
	case EIDRM:
		return "the channel was removed";
	case EINTR:
		return "interrupted";
	case EINVAL:
		return "invalid argument, option or channel name";
	case EIO:
		return "the system failed in an unexpected way";
	case EMFILE:
		return "too many open files in this process";
	case EMSGSIZE:
		return "message too large for the channel or the buffer";
	case EOVERFLOW:
		return "messages were lost: the subscriber was too slow";
	case ENFILE:
		return "too many open files in the system";
	case ENOENT:
		return "no such channel";
	case ENOLCK:
		return "no more locks: this thread or the system has as many as it can have";
	case ENOMEM:
		return "out of memory, or of memory that may be locked";
	case ENOSPC:
		return "not enough shared memory in /dev/shm";
	case ENOTCONN:
		return "the endpoint belongs to the parent process: open one after fork()";
	case EOPNOTSUPP:
		return "shared memory is not available: /dev/shm, /proc and the system calls of "
		       "shmchan(7) are needed";
	case EPERM:
		return "not allowed: another owner's name, something else under the name, or "
		       "another thread's endpoint";
	case EPIPE:
		return "the channel is closed, or has no peer left";
	case EPROTONOSUPPORT:
		return "the channel was made by another version of shmchan, perhaps a newer one";
	case EPROTOTYPE:
		return "the channel was made by a program with another libc, word size or "
		       "condition variable";
	case EROFS:
		return "/dev/shm is mounted read-only";
	case ESRCH:
		return "the name is OWNER/NAME, and there is no user OWNER";
	case ESTALE:
		return "the message is not leased by this endpoint (any more)";
	case ETIMEDOUT:
		return "timed out";
	case EUSERS:
		return "all endpoints of the channel are taken";
	case EXDEV:
		return "the channel belongs to another PID namespace";
	default:
		return "unexpected system error";
	}
}
