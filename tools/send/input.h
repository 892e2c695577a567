/* SPDX-License-Identifier: MIT */
/*
 * Where the messages of chansend come from: stdin, files and the command line.
 *
 * All that has been read is sent before the next read(2), in batches that point into the
 * input's buffer; so a slow input is not delayed, and a fast one costs no copy and no call
 * for each message.
 */
#ifndef SHMCHAN_SEND_INPUT_H
#define SHMCHAN_SEND_INPUT_H

#include "send/sender.h"

/* Send all that the options name, until it ends or the run does. */
void input_send_all(struct sender *s);

#endif
