// SPDX-License-Identifier: MIT
// An XSAVE area (SDM Vol. 1 13.4): its size, and the registers in it. Pure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct cpuid_registers;
struct vector;

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

// The offsets of the components in an area of the standard format; 0 for those that are not there.
#define XSAVE_LAYOUT_COMPONENTS 8 // up to AVX-512
struct xsave_layout {
    uint32_t offsets[XSAVE_LAYOUT_COMPONENTS];
};

void xsave_area_find(struct xsave_layout *layout, uint64_t mask,
                     struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf));

// Reads and writes register `number` (enum vector_number) in an area of the standard format, or in
// an FXSAVE image. `components` are those that the area has, by the bits of XCR0: parts of the
// register in others read as 0, and are not written. A written MMX register makes the x87 unit's
// state that of MMX instructions: TOP is 0, all tags are valid (SDM Vol. 1 9.5.1).
void xsave_area_get(const uint8_t *area, const struct xsave_layout *layout, uint64_t components,
                    unsigned number, struct vector *value);
void xsave_area_set(uint8_t *area, const struct xsave_layout *layout, uint64_t components,
                    unsigned number, const struct vector *value);
