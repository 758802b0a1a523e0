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

// Goes through the clocks of this machine that run, the best first. `*next` must be 0 at the first
// call. NULL: there are no more.
const struct reference_clock *reference_clock_next(const struct acpi_info *acpi, unsigned *next);
