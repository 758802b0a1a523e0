// SPDX-License-Identifier: MIT
// What the files that write a VM's ACPI tables share.
#pragma once

#include "arch/x86/acpi_layout.h"
#include "vmm/board/acpi_tables.h"

#define ACPI_TABLES_MAX 8

// The area while it is filled.
struct acpi_area {
    uint8_t *base;
    uint64_t used;
    bool is_full; // a table had no room
    unsigned table_count;
    uint32_t tables[ACPI_TABLES_MAX]; // the addresses that RSDT and XSDT list
};

// The next so many bytes, zeroed; NULL: no room.
void *acpi_area_take(struct acpi_area *area, uint64_t bytes);
// Completes the header of a table that is written otherwise, and lists it.
void acpi_area_add(struct acpi_area *area, struct acpi_header *table, const char *signature,
                   uint64_t length, uint8_t revision);

// The tables that depend on the number of vCPUs: the MADT, and the SSDT that has their objects.
void acpi_add_processors(struct acpi_area *area, unsigned vcpus);
