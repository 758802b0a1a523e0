// SPDX-License-Identifier: MIT
// A VM's MADT (vCPUs, I/O APIC, interrupt inputs) and the SSDT with an object for each vCPU.
#include "vmm/board/acpi_processors.h"

#include "arch/x86/acpi_layout.h"
#include "arch/x86/apic_registers.h"
#include "vmm/board/acpi_area.h"
#include "vmm/board/acpi_tables.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/ioapic.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define MADT_REVISION 3
#define SSDT_REVISION 2
#define XAPIC_IDS 255 // IDs 0 to 254; 255 means all local APICs
#define TIMER_IRQ 0
#define TIMER_GSI 2
#define NMI_LINT 1

static uint64_t madt_bytes(unsigned vcpus)
{
    unsigned short_ids = MIN(vcpus, XAPIC_IDS);
    return sizeof(struct acpi_madt) + short_ids * sizeof(struct madt_local_apic) +
           (vcpus - short_ids) * sizeof(struct madt_local_x2apic) + sizeof(struct madt_io_apic) +
           2 * sizeof(struct madt_override) + sizeof(struct madt_local_nmi) +
           (vcpus > XAPIC_IDS ? sizeof(struct madt_local_x2apic_nmi) : 0);
}

// The append functions write an entry at `at` and return the address for the next one.
static uint8_t *append(uint8_t *at, const void *entry, size_t bytes)
{
    memcpy(at, entry, bytes);
    return at + bytes;
}

#define APPEND(at, type, ...) append(at, &(struct type){__VA_ARGS__}, sizeof(struct type))

static uint8_t *append_processor(uint8_t *at, unsigned index)
{
    if (index < XAPIC_IDS) {
        return APPEND(at, madt_local_apic, .type = MADT_LOCAL_APIC,
                      .length = sizeof(struct madt_local_apic), .uid = (uint8_t)index,
                      .apic_id = (uint8_t)index, .flags = MADT_ENABLED);
    }
    return APPEND(at, madt_local_x2apic, .type = MADT_LOCAL_X2APIC,
                  .length = sizeof(struct madt_local_x2apic), .apic_id = index,
                  .flags = MADT_ENABLED, .uid = index);
}

static uint8_t *append_inputs(uint8_t *at, unsigned vcpus)
{
    at = APPEND(at, madt_io_apic, .type = MADT_IO_APIC, .length = sizeof(struct madt_io_apic),
                .id = ioapic_id_beside(vcpus), .address = (uint32_t)IOAPIC_DEFAULT_BASE);
    at = APPEND(at, madt_override, .type = MADT_OVERRIDE, .length = sizeof(struct madt_override),
                .irq = TIMER_IRQ, .gsi = TIMER_GSI);
    at = APPEND(at, madt_override, .type = MADT_OVERRIDE, .length = sizeof(struct madt_override),
                .irq = ACPI_PM_SCI, .gsi = ACPI_PM_SCI, .flags = INTI_ACTIVE_HIGH | INTI_LEVEL);
    return APPEND(at, madt_local_nmi, .type = MADT_LOCAL_NMI,
                  .length = sizeof(struct madt_local_nmi), .uid = MADT_ALL_UIDS, .lint = NMI_LINT);
}

static void add_madt(struct acpi_area *area, unsigned vcpus)
{
    uint64_t bytes = madt_bytes(vcpus);
    struct acpi_madt *madt = acpi_area_take(area, bytes);
    if (!madt) {
        return;
    }
    madt->local_apic = (uint32_t)APIC_DEFAULT_ADDRESS;
    madt->flags = MADT_8259;
    uint8_t *at = (uint8_t *)(madt + 1);
    for (unsigned i = 0; i < vcpus; i++) {
        at = append_processor(at, i);
    }
    at = append_inputs(at, vcpus);
    if (vcpus > XAPIC_IDS) {
        APPEND(at, madt_local_x2apic_nmi, .type = MADT_LOCAL_X2APIC_NMI,
               .length = sizeof(struct madt_local_x2apic_nmi), .uid = UINT32_MAX, .lint = NMI_LINT);
    }
    acpi_area_add(area, &madt->header, "APIC", bytes, MADT_REVISION);
}

// ---- The SSDT: AML (ACPI 6.5, chapter 20) of a fixed form ----

// Scope (\_SB) with a length of three bytes. The first byte holds the lowest 4 bits of the length.
struct PACKED aml_scope {
    uint8_t scope_op;
    uint8_t package_length[3];
    uint8_t name[5];
};

// Device (Cxxx) { Name (_HID, "ACPI0007") Name (_UID, xxx) }
struct PACKED aml_processor {
    uint8_t device_op[2];
    uint8_t package_length; // from here to the end
    char name[4];
    uint8_t hid[5];
    uint8_t string_prefix;
    char string[9];
    uint8_t uid[5];
    uint8_t word_prefix;
    uint16_t number;
};
static_assert(sizeof(struct aml_processor) == 30, "package_length and the 2 bytes before it");

#define PACKAGE_LENGTH_MAX BIT(20) // for a length of three bytes

static const struct aml_processor processor_template = {
    .device_op = {0x5b, 0x82},
    .package_length = sizeof(struct aml_processor) - 2,
    .name = {'C', '0', '0', '0'},
    .hid = {0x08, '_', 'H', 'I', 'D'},
    .string_prefix = 0x0d,
    .string = "ACPI0007",
    .uid = {0x08, '_', 'U', 'I', 'D'},
    .word_prefix = 0x0b,
};

static void write_scope(struct aml_scope *scope, uint64_t length)
{
    *scope = (struct aml_scope){
        .scope_op = 0x10,
        .package_length = {(uint8_t)(2 << 6 | (length & 0xf)), (uint8_t)(length >> 4),
                           (uint8_t)(length >> 12)},
        .name = {'\\', '_', 'S', 'B', '_'},
    };
}

static void write_processor(struct aml_processor *processor, unsigned index)
{
    static const char digits[] = "0123456789ABCDEF";
    *processor = processor_template;
    for (unsigned i = 0; i < 3; i++) {
        processor->name[3 - i] = digits[index >> 4 * i & 0xf];
    }
    processor->number = (uint16_t)index;
}

static void add_ssdt(struct acpi_area *area, unsigned vcpus)
{
    uint64_t bytes = sizeof(struct acpi_header) + sizeof(struct aml_scope) +
                     vcpus * sizeof(struct aml_processor);
    struct acpi_header *ssdt = acpi_area_take(area, bytes);
    static_assert(ACPI_TABLES_BYTES < PACKAGE_LENGTH_MAX, "three bytes hold the longest length");
    static_assert(ACPI_TABLES_BYTES / sizeof(struct aml_processor) < 0x1000, "three hex digits");
    if (!ssdt) {
        return;
    }
    struct aml_scope *scope = (struct aml_scope *)(ssdt + 1);
    struct aml_processor *processors = (struct aml_processor *)(scope + 1);
    write_scope(scope, bytes - sizeof(*ssdt) - offsetof(struct aml_scope, package_length));
    for (unsigned i = 0; i < vcpus; i++) {
        write_processor(&processors[i], i);
    }
    acpi_area_add(area, ssdt, "SSDT", bytes, SSDT_REVISION);
}

void acpi_add_processors(struct acpi_area *area, unsigned vcpus)
{
    add_madt(area, vcpus);
    add_ssdt(area, vcpus);
}
