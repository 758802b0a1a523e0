// SPDX-License-Identifier: MIT
// AML of ACPI: the values that switch the machine off.
#pragma once

struct acpi_info;
struct acpi_table;

// Looks for \_S5 in the AML of a DSDT or SSDT.
void acpi_read_s5(const struct acpi_table *table, struct acpi_info *info);
