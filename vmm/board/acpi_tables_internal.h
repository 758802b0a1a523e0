// SPDX-License-Identifier: MIT
// What the files that write a VM's ACPI tables share.
#pragma once

#include "vmm/util/types.h"

struct acpi_header;

#define ACPI_TABLES_MAX 8

// The area for the tables, while it is being filled.
struct acpi_area {
    uint8_t *base;
    uint64_t used;
    bool is_full; // a table did not fit
    unsigned table_count;
    uint32_t tables[ACPI_TABLES_MAX]; // the addresses that RSDT and XSDT list
};

// Takes the next `bytes` bytes and zeroes them. NULL if they do not fit.
void *acpi_area_take(struct acpi_area *area, uint64_t bytes);
// Completes the header of a table whose body is written, and adds it to the list in RSDT and XSDT.
void acpi_area_add(struct acpi_area *area, struct acpi_header *table, const char *signature,
                   uint64_t length, uint8_t revision);

// Adds the tables that depend on the number of vCPUs: the MADT, and the SSDT with an object for
// each.
void acpi_add_processors(struct acpi_area *area, unsigned vcpus);
