// SPDX-License-Identifier: MIT
// ACPI's MADT: processors, I/O APICs, routes, NMIs.
#pragma once

struct acpi_info;
struct acpi_table;

// Reads the table into `info`.
void acpi_read_madt(const struct acpi_table *table, struct acpi_info *info);
