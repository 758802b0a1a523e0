// SPDX-License-Identifier: MIT
// The area for a VM's ACPI tables, while it is being filled.
#pragma once

#include "vmm/util/types.h"

struct acpi_header;

#define ACPI_TABLES_MAX 8

struct acpi_area {
    uint8_t *base;
    uint64_t used;
    bool is_full; // a table did not fit
    unsigned table_count;
    uint32_t tables[ACPI_TABLES_MAX]; // the addresses that RSDT and XSDT list
};

// Takes the next `bytes` bytes and zeroes them. NULL if they do not fit.
void *acpi_area_take(struct acpi_area *area, uint64_t bytes);
// The guest-physical address of a table in the area.
uint32_t acpi_area_address(const struct acpi_area *area, const void *table);
// Completes the header of a table whose body is written.
void acpi_header_finish(struct acpi_header *header, const char *signature, uint64_t length,
                        uint8_t revision);
// Completes the header likewise, and adds the table to the list in RSDT and XSDT.
void acpi_area_add(struct acpi_area *area, struct acpi_header *table, const char *signature,
                   uint64_t length, uint8_t revision);
