// SPDX-License-Identifier: MIT
// Three kinds of addresses, as types that cannot be mixed up.
#pragma once

#include "vmm/util/types.h"

typedef struct {
    uint64_t value;
} gpa_t; // guest-physical

typedef struct {
    uint64_t value;
} hpa_t; // host-physical

typedef struct {
    uint64_t value;
} gva_t; // guest-virtual (linear)

static inline gpa_t gpa(uint64_t value)
{
    return (gpa_t){value};
}

static inline hpa_t hpa(uint64_t value)
{
    return (hpa_t){value};
}

static inline gva_t gva(uint64_t value)
{
    return (gva_t){value};
}

// Whether a linear address is canonical where addresses have `bits` bits: the bits above them are
// all as the highest of them (SDM Vol. 1 3.3.7.1).
static inline bool address_is_canonical(uint64_t address, unsigned bits)
{
    unsigned shift = 64 - bits;
    return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

#define LINEAR_BITS 48 // with 4 levels of page tables
#define LINEAR_BITS_LA57 57
