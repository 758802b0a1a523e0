// SPDX-License-Identifier: MIT
// The MADT: processors, I/O APICs, interrupt overrides and NMI inputs (ACPI 5.2.12).
#include "arch/x86/acpi_madt.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define APIC_ID_BROADCAST 0xff
#define X2APIC_ID_BROADCAST UINT32_MAX

static bool is_known(const struct acpi_info *info, uint32_t apic_id)
{
    for (unsigned i = 0; i < info->processor_count; i++) {
        if (info->processors[i].apic_id == apic_id) {
            return true;
        }
    }
    return false;
}

static void add_processor(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    if ((flags & MADT_ENABLED) == 0) {
        info->processors_disabled++;
    } else if (is_known(info, apic_id)) {
        return; // firmware may list a processor in both ways
    } else if (info->processor_count == ACPI_PROCESSORS_MAX) {
        info->processors_left_over++;
    } else {
        info->processors[info->processor_count++] =
            (struct acpi_processor){.apic_id = apic_id, .uid = uid};
    }
}

static void add_override(struct acpi_info *info, const struct madt_override *entry)
{
    if (entry->bus != 0 || entry->irq >= ACPI_ISA_IRQS) {
        return;
    }
    info->isa[entry->irq] = (struct acpi_isa_route){
        .gsi = entry->gsi,
        .active_low = (entry->flags & INTI_POLARITY_MASK) == INTI_ACTIVE_LOW,
        .level = (entry->flags & INTI_TRIGGER_MASK) == INTI_LEVEL,
    };
}

static void add_nmi(struct acpi_info *info, uint32_t uid, uint8_t lint, uint16_t flags)
{
    if (lint > 1 || info->nmi_count == ACPI_NMIS_MAX) {
        return;
    }
    info->nmis[info->nmi_count++] = (struct acpi_nmi){
        .uid = uid,
        .lint = lint,
        .active_low = (flags & INTI_POLARITY_MASK) == INTI_ACTIVE_LOW,
        .level = (flags & INTI_TRIGGER_MASK) == INTI_LEVEL,
    };
}

static void add_io_apic(struct acpi_info *info, const struct madt_io_apic *entry)
{
    if (info->io_apic_count < ACPI_IO_APICS_MAX) {
        info->io_apics[info->io_apic_count++] = (struct acpi_io_apic){
            .id = entry->id, .address = entry->address, .gsi_base = entry->gsi_base};
    }
}

// Copies an entry to an aligned structure of its type. False: the entry is too short for it.
static bool take(const uint8_t *entry, void *to, size_t bytes)
{
    if (entry[1] < bytes) {
        return false;
    }
    memcpy(to, entry, bytes);
    return true;
}

static void read_processor(const uint8_t *entry, struct acpi_info *info)
{
    struct madt_local_apic xapic;
    struct madt_local_x2apic x2apic;
    if (entry[0] == MADT_LOCAL_APIC) {
        if (take(entry, &xapic, sizeof(xapic)) && xapic.apic_id != APIC_ID_BROADCAST) {
            add_processor(info, xapic.apic_id, xapic.uid, xapic.flags);
        }
    } else if (take(entry, &x2apic, sizeof(x2apic)) && x2apic.apic_id != X2APIC_ID_BROADCAST) {
        add_processor(info, x2apic.apic_id, x2apic.uid, x2apic.flags);
    }
}

static void read_nmi(const uint8_t *entry, struct acpi_info *info)
{
    struct madt_local_nmi xapic;
    struct madt_local_x2apic_nmi x2apic;
    if (entry[0] == MADT_LOCAL_NMI) {
        if (take(entry, &xapic, sizeof(xapic))) {
            add_nmi(info, xapic.uid == MADT_ALL_UIDS ? ACPI_ALL_PROCESSORS : xapic.uid, xapic.lint,
                    xapic.flags);
        }
    } else if (take(entry, &x2apic, sizeof(x2apic))) {
        add_nmi(info, x2apic.uid, x2apic.lint, x2apic.flags);
    }
}

static void read_entry(const uint8_t *entry, struct acpi_info *info)
{
    struct madt_io_apic io_apic;
    struct madt_override override;
    struct madt_local_apic_address address;
    switch (entry[0]) {
    case MADT_LOCAL_APIC:
    case MADT_LOCAL_X2APIC:
        read_processor(entry, info);
        break;
    case MADT_IO_APIC:
        if (take(entry, &io_apic, sizeof(io_apic))) {
            add_io_apic(info, &io_apic);
        }
        break;
    case MADT_OVERRIDE:
        if (take(entry, &override, sizeof(override))) {
            add_override(info, &override);
        }
        break;
    case MADT_LOCAL_NMI:
    case MADT_LOCAL_X2APIC_NMI:
        read_nmi(entry, info);
        break;
    case MADT_LOCAL_APIC_ADDRESS:
        if (take(entry, &address, sizeof(address))) {
            info->local_apic_address = address.address;
        }
        break;
    default: // power, sensors, ARM: not used here
        break;
    }
}

void acpi_read_madt(const struct acpi_table *table, struct acpi_info *info)
{
    struct acpi_madt madt;
    if (table->length < sizeof(madt) || info->has_madt) {
        return;
    }
    memcpy(&madt, table->bytes, sizeof(madt));
    info->has_madt = true;
    info->has_8259 = (madt.flags & MADT_8259) != 0;
    info->local_apic_address = madt.local_apic;
    uint32_t at = sizeof(madt);
    while (table->length - at >= 2) {
        const uint8_t *entry = table->bytes + at;
        if (entry[1] < 2 || entry[1] > table->length - at) {
            break; // the entries behind it cannot be found
        }
        read_entry(entry, info);
        at += entry[1];
    }
}
