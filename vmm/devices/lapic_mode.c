// SPDX-License-Identifier: MIT
// The local APIC's modes: power-up, INIT, IA32_APIC_BASE (SDM Vol. 3A 11.4.3, 11.4.7, 11.12.5).
#include "vmm/devices/lapic_mode.h"

#include "arch/x86/apic_registers.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_private.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define LDR_DFR_RESET 0xffffffffU
#define SVR_RESET 0xffU
#define BASE_RESERVED_LOW 0x2ffULL // bits 0 to 7 and 9

// Resets everything but identity, base and pins (11.4.7.1).
static void reset_registers(struct lapic *lapic)
{
    memset(&lapic->page, 0, sizeof(lapic->page));
    memset(lapic->used, 0, sizeof(lapic->used));
    lapic->unshown = true;
    lapic->level_changed = true;
    lapic->svr = SVR_RESET;
    lapic->ldr = 0;
    lapic->dfr = LDR_DFR_RESET;
    lapic->esr = 0;
    lapic->esr_errors = 0;
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++) {
        lapic->lvt[i] = APIC_LVT_MASKED;
    }
    lapic_timer_reset(lapic);
}

void lapic_init_received(struct lapic *lapic)
{
    reset_registers(lapic);
}

void lapic_reset(struct lapic *lapic)
{
    reset_registers(lapic);
    lapic->mode = LAPIC_XAPIC;
    lapic->base =
        APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | (lapic->bootstrap ? (uint64_t)APIC_BASE_BSP : 0);
}

void lapic_init(struct lapic *lapic, struct lapic_output *output, uint32_t id, bool bootstrap,
                unsigned physical_bits)
{
    *lapic = (struct lapic){
        .output = output,
        .id = id,
        .bootstrap = bootstrap,
        .physical_bits = (uint8_t)MIN(MAX(physical_bits, 32U), 52U),
    };
    lapic_reset(lapic);
}

void lapic_set_virtual_wire(struct lapic *lapic)
{
    lapic->unshown = true;
    lapic->svr = SVR_RESET | SVR_ENABLE;
    *lapic_lvt(lapic, LAPIC_LVT_LINT0) = APIC_EXTINT << APIC_LVT_DELIVERY_SHIFT;
    *lapic_lvt(lapic, LAPIC_LVT_LINT1) = APIC_NMI << APIC_LVT_DELIVERY_SHIFT;
}

static enum lapic_mode mode_of_base(uint64_t base)
{
    if (!(base & APIC_BASE_ENABLE)) {
        return LAPIC_DISABLED;
    }
    return base & APIC_BASE_X2APIC ? LAPIC_X2APIC : LAPIC_XAPIC;
}

// 11.12.5: x2APIC mode can be entered only from xAPIC mode, and left only by disabling the APIC.
static bool is_legal(const struct lapic *lapic, uint64_t base)
{
    enum lapic_mode mode = mode_of_base(base);
    if ((base & BASE_RESERVED_LOW) || base >> lapic->physical_bits != 0) {
        return false;
    }
    if (mode == LAPIC_DISABLED) {
        return !(base & APIC_BASE_X2APIC);
    }
    if (mode == lapic->mode) {
        return true;
    }
    return lapic->mode == (mode == LAPIC_X2APIC ? LAPIC_XAPIC : LAPIC_DISABLED);
}

bool lapic_set_base(struct lapic *lapic, uint64_t value)
{
    enum lapic_mode mode = mode_of_base(value);
    if (!is_legal(lapic, value)) {
        return false;
    }
    if (mode == LAPIC_DISABLED && lapic->mode != LAPIC_DISABLED) {
        reset_registers(lapic);
    }
    lapic->mode = mode;
    lapic->unshown = true;
    // The guest cannot change which CPU is the bootstrap processor.
    lapic->base =
        (value & ~(uint64_t)APIC_BASE_BSP) | (lapic->bootstrap ? (uint64_t)APIC_BASE_BSP : 0);
    return true;
}
