// SPDX-License-Identifier: MIT
// ACPI's RSDP, where all tables begin.
#pragma once

#include "vmm/util/types.h"

struct acpi_reader;
struct acpi_rsdp;

// The RSDP in the BIOS areas, copied to `rsdp`.
bool acpi_find_rsdp(struct acpi_reader *reader, struct acpi_rsdp *rsdp);
// Reads a copy of 20 bytes or more. Fields that a short copy does not have become 0.
bool acpi_check_rsdp(const void *bytes, size_t length, struct acpi_rsdp *rsdp);
