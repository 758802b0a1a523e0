// SPDX-License-Identifier: MIT
// ACPI's FADT: the fixed registers, and the address of the DSDT.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;
struct acpi_table;

// Reads the table into `info`. `*dsdt` becomes the DSDT's address; 0: there is none.
void acpi_read_fadt(const struct acpi_table *table, struct acpi_info *info, uint64_t *dsdt);
