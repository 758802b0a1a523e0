// SPDX-License-Identifier: MIT
// The device memory of a VM's PC: which device answers at which guest-physical address.
#include "vmm/board/pc_memory.h"

#include "vmm/address.h"
#include "vmm/board/memory_bus.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_time.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pci_host.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"
#include "vmm/util/width.h"

enum pc_memory_range { RANGE_IOAPIC, RANGE_HPET, RANGE_ECAM, RANGE_COUNT };
static_assert(RANGE_COUNT == PC_MEMORY_RANGES, "a slot for each range");

#define PC_OF(range, name) container_of(range, struct pc, memory_ranges[name])

static uint64_t ioapic_bus_read(struct memory_range *range, uint64_t offset, unsigned width)
{
    return ioapic_read(&PC_OF(range, RANGE_IOAPIC)->ioapic, (unsigned)offset) & width_ones(width);
}

static void ioapic_bus_write(struct memory_range *range, uint64_t offset, unsigned width,
                             uint64_t value)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_IOAPIC);
    if (pc->behind &&
        (ioapic_pins_of_write(&pc->ioapic, (unsigned)offset, (uint32_t)value) & PC_TIMED_PINS)) {
        pc_catch_up_now(pc);
    }
    ioapic_write(&pc->ioapic, (unsigned)offset, (uint32_t)value);
}

static uint64_t hpet_bus_read(struct memory_range *range, uint64_t offset, unsigned width)
{
    struct pc *pc = PC_OF(range, RANGE_HPET);
    return hpet_read(&pc->hpet, (unsigned)offset, width, pc_now_ns(pc));
}

static void hpet_bus_write(struct memory_range *range, uint64_t offset, unsigned width,
                           uint64_t value)
{
    struct pc *pc = PC_OF(range, RANGE_HPET);
    pc_catch_up(pc); // it may cut off or reconnect the PIT and the RTC
    hpet_write(&pc->hpet, (unsigned)offset, width, value, pc_now_ns(pc));
    pc_timer_set(pc);
}

static uint64_t ecam_read(struct memory_range *range, uint64_t offset, unsigned width)
{
    return pci_host_ecam_read(&PC_OF(range, RANGE_ECAM)->pci.host, (uint32_t)offset, width);
}

static void ecam_write(struct memory_range *range, uint64_t offset, unsigned width, uint64_t value)
{
    pci_host_ecam_write(&PC_OF(range, RANGE_ECAM)->pci.host, (uint32_t)offset, width, value);
}

static const struct memory_range memory_map[PC_MEMORY_RANGES] = {
    [RANGE_IOAPIC] = {IOAPIC_DEFAULT_BASE, PAGE_SIZE, ioapic_bus_read, ioapic_bus_write},
    [RANGE_HPET] = {HPET_BASE, HPET_BYTES, hpet_bus_read, hpet_bus_write},
    [RANGE_ECAM] = {PCI_BUS_ECAM_BASE, PCI_HOST_ECAM_BYTES, ecam_read, ecam_write},
};

void pc_claim_memory(struct pc *pc)
{
    memory_bus_init(&pc->memory);
    for (unsigned i = 0; i < PC_MEMORY_RANGES; i++) {
        pc->memory_ranges[i] = memory_map[i];
        memory_bus_claim(&pc->memory, &pc->memory_ranges[i]);
    }
}

bool pc_memory_read(struct pc *pc, gpa_t address, unsigned width, uint64_t *value)
{
    lock_take(&pc->lock);
    struct memory_range *range = memory_bus_find(&pc->memory, address.value);
    if (range) {
        *value = range->read(range, address.value - range->base, width);
    }
    lock_give(&pc->lock);
    return range;
}

bool pc_memory_write(struct pc *pc, gpa_t address, unsigned width, uint64_t value)
{
    lock_take(&pc->lock);
    struct memory_range *range = memory_bus_find(&pc->memory, address.value);
    if (range) {
        range->write(range, address.value - range->base, width, value);
    }
    lock_give(&pc->lock);
    return range;
}
