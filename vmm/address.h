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
