// SPDX-License-Identifier: MIT
// Rings of a virtio queue where they must not be, and with contents that make no sense.
#include "guests/hostile/disk.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/pci.h"

#define WRAPPING 0xfffffffffffffff0ULL
#define BEYOND BIT(52)
#define APIC_PAGE 0xfee00000ULL
#define IOAPIC_PAGE 0xfec00000ULL
#define VGA_HOLE 0xa0000ULL
#define RESETS 100U
#define BIG_BYTES (64 * KIB)

// ---- Where rings are ----

static const enum virtio_register places[] = {VIRTIO_QUEUE_DESCRIPTORS, VIRTIO_QUEUE_AVAILABLE,
                                              VIRTIO_QUEUE_USED};

// One ring of a good queue is at `address`.
static enum outcome move_ring(enum virtio_register ring, uint64_t address)
{
    disk_prepare();
    disk_describe(DISK_READ);
    virtio_set_place(&disk, ring, address);
    disk_run();
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome move_each_ring(const uint64_t *addresses, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned ring = 0; ring < ARRAY_SIZE(places); ring++) {
            enum outcome outcome = move_ring(places[ring], addresses[i]);
            if (outcome != OUTCOME_DONE) {
                return outcome;
            }
        }
    }
    return OUTCOME_DONE;
}

static enum outcome outside_ram(void)
{
    const uint64_t end = machine_memory_end();
    const uint64_t addresses[] = {end, end - 16, VGA_HOLE, 4 * GIB, 4 * GIB - 16, BEYOND};
    return move_each_ring(addresses, ARRAY_SIZE(addresses));
}

static enum outcome over_devices(void)
{
    bool ports;
    const uint64_t addresses[] = {disk.common, pci_bar(disk.slot, 1, &ports), APIC_PAGE,
                                  IOAPIC_PAGE};
    return move_each_ring(addresses, ARRAY_SIZE(addresses));
}

static enum outcome wrapping(void)
{
    const uint64_t addresses[] = {WRAPPING, WRAPPING - 16, ALIGN_DOWN(WRAPPING, PAGE_SIZE)};
    return move_each_ring(addresses, ARRAY_SIZE(addresses));
}

static enum outcome unaligned(void)
{
    enum outcome outcome =
        move_ring(VIRTIO_QUEUE_DESCRIPTORS, (uintptr_t)disk_queue.descriptors + 8);
    if (outcome == OUTCOME_DONE) {
        outcome = move_ring(VIRTIO_QUEUE_AVAILABLE, (uintptr_t)&disk_queue.available + 1);
    }
    return outcome == OUTCOME_DONE ? move_ring(VIRTIO_QUEUE_USED, (uintptr_t)&disk_queue.used + 2)
                                   : outcome;
}

// All in one place, and the data over them: the device overwrites what it reads.
static enum outcome overlapping(void)
{
    for (unsigned shift = 0; shift < 64; shift += 4) {
        disk_prepare();
        disk_describe(DISK_READ);
        disk_queue.descriptors[1].address = (uintptr_t)disk_queue.descriptors;
        for (unsigned ring = 0; ring < ARRAY_SIZE(places); ring++) {
            virtio_set_place(&disk, places[ring],
                             (uintptr_t)disk_queue.descriptors + 16ULL * ring * shift);
        }
        disk_run();
        (void)disk_send(0);
    }
    return disk_works();
}

static enum outcome sizes(void)
{
    static const uint16_t wrong[] = {0, 3, 127, 129, 256, 0x8000, 0xffff};
    disk_prepare();
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        *virtio_reg16(&disk, VIRTIO_QUEUE_SIZE) = wrong[i];
        uint16_t size = *virtio_reg16(&disk, VIRTIO_QUEUE_SIZE);
        if (size == 0 || size > VIRTIO_ENTRIES_MAX || (size & (size - 1)) != 0) {
            return attempt_wrong("size of the queue", size);
        }
    }
    return disk_works();
}

// ---- What is in them ----

static enum outcome send_and_break(uint16_t head)
{
    (void)disk_send(head);
    return disk_broke();
}

static enum outcome loops(void)
{
    for (uint16_t length = 1; length <= DISK_ENTRIES; length *= 2) {
        disk_start();
        disk_describe(DISK_READ);
        for (uint16_t i = 0; i < length; i++) {
            disk_queue.descriptors[i] = disk_queue.descriptors[0];
            disk_queue.descriptors[i].next = (uint16_t)((i + 1) % length);
        }
        enum outcome outcome = send_and_break(0);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return OUTCOME_DONE;
}

// Loops of descriptors without bytes, which add nothing to a chain.
static enum outcome empty_loops(void)
{
    disk_start();
    for (uint16_t i = 0; i < DISK_ENTRIES; i++) {
        disk_queue.descriptors[i] = (struct virtio_descriptor){
            .flags = VIRTIO_NEXT, .next = (uint16_t)((i + 1) % DISK_ENTRIES)};
    }
    return send_and_break(0);
}

// An indirect table that names itself, has no bytes, half an entry or 4 GiB, or is not in RAM.
static enum outcome indirect(void)
{
    static alignas(16) struct virtio_descriptor table[2];
    const struct virtio_descriptor named[] = {
        {(uintptr_t)table, sizeof(table), VIRTIO_INDIRECT, 0},
        {(uintptr_t)table, 0, VIRTIO_INDIRECT, 0},
        {(uintptr_t)table, 24, VIRTIO_INDIRECT, 0},
        {(uintptr_t)table, 0xfffffff0, VIRTIO_INDIRECT, 0},
        {(uintptr_t)table, sizeof(table), VIRTIO_INDIRECT | VIRTIO_NEXT, 1},
        {machine_memory_end(), 16, VIRTIO_INDIRECT, 0},
        {disk.common, 16, VIRTIO_INDIRECT, 0},
        {WRAPPING, 16, VIRTIO_INDIRECT, 0},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(named); i++) {
        disk_start();
        table[0] = named[0];
        table[1] = named[0];
        disk_queue.descriptors[0] = named[i];
        enum outcome outcome = send_and_break(0);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome heads_out_of_range(void)
{
    static const uint16_t heads[] = {DISK_ENTRIES, 0x7fff, 0x8000, 0xffff};
    for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
        disk_start();
        enum outcome outcome = send_and_break(heads[i]);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome jumping_indexes(void)
{
    static const uint16_t jumps[] = {DISK_ENTRIES, 0x7fff, 0x8000, 0xfffe};
    for (unsigned i = 0; i < ARRAY_SIZE(jumps); i++) {
        disk_start();
        disk_describe(DISK_READ);
        disk_queue.available.index = jumps[i];
        enum outcome outcome = send_and_break(0);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return OUTCOME_DONE;
}

// Requests that take several turns, and a reset while they do.
static enum outcome resets_in_the_middle(void)
{
    static uint8_t big[BIG_BYTES];
    for (unsigned i = 0; i < RESETS; i++) {
        disk_start();
        disk_describe(DISK_READ);
        disk_queue.descriptors[1].address = (uintptr_t)big;
        disk_queue.descriptors[1].bytes = sizeof(big);
        for (unsigned j = 0; j < DISK_ENTRIES; j++) {
            virtio_offer(&disk_queue, 0);
        }
        virtio_notify(&disk, 0);
        if (i % 2 == 0) {
            *virtio_reg8(&disk, VIRTIO_STATUS) = 0;
        }
    }
    return disk_works();
}

static const struct attempt attempts[] = {
    {"rings outside RAM", outside_ram, DONE},
    {"rings over the device's own registers, and over the APICs", over_devices, DONE},
    {"rings at the end of all addresses", wrapping, DONE},
    {"rings at odd addresses", unaligned, DONE},
    {"rings over each other, and data over them", overlapping, DONE},
    {"queues of 0, 3, 32768 and 65535 entries", sizes, DONE},
    {"loops of descriptors", loops, DONE},
    {"loops of empty descriptors", empty_loops, DONE},
    {"indirect tables that make no sense", indirect, DONE},
    {"heads out of range", heads_out_of_range, DONE},
    {"indexes that jump", jumping_indexes, DONE},
    {"resets in the middle of long requests", resets_in_the_middle, DONE},
};

const struct attempt_group virtio_rings_group = {attempts, ARRAY_SIZE(attempts)};
