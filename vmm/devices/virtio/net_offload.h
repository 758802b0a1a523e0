// SPDX-License-Identifier: MIT
// Checksums and segmentation that a sender left to the device (virtio 1.2, 5.1.6.2). Between two
// drivers that can do it they are left to the receiver. For one that cannot, this and net_cut.h do
// it.
#pragma once

#include "vmm/devices/virtio/net_port.h"
#include "vmm/util/types.h"

enum { NET_NEEDS_CHECKSUM = BIT(0) };
enum { NET_GSO_NONE = 0, NET_GSO_TCP4 = 1, NET_GSO_TCP6 = 4, NET_GSO_ECN = 0x80 };

// Which protocol's segments a frame is to be cut into, without what it says of ECN.
static inline unsigned net_gso_protocol(const struct net_offload *offload)
{
    return offload->gso_type & ~(unsigned)NET_GSO_ECN;
}

// Whether it describes a frame of `bytes` bytes. What the drivers do not use is set to 0.
bool net_offload_check(struct net_offload *offload, uint32_t bytes) MUST_CHECK;

// Writes the checksum where the frame has only the sum of its pseudo header.
void net_offload_finish_checksum(struct net_frame *frame);
