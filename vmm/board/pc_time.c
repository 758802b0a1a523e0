// SPDX-License-Identifier: MIT
// Keeps the devices of a VM's PC up with the VM's clock.
#include "vmm/board/pc_time.h"

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_serial.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/pit.h"
#include "vmm/devices/rtc_interrupts.h"
#include "vmm/devices/uart.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

static uint64_t next_event_ns(const struct pc *pc, uint64_t now_ns)
{
    uint64_t next = hpet_next_event_ns(&pc->hpet, now_ns);
    if (!hpet_is_legacy(&pc->hpet)) { // else the interrupts of PIT and RTC are cut off
        next = MIN(next, pit_next_event_ns(&pc->pit, now_ns));
        next = MIN(next, rtc_next_event_ns(&pc->rtc, now_ns));
    }
    return MIN(next, acpi_pm_next_event_ns(&pc->acpi_pm, now_ns));
}

void pc_timer_set(const struct pc *pc)
{
    pc->output->timer_set(pc->output, next_event_ns(pc, pc_now_ns(pc)));
}

void pc_advance(struct pc *pc, uint64_t now_ns)
{
    lock_take(&pc->lock);
    pit_advance(&pc->pit, now_ns);
    rtc_advance(&pc->rtc, now_ns);
    hpet_advance(&pc->hpet, now_ns);
    acpi_pm_advance(&pc->acpi_pm, now_ns);
    uart_output_ready(&pc->uart);
    pc_serial_feed(pc);
    lock_give(&pc->lock);
}

uint64_t pc_next_event_ns(struct pc *pc, uint64_t now_ns)
{
    lock_take(&pc->lock);
    uint64_t next = next_event_ns(pc, now_ns);
    lock_give(&pc->lock);
    return next;
}
