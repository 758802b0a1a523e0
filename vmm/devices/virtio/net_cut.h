// SPDX-License-Identifier: MIT
// Cuts a long TCP segment for a driver that takes only short ones.
#pragma once

#include "vmm/util/types.h"

struct net_frame;

#define NET_HEADERS_BYTES_MAX 160

// How a frame is cut into segments.
struct net_cut {
    uint32_t network;   // offset of the IP header
    uint32_t transport; // of the TCP header
    uint32_t headers;   // bytes of all headers
    uint32_t count;     // of segments
    bool ipv6;
};

// False: the headers are not those of a TCP segment, or the segments are tiny. Such a frame can
// only be dropped.
bool net_cut_plan(const struct net_frame *frame, struct net_cut *cut) MUST_CHECK;

// A segment of a frame: its headers, and its payload in the frame.
struct net_segment {
    const uint8_t *payload;
    uint32_t payload_bytes;
    uint8_t headers[NET_HEADERS_BYTES_MAX];
};

// Makes segment `index`, whose checksums are complete.
void net_cut_segment(const struct net_frame *frame, const struct net_cut *cut, uint32_t index,
                     struct net_segment *segment);
