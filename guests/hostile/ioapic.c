// SPDX-License-Identifier: MIT
// Every register of the I/O APIC in every width, every bit, every way to deliver (Intel 82093AA).
#include "guests/lib/ioapic.h"

#include "guests/hostile/access.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/hpet.h"
#include "guests/lib/port.h"

#define INDEXES 256U
#define ID_BITS 0xff000000U
#define VERSION_PINS_SHIFT 16
#define ENTRY_LOW_BITS 0x1afffU
#define ENTRY_HIGH_BITS 0xff000000U
#define PROBED_PIN 23
#define PROBED_ENTRY 0x1a5a5U
#define VECTOR 0x61U
#define SETTLE_SPINS 2000U
#define UART_INTERRUPT_ENABLE 0x3f9
#define UART_IRQ 4
#define ENABLE_TRANSMITTER 2
#define DELIVERY_SHIFT 8
#define DELIVERY_MODES 8U
#define DELIVERY_NMI 4U
#define DELIVERY_INIT 5U
#define DELIVERY_EXTINT 7U
#define LEVEL_TIMER 0
#define LEVEL_PIN 16

// The bits that the register of an index keeps.
static uint32_t bits_of(unsigned index)
{
    const unsigned entry = index - IOAPIC_TABLE;
    if (index == 0) {
        return ID_BITS;
    }
    if (index < IOAPIC_TABLE || entry >= 2 * IOAPIC_PINS) {
        return 0;
    }
    return entry % 2 == 0 ? ENTRY_LOW_BITS : ENTRY_HIGH_BITS;
}

// Version and arbitration ID are read-only. Beyond the table there is nothing.
static enum outcome bits(void)
{
    for (unsigned index = 0; index < INDEXES; index++) {
        const uint32_t kept = bits_of(index);
        const uint32_t before = ioapic_read(index);
        for (unsigned bit = 0; bit <= 32; bit++) {
            const uint32_t value = bit == 32 ? UINT32_MAX : (uint32_t)BIT(bit);
            ioapic_write(index, value);
            if (ioapic_read(index) != (kept != 0 ? value & kept : before)) {
                return attempt_wrong("index and bit", index << 8 | bit);
            }
        }
        ioapic_write(index, kept & (uint32_t)ENTRY_MASKED);
    }
    const uint32_t pins = ioapic_read(1) >> VERSION_PINS_SHIFT & 0xff;
    return pins == IOAPIC_PINS - 1 ? OUTCOME_DONE : attempt_wrong("last pin", pins);
}

static bool overlaps(unsigned offset, unsigned width, unsigned reg)
{
    return offset < reg + 4 && offset + width > reg;
}

// An access of any width elsewhere in the page must leave the registers alone.
static enum outcome elsewhere(void)
{
    const unsigned index = IOAPIC_TABLE + 2 * PROBED_PIN;
    ioapic_write(index, PROBED_ENTRY);
    for (unsigned offset = 0; offset < PAGE_SIZE; offset++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            if (overlaps(offset, width, 0) || overlaps(offset, width, IOAPIC_WINDOW)) {
                continue;
            }
            access_read(IOAPIC_ADDRESS + offset, width);
            access_write(IOAPIC_ADDRESS + offset, width, UINT64_MAX);
            if (*ioapic_at(0) != index || *ioapic_at(IOAPIC_WINDOW) != PROBED_ENTRY) {
                return attempt_wrong("offset and width", offset << 4 | width);
            }
        }
    }
    ioapic_write(index, (uint32_t)ENTRY_MASKED);
    return OUTCOME_DONE;
}

// An access that touches a register, but is not 32 bits wide and aligned, may change that register
// and no other.
static enum outcome odd_accesses(void)
{
    ioapic_write(IOAPIC_TABLE + 2 * PROBED_PIN, PROBED_ENTRY);
    for (unsigned offset = 0; offset < 2 * IOAPIC_WINDOW; offset++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            *ioapic_at(0) = IOAPIC_TABLE;
            access_read(IOAPIC_ADDRESS + offset, width);
            access_write(IOAPIC_ADDRESS + offset, width, ENTRY_MASKED);
        }
    }
    const uint32_t entry = ioapic_read(IOAPIC_TABLE + 2 * PROBED_PIN);
    ioapic_write(IOAPIC_TABLE + 2 * PROBED_PIN, (uint32_t)ENTRY_MASKED);
    return entry == PROBED_ENTRY ? OUTCOME_DONE : attempt_wrong("entry", entry);
}

// Makes an edge at the UART's input. Returns the number of interrupts of VECTOR that it brings, and
// above that the number of NMIs.
static uint32_t edge(uint32_t entry, uint32_t destination)
{
    const uint32_t before = machine_interrupts(VECTOR);
    const uint32_t nmis = machine_interrupts(VECTOR_NMI);
    ioapic_write(IOAPIC_TABLE + 2 * UART_IRQ + 1, destination << 24);
    ioapic_write(IOAPIC_TABLE + 2 * UART_IRQ, entry | VECTOR);
    out8(UART_INTERRUPT_ENABLE, ENABLE_TRANSMITTER);
    out8(UART_INTERRUPT_ENABLE, 0);
    cpu_interrupts_on();
    for (unsigned i = 0; i < SETTLE_SPINS && machine_interrupts(VECTOR) == before; i++) {
        cpu_pause();
    }
    cpu_interrupts_off();
    ioapic_write(IOAPIC_TABLE + 2 * UART_IRQ, (uint32_t)ENTRY_MASKED);
    return (machine_interrupts(VECTOR_NMI) - nmis) << 8 | (machine_interrupts(VECTOR) - before);
}

// As with IPIs, INIT is left out, because it would end this guest. ExtINT asks the 8259s, which are
// masked.
static enum outcome delivery_modes(void)
{
    machine_take_apic_vectors();
    for (uint32_t mode = 0; mode < DELIVERY_MODES; mode++) {
        if (mode == DELIVERY_INIT || mode == DELIVERY_EXTINT) {
            continue;
        }
        const uint32_t wanted = mode <= 1 ? 1 : mode == DELIVERY_NMI ? 0x100 : 0;
        const uint32_t come = edge(mode << DELIVERY_SHIFT, 0);
        if (come != wanted) {
            return attempt_wrong("mode and what came", mode << 16 | come);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome destinations(void)
{
    static const struct {
        uint32_t entry;
        uint8_t to;
        bool arrives;
    } list[] = {
        {0, 0, true},
        {0, 1, false},
        {0, 0xff, true},
        {(uint32_t)ENTRY_LOGICAL, 0x04, true},
        {(uint32_t)ENTRY_LOGICAL, 0xfb, false},
        {(uint32_t)ENTRY_LOGICAL, 0xff, true},
        {(uint32_t)ENTRY_LOGICAL, 0, false},
        {(uint32_t)ENTRY_MASKED, 0, false},
    };
    machine_take_apic_vectors();
    xapic_write(APIC_LDR, 0x04U << 24);
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
        const uint32_t come = edge(list[i].entry, list[i].to);
        if (come != (list[i].arrives ? 1 : 0)) {
            return attempt_wrong("destination number", i);
        }
    }
    return OUTCOME_DONE;
}

static bool is_requested(unsigned offset)
{
    return (xapic_read(offset + VECTOR / 32 * 16) >> VECTOR % 32 & 1) != 0;
}

static bool waits_for_end(void)
{
    return (ioapic_read(IOAPIC_TABLE + 2 * LEVEL_PIN) & ENTRY_REMOTE_IRR) != 0;
}

// Makes the HPET raise a level, which it holds until its status is cleared.
static void raise_level(void)
{
    machine_take_apic_vectors();
    ioapic_set(LEVEL_PIN, (uint32_t)ENTRY_LEVEL | VECTOR);
    hpet_raise_level(LEVEL_TIMER, LEVEL_PIN);
    for (unsigned i = 0; i < SETTLE_SPINS && !is_requested(APIC_IRR); i++) {
        cpu_pause();
    }
}

static void take_once(void)
{
    cpu_interrupts_on();
    __asm__ volatile("nop" ::: "memory");
    cpu_interrupts_off();
}

// The interrupt must come again after each end, until the device is quiet. Meanwhile the entry
// waits for the end.
static enum outcome level(void)
{
    raise_level();
    if (!is_requested(APIC_IRR) || !is_requested(APIC_TMR) || !waits_for_end()) {
        return attempt_wrong("not requested", ioapic_read(IOAPIC_TABLE + 2 * LEVEL_PIN));
    }
    const uint32_t before = machine_interrupts(VECTOR);
    for (unsigned round = 1; round <= 10; round++) {
        machine_limit_interrupts(1);
        take_once();
        if (machine_interrupts(VECTOR) - before != round || !is_requested(APIC_IRR)) {
            return attempt_wrong("round", round);
        }
    }
    machine_limit_interrupts(0);
    hpet_quiet();
    take_once();
    return machine_interrupts(VECTOR) - before == 11 && !waits_for_end() && !is_requested(APIC_IRR)
               ? OUTCOME_DONE
               : attempt_wrong("after the level", machine_interrupts(VECTOR) - before);
}

// The I/O APIC's own EOI register ends the interrupt too, by its vector. If the level is still
// high, the interrupt must come again.
static enum outcome end_by_register(void)
{
    raise_level();
    *ioapic_at(IOAPIC_END_OF_INTERRUPT) = VECTOR + 1;
    const bool still = waits_for_end();
    hpet_quiet();
    *ioapic_at(IOAPIC_END_OF_INTERRUPT) = VECTOR;
    return still && !waits_for_end() ? OUTCOME_DONE : attempt_wrong("other vector's", !still);
}

// An NMI has no end of interrupt, so a level brings only one NMI, like an edge.
static enum outcome level_nmi(void)
{
    const uint32_t before = machine_interrupts(VECTOR_NMI);
    ioapic_set(LEVEL_PIN, (uint32_t)ENTRY_LEVEL | DELIVERY_NMI << DELIVERY_SHIFT);
    hpet_raise_level(LEVEL_TIMER, LEVEL_PIN);
    for (unsigned i = 0; i < SETTLE_SPINS; i++) {
        (void)*ioapic_at(0);
    }
    hpet_quiet();
    const uint32_t come = machine_interrupts(VECTOR_NMI) - before;
    return come == 1 ? OUTCOME_DONE : attempt_wrong("NMIs", come);
}

static const struct attempt attempts[] = {
    {"each bit of the I/O APIC's registers", bits, DONE},
    {"its page in all widths beside the registers", elsewhere, DONE},
    {"its registers in all widths at all places", odd_accesses, DONE},
    {"every delivery mode of the I/O APIC", delivery_modes, DONE},
    {"its destinations that are and are not this one", destinations, DONE},
    {"a level that stays", level, DONE},
    {"a level ended by the I/O APIC's register", end_by_register, DONE},
    {"a level as an NMI", level_nmi, DONE},
};

const struct attempt_group ioapic_group = {attempts, ARRAY_SIZE(attempts)};
