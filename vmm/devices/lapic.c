// SPDX-License-Identifier: MIT
// The local APIC's core: requests, priorities, end of interrupt, local interrupts, modes.
#include "vmm/devices/lapic_private.h"

#define LDR_DFR_RESET 0xffffffffU
#define SVR_RESET 0xffU
#define BASE_RESERVED_LOW 0x2ffULL // bits 0 to 7 and 9

static bool vectors_contain(const struct lapic_vectors *set, unsigned vector)
{
    return set->word[vector / 32] >> vector % 32 & 1;
}

static void vectors_add(struct lapic_vectors *set, unsigned vector)
{
    set->word[vector / 32] |= 1U << vector % 32;
    set->used |= 1U << vector / 32;
}

static void vectors_remove(struct lapic_vectors *set, unsigned vector)
{
    set->word[vector / 32] &= ~(1U << vector % 32);
    if (set->word[vector / 32] == 0) {
        set->used &= ~(1U << vector / 32);
    }
}

static unsigned highest_bit(uint32_t word)
{
    return 31 ^ (unsigned)__builtin_clz(word); // one BSR
}

// The set must not be empty.
static unsigned vectors_highest(const struct lapic_vectors *set)
{
    unsigned word = highest_bit(set->used);

    return word * 32 + highest_bit(set->word[word]);
}

unsigned lapic_processor_priority(const struct lapic *lapic)
{
    unsigned in_service;

    if (lapic->isr.used == 0) {
        return lapic->tpr;
    }
    in_service = vectors_highest(&lapic->isr) & 0xf0;
    return lapic->tpr >= in_service ? lapic->tpr : in_service;
}

unsigned lapic_arbitration_priority(const struct lapic *lapic)
{
    const struct lapic_vectors *isr = &lapic->isr;
    uint32_t tpr = __atomic_load_n(&lapic->tpr, __ATOMIC_RELAXED);
    uint32_t used = __atomic_load_n(&isr->used, __ATOMIC_RELAXED);
    unsigned in_service = 0;

    if (used != 0) { // the word may be empty again, or not say so yet
        unsigned at = highest_bit(used);
        uint32_t word = __atomic_load_n(&isr->word[at], __ATOMIC_RELAXED);
        in_service = (at * 32 + (word != 0 ? highest_bit(word) : 0)) & 0xf0;
    }
    return MAX(tpr, in_service);
}

int lapic_pending(const struct lapic *lapic)
{
    unsigned vector;

    if (lapic->irr.used == 0) {
        return -1;
    }
    vector = vectors_highest(&lapic->irr);
    return vector >> 4 > lapic_processor_priority(lapic) >> 4 ? (int)vector : -1;
}

void lapic_accept(struct lapic *lapic, unsigned vector)
{
    vector &= 0xff;
    vectors_remove(&lapic->irr, vector);
    vectors_add(&lapic->isr, vector);
}

bool lapic_is_enabled(const struct lapic *lapic)
{
    return lapic_software_enabled(lapic);
}

void lapic_post(struct lapic *lapic, uint8_t vector, bool level)
{
    if (!lapic_software_enabled(lapic)) {
        return;
    }
    if (vector < LAPIC_FIRST_VECTOR) {
        lapic_error(lapic, ERROR_RECEIVE_VECTOR);
        return;
    }
    vectors_add(&lapic->irr, vector);
    if (level) {
        vectors_add(&lapic->tmr, vector);
    } else if (lapic->tmr.used != 0) {
        vectors_remove(&lapic->tmr, vector);
    }
}

void lapic_error(struct lapic *lapic, uint32_t error)
{
    uint32_t lvt = *lapic_lvt(lapic, LAPIC_LVT_ERROR);

    lapic->esr_errors |= error;
    // An illegal vector in this very entry is an error of its own, but cannot raise itself.
    if (lvt & LVT_MASKED) {
        return;
    }
    if ((lvt & LVT_VECTOR) < LAPIC_FIRST_VECTOR) {
        lapic->esr_errors |= ERROR_RECEIVE_VECTOR;
    } else {
        lapic_post(lapic, lvt & LVT_VECTOR, false);
    }
}

void lapic_raise_local(struct lapic *lapic, enum lapic_register reg)
{
    uint32_t *lvt = lapic_lvt(lapic, reg);
    bool is_pin = reg == LAPIC_LVT_LINT0 || reg == LAPIC_LVT_LINT1;
    bool level = is_pin && (*lvt & LVT_LEVEL);

    if (*lvt & LVT_MASKED) {
        return;
    }
    switch ((*lvt & LVT_DELIVERY) >> LVT_DELIVERY_SHIFT) {
    case APIC_FIXED:
        if (level) {
            *lvt |= LVT_REMOTE_IRR;
        }
        lapic_post(lapic, *lvt & LVT_VECTOR, level);
        break;
    case APIC_NMI:
        lapic->output->nmi(lapic->output);
        break;
    case APIC_INIT:
        lapic->output->init(lapic->output);
        break;
    default: // ExtINT is asked for by lapic_accepts_extint; a VM has no SMM
        break;
    }
}

void lapic_check_level_pin(struct lapic *lapic, enum lapic_register reg)
{
    uint32_t lvt = *lapic_lvt(lapic, reg);
    bool level = (lvt & LVT_LEVEL) && (lvt & LVT_DELIVERY) == APIC_FIXED;

    if (level && lapic->lint[reg - LAPIC_LVT_LINT0] && !(lvt & LVT_REMOTE_IRR)) {
        lapic_raise_local(lapic, reg);
    }
}

void lapic_set_lint(struct lapic *lapic, unsigned pin, bool level)
{
    enum lapic_register reg = pin == 0 ? LAPIC_LVT_LINT0 : LAPIC_LVT_LINT1;
    bool rose;

    if (pin > 1) {
        return;
    }
    rose = level && !lapic->lint[pin];
    lapic->lint[pin] = level;
    if (rose && !(*lapic_lvt(lapic, reg) & LVT_REMOTE_IRR)) {
        lapic_raise_local(lapic, reg);
    }
}

// A level pin that is still asserted at the end of its interrupt raises it again.
static void end_local_level(struct lapic *lapic, enum lapic_register reg, unsigned vector)
{
    uint32_t *lvt = lapic_lvt(lapic, reg);

    if (!(*lvt & LVT_REMOTE_IRR) || (*lvt & LVT_VECTOR) != vector) {
        return;
    }
    *lvt &= ~(uint32_t)LVT_REMOTE_IRR;
    lapic_check_level_pin(lapic, reg);
}

// Out of line, so that the edge-triggered interrupts' way does not pay for it.
static __attribute__((noinline)) void end_level(struct lapic *lapic, unsigned vector)
{
    if (!vectors_contain(&lapic->tmr, vector)) {
        return;
    }
    end_local_level(lapic, LAPIC_LVT_LINT0, vector);
    end_local_level(lapic, LAPIC_LVT_LINT1, vector);
    if (!(lapic->svr & SVR_SUPPRESS_EOI_BROADCAST)) {
        lapic->output->eoi(lapic->output, (uint8_t)vector);
    }
}

// vectors_highest and vectors_remove in one: the shortest way counts here.
void lapic_eoi(struct lapic *lapic)
{
    struct lapic_vectors *isr = &lapic->isr;
    unsigned word;
    unsigned bit;

    if (isr->used == 0) {
        return;
    }
    word = highest_bit(isr->used);
    bit = highest_bit(isr->word[word]);
    isr->word[word] ^= 1U << bit;
    if (isr->word[word] == 0) {
        isr->used ^= 1U << word;
    }
    if (lapic->tmr.used != 0) {
        end_level(lapic, word * 32 + bit);
    }
}

bool lapic_accepts_extint(const struct lapic *lapic)
{
    uint32_t lint0 = lapic->lvt[LAPIC_LVT_LINT0 - LAPIC_LVT_TIMER];

    if (lapic->mode == LAPIC_DISABLED) {
        return true; // 11.4.3: then the pins are INTR and NMI
    }
    return (lint0 & (LVT_DELIVERY | LVT_MASKED)) == APIC_EXTINT << LVT_DELIVERY_SHIFT;
}

void lapic_set_cr8(struct lapic *lapic, uint64_t value)
{
    lapic->tpr = (uint32_t)(value & 0xf) << 4;
}

uint64_t lapic_cr8(const struct lapic *lapic)
{
    return lapic->tpr >> 4;
}

// Everything but identity, base and pins (11.4.7.1).
static void reset_registers(struct lapic *lapic)
{
    lapic->irr = (struct lapic_vectors){0};
    lapic->isr = (struct lapic_vectors){0};
    lapic->tmr = (struct lapic_vectors){0};
    lapic->tpr = 0;
    lapic->svr = SVR_RESET;
    lapic->ldr = 0;
    lapic->dfr = LDR_DFR_RESET;
    lapic->esr = 0;
    lapic->esr_errors = 0;
    lapic->icr = 0;
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++) {
        lapic->lvt[i] = LVT_MASKED;
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
        LAPIC_DEFAULT_BASE | LAPIC_BASE_EN | (lapic->bootstrap ? (uint64_t)LAPIC_BASE_BSP : 0);
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
    lapic->svr = SVR_RESET | SVR_ENABLE;
    *lapic_lvt(lapic, LAPIC_LVT_LINT0) = APIC_EXTINT << LVT_DELIVERY_SHIFT;
    *lapic_lvt(lapic, LAPIC_LVT_LINT1) = APIC_NMI << LVT_DELIVERY_SHIFT;
}

static enum lapic_mode mode_of_base(uint64_t base)
{
    if (!(base & LAPIC_BASE_EN)) {
        return LAPIC_DISABLED;
    }
    return base & LAPIC_BASE_EXTD ? LAPIC_X2APIC : LAPIC_XAPIC;
}

// 11.12.5: x2APIC mode is entered from xAPIC mode only and left by disabling only.
static bool is_legal(const struct lapic *lapic, uint64_t base)
{
    enum lapic_mode mode = mode_of_base(base);

    if ((base & BASE_RESERVED_LOW) || base >> lapic->physical_bits != 0) {
        return false;
    }
    if (mode == LAPIC_DISABLED) {
        return !(base & LAPIC_BASE_EXTD);
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
    // Which CPU is the bootstrap processor is not the guest's to say.
    lapic->base =
        (value & ~(uint64_t)LAPIC_BASE_BSP) | (lapic->bootstrap ? (uint64_t)LAPIC_BASE_BSP : 0);
    return true;
}
