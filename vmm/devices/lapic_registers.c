// SPDX-License-Identifier: MIT
// The local APIC's registers: the mode in which each exists, its writable bits, its effect.
#include "vmm/devices/lapic_registers.h"

#include "arch/x86/apic_registers.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_ipi.h"
#include "vmm/devices/lapic_private.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/types.h"

// Version 0x14 (integrated), six LVT entries, EOI-broadcast suppression (SDM Vol. 3A 11.4.8).
#define VERSION (0x14U | (LAPIC_LVT_COUNT - 1) << 16 | 1U << 24)

#define LVT_STATUS ((uint32_t)BIT(12)) // read-only; it reads 0 because delivery takes no time
#define LVT_ERROR_BITS ((uint32_t)(APIC_LVT_VECTOR | APIC_LVT_MASKED))
#define LVT_TIMER_BITS ((uint32_t)(LVT_ERROR_BITS | APIC_LVT_TIMER_MODE))
#define LVT_SENSOR_BITS ((uint32_t)(LVT_ERROR_BITS | APIC_LVT_DELIVERY))
#define LVT_LINT_BITS ((uint32_t)(LVT_SENSOR_BITS | APIC_LVT_ACTIVE_LOW | APIC_LVT_LEVEL))

#define SVR_BITS (0xffU | SVR_ENABLE | SVR_SUPPRESS_EOI_BROADCAST)
#define ICR_LOW_BITS 0xccfffU
#define ICR_STATUS BIT(12) // delivery status: writing it is ignored in both modes, not #GP
#define LDR_BITS 0xff000000U
#define DFR_FIXED 0x0fffffffU
#define REGISTERS 0x40

enum access { XR = BIT(0), XW = BIT(1), X2R = BIT(2), X2W = BIT(3) };

struct rule {
    uint64_t x2apic_bits; // the bits that may be set in x2APIC mode: others give #GP
    uint8_t access;
};

static const struct rule rules[REGISTERS] = {
    [LAPIC_ID] = {0, XR | XW | X2R}, // in xAPIC mode writes have no effect
    [LAPIC_VERSION] = {0, XR | X2R},
    [LAPIC_TPR] = {0xff, XR | XW | X2R | X2W},
    [LAPIC_APR] = {0, XR},
    [LAPIC_PPR] = {0, XR | X2R},
    [LAPIC_EOI] = {0, XR | XW | X2W},
    [LAPIC_RRD] = {0, XR},
    [LAPIC_LDR] = {0, XR | XW | X2R},
    [LAPIC_DFR] = {0, XR | XW},
    [LAPIC_SVR] = {SVR_BITS, XR | XW | X2R | X2W},
    [LAPIC_ISR... LAPIC_IRR + 7] = {0, XR | X2R},
    [LAPIC_ESR] = {0, XR | XW | X2R | X2W},
    [LAPIC_ICR] = {0xffffffff00000000 | ICR_STATUS | ICR_LOW_BITS, XR | XW | X2R | X2W},
    [LAPIC_ICR_HIGH] = {0, XR | XW},
    [LAPIC_LVT_TIMER] = {LVT_TIMER_BITS | LVT_STATUS, XR | XW | X2R | X2W},
    [LAPIC_LVT_THERMAL] = {LVT_SENSOR_BITS | LVT_STATUS, XR | XW | X2R | X2W},
    [LAPIC_LVT_PERFORMANCE] = {LVT_SENSOR_BITS | LVT_STATUS, XR | XW | X2R | X2W},
    [LAPIC_LVT_LINT0] = {LVT_LINT_BITS | LVT_STATUS | APIC_LVT_REMOTE_IRR, XR | XW | X2R | X2W},
    [LAPIC_LVT_LINT1] = {LVT_LINT_BITS | LVT_STATUS | APIC_LVT_REMOTE_IRR, XR | XW | X2R | X2W},
    [LAPIC_LVT_ERROR] = {LVT_ERROR_BITS | LVT_STATUS, XR | XW | X2R | X2W},
    [LAPIC_INITIAL_COUNT] = {0xffffffff, XR | XW | X2R | X2W},
    [LAPIC_CURRENT_COUNT] = {0, XR | X2R},
    [LAPIC_DIVIDE] = {0xb, XR | XW | X2R | X2W},
    [LAPIC_SELF_IPI] = {0xff, X2W},
};

static uint32_t *icr_high(struct lapic *lapic)
{
    return &lapic->page.reg[LAPIC_ICR_HIGH].value;
}

static uint32_t *icr_low(struct lapic *lapic)
{
    return &lapic->page.reg[LAPIC_ICR].value;
}

static uint64_t whole_icr(struct lapic *lapic)
{
    return (uint64_t)*icr_high(lapic) << 32 | *icr_low(lapic);
}

static uint64_t read_register(struct lapic *lapic, unsigned reg, uint64_t now_ns)
{
    bool x2apic = lapic->mode == LAPIC_X2APIC;
    switch (reg) {
    case LAPIC_ID:
        return x2apic ? lapic->id : lapic->id << 24;
    case LAPIC_VERSION:
        return VERSION;
    case LAPIC_TPR:
    case LAPIC_ICR_HIGH:
    case LAPIC_ISR ... LAPIC_IRR + 7:
        return __atomic_load_n(&lapic->page.reg[reg].value, __ATOMIC_RELAXED);
    case LAPIC_PPR:
        return lapic_processor_priority(lapic);
    case LAPIC_LDR:
        return x2apic ? lapic_x2apic_ldr(lapic) : lapic->ldr;
    case LAPIC_DFR:
        return lapic->dfr;
    case LAPIC_SVR:
        return lapic->svr;
    case LAPIC_ESR:
        return lapic->esr;
    case LAPIC_ICR:
        return x2apic ? whole_icr(lapic) : *icr_low(lapic);
    case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
        return lapic->lvt[reg - LAPIC_LVT_TIMER];
    case LAPIC_INITIAL_COUNT:
        return lapic->initial_count;
    case LAPIC_CURRENT_COUNT:
        lapic_advance(lapic, now_ns);
        return lapic_timer_current(lapic, now_ns);
    case LAPIC_DIVIDE:
        return lapic->divide;
    default: // EOI; APR and RRD, which no processor since the Pentium 4 has
        return 0;
    }
}

bool lapic_read(struct lapic *lapic, unsigned reg, uint64_t now_ns, uint64_t *value)
{
    unsigned access = reg < REGISTERS ? rules[reg].access : 0;
    *value = 0;
    if (access & (lapic->mode == LAPIC_XAPIC ? XR : X2R) && lapic->mode != LAPIC_DISABLED) {
        *value = read_register(lapic, reg, now_ns);
        return true;
    }
    if (lapic->mode == LAPIC_XAPIC) {
        lapic_error(lapic, ERROR_REGISTER);
    }
    return false;
}

static void write_svr(struct lapic *lapic, uint32_t value)
{
    lapic->svr = value & SVR_BITS;
    if (value & SVR_ENABLE) {
        return;
    }
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++) {
        lapic->lvt[i] |= APIC_LVT_MASKED;
    }
}

static void write_lvt(struct lapic *lapic, unsigned reg, uint32_t value, uint64_t now_ns)
{
    uint32_t *lvt = lapic_lvt(lapic, (enum lapic_register)reg);
    value &= (uint32_t)rules[reg].x2apic_bits & ~(uint32_t)(LVT_STATUS | APIC_LVT_REMOTE_IRR);
    if (!(lapic->svr & SVR_ENABLE)) {
        value |= APIC_LVT_MASKED;
    }
    if (reg == LAPIC_LVT_TIMER) {
        lapic_advance(lapic, now_ns);
        lapic_timer_set_lvt(lapic, value);
        return;
    }
    if (value & APIC_LVT_LEVEL) {
        value |= *lvt & APIC_LVT_REMOTE_IRR;
    }
    *lvt = value;
    if (reg == LAPIC_LVT_LINT0 || reg == LAPIC_LVT_LINT1) {
        lapic_check_level_pin(lapic, (enum lapic_register)reg);
    }
}

// The delivery status reads 0, because delivery takes no time.
struct apic_message lapic_keep_icr(struct lapic *lapic, uint64_t icr)
{
    *icr_high(lapic) = (uint32_t)(icr >> 32);
    *icr_low(lapic) = (uint32_t)icr & ICR_LOW_BITS;
    return lapic_message(lapic, icr);
}

void lapic_write_icr(struct lapic *lapic, uint64_t icr)
{
    (void)lapic_keep_icr(lapic, icr);
    lapic_send(lapic, icr);
}

static void write_esr(struct lapic *lapic)
{
    lapic->esr = lapic->esr_errors;
    lapic->esr_errors = 0;
}

// NOLINTNEXTLINE(readability-function-size): a case for each register
static void write_register(struct lapic *lapic, unsigned reg, uint64_t value, uint64_t now_ns)
{
    uint32_t low = (uint32_t)value;
    bool x2apic = lapic->mode == LAPIC_X2APIC;
    lapic->unshown = true;
    switch (reg) {
    case LAPIC_TPR:
        lapic->page.reg[LAPIC_TPR].value = low & 0xff;
        break;
    case LAPIC_EOI:
        lapic_eoi(lapic);
        break;
    case LAPIC_LDR:
        lapic->ldr = low & LDR_BITS;
        break;
    case LAPIC_DFR:
        lapic->dfr = low | DFR_FIXED;
        break;
    case LAPIC_SVR:
        write_svr(lapic, low);
        break;
    case LAPIC_ESR:
        write_esr(lapic);
        break;
    case LAPIC_ICR:
        lapic_write_icr(lapic, x2apic ? value : (uint64_t)*icr_high(lapic) << 32 | low);
        break;
    case LAPIC_ICR_HIGH:
        *icr_high(lapic) = low & LDR_BITS;
        break;
    case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
        write_lvt(lapic, reg, low, now_ns);
        break;
    case LAPIC_INITIAL_COUNT:
        lapic_advance(lapic, now_ns);
        lapic_timer_start(lapic, low, now_ns);
        break;
    case LAPIC_DIVIDE:
        lapic_advance(lapic, now_ns);
        lapic_timer_set_divide(lapic, low, now_ns);
        break;
    case LAPIC_SELF_IPI:
        if (low < LAPIC_FIRST_VECTOR) {
            lapic_error(lapic, ERROR_SEND_VECTOR);
        }
        lapic_post(lapic, (uint8_t)low, false);
        break;
    default: // the ID
        break;
    }
}

static bool write_x2apic(struct lapic *lapic, unsigned reg, uint64_t value, uint64_t now_ns)
{
    if (reg >= REGISTERS || !(rules[reg].access & X2W) || (value & ~rules[reg].x2apic_bits)) {
        return false;
    }
    write_register(lapic, reg, value, now_ns);
    return true;
}

static void write_xapic(struct lapic *lapic, unsigned reg, uint64_t value, uint64_t now_ns)
{
    if (reg < REGISTERS && (rules[reg].access & XW)) {
        write_register(lapic, reg, (uint32_t)value, now_ns);
    } else if (reg >= REGISTERS || !(rules[reg].access & XR)) {
        lapic_error(lapic, ERROR_REGISTER); // writing a read-only one is no error
    }
}

bool lapic_write(struct lapic *lapic, unsigned reg, uint64_t value, uint64_t now_ns)
{
    if (lapic->mode == LAPIC_X2APIC) {
        if (reg == LAPIC_EOI && value == 0) { // the most frequent write by far
            lapic_eoi(lapic);
            return true;
        }
        return write_x2apic(lapic, reg, value, now_ns);
    }
    if (lapic->mode == LAPIC_DISABLED) {
        return false;
    }
    write_xapic(lapic, reg, value, now_ns);
    return true;
}

// ---- The page ----

void lapic_written(struct lapic *lapic, unsigned reg, uint64_t now_ns)
{
    lapic->unshown = true; // even if the model does not take the value
    bool legal = reg < REGISTERS && lapic_write(lapic, reg, lapic->page.reg[reg].value, now_ns);
    (void)legal; // the processor has already refused what would fault
}

// The current count is not copied: a read of it exits, as an access to ICR does in x2APIC mode.
void lapic_show(struct lapic *lapic)
{
    static const uint8_t shown[] = {LAPIC_ID,
                                    LAPIC_VERSION,
                                    LAPIC_EOI,
                                    LAPIC_RRD,
                                    LAPIC_LDR,
                                    LAPIC_DFR,
                                    LAPIC_SVR,
                                    LAPIC_ESR,
                                    LAPIC_LVT_TIMER,
                                    LAPIC_LVT_THERMAL,
                                    LAPIC_LVT_PERFORMANCE,
                                    LAPIC_LVT_LINT0,
                                    LAPIC_LVT_LINT1,
                                    LAPIC_LVT_ERROR,
                                    LAPIC_INITIAL_COUNT,
                                    LAPIC_DIVIDE};
    if (!lapic->unshown) {
        return;
    }
    lapic->unshown = false;
    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
        lapic->page.reg[shown[i]].value = (uint32_t)read_register(lapic, shown[i], 0);
    }
}
