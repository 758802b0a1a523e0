// SPDX-License-Identifier: MIT
// Fuzzes a virtio device in a VM that does anything at any time: to its registers, to the queues
// and buffers in its memory, and to that memory while the device reads it. After all of that the
// device must still serve a driver that keeps to the rules.
#include "vmm/devices/virtio/virtio_device.h"

#include <stdlib.h>
#include <string.h>

#include "tests/host/devices/fake_disk.h"
#include "tests/host/devices/tcp_frame.h"
#include "tests/host/net/switch_fixture.h"
#include "vmm/devices/virtio/net_offload.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_balloon.h"
#include "vmm/devices/virtio/virtio_block.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/devices/virtio/virtio_entropy.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/devices/virtio/virtqueue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOW_BYTES 0x4000
#define PIECE 0x1000 // what is reached without `translate`
#define PIECE_BYTES 0x1000
#define HIGH_RAM (4 * GIB)
#define HIGH_BYTES 0x1000
#define SLACK (8 * KIB) // by which the last step of a turn may exceed the budget

static struct virtio_memory memory;
static struct virtio_output output;
static struct virtio_block block;
static struct virtio_entropy entropy;
static struct virtio_network network;
static struct entropy_source source;
static struct virtio_console console;
static struct console_line line;
static uint64_t printed; // bytes
static struct virtio_balloon balloon;
static struct balloon_owner owner;
static uint64_t moved; // pages
static struct fake_disk disk;
static struct virtio_device *device;
static alignas(4096) uint8_t low[LOW_BYTES];
static alignas(4096) uint8_t high[HIGH_BYTES];
static unsigned interrupts;
static bool wanted;
static bool tame; // the VM keeps to the rules now

static const uint8_t *input;
static size_t input_left;

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static uint8_t take8(void)
{
    if (input_left == 0) {
        return 0;
    }
    input_left--;
    return *input++;
}

static uint16_t take16(void)
{
    uint16_t first = take8();
    return (uint16_t)(first | take8() << 8);
}

static void *place(uint64_t gpa, uint64_t bytes)
{
    if (gpa < LOW_BYTES && bytes <= LOW_BYTES - gpa) {
        return low + gpa;
    }
    uint64_t offset = gpa - HIGH_RAM;
    return offset < HIGH_BYTES && bytes <= HIGH_BYTES - offset ? high + offset : NULL;
}

// One word of memory becomes one of the input's. Small values make chains and indexes.
static void poke(void)
{
    uint8_t *at = low + (take16() & (LOW_BYTES - 2));
    uint16_t value = take16();
    memcpy(at, &value, sizeof(value));
}

// Another vCPU writes just before the device reads.
static void *translate(struct virtio_memory *of, uint64_t gpa, uint64_t bytes)
{
    require(of == &memory);
    if (!tame && input_left > 0 && (take8() & 7) == 0) {
        poke();
    }
    return place(gpa, bytes);
}

static void interrupt(struct virtio_output *of, enum virtio_cause cause, uint16_t vector)
{
    require(of == &output && device->status & VIRTIO_DRIVER_OK);
    require(cause == VIRTIO_CAUSE_QUEUE || cause == VIRTIO_CAUSE_CONFIG);
    require(vector < 4 || vector == VIRTIO_NO_VECTOR);
    interrupts++;
}

static void work_wanted(struct virtio_output *of)
{
    require(of == &output);
    wanted = true;
}

static bool fill(struct entropy_source *of, uint64_t *to, unsigned words)
{
    require(of == &source);
    memset(to, 0x55, words * sizeof(*to));
    return tame || (take8() & 15) != 0;
}

static unsigned put(struct console_line *of, const uint8_t *bytes, unsigned count)
{
    uint8_t text[4 * KIB];
    require(of == &line && count <= sizeof(text));
    count = tame ? count : MIN(count, take8() * 16U);
    memcpy(text, bytes, count);
    printed += count;
    return count;
}

static unsigned take(struct console_line *of, uint8_t *bytes, unsigned count)
{
    require(of == &line && count > 0);
    count = tame ? 0 : MIN(count, take8() & 0x3fU);
    memset(bytes, 'x', count);
    return count;
}

static bool move(struct balloon_owner *of, uint32_t page, bool away)
{
    (void)page;
    require(of == &owner);
    bool there = away || tame || (take8() & 7) != 0;
    moved += there;
    return there;
}

static void forget(struct balloon_owner *of)
{
    require(of == &owner && balloon.config.actual == 0);
}

static const uint8_t own_mac[NET_MAC_BYTES] = {2, 0, 0, 0, 0, 1}; // lan_mac(0)
static uint32_t accepted; // the low half of the features that the driver accepts

static void make_small_device(bool is_balloon)
{
    if (is_balloon) {
        virtio_balloon_init(&balloon, &memory, &owner);
        device = &balloon.device;
    } else {
        virtio_entropy_init(&entropy, &memory, &source);
        device = &entropy.device;
    }
}

static void set_up(uint8_t kind)
{
    static const uint32_t chosen[] = {0xffffffff, 0, ~(uint32_t)NETWORK_GUEST_CSUM,
                                      ~(uint32_t)(NETWORK_GUEST_TSO4 | NETWORK_MRG_RXBUF)};
    tame = false;
    wanted = false;
    accepted = chosen[take8() & 3];
    memory = (struct virtio_memory){
        .start = PIECE, .bytes = PIECE_BYTES, .at = low + PIECE, .translate = translate};
    output = (struct virtio_output){interrupt, work_wanted};
    source.fill = fill;
    line = (struct console_line){put, take};
    owner = (struct balloon_owner){move, forget};
    memset(low, 0, sizeof(low));
    memset(high, 0, sizeof(high));
    lan_set_up();
    fake_disk_init(&disk, kind & 4 ? 3 * 512UL : FAKE_DISK_BYTES, kind & 8);
    disk.fails = kind & 16;
    switch (kind & 3) {
    case 0:
        virtio_block_init(&block, &memory, &disk.backend,
                          1 + (kind >> 5) % VIRTIO_BLOCK_QUEUES_MAX);
        device = &block.device;
        break;
    case 1:
        make_small_device(kind & 4);
        break;
    case 3:
        virtio_console_init(&console, &memory, &line, 80, 25);
        device = &console.device;
        break;
    default:
        virtio_network_init(&network, &memory, &lan.ports[0].port, own_mac,
                            1 + (kind >> 2) % VIRTIO_NETWORK_PAIRS_MAX);
        device = &network.device;
        break;
    }
    virtio_device_connect(device, &output, 4);
}

// ---- The driver ----

#define QUEUE_AT(queue) ((queue)*0x380ULL)

static void write_register(unsigned offset, unsigned width, uint64_t value)
{
    virtio_device_write(device, offset, width, value);
}

// The accepted features, all queues with 16 entries, DRIVER_OK.
static void start(void)
{
    write_register(20, 1, 0);
    for (unsigned i = 0; i < 2; i++) {
        write_register(8, 4, i);
        write_register(12, 4, i == 0 ? accepted : 0xffffffff);
    }
    write_register(20, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    for (unsigned i = 0; i < device->queue_count; i++) {
        write_register(22, 2, i);
        write_register(24, 2, 16);
        write_register(26, 2, i);
        write_register(32, 8, QUEUE_AT(i));
        write_register(40, 8, QUEUE_AT(i) + 0x100);
        write_register(48, 8, QUEUE_AT(i) + 0x200);
        write_register(28, 2, 1);
    }
    write_register(20, 1, VIRTIO_DRIVER_OK);
}

static void put_descriptor(uint64_t at, uint64_t gpa, uint32_t bytes, uint16_t flags, uint16_t next)
{
    void *to = place(at, 16);
    struct {
        uint64_t gpa;
        uint32_t bytes;
        uint16_t flags;
        uint16_t next;
    } descriptor = {gpa, bytes, flags, next};
    if (to) {
        memcpy(to, &descriptor, sizeof(descriptor));
    }
}

static void offer(unsigned queue, uint16_t head)
{
    uint8_t *available = low + QUEUE_AT(queue) + 0x100;
    uint16_t index;
    memcpy(&index, available + 2, 2);
    memcpy(available + 4 + 2UL * (index % 16), &head, 2);
    index++;
    memcpy(available + 2, &index, 2);
}

// A request as a driver makes it, but with places, lengths and flags of the input's.
static void offer_request(uint8_t how)
{
    unsigned queue = how >> 4 & 7;
    unsigned count = 1 + (how & 3);
    uint16_t head = take8() & 15;
    uint64_t table = QUEUE_AT(queue);
    if (how & 4) {
        table = 0x2000 + (take8() & 0x3f) * 16 + (how & 8 ? 1 : 0);
        put_descriptor(QUEUE_AT(queue) + 16UL * head, table, 16 * count, 4, 0);
    }
    for (unsigned i = 0; i < count; i++) {
        uint8_t bits = take8();
        uint64_t gpa = (bits & 0xe0 ? 0x2000 : HIGH_RAM) + take8() * 16UL;
        uint32_t bytes = bits & 0x10 ? take16() : (uint32_t)take8() << 9 >> (bits & 15);
        unsigned index = how & 4 ? i : (head + i) & 15;
        put_descriptor(table + 16UL * index, gpa, bytes,
                       (uint16_t)((i + 1 < count) | (i > 0 && !(bits & 8) ? 2 : 0)),
                       (uint16_t)((index + 1) & 15));
    }
    offer(queue, head);
}

// The header of a block request with a type that exists, mostly.
static void put_header(void)
{
    uint32_t words[4] = {take8() & 15, 0, take16(), 0};
    memcpy(low + 0x2000 + (take8() & 0x3f) * 16UL, words, sizeof(words));
}

// The head of a frame that the device may send, or of a command.
static void put_frame(void)
{
    uint8_t head[12 + NET_ETHERNET_BYTES] = {take8(), take8(), 0,       0, take8(), take8(),
                                             take8(), 0,       take8(), 0, 0,       0};
    memcpy(head + 12, own_mac, NET_MAC_BYTES);
    head[12 + NET_MAC_BYTES - 1] = 2; // the neighbour
    memcpy(head + 12 + NET_MAC_BYTES, own_mac, NET_MAC_BYTES);
    memcpy(low + 0x2000 + (take8() & 0x3f) * 16UL, head, sizeof(head));
}

// A range to discard, or a command with tables of addresses.
static void put_range(void)
{
    uint64_t range[2] = {take8(), take8() | (uint64_t)(take8() & 3) << 32};
    memcpy(low + 0x2000 + (take8() & 0x3f) * 16UL, range, sizeof(range));
}

static void put_command(void)
{
    uint8_t command[] = {take8() & 7, take8() & 7, take8() & 3, 0, 0, 0, 2, 0, 0, 0, 0,
                         3,           take8() & 1, 0,           0, 0, 1, 0, 0, 0, 0, 4};
    memcpy(low + 0x2000 + (take8() & 0x3f) * 16UL, command, sizeof(command));
}

// ---- The neighbour on the network ----

static bool copy_input(struct net_packet *packet, uint8_t *to)
{
    uint32_t bytes = packet->bytes - NET_ETHERNET_BYTES;
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = i < 100 ? take8() : (uint8_t)i;
    }
    return take8() != 1;
}

static void send_from_neighbour(struct net_packet *packet)
{
    if (net_offload_check(&packet->offload, packet->bytes)) {
        int64_t budget = 1 * MIB;
        require(lan.ports[1].port.send(&lan.ports[1].port, packet, &budget));
        virtio_network_arrived(&network);
    }
}

// A frame from another device, which let pass what a device lets pass.
static void frame_from_neighbour(void)
{
    struct net_packet packet = {
        .bytes = NET_ETHERNET_BYTES + take16(),
        .copy_pieces = copy_input,
        .ethernet = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8},
    };
    uint8_t *offload = (uint8_t *)&packet.offload;
    for (unsigned i = 0; i < sizeof(packet.offload); i++) {
        offload[i] = take8();
    }
    packet.ethernet[0] |= take8() & 1;
    send_from_neighbour(&packet);
}

// The same with a TCP segment that is right but for a few bytes.
static void segment_from_neighbour(void)
{
    static uint64_t made[10000 / sizeof(uint64_t)];
    struct net_frame *frame = (struct net_frame *)made;
    uint8_t how = take8();
    tcp_frame_make(frame, how & 1, 1 + take8() * 32U, how & 2 ? 100 + take8() * 8 : 0);
    for (unsigned i = how >> 6; i > 0; i--) {
        frame->data[12 + take8() % 70] = take8();
    }
    struct net_packet packet = {
        .offload = frame->offload,
        .bytes = frame->bytes,
        .ethernet = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, frame->data[12], frame->data[13]},
        .rest = frame->data + NET_ETHERNET_BYTES,
    };
    send_from_neighbour(&packet);
}

// What the device sent keeps to the limits, and its driver cannot pretend to be another.
static void check_sent(void)
{
    struct net_port *end = &lan.ports[1].port;
    for (struct net_frame *frame = end->next(end); frame; frame = end->next(end)) {
        struct net_offload offload = frame->offload;
        require(frame->bytes >= NET_ETHERNET_BYTES && frame->bytes <= NET_FRAME_BYTES_MAX);
        require(net_offload_check(&offload, frame->bytes));
        require(memcmp(&offload, &frame->offload, sizeof(offload)) == 0);
        require(net_mac(frame->data + NET_MAC_BYTES) == lan_mac(0));
        end->release(end, frame);
    }
}

// What a turn may do is bounded, whatever the queues say.
static void work(uint64_t budget)
{
    uint64_t handled = disk.handled + printed;
    uint64_t before = moved;
    bool more = virtio_device_work(device, budget);
    require(disk.handled + printed - handled <= MAX(budget, 1) + SLACK);
    require((moved - before) * 64 <= MAX(budget, 1) + SLACK);
    require(!more || device->status & VIRTIO_DRIVER_OK);
    require(!(device->status & VIRTIO_NEEDS_RESET) || !more);
    for (unsigned i = 0; i < device->queue_count; i++) {
        const struct virtqueue *queue = &device->queues[i];
        require((uint16_t)(queue->next_available - queue->next_used) <= 1 || queue->broken);
        require(queue->entries <= VIRTQUEUE_ENTRIES_MAX);
    }
    check_sent();
}

// NOLINTNEXTLINE(readability-function-size): a case for each step
static void step(uint8_t what)
{
    unsigned offset;
    switch (what & 15) {
    case 0:
        write_register(take8(), 1 + (take8() & 7), take16() * 0x100000001ULL);
        break;
    case 1:
        write_register(take8() & 0x3e, 2, take16());
        break;
    case 2:
        offset = take8();
        require(virtio_device_read(device, offset, 1) < 256);
        require(virtio_device_config_read(device, offset, 2) < 0x10000);
        break;
    case 3:
        virtio_device_notify(device, what >> 4);
        break;
    case 4:
        if (device == &network.device) {
            static void (*const network_steps[])(void) = {put_frame, frame_from_neighbour,
                                                          put_command, segment_from_neighbour};
            network_steps[what >> 4 & 3]();
        } else if (device == &console.device) {
            require(virtio_console_look(&console) == (device->pending != 0));
        } else if (device == &balloon.device) {
            static void (*const balloon_steps[])(struct virtio_balloon *) = {virtio_balloon_ask,
                                                                             virtio_balloon_look};
            balloon_steps[what >> 4 & 1](&balloon);
        } else if (what & 0x10) {
            put_range();
        } else {
            put_header();
        }
        break;
    case 5:
        poke();
        break;
    case 6:
        start();
        break;
    case 7:
        if (device == &network.device) {
            virtio_network_set_link(&network, what >> 4 & 1);
        } else {
            virtio_device_config_changed(device);
        }
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        offer_request(take8());
        virtio_device_notify(device, what >> 4 & 7);
        break;
    default:
        work((uint64_t)take8() << (what >> 4));
        break;
    }
}

static void serve_all(unsigned queue)
{
    virtio_device_notify(device, queue);
    while (virtio_device_work(device, 4096)) {
    }
    require(!(device->status & VIRTIO_NEEDS_RESET));
}

static void check_network_recovery(void)
{
    uint8_t head[12 + NET_ETHERNET_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2};
    memcpy(head + 12 + NET_MAC_BYTES, own_mac, NET_MAC_BYTES);
    memcpy(low + 0x3000, head, sizeof(head));
    put_descriptor(QUEUE_AT(1), 0x3000, 100, 0, 0);
    offer(1, 0);
    serve_all(1);
    struct net_port *end = &lan.ports[1].port;
    struct net_frame *frame = end->next(end);
    require(frame && frame->bytes == 88);
    end->release(end, frame);
}

// After a reset a request is served as if nothing had been.
static void check_recovery(void)
{
    tame = true;
    disk.fails = false;
    memset(low, 0, sizeof(low));
    start();
    unsigned before = interrupts;
    if (device == &network.device) {
        virtio_network_set_link(&network, true);
        serve_all(1);
        check_network_recovery();
        return;
    }
    unsigned queue = device == &console.device ? VIRTIO_CONSOLE_TRANSMIT : 0;
    put_descriptor(QUEUE_AT(queue), 0x3000, 16, 1, 1);
    put_descriptor(QUEUE_AT(queue) + 16, 0x3100, 512 + 1, 2, 0);
    if (device == &entropy.device) {
        put_descriptor(QUEUE_AT(0), 0x3100, 512 + 1, 2, 0);
    }
    low[0x3100 + 512] = 0xee;
    offer(queue, 0);
    serve_all(queue);
    require(interrupts == before + 1);
    require(low[QUEUE_AT(queue) + 0x202] == 1);
    require(device != &block.device || low[0x3100 + 512] == 0);
    require(device != &balloon.device || balloon.config.actual == 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_left = size;
    set_up(take8());
    start();
    while (input_left > 0) {
        step(take8());
        require(wanted || device->pending == 0);
    }
    check_recovery();
    return 0;
}
