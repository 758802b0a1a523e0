// SPDX-License-Identifier: MIT
// The guest's breakpoints on data and ports, for accesses that software carries out (SDM Vol. 3B
// 18.2.4, 18.3.1).
#pragma once

#include "vmm/util/types.h"

#define BREAKPOINTS 4

// The debug registers. A processor looks at them itself, but not for an instruction that exits
// before its access.
struct breakpoints {
    uint64_t address[BREAKPOINTS]; // DR0 to DR3
    uint64_t dr7;
    bool debugging_extensions; // CR4.DE: there are breakpoints on ports
};

enum breakpoint_access { BREAKPOINT_READ, BREAKPOINT_WRITE, BREAKPOINT_PORT };

// The bits of DR6 for the breakpoints that are switched on and that the access meets. `address` is
// linear, or a port.
uint64_t breakpoints_met(const struct breakpoints *breakpoints, enum breakpoint_access access,
                         uint64_t address, unsigned width);
