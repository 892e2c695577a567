/* SPDX-License-Identifier: MIT */
/*
 * The inside of a channel, for chand and for tests.  The files of lib/ include what they
 * use.
 */
#ifndef CHAN_CHANNEL_H
#define CHAN_CHANNEL_H

#include "channel/close.h"
#include "channel/collect.h"
#include "channel/cover.h"
#include "channel/detach.h"
#include "channel/handle.h"
#include "channel/name.h"
#include "channel/receive.h"
#include "channel/reclaim.h"
#include "channel/side.h"
#include "channel/wait.h"
#include "channel/wake.h"
#include "channel/watch.h"
#include "segment/endpoint.h"

#include <string.h>

#endif
