// SPDX-License-Identifier: MIT
// The local APIC's core: requests, priorities, end of interrupt, local interrupts.
#include "vmm/devices/lapic.h"

#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_private.h"
#include "vmm/util/types.h"

static_assert(LAPIC_TMR == LAPIC_ISR + 8 * LAPIC_LEVEL_TRIGGERED &&
                  LAPIC_IRR == LAPIC_ISR + 8 * LAPIC_REQUESTED,
              "the sets stand in this order");

static uint32_t *word_of(struct lapic *lapic, enum lapic_set set, unsigned vector)
{
    return &lapic->page.reg[LAPIC_ISR + 8 * set + vector / 32].value;
}

static bool set_contains(const struct lapic *lapic, enum lapic_set set, unsigned vector)
{
    return lapic_word(lapic, set, vector / 32) >> vector % 32 & 1;
}

// Atomic: a processor that sends an IPI by itself sets bits here too.
static void set_add(struct lapic *lapic, enum lapic_set set, unsigned vector)
{
    __atomic_or_fetch(word_of(lapic, set, vector), 1U << vector % 32, __ATOMIC_RELAXED);
    lapic->used[set] |= 1U << vector / 32;
}

static void set_remove(struct lapic *lapic, enum lapic_set set, unsigned vector)
{
    uint32_t *word = word_of(lapic, set, vector);
    if (__atomic_and_fetch(word, ~(1U << vector % 32), __ATOMIC_RELAXED) == 0) {
        lapic->used[set] &= ~(1U << vector / 32);
    }
}

static unsigned highest_bit(uint32_t word)
{
    return 31 ^ (unsigned)__builtin_clz(word); // one BSR
}

// The set must not be empty.
static unsigned set_highest(const struct lapic *lapic, enum lapic_set set)
{
    unsigned word = highest_bit(lapic->used[set]);
    return word * 32 + highest_bit(lapic_word(lapic, set, word));
}

unsigned lapic_highest(const struct lapic *lapic, enum lapic_set set)
{
    return lapic->used[set] != 0 ? set_highest(lapic, set) : 0;
}

unsigned lapic_processor_priority(const struct lapic *lapic)
{
    uint32_t tpr = lapic->page.reg[LAPIC_TPR].value;
    unsigned in_service;
    if (lapic->used[LAPIC_IN_SERVICE] == 0) {
        return tpr;
    }
    in_service = set_highest(lapic, LAPIC_IN_SERVICE) & 0xf0;
    return tpr >= in_service ? tpr : in_service;
}

// `used` may be out of date here: a processor with APIC virtualization changes the page alone.
unsigned lapic_arbitration_priority(const struct lapic *lapic)
{
    uint32_t tpr = __atomic_load_n(&lapic->page.reg[LAPIC_TPR].value, __ATOMIC_RELAXED);
    for (unsigned i = 8; i-- > 0;) {
        uint32_t word = lapic_word(lapic, LAPIC_IN_SERVICE, i);
        if (word != 0) {
            return MAX(tpr, (i * 32 + highest_bit(word)) & 0xf0);
        }
    }
    return tpr;
}

int lapic_pending(const struct lapic *lapic)
{
    unsigned vector;
    if (!lapic_has_requests(lapic)) {
        return -1;
    }
    vector = set_highest(lapic, LAPIC_REQUESTED);
    return vector >> 4 > lapic_processor_priority(lapic) >> 4 ? (int)vector : -1;
}

void lapic_accept(struct lapic *lapic, unsigned vector)
{
    vector &= 0xff;
    set_remove(lapic, LAPIC_REQUESTED, vector);
    set_add(lapic, LAPIC_IN_SERVICE, vector);
}

void lapic_refresh(struct lapic *lapic)
{
    static const enum lapic_set written[] = {LAPIC_IN_SERVICE, LAPIC_REQUESTED};
    for (unsigned n = 0; n < ARRAY_SIZE(written); n++) {
        uint32_t used = 0;
        for (unsigned i = 0; i < 8; i++) {
            used |= lapic_word(lapic, written[n], i) != 0 ? 1U << i : 0;
        }
        lapic->used[written[n]] = used;
    }
}

// The sending processor does not check whether this APIC takes requests.
void lapic_requested(struct lapic *lapic)
{
    for (unsigned i = 0; i < 8 && !lapic_is_enabled(lapic); i++) {
        __atomic_store_n(word_of(lapic, LAPIC_REQUESTED, 32 * i), 0, __ATOMIC_RELAXED);
    }
    lapic_refresh(lapic);
}

static void set_level_triggered(struct lapic *lapic, unsigned vector, bool level)
{
    if (set_contains(lapic, LAPIC_LEVEL_TRIGGERED, vector) == level) {
        return;
    }
    if (level) {
        set_add(lapic, LAPIC_LEVEL_TRIGGERED, vector);
    } else {
        set_remove(lapic, LAPIC_LEVEL_TRIGGERED, vector);
    }
    lapic->level_changed = true;
}

void lapic_post(struct lapic *lapic, uint8_t vector, bool level)
{
    if (!lapic_is_enabled(lapic)) {
        return;
    }
    if (vector < LAPIC_FIRST_VECTOR) {
        lapic_error(lapic, ERROR_RECEIVE_VECTOR);
        return;
    }
    set_add(lapic, LAPIC_REQUESTED, vector);
    if (level || lapic->used[LAPIC_LEVEL_TRIGGERED] != 0) {
        set_level_triggered(lapic, vector, level);
    }
}

void lapic_error(struct lapic *lapic, uint32_t error)
{
    uint32_t lvt = *lapic_lvt(lapic, LAPIC_LVT_ERROR);
    lapic->esr_errors |= error;
    // An illegal vector in this entry is an error itself, but that error cannot raise this
    // interrupt.
    if (lvt & APIC_LVT_MASKED) {
        return;
    }
    if ((lvt & APIC_LVT_VECTOR) < LAPIC_FIRST_VECTOR) {
        lapic->esr_errors |= ERROR_RECEIVE_VECTOR;
    } else {
        lapic_post(lapic, lvt & APIC_LVT_VECTOR, false);
    }
}

void lapic_raise_local(struct lapic *lapic, enum lapic_register reg)
{
    uint32_t *lvt = lapic_lvt(lapic, reg);
    bool is_pin = reg == LAPIC_LVT_LINT0 || reg == LAPIC_LVT_LINT1;
    bool level = is_pin && (*lvt & APIC_LVT_LEVEL);
    if (*lvt & APIC_LVT_MASKED) {
        return;
    }
    switch ((*lvt & APIC_LVT_DELIVERY) >> APIC_LVT_DELIVERY_SHIFT) {
    case APIC_FIXED:
        if (level) {
            *lvt |= APIC_LVT_REMOTE_IRR;
            lapic->unshown = true;
        }
        lapic_post(lapic, *lvt & APIC_LVT_VECTOR, level);
        break;
    case APIC_NMI:
        lapic->output->nmi(lapic->output);
        break;
    case APIC_INIT:
        lapic->output->init(lapic->output);
        break;
    default: // ExtINT is handled by lapic_accepts_extint; a VM has no SMM
        break;
    }
}

void lapic_check_level_pin(struct lapic *lapic, enum lapic_register reg)
{
    uint32_t lvt = *lapic_lvt(lapic, reg);
    bool level = (lvt & APIC_LVT_LEVEL) && (lvt & APIC_LVT_DELIVERY) == APIC_FIXED;
    if (level && lapic->lint[reg - LAPIC_LVT_LINT0] && !(lvt & APIC_LVT_REMOTE_IRR)) {
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
    if (rose && !(*lapic_lvt(lapic, reg) & APIC_LVT_REMOTE_IRR)) {
        lapic_raise_local(lapic, reg);
    }
}

// A level pin that is still asserted at the end of its interrupt raises the interrupt again.
static void end_local_level(struct lapic *lapic, enum lapic_register reg, unsigned vector)
{
    uint32_t *lvt = lapic_lvt(lapic, reg);
    if (!(*lvt & APIC_LVT_REMOTE_IRR) || (*lvt & APIC_LVT_VECTOR) != vector) {
        return;
    }
    *lvt &= ~(uint32_t)APIC_LVT_REMOTE_IRR;
    lapic->unshown = true;
    lapic_check_level_pin(lapic, reg);
}

static void end_level(struct lapic *lapic, unsigned vector)
{
    end_local_level(lapic, LAPIC_LVT_LINT0, vector);
    end_local_level(lapic, LAPIC_LVT_LINT1, vector);
    if (!(lapic->svr & SVR_SUPPRESS_EOI_BROADCAST)) {
        lapic->output->eoi(lapic->output, (uint8_t)vector);
    }
}

// Out of line, so that edge-triggered interrupts do not pay for it.
__attribute__((noinline)) void lapic_ended(struct lapic *lapic, unsigned vector)
{
    if (set_contains(lapic, LAPIC_LEVEL_TRIGGERED, vector & 0xff)) {
        end_level(lapic, vector & 0xff);
    }
}

// set_highest and set_remove in one function, because an EOI must be fast.
void lapic_eoi(struct lapic *lapic)
{
    uint32_t *used = &lapic->used[LAPIC_IN_SERVICE];
    uint32_t *in_service;
    unsigned word;
    unsigned bit;
    if (*used == 0) {
        return;
    }
    word = highest_bit(*used);
    in_service = &lapic->page.reg[LAPIC_ISR + word].value;
    bit = highest_bit(*in_service);
    *in_service ^= 1U << bit;
    if (*in_service == 0) {
        *used ^= 1U << word;
    }
    if (lapic->used[LAPIC_LEVEL_TRIGGERED] != 0) {
        lapic_ended(lapic, word * 32 + bit);
    }
}

bool lapic_accepts_extint(const struct lapic *lapic)
{
    uint32_t lint0 = lapic->lvt[LAPIC_LVT_LINT0 - LAPIC_LVT_TIMER];
    if (lapic->mode == LAPIC_DISABLED) {
        return true; // 11.4.3: then the pins are INTR and NMI
    }
    return (lint0 & (APIC_LVT_DELIVERY | APIC_LVT_MASKED)) == APIC_EXTINT
                                                                  << APIC_LVT_DELIVERY_SHIFT;
}

void lapic_set_cr8(struct lapic *lapic, uint64_t value)
{
    lapic->page.reg[LAPIC_TPR].value = (uint32_t)(value & 0xf) << 4;
}

uint64_t lapic_cr8(const struct lapic *lapic)
{
    return lapic->page.reg[LAPIC_TPR].value >> 4;
}
