// SPDX-License-Identifier: MIT
// Attempts with several processors on a virtio device: they rewrite its rings while it reads them.
#include "arch/x86/apic_registers.h"
#include "guests/hostile/disk.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/processors.h"
#include "guests/lib/clock.h"
#include "guests/lib/cpu.h"

#define RACE_NS (300 * NS_PER_MS)
#define FEW 4U // descriptors that are used
#define WORDS 1024U

static volatile bool over;
static alignas(4096) uint8_t scratch[PAGE_SIZE];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

// The device may write 1 KiB at each address that is RAM.
static uint64_t any_address(uint32_t random)
{
    const uint64_t addresses[] = {(uintptr_t)scratch, (uintptr_t)disk_queue.descriptors,
                                  (uintptr_t)scratch, machine_memory_end() - 8,
                                  disk.common,        APIC_DEFAULT_ADDRESS,
                                  (uintptr_t)scratch, UINT64_MAX - 8};
    return addresses[random % ARRAY_SIZE(addresses)];
}

static void scribble_descriptor(uint32_t random)
{
    static const uint32_t lengths[] = {0, 1, 16, 17, 512, 513, 1024, UINT32_MAX, 0xfffffe00, 32};
    volatile struct virtio_descriptor *descriptor = &disk_queue.descriptors[random % FEW];
    switch (random / FEW % 4) {
    case 0:
        descriptor->address = any_address(random / 16);
        break;
    case 1:
        descriptor->bytes = lengths[random / 16 % ARRAY_SIZE(lengths)];
        break;
    case 2:
        descriptor->flags = random / 16 % 8;
        break;
    default:
        descriptor->next = random / 16 % 64 == 0 ? UINT16_MAX : (uint16_t)(random / 16 % FEW);
        break;
    }
}

static void scribble(unsigned self)
{
    uint32_t state = self;
    while (!over) {
        uint32_t random = next_random(&state);
        scribble_descriptor(random);
        if (random % 16 == 0) {
            disk_queue.available.ring[random / 16 % DISK_ENTRIES] = (uint16_t)(random / 64 % FEW);
        }
        if (random % 256 == 1) {
            disk_queue.available.index += (uint16_t)(random / 256 % 3);
        }
        *(volatile uint32_t *)&disk_request.header.type = random / 8 % 16;
    }
}

// Notifies and resets the device all the time.
static void drive(void)
{
    uint64_t start = clock_ns();
    while (clock_ns() - start < RACE_NS) {
        disk_start();
        disk_describe(DISK_READ);
        for (uint16_t i = 0; i < FEW; i++) {
            virtio_offer(&disk_queue, i % FEW);
            virtio_notify(&disk, 0);
        }
    }
}

static enum outcome rewritten_rings(void)
{
    if (!disk_find()) {
        return attempt_wrong("no disk in slot", disk.slot);
    }
    over = false;
    if (!processors_start(scribble)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    drive();
    over = true;
    return processors_finish() ? disk_works()
                               : attempt_wrong("processors that finished", processors_finished());
}

// All at once; the last of them may leave the device in any state.
static void use_all(unsigned self)
{
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned offset = (i * 4 + self) % 64;
        *virtio_reg8(&disk, offset) = (uint8_t)i;
        *virtio_reg8(&disk, VIRTIO_STATUS) = (uint8_t)(i % 16);
        virtio_notify(&disk, 0);
    }
}

static enum outcome registers_by_all(void)
{
    disk_start();
    if (!processors_start(use_all)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    use_all(0);
    return processors_finish() ? disk_works()
                               : attempt_wrong("processors that finished", processors_finished());
}

static const struct attempt attempts[] = {
    {"rings that others rewrite while they are read", rewritten_rings, DONE},
    {"registers of a device, by all", registers_by_all, DONE},
};

const struct attempt_group virtio_races_group = {attempts, ARRAY_SIZE(attempts)};
