// SPDX-License-Identifier: MIT
// The walk through the tables of the firmware: root table, checksums, one reader for each table.
#include "arch/x86/acpi_parse.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_aml.h"
#include "arch/x86/acpi_fadt.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_madt.h"
#include "arch/x86/acpi_rsdp.h"
#include "arch/x86/acpi_spcr.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static bool has_signature(const struct acpi_table *table, const char *signature)
{
    return memcmp(table->bytes, signature, 4) == 0;
}

static bool reject(struct acpi_info *info, const struct acpi_header *header)
{
    if (info->tables_rejected++ == 0 && header) {
        memcpy(info->first_rejected, header->signature, sizeof(header->signature));
    }
    return false;
}

// Maps the table at `address` and checks it. A broken table gives false and is counted in `info`.
static bool map_table(struct acpi_reader *reader, uint64_t address, struct acpi_table *table,
                      struct acpi_info *info)
{
    const struct acpi_header *header = reader->map(reader, address, sizeof(*header));
    if (!header) {
        return reject(info, NULL);
    }
    uint32_t length = header->length;
    if (length < sizeof(*header) || length > ACPI_TABLE_MAX) {
        return reject(info, header);
    }
    const uint8_t *bytes = reader->map(reader, address, length);
    if (!bytes || bytes_sum(bytes, length) != 0) {
        return reject(info, header);
    }
    *table = (struct acpi_table){.bytes = bytes, .length = length};
    return true;
}

static void read_hpet(const struct acpi_table *table, struct acpi_info *info)
{
    struct acpi_hpet hpet;
    if (table->length < sizeof(hpet) || info->hpet.present) {
        return;
    }
    memcpy(&hpet, table->bytes, sizeof(hpet));
    if (hpet.base.address == 0) {
        return;
    }
    info->hpet = (struct acpi_register){
        .present = true, .space = hpet.base.space, .bits = 64, .address = hpet.base.address};
}

static void read_dmar(const struct acpi_table *table, struct acpi_info *info)
{
    struct acpi_dmar dmar;
    if (table->length >= sizeof(dmar)) {
        memcpy(&dmar, table->bytes, sizeof(dmar));
        info->x2apic_unwanted = dmar.flags & DMAR_X2APIC_OPT_OUT;
    }
}

static void read_table(struct acpi_reader *reader, const struct acpi_table *table,
                       struct acpi_info *info)
{
    if (has_signature(table, "APIC")) {
        acpi_read_madt(table, info);
    } else if (has_signature(table, "HPET")) {
        read_hpet(table, info);
    } else if (has_signature(table, "DMAR")) {
        read_dmar(table, info);
    } else if (has_signature(table, "SPCR")) {
        acpi_read_spcr(table, info);
    } else if (has_signature(table, "SSDT")) {
        acpi_read_s5(table, info);
    } else if (has_signature(table, "FACP")) {
        uint64_t address = 0;
        struct acpi_table dsdt;
        acpi_read_fadt(table, info, &address);
        if (address != 0 && map_table(reader, address, &dsdt, info)) {
            acpi_read_s5(&dsdt, info);
        }
    }
}

// Reads the tables of a root table. Their addresses follow its header: `width` bytes each,
// unaligned.
static void read_root(struct acpi_reader *reader, const struct acpi_table *root, unsigned width,
                      struct acpi_info *info)
{
    for (uint64_t at = sizeof(struct acpi_header); at + width <= root->length; at += width) {
        uint64_t address = 0;
        struct acpi_table table;
        memcpy(&address, root->bytes + at, width);
        if (address != 0 && map_table(reader, address, &table, info)) {
            read_table(reader, &table, info);
        }
    }
}

static void set_defaults(struct acpi_info *info)
{
    memset(info, 0, sizeof(*info));
    info->has_8042 = true;
    info->has_8259 = true;
    for (unsigned irq = 0; irq < ACPI_ISA_IRQS; irq++) {
        info->isa[irq].gsi = irq;
    }
}

enum status acpi_parse(struct acpi_reader *reader, const void *rsdp_copy, size_t rsdp_bytes,
                       struct acpi_info *info, struct reason *why)
{
    struct acpi_rsdp rsdp;
    struct acpi_table root;
    set_defaults(info);
    bool found = rsdp_copy && acpi_check_rsdp(rsdp_copy, rsdp_bytes, &rsdp);
    if (!found && !acpi_find_rsdp(reader, &rsdp)) {
        return refuse(why, STATUS_NOT_FOUND, "ACPI: no RSDP with a good checksum");
    }
    if (rsdp.xsdt != 0 && map_table(reader, rsdp.xsdt, &root, info) &&
        has_signature(&root, "XSDT")) {
        read_root(reader, &root, sizeof(uint64_t), info);
        return STATUS_OK;
    }
    if (rsdp.rsdt != 0 && map_table(reader, rsdp.rsdt, &root, info) &&
        has_signature(&root, "RSDT")) {
        read_root(reader, &root, sizeof(uint32_t), info);
        return STATUS_OK;
    }
    return refuse(why, STATUS_INVALID, "ACPI: neither XSDT nor RSDT can be read");
}
