// SPDX-License-Identifier: MIT
// A driver for the virtio entropy device.
#include "guests/pci/entropy.h"

#include "guests/lib/memory.h"
#include "guests/lib/port.h"
#include "guests/pci/config.h"

#define VIRTIO_ENTROPY_ID 0x10441af4
#define CAPABILITY_VENDOR 0x09
#define ENTRIES 8
#define BUFFER_BYTES 64

// Types of capabilities (4.1.4), and the registers of the first one (4.1.4.3).
enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR };
enum {
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    DEVICE_STATUS = 20,
    QUEUE_SIZE = 24,
    QUEUE_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_DESC = 32,
    QUEUE_DRIVER = 40,
    QUEUE_DEVICE = 48,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
#define FEATURES_HIGH_VERSION_1 1
#define DESCRIPTOR_WRITE 2

struct descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

struct used_entry {
    uint32_t head;
    uint32_t bytes;
};

static struct {
    alignas(16) struct descriptor descriptors[ENTRIES];
    alignas(2) struct {
        uint16_t flags;
        uint16_t index;
        uint16_t ring[ENTRIES];
    } available;
    alignas(4) struct {
        uint16_t flags;
        volatile uint16_t index;
        volatile struct used_entry ring[ENTRIES];
    } used;
} queue;
static uint8_t buffer[BUFFER_BYTES];

// The address of what the capability of a type names.
static uint64_t find(unsigned slot, unsigned type, bool in_ports)
{
    unsigned at;
    for (unsigned nth = 0; (at = config_capability(slot, CAPABILITY_VENDOR, nth)) != 0; nth++) {
        bool ports;
        uint64_t base = config_bar(slot, config_read(slot, at + 4, 1), &ports);
        if (config_read(slot, at + 3, 1) == type && ports == in_ports) {
            return base + config_read(slot, at + 8, 4);
        }
    }
    return 0;
}

static volatile uint8_t *reg8(uint64_t common, unsigned offset)
{
    return (volatile uint8_t *)(uintptr_t)(common + offset);
}

static volatile uint16_t *reg16(uint64_t common, unsigned offset)
{
    return (volatile uint16_t *)(uintptr_t)(common + offset);
}

static volatile uint32_t *reg32(uint64_t common, unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(common + offset);
}

static void put_address(uint64_t common, unsigned offset, const volatile void *address)
{
    *reg32(common, offset) = (uint32_t)(uintptr_t)address;
    *reg32(common, offset + 4) = (uint32_t)((uintptr_t)address >> 32);
}

unsigned entropy_find(void)
{
    for (unsigned slot = 1; slot < SLOTS; slot++) {
        if (config_read(slot, PCI_ID, 4) == VIRTIO_ENTROPY_ID) {
            return slot;
        }
    }
    return 0;
}

bool entropy_start(unsigned slot, uint16_t vector)
{
    uint64_t common = find(slot, CFG_COMMON, false);
    *reg8(common, DEVICE_STATUS) = 0;
    *reg8(common, DEVICE_STATUS) = ACKNOWLEDGE | DRIVER;
    *reg32(common, DRIVER_FEATURE_SELECT) = 1;
    *reg32(common, DRIVER_FEATURE) = FEATURES_HIGH_VERSION_1;
    *reg8(common, DEVICE_STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if (!(*reg8(common, DEVICE_STATUS) & FEATURES_OK)) {
        return false;
    }
    memset(&queue, 0, sizeof(queue));
    *reg16(common, QUEUE_SIZE) = ENTRIES;
    *reg16(common, QUEUE_VECTOR) = vector;
    put_address(common, QUEUE_DESC, queue.descriptors);
    put_address(common, QUEUE_DRIVER, &queue.available);
    put_address(common, QUEUE_DEVICE, &queue.used);
    *reg16(common, QUEUE_ENABLE) = 1;
    *reg8(common, DEVICE_STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    return *reg16(common, QUEUE_VECTOR) == vector;
}

void entropy_ask(unsigned slot, bool by_port)
{
    uint64_t notify = find(slot, CFG_NOTIFY, by_port);
    memset(buffer, 0, sizeof(buffer));
    queue.descriptors[0] = (struct descriptor){
        .address = (uintptr_t)buffer, .bytes = sizeof(buffer), .flags = DESCRIPTOR_WRITE};
    queue.available.ring[queue.available.index % ENTRIES] = 0;
    __atomic_store_n(&queue.available.index, queue.available.index + 1, __ATOMIC_SEQ_CST);
    if (by_port) {
        out16((uint16_t)notify, 0);
    } else {
        *reg16(notify, 0) = 0;
    }
}

// 64 random bytes with fewer than 16 different ones would be less likely than anything else here.
static bool looks_random(void)
{
    bool seen[256] = {false};
    unsigned different = 0;
    for (unsigned i = 0; i < sizeof(buffer); i++) {
        different += !seen[buffer[i]];
        seen[buffer[i]] = true;
    }
    return different >= 16;
}

unsigned entropy_bytes(void)
{
    unsigned bytes = 0;
    for (unsigned i = 0; i < queue.used.index; i++) {
        bytes += queue.used.ring[i % ENTRIES].bytes;
    }
    return looks_random() ? bytes : 0;
}

uint8_t entropy_isr(unsigned slot)
{
    return *reg8(find(slot, CFG_ISR, false), 0);
}
