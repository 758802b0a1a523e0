// SPDX-License-Identifier: MIT
// Gives a VM's ACPI tables their places, and their headers.
#include "vmm/board/acpi_area.h"

#include "arch/x86/acpi_layout.h"
#include "vmm/board/acpi_tables.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define TABLE_ALIGNMENT 64 // of the FACS (ACPI 6.5, 5.2.10); enough for all others
#define OEM_REVISION 1

void *acpi_area_take(struct acpi_area *area, uint64_t bytes)
{
    uint64_t at = ALIGN_UP(area->used, TABLE_ALIGNMENT);
    if (at > ACPI_TABLES_BYTES || bytes > ACPI_TABLES_BYTES - at) {
        area->is_full = true;
        return NULL;
    }
    area->used = at + bytes;
    memset(area->base + at, 0, bytes);
    return area->base + at;
}

uint32_t acpi_area_address(const struct acpi_area *area, const void *table)
{
    return (uint32_t)(ACPI_TABLES_BASE + (uint64_t)((const uint8_t *)table - area->base));
}

void acpi_header_finish(struct acpi_header *header, const char *signature, uint64_t length,
                        uint8_t revision)
{
    memcpy(header->signature, signature, sizeof(header->signature));
    header->length = (uint32_t)length;
    header->revision = revision;
    memcpy(header->oem, "HUSK  ", sizeof(header->oem));
    memcpy(header->oem_table, "HUSKPC  ", sizeof(header->oem_table));
    header->oem_revision = OEM_REVISION;
    memcpy(&header->creator, "HUSK", sizeof(header->creator));
    header->creator_revision = OEM_REVISION;
    header->checksum = 0;
    header->checksum = (uint8_t)-bytes_sum(header, length);
}

void acpi_area_add(struct acpi_area *area, struct acpi_header *table, const char *signature,
                   uint64_t length, uint8_t revision)
{
    acpi_header_finish(table, signature, length, revision);
    area->tables[area->table_count++] = acpi_area_address(area, table);
}
