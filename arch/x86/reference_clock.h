// SPDX-License-Identifier: MIT
// Clocks of a rate that the platform guarantees, to measure others against.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;

struct reference_clock {
    const char *name;
    uint64_t hz;
    uint64_t mask; // of the bits that it counts with
    uint64_t (*read)(void);
};

// The best one that this machine has and that runs; NULL: none.
const struct reference_clock *reference_clock_find(const struct acpi_info *acpi);
