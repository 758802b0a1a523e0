// SPDX-License-Identifier: MIT
// Writes a VM's MP floating pointer and MP configuration table. They agree with its ACPI tables.
#include "vmm/board/mp_tables.h"

#include "arch/x86/apic_registers.h"
#include "vmm/address.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pci_host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define SPECIFICATION 4 // 1.4
#define LAPIC_VERSION_BYTE 0x14
#define IOAPIC_VERSION_BYTE 0x20
#define ALL_LOCAL_APICS 0xff
#define BOOT_CPU 0

enum bus { BUS_PCI, BUS_ISA };
enum isa_irq { IRQ_TIMER = 0, IRQ_CASCADE = 2, IRQ_COUNT = 16 };
#define TIMER_PIN 2

struct PACKED mp_pointer {
    char signature[4]; // "_MP_"
    uint32_t table;
    uint8_t paragraphs; // the length of this structure, in 16 bytes
    uint8_t specification;
    uint8_t checksum;
    uint8_t features[5]; // [0] 0: there is a table; [1] 0: no IMCR, the 8259s are wired to LINT0
};
static_assert(sizeof(struct mp_pointer) == 16, "MP 4.1");

struct PACKED mp_header {
    char signature[4]; // "PCMP"
    uint16_t length;
    uint8_t specification;
    uint8_t checksum;
    char oem[8];
    char product[12];
    uint32_t oem_table;
    uint16_t oem_table_bytes;
    uint16_t entries;
    uint32_t local_apic;
    uint16_t extended_bytes;
    uint8_t extended_checksum;
    uint8_t reserved;
};
static_assert(sizeof(struct mp_header) == 44, "MP 4.2");

enum mp_entry_type { MP_PROCESSOR, MP_BUS, MP_IO_APIC, MP_IO_INTERRUPT, MP_LOCAL_INTERRUPT };
enum mp_flags { MP_ENABLED = BIT(0), MP_BOOT_CPU = BIT(1) };
enum mp_interrupt_type { MP_INT = 0, MP_NMI = 1, MP_EXTINT = 3 };
enum mp_interrupt_flags { MP_AS_THE_BUS = 0, MP_HIGH_LEVEL = 1 | 3 << 2 };

struct PACKED mp_processor {
    uint8_t type;
    uint8_t apic_id;
    uint8_t apic_version;
    uint8_t flags;
    uint32_t signature;
    uint32_t features;
    uint32_t reserved[2];
};
static_assert(sizeof(struct mp_processor) == 20, "MP 4.3.1");

struct PACKED mp_bus {
    uint8_t type;
    uint8_t id;
    char name[6];
};
static_assert(sizeof(struct mp_bus) == 8, "MP 4.3.2");

struct PACKED mp_io_apic {
    uint8_t type;
    uint8_t id;
    uint8_t version;
    uint8_t flags;
    uint32_t address;
};
static_assert(sizeof(struct mp_io_apic) == 8, "MP 4.3.3");

struct PACKED mp_interrupt { // of an I/O APIC or of a local APIC
    uint8_t type;
    uint8_t interrupt_type;
    uint16_t flags;
    uint8_t source_bus;
    uint8_t source_irq;
    uint8_t apic;
    uint8_t input;
};
static_assert(sizeof(struct mp_interrupt) == 8, "MP 4.3.4, 4.3.5");

#define ENTRIES_MAX                                                                                \
    (MP_TABLES_VCPUS_MAX * sizeof(struct mp_processor) +                                           \
     (4 + IRQ_COUNT + PCI_HOST_SLOTS * PCI_PINS + 2) * sizeof(struct mp_interrupt))
static_assert(sizeof(struct mp_pointer) + sizeof(struct mp_header) + ENTRIES_MAX <= MP_TABLES_BYTES,
              "the area has room for the longest table");

static void append(struct mp_header *table, const void *entry, size_t bytes)
{
    memcpy((uint8_t *)table + table->length, entry, bytes);
    table->length = (uint16_t)(table->length + bytes);
    table->entries++;
}

#define APPEND(table, kind, ...) append(table, &(struct kind){__VA_ARGS__}, sizeof(struct kind))

static void append_hardware(struct mp_header *table, const struct mp_tables_cpu *cpus)
{
    for (unsigned i = 0; i < cpus->count; i++) {
        APPEND(table, mp_processor, .type = MP_PROCESSOR, .apic_id = (uint8_t)i,
               .apic_version = LAPIC_VERSION_BYTE,
               .flags = i == BOOT_CPU ? MP_ENABLED | MP_BOOT_CPU : MP_ENABLED,
               .signature = cpus->signature, .features = cpus->features);
    }
    APPEND(table, mp_bus, .type = MP_BUS, .id = BUS_PCI, .name = {'P', 'C', 'I', ' ', ' ', ' '});
    APPEND(table, mp_bus, .type = MP_BUS, .id = BUS_ISA, .name = {'I', 'S', 'A', ' ', ' ', ' '});
    APPEND(table, mp_io_apic, .type = MP_IO_APIC, .id = ioapic_id_beside(cpus->count),
           .version = IOAPIC_VERSION_BYTE, .flags = MP_ENABLED,
           .address = (uint32_t)IOAPIC_DEFAULT_BASE);
}

static void append_isa(struct mp_header *table, uint8_t io_apic)
{
    APPEND(table, mp_interrupt, .type = MP_IO_INTERRUPT, .interrupt_type = MP_EXTINT,
           .source_bus = BUS_ISA, .apic = io_apic, .input = IOAPIC_EXTINT_PIN);
    for (unsigned irq = 0; irq < IRQ_COUNT; irq++) {
        if (irq == IRQ_CASCADE || irq == PCI_IRQ_EVEN || irq == PCI_IRQ_ODD) {
            continue;
        }
        APPEND(table, mp_interrupt, .type = MP_IO_INTERRUPT, .interrupt_type = MP_INT,
               .flags = irq == ACPI_PM_SCI ? MP_HIGH_LEVEL : MP_AS_THE_BUS, .source_bus = BUS_ISA,
               .source_irq = (uint8_t)irq, .apic = io_apic,
               .input = (uint8_t)(irq == IRQ_TIMER ? TIMER_PIN : irq));
    }
}

// The source of a PCI interrupt holds the slot in bits 6-2 and the pin in bits 1-0 (MP D.3).
static void append_pci(struct mp_header *table, uint8_t io_apic)
{
    for (unsigned slot = 1; slot < PCI_HOST_SLOTS; slot++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            APPEND(table, mp_interrupt, .type = MP_IO_INTERRUPT, .interrupt_type = MP_INT,
                   .source_bus = BUS_PCI, .source_irq = (uint8_t)(slot << 2 | pin), .apic = io_apic,
                   .input = (uint8_t)pci_bus_irq(slot, pin));
        }
    }
}

static void append_local(struct mp_header *table)
{
    APPEND(table, mp_interrupt, .type = MP_LOCAL_INTERRUPT, .interrupt_type = MP_EXTINT,
           .source_bus = BUS_ISA, .apic = BOOT_CPU, .input = 0);
    APPEND(table, mp_interrupt, .type = MP_LOCAL_INTERRUPT, .interrupt_type = MP_NMI,
           .source_bus = BUS_ISA, .apic = ALL_LOCAL_APICS, .input = 1);
}

static void write_table(struct mp_header *table, const struct mp_tables_cpu *cpus)
{
    *table = (struct mp_header){.length = sizeof(*table),
                                .specification = SPECIFICATION,
                                .local_apic = (uint32_t)APIC_DEFAULT_ADDRESS};
    memcpy(table->signature, "PCMP", sizeof(table->signature));
    memcpy(table->oem, "HUSK    ", sizeof(table->oem));
    memcpy(table->product, "HUSKPC      ", sizeof(table->product));
    append_hardware(table, cpus);
    append_isa(table, ioapic_id_beside(cpus->count));
    append_pci(table, ioapic_id_beside(cpus->count));
    append_local(table);
    table->checksum = (uint8_t)-bytes_sum(table, table->length);
}

enum status mp_tables_install(const struct guest_memory *memory, const struct mp_tables_cpu *cpus,
                              struct reason *why)
{
    struct mp_pointer *pointer = guest_memory_at(memory, gpa(MP_TABLES_BASE), MP_TABLES_BYTES);
    if (!pointer) {
        return refuse(why, STATUS_RANGE, "no RAM at 0x%llx for the MP tables: mem= is below 1M",
                      MP_TABLES_BASE);
    }
    if (cpus->count > MP_TABLES_VCPUS_MAX) {
        return STATUS_OK;
    }
    write_table((struct mp_header *)(pointer + 1), cpus);
    *pointer = (struct mp_pointer){.table = (uint32_t)(MP_TABLES_BASE + sizeof(*pointer)),
                                   .paragraphs = sizeof(*pointer) / 16,
                                   .specification = SPECIFICATION};
    memcpy(pointer->signature, "_MP_", sizeof(pointer->signature));
    pointer->checksum = (uint8_t)-bytes_sum(pointer, sizeof(*pointer));
    return STATUS_OK;
}
