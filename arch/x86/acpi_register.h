// SPDX-License-Identifier: MIT
// Access to the hardware registers that ACPI tables name.
#pragma once

#include "arch/x86/acpi.h"
#include "vmm/util/types.h"

// A register. If it lies in memory, it is mapped.
struct acpi_access {
    struct acpi_register where; // if it is not present, reads give 0 and writes do nothing
    volatile void *memory;
};

struct acpi_access acpi_register_map(const struct acpi_register *where);
uint32_t acpi_register_read(const struct acpi_access *access);
void acpi_register_write(const struct acpi_access *access, uint32_t value);
