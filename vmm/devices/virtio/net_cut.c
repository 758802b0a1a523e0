// SPDX-License-Identifier: MIT
// Makes short TCP segments of a long one: new lengths, sequence numbers, flags and checksums.
#include "vmm/devices/virtio/net_cut.h"

#include "vmm/devices/virtio/net_checksum.h"
#include "vmm/devices/virtio/net_offload.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/util/string.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define VLAN_BYTES 4

// IPv4 (RFC 791, 3.1), IPv6 (RFC 8200, 3), TCP (RFC 9293, 3.1): offsets in the headers.
#define IPV4_BYTES 20
#define IPV4_LENGTH 2
#define IPV4_ID 4
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_ADDRESSES 12
#define IPV6_BYTES 40
#define IPV6_LENGTH 4
#define IPV6_NEXT 6
#define IPV6_ADDRESSES 8
#define TCP_BYTES 20
#define TCP_SEQUENCE 4
#define TCP_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define PROTOCOL_TCP 6
// No link of today needs smaller segments. Without a limit a sender could make the receiver work
// for tens of thousands of them.
#define CUT_BYTES_MIN 256
enum { TCP_FIN = BIT(0), TCP_PSH = BIT(3), TCP_CWR = BIT(7) };

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

// Sets the offset of the IP header. False: the frame has none of that version, or is too short.
static bool find_network(const struct net_frame *frame, struct net_cut *cut)
{
    const uint8_t *data = frame->data;
    unsigned version = cut->ipv6 ? TYPE_IPV6 : TYPE_IPV4;
    unsigned bytes = cut->ipv6 ? IPV6_BYTES : IPV4_BYTES;
    cut->network = NET_ETHERNET_BYTES;
    if (get16(data + NET_ETHERNET_BYTES - 2) == TYPE_VLAN) {
        cut->network += VLAN_BYTES;
    }
    return frame->bytes >= cut->network + bytes && get16(data + cut->network - 2) == version &&
           data[cut->network + (cut->ipv6 ? IPV6_NEXT : IPV4_PROTOCOL)] == PROTOCOL_TCP;
}

bool net_cut_plan(const struct net_frame *frame, struct net_cut *cut)
{
    const uint8_t *data = frame->data;
    cut->ipv6 = net_gso_protocol(&frame->offload) == NET_GSO_TCP6;
    if (!find_network(frame, cut)) {
        return false;
    }
    unsigned bytes = cut->ipv6 ? IPV6_BYTES : (data[cut->network] & 15U) * 4;
    cut->transport = cut->network + bytes;
    if (bytes < IPV4_BYTES || cut->transport + TCP_BYTES > frame->bytes) {
        return false;
    }
    unsigned tcp_bytes = (data[cut->transport + TCP_OFFSET] >> 4) * 4U;
    cut->headers = cut->transport + tcp_bytes;
    if (tcp_bytes < TCP_BYTES || cut->headers >= frame->bytes) {
        return false;
    }
    uint32_t size = frame->offload.gso_size;
    if (size < CUT_BYTES_MIN) {
        return false;
    }
    cut->count = (frame->bytes - cut->headers + size - 1) / size;
    return true;
}

static void patch_network(uint8_t *headers, const struct net_cut *cut, uint32_t index,
                          uint32_t bytes)
{
    uint8_t *ip = headers + cut->network;
    if (cut->ipv6) {
        put16(ip + IPV6_LENGTH, bytes - IPV6_BYTES);
        return;
    }
    put16(ip + IPV4_LENGTH, bytes);
    put16(ip + IPV4_ID, get16(ip + IPV4_ID) + index);
    put16(ip + IPV4_CHECKSUM, 0);
    net_checksum_put(ip + IPV4_CHECKSUM, net_checksum_add(0, ip, cut->transport - cut->network));
}

static void patch_transport(struct net_segment *segment, const struct net_cut *cut, uint32_t offset,
                            bool last)
{
    const uint8_t *ip = segment->headers + cut->network;
    uint8_t *tcp = segment->headers + cut->transport;
    uint32_t header_bytes = cut->headers - cut->transport;
    uint8_t pseudo[4] = {0, PROTOCOL_TCP};
    put32(tcp + TCP_SEQUENCE, get32(tcp + TCP_SEQUENCE) + offset);
    tcp[TCP_FLAGS] &= (uint8_t) ~((last ? 0 : TCP_FIN | TCP_PSH) | (offset > 0 ? TCP_CWR : 0));
    put16(tcp + TCP_CHECKSUM, 0);
    put16(pseudo + 2, header_bytes + segment->payload_bytes);
    uint64_t sum = cut->ipv6 ? net_checksum_add(0, ip + IPV6_ADDRESSES, 32)
                             : net_checksum_add(0, ip + IPV4_ADDRESSES, 8);
    sum = net_checksum_add(sum, pseudo, sizeof(pseudo));
    sum = net_checksum_add(sum, tcp, header_bytes);
    net_checksum_put(tcp + TCP_CHECKSUM,
                     net_checksum_add(sum, segment->payload, segment->payload_bytes));
}

void net_cut_segment(const struct net_frame *frame, const struct net_cut *cut, uint32_t index,
                     struct net_segment *segment)
{
    uint32_t offset = index * frame->offload.gso_size;
    uint32_t left = frame->bytes - cut->headers - offset;
    segment->payload = frame->data + cut->headers + offset;
    segment->payload_bytes = MIN(left, frame->offload.gso_size);
    memcpy(segment->headers, frame->data, cut->headers);
    patch_network(segment->headers, cut, index,
                  cut->headers - cut->network + segment->payload_bytes);
    patch_transport(segment, cut, offset, left == segment->payload_bytes);
}
