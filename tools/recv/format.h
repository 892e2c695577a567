/* SPDX-License-Identifier: MIT */
/*
 * chanrecv --format: %p payload, %x hexadecimal, %q quoted for a shell, %l
 * length, %L length as 4 bytes big-endian, %n channel, %s sequence, %t time, %a attempt;
 * of the header %i id, %k key, %h{NAME} a pair, %T when it was sent, %u and %P by whom;
 * %% itself; \n \t \r \0 \\ \xHH.  Pure.
 */
#ifndef SHMCHAN_FORMAT_H
#define SHMCHAN_FORMAT_H

#include "common/framing.h"

/* Check a format: 0, or -EINVAL with *bad at the first directive that is unknown. */
int format_check(const char *format, const char **bad);

/* As framing_encode(), for a format that format_check() accepted. */
ssize_t format_encode(const char *format, const struct envelope *m, char *out, size_t room);

#endif
