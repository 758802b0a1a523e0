// SPDX-License-Identifier: MIT
// Keeps the devices of a VM's PC up with the VM's clock.
#include "vmm/board/pc_time.h"

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_serial.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pic.h"
#include "vmm/devices/pit.h"
#include "vmm/devices/rtc_interrupts.h"
#include "vmm/devices/uart.h"
#include "vmm/util/lock.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

// Whether somebody notices a rise of the input of the I/O APIC: that chip, or the 8259s, to which
// three of the inputs here lead too. `waits`: the first vCPU does not run, so the 8259s' requests
// stay.
static bool is_heard(const struct pc *pc, unsigned input, bool waits)
{
    if (ioapic_hears(&pc->ioapic, input)) {
        return true;
    }
    switch (input) {
    case HPET_LEGACY_GSI_0:
        return pic_hears(&pc->pic, IRQ_TIMER, waits);
    case HPET_LEGACY_GSI_1:
        return pic_hears(&pc->pic, IRQ_RTC, waits);
    case IRQ_UART:
        return pic_hears(&pc->pic, IRQ_UART, waits);
    default:
        return false;
    }
}

// Makes `*next` the time of a device's event if that is earlier and somebody notices it.
static NOT_INLINE void consider(struct pc *pc, unsigned input, uint64_t event_ns, bool waits,
                                uint64_t *next)
{
    if (event_ns >= *next) {
        return;
    }
    if (is_heard(pc, input, waits)) {
        *next = event_ns;
    } else {
        pc->behind = true;
    }
}

static uint64_t next_event_ns(struct pc *pc, uint64_t now_ns, bool waits)
{
    uint64_t next = acpi_pm_next_event_ns(&pc->acpi_pm, now_ns);
    uint64_t pit_ns = pit_next_event_ns(&pc->pit, now_ns);
    uint64_t rtc_ns = rtc_next_event_ns(&pc->rtc, now_ns);
    pc->behind = false;
    consider(pc, IRQ_UART, pc_serial_event_ns(pc, now_ns), waits, &next);
    if (hpet_is_legacy(&pc->hpet)) { // the interrupts of PIT and RTC are cut off
        pc->behind |= MIN(pit_ns, rtc_ns) != NEVER_NS;
    } else {
        consider(pc, HPET_LEGACY_GSI_0, pit_ns, waits, &next);
        consider(pc, HPET_LEGACY_GSI_1, rtc_ns, waits, &next);
    }
    for (unsigned i = 0; hpet_is_enabled(&pc->hpet) && i < HPET_TIMERS; i++) {
        uint64_t event_ns = hpet_timer_event_ns(&pc->hpet, i, now_ns);
        consider(pc, hpet_input(&pc->hpet, i), event_ns, waits, &next);
    }
    return next;
}

void pc_timer_set(struct pc *pc)
{
    pc->output->timer_set(pc->output, next_event_ns(pc, pc_now_ns(pc), false));
}

// Those whose interrupts may be masked.
static void advance_maskable(struct pc *pc, uint64_t now_ns)
{
    pit_advance(&pc->pit, now_ns);
    rtc_advance(&pc->rtc, now_ns);
    hpet_advance(&pc->hpet, now_ns);
    pc_serial_feed(pc);
}

void pc_catch_up_now(struct pc *pc)
{
    uint64_t now_ns = pc_now_ns(pc);
    advance_maskable(pc, now_ns);
    pc->output->timer_set(pc->output, now_ns);
}

static void advance(struct pc *pc, uint64_t now_ns)
{
    advance_maskable(pc, now_ns);
    acpi_pm_advance(&pc->acpi_pm, now_ns);
    uart_output_ready(&pc->uart);
}

void pc_advance(struct pc *pc, uint64_t now_ns)
{
    lock_take(&pc->lock);
    advance(pc, now_ns);
    pc_virtio_work(pc);
    lock_give(&pc->lock);
}

void pc_advance_timers(struct pc *pc, uint64_t now_ns)
{
    lock_take(&pc->lock);
    advance(pc, now_ns);
    pc_virtio_look(pc);
    lock_give(&pc->lock);
}

uint64_t pc_next_event_ns(struct pc *pc, uint64_t now_ns, bool waits)
{
    lock_take(&pc->lock);
    uint64_t next = next_event_ns(pc, now_ns, waits);
    if (pc->virtio_busy) {
        next = MIN(next, now_ns);
    }
    lock_give(&pc->lock);
    return next;
}
