// SPDX-License-Identifier: MIT
// What the parts of the ACPI parser share.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;
struct acpi_reader;
struct acpi_rsdp;

#define ACPI_TABLE_MAX (16 * MIB)

// A whole table whose length and checksum are right.
struct acpi_table {
    const uint8_t *bytes;
    uint32_t length;
};

// Maps the table at `address` and checks it. A broken table gives false and is counted in `info`.
bool acpi_table_map(struct acpi_reader *reader, uint64_t address, struct acpi_table *table,
                    struct acpi_info *info);

// Each reads one table into `info`.
void acpi_read_madt(const struct acpi_table *table, struct acpi_info *info);
void acpi_read_fadt(const struct acpi_table *table, struct acpi_info *info, uint64_t *dsdt);
void acpi_read_spcr(const struct acpi_table *table, struct acpi_info *info);
void acpi_read_hpet(const struct acpi_table *table, struct acpi_info *info);
// Looks for \_S5 in the AML of a DSDT or SSDT.
void acpi_read_s5(const struct acpi_table *table, struct acpi_info *info);

// The RSDP in the BIOS areas, copied to `rsdp`.
bool acpi_find_rsdp(struct acpi_reader *reader, struct acpi_rsdp *rsdp);
// Reads a copy of 20 bytes or more. Fields that a short copy does not have become 0.
bool acpi_check_rsdp(const void *bytes, size_t length, struct acpi_rsdp *rsdp);
