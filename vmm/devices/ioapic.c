// SPDX-License-Identifier: MIT
// The model of an I/O APIC: redirection table, level and edge inputs, end of interrupt.
#include "vmm/devices/ioapic.h"

#include "vmm/devices/apic_message.h"
#include "vmm/util/types.h"

// Version 0x20 has the EOI register; bits 16 to 23 are the number of the last entry.
#define VERSION (0x20U | (IOAPIC_PINS - 1) << 16)
#define XAPIC_EVERYONE 0xffU

enum ioapic_offset { OFFSET_SELECT = 0x00, OFFSET_WINDOW = 0x10, OFFSET_EOI = 0x40 };

enum ioapic_register {
    IOAPIC_ID = 0x00,
    IOAPIC_VERSION = 0x01,
    IOAPIC_ARBITRATION = 0x02,
    IOAPIC_TABLE = 0x10, // two registers for each entry, the low half first
};

enum entry_bits {
    ENTRY_VECTOR = 0xff,
    ENTRY_DELIVERY_SHIFT = 8,
    ENTRY_LOGICAL = BIT(11),
    ENTRY_REMOTE_IRR = BIT(14),
    ENTRY_LEVEL = BIT(15),
    ENTRY_MASKED = BIT(16),
    ENTRY_LOW_WRITABLE = 0x1afff, // all bits but delivery status and remote IRR
    ENTRY_DESTINATION_SHIFT = 56,
};

#define ENTRY_HIGH_WRITABLE 0xff000000U

static void send(struct ioapic *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entry[pin];
    uint32_t destination = (uint32_t)(entry >> ENTRY_DESTINATION_SHIFT);
    struct apic_message message = {
        .vector = entry & ENTRY_VECTOR,
        .delivery = (enum apic_delivery)(entry >> ENTRY_DELIVERY_SHIFT & 7),
        .logical = entry & ENTRY_LOGICAL,
        .level = entry & ENTRY_LEVEL,
        .destination = destination == XAPIC_EVERYONE ? UINT32_MAX : destination,
    };
    ioapic->output->deliver(ioapic->output, &message);
}

// Only fixed and lowest-priority interrupts end with an EOI. Others are edges, whatever bit 15
// says.
static bool is_level(uint64_t entry)
{
    return (entry & ENTRY_LEVEL) && (entry >> ENTRY_DELIVERY_SHIFT & 7) <= APIC_LOWEST_PRIORITY;
}

// A level whose last interrupt has not ended waits for its end.
bool ioapic_hears(const struct ioapic *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entry[pin];
    return !(entry & ENTRY_MASKED) && !(is_level(entry) && (entry & ENTRY_REMOTE_IRR));
}

// An asserted level input interrupts, unless it is masked or its last interrupt has not ended.
static void check_level(struct ioapic *ioapic, unsigned pin)
{
    if (!is_level(ioapic->entry[pin]) || !ioapic_hears(ioapic, pin) ||
        !(ioapic->lines >> pin & 1)) {
        return;
    }
    ioapic->entry[pin] |= ENTRY_REMOTE_IRR;
    send(ioapic, pin);
}

void ioapic_set_pin(struct ioapic *ioapic, unsigned pin, bool asserted)
{
    if (pin >= IOAPIC_PINS) {
        return;
    }
    uint64_t entry = ioapic->entry[pin];
    bool rose = asserted && !(ioapic->lines >> pin & 1);
    ioapic->lines = (ioapic->lines & ~(1U << pin)) | (uint32_t)asserted << pin;
    if (is_level(entry)) {
        check_level(ioapic, pin);
    } else if (rose && !(entry & ENTRY_MASKED)) { // an edge on a masked pin is lost (data sheet)
        send(ioapic, pin);
    }
}

static bool is_ended_by(uint64_t entry, uint8_t vector)
{
    return (entry & ENTRY_REMOTE_IRR) && (entry & ENTRY_VECTOR) == vector;
}

void ioapic_eoi(struct ioapic *ioapic, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if (is_ended_by(ioapic->entry[pin], vector)) {
            ioapic->entry[pin] &= ~(uint64_t)ENTRY_REMOTE_IRR;
            check_level(ioapic, pin);
        }
    }
}

uint32_t ioapic_pins_of_eoi(const struct ioapic *ioapic, uint8_t vector)
{
    uint32_t pins = 0;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        pins |= (uint32_t)is_ended_by(ioapic->entry[pin], vector) << pin;
    }
    return pins;
}

uint32_t ioapic_pins_of_write(const struct ioapic *ioapic, unsigned offset, uint32_t value)
{
    unsigned index = ioapic->select - (unsigned)IOAPIC_TABLE;
    if (offset == OFFSET_EOI) {
        return ioapic_pins_of_eoi(ioapic, (uint8_t)value);
    }
    bool is_entry =
        offset == OFFSET_WINDOW && ioapic->select >= IOAPIC_TABLE && index < 2 * IOAPIC_PINS;
    return is_entry ? 1U << index / 2 : 0;
}

static uint32_t read_window(const struct ioapic *ioapic)
{
    unsigned index = ioapic->select - (unsigned)IOAPIC_TABLE;
    switch (ioapic->select) {
    case IOAPIC_ID:
    case IOAPIC_ARBITRATION:
        return (uint32_t)ioapic->id << 24;
    case IOAPIC_VERSION:
        return VERSION;
    default:
        if (ioapic->select < IOAPIC_TABLE || index >= 2 * IOAPIC_PINS) {
            return 0;
        }
        return (uint32_t)(ioapic->entry[index / 2] >> (index % 2 ? 32 : 0));
    }
}

static void write_entry(struct ioapic *ioapic, unsigned pin, bool high, uint32_t value)
{
    uint64_t entry = ioapic->entry[pin];
    if (high) {
        entry = (uint32_t)entry | (uint64_t)(value & ENTRY_HIGH_WRITABLE) << 32;
    } else {
        entry = (entry & ~(uint64_t)ENTRY_LOW_WRITABLE) | (value & ENTRY_LOW_WRITABLE);
        if (!(entry &
              ENTRY_LEVEL)) { // an edge has no remote IRR; Linux clears a stuck one this way
            entry &= ~(uint64_t)ENTRY_REMOTE_IRR;
        }
    }
    ioapic->entry[pin] = entry;
    check_level(ioapic, pin);
}

// The 82093AA has four bits. Later chips have eight, as many as a local APIC in xAPIC mode.
void ioapic_set_id(struct ioapic *ioapic, uint8_t id)
{
    ioapic->id = id;
}

static void write_window(struct ioapic *ioapic, uint32_t value)
{
    unsigned index = ioapic->select - (unsigned)IOAPIC_TABLE;
    if (ioapic->select == IOAPIC_ID) {
        ioapic_set_id(ioapic, (uint8_t)(value >> 24));
    } else if (ioapic->select >= IOAPIC_TABLE && index < 2 * IOAPIC_PINS) {
        write_entry(ioapic, index / 2, index % 2, value);
    }
}

uint32_t ioapic_read(const struct ioapic *ioapic, unsigned offset)
{
    switch (offset) {
    case OFFSET_SELECT:
        return ioapic->select;
    case OFFSET_WINDOW:
        return read_window(ioapic);
    default:
        return 0;
    }
}

void ioapic_write(struct ioapic *ioapic, unsigned offset, uint32_t value)
{
    switch (offset) {
    case OFFSET_SELECT:
        ioapic->select = (uint8_t)value;
        break;
    case OFFSET_WINDOW:
        write_window(ioapic, value);
        break;
    case OFFSET_EOI:
        ioapic_eoi(ioapic, (uint8_t)value);
        break;
    default:
        break;
    }
}

void ioapic_reset(struct ioapic *ioapic)
{
    ioapic->id = 0;
    ioapic->select = 0;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        ioapic->entry[pin] = ENTRY_MASKED;
    }
}

void ioapic_init(struct ioapic *ioapic, struct ioapic_output *output)
{
    *ioapic = (struct ioapic){.output = output};
    ioapic_reset(ioapic);
}
