// SPDX-License-Identifier: MIT
// The frames of GDB's remote protocol: packets, checksums and acknowledgements (GDB manual,
// appendix E, "Overview", "Packet Acknowledgment"). Pure.
#pragma once

#include "vmm/util/types.h"

#define RSP_PACKET_BYTES 4096 // of a packet's contents, in both directions
// Each byte may be escaped, and '$', '#' and the checksum come around it.
#define RSP_FRAME_BYTES (2 * RSP_PACKET_BYTES + 4)

enum rsp_event {
    RSP_NOTHING,
    RSP_PACKET,    // `packet` holds a whole one
    RSP_INTERRUPT, // Ctrl-C outside of a packet
    RSP_LEAVE,     // Ctrl-] outside of a packet: a person at a terminal
};

enum rsp_state { RSP_BETWEEN, RSP_BODY, RSP_ESCAPED, RSP_SUM_HIGH, RSP_SUM_LOW };

struct rsp {
    // What comes in:
    enum rsp_state state;
    uint8_t sum;    // of the bytes so far
    uint8_t wanted; // the packet's own checksum
    bool too_long;
    size_t length;
    char packet[RSP_PACKET_BYTES + 1]; // escapes are resolved, a NUL is at the end
    // What goes out:
    bool no_acks;
    bool unanswered; // the frame waits for its '+'
    char ack;        // '+' or '-', before the frame; 0: none
    size_t frame_length;
    size_t frame_sent;
    char frame[RSP_FRAME_BYTES];
};

void rsp_init(struct rsp *rsp);

// Takes the next byte of the line. A packet that breaks off is forgotten when the next one begins.
enum rsp_event rsp_byte(struct rsp *rsp, uint8_t byte);

// Whether all that was to be sent is out.
bool rsp_is_sent(const struct rsp *rsp);
// Whether it has been acknowledged too, so that the next frame may follow.
bool rsp_is_idle(const struct rsp *rsp);

// Makes a frame of `length` bytes, at most RSP_PACKET_BYTES. The frame before is forgotten.
void rsp_send(struct rsp *rsp, const char *text, size_t length);

// The bytes that the line should send now, and how many of them it has sent.
const char *rsp_pending(const struct rsp *rsp, size_t *length);
void rsp_sent(struct rsp *rsp, size_t bytes);
