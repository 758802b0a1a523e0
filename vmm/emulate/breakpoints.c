// SPDX-License-Identifier: MIT
// Holds an access against the debug registers.
#include "vmm/emulate/breakpoints.h"

#include "vmm/util/types.h"

// DR7 has two enabling bits for each breakpoint, and from bit 16 on its kind and its length.
#define ENABLES_BITS 2
#define KINDS_SHIFT 16
#define KIND_BITS 4
#define LENGTH_SHIFT 2
#define FIELD_MASK 3U

enum kind { KIND_EXECUTE, KIND_WRITE, KIND_PORT, KIND_ACCESS };

static bool is_of_kind(const struct breakpoints *breakpoints, enum kind kind,
                       enum breakpoint_access access)
{
    switch (access) {
    case BREAKPOINT_READ:
        return kind == KIND_ACCESS;
    case BREAKPOINT_WRITE:
        return kind == KIND_ACCESS || kind == KIND_WRITE;
    case BREAKPOINT_PORT:
        return kind == KIND_PORT && breakpoints->debugging_extensions;
    }
    return false;
}

// The low bits of the address do not count: a breakpoint is aligned to its length.
static bool is_there(uint64_t breakpoint, unsigned length, uint64_t address, unsigned width)
{
    uint64_t first = breakpoint & ~(uint64_t)(length - 1);
    return address - first < length || first - address < width;
}

uint64_t breakpoints_met(const struct breakpoints *breakpoints, enum breakpoint_access access,
                         uint64_t address, unsigned width)
{
    static const uint8_t lengths[] = {1, 2, 8, 4};
    uint64_t met = 0;
    for (unsigned i = 0; i < BREAKPOINTS; i++) {
        unsigned fields = (unsigned)(breakpoints->dr7 >> (KINDS_SHIFT + KIND_BITS * i));
        if ((breakpoints->dr7 >> (ENABLES_BITS * i) & FIELD_MASK) != 0 &&
            is_of_kind(breakpoints, fields & FIELD_MASK, access) &&
            is_there(breakpoints->address[i], lengths[fields >> LENGTH_SHIFT & FIELD_MASK], address,
                     width)) {
            met |= BIT(i);
        }
    }
    return met;
}
