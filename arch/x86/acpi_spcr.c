// SPDX-License-Identifier: MIT
// The SPCR: the serial line that the firmware itself uses as its console (Microsoft's "Serial Port
// Console Redirection Table", which ACPI 5.2.6 refers to).
#include "arch/x86/acpi_spcr.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define REVISION_WITH_TYPES 2 // before it, the type was only 16550 or 16450
#define REVISION_WITH_CLOCK 3
#define REVISION_WITH_PRECISE_RATE 4

#define REGISTER_BYTES_MAX 4
#define BITS_PER_BYTE 8

enum spcr_type {
    SPCR_16550 = 0x00,
    SPCR_16450 = 0x01, // no FIFOs, the same registers
    SPCR_16550_GAS = 0x12,
};

enum spcr_interrupt { SPCR_INTERRUPT_8259 = BIT(0), SPCR_INTERRUPT_IO_APIC = BIT(1) };

static bool is_16550(const struct acpi_spcr *spcr)
{
    return spcr->type == SPCR_16550 || spcr->type == SPCR_16450 ||
           (spcr->type == SPCR_16550_GAS && spcr->header.revision >= REVISION_WITH_TYPES);
}

// Bits per second for a code of the table. 0 and unknown codes mean: as it is.
static uint32_t baud_rate(const struct acpi_spcr *spcr)
{
    static const uint32_t rates[] = {[3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200};
    if (spcr->header.revision >= REVISION_WITH_PRECISE_RATE && spcr->precise_baud_rate != 0) {
        return spcr->precise_baud_rate;
    }
    return spcr->baud_rate < ARRAY_SIZE(rates) ? rates[spcr->baud_rate] : 0;
}

// Bytes of an access (ACPI 5.2.3.2): 1 is a byte, 2 a word, 3 a double word, 0 is not stated.
static uint8_t access_bytes(const struct acpi_gas *base)
{
    if (base->space == ACPI_SPACE_IO || base->access_size == 0 || base->access_size > 3) {
        return 1;
    }
    return (uint8_t)(1u << (base->access_size - 1));
}

// A register takes the bytes of its width, or those of an access if they are more.
static uint8_t stride(const struct acpi_gas *base)
{
    uint8_t register_bytes = (uint8_t)MIN(base->bit_width / BITS_PER_BYTE, REGISTER_BYTES_MAX);
    return base->space == ACPI_SPACE_IO ? 1 : MAX(access_bytes(base), MAX(register_bytes, 1));
}

static bool address_fits(const struct acpi_gas *base)
{
    if (base->space == ACPI_SPACE_IO) {
        return base->address <= UINT16_MAX - (ACPI_SERIAL_REGISTERS - 1);
    }
    return base->space == ACPI_SPACE_MEMORY && IS_ALIGNED(base->address, access_bytes(base)) &&
           base->address <= UINT64_MAX - (uint64_t)ACPI_SERIAL_REGISTERS * REGISTER_BYTES_MAX;
}

void acpi_read_spcr(const struct acpi_table *table, struct acpi_info *info)
{
    struct acpi_spcr spcr = {0};
    if (table->length < SPCR_V1_BYTES || info->serial.present) {
        return;
    }
    memcpy(&spcr, table->bytes, MIN(table->length, sizeof(spcr)));
    if (!is_16550(&spcr) || spcr.base.address == 0 || !address_fits(&spcr.base)) {
        return; // address 0: the firmware has a console, but it is switched off
    }
    info->serial = (struct acpi_serial){
        .present = true,
        .in_memory = spcr.base.space == ACPI_SPACE_MEMORY,
        .address = spcr.base.address,
        .stride = stride(&spcr.base),
        .access_bytes = access_bytes(&spcr.base),
        .baud = baud_rate(&spcr),
        .clock_hz = spcr.header.revision >= REVISION_WITH_CLOCK ? spcr.clock_hz : 0,
        .has_irq = (spcr.interrupt_type & SPCR_INTERRUPT_8259) != 0,
        .irq = spcr.irq,
        .has_gsi = (spcr.interrupt_type & SPCR_INTERRUPT_IO_APIC) != 0,
        .gsi = spcr.gsi,
    };
}
