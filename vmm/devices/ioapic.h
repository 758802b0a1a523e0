// SPDX-License-Identifier: MIT
// The model of an I/O APIC with 24 inputs (Intel 82093AA data sheet). It also has the EOI register
// of later chips.
#pragma once

#include "vmm/util/types.h"

struct apic_message;

#define IOAPIC_DEFAULT_BASE 0xfec00000ULL
#define IOAPIC_PINS 24
#define IOAPIC_EXTINT_PIN 0 // a PC's 8259s have their INTR here

struct ioapic_output {
    // Sends the message to all local APICs that lapic_is_addressed finds. With APIC_LOWEST_PRIORITY
    // it goes to one of them.
    void (*deliver)(struct ioapic_output *output, const struct apic_message *message);
};

struct ioapic {
    struct ioapic_output *output;
    uint32_t lines; // the input levels
    uint8_t id;
    uint8_t select;
    uint64_t entry[IOAPIC_PINS]; // redirection table, bit 14 is remote IRR
};

void ioapic_init(struct ioapic *ioapic, struct ioapic_output *output);
void ioapic_reset(struct ioapic *ioapic);

// The ID of the I/O APIC of a PC with so many vCPUs, whose local APICs have the IDs from 0 on. It
// differs from all of theirs (MP 3.6.6), as far as it has bits for that.
static inline uint8_t ioapic_id_beside(unsigned vcpus)
{
    return (uint8_t)vcpus;
}
// Does what a write of the ID register does.
void ioapic_set_id(struct ioapic *ioapic, uint8_t id);

// 32-bit accesses at `offset` from the base: 0x00 select, 0x10 window, 0x40 EOI. Others read 0.
uint32_t ioapic_read(const struct ioapic *ioapic, unsigned offset);
void ioapic_write(struct ioapic *ioapic, unsigned offset, uint32_t value);

// Input `pin` is asserted or not. The board knows the polarity. A pin out of range is ignored.
void ioapic_set_pin(struct ioapic *ioapic, unsigned pin, bool asserted);
// Whether the next assertion of input `pin`, which exists, sends a message.
bool ioapic_hears(const struct ioapic *ioapic, unsigned pin);
// A local APIC ended a level-triggered interrupt.
void ioapic_eoi(struct ioapic *ioapic, uint8_t vector);
// The inputs for which the end of that interrupt, or a write, may change something.
uint32_t ioapic_pins_of_eoi(const struct ioapic *ioapic, uint8_t vector);
uint32_t ioapic_pins_of_write(const struct ioapic *ioapic, unsigned offset, uint32_t value);
