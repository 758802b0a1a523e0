// SPDX-License-Identifier: MIT
// The I/O APICs (82093AA data sheet 3). All inputs are masked; ISA interrupts are routed on
// request.
#include "arch/x86/ioapic82093.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/vectors.h"

#define SELECT 0          // IOREGSEL, as an index of 32-bit words
#define WINDOW (0x10 / 4) // IOWIN
#define REGISTER_VERSION 0x01
#define REGISTER_REDIRECTION 0x10 // two words for each input
#define LAST_INPUT_SHIFT 16
#define LAST_INPUT_MASK 0xff
#define MAPPED_BYTES 0x20
#define APIC_ID_MAX 254 // the largest in a redirection entry; 255 is the broadcast

#define REDIRECT_ACTIVE_LOW BIT(13)
#define REDIRECT_LEVEL BIT(15)
#define REDIRECT_MASKED BIT(16)
#define REDIRECT_DESTINATION_SHIFT 24 // in the high word

struct ioapic {
    volatile uint32_t *registers;
    uint32_t gsi_base;
    uint32_t inputs;
};

static struct ioapic ioapics[ACPI_IO_APICS_MAX];
static unsigned ioapic_count;
static const struct acpi_info *acpi;

static uint32_t read_register(const struct ioapic *ioapic, uint32_t index)
{
    ioapic->registers[SELECT] = index;
    return ioapic->registers[WINDOW];
}

static void write_register(const struct ioapic *ioapic, uint32_t index, uint32_t value)
{
    ioapic->registers[SELECT] = index;
    ioapic->registers[WINDOW] = value;
}

// The low word has the mask: mask first, then write the high word, then the low one.
static void redirect(const struct ioapic *ioapic, uint32_t input, uint32_t high, uint32_t low)
{
    uint32_t index = REGISTER_REDIRECTION + 2 * input;
    write_register(ioapic, index, REDIRECT_MASKED);
    write_register(ioapic, index + 1, high);
    write_register(ioapic, index, low);
}

static void add(const struct acpi_io_apic *entry)
{
    struct ioapic *ioapic = &ioapics[ioapic_count];
    if (!machine_memory_can_be_device(entry->address, MAPPED_BYTES)) {
        return;
    }
    ioapic->registers = paging_map_device(entry->address, MAPPED_BYTES, CACHE_UNCACHED);
    ioapic->gsi_base = entry->gsi_base;
    uint32_t version = read_register(ioapic, REGISTER_VERSION);
    if (version == UINT32_MAX) {
        return; // no I/O APIC answers there
    }
    ioapic->inputs = (version >> LAST_INPUT_SHIFT & LAST_INPUT_MASK) + 1;
    for (uint32_t input = 0; input < ioapic->inputs; input++) {
        redirect(ioapic, input, 0, REDIRECT_MASKED);
    }
    ioapic_count++;
}

enum status ioapic82093_init(const struct acpi_info *info, struct reason *why)
{
    acpi = info;
    for (unsigned i = 0; i < info->io_apic_count; i++) {
        add(&info->io_apics[i]);
    }
    if (ioapic_count == 0) {
        return refuse(why, STATUS_NOT_FOUND, "no I/O APIC: devices are polled");
    }
    return STATUS_OK;
}

enum status ioapic82093_route_isa(unsigned irq)
{
    if (irq >= ACPI_ISA_IRQS || !acpi || apic_id() > APIC_ID_MAX) {
        return STATUS_RANGE;
    }
    const struct acpi_isa_route *route = &acpi->isa[irq];
    for (unsigned i = 0; i < ioapic_count; i++) {
        const struct ioapic *ioapic = &ioapics[i];
        if (route->gsi < ioapic->gsi_base || route->gsi - ioapic->gsi_base >= ioapic->inputs) {
            continue;
        }
        uint32_t low = (VECTOR_ISA + irq) |
                       (route->active_low ? (uint32_t)REDIRECT_ACTIVE_LOW : 0) |
                       (route->level ? (uint32_t)REDIRECT_LEVEL : 0);
        redirect(ioapic, route->gsi - ioapic->gsi_base, apic_id() << REDIRECT_DESTINATION_SHIFT,
                 low);
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}
