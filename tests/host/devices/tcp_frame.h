// SPDX-License-Identifier: MIT
// Frames with a TCP segment, for tests of checksums and segmentation.
#pragma once

#include "vmm/util/types.h"

struct net_frame;

// Offsets in a frame without a VLAN tag.
#define FRAME_IP 14
#define FRAME_TCP4 34
#define FRAME_TCP6 54

// Makes a frame with the numbers 0, 1, 2... as payload, in memory of the caller's own. Its offload
// asks for segments of `gso_size` bytes, or (0) for the checksum only. The checksum is the sum of
// the pseudo header.
void tcp_frame_make(struct net_frame *frame, bool ipv6, uint32_t payload, uint16_t gso_size);

// Whether the checksums of IPv4 and TCP are right, computed byte by byte. `ip` is the offset of the
// IP header.
bool tcp_frame_is_right(const uint8_t *frame, uint32_t bytes, uint32_t ip);
