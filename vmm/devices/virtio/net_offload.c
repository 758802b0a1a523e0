// SPDX-License-Identifier: MIT
// Checks what a sender leaves to the device, and completes checksums.
#include "vmm/devices/virtio/net_offload.h"

#include "vmm/devices/virtio/net_checksum.h"
#include "vmm/devices/virtio/net_port.h"

bool net_offload_check(struct net_offload *offload, uint32_t bytes)
{
    unsigned type = net_gso_protocol(offload);
    offload->flags &= NET_NEEDS_CHECKSUM;
    offload->num_buffers = 1;
    if (!offload->flags) {
        *offload = (struct net_offload){.gso_type = offload->gso_type, .num_buffers = 1};
    } else if (offload->csum_start < NET_ETHERNET_BYTES ||
               (uint32_t)offload->csum_start + offload->csum_offset + 2 > bytes) {
        return false;
    }
    if (offload->gso_type == NET_GSO_NONE) {
        offload->gso_size = 0;
        offload->hdr_len = 0;
        return bytes <= NET_FRAME_BYTES_PLAIN;
    }
    return (type == NET_GSO_TCP4 || type == NET_GSO_TCP6) && offload->flags &&
           offload->gso_size != 0 && offload->hdr_len <= bytes;
}

void net_offload_finish_checksum(struct net_frame *frame)
{
    const struct net_offload *offload = &frame->offload;
    uint8_t *start = frame->data + offload->csum_start;
    net_checksum_put(start + offload->csum_offset,
                     net_checksum_add(0, start, frame->bytes - offload->csum_start));
}
