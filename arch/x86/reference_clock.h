// SPDX-License-Identifier: MIT
// Clocks whose rate the platform guarantees. Other clocks are measured against them.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;

struct reference_clock {
    const char *name;
    uint64_t hz;
    uint64_t mask; // the bits that count
    uint64_t (*read)(void);
};

// The best reference clock of this machine that runs. NULL: none.
const struct reference_clock *reference_clock_find(const struct acpi_info *acpi);
