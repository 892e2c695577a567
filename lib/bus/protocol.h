/* SPDX-License-Identifier: MIT */
/*
 * The words and limits of chand's protocol, for chand, the library and the programs;
 * daemon/PROTOCOL.md says what they mean.
 */
#ifndef CHAN_PROTOCOL_H
#define CHAN_PROTOCOL_H

/* A packet's first line is MESSAGE_PROTOCOL, a space, and a verb or what the packet is. */
#define MESSAGE_PROTOCOL "chand/1"
#define MESSAGE_MAX 4096 /* bytes of a packet, either way */

/* Requests. */
#define VERB_OPEN "OPEN"
#define VERB_CREATE "CREATE"
#define VERB_REMOVE "REMOVE"
#define VERB_LIST "LIST"
#define VERB_INFO "INFO"
#define VERB_STATUS "STATUS"
#define VERB_MONITOR "MONITOR"
#define VERB_METRICS "METRICS"

/* Answers.  OK, or ERROR with an errno, is the whole of one; END ends a longer one. */
#define PACKET_OK "OK"
#define PACKET_ERROR "ERROR"
#define PACKET_CHANNEL "CHANNEL"
#define PACKET_ENDPOINT "ENDPOINT"
#define PACKET_TEXT "TEXT"
#define PACKET_EVENT "EVENT"
#define PACKET_END "END"

#define KEY_REASON "reason" /* of an ERROR: a sentence for people */

/* Where the system's chand has its socket, and what names another one. */
#define CONTROL_SYSTEM "/run/chand/control"
#define CONTROL_VARIABLE "SHMCHAN_CONTROL"

#endif
