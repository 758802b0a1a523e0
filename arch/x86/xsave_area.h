// SPDX-License-Identifier: MIT
// The size of an XSAVE area, from CPUID's data about its components (SDM Vol. 1 13.4). Pure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct cpuid_registers;

// The bytes of an area in the standard format (SDM Vol. 1 13.4.2) with the components of `mask`,
// whose bits are those of XCR0. `read` gives a CPU's answers.
uint64_t xsave_area_standard(uint64_t mask,
                             struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf));

// Whether XSAVEC can be relied upon. CPUID gives the size of the compacted area for all components
// that XCR0 enables, and the size of each component (SDM Vol. 1 13.4.3). If the two do not agree,
// XRSTOR does not look where XSAVEC saves. `xcr0` is the register's value; IA32_XSS is 0.
// STATUS_UNSUPPORTED: there is no XSAVEC, or it is not reliable; `why` says which.
enum status xsave_area_check_compacted(uint64_t xcr0,
                                       struct cpuid_registers (*read)(uint32_t leaf,
                                                                      uint32_t subleaf),
                                       struct reason *why);
