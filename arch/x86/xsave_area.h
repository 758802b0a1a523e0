// SPDX-License-Identifier: MIT
// How large an XSAVE area is, by what CPUID says of its components (SDM Vol. 1 13.4). Pure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct cpuid_registers;

// Bytes of an area in the standard format (SDM Vol. 1 13.4.2) with the components of `mask`, which
// are bits as in XCR0. `read` gives a CPU's answers.
uint64_t xsave_area_standard(uint64_t mask,
                             struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf));

// Whether XSAVEC can be relied upon. The CPU says itself how large the compacted area of all that
// is on in XCR0 is, and so do its components (SDM Vol. 1 13.4.3); where the two differ, XSAVEC does
// not save where XRSTOR looks. `xcr0` is what the register holds; IA32_XSS is 0.
// STATUS_UNSUPPORTED: it has none, or it cannot be; says which.
enum status xsave_area_check_compacted(uint64_t xcr0,
                                       struct cpuid_registers (*read)(uint32_t leaf,
                                                                      uint32_t subleaf),
                                       struct reason *why);
