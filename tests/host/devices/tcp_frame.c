// SPDX-License-Identifier: MIT
// Makes and checks frames by the RFCs, a byte at a time.
#include "tests/host/devices/tcp_frame.h"

#include <string.h>

#include "vmm/devices/virtio/net_offload.h"
#include "vmm/devices/virtio/net_port.h"

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

// The sum of big-endian words, folded.
static uint32_t sum(uint32_t start, const uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        start += i & 1 ? at[i] : (uint32_t)at[i] << 8;
        start = (start & 0xffff) + (start >> 16);
    }
    return start;
}

static uint32_t pseudo_sum(const uint8_t *ip, uint32_t tcp_bytes)
{
    uint32_t start = sum(6 + (tcp_bytes & 0xffff), NULL, 0);
    return ip[0] >> 4 == 6 ? sum(start, ip + 8, 32) : sum(start, ip + 12, 8);
}

void tcp_frame_make(struct net_frame *frame, bool ipv6, uint32_t payload, uint16_t gso_size)
{
    static const uint8_t ipv4_header[] = {0x45, 0, 0,  0, 0x12, 0x34, 0x40, 0, 64, 6,
                                          0,    0, 10, 0, 0,    1,    10,   0, 0,  2};
    static const uint8_t tcp_header[] = {0x12, 0x34, 0,    80,   0xff, 0xff, 0xff, 0, 0, 0,
                                         0,    7,    0x50, 0x99, 0x10, 0,    0,    0, 0, 0};
    static const uint8_t ethernet[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    uint8_t *ip = frame->data + FRAME_IP;
    uint32_t tcp_at = ipv6 ? FRAME_TCP6 : FRAME_TCP4;
    uint8_t *tcp = frame->data + tcp_at;
    frame->bytes = tcp_at + 20 + payload;
    memset(frame->data, 0, frame->bytes);
    memcpy(frame->data, ethernet, sizeof(ethernet));
    put16(frame->data + 12, ipv6 ? 0x86dd : 0x0800);
    if (ipv6) {
        ip[0] = 0x60;
        put16(ip + 4, 20 + payload);
        ip[6] = 6;
        ip[7] = 64;
        memset(ip + 8, 0xfd, 32);
    } else {
        memcpy(ip, ipv4_header, sizeof(ipv4_header));
        put16(ip + 2, 40 + payload);
        put16(ip + 10, ~sum(0, ip, 20));
    }
    memcpy(tcp, tcp_header, sizeof(tcp_header));
    put16(tcp + 16, pseudo_sum(ip, 20 + payload));
    for (uint32_t i = 0; i < payload; i++) {
        tcp[20 + i] = (uint8_t)i;
    }
    frame->offload = (struct net_offload){
        .flags = NET_NEEDS_CHECKSUM,
        .gso_type = gso_size == 0 ? NET_GSO_NONE
                    : ipv6        ? NET_GSO_TCP6
                                  : NET_GSO_TCP4,
        .hdr_len = gso_size == 0 ? 0 : (uint16_t)(tcp_at + 20),
        .gso_size = gso_size,
        .csum_start = (uint16_t)tcp_at,
        .csum_offset = 16,
        .num_buffers = 1,
    };
}

bool tcp_frame_is_right(const uint8_t *frame, uint32_t bytes, uint32_t ip)
{
    bool ipv6 = frame[ip] >> 4 == 6;
    uint32_t tcp = ip + (ipv6 ? 40 : 20);
    uint32_t length = (uint32_t)frame[ip + (ipv6 ? 4 : 2)] << 8 | frame[ip + (ipv6 ? 5 : 3)];
    return length == bytes - (ipv6 ? tcp : ip) && (ipv6 || sum(0, frame + ip, 20) == 0xffff) &&
           sum(pseudo_sum(frame + ip, bytes - tcp), frame + tcp, bytes - tcp) == 0xffff;
}
