// SPDX-License-Identifier: MIT
// ACPI's SPCR: the firmware's serial console.
#pragma once

struct acpi_info;
struct acpi_table;

// Reads the table into `info`.
void acpi_read_spcr(const struct acpi_table *table, struct acpi_info *info);
