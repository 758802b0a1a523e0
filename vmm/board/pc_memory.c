// SPDX-License-Identifier: MIT
// The device memory of a VM's PC: which device answers at which guest-physical address.
#include "vmm/board/pc_memory.h"

#include "vmm/address.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_time.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/ioapic.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

struct memory_range {
    uint64_t base;
    uint64_t bytes;
    uint64_t (*read)(struct pc *pc, unsigned offset, unsigned width);
    void (*write)(struct pc *pc, unsigned offset, unsigned width, uint64_t value);
};

static uint64_t ioapic_bus_read(struct pc *pc, unsigned offset, unsigned width)
{
    uint64_t value = ioapic_read(&pc->ioapic, offset);
    return width < 4 ? value & (BIT(8 * width) - 1) : value;
}

static void ioapic_bus_write(struct pc *pc, unsigned offset, unsigned width, uint64_t value)
{
    (void)width;
    if (pc->behind &&
        (ioapic_pins_of_write(&pc->ioapic, offset, (uint32_t)value) & PC_TIMED_PINS)) {
        pc_catch_up_now(pc);
    }
    ioapic_write(&pc->ioapic, offset, (uint32_t)value);
}

static uint64_t hpet_bus_read(struct pc *pc, unsigned offset, unsigned width)
{
    return hpet_read(&pc->hpet, offset, width, pc_now_ns(pc));
}

static void hpet_bus_write(struct pc *pc, unsigned offset, unsigned width, uint64_t value)
{
    pc_catch_up(pc); // it may cut off or reconnect the PIT and the RTC
    hpet_write(&pc->hpet, offset, width, value, pc_now_ns(pc));
    pc_timer_set(pc);
}

static const struct memory_range ranges[] = {
    {IOAPIC_DEFAULT_BASE, PAGE_SIZE, ioapic_bus_read, ioapic_bus_write},
    {HPET_BASE, HPET_BYTES, hpet_bus_read, hpet_bus_write},
};

static const struct memory_range *range_at(gpa_t address)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        if (address.value - ranges[i].base < ranges[i].bytes) {
            return &ranges[i];
        }
    }
    return NULL;
}

bool pc_memory_read(struct pc *pc, gpa_t address, unsigned width, uint64_t *value)
{
    const struct memory_range *range = range_at(address);
    if (!range) {
        return false;
    }
    lock_take(&pc->lock);
    *value = range->read(pc, (unsigned)(address.value - range->base), width);
    lock_give(&pc->lock);
    return true;
}

bool pc_memory_write(struct pc *pc, gpa_t address, unsigned width, uint64_t value)
{
    const struct memory_range *range = range_at(address);
    if (!range) {
        return false;
    }
    lock_take(&pc->lock);
    range->write(pc, (unsigned)(address.value - range->base), width, value);
    lock_give(&pc->lock);
    return true;
}
