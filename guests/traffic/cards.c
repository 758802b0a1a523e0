// SPDX-License-Identifier: MIT
// Sends frames through virtio network devices (virtio 1.2, 5.1), as Linux' driver does it: each
// frame lies behind its header, in one buffer.
#include "guests/traffic/cards.h"

#include "guests/lib/memory.h"
#include "guests/lib/virtio.h"
#include "guests/traffic/batch.h"

#define QUEUE_RECEIVE 0
#define QUEUE_SEND 1

// Features (5.1.3).
#define CSUM BIT(0)
#define GUEST_CSUM BIT(1)
#define GUEST_TSO4 BIT(7)
#define HOST_TSO4 BIT(11)

// struct virtio_net_hdr (5.1.6), and the headers of a TCP segment behind it.
enum { NEEDS_CSUM = 1, GSO_TCPV4 = 1 };
enum { MAC_BYTES = 6, ETHERNET_BYTES = 14, IP_BYTES = 20, TCP_BYTES = 20 };
#define HEADERS_BYTES (ETHERNET_BYTES + IP_BYTES + TCP_BYTES)
#define SEGMENT_BYTES 1448
#define TCP_CHECKSUM 16
#define PROTOCOL_TCP 6

struct net_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_bytes;
    uint16_t gso_bytes;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffers;
};
#define HEADER_BYTES 12U
static_assert(sizeof(struct net_header) == HEADER_BYTES, "virtio 1.2, 5.1.6");

#define PLACE_BYTES 2048 // of one frame of many
#define AREA_BYTES (CARDS_DEPTH_MAX * (size_t)PLACE_BYTES)
static_assert(AREA_BYTES >= CARDS_FRAME_MAX + HEADER_BYTES, "one long frame");

static struct virtio sender;
static struct virtio receiver;
static uint8_t macs[2 * MAC_BYTES]; // of the receiver, and of the sender
static struct virtio_queue sent;
static struct virtio_queue received;
alignas(4096) static uint8_t outgoing[AREA_BYTES];
alignas(4096) static volatile uint8_t incoming[AREA_BYTES];

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void copy_mac(uint8_t *to, const struct virtio *of)
{
    for (unsigned i = 0; i < MAC_BYTES; i++) {
        to[i] = *(volatile uint8_t *)(uintptr_t)(of->config + i);
    }
}

// An IPv4 packet with a TCP segment, whose checksum the receiver is told not to look at.
static void prepare_frame(uint8_t *place, unsigned bytes, uint8_t mark)
{
    struct net_header header = {0};
    uint8_t *frame = place + sizeof(header);
    uint8_t *ip = frame + ETHERNET_BYTES;
    if (bytes > CARDS_FRAME_USUAL) {
        header = (struct net_header){.flags = NEEDS_CSUM,
                                     .gso_type = GSO_TCPV4,
                                     .header_bytes = HEADERS_BYTES,
                                     .gso_bytes = SEGMENT_BYTES,
                                     .checksum_start = ETHERNET_BYTES + IP_BYTES,
                                     .checksum_offset = TCP_CHECKSUM};
    }
    memcpy(place, &header, sizeof(header));
    memset(frame, mark, bytes);
    memset(ip, 0, IP_BYTES + TCP_BYTES);
    memcpy(frame, macs, sizeof(macs));
    put16(frame + (size_t)(2 * MAC_BYTES), 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, bytes - ETHERNET_BYTES);
    ip[8] = 64; // hops
    ip[9] = PROTOCOL_TCP;
    ip[IP_BYTES + 12] = TCP_BYTES / 4 << 4;
}

// A frame that goes alone has the whole area.
static size_t place_bytes(unsigned depth)
{
    return depth == 1 ? AREA_BYTES : PLACE_BYTES;
}

static void prepare(unsigned index, unsigned depth, unsigned bytes)
{
    size_t place = place_bytes(depth);
    uint8_t *from = &outgoing[index * place];
    volatile uint8_t *to = &incoming[index * place];
    unsigned whole = HEADER_BYTES + bytes;
    prepare_frame(from, bytes, (uint8_t)(index + 1));
    to[HEADER_BYTES] = 0;
    to[whole - 1] = 0;
    received.descriptors[index] =
        (struct virtio_descriptor){(uintptr_t)to, (uint32_t)place, VIRTIO_WRITE, 0};
    sent.descriptors[index] = (struct virtio_descriptor){(uintptr_t)from, whole, 0, 0};
    virtio_offer(&received, (uint16_t)index);
    virtio_offer(&sent, (uint16_t)index);
}

// The ends of the frame, and what the device says of its length.
static bool arrived(unsigned index, unsigned depth, unsigned bytes)
{
    const uint8_t *from = &outgoing[index * place_bytes(depth)];
    const volatile uint8_t *to = &incoming[index * place_bytes(depth)];
    unsigned whole = HEADER_BYTES + bytes;
    uint16_t first = (uint16_t)(received.used.index - depth);
    const volatile struct virtio_used *used =
        &received.used.ring[(uint16_t)(first + index) % received.entries];
    return used->head == index && used->bytes == whole && to[HEADER_BYTES] == from[HEADER_BYTES] &&
           to[whole - 1] == (uint8_t)(index + 1);
}

bool cards_start(void)
{
    uint64_t common = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_INDEX;
    if (!virtio_find(&sender, VIRTIO_NETWORK, 0) || !virtio_find(&receiver, VIRTIO_NETWORK, 1) ||
        !virtio_begin(&sender, common | CSUM | HOST_TSO4) ||
        !virtio_begin(&receiver, common | GUEST_CSUM | GUEST_TSO4)) {
        return false;
    }
    copy_mac(macs, &receiver);
    copy_mac(macs + MAC_BYTES, &sender);
    batch_init(&receiver);
    if (!virtio_set_queue(&sender, QUEUE_SEND, &sent, VIRTIO_ENTRIES_MAX, VIRTIO_NO_VECTOR) ||
        !virtio_set_queue(&receiver, QUEUE_RECEIVE, &received, VIRTIO_ENTRIES_MAX, BATCH_MSIX)) {
        return false;
    }
    virtio_run(&sender);
    virtio_run(&receiver);
    return true;
}

uint32_t cards_send(unsigned depth, unsigned bytes)
{
    for (unsigned i = 0; i < depth; i++) {
        prepare(i, depth, bytes);
    }
    uint32_t ticks = batch_run(&sender, QUEUE_SEND, &received, (uint16_t)depth);
    for (unsigned i = 0; i < depth; i++) {
        if (!arrived(i, depth, bytes)) {
            return 0;
        }
    }
    return ticks;
}
